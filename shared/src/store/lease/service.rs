//! The services of a run, as the worker that drives it tells of them.

use serde_json::json;
use sqlx::PgExecutor;

use super::Lease;
use crate::{
    domain::{event as events, states::Applied},
    store::Result,
};

/// One start of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceStart {
    /// The service's name.
    pub service: String,
    /// Counted from 1, over all workers that have driven the run.
    pub number: i16,
    /// Its image, as the workflow names it.
    pub image: String,
    /// `sha256:…`
    pub image_id: String,
}

/// Records that a service is about to be started.
///
/// # Errors
/// When Postgres cannot be reached; the start may have been recorded all the same, and calling again is safe.
pub async fn service_started(executor: impl PgExecutor<'_>, lease: Lease, start: &ServiceStart) -> Result<Applied> {
    let ServiceStart { service, number, image, image_id } = start;
    let data = json!({"service": service, "number": number, "image": image, "image_id": image_id});
    told(executor, lease, events::SERVICE_STARTED, &data).await
}

/// Records that a service ended although steps need it.
///
/// # Errors
/// When Postgres cannot be reached; the end may have been recorded all the same, and calling again is safe.
pub async fn service_ended(
    executor: impl PgExecutor<'_>,
    lease: Lease,
    service: &str,
    number: i16,
    exit_code: i64,
) -> Result<Applied> {
    let data = json!({"service": service, "number": number, "exit_code": exit_code});
    told(executor, lease, events::SERVICE_ENDED, &data).await
}

/// The starts of a run's services, the oldest first; none when the lease is gone.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn service_starts(executor: impl PgExecutor<'_>, lease: Lease) -> Result<Vec<ServiceStart>> {
    Ok(sqlx::query_as!(
        ServiceStart,
        r#"SELECT data ->> 'service' AS "service!", (data ->> 'number')::int2 AS "number!", data ->> 'image' AS "image!",
                  data ->> 'image_id' AS "image_id!"
           FROM lease_service_starts($1, $2, $3) AS data"#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
    )
    .fetch_all(executor)
    .await?)
}

/// One event of a kind for each start of a service.
async fn told(executor: impl PgExecutor<'_>, lease: Lease, kind: &str, data: &serde_json::Value) -> Result<Applied> {
    let done = sqlx::query_scalar!(
        r#"SELECT lease_service_told($1, $2, $3, $4, $5) AS "done!""#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
        kind,
        data,
    )
    .fetch_one(executor)
    .await?;
    Ok(Applied::from_row(done.then_some(())))
}
