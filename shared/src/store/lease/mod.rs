//! Everything a worker writes about a run it holds.
//!
//! Each write is one call of a function of the database (`migrations/*_lease.sql`, `*_lease_steps.sql`), which locks the run's
//! row and finds the lease's fence and token there before any row of the step is touched. One round trip; a worker that lost
//! its lease changes nothing; and a worker's role can write by nothing else.

use std::time::Duration;

use serde_json::Value;
use sqlx::PgExecutor;

mod claim;
mod items;
mod log;
mod service;
mod state;
mod step;
mod token;
mod waiting;

pub use claim::{Claimed, claim};
pub use items::{LoopOutcome, loop_finished, spread, step_derived};
pub use log::{Begun, LogEnd, LogLine, append_log, append_log_and_begun};
pub use service::{ServiceStart, service_ended, service_started, service_starts};
pub use state::{StateVersion, latest_state, lock_state, mark_state_uncertain, store_state};
pub use step::{
    Abandoned, StepOutcome, TriedImage, abandoned, close_steps, image_fetched, images, step_finished, step_started,
    steps,
};
pub use token::LeaseToken;
pub use waiting::{Question, Suspension, Until, Wait, step_waiting, suspend};

use super::{Result, Store, resource, run::Finish};
use crate::domain::{
    ids::{Fence, RunId, WorkerId},
    states::Applied,
};

/// The right to drive one run, until it is not renewed in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The run.
    pub run_id: RunId,
    /// Raised by the claim that gave the lease.
    pub fence: Fence,
    /// Who holds it.
    pub worker_id: WorkerId,
    /// What Postgres believes it by.
    pub token: LeaseToken,
}

/// A lease that goes on.
#[derive(Clone, Debug)]
pub struct Renewed {
    /// The run.
    pub run_id: RunId,
    /// Why the run should stop, when it should.
    pub cancel: Option<String>,
}

/// Renews all leases of a worker in one statement. A lease that is missing from the answer is lost.
///
/// # Errors
/// When Postgres cannot be reached; nothing is renewed then.
pub async fn renew(executor: impl PgExecutor<'_>, leases: &[Lease], ttl: Duration) -> Result<Vec<Renewed>> {
    let rows = sqlx::query!(
        r#"SELECT renewed AS "run_id!: RunId", cancel_wanted AS "cancel_wanted!", why FROM lease_renew($1, $2, $3, $4)"#,
        &leases.iter().map(|lease| lease.run_id.0).collect::<Vec<_>>(),
        &leases.iter().map(|lease| lease.fence.0).collect::<Vec<_>>(),
        &leases.iter().map(|lease| lease.token.0).collect::<Vec<_>>(),
        ttl.as_secs_f64(),
    )
    .fetch_all(executor)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Renewed { run_id: row.run_id, cancel: row.cancel_wanted.then(|| row.why.unwrap_or_default()) })
        .collect())
}

/// The runs held by a worker that someone wants stopped, with the reason. Cheap enough to ask every second.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn cancellations(executor: impl PgExecutor<'_>, worker: WorkerId) -> Result<Vec<(RunId, String)>> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id: RunId", coalesce(cancel_reason, '') AS "reason!" FROM run
           WHERE lease_worker_id = $1 AND status = 'running' AND cancel_requested_at IS NOT NULL"#,
        worker.0
    )
    .fetch_all(executor)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.reason)).collect())
}

/// Ends the run. Whoever commits first wins: stale when it is over or taken.
///
/// # Errors
/// When Postgres cannot be reached; the end may have been recorded all the same, and calling again answers `Stale` then.
pub async fn finish(store: &Store, lease: Lease, outcome: &Finish) -> Result<Applied> {
    let (code, message) = outcome.error.as_ref().map_or((None, None), |(code, message)| (Some(code), Some(message)));
    let done = sqlx::query_scalar!(
        r#"SELECT lease_finish($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS "done!""#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
        outcome.status.as_str(),
        Value::Object(outcome.outputs.clone()),
        &outcome.sensitive,
        code,
        message,
        outcome.actor,
        resource::drift_in(&outcome.outputs),
    )
    .fetch_one(store.pool())
    .await?;
    Ok(Applied::from_row(done.then_some(())))
}

/// Whether the run is over, and ended under this very lease.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn was_finished_by(executor: impl PgExecutor<'_>, lease: Lease) -> Result<bool> {
    let found = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM run WHERE id = $1 AND fence = $2 AND finished_at IS NOT NULL) AS "found!""#,
        lease.run_id.0,
        lease.fence.0
    );
    Ok(found.fetch_one(executor).await?)
}

/// Gives the run back to the queue because its worker stops: the fence rises, neither counter does, and the scheduler
/// sends a new ticket at once.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn hand_back(store: &Store, lease: Lease) -> Result<Applied> {
    let done = sqlx::query_scalar!(
        r#"SELECT lease_hand_back($1, $2, $3) AS "done!""#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0
    )
    .fetch_one(store.pool())
    .await?;
    Ok(Applied::from_row(done.then_some(())))
}

/// Counts a write that was refused because its lease was gone. Needs no lease, for it records that there is none; but only the
/// process that announced the worker may count for it.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn count_refusal(executor: impl PgExecutor<'_>, lease: Lease, what: &str) -> Result<()> {
    sqlx::query_scalar!(
        "SELECT lease_count_refusal($1, $2, $3, $4)",
        lease.run_id.0,
        lease.fence.0,
        lease.worker_id.0,
        what
    )
    .fetch_one(executor)
    .await?;
    Ok(())
}
