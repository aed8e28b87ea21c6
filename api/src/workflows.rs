//! Runs: listed, looked at, cancelled, retried. Starting one by hand is in `execute.rs`, its log in `logs.rs`.

use std::collections::HashMap;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    domain::{
        event as events,
        ids::{ResourceId, RunId},
    },
    store::{
        event::{self, NewEvent},
        run::{self, Cancel},
        run_list,
    },
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    conditional,
    error::{Problem, ProblemDetails},
    extract::{Body, Caller, Path, Query},
    page::{Page, Paging, choice},
    resources::{HistoryEntry, Reveal},
    run_view::{RunView, StepView},
    state::AppState,
};

/// Which runs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RunFilter {
    /// `pending`, `queued`, `running`, `suspended`, `completed`, `failed` or `cancelled`.
    status: Option<String>,
    /// `resource`, `golden_path`, `child` or `preview`; without it, all but previews.
    kind: Option<String>,
    /// `create`, `read`, `update`, `delete` or `execute`.
    operation: Option<String>,
    /// On the resource of this id.
    resource: Option<Uuid>,
    /// For the application of this name.
    application: Option<String>,
    /// Of the workflow of this name.
    workflow: Option<String>,
    /// Of the provider of this name.
    provider: Option<String>,
    /// In the queue of this name.
    queue: Option<String>,
    /// Of the team of this name.
    team: Option<String>,
    /// Started by a step of the run of this id.
    parent: Option<Uuid>,
}

/// Runs, newest first.
#[utoipa::path(get, path = "/api/workflows", tag = "workflows", params(RunFilter, Paging),
    responses((status = 200, body = Page<RunView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    Query(filter): Query<RunFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<RunView>>, Problem> {
    let wanted = run_list::Filter {
        id: None,
        status: choice("status", filter.status.as_deref())?,
        kind: choice("kind", filter.kind.as_deref())?,
        operation: choice("operation", filter.operation.as_deref())?,
        resource_id: filter.resource.map(ResourceId),
        application: filter.application,
        workflow: filter.workflow,
        provider: filter.provider,
        queue: filter.queue,
        team: filter.team,
        parent: filter.parent.map(RunId),
    };
    let rows = run_list::page(app.store.pool(), &wanted, paging.before()?, paging.rows()?).await?;
    Ok(Json(paging.page(rows, |row| row.id.0, |row| RunView::of(row, false))?))
}

/// A run with its steps and history.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunDetail {
    /// The run.
    #[serde(flatten)]
    pub run: RunView,
    /// Its steps, in the order of the workflow.
    pub steps: Vec<StepView>,
    /// The last hundred things that happened to it, newest first.
    pub history: Vec<HistoryEntry>,
}

/// One run: steps, attempts, timings, outputs, and why it waits.
#[utoipa::path(get, path = "/api/workflows/{id}", tag = "workflows", params(("id" = Uuid, Path), Reveal),
    responses((status = 200, body = RunDetail), (status = 304), (status = 404, body = ProblemDetails)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    Caller(caller): Caller,
    Path(id): Path<RunId>,
    Query(Reveal { reveal }): Query<Reveal>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let pool = app.store.pool();
    let row = run_list::find(pool, id).await?.ok_or_else(|| Problem::not_found("workflow run", id))?;
    let steps = run_list::steps(pool, id).await?;
    let mut attempts: HashMap<_, Vec<_>> = HashMap::new();
    for attempt in run_list::attempts(pool, id).await? {
        attempts.entry(attempt.step_id).or_default().push(attempt);
    }
    if reveal {
        let names: Vec<&String> = steps.iter().flat_map(|step| &step.sensitive_outputs).collect();
        let revealed = NewEvent {
            kind: events::OUTPUTS_REVEALED.into(),
            application_id: row.application_id,
            resource_id: row.resource_id,
            run_id: Some(id),
            actor: Some(caller.name),
            data: json!({"names": names}),
            ..NewEvent::default()
        };
        event::append(pool, &[revealed]).await?;
    }
    let detail = RunDetail {
        run: RunView::of(row, reveal),
        steps: steps
            .into_iter()
            .map(|step| {
                let tries = attempts.remove(&step.id).unwrap_or_default();
                StepView::of(step, tries, reveal)
            })
            .collect(),
        history: event::of_run(pool, id, 100).await?.into_iter().map(HistoryEntry::from).collect(),
    };
    conditional::json(&headers, &detail)
}

/// Why a run is to stop.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelRequest {
    /// For the people who find it cancelled.
    #[serde(default)]
    pub reason: Option<String>,
}

/// What became of the request to cancel.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CancelAnswer {
    /// The run.
    #[schema(value_type = Uuid)]
    pub id: RunId,
    /// `cancelled`, or `cancelling` while its worker stops the containers.
    pub status: &'static str,
}

/// Cancels a run. A running one ends when its containers have stopped.
#[utoipa::path(post, path = "/api/workflows/{id}/cancel", tag = "workflows", params(("id" = Uuid, Path)),
    request_body(content = Option<CancelRequest>, description = "May be empty"),
    responses((status = 202, body = CancelAnswer), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn cancel(
    State(app): State<AppState>,
    Caller(caller): Caller,
    Path(id): Path<RunId>,
    Body(body): Body,
) -> Result<(StatusCode, Json<CancelAnswer>), Problem> {
    let request = if body.is_empty() { CancelRequest::default() } else { crate::execute::json_body(&body)? };
    let reason: String =
        request.reason.unwrap_or_else(|| format!("cancelled by {}", caller.name)).chars().take(500).collect();
    let mut tx = app.store.begin().await?;
    let outcome = run::request_cancel(&mut tx, id, &caller.name, &reason).await?;
    crate::commit(tx).await?;
    let status = match outcome {
        Cancel::Cancelled => "cancelled",
        Cancel::Requested => "cancelling",
        Cancel::Over(status) => {
            let detail = format!("the run is {status} already");
            return Err(Problem::conflict("run-over", detail).with("run_status", status.as_str()));
        }
        Cancel::Unknown => return Err(Problem::not_found("workflow run", id)),
    };
    Ok((StatusCode::ACCEPTED, Json(CancelAnswer { id, status })))
}

/// A run that was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunAccepted {
    /// The new run.
    #[schema(value_type = Uuid)]
    pub id: RunId,
    /// The run it goes on from.
    #[schema(value_type = Option<Uuid>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<RunId>,
}

/// Where a run is found.
pub(crate) fn location(id: RunId) -> String {
    format!("/api/workflows/{id}")
}
