//! State that a step type keeps for a resource from run to run.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Lease;
use crate::{
    domain::{ids::ResourceId, states::Applied},
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

/// The newest state of the run's resource, and since when it may not be the newest there is. Stale when the lease is gone, and
/// for any other resource.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn latest_state(
    executor: impl PgExecutor<'_>,
    lease: Lease,
    resource: ResourceId,
) -> Result<Applied<(Option<StateVersion>, Option<DateTime<Utc>>)>> {
    let row = sqlx::query!(
        "SELECT uncertain_since, version, serial, content FROM lease_state($1, $2, $3, $4)",
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
        resource.0
    )
    .fetch_optional(executor)
    .await?;
    Ok(Applied::from_row(row.map(|row| {
        // A state that was removed is a version without content.
        let content = row.content.filter(|content| !content.is_empty());
        let version = row.version.zip(row.serial).zip(content);
        let newest = version.map(|((version, serial), content)| StateVersion { version, serial, content });
        (newest, row.uncertain_since)
    })))
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
    let done = sqlx::query_scalar!(
        r#"SELECT lease_store_state($1, $2, $3, $4, $5, $6, $7, $8) AS "done!""#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
        resource.0,
        serial,
        lineage,
        md5,
        content,
    )
    .fetch_one(executor)
    .await?;
    Ok(Applied::from_row(done.then_some(())))
}

/// Takes the state's lock for the run that holds the lease, in the name of its root: what a run starts works on the same
/// resource. Taking it again is fine; stale when the lease is gone or someone else holds the lock. It ends with the run.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn lock_state(executor: impl PgExecutor<'_>, lease: Lease, resource: ResourceId) -> Result<Applied> {
    let done = sqlx::query_scalar!(
        r#"SELECT lease_lock_state($1, $2, $3, $4) AS "done!""#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
        resource.0,
    )
    .fetch_one(executor)
    .await?;
    Ok(Applied::from_row(done.then_some(())))
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
    let done = sqlx::query_scalar!(
        r#"SELECT lease_mark_state_uncertain($1, $2, $3, $4) AS "done!""#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
        resource.0
    )
    .fetch_one(executor)
    .await?;
    Ok(Applied::from_row(done.then_some(())))
}
