//! Steps and their tries, as the worker that drives them records them.

use serde_json::{Map, Value};
use sqlx::PgExecutor;

use super::{Lease, LogEnd};
use crate::{
    domain::{
        event as events,
        ids::StepId,
        states::Applied,
        step::{AttemptStatus, StepStatus},
    },
    store::Result,
};

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
    /// What it set for the steps after it.
    pub variables: Map<String, Value>,
    /// The workspace after it: `{"key", "sha256", "bytes"}`, stored durably before this is recorded.
    pub checkpoint: Option<Value>,
    /// Whether the checkpoint is that of the run's shared workspace (else it is the step's own).
    pub shared_workspace: bool,
}

/// Records the end of a try, the step's outcome and the checkpoint of the workspace, and closes the try's log with its last
/// lines: all together, in one round trip.
///
/// # Errors
/// When Postgres cannot be reached; the outcome may have been recorded all the same, and calling again is safe.
pub async fn step_finished(
    executor: impl PgExecutor<'_>,
    lease: Lease,
    step: StepId,
    number: i16,
    outcome: &StepOutcome,
    log: &LogEnd<'_>,
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
                          variables = $18, checkpoint = CASE WHEN $14 THEN NULL ELSE $13::jsonb END,
                          finished_at = CASE WHEN $5 <> 'pending' THEN now() END
                   FROM lease WHERE step.run_id = lease.id AND step.id = $3 AND step.status = 'running' AND tries = $4
                   RETURNING step.id, step.name),
         tried AS (UPDATE attempt SET status = $15, exit_code = $8, oom_killed = $16, error_code = $9, error_message = $10, finished_at = now()
                   FROM ended WHERE attempt.step_id = ended.id AND attempt.number = $4),
         saved AS (UPDATE run SET checkpoint = $13 FROM ended WHERE run.id = $1 AND $14 AND $13::jsonb IS NOT NULL),
         written AS (INSERT INTO log_line (run_id, cursor, step, attempt, seq, at, stream, text)
                     SELECT lease.id, new.* FROM lease,
                          UNNEST($19::int8[], $20::text[], $21::int2[], $22::int8[], $23::timestamptz[], $24::text[], $25::text[]) AS new
                     ON CONFLICT DO NOTHING),
         sealed AS (INSERT INTO log_seal (run_id, step, attempt, lines, gaps) SELECT $1, name, $4, $26, $27 FROM ended ON CONFLICT DO NOTHING),
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
        Value::Object(outcome.variables.clone()),
        &log.rest.iter().map(|line| line.cursor).collect::<Vec<_>>(),
        &log.rest.iter().map(|line| line.step.clone()).collect::<Vec<_>>(),
        &log.rest.iter().map(|line| line.attempt).collect::<Vec<_>>(),
        &log.rest.iter().map(|line| line.seq).collect::<Vec<_>>(),
        &log.rest.iter().map(|line| line.at).collect::<Vec<_>>(),
        &log.rest.iter().map(|line| line.stream).collect::<Vec<_>>() as &[&str],
        &log.rest.iter().map(|line| line.text.clone()).collect::<Vec<_>>(),
        log.lines,
        log.gaps,
    )
    .fetch_optional(executor)
    .await?;
    Ok(Applied::from_row(row.map(|_| ())))
}

/// Closes steps that never begin, or that wait for what nobody needs any more: as skipped or cancelled, each with the
/// reason in words. Open approvals of theirs are withdrawn. A step that is over by now, or runs, stays as it is.
///
/// # Errors
/// When Postgres cannot be reached; calling again is safe.
pub async fn close_steps(
    executor: impl PgExecutor<'_>,
    lease: Lease,
    status: StepStatus,
    steps: &[(StepId, String)],
) -> Result<Applied> {
    let kind = if status == StepStatus::Skipped { events::STEP_SKIPPED } else { events::STEP_FINISHED };
    let row = sqlx::query_scalar!(
        "WITH lease AS (SELECT id, application_id, resource_id FROM run
                        WHERE id = $1 AND fence = $2 AND status = 'running' FOR NO KEY UPDATE),
         closed AS (UPDATE step SET status = $3, error_message = given.reason, finished_at = now(), not_before = NULL
                    FROM lease, UNNEST($4::uuid[], $5::text[]) AS given (step_id, reason)
                    WHERE step.run_id = lease.id AND step.id = given.step_id AND step.status IN ('pending', 'waiting')
                    RETURNING step.id, step.name, given.reason),
         withdrawn AS (UPDATE approval SET decision = 'withdrawn', decided_at = now()
                       FROM closed WHERE approval.step_id = closed.id AND approval.decision IS NULL),
         told AS (INSERT INTO event (type, application_id, resource_id, run_id, step, data)
                  SELECT $6, lease.application_id, lease.resource_id, $1, closed.name,
                         jsonb_build_object('status', $3::text, 'reason', closed.reason)
                  FROM lease, closed)
         SELECT 1 FROM lease",
        lease.run_id.0,
        lease.fence.0,
        status.as_str(),
        &steps.iter().map(|(step, _)| step.0).collect::<Vec<_>>(),
        &steps.iter().map(|(_, reason)| reason.clone()).collect::<Vec<_>>(),
        kind,
    )
    .fetch_optional(executor)
    .await?;
    Ok(Applied::from_row(row.map(|_| ())))
}
