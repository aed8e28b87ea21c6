//! What people want of a worker: to take no new runs, to take some again, to end.

use axum::{Json, extract::State, http::StatusCode};
use serde_json::json;
use shared::{
    domain::{ids::WorkerId, states::Applied},
    store::{
        audit, notify,
        worker::{self, WorkerAsked},
        worker_list,
    },
};

use super::WorkerView;
use crate::{
    audit::Trail,
    error::{Problem, ProblemDetails},
    extract::{Body, Path},
    queues::hold::WhyRequest,
    state::AppState,
};

async fn ask(
    app: &AppState,
    trail: &Trail,
    id: WorkerId,
    asked: WorkerAsked,
    why: &str,
) -> Result<Json<WorkerView>, Problem> {
    let unknown = || Problem::not_found("worker", id);
    let action = match asked {
        WorkerAsked::Serve => "worker.uncordon",
        WorkerAsked::Cordon => "worker.cordon",
        WorkerAsked::Drain => "worker.drain",
    };
    let mut tx = app.store.begin().await?;
    let before = worker_list::find(&mut *tx, app.gone_after_s(), id).await?.ok_or_else(unknown)?;
    match worker::ask(&mut *tx, id, asked, &trail.caller().name, why).await?.ok_or_else(unknown)? {
        Applied::Applied(()) => {}
        Applied::Stale => {
            let detail =
                format!("worker '{id}' ends or has ended (it is {}): nothing else can be asked of it", before.state);
            return Err(Problem::new(StatusCode::CONFLICT, "worker-ends", detail));
        }
    }
    let entry = trail.entry(action, format!("worker/{id}")).before(json!({"name": before.name, "asked": before.asked}));
    audit::record(&mut tx, &entry.after(json!({"name": before.name, "asked": asked, "why": why}))).await?;
    // What it does not take others may.
    notify(&mut tx).await?;
    let after = worker_list::find(&mut *tx, app.gone_after_s(), id).await?.ok_or_else(unknown)?;
    crate::commit(tx).await?;
    Ok(Json(after.into()))
}

/// Has a worker take no new runs until it is told to. What it has goes on.
#[utoipa::path(post, path = "/api/workers/{id}/cordon", tag = "queues", params(("id" = Uuid, Path)),
    request_body(content = Option<WhyRequest>, description = "May be empty"),
    responses((status = 200, body = WorkerView), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails),
              (status = 409, body = ProblemDetails)))]
pub(crate) async fn cordon(
    State(app): State<AppState>,
    trail: Trail,
    Path(id): Path<WorkerId>,
    Body(body): Body,
) -> Result<Json<WorkerView>, Problem> {
    ask(&app, &trail, id, WorkerAsked::Cordon, &WhyRequest::read(&body)?).await
}

/// Has a worker take runs again.
#[utoipa::path(post, path = "/api/workers/{id}/uncordon", tag = "queues", params(("id" = Uuid, Path)),
    responses((status = 200, body = WorkerView), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn uncordon(
    State(app): State<AppState>,
    trail: Trail,
    Path(id): Path<WorkerId>,
) -> Result<Json<WorkerView>, Problem> {
    ask(&app, &trail, id, WorkerAsked::Serve, "").await
}

/// Has a worker end: it takes no new runs, what it has may finish for `worker.drain_s` seconds, and the rest goes back to the queue
/// without using up an attempt.
#[utoipa::path(post, path = "/api/workers/{id}/drain", tag = "queues", params(("id" = Uuid, Path)),
    request_body(content = Option<WhyRequest>, description = "May be empty"),
    responses((status = 200, body = WorkerView), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails),
              (status = 409, body = ProblemDetails)))]
pub(crate) async fn drain(
    State(app): State<AppState>,
    trail: Trail,
    Path(id): Path<WorkerId>,
    Body(body): Body,
) -> Result<Json<WorkerView>, Problem> {
    ask(&app, &trail, id, WorkerAsked::Drain, &WhyRequest::read(&body)?).await
}
