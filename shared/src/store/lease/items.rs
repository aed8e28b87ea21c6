//! Steps that run once for each element of a list.

use serde_json::{Map, Value};
use sqlx::PgExecutor;

use super::Lease;
use crate::{
    domain::{ids::StepId, states::Applied, step::StepStatus},
    store::Result,
};

/// Writes a step for each element of a loop, `<name>.<index>`. The loop's own row stays pending until [`loop_finished`].
///
/// # Errors
/// When Postgres cannot be reached; the steps may have been written all the same, and calling again changes nothing.
pub async fn spread(executor: impl PgExecutor<'_>, lease: Lease, step: StepId, items: &[Value]) -> Result<Applied> {
    let done = sqlx::query_scalar!(
        r#"SELECT lease_spread($1, $2, $3, $4, $5, $6) AS "done!""#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
        step.0,
        &items.iter().map(|_| StepId::new().0).collect::<Vec<_>>(),
        items,
    )
    .fetch_one(executor)
    .await?;
    Ok(Applied::from_row(done.then_some(())))
}

/// How a loop ended.
#[derive(Clone, Debug)]
pub struct LoopOutcome {
    /// Completed, failed or skipped.
    pub status: StepStatus,
    /// A stable code and a message for people; set when it failed.
    pub error: Option<(String, String)>,
    /// `{"items": […]}`, in the order of the elements.
    pub outputs: Map<String, Value>,
    /// Names among the outputs that are masked.
    pub sensitive: Vec<String>,
}

/// Records the end of a loop, all of whose elements are over.
///
/// # Errors
/// When Postgres cannot be reached; the end may have been recorded all the same, and calling again is safe.
pub async fn loop_finished(
    executor: impl PgExecutor<'_>,
    lease: Lease,
    step: StepId,
    outcome: &LoopOutcome,
) -> Result<Applied> {
    let (code, message) = outcome.error.as_ref().map_or((None, None), |(code, message)| (Some(code), Some(message)));
    let done = sqlx::query_scalar!(
        r#"SELECT lease_loop_finished($1, $2, $3, $4, $5, $6, $7, $8, $9) AS "done!""#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
        step.0,
        outcome.status.as_str(),
        code,
        message,
        Value::Object(outcome.outputs.clone()),
        &outcome.sensitive,
    )
    .fetch_one(executor)
    .await?;
    Ok(Applied::from_row(done.then_some(())))
}

/// Adds what a completed step's own templates make of what it was given from outside (an approval, a child run), and
/// notes in its `wait` that this was done.
///
/// # Errors
/// When Postgres cannot be reached; calling again is safe.
pub async fn step_derived(
    executor: impl PgExecutor<'_>,
    lease: Lease,
    step: StepId,
    outputs: &Map<String, Value>,
    sensitive: &[String],
    variables: &Map<String, Value>,
) -> Result<Applied> {
    let done = sqlx::query_scalar!(
        r#"SELECT lease_step_derived($1, $2, $3, $4, $5, $6, $7) AS "done!""#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
        step.0,
        Value::Object(outputs.clone()),
        sensitive,
        Value::Object(variables.clone()),
    )
    .fetch_one(executor)
    .await?;
    Ok(Applied::from_row(done.then_some(())))
}
