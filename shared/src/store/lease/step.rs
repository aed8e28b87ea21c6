//! Steps and their tries, as the worker that drives them records them.

use serde_json::{Map, Value};
use sqlx::PgExecutor;

use super::{Lease, LogEnd};
use crate::{
    domain::{
        ids::StepId,
        states::Applied,
        step::{AttemptStatus, StepStatus},
    },
    store::{Result, step::Step},
};

/// The steps of a run, in the order of its plan; the elements of a loop come after it. Those of these ids, or all. None when
/// the lease is gone: the next write says so.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn steps(executor: impl PgExecutor<'_>, lease: Lease, ids: Option<&[StepId]>) -> Result<Vec<Step>> {
    let ids: Option<Vec<_>> = ids.map(|ids| ids.iter().map(|id| id.0).collect());
    Ok(sqlx::query_as!(
        Step,
        r#"SELECT id AS "id!: StepId", name AS "name!", status AS "status!: StepStatus", attempts AS "attempts!", tries AS "tries!", not_before,
                  extract(epoch FROM not_before - now())::float8 AS wait_s, idempotency_key AS "idempotency_key!", checkpoint,
                  outputs AS "outputs!", sensitive_outputs AS "sensitive_outputs!", error_code, error_message,
                  variables AS "variables!", wait, released_by IS NOT NULL AS "released!", parent, item, item_index
           FROM lease_steps($1, $2, $3, $4)"#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
        ids.as_deref(),
    )
    .fetch_all(executor)
    .await?)
}

/// The last try of a step that no worker recorded an end of, and where it ran.
#[derive(Clone, Debug)]
pub struct Abandoned {
    /// The step's name.
    pub step: String,
    /// The number of the try.
    pub number: i16,
    /// The engine it ran on, as its worker announced it.
    pub engine: Option<String>,
}

/// The steps of a run whose last try was taken from its worker, which said nothing about it any more. None when the lease is
/// gone.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn abandoned(executor: impl PgExecutor<'_>, lease: Lease) -> Result<Vec<Abandoned>> {
    Ok(sqlx::query_as!(
        Abandoned,
        r#"SELECT step_name AS "step!", number AS "number!", engine FROM lease_abandoned($1, $2, $3)"#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
    )
    .fetch_all(executor)
    .await?)
}

/// The images that a run keeps: what each name meant when a step of it first ran it. None when the lease is gone.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn images(executor: impl PgExecutor<'_>, lease: Lease) -> Result<Vec<(String, String)>> {
    let rows = sqlx::query!(
        r#"SELECT image AS "image!", image_id AS "image_id!" FROM lease_images($1, $2, $3)"#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
    )
    .fetch_all(executor)
    .await?;
    Ok(rows.into_iter().map(|row| (row.image, row.image_id)).collect())
}

/// The image of a try.
#[derive(Clone, Copy, Debug)]
pub struct TriedImage<'a> {
    /// As the step names it.
    pub name: &'a str,
    /// `sha256:…`; none while it is not on the engine yet.
    pub id: Option<&'a str>,
}

impl<'a> From<&'a str> for TriedImage<'a> {
    fn from(name: &'a str) -> Self {
        Self { name, id: None }
    }
}

/// Records that try `number` of a step begins. Call before its container starts.
///
/// # Errors
/// When Postgres cannot be reached; the try may have been recorded all the same, and calling again is safe.
pub async fn step_started<'a>(
    executor: impl PgExecutor<'_>,
    lease: Lease,
    step: StepId,
    number: i16,
    image: impl Into<TriedImage<'a>>,
) -> Result<Applied> {
    let image = image.into();
    let done = sqlx::query_scalar!(
        r#"SELECT lease_step_started($1, $2, $3, $4, $5, $6, $7, $8) AS "done!""#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
        lease.worker_id.0,
        step.0,
        number,
        image.name,
        image.id,
    )
    .fetch_one(executor)
    .await?;
    Ok(Applied::from_row(done.then_some(())))
}

/// Records which image a try runs that was fetched for it.
///
/// # Errors
/// When Postgres cannot be reached; calling again is safe.
pub async fn image_fetched(
    executor: impl PgExecutor<'_>,
    lease: Lease,
    step: StepId,
    number: i16,
    image_id: &str,
) -> Result<Applied> {
    let done = sqlx::query_scalar!(
        r#"SELECT lease_image_fetched($1, $2, $3, $4, $5, $6) AS "done!""#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
        step.0,
        number,
        image_id,
    )
    .fetch_one(executor)
    .await?;
    Ok(Applied::from_row(done.then_some(())))
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
    let done = sqlx::query_scalar!(
        r#"SELECT lease_step_ended($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                                   $19, $20, $21, $22, $23, $24, $25, $26, $27, $28) AS "done!""#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
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
        Value::Object(outcome.variables.clone()),
        outcome.checkpoint,
        outcome.shared_workspace,
        outcome.attempt.as_str(),
        outcome.oom_killed,
        &log.rest.iter().map(|line| line.cursor).collect::<Vec<_>>(),
        &log.rest.iter().map(|line| line.step.clone()).collect::<Vec<_>>(),
        &log.rest.iter().map(|line| line.attempt).collect::<Vec<_>>(),
        &log.rest.iter().map(|line| line.seq).collect::<Vec<_>>(),
        &log.rest.iter().map(|line| line.at).collect::<Vec<_>>(),
        &log.rest.iter().map(|line| line.stream).collect::<Vec<_>>() as &[&str],
        &log.rest.iter().map(|line| line.text.clone()).collect::<Vec<_>>(),
        log.lines,
        log.gaps,
        log.begun_ago_s(),
    )
    .fetch_one(executor)
    .await?;
    Ok(Applied::from_row(done.then_some(())))
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
    let done = sqlx::query_scalar!(
        r#"SELECT lease_close_steps($1, $2, $3, $4, $5, $6) AS "done!""#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
        status.as_str(),
        &steps.iter().map(|(step, _)| step.0).collect::<Vec<_>>(),
        &steps.iter().map(|(_, reason)| reason.clone()).collect::<Vec<_>>(),
    )
    .fetch_one(executor)
    .await?;
    Ok(Applied::from_row(done.then_some(())))
}
