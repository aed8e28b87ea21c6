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
    /// What its last try that failed said.
    pub error_message: Option<String>,
}

/// The steps of a run, in the order of its plan.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn list(executor: impl PgExecutor<'_>, run: RunId) -> Result<Vec<Step>> {
    Ok(sqlx::query_as!(
        Step,
        r#"SELECT id AS "id: StepId", name, status AS "status: StepStatus", attempts, tries, not_before,
                  extract(epoch FROM not_before - now())::float8 AS wait_s, idempotency_key, checkpoint, outputs, sensitive_outputs, error_message
           FROM step WHERE run_id = $1 ORDER BY position"#,
        run.0
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
