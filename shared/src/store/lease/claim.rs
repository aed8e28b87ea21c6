//! Taking a run.

use std::time::Duration;

use serde_json::Value;
use sqlx::PgExecutor;

use super::Lease;
use crate::{
    domain::{
        event as events,
        ids::{ApplicationId, Fence, ResourceId, RunId, WorkerId},
        run::{Operation, RunKind},
        states::Applied,
    },
    store::Result,
};

/// What a worker is given with a lease.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The lease.
    pub lease: Lease,
    /// The run that stands above all that were started for it; itself, when nothing does.
    pub root_run_id: RunId,
    /// What the run is for.
    pub kind: RunKind,
    /// What the run does.
    pub operation: Operation,
    /// The resource it works on; a child run works on that of its root.
    pub resource_id: Option<ResourceId>,
    /// The application it is for.
    pub application_id: Option<ApplicationId>,
    /// Name of that resource.
    pub resource: Option<String>,
    /// Name of that application.
    pub application: Option<String>,
    /// Whose run it is.
    pub team: String,
    /// The provider whose settings it is given.
    pub provider: String,
    /// Names the plan to load.
    pub plan_digest: Vec<u8>,
    /// Parameters by name.
    pub inputs: Value,
    /// The last durable checkpoint of its workspace.
    pub checkpoint: Option<Value>,
    /// Seconds left until its deadline, by the database's clock; negative when that is past.
    pub remaining_s: f64,
    /// How many workers it was lost with.
    pub losses: i16,
    /// The next number in its log.
    pub log_cursor: i64,
    /// Why it should stop, when someone wants it to: nothing but its `finally` steps is left to run then.
    pub cancel: Option<String>,
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
               WHERE id = $1 AND fence = $2 AND status = 'queued'
               RETURNING *),
           told AS (
               INSERT INTO event (type, application_id, resource_id, run_id, data)
               SELECT $5, application_id, resource_id, id, jsonb_build_object('worker', $3::uuid, 'fence', fence) FROM claimed)
           SELECT claimed.fence AS "fence: Fence", claimed.root_run_id AS "root_run_id: RunId", claimed.kind AS "kind: RunKind", claimed.operation AS "operation: Operation",
                  r.id AS "resource_id?: ResourceId", r.name AS "resource?", a.name AS "application?",
                  claimed.application_id AS "application_id: ApplicationId", claimed.team, claimed.provider, claimed.plan_digest,
                  claimed.inputs AS "inputs!", claimed.checkpoint, claimed.losses,
                  extract(epoch FROM claimed.deadline_at - now())::float8 AS "remaining_s!",
                  coalesce((SELECT max(cursor) FROM log_line WHERE run_id = $1), 0) + 1 AS "log_cursor!",
                  CASE WHEN claimed.cancel_requested_at IS NOT NULL THEN coalesce(claimed.cancel_reason, '') END AS cancel
           FROM claimed
           LEFT JOIN run root ON root.id = claimed.root_run_id
           LEFT JOIN resource r ON r.id = coalesce(claimed.resource_id, root.resource_id)
           LEFT JOIN application a ON a.id = claimed.application_id"#,
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
        root_run_id: row.root_run_id,
        kind: row.kind,
        operation: row.operation,
        resource_id: row.resource_id,
        application_id: row.application_id,
        resource: row.resource,
        application: row.application,
        team: row.team,
        provider: row.provider,
        plan_digest: row.plan_digest,
        inputs: row.inputs,
        checkpoint: row.checkpoint,
        remaining_s: row.remaining_s,
        losses: row.losses,
        log_cursor: row.log_cursor,
        cancel: row.cancel,
    })))
}
