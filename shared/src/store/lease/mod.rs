//! Everything a worker writes about a run it holds.
//!
//! Each write locks the run's row first and finds its own fence there, in the same statement (`WITH lease AS (… FOR NO KEY
//! UPDATE)`): Postgres takes that lock, and re-reads the fence if another transaction changed it meanwhile, before any
//! row of the step is touched. One round trip, and a worker that lost its lease changes nothing.

use std::time::Duration;

use serde_json::Value;
use sqlx::PgExecutor;

mod log;
mod state;
mod step;

pub use log::{LogLine, append_log, seal_log};
pub use state::{StateVersion, latest_state, lock_state, mark_state_uncertain, store_state, unlock_state};
pub use step::{StepOutcome, step_finished, step_started};

use super::{
    Result, Store, rescue,
    run::{self, Finish},
};
use crate::domain::{
    event as events,
    ids::{ApplicationId, Fence, ResourceId, RunId, WorkerId},
    run::{Operation, RunStatus, WaitReason},
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

/// What a worker is given with a lease.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The lease.
    pub lease: Lease,
    /// What the run does.
    pub operation: Operation,
    /// The resource it works on.
    pub resource_id: Option<ResourceId>,
    /// The application it is for.
    pub application_id: Option<ApplicationId>,
    /// The provider whose settings it is given.
    pub provider: String,
    /// Names the plan to load.
    pub plan_digest: Vec<u8>,
    /// Parameters by name.
    pub inputs: Value,
    /// The last durable checkpoint of its workspace.
    pub checkpoint: Option<Value>,
    /// Seconds left until its deadline, by the database's clock.
    pub remaining_s: f64,
    /// How many workers it was lost with.
    pub losses: i16,
    /// The next number in its log.
    pub log_cursor: i64,
}

/// Takes a queued run whose ticket the worker holds. Stale: someone else has it, or it is no longer wanted.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn claim(
    executor: impl PgExecutor<'_>,
    run: RunId,
    ticket: Fence,
    worker: WorkerId,
    ttl: Duration,
) -> Result<Applied<Claimed>> {
    let row = sqlx::query!(
        r#"WITH claimed AS (
               UPDATE run SET status = 'running', fence = fence + 1, lease_worker_id = $3,
                      lease_until = now() + make_interval(secs => $4), started_at = coalesce(started_at, now()),
                      deadline_at = coalesce(deadline_at,
                          now() + make_interval(secs => coalesce((SELECT (body ->> 'timeout_s')::float8 FROM plan WHERE digest = plan_digest), 14400)))
               WHERE id = $1 AND fence = $2 AND status = 'queued' AND cancel_requested_at IS NULL
               RETURNING *),
           told AS (
               INSERT INTO event (type, application_id, resource_id, run_id, data)
               SELECT $5, application_id, resource_id, id, jsonb_build_object('worker', $3::uuid, 'fence', fence) FROM claimed)
           SELECT fence AS "fence: Fence", operation AS "operation: Operation", resource_id AS "resource_id: ResourceId",
                  application_id AS "application_id: ApplicationId", provider, plan_digest, inputs AS "inputs!", checkpoint, losses,
                  extract(epoch FROM deadline_at - now())::float8 AS "remaining_s!",
                  coalesce((SELECT max(cursor) FROM log_line WHERE run_id = $1), 0) + 1 AS "log_cursor!"
           FROM claimed"#,
        run.0,
        ticket.0,
        worker.0,
        ttl.as_secs_f64(),
        events::RUN_CLAIMED,
    )
    .fetch_optional(executor)
    .await?;
    Ok(Applied::from_row(row.map(|row| Claimed {
        lease: Lease { run_id: run, fence: row.fence, worker_id: worker },
        operation: row.operation,
        resource_id: row.resource_id,
        application_id: row.application_id,
        provider: row.provider,
        plan_digest: row.plan_digest,
        inputs: row.inputs,
        checkpoint: row.checkpoint,
        remaining_s: row.remaining_s,
        losses: row.losses,
        log_cursor: row.log_cursor,
    })))
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

/// Gives the slot back while the run waits: for a time, or (with none) until `advance` finds it ready. Refused as stale
/// when a step of it runs.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn suspend(
    executor: impl PgExecutor<'_>,
    lease: Lease,
    reason: WaitReason,
    detail: &str,
    until_s: Option<f64>,
) -> Result<Applied> {
    let row = sqlx::query_scalar!(
        "WITH suspended AS (
             UPDATE run SET status = 'suspended', reason = $3, reason_detail = $4, waiting_since = now(),
                    suspended_until = now() + make_interval(secs => $5), lease_worker_id = NULL, lease_until = NULL
             WHERE id = $1 AND fence = $2 AND status = 'running'
               AND NOT EXISTS (SELECT FROM step WHERE run_id = $1 AND status = 'running')
             RETURNING id, application_id, resource_id),
         told AS (INSERT INTO event (type, application_id, resource_id, run_id, data)
                  SELECT $6, application_id, resource_id, id, jsonb_build_object('reason', $3::text, 'detail', $4::text) FROM suspended)
         SELECT 1 FROM suspended",
        lease.run_id.0,
        lease.fence.0,
        reason.as_str(),
        detail,
        until_s,
        events::run_became(RunStatus::Suspended),
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
