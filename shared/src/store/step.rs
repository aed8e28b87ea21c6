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
}

/// The steps of a run, in the order of its plan.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn list(executor: impl PgExecutor<'_>, run: RunId) -> Result<Vec<Step>> {
    Ok(sqlx::query_as!(
        Step,
        r#"SELECT id AS "id: StepId", name, status AS "status: StepStatus", attempts, tries, not_before,
                  extract(epoch FROM not_before - now())::float8 AS wait_s, idempotency_key, checkpoint, outputs, sensitive_outputs
           FROM step WHERE run_id = $1 ORDER BY position"#,
        run.0
    )
    .fetch_all(executor)
    .await?)
}
