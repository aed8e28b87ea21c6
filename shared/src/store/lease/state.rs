//! State that a step type keeps for a resource from run to run.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::{PgExecutor, types::Json};

use super::Lease;
use crate::{
    domain::{
        event as events,
        ids::{ResourceId, RunId},
        states::Applied,
    },
    store::Result,
};

/// A version of the state that a step type keeps for a resource.
#[derive(Clone, Debug)]
pub struct StateVersion {
    /// Counts up from 1.
    pub version: i64,
    /// Terraform's own count.
    pub serial: i64,
    /// The file.
    pub content: Vec<u8>,
}

/// The newest state of a resource, and since when it may not be the newest there is.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn latest_state(
    executor: impl PgExecutor<'_>,
    resource: ResourceId,
) -> Result<(Option<StateVersion>, Option<DateTime<Utc>>)> {
    let row = sqlx::query!(
        r#"SELECT r.state_uncertain_since, v.version AS "version?", v.serial AS "serial?", v.content AS "content?"
           FROM resource r
           LEFT JOIN LATERAL (SELECT version, serial, content FROM state_version s WHERE s.resource_id = r.id ORDER BY version DESC LIMIT 1) v ON true
           WHERE r.id = $1"#,
        resource.0
    )
    .fetch_one(executor)
    .await?;
    // A state that was removed is a version without content.
    let content = row.content.filter(|content| !content.is_empty());
    let version = row.version.zip(row.serial).zip(content);
    Ok((
        version.map(|((version, serial), content)| StateVersion { version, serial, content }),
        row.state_uncertain_since,
    ))
}

/// Stores a new version of a resource's state, unless the newest stored one is the same or has a higher serial.
/// Refused as stale without the lease, or while a person holds the state's lock.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn store_state(
    executor: impl PgExecutor<'_>,
    lease: Lease,
    resource: ResourceId,
    serial: i64,
    lineage: &str,
    md5: &str,
    content: &[u8],
) -> Result<Applied> {
    let row = sqlx::query_scalar!(
        "WITH lease AS (SELECT run.id, run.application_id FROM run JOIN run root ON root.id = run.root_run_id
                        WHERE run.id = $1 AND run.fence = $2 AND run.status = 'running' AND $3 IN (run.resource_id, root.resource_id)
                          AND NOT EXISTS (SELECT FROM state_lock l WHERE l.resource_id = $3 AND l.run_id IS DISTINCT FROM run.root_run_id)
                        FOR NO KEY UPDATE OF run),
         newest AS (SELECT version, serial, md5, octet_length(content) = 0 AS removed FROM state_version WHERE resource_id = $3 ORDER BY version DESC LIMIT 1),
         stored AS (INSERT INTO state_version (resource_id, version, serial, lineage, content, md5, run_id, fence, written_by)
                    SELECT $3, coalesce((SELECT version FROM newest), 0) + 1, $4, $5, $7, $6, $1, $2, 'run'
                    FROM lease WHERE NOT EXISTS (SELECT FROM newest WHERE newest.md5 = $6 OR newest.serial > $4 AND NOT newest.removed)
                    RETURNING version),
         told AS (INSERT INTO event (type, application_id, resource_id, run_id, data)
                  SELECT $8, lease.application_id, $3, $1, jsonb_build_object('version', version, 'serial', $4::int8) FROM lease, stored)
         SELECT 1 FROM lease",
        lease.run_id.0,
        lease.fence.0,
        resource.0,
        serial,
        lineage,
        md5,
        content,
        events::STATE_STORED,
    )
    .fetch_optional(executor)
    .await?;
    Ok(Applied::from_row(row.map(|_| ())))
}

/// Takes the state's lock for the run that holds the lease, in the name of its root: what a run starts works on the same
/// resource. Taking it again is fine; stale when the lease is gone or someone else holds the lock.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn lock_state(executor: impl PgExecutor<'_>, lease: Lease, resource: ResourceId) -> Result<Applied> {
    let row = sqlx::query_scalar!(
        "WITH lease AS (SELECT run.id, run.root_run_id FROM run JOIN run root ON root.id = run.root_run_id
                        WHERE run.id = $1 AND run.fence = $2 AND run.status = 'running' AND $3 IN (run.resource_id, root.resource_id)
                        FOR NO KEY UPDATE OF run)
         INSERT INTO state_lock (resource_id, lock_id, info, run_id, fence)
         SELECT $3, root_run_id::text, $4, root_run_id, $2 FROM lease
         ON CONFLICT (resource_id) DO UPDATE SET run_id = excluded.run_id, fence = excluded.fence, lock_id = excluded.lock_id,
                info = excluded.info, created_at = now()
             WHERE state_lock.run_id = excluded.run_id
                OR EXISTS (SELECT FROM run old WHERE old.id = state_lock.run_id AND old.finished_at IS NOT NULL)
         RETURNING 1",
        lease.run_id.0,
        lease.fence.0,
        resource.0,
        Json(json!({"ID": lease.run_id, "Operation": "run", "Who": "slipway", "Info": format!("run {}", lease.run_id)})) as _,
    )
    .fetch_optional(executor)
    .await?;
    Ok(Applied::from_row(row.map(|_| ())))
}

/// Releases the state's lock if the run holds it; needs no lease, since a run's lock means nothing once the run has moved on.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn unlock_state(executor: impl PgExecutor<'_>, run: RunId, resource: ResourceId) -> Result<()> {
    sqlx::query!("DELETE FROM state_lock WHERE resource_id = $1 AND run_id = $2", resource.0, run.0)
        .execute(executor)
        .await?;
    Ok(())
}

/// Marks a resource's state as possibly older than what exists: no further run touches it until a person decides.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn mark_state_uncertain(
    executor: impl PgExecutor<'_>,
    lease: Lease,
    resource: ResourceId,
) -> Result<Applied> {
    let row = sqlx::query_scalar!(
        "WITH lease AS (SELECT id FROM run WHERE id = $1 AND fence = $2 AND status = 'running' FOR NO KEY UPDATE)
         UPDATE resource SET state_uncertain_since = coalesce(state_uncertain_since, now()) FROM lease WHERE resource.id = $3 RETURNING 1",
        lease.run_id.0,
        lease.fence.0,
        resource.0
    )
    .fetch_optional(executor)
    .await?;
    Ok(Applied::from_row(row.map(|_| ())))
}
