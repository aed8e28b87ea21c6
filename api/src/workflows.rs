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
    domain::{event as events, ids::RunId},
    store::{
        audit,
        event::{self, NewEvent},
        plan,
        run::{self, Cancel},
        run_list::{self, Place},
    },
};
use utoipa::ToSchema;

use crate::{
    access::{Action, Grant},
    audit::Trail,
    conditional,
    error::{Problem, ProblemDetails},
    extract::{Body, Caller, Path, Query},
    page::{self, Newer, Page, Paging},
    resources::{HistoryEntry, Reveal},
    run_filter::RunFilter,
    run_view::{RunView, StepView},
    state::AppState,
};

/// Runs, newest first. `cursor` goes on to older ones, `newer` back to newer ones.
#[utoipa::path(get, path = "/api/workflows", tag = "workflows", params(RunFilter, Newer, Paging),
    responses((status = 200, body = Page<RunView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    grant: Grant,
    Query(filter): Query<RunFilter>,
    Query(Newer { newer }): Query<Newer>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<RunView>>, Problem> {
    let wanted = filter.read(grant.teams().clone())?;
    let place = match (newer, paging.before()?) {
        (Some(_), Some(_)) => return Err(Problem::bad_request("cursor, newer: give one of them")),
        (Some(newer), None) => Place::NewerThan(page::read_cursor("newer", &newer)?),
        (None, Some(older)) => Place::OlderThan(older),
        (None, None) => Place::Newest,
    };
    let rows = run_list::page(app.store.pool(), &wanted, place, paging.rows()?).await?;
    let view = |row| RunView::of(row, false);
    Ok(Json(match place {
        Place::NewerThan(_) => paging.page_of_newer(rows, |row| row.id.0, view)?,
        Place::OlderThan(_) => paging.page(rows, |row| row.id.0, view)?.preceded(|run| run.id.0),
        Place::Newest => paging.page(rows, |row| row.id.0, view)?,
    }))
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
    grant: Grant,
    Caller(caller): Caller,
    trail: Trail,
    Path(id): Path<RunId>,
    Query(Reveal { reveal }): Query<Reveal>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let pool = app.store.pool();
    if reveal {
        grant.also(Action::RunReveal)?;
    }
    let row = run_list::find_as(pool, id, grant.mentions_with_owner().await?)
        .await?
        .ok_or_else(|| Problem::not_found("workflow run", id))?;
    let steps = run_list::steps(pool, id).await?;
    let given = plan::given(pool, id).await?;
    let mut attempts: HashMap<_, Vec<_>> = HashMap::new();
    for attempt in run_list::attempts(pool, id).await? {
        attempts.entry(attempt.step_id).or_default().push(attempt);
    }
    if reveal {
        let names: Vec<&String> = steps.iter().flat_map(|step| &step.sensitive_outputs).collect();
        let entry = trail.entry("run.reveal", format!("run/{id}")).after(json!({"names": names}));
        audit::append(pool, &entry).await?;
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
    let (mut row, mut steps) = (row, steps);
    if reveal {
        let (seals, store, team) = (&app.seals, &app.store, row.team.clone());
        row.outputs = seals.reveal(store, &team, row.outputs).await?;
        if let Some(inputs) = row.inputs.take() {
            row.inputs = Some(seals.reveal(store, &team, inputs).await?);
        }
        for step in &mut steps {
            step.outputs = seals.reveal(store, &team, step.outputs.take()).await?;
        }
    }
    let detail = RunDetail {
        run: RunView::of(row, reveal),
        steps: steps
            .into_iter()
            .map(|step| {
                let tries = attempts.remove(&step.id).unwrap_or_default();
                StepView::of(step, tries, &given, reveal)
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
    trail: Trail,
    Path(id): Path<RunId>,
    Body(body): Body,
) -> Result<(StatusCode, Json<CancelAnswer>), Problem> {
    let request: CancelRequest = crate::execute::optional_body(&body)?;
    let reason: String =
        request.reason.unwrap_or_else(|| format!("cancelled by {}", caller.name)).chars().take(500).collect();
    let mut tx = app.store.begin().await?;
    let outcome = run::request_cancel(&mut tx, id, &caller.name, &reason).await?;
    if let Cancel::Cancelled | Cancel::Requested = outcome {
        let after = json!({"over": matches!(outcome, Cancel::Cancelled), "reason": reason});
        audit::record(&mut tx, &trail.entry("run.cancel", format!("run/{id}")).after(after)).await?;
    }
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
