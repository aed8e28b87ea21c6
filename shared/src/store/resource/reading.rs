//! Looking at resources: who wants one read, which are due, what a look found.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use sqlx::{PgConnection, PgExecutor};

use crate::{
    domain::{
        ids::{ApplicationId, ResourceId},
        resource::ResourceState,
    },
    store::{Result, notify},
};

/// What became of a wish to have a resource read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadRequest {
    /// A run will look at it.
    Requested,
    /// It is not there to be looked at: only active and degraded resources are.
    NotThere(ResourceState),
    /// There is no such resource.
    Unknown,
}

/// Asks for a look at a resource.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn request_read(conn: &mut PgConnection, id: ResourceId, actor: &str) -> Result<ReadRequest> {
    let state = sqlx::query_scalar!(
        r#"UPDATE resource SET read_requested_at = CASE WHEN state IN ('active', 'degraded') THEN now() ELSE read_requested_at END,
                  read_requested_by = CASE WHEN state IN ('active', 'degraded') THEN $2 ELSE read_requested_by END
           WHERE id = $1 RETURNING state AS "state: ResourceState""#,
        id.0,
        actor,
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(state) = state else { return Ok(ReadRequest::Unknown) };
    if !matches!(state, ResourceState::Active | ResourceState::Degraded) {
        return Ok(ReadRequest::NotThere(state));
    }
    notify(conn).await?;
    Ok(ReadRequest::Requested)
}

/// Asks for a look at up to `limit` resources of these types that `provider` made and nobody looked at since `slot`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn request_due_reads(
    executor: impl PgExecutor<'_>,
    provider: &str,
    kinds: &[String],
    slot: DateTime<Utc>,
    limit: i64,
) -> Result<u64> {
    let asked = sqlx::query!(
        "UPDATE resource SET read_requested_at = now(), read_requested_by = 'schedule'
         FROM (SELECT id FROM resource
               WHERE provider = $1 AND type = ANY ($2) AND state IN ('active', 'degraded') AND desired = 'present'
                 AND current_run_id IS NULL AND read_requested_at IS NULL AND greatest(read_at, created_at) < $3
               ORDER BY id LIMIT $4 FOR NO KEY UPDATE SKIP LOCKED) due
         WHERE resource.id = due.id",
        provider,
        kinds,
        slot,
        limit,
    );
    Ok(asked.execute(executor).await?.rows_affected())
}

/// A resource that is to be read, locked.
#[derive(Clone, Debug)]
pub struct Unread {
    /// Its id.
    pub id: ResourceId,
    /// Its application.
    pub application_id: ApplicationId,
    /// That application's name.
    pub application: String,
    /// That application's team.
    pub team: String,
    /// `metadata` of that application's spec.
    pub metadata: Value,
    /// Its name in that application.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// What it was made of.
    pub params: Value,
    /// Tags that a choice of workflows goes by.
    pub tags: Vec<String>,
    /// The workflow that is to serve it.
    pub workflow: Option<String>,
    /// The provider that made it, and its version.
    pub made_by: Option<(String, String)>,
    /// Who asked.
    pub requested_by: String,
}

/// Locks up to `limit` resources that are to be read and have no run. What is to be changed is changed first.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn lock_unread(conn: &mut PgConnection, limit: i64) -> Result<Vec<Unread>> {
    let rows = sqlx::query!(
        r#"SELECT r.id AS "id: ResourceId", r.application_id AS "application_id: ApplicationId", a.name AS application, a.team,
                  coalesce(g.spec -> 'metadata', '{}') AS "metadata!", r.name, r.type AS kind,
                  coalesce(r.applied_params, r.resolved_params, r.params) AS "params!", r.tags, r.workflow_override,
                  r.provider, r.provider_version, coalesce(r.read_requested_by, 'system') AS "requested_by!"
           FROM resource r
           JOIN application a ON a.id = r.application_id
           LEFT JOIN generation g ON g.application_id = a.id AND g.number = a.generation
           WHERE r.read_requested_at IS NOT NULL AND r.current_run_id IS NULL AND r.state IN ('active', 'degraded')
             AND r.desired = 'present' AND r.reconcile_requested_at IS NULL
           ORDER BY r.id LIMIT $1
           FOR NO KEY UPDATE OF r SKIP LOCKED"#,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Unread {
            id: row.id,
            application_id: row.application_id,
            application: row.application,
            team: row.team,
            metadata: row.metadata,
            name: row.name,
            kind: row.kind,
            params: row.params,
            tags: row.tags,
            workflow: row.workflow_override,
            made_by: row.provider.zip(row.provider_version),
            requested_by: row.requested_by,
        })
        .collect())
}

/// Takes back the wish to have (locked) resources read: their runs are made, or cannot be.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn reads_begun(executor: impl PgExecutor<'_>, ids: &[ResourceId]) -> Result<()> {
    sqlx::query!(
        "UPDATE resource SET read_requested_at = NULL, read_requested_by = NULL, read_at = now() WHERE id = ANY ($1)",
        &ids.iter().map(|id| id.0).collect::<Vec<_>>()
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// Has a resource made as it is wanted once more: an update run, though nothing that is asked for has changed.
/// False: it is not active or degraded, or should be gone.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn request_reconcile(conn: &mut PgConnection, id: ResourceId) -> Result<bool> {
    let asked = sqlx::query!(
        "UPDATE resource SET reconcile_requested_at = now(), applied_uncertain_since = coalesce(applied_uncertain_since, now())
         WHERE id = $1 AND state IN ('active', 'degraded') AND desired = 'present'",
        id.0
    )
    .execute(&mut *conn)
    .await?;
    notify(conn).await?;
    Ok(asked.rows_affected() == 1)
}

/// What differs, if anything does: an output `drift` that says something, or one `changed` that is true.
#[must_use]
pub fn drift_in(outputs: &Map<String, Value>) -> Option<Value> {
    let said = outputs.get("drift").filter(|it| match it {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    });
    let changed = || outputs.get("changed").filter(|it| **it == Value::Bool(true) || **it == json!("true"));
    said.or_else(changed).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(outputs: &Value) -> bool {
        drift_in(outputs.as_object().unwrap()).is_some()
    }

    #[test]
    fn only_a_difference_that_says_something_is_drift() {
        for same in
            [json!({}), json!({"drift": ""}), json!({"drift": []}), json!({"drift": false}), json!({"changed": false})]
        {
            assert!(!found(&same), "{same}");
        }
        for other in [
            json!({"drift": "x"}),
            json!({"drift": [{"limit": 3}]}),
            json!({"changed": true}),
            json!({"changed": "true"}),
        ] {
            assert!(found(&other), "{other}");
        }
    }
}
