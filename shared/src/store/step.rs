//! Steps, as a worker reads them when it takes a run.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;

use super::Result;
use crate::domain::{
    ids::{RunId, StepId},
    step::StepStatus,
};

/// One step's row.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its id.
    pub id: StepId,
    /// Unique in its run.
    pub name: String,
    /// Where it stands.
    pub status: StepStatus,
    /// Attempts that ended by its own doing.
    pub attempts: i16,
    /// Tries begun, lost ones too.
    pub tries: i16,
    /// Earliest time of the next try, by the database's clock.
    pub not_before: Option<DateTime<Utc>>,
    /// Seconds until then, by the database's clock; none or negative: it may begin.
    pub wait_s: Option<f64>,
    /// Given to the step, stable over retries.
    pub idempotency_key: String,
    /// Where its own workspace is kept, when it ran beside others.
    pub checkpoint: Option<Value>,
    /// What it gave back.
    pub outputs: Value,
    /// Names among the outputs that are masked.
    pub sensitive_outputs: Vec<String>,
    /// Why it failed; set when it did.
    pub error_code: Option<String>,
    /// What its last try that failed said, or why it was skipped.
    pub error_message: Option<String>,
    /// What it set for the steps after it.
    pub variables: Value,
    /// What it waits for, or last waited for.
    pub wait: Option<Value>,
    /// Whether a person said that it may begin.
    pub released: bool,
    /// Of an element of a loop: the loop's step.
    pub parent: Option<String>,
    /// The element.
    pub item: Option<Value>,
    /// The element's number, from 0.
    pub item_index: Option<i32>,
}

/// The steps of a run, in the order of its plan; the elements of a loop come after it.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn list(executor: impl PgExecutor<'_>, run: RunId) -> Result<Vec<Step>> {
    chosen(executor, run, None).await
}

/// Those steps of a run, as they are now.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn some(executor: impl PgExecutor<'_>, run: RunId, ids: &[StepId]) -> Result<Vec<Step>> {
    chosen(executor, run, Some(ids.iter().map(|id| id.0).collect())).await
}

async fn chosen(executor: impl PgExecutor<'_>, run: RunId, ids: Option<Vec<uuid::Uuid>>) -> Result<Vec<Step>> {
    Ok(sqlx::query_as!(
        Step,
        r#"SELECT id AS "id: StepId", name, status AS "status: StepStatus", attempts, tries, not_before,
                  extract(epoch FROM not_before - now())::float8 AS wait_s, idempotency_key, checkpoint, outputs, sensitive_outputs, error_code, error_message,
                  variables, wait, released_by IS NOT NULL AS "released!", parent, item, item_index
           FROM step WHERE run_id = $1 AND ($2::uuid[] IS NULL OR id = ANY ($2)) ORDER BY position, item_index NULLS FIRST"#,
        run.0,
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

/// The steps of a run whose last try was taken from its worker, which said nothing about it any more.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn abandoned(executor: impl PgExecutor<'_>, run: RunId) -> Result<Vec<Abandoned>> {
    Ok(sqlx::query_as!(
        Abandoned,
        r#"SELECT step.name AS step, attempt.number, worker.posture ->> 'engine_id' AS engine
           FROM step JOIN attempt ON attempt.step_id = step.id AND attempt.number = step.tries
           LEFT JOIN worker ON worker.id = attempt.worker_id
           WHERE step.run_id = $1 AND step.status = 'pending' AND attempt.status = 'lost' AND attempt.error_code IS NULL"#,
        run.0
    )
    .fetch_all(executor)
    .await?)
}
