//! Dry runs: a worker renders what a run would do, and starts nothing.

use std::time::Duration;

use axum::{
    Json,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{
    domain::{
        ids::{ResourceId, RunId},
        run::{Operation, RunClass, RunKind, RunStatus},
    },
    formats::{
        registry::{PlanError, Wanted, pins_in},
        workflow::{Unknown, check_inputs},
    },
    secrets::token,
    store::{
        plan::NewPlan,
        resource, resource_list,
        run::{self, NewRun},
        run_list,
    },
};
use utoipa::ToSchema;

use crate::{
    error::{InputError, Problem, ProblemDetails},
    execute::{create, json_body},
    extract::{Body, Caller, Path},
    idempotency::Attempt,
    providers,
    state::AppState,
};

/// How long a request waits for its plan, or half of what it may take in all if that is less. What takes longer is looked at
/// later, under the run's address.
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
    let Some(_permit) = app.streams.wait() else { return Ok(accepted) };
    let pool = app.store.pool();
    let over = async {
        loop {
            match run_list::status(pool, id).await {
                Ok(Some(status)) if !status.is_final() => tokio::time::sleep(LOOK).await,
                ended => return ended,
            }
        }
    };
    let patience = PATIENCE.min(Duration::from_secs(app.config.api.request_timeout_s) / 2);
    let status = tokio::select! {
        ended = tokio::time::timeout(patience, over) => match ended {
            Ok(status) => status?,
            Err(_) => return Ok(accepted),
        },
        () = app.shutdown.cancelled() => return Ok(accepted),
    };
    let Some(run) = run_list::find(pool, id).await? else { return Err(Problem::not_found("workflow run", id)) };
    match status {
        Some(RunStatus::Completed) => {
            let plan = token::masked(run.outputs.get("plan").cloned().unwrap_or(Value::Null));
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

/// What would be done to a resource.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanRequest {
    /// `create`, `read`, `update` or `delete`.
    #[schema(value_type = String, example = "update")]
    operation: Operation,
}

/// Shows what an operation on a resource would run, with the params of the latest generation; runs nothing. Placeholders for
/// other resources' outputs stay as they are written.
#[utoipa::path(post, path = "/api/resources/{id}/plan", tag = "resources",
    params(("id" = Uuid, Path)), request_body = PlanRequest,
    responses((status = 200, body = PreviewAnswer),
              (status = 202, description = "The plan is not there yet", body = crate::workflows::RunAccepted, headers(("Location", description = "The preview"))),
              (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails),
              (status = 422, body = ProblemDetails)))]
pub(crate) async fn of_resource(
    State(app): State<AppState>,
    Caller(caller): Caller,
    OriginalUri(uri): OriginalUri,
    Path(id): Path<ResourceId>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let attempt = Attempt::of(&headers, caller.id, &uri, &body)?;
    let PlanRequest { operation } = json_body(&body)?;
    if operation == Operation::Execute {
        return Err(Problem::bad_request(
            "operation: 'execute' is for golden paths; one of: create, read, update, delete",
        ));
    }
    let mut tx = app.store.begin().await?;
    if let Some(response) = attempt.replay(&mut tx).await? {
        return Ok(response);
    }
    let row = resource_list::find(&mut *tx, id).await?.ok_or_else(|| Problem::not_found("resource", id))?;
    let basis = resource::basis(&mut *tx, id).await?.ok_or_else(|| Problem::not_found("resource", id))?;
    let registry = providers::loaded(&app, &mut tx).await?;
    let wanted = Wanted {
        resource_type: &row.kind,
        operation,
        tags: &row.tags,
        workflow: row.workflow_override.as_deref(),
        pins: &pins_in(&basis.metadata),
        made_by: basis.made_by.as_ref().map(|(provider, version)| (provider.as_str(), version.as_str())),
    };
    let planned =
        registry.plan_for(&wanted).map_err(|error: PlanError| Problem::conflict("no-workflow", error.to_string()))?;
    let inputs = resource::inputs(&basis.params, &row.application, &row.name, &row.kind);
    let inputs = check_inputs(&planned.parameters, &inputs, Unknown::Keep).map_err(|mistakes| {
        let detail = mistakes.iter().map(|mistake| mistake.message.clone()).collect::<Vec<_>>().join("; ");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-inputs", detail)
            .with_errors(mistakes.into_iter().map(InputError::from).collect())
    })?;
    let new = NewRun {
        id: RunId::new(),
        kind: RunKind::Preview,
        operation,
        // A preview holds no resource and no application up.
        resource_id: None,
        application_id: None,
        team: basis.team,
        provider: planned.provider,
        provider_version: planned.provider_version,
        provider_commit: planned.provider_commit,
        workflow: planned.workflow,
        plan: NewPlan::of(&planned.plan)?,
        steps: run::steps_of(&planned.plan),
        inputs: Some(inputs),
        reason: None,
        requested_by: caller.name,
        queue: "default".into(),
        priority: 0,
        class: RunClass::Interactive,
        acts_for: Vec::new(),
    };
    let preview = new.id;
    let accepted = create(&mut tx, &attempt, new).await?;
    crate::commit(tx).await?;
    answer(&app, preview, accepted).await
}
