//! Runs, outside of a lease: made, finished, cancelled, retried.

use serde_json::{Map, Value, json};
use sqlx::PgConnection;

use super::{
    Result,
    event::{self, NewEvent},
    notify, resource,
};
use crate::domain::{
    event as events,
    ids::{ApplicationId, ResourceId, RunId},
    run::{Operation, RunStatus, error_code},
    step::StepStatus,
};

mod cancel;
mod create;
mod retry;

pub(super) use cancel::miss_deadline;
pub use cancel::{Cancel, request_cancel};
pub use create::{NewRun, Parent, create_all, create_child, steps_of};
pub(super) use retry::inherit;
pub use retry::{Original, Retry, original, rerun, retry};

/// How a run ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Finish {
    /// Completed, failed or cancelled.
    pub status: RunStatus,
    /// What it gives back; empty unless completed.
    pub outputs: Map<String, Value>,
    /// Names among the outputs that are masked wherever they are shown.
    pub sensitive: Vec<String>,
    /// A code of `domain::run::error_code` and a message for people; set unless completed.
    pub error: Option<(String, String)>,
    /// Who or what ended it.
    pub actor: String,
}

impl Finish {
    /// Success with these outputs.
    #[must_use]
    pub fn completed(outputs: Map<String, Value>, sensitive: Vec<String>) -> Self {
        Self { status: RunStatus::Completed, outputs, sensitive, error: None, actor: "system".into() }
    }

    /// Failure.
    #[must_use]
    pub fn failed(code: &str, message: impl Into<String>) -> Self {
        Self {
            status: RunStatus::Failed,
            outputs: Map::new(),
            sensitive: Vec::new(),
            error: Some((code.into(), message.into())),
            actor: "system".into(),
        }
    }

    /// Stopped at someone's wish.
    #[must_use]
    pub fn cancelled(message: impl Into<String>, actor: impl Into<String>) -> Self {
        Self {
            status: RunStatus::Cancelled,
            outputs: Map::new(),
            sensitive: Vec::new(),
            error: Some((error_code::CANCELLED.into(), message.into())),
            actor: actor.into(),
        }
    }
}

/// Ends a run whose row the caller has locked and found live, with all that follows: its open steps and approvals, its lock
/// on a state, its resource, its events, one NOTIFY. The fence rises unless the run was the caller's own lease, so that tickets go stale.
///
/// # Errors
/// When Postgres cannot be reached.
pub(super) async fn finish(conn: &mut PgConnection, id: RunId, finish: &Finish) -> Result<()> {
    let real;
    let finish = match finish.status {
        RunStatus::Cancelled => {
            real = cancel::end_of_cancelled(conn, id, finish).await?;
            &real
        }
        _ => finish,
    };
    let (code, message) = match &finish.error {
        Some((code, message)) => (Some(code.as_str()), Some(message.as_str())),
        None => (None, None),
    };
    let failed_code = (finish.status == RunStatus::Failed).then_some(code).flatten();
    let run = sqlx::query!(
        r#"UPDATE run SET status = $2, outputs = $3, sensitive_outputs = $6, error_code = $4, error_message = $5, finished_at = now(),
                  fence = fence + CASE WHEN status = 'running' THEN 0 ELSE 1 END,
                  reason = NULL, reason_detail = NULL, suspended_until = NULL, lease_worker_id = NULL, lease_until = NULL
           WHERE id = $1
           RETURNING operation AS "operation: Operation", resource_id AS "resource_id: ResourceId",
                     application_id AS "application_id: ApplicationId""#,
        id.0,
        finish.status.as_str(),
        Value::Object(finish.outputs.clone()),
        failed_code,
        message,
        &finish.sensitive,
    )
    .fetch_one(&mut *conn)
    .await?;
    let open_steps = match finish.status {
        RunStatus::Cancelled => StepStatus::Cancelled,
        _ => StepStatus::Skipped,
    };
    sqlx::query!(
        "WITH closed AS (
             UPDATE step SET status = CASE WHEN status IN ('running', 'waiting') THEN 'cancelled' ELSE $2 END, finished_at = now(),
                    not_before = NULL, wait_until = NULL
             WHERE run_id = $1 AND finished_at IS NULL RETURNING id),
         withdrawn AS (UPDATE approval SET decision = 'withdrawn', decided_at = now(), decided_by = $4
                       WHERE run_id = $1 AND decision IS NULL),
         unlocked AS (DELETE FROM state_lock WHERE resource_id = $3 AND run_id = $1)
         UPDATE attempt SET status = 'cancelled', finished_at = now()
         FROM closed WHERE attempt.step_id = closed.id AND attempt.status = 'running'",
        id.0,
        open_steps.as_str(),
        run.resource_id.map(|id| id.0),
        finish.actor,
    )
    .execute(&mut *conn)
    .await?;
    event::append(
        &mut *conn,
        &[NewEvent {
            kind: events::run_became(finish.status),
            application_id: run.application_id,
            resource_id: run.resource_id,
            run_id: Some(id),
            actor: Some(finish.actor.clone()),
            data: json!({"error_code": code, "error_message": message}),
            ..NewEvent::default()
        }],
    )
    .await?;
    if let Some(resource_id) = run.resource_id {
        resource::run_finished(&mut *conn, resource_id, id, run.operation, finish).await?;
    }
    notify(conn).await
}
