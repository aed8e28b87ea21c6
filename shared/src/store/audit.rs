//! Who did what: an append-only record, chained by hashes once it is committed.

pub mod chain;
pub mod stream;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Result;
pub use crate::domain::audit::{Actor, Entry, Origin, Outcome};

/// Records what was done. Call it in the transaction of the change: both are there, or neither is. The team of a run, a resource
/// or an application is found when the entry names none.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn record(conn: &mut PgConnection, entry: &Entry) -> Result<()> {
    append(conn, entry).await
}

/// Records what is no change of Postgres' own: a refusal, a secret that was read.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn append(executor: impl PgExecutor<'_>, entry: &Entry) -> Result<()> {
    let entry = entry.clone().fit();
    let (kind, name) = entry.object.split_once('/').unwrap_or((&entry.object, ""));
    sqlx::query!(
        "INSERT INTO audit_entry (actor_kind, actor_id, actor_name, credential, action, object, team, outcome, before, after,
                                  request_id, address, agent, once)
         VALUES ($1, $2, $3, $4, $5, $6,
                 coalesce($7, CASE $15
                     WHEN 'run' THEN (SELECT team FROM run WHERE id = $16)
                     WHEN 'resource' THEN (SELECT a.team FROM resource r JOIN application a ON a.id = r.application_id WHERE r.id = $16)
                     WHEN 'webhook' THEN (SELECT team FROM webhook_endpoint WHERE id = $16)
                     WHEN 'application' THEN (SELECT a.team FROM application a WHERE a.name = $17 ORDER BY a.id DESC LIMIT 1) END),
                 $8, $9, $10, $11, $12, $13, $14)
         ON CONFLICT (once) WHERE once IS NOT NULL DO NOTHING",
        entry.actor.kind,
        entry.actor.id,
        entry.actor.name,
        entry.actor.credential,
        entry.action,
        entry.object,
        entry.team,
        entry.outcome.as_str(),
        entry.before,
        entry.after,
        entry.origin.request_id,
        entry.origin.address,
        entry.origin.agent,
        entry.once,
        kind,
        name.parse::<Uuid>().ok(),
        name,
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// An entry as it was recorded. Its serialised form, without `hash`, is what the chain's hashes are made of.
#[derive(Clone, Debug, Serialize)]
pub struct Recorded {
    /// Its number in the chain, from 1, without gaps; none: it is not chained yet.
    pub seq: Option<i64>,
    /// The hash of the entry before it, in hex.
    pub previous: Option<String>,
    /// Its own, in hex.
    pub hash: Option<String>,
    /// Its id; not the order of commits.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// What kind of actor.
    pub actor_kind: String,
    /// Their id.
    pub actor_id: Option<Uuid>,
    /// Their name.
    pub actor: String,
    /// What they had shown.
    pub credential: String,
    /// What they did.
    pub action: String,
    /// To what.
    pub object: String,
    /// The team whose it is.
    pub team: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// How it was.
    pub before: Option<Value>,
    /// How it was then.
    pub after: Option<Value>,
    /// The request's id.
    pub request_id: String,
    /// From where.
    pub address: String,
    /// With what program.
    pub agent: String,
}

/// Which entries to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// By this actor: a name or an id.
    pub actor: Option<String>,
    /// Of this action, or of all that begin so when it ends in `.*`.
    pub action: Option<String>,
    /// About this object, or about all of a kind when it ends in `/*`.
    pub object: Option<String>,
    /// About objects of this team.
    pub team: Option<String>,
    /// With this outcome.
    pub outcome: Option<Outcome>,
    /// Not before.
    pub since: Option<DateTime<Utc>>,
    /// Before.
    pub until: Option<DateTime<Utc>>,
}

impl Filter {
    /// What `audit_ids` reads.
    fn wanted(&self) -> Value {
        let (action, actions) = prefix(&self.action, ".*");
        let (object, objects) = prefix(&self.object, "/*");
        let at = |at: Option<DateTime<Utc>>| at.map(|at| at.to_rfc3339());
        let members = [
            ("actor", self.actor.clone()),
            ("action", action),
            ("actions", actions),
            ("object", object),
            ("objects", objects),
            ("team", self.team.clone()),
            ("outcome", self.outcome.map(|outcome| outcome.as_str().to_owned())),
            ("since", at(self.since)),
            ("until", at(self.until)),
        ];
        Value::Object(members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))).collect())
    }
}

/// In place of `*`, which is not special to SQL.
fn prefix(pattern: &Option<String>, end: &str) -> (Option<String>, Option<String>) {
    match pattern {
        Some(text) if text.ends_with(end) => (None, Some(text.trim_end_matches('*').to_owned())),
        other => (other.clone(), None),
    }
}

/// Up to `limit` entries that the filter lets through, newest first, before the one with the id `before`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    filter: &Filter,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Recorded>> {
    Ok(sqlx::query_as!(
        Recorded,
        r#"SELECT c.seq AS "seq?", encode(c.previous, 'hex') AS previous, encode(c.hash, 'hex') AS hash, e.id, e.at, e.actor_kind,
                  e.actor_id, e.actor_name AS actor, e.credential, e.action, e.object, e.team, e.outcome AS "outcome: Outcome",
                  e.before, e.after, e.request_id, e.address, e.agent
           FROM audit_entry e LEFT JOIN audit_chain c ON c.entry_id = e.id
           WHERE e.id = ANY (ARRAY(SELECT * FROM audit_ids($1, $2, $3))) ORDER BY e.id DESC"#,
        filter.wanted(),
        before,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// Up to `limit` chained entries after the one with the number `seq`, in the order of the chain.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn after(executor: impl PgExecutor<'_>, seq: i64, limit: i64) -> Result<Vec<Recorded>> {
    Ok(sqlx::query_as!(
        Recorded,
        r#"SELECT c.seq AS "seq?", encode(c.previous, 'hex') AS previous, encode(c.hash, 'hex') AS hash, e.id, e.at, e.actor_kind,
                  e.actor_id, e.actor_name AS actor, e.credential, e.action, e.object, e.team, e.outcome AS "outcome: Outcome",
                  e.before, e.after, e.request_id, e.address, e.agent
           FROM audit_chain c JOIN audit_entry e ON e.id = c.entry_id
           WHERE c.seq > $1 ORDER BY c.seq LIMIT $2"#,
        seq,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// Up to `limit` entries that are not chained yet, after the one with the id `after`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn unchained(executor: impl PgExecutor<'_>, after: i64, limit: i64) -> Result<Vec<Recorded>> {
    Ok(sqlx::query_as!(
        Recorded,
        r#"SELECT NULL::bigint AS seq, NULL::text AS previous, NULL::text AS hash, e.id, e.at, e.actor_kind,
                  e.actor_id, e.actor_name AS actor, e.credential, e.action, e.object, e.team, e.outcome AS "outcome: Outcome",
                  e.before, e.after, e.request_id, e.address, e.agent
           FROM audit_entry e WHERE e.id > $1 AND NOT EXISTS (SELECT FROM audit_chain c WHERE c.entry_id = e.id)
           ORDER BY e.id LIMIT $2"#,
        after,
        limit,
    )
    .fetch_all(executor)
    .await?)
}
