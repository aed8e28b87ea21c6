//! Runs, made anew: where they stopped, from a step that is named, or with other inputs.

use axum::{
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use shared::{
    domain::{ids::RunId, run::RunKind},
    formats::{
        problem::{did_you_mean, nearest},
        workflow::{self, Unknown},
    },
    store::{
        audit,
        run::{self, Retry},
    },
};
use utoipa::ToSchema;

use crate::{
    access::{Action, Grant},
    audit::Trail,
    error::{InputError, Problem, ProblemDetails},
    execute::{belongs, optional_body},
    extract::{Body, Path},
    idempotency::Attempt,
    state::AppState,
    workflows::location,
};

/// Where to begin again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryRequest {
    /// This step and all that come after it run again; without it, what had not completed.
    #[serde(default)]
    from_step: Option<String>,
}

/// A retry that was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RetryAccepted {
    /// The new run.
    #[schema(value_type = Uuid)]
    id: RunId,
    /// The run it goes on from.
    #[schema(value_type = Uuid)]
    retry_of: RunId,
    /// What to know about the files that its steps find.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// Makes a new run that goes on where a failed or cancelled one stopped, with its outcomes so far; with `from_step`, from
/// that step on.
#[utoipa::path(post, path = "/api/workflows/{id}/retry", tag = "workflows",
    params(("id" = Uuid, Path),
           ("Idempotency-Key" = Option<String>, Header, description = "Carries the request out once, however often it is sent")),
    request_body(content = Option<RetryRequest>, description = "May be empty"),
    responses((status = 202, body = RetryAccepted, headers(("Location", description = "The new run"))),
              (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails), (status = 422, body = ProblemDetails)))]
pub(crate) async fn retry(
    State(app): State<AppState>,
    grant: Grant,
    trail: Trail,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Path(id): Path<RunId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let caller = trail.caller();
    let attempt = Attempt::of(&headers, caller.id, &uri, &body)?;
    let request: RetryRequest = optional_body(&body)?;
    let acting = grant.visible(Action::ApplicationSubmit).await?;
    let mut tx = app.store.begin().await?;
    if let Some(response) = attempt.replay(&mut tx).await? {
        return Ok(response);
    }
    match run::retry(&mut tx, id, request.from_step.as_deref(), &caller.name).await? {
        Retry::Created { id: new, on_changed_files } => {
            run::let_act_for(&mut *tx, new, &acting).await?;
            belongs(&mut tx, new).await?;
            let note = (!on_changed_files.is_empty()).then(|| {
                format!(
                    "{} completed before and run again: they find the workspace as run {id} left it, because steps that stay \
                     done worked on it after them",
                    on_changed_files.join(", ")
                )
            });
            let entry = trail.entry("run.retry", format!("run/{id}"));
            audit::record(&mut tx, &entry.after(json!({"run": new, "from_step": request.from_step}))).await?;
            let accepted = RetryAccepted { id: new, retry_of: id, note };
            let response = attempt.answer(&mut tx, StatusCode::ACCEPTED, Some(location(new)), &accepted).await?;
            crate::commit(tx).await?;
            Ok(response)
        }
        Retry::NotOver(status) => {
            let detail = format!("the run is {status}; only failed and cancelled runs can be retried");
            Err(Problem::conflict("not-retryable", detail).with("run_status", status.as_str()))
        }
        Retry::Superseded => {
            let detail = "the resource has another run, or moved on since; retry its last failed run";
            Err(Problem::conflict("not-retryable", detail))
        }
        Retry::FilesGone => {
            let detail = "the files that it would begin with are not kept any more: those of a run that completed are removed, \
                          and of a long run only the last are kept; retry from a later step, or run it again from its beginning";
            Err(Problem::conflict("files-gone", detail))
        }
        Retry::UnknownStep(steps) => {
            let name = request.from_step.unwrap_or_default();
            let hint = did_you_mean(&nearest(&name, steps.iter().map(String::as_str)));
            let detail = format!("the run has no step '{name}'{hint}; its steps: {}", steps.join(", "));
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown-step", detail))
        }
        Retry::Unknown => Err(Problem::not_found("workflow run", id)),
    }
}

/// Inputs to run with.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RerunRequest {
    /// They take the place of the old run's inputs of these names; null takes one back to its default.
    #[serde(default)]
    #[schema(value_type = Object)]
    inputs: Map<String, Value>,
}

/// A rerun that was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RerunAccepted {
    /// The new run.
    #[schema(value_type = Uuid)]
    id: RunId,
    /// The run whose workflow and inputs it has.
    #[schema(value_type = Uuid)]
    rerun_of: RunId,
}

/// Runs the workflow of a golden path, or of a run that a step started, again from its beginning, with other inputs.
#[utoipa::path(post, path = "/api/workflows/{id}/rerun", tag = "workflows",
    params(("id" = Uuid, Path),
           ("Idempotency-Key" = Option<String>, Header, description = "Carries the request out once, however often it is sent")),
    request_body(content = Option<RerunRequest>, description = "May be empty: the same inputs again"),
    responses((status = 202, body = RerunAccepted, headers(("Location", description = "The new run"))),
              (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails), (status = 422, body = ProblemDetails)))]
pub(crate) async fn rerun(
    State(app): State<AppState>,
    grant: Grant,
    trail: Trail,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Path(id): Path<RunId>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let caller = trail.caller();
    let attempt = Attempt::of(&headers, caller.id, &uri, &body)?;
    let request: RerunRequest = optional_body(&body)?;
    let acting = grant.visible(Action::ApplicationSubmit).await?;
    let mut tx = app.store.begin().await?;
    if let Some(response) = attempt.replay(&mut tx).await? {
        return Ok(response);
    }
    let unknown = || Problem::not_found("workflow run", id);
    let original = run::original(&mut tx, id).await?.ok_or_else(unknown)?;
    if !matches!(original.kind, RunKind::GoldenPath | RunKind::Child) {
        let detail = "only golden paths and the runs that steps started can be run again with other inputs; \
                      a resource's run gets its inputs from the Score file: change it and submit it, or retry the run";
        return Err(Problem::conflict("not-retryable", detail).with("kind", original.kind.as_str()));
    }
    let parameters: Vec<workflow::Parameter> = serde_json::from_value(Value::Array(original.parameters))
        .map_err(|error| Problem::internal(&format!("the parameters of run {id} cannot be read: {error}")))?;
    let mut inputs = original.inputs;
    let changed: Vec<String> = request.inputs.keys().cloned().collect();
    inputs.extend(request.inputs);
    let inputs = workflow::check_inputs(&parameters, &inputs, Unknown::Refuse).map_err(|mistakes| {
        let detail = mistakes.iter().map(|mistake| mistake.message.clone()).collect::<Vec<_>>().join("; ");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-inputs", detail)
            .with_errors(mistakes.into_iter().map(InputError::from).collect())
    })?;
    let new = run::rerun(&mut tx, id, inputs, &caller.name).await?.ok_or_else(unknown)?;
    run::let_act_for(&mut *tx, new, &acting).await?;
    belongs(&mut tx, new).await?;
    let entry = trail.entry("run.rerun", format!("run/{id}"));
    audit::record(&mut tx, &entry.after(json!({"run": new, "changed_inputs": changed}))).await?;
    let accepted = RerunAccepted { id: new, rerun_of: id };
    let response = attempt.answer(&mut tx, StatusCode::ACCEPTED, Some(location(new)), &accepted).await?;
    crate::commit(tx).await?;
    Ok(response)
}
