//! Taking a run.

use std::time::Duration;

use serde_json::Value;
use sqlx::{PgExecutor, types::Json};

use super::{Lease, LeaseToken};
use crate::{
    domain::{
        ids::{ApplicationId, Fence, ResourceId, RunId, WorkerId},
        run::{Operation, RunKind},
        states::Applied,
    },
    store::{Result, step::Step},
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
    /// The workflow.
    pub workflow: String,
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
    /// Seconds since it could have been taken.
    pub waited_s: f64,
    /// Seconds since it was taken for the first time; 0 when that is now.
    pub begun_s: f64,
    /// The trace that it belongs to, as `traceparent` has it.
    pub trace_parent: Option<String>,
    /// How many workers it was lost with.
    pub losses: i16,
    /// The next number in its log.
    pub log_cursor: i64,
    /// Its steps, in the order of its plan, when it was not begun; none: `lease::steps` has them.
    pub steps: Option<Vec<Step>>,
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
        r#"SELECT given AS "token!", (claimed).fence AS "fence!: Fence", (claimed).root_run_id AS "root_run_id!: RunId",
                  (claimed).kind AS "kind!: RunKind", (claimed).operation AS "operation!: Operation",
                  on_resource AS "resource_id: ResourceId", resource_name, application_name,
                  (claimed).application_id AS "application_id: ApplicationId", (claimed).team AS "team!", (claimed).provider AS "provider!", (claimed).workflow AS "workflow!",
                  (claimed).plan_digest AS "plan_digest!", (claimed).inputs AS "inputs!", (claimed).checkpoint, (claimed).losses AS "losses!",
                  remaining_s AS "remaining_s!", log_cursor AS "log_cursor!", (claimed).trace_parent, its_steps AS "steps: Json<Vec<Step>>",
                  extract(epoch FROM now() - (claimed).waiting_since)::float8 AS "waited_s!",
                  extract(epoch FROM now() - (claimed).started_at)::float8 AS "begun_s!",
                  CASE WHEN (claimed).cancel_requested_at IS NOT NULL THEN coalesce((claimed).cancel_reason, '') END AS cancel
           FROM lease_take($1, $2, $3, $4)"#,
        run.0,
        ticket.0,
        worker.0,
        ttl.as_secs_f64(),
    )
    .fetch_optional(executor)
    .await?;
    Ok(Applied::from_row(row.map(|row| Claimed {
        lease: Lease { run_id: run, fence: row.fence, worker_id: worker, token: LeaseToken(row.token) },
        root_run_id: row.root_run_id,
        kind: row.kind,
        operation: row.operation,
        resource_id: row.resource_id,
        application_id: row.application_id,
        resource: row.resource_name,
        application: row.application_name,
        team: row.team,
        workflow: row.workflow,
        provider: row.provider,
        plan_digest: row.plan_digest,
        inputs: row.inputs,
        checkpoint: row.checkpoint,
        remaining_s: row.remaining_s,
        waited_s: row.waited_s,
        begun_s: row.begun_s,
        trace_parent: row.trace_parent,
        losses: row.losses,
        log_cursor: row.log_cursor,
        steps: row.steps.map(|steps| steps.0),
        cancel: row.cancel,
    })))
}
