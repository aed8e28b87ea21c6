//! Steps that run once for each element of a list.

use serde_json::{Map, Value};
use sqlx::PgExecutor;

use super::Lease;
use crate::{
    domain::{event as events, ids::StepId, states::Applied, step::StepStatus},
    store::Result,
};

/// Writes a step for each element of a loop, `<name>.<index>`. The loop's own row stays pending until [`loop_finished`].
///
/// # Errors
/// When Postgres cannot be reached; the steps may have been written all the same, and calling again changes nothing.
pub async fn spread(executor: impl PgExecutor<'_>, lease: Lease, step: StepId, items: &[Value]) -> Result<Applied> {
    let row = sqlx::query_scalar!(
        "WITH lease AS (SELECT id, application_id, resource_id FROM run
                        WHERE id = $1 AND fence = $2 AND status = 'running' FOR NO KEY UPDATE),
         begun AS (UPDATE step SET started_at = coalesce(started_at, now())
                   FROM lease WHERE step.run_id = lease.id AND step.id = $3 AND step.status = 'pending'
                   RETURNING step.name, step.position, step.type, step.idempotency_key),
         made AS (INSERT INTO step (id, run_id, name, position, type, idempotency_key, parent, item, item_index)
                  SELECT given.id, $1, begun.name || '.' || given.index, begun.position, begun.type,
                         begun.idempotency_key || '.' || given.index, begun.name, given.item, given.index
                  FROM begun, UNNEST($4::uuid[], $5::jsonb[], $6::int[]) AS given (id, item, index)
                  ON CONFLICT (run_id, name) DO NOTHING RETURNING 1),
         told AS (INSERT INTO event (type, application_id, resource_id, run_id, step, data)
                  SELECT $7, lease.application_id, lease.resource_id, $1, begun.name, jsonb_build_object('items', cardinality($4::uuid[]))
                  FROM lease, begun WHERE EXISTS (SELECT FROM made))
         SELECT 1 FROM lease",
        lease.run_id.0,
        lease.fence.0,
        step.0,
        &items.iter().map(|_| StepId::new().0).collect::<Vec<_>>(),
        items,
        &(0i32..).take(items.len()).collect::<Vec<_>>(),
        events::STEP_STARTED,
    )
    .fetch_optional(executor)
    .await?;
    Ok(Applied::from_row(row.map(|_| ())))
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
    let row = sqlx::query_scalar!(
        "WITH lease AS (SELECT id, application_id, resource_id FROM run
                        WHERE id = $1 AND fence = $2 AND status = 'running' FOR NO KEY UPDATE),
         ended AS (UPDATE step SET status = $4, error_code = $5, error_message = $6, outputs = $7, sensitive_outputs = $8,
                          started_at = coalesce(started_at, now()), finished_at = now()
                   FROM lease WHERE step.run_id = lease.id AND step.id = $3 AND step.status = 'pending' RETURNING step.name),
         told AS (INSERT INTO event (type, application_id, resource_id, run_id, step, data)
                  SELECT $9, lease.application_id, lease.resource_id, $1, ended.name,
                         jsonb_build_object('status', $4::text, 'error_code', $5::text, 'error_message', $6::text)
                  FROM lease, ended)
         SELECT 1 FROM lease",
        lease.run_id.0,
        lease.fence.0,
        step.0,
        outcome.status.as_str(),
        code,
        message,
        Value::Object(outcome.outputs.clone()),
        &outcome.sensitive,
        events::STEP_FINISHED,
    )
    .fetch_optional(executor)
    .await?;
    Ok(Applied::from_row(row.map(|_| ())))
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
    let row = sqlx::query_scalar!(
        "WITH lease AS (SELECT id FROM run WHERE id = $1 AND fence = $2 AND status = 'running' FOR NO KEY UPDATE),
         added AS (UPDATE step SET outputs = $4, sensitive_outputs = $5, variables = $6,
                          wait = coalesce(wait, '{}') || jsonb_build_object('derived', true)
                   FROM lease WHERE step.run_id = lease.id AND step.id = $3 AND step.status = 'completed')
         SELECT 1 FROM lease",
        lease.run_id.0,
        lease.fence.0,
        step.0,
        Value::Object(outputs.clone()),
        sensitive,
        Value::Object(variables.clone()),
    )
    .fetch_optional(executor)
    .await?;
    Ok(Applied::from_row(row.map(|_| ())))
}
