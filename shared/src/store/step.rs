//! Steps of a run. A worker reads those of a run it holds through its lease (`lease::steps`).

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use sqlx::PgExecutor;

use super::Result;
use crate::domain::{
    ids::{RunId, StepId},
    step::StepStatus,
};

/// One step's row.
#[derive(Clone, Debug, Deserialize)]
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
    Ok(sqlx::query_as!(
        Step,
        r#"SELECT id AS "id: StepId", name, status AS "status: StepStatus", attempts, tries, not_before,
                  extract(epoch FROM not_before - now())::float8 AS wait_s, idempotency_key, checkpoint, outputs, sensitive_outputs, error_code, error_message,
                  variables, wait, released_by IS NOT NULL AS "released!", parent, item, item_index
           FROM step WHERE run_id = $1 ORDER BY position, item_index NULLS FIRST"#,
        run.0,
    )
    .fetch_all(executor)
    .await?)
}
