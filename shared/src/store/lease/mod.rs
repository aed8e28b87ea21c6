//! Everything a worker writes about a run it holds.
//!
//! Each write locks the run's row first and finds its own fence there, in the same statement (`WITH lease AS (… FOR NO KEY
//! UPDATE)`): Postgres takes that lock, and re-reads the fence if another transaction changed it meanwhile, before any
//! row of the step is touched. One round trip, and a worker that lost its lease changes nothing.

use std::time::Duration;

use sqlx::PgExecutor;

mod claim;
mod items;
mod log;
mod state;
mod step;
mod waiting;

pub use claim::{Claimed, claim};
pub use items::{LoopOutcome, loop_finished, spread, step_derived};
pub use log::{LogEnd, LogLine, append_log};
pub use state::{StateVersion, latest_state, lock_state, mark_state_uncertain, store_state, unlock_state};
pub use step::{StepOutcome, close_steps, step_finished, step_started};
pub use waiting::{Question, Suspension, Until, Wait, step_waiting, suspend};

use super::{
    Result, Store, rescue,
    run::{self, Finish},
};
use crate::domain::{
    event as events,
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
        r#"UPDATE run SET lease_until = now() + make_interval(secs => $3)
           FROM (SELECT id FROM run JOIN UNNEST($1::uuid[], $2::int8[]) AS held (run_id, held_fence)
                 ON run.id = run_id AND run.fence = held_fence AND run.status = 'running'
                 ORDER BY id FOR NO KEY UPDATE OF run) held
           WHERE run.id = held.id
           RETURNING run.id AS "run_id: RunId", cancel_requested_at, cancel_reason"#,
        &leases.iter().map(|lease| lease.run_id.0).collect::<Vec<_>>(),
        &leases.iter().map(|lease| lease.fence.0).collect::<Vec<_>>(),
        ttl.as_secs_f64(),
    )
    .fetch_all(executor)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Renewed {
            run_id: row.run_id,
            cancel: row.cancel_requested_at.map(|_| row.cancel_reason.unwrap_or_default()),
        })
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
    let mut tx = store.begin().await?;
    if lock(&mut *tx, lease).await? == Applied::Stale {
        return Ok(Applied::Stale);
    }
    run::finish(&mut tx, lease.run_id, outcome).await?;
    tx.commit().await?;
    Ok(Applied::Applied(()))
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

/// Locks the run's row if the lease still holds.
async fn lock(executor: impl PgExecutor<'_>, lease: Lease) -> Result<Applied> {
    let row = sqlx::query_scalar!(
        "SELECT 1 FROM run WHERE id = $1 AND fence = $2 AND status = 'running' FOR NO KEY UPDATE",
        lease.run_id.0,
        lease.fence.0
    )
    .fetch_optional(executor)
    .await?;
    Ok(Applied::from_row(row.map(|_| ())))
}

/// Gives the run back to the queue because its worker stops: the fence rises, neither counter does, and the scheduler
/// sends a new ticket at once.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn hand_back(store: &Store, lease: Lease) -> Result<Applied> {
    let mut tx = store.begin().await?;
    if lock(&mut *tx, lease).await? == Applied::Stale {
        return Ok(Applied::Stale);
    }
    rescue::seal_lost_attempts(&mut tx, lease.run_id).await?;
    let row = sqlx::query_scalar!(
        "WITH back AS (
             UPDATE run SET status = 'queued', fence = fence + 1, lease_worker_id = NULL, lease_until = NULL,
                    queued_at = now(), ticket_sent_at = NULL, waiting_since = now()
             WHERE id = $1 AND fence = $2 AND status = 'running'
             RETURNING id, application_id, resource_id),
         lost AS (UPDATE attempt SET status = 'lost', finished_at = now()
                  FROM back WHERE attempt.run_id = back.id AND attempt.status = 'running'),
         again AS (UPDATE step SET status = 'pending' FROM back WHERE step.run_id = back.id AND step.status = 'running'),
         told AS (INSERT INTO event (type, application_id, resource_id, run_id, data)
                  SELECT $3, application_id, resource_id, id, jsonb_build_object('worker', $4::uuid) FROM back)
         SELECT 1 FROM back",
        lease.run_id.0,
        lease.fence.0,
        events::RUN_HANDED_BACK,
        lease.worker_id.0,
    )
    .fetch_optional(&mut *tx)
    .await?;
    if row.is_some() {
        super::notify(&mut tx).await?;
    }
    tx.commit().await?;
    Ok(Applied::from_row(row.map(|_| ())))
}

/// Counts a write that was refused because its lease was gone. Needs no lease: it records that there is none.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn count_refusal(executor: impl PgExecutor<'_>, lease: Lease, what: &str) -> Result<()> {
    sqlx::query!(
        "WITH counted AS (UPDATE worker SET refused_writes = refused_writes + 1 WHERE id = $2)
         INSERT INTO event (type, run_id, data)
         VALUES ($5, $1, jsonb_build_object('worker', $2::uuid, 'fence', $3::int8, 'write', $4::text))",
        lease.run_id.0,
        lease.worker_id.0,
        lease.fence.0,
        what,
        events::WRITE_REFUSED,
    )
    .execute(executor)
    .await?;
    Ok(())
}
