//! Taking back what a batch did.

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Batch, turn::own};
use crate::{
    domain::ids::{ResourceId, RunId},
    store::Result,
};

/// A resource that is to be as it was before the batch; locked, as is its item.
#[derive(Clone, Debug)]
pub struct Undoable {
    /// The resource.
    pub id: ResourceId,
    /// The version of its provider that it had.
    pub version: Option<String>,
    /// What batches had set of its params.
    pub before: Value,
    /// What they have set now.
    pub overrides: Value,
    /// The version of its provider that the batch's run brought it to.
    pub done_version: String,
    /// Whether it should be gone.
    pub absent: bool,
    /// Whether the batch was what made it.
    pub created: bool,
    /// Its params as written.
    pub params: Value,
    /// Its provider.
    pub provider: Option<String>,
    /// The version it has now.
    pub provider_version: Option<String>,
}

/// Locks up to `limit` items, and their resources, that are to be taken back and can be now: the last one first.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn undoable(conn: &mut PgConnection, batch: &Batch, limit: i64) -> Result<Vec<Undoable>> {
    let ids = sqlx::query_scalar!(
        r#"SELECT i.resource_id FROM batch_item i JOIN resource r ON r.id = i.resource_id
           WHERE i.batch_id = $1 AND i.undo = 'open' AND r.current_run_id IS NULL
           ORDER BY i.position DESC LIMIT $2 FOR NO KEY UPDATE OF i, r SKIP LOCKED"#,
        batch.id,
        limit,
    )
    .fetch_all(&mut *conn)
    .await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_as!(
        Undoable,
        r#"SELECT r.id AS "id: ResourceId", i.before ->> 'version' AS version, coalesce(i.before -> 'overrides', '{}') AS "before!",
                  r.overrides, run.provider_version AS done_version,
                  r.desired = 'absent' OR r.state IN ('terminating', 'terminated') AS "absent!", run.operation = 'create' AS "created!",
                  r.params, r.provider, r.provider_version
           FROM batch_item i JOIN resource r ON r.id = i.resource_id JOIN run ON run.id = i.run_id
           WHERE i.batch_id = $1 AND i.resource_id = ANY ($2) ORDER BY i.position DESC"#,
        batch.id,
        &ids,
    )
    .fetch_all(conn)
    .await?)
}

/// Notes of (locked) resources that runs take back what the batch did: resource, run, and what batches have set of its params.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn start_undo(conn: &mut PgConnection, batch: Uuid, begun: &[(ResourceId, RunId, Value)]) -> Result<()> {
    if begun.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = begun.iter().map(|(id, ..)| id.0).collect();
    let runs: Vec<Uuid> = begun.iter().map(|(_, run, _)| run.0).collect();
    let overrides: Vec<Value> = begun.iter().map(|(.., overrides)| overrides.clone()).collect();
    sqlx::query!(
        "UPDATE batch_item i SET undo = 'running', undo_run_id = new.run FROM UNNEST($2::uuid[], $3::uuid[]) AS new (id, run)
         WHERE i.batch_id = $1 AND i.resource_id = new.id AND i.undo = 'open'",
        batch,
        &ids,
        &runs,
    )
    .execute(&mut *conn)
    .await?;
    own(conn, batch, &runs, &ids, &overrides).await
}

/// Closes ways back that no run is made for: each failed, or was left out, with the reason.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn close_undo(conn: &mut PgConnection, batch: Uuid, closed: &[(ResourceId, bool, String)]) -> Result<()> {
    if closed.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE batch_item i SET undo = CASE WHEN new.failed THEN 'failed' ELSE 'skipped' END, undo_detail = new.why
         FROM UNNEST($2::uuid[], $3::bool[], $4::text[]) AS new (id, failed, why)
         WHERE i.batch_id = $1 AND i.resource_id = new.id AND i.undo = 'open'",
        batch,
        &closed.iter().map(|(id, ..)| id.0).collect::<Vec<_>>(),
        &closed.iter().map(|(_, failed, _)| *failed).collect::<Vec<_>>(),
        &closed.iter().map(|(.., why)| why.clone()).collect::<Vec<_>>(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether nothing of a batch is left to be taken back.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn is_undone(conn: &mut PgConnection, batch: Uuid) -> Result<bool> {
    Ok(sqlx::query_scalar!(
        r#"SELECT NOT EXISTS (SELECT FROM batch_item WHERE batch_id = $1 AND (undo IN ('open', 'running') OR status = 'running')) AS "undone!""#,
        batch
    )
    .fetch_one(conn)
    .await?)
}
