//! Dry runs: a worker renders what a run would do, and starts nothing.

use std::time::Duration;

use axum::{Json, http::StatusCode, response::IntoResponse as _, response::Response};
use serde::Serialize;
use serde_json::Value;
use shared::{
    domain::{
        ids::RunId,
        run::{Operation, RunStatus},
    },
    store::run_list,
};
use utoipa::ToSchema;

use crate::{error::Problem, state::AppState};

/// How long a request waits for its plan. What takes longer is looked at later, under the run's address.
const PATIENCE: Duration = Duration::from_secs(15);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// What a run would do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PreviewAnswer {
    /// The preview, kept for an hour.
    #[schema(value_type = Uuid)]
    pub id: RunId,
    /// The workflow.
    pub workflow: String,
    /// Its provider.
    pub provider: String,
    /// That provider's version.
    pub provider_version: String,
    /// `create`, `read`, `update`, `delete` or `execute`.
    #[schema(value_type = String, example = "execute")]
    pub operation: Operation,
    /// Steps in their order, with rendered configuration, image, privileges and condition, and what is unknown until run time.
    #[schema(value_type = Object)]
    pub plan: Value,
}

/// Waits for the plan; when it does not come in time, `accepted` says where it will be.
pub(crate) async fn answer(app: &AppState, id: RunId, accepted: Response) -> Result<Response, Problem> {
    // As many may wait as may stream: both hold a connection for long.
    let Ok(_permit) = app.streams.try_acquire() else { return Ok(accepted) };
    let pool = app.store.pool();
    let over = async {
        loop {
            match run_list::status(pool, id).await {
                Ok(Some(status)) if !status.is_final() => tokio::time::sleep(LOOK).await,
                ended => return ended,
            }
        }
    };
    let status = tokio::select! {
        ended = tokio::time::timeout(PATIENCE, over) => match ended {
            Ok(status) => status?,
            Err(_) => return Ok(accepted),
        },
        () = app.shutdown.cancelled() => return Ok(accepted),
    };
    let Some(run) = run_list::find(pool, id).await? else { return Err(Problem::not_found("workflow run", id)) };
    match status {
        Some(RunStatus::Completed) => {
            let plan = run.outputs.get("plan").cloned().unwrap_or(Value::Null);
            let answer = PreviewAnswer {
                id,
                workflow: run.workflow,
                provider: run.provider,
                provider_version: run.provider_version,
                operation: run.operation,
                plan,
            };
            Ok(Json(answer).into_response())
        }
        _ => {
            let detail = run.error_message.unwrap_or_else(|| "the plan could not be made".into());
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-plan", detail).with("run_id", id.to_string()))
        }
    }
}
