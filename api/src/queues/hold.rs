//! Pausing a queue, letting it go on, and what its runs' priorities are counted from.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::store::{
    StoreTransaction, audit,
    queue::{self, Figures, Hold},
};
use utoipa::ToSchema;

use super::{QueueAnswer, answer, unknown};
use crate::{
    access::Grant,
    audit::Trail,
    error::{Problem, ProblemDetails},
    execute::json_body,
    extract::{Body, Path},
    state::AppState,
};

/// Characters of a reason.
const MAX_WHY: usize = 500;

/// Why, for whoever wonders.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WhyRequest {
    /// In words, 500 characters at most.
    reason: String,
}

impl WhyRequest {
    /// The reason in a body, which may be empty.
    pub(crate) fn read(body: &[u8]) -> Result<String, Problem> {
        let request: Self = if body.is_empty() { Self::default() } else { json_body(body)? };
        let why = request.reason.trim();
        if why.chars().count() > MAX_WHY {
            return Err(Problem::bad_request(format!("reason: at most {MAX_WHY} characters")));
        }
        Ok(why.to_owned())
    }
}

/// What the audit log says of a queue.
fn told(queue: &Figures) -> Value {
    json!({"paused": queue.paused_at.is_some(), "why": queue.paused_why, "draining": queue.draining, "priority": queue.priority})
}

async fn find(app: &AppState, tx: &mut StoreTransaction, name: &str) -> Result<Figures, Problem> {
    queue::find(&mut **tx, app.gone_after_s(), name).await?.ok_or_else(|| unknown(name))
}

/// Records a change of a queue that was made, and commits both.
async fn settle(
    app: &AppState,
    mut tx: StoreTransaction,
    trail: &Trail,
    action: &str,
    before: &Figures,
) -> Result<(), Problem> {
    let after = find(app, &mut tx, &before.name).await?;
    let entry = trail.entry(action, format!("queue/{}", before.name)).before(told(before)).after(told(&after));
    audit::record(&mut tx, &entry).await?;
    crate::commit(tx).await
}

async fn hold(
    app: &AppState,
    trail: &Trail,
    grant: &Grant,
    name: &str,
    body: &[u8],
    drain: bool,
) -> Result<Json<QueueAnswer>, Problem> {
    let why = WhyRequest::read(body)?;
    let mut tx = app.store.begin().await?;
    let before = find(app, &mut tx, name).await?;
    let hold = Hold { by: &trail.caller().name, why: &why, drain };
    if !queue::pause(&mut tx, name, hold).await? {
        // Workers say that they serve it, and nothing was ever sent there.
        return Err(unknown(name));
    }
    settle(app, tx, trail, if drain { "queue.drain" } else { "queue.pause" }, &before).await?;
    Ok(Json(answer(app, grant, name).await?))
}

/// Pauses a queue: nothing of it begins until it is resumed. What runs goes on; what waits says `QueuePaused`.
#[utoipa::path(post, path = "/api/queues/{name}/pause", tag = "queues", params(("name" = String, Path)),
    request_body(content = Option<WhyRequest>, description = "May be empty"),
    responses((status = 200, body = QueueAnswer), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn pause(
    State(app): State<AppState>,
    trail: Trail,
    grant: Grant,
    Path(name): Path<String>,
    Body(body): Body,
) -> Result<Json<QueueAnswer>, Problem> {
    hold(&app, &trail, &grant, &name, &body, false).await
}

/// Pauses a queue and tells when nothing of it runs any more: its `state` is `drained` then, and there is an event
/// `queue.drained`.
#[utoipa::path(post, path = "/api/queues/{name}/drain", tag = "queues", params(("name" = String, Path)),
    request_body(content = Option<WhyRequest>, description = "May be empty"),
    responses((status = 200, body = QueueAnswer), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn drain(
    State(app): State<AppState>,
    trail: Trail,
    grant: Grant,
    Path(name): Path<String>,
    Body(body): Body,
) -> Result<Json<QueueAnswer>, Problem> {
    hold(&app, &trail, &grant, &name, &body, true).await
}

/// Lets a paused queue go on. One that is not paused stays as it is.
#[utoipa::path(post, path = "/api/queues/{name}/resume", tag = "queues", params(("name" = String, Path)),
    responses((status = 200, body = QueueAnswer), (status = 404, body = ProblemDetails)))]
pub(crate) async fn resume(
    State(app): State<AppState>,
    trail: Trail,
    grant: Grant,
    Path(name): Path<String>,
) -> Result<Json<QueueAnswer>, Problem> {
    let mut tx = app.store.begin().await?;
    let before = find(&app, &mut tx, &name).await?;
    if queue::resume(&mut tx, &name, &trail.caller().name).await? {
        settle(&app, tx, &trail, "queue.resume", &before).await?;
    }
    Ok(Json(answer(&app, &grant, &name).await?))
}

/// What is to be changed of a queue; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueueChange {
    /// What the priorities of its runs are counted from, when they are made: from -100 to 100. A run that asks for no priority
    /// of its own has this one. Those that are made already keep theirs.
    priority: Option<i16>,
}

/// Changes what the priorities of a queue's runs are counted from.
#[utoipa::path(patch, path = "/api/queues/{name}", tag = "queues", params(("name" = String, Path)), request_body = QueueChange,
    responses((status = 200, body = QueueAnswer), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn change(
    State(app): State<AppState>,
    trail: Trail,
    grant: Grant,
    Path(name): Path<String>,
    Body(body): Body,
) -> Result<Json<QueueAnswer>, Problem> {
    let request: QueueChange = json_body(&body)?;
    let Some(priority) = request.priority else {
        return Err(Problem::bad_request("priority: nothing else can be changed, so say which"));
    };
    if !(-100..=100).contains(&priority) {
        return Err(Problem::bad_request("priority: from -100 to 100"));
    }
    let mut tx = app.store.begin().await?;
    let before = find(&app, &mut tx, &name).await?;
    queue::set_priority(&mut *tx, &name, priority).await?;
    settle(&app, tx, &trail, "queue.write", &before).await?;
    Ok(Json(answer(&app, &grant, &name).await?))
}
