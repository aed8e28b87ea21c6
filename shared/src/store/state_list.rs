//! States that step types keep, as people look after them.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};

use super::{
    Result,
    state::{self, Change, NewState},
};
use crate::domain::ids::{ResourceId, RunId};

/// One resource's state.
#[derive(Clone, Debug)]
pub struct KeptState {
    /// The resource.
    pub resource_id: ResourceId,
    /// Its application.
    pub application: String,
    /// Its name there.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// The latest version.
    pub version: i64,
    /// The tool's own count.
    pub serial: i64,
    /// Bytes; none left when it was removed.
    pub bytes: i32,
    /// Who wrote it.
    pub written_by: String,
    /// When.
    pub written_at: DateTime<Utc>,
    /// Who holds its lock.
    pub lock: Option<Value>,
    /// The run that holds its lock.
    pub locked_by_run: Option<RunId>,
    /// Since when a newer one may be lost.
    pub uncertain_since: Option<DateTime<Utc>>,
}

/// States, by application and name, at most `limit` after `after` (the last row's resource).
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    application: Option<&str>,
    before: Option<uuid::Uuid>,
    limit: i64,
) -> Result<Vec<KeptState>> {
    Ok(sqlx::query_as!(
        KeptState,
        r#"SELECT r.id AS "resource_id: ResourceId", a.name AS application, r.name, r.type AS kind, v.version, v.serial,
                  octet_length(v.content) AS "bytes!", v.written_by, v.created_at AS written_at, l.info AS "lock?",
                  l.run_id AS "locked_by_run?: RunId", r.state_uncertain_since AS uncertain_since
           FROM resource r
           JOIN application a ON a.id = r.application_id
           CROSS JOIN LATERAL (SELECT * FROM state_version v WHERE v.resource_id = r.id ORDER BY v.version DESC LIMIT 1) v
           LEFT JOIN state_lock l ON l.resource_id = r.id
           WHERE ($1::text IS NULL OR a.name = $1) AND ($2::uuid IS NULL OR r.id < $2)
           ORDER BY r.id DESC LIMIT $3"#,
        application,
        before,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// One version of a state, without its content.
#[derive(Clone, Debug)]
pub struct Version {
    /// Rises by one with each write.
    pub version: i64,
    /// The tool's own count.
    pub serial: i64,
    /// The tool's own id of this line of states.
    pub lineage: String,
    /// Bytes; none: the state was removed.
    pub bytes: i32,
    /// MD5 of the content, in hex.
    pub md5: String,
    /// The run that wrote it.
    pub run_id: Option<RunId>,
    /// Who wrote it.
    pub written_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// The latest versions of a state, newest first, at most `limit`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn versions(executor: impl PgExecutor<'_>, id: ResourceId, limit: i64) -> Result<Vec<Version>> {
    Ok(sqlx::query_as!(
        Version,
        r#"SELECT version, serial, lineage, octet_length(content) AS "bytes!", md5, run_id AS "run_id: RunId", written_by, created_at
           FROM state_version WHERE resource_id = $1 ORDER BY version DESC LIMIT $2"#,
        id.0,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// What became of a rollback.
#[derive(Clone, Debug, PartialEq)]
pub enum Rollback {
    /// The old content is the newest version now.
    Done,
    /// There is no such version.
    NoVersion,
    /// Someone holds the lock, or there is no such resource.
    Refused(Change),
}

/// Makes the content of an earlier version the newest one. The tool's own count goes on rising, or it would refuse what is older
/// than what it has seen.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn rollback(conn: &mut PgConnection, id: ResourceId, version: i64, actor: &str) -> Result<Rollback> {
    let old = sqlx::query!(
        "SELECT lineage, content, (SELECT max(serial) FROM state_version WHERE resource_id = $1) AS \"newest!\"
         FROM state_version WHERE resource_id = $1 AND version = $2",
        id.0,
        version
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(old) = old else { return Ok(Rollback::NoVersion) };
    let serial = old.newest + 1;
    let content = match serde_json::from_slice::<Value>(&old.content) {
        Ok(Value::Object(mut fields)) if fields.contains_key("serial") => {
            fields.insert("serial".into(), serial.into());
            serde_json::to_vec_pretty(&fields).unwrap_or(old.content)
        }
        _ => old.content,
    };
    let new = NewState { content: &content, serial, lineage: &old.lineage, lock_id: None, written_by: actor };
    Ok(match state::write(conn, id, &new).await? {
        Change::Done => Rollback::Done,
        refused @ (Change::Held(_) | Change::Unknown) => Rollback::Refused(refused),
    })
}
