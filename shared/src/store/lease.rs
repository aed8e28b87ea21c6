//! Everything a worker writes about a run it holds.
//!
//! Each write locks the run's row first and finds its own fence there, in the same statement (`WITH lease AS (… FOR NO KEY
//! UPDATE)`): Postgres takes that lock, and re-reads the fence if another transaction changed it meanwhile, before any
//! row of the step is touched. One round trip, and a worker that lost its lease changes nothing.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use sqlx::{PgExecutor, types::Json};

use super::{
    Result, Store,
    run::{self, Finish},
};
use crate::domain::{
    event as events,
    ids::{ApplicationId, Fence, ResourceId, RunId, StepId, WorkerId},
    run::{Operation, RunStatus, WaitReason},
    states::Applied,
    step::{AttemptStatus, StepStatus},
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

/// Records that try `number` of a step begins. Call before its container starts.
///
/// # Errors
/// When Postgres cannot be reached; the try may have been recorded all the same, and calling again is safe.
pub async fn step_started(
    executor: impl PgExecutor<'_>,
    lease: Lease,
    step: StepId,
    number: i16,
    image: &str,
) -> Result<Applied> {
    let row = sqlx::query_scalar!(
        "WITH lease AS (SELECT id, application_id, resource_id FROM run
                        WHERE id = $1 AND fence = $2 AND status = 'running' FOR NO KEY UPDATE),
         begun AS (UPDATE step SET status = 'running', tries = $4::int2, started_at = coalesce(started_at, now()), not_before = NULL
                   FROM lease WHERE step.run_id = lease.id AND step.id = $3
                     AND (step.status = 'pending' AND tries = $4::int2 - 1::int2 OR step.status = 'running' AND tries = $4::int2)
                   RETURNING step.id, step.name),
         tried AS (INSERT INTO attempt (step_id, number, run_id, fence, worker_id, image)
                   SELECT id, $4::int2, $1, $2, $5, $6 FROM begun ON CONFLICT DO NOTHING RETURNING 1),
         told AS (INSERT INTO event (type, application_id, resource_id, run_id, step, data)
                  SELECT $7, lease.application_id, lease.resource_id, $1, begun.name, jsonb_build_object('attempt', $4::int2)
                  FROM lease, begun, tried)
         SELECT 1 FROM begun",
        lease.run_id.0,
        lease.fence.0,
        step.0,
        number,
        lease.worker_id.0,
        image,
        events::STEP_STARTED,
    )
    .fetch_optional(executor)
    .await?;
    Ok(Applied::from_row(row.map(|_| ())))
}

/// How one try of a step ended, and what the step becomes by it.
#[derive(Clone, Debug)]
pub struct StepOutcome {
    /// How the try ended.
    pub attempt: AttemptStatus,
    /// What the step becomes: a final state, or pending for another try.
    pub step: StepStatus,
    /// Seconds until the next try may begin, when there is one.
    pub retry_in_s: Option<f64>,
    /// The command's exit code.
    pub exit_code: Option<i32>,
    /// Whether the kernel killed a process of it for memory.
    pub oom_killed: bool,
    /// A stable code and a message for people; set when the try failed.
    pub error: Option<(String, String)>,
    /// What it gave back.
    pub outputs: Map<String, Value>,
    /// Names among the outputs that are masked.
    pub sensitive: Vec<String>,
    /// The workspace after it: `{"key", "sha256", "bytes"}`, stored durably before this is recorded.
    pub checkpoint: Option<Value>,
    /// Whether the checkpoint is that of the run's shared workspace (else it is the step's own).
    pub shared_workspace: bool,
}

/// Records the end of a try, the step's outcome and the checkpoint of the workspace, together.
///
/// # Errors
/// When Postgres cannot be reached; the outcome may have been recorded all the same, and calling again is safe.
pub async fn step_finished(
    executor: impl PgExecutor<'_>,
    lease: Lease,
    step: StepId,
    number: i16,
    outcome: &StepOutcome,
) -> Result<Applied> {
    let (code, message) = outcome.error.as_ref().map_or((None, None), |(code, message)| (Some(code), Some(message)));
    let own_doing = matches!(outcome.attempt, AttemptStatus::Completed | AttemptStatus::Failed);
    let retrying = outcome.step == StepStatus::Pending;
    let row = sqlx::query_scalar!(
        "WITH lease AS (SELECT id, application_id, resource_id FROM run
                        WHERE id = $1 AND fence = $2 AND status = 'running' FOR NO KEY UPDATE),
         ended AS (UPDATE step SET status = $5, attempts = attempts + $6::int2,
                          not_before = now() + make_interval(secs => $7), exit_code = $8,
                          error_code = CASE WHEN $5 = 'failed' THEN $9 END, error_message = $10, outputs = $11, sensitive_outputs = $12,
                          checkpoint = CASE WHEN $14 THEN NULL ELSE $13::jsonb END,
                          finished_at = CASE WHEN $5 <> 'pending' THEN now() END
                   FROM lease WHERE step.run_id = lease.id AND step.id = $3 AND step.status = 'running' AND tries = $4
                   RETURNING step.id, step.name),
         tried AS (UPDATE attempt SET status = $15, exit_code = $8, oom_killed = $16, error_code = $9, error_message = $10, finished_at = now()
                   FROM ended WHERE attempt.step_id = ended.id AND attempt.number = $4),
         saved AS (UPDATE run SET checkpoint = $13 FROM ended WHERE run.id = $1 AND $14 AND $13::jsonb IS NOT NULL),
         told AS (INSERT INTO event (type, application_id, resource_id, run_id, step, data)
                  SELECT $17, lease.application_id, lease.resource_id, $1, ended.name,
                         jsonb_build_object('attempt', $4::int2, 'attempt_status', $15::text, 'status', $5::text, 'exit_code', $8::int,
                                            'error_code', $9::text, 'error_message', $10::text, 'retry_in_s', $7::float8)
                  FROM lease, ended)
         SELECT 1 FROM lease WHERE EXISTS (SELECT FROM ended)
             OR EXISTS (SELECT FROM attempt WHERE step_id = $3 AND number = $4 AND status = $15)",
        lease.run_id.0,
        lease.fence.0,
        step.0,
        number,
        outcome.step.as_str(),
        i16::from(own_doing),
        outcome.retry_in_s,
        outcome.exit_code,
        code,
        message,
        Value::Object(outcome.outputs.clone()),
        &outcome.sensitive,
        outcome.checkpoint,
        outcome.shared_workspace,
        outcome.attempt.as_str(),
        outcome.oom_killed,
        if retrying { events::STEP_RETRYING } else { events::STEP_FINISHED },
    )
    .fetch_optional(executor)
    .await?;
    Ok(Applied::from_row(row.map(|_| ())))
}

/// Records that a step will not begin: what it needed did not succeed, or it was cancelled before its first try.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn step_passed_over(executor: impl PgExecutor<'_>, lease: Lease, step: StepId, status: StepStatus) -> Result<Applied> {
    let row = sqlx::query_scalar!(
        "WITH lease AS (SELECT id FROM run WHERE id = $1 AND fence = $2 AND status = 'running' FOR NO KEY UPDATE)
         UPDATE step SET status = $4, finished_at = now(), not_before = NULL
         FROM lease WHERE step.run_id = lease.id AND step.id = $3 AND step.status = 'pending' RETURNING 1",
        lease.run_id.0,
        lease.fence.0,
        step.0,
        status.as_str(),
    )
    .fetch_optional(executor)
    .await?;
    Ok(Applied::from_row(row.map(|_| ())))
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

/// One line of a run's log.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// Its number in the run, over all steps.
    pub cursor: i64,
    /// The step.
    pub step: String,
    /// The try of that step.
    pub attempt: i16,
    /// Its number in that try.
    pub seq: i64,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// `stdout`, `stderr`, `system` or `gap`.
    pub stream: &'static str,
    /// The text, masked, without NUL.
    pub text: String,
}

/// Appends lines in the order of their cursors. One call after the other: readers rely on cursors becoming visible in order.
///
/// # Errors
/// When Postgres cannot be reached; the lines may have been written all the same, and calling again is safe.
pub async fn append_log(executor: impl PgExecutor<'_>, lease: Lease, lines: &[LogLine]) -> Result<Applied> {
    let row = sqlx::query_scalar!(
        "WITH lease AS (SELECT id FROM run WHERE id = $1 AND fence = $2 AND status = 'running' FOR NO KEY UPDATE),
         written AS (INSERT INTO log_line (run_id, cursor, step, attempt, seq, at, stream, text)
                     SELECT lease.id, new.* FROM lease,
                          UNNEST($3::int8[], $4::text[], $5::int2[], $6::int8[], $7::timestamptz[], $8::text[], $9::text[]) AS new
                     ON CONFLICT DO NOTHING)
         SELECT 1 FROM lease",
        lease.run_id.0,
        lease.fence.0,
        &lines.iter().map(|line| line.cursor).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.step.clone()).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.attempt).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.seq).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.at).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.stream).collect::<Vec<_>>() as &[&str],
        &lines.iter().map(|line| line.text.clone()).collect::<Vec<_>>(),
    )
    .fetch_optional(executor)
    .await?;
    Ok(Applied::from_row(row.map(|_| ())))
}

/// Closes the log of one try with the number of its lines, and of lines known to be missing.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn seal_log(executor: impl PgExecutor<'_>, lease: Lease, step: &str, attempt: i16, lines: i64, gaps: i64) -> Result<Applied> {
    let row = sqlx::query_scalar!(
        "WITH lease AS (SELECT id FROM run WHERE id = $1 AND fence = $2 AND status = 'running' FOR NO KEY UPDATE),
         sealed AS (INSERT INTO log_seal (run_id, step, attempt, lines, gaps) SELECT id, $3, $4, $5, $6 FROM lease ON CONFLICT DO NOTHING)
         SELECT 1 FROM lease",
        lease.run_id.0,
        lease.fence.0,
        step,
        attempt,
        lines,
        gaps,
    )
    .fetch_optional(executor)
    .await?;
    Ok(Applied::from_row(row.map(|_| ())))
}

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
    let version = row.version.zip(row.serial).zip(row.content);
    Ok((version.map(|((version, serial), content)| StateVersion { version, serial, content }), row.state_uncertain_since))
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
        "WITH lease AS (SELECT run.id, run.application_id FROM run
                        WHERE run.id = $1 AND fence = $2 AND status = 'running' AND run.resource_id = $3
                          AND NOT EXISTS (SELECT FROM state_lock l WHERE l.resource_id = $3 AND l.run_id IS DISTINCT FROM $1)
                        FOR NO KEY UPDATE OF run),
         newest AS (SELECT version, serial, md5 FROM state_version WHERE resource_id = $3 ORDER BY version DESC LIMIT 1),
         stored AS (INSERT INTO state_version (resource_id, version, serial, lineage, content, md5, run_id, fence, written_by)
                    SELECT $3, coalesce((SELECT version FROM newest), 0) + 1, $4, $5, $7, $6, $1, $2, 'run'
                    FROM lease WHERE NOT EXISTS (SELECT FROM newest WHERE newest.md5 = $6 OR newest.serial > $4)
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

/// Takes or releases the state's lock for the run that holds the lease. Taking it again is fine; stale when the lease is
/// gone or someone else (given in the answer of [`state_lock_holder`]) holds it.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn lock_state(executor: impl PgExecutor<'_>, lease: Lease, resource: ResourceId) -> Result<Applied> {
    let row = sqlx::query_scalar!(
        "WITH lease AS (SELECT id FROM run WHERE id = $1 AND fence = $2 AND status = 'running' AND resource_id = $3 FOR NO KEY UPDATE)
         INSERT INTO state_lock (resource_id, lock_id, info, run_id, fence)
         SELECT $3, $1::text, $4, id, $2 FROM lease
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
    sqlx::query!("DELETE FROM state_lock WHERE resource_id = $1 AND run_id = $2", resource.0, run.0).execute(executor).await?;
    Ok(())
}

/// Marks a resource's state as possibly older than what exists: no further run touches it until a person decides.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn mark_state_uncertain(executor: impl PgExecutor<'_>, lease: Lease, resource: ResourceId) -> Result<Applied> {
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
