//! Batches: one operation on very many resources, looked at before it begins, in waves, with a way back.

pub(crate) mod act;
pub(crate) mod item;
mod preview;
mod request;
mod view;

use axum::{
    Json,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::json;
use shared::{
    batch as survey,
    domain::{
        access::Visible,
        batch::{BatchOperation, BatchStatus},
        event::BATCH_CREATED,
    },
    store::{
        Connection, audit,
        batch::{self, Batch, NewBatch},
        notify,
    },
};
use utoipa::IntoParams;
use uuid::Uuid;

use self::{
    preview::PreviewView,
    request::BatchRequest,
    view::{BatchDetail, BatchFailure, BatchView, StageView},
};
use crate::{
    access::{Action, Grant},
    audit::Trail,
    error::{Problem, ProblemDetails},
    extract::{Body, Caller, Path, Query},
    idempotency::Attempt,
    page::{Page, Paging, choice},
    providers,
    state::AppState,
};

/// Resources that could not be done, as told with a batch.
const TOLD: i64 = 100;
/// Resources that a batch may be for where an instance's own policies have each of them looked at.
const MOST_JUDGED: i64 = 5_000;

/// What one may do to one resource if one may do this to many.
fn each(operation: BatchOperation) -> Action {
    match operation {
        BatchOperation::Update | BatchOperation::Reprovision => Action::ResourceReconcile,
        BatchOperation::Read => Action::ResourceRefresh,
        BatchOperation::Delete => Action::ResourceForget,
        BatchOperation::Retry => Action::ResourceRetry,
    }
}

/// Makes a batch of all resources that a selector chooses, which waits for approval; or says what it would do. Which resources
/// these are is fixed now.
#[utoipa::path(post, path = "/api/batches", tag = "batches", request_body = BatchRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "Carries the request out once, however often it is sent")),
    responses((status = 200, body = PreviewView, description = "A dry run"),
              (status = 201, body = BatchDetail, headers(("Location", description = "The batch"))),
              (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails), (status = 409, body = ProblemDetails),
              (status = 422, body = ProblemDetails)))]
pub(crate) async fn create(
    State(app): State<AppState>,
    grant: Grant,
    trail: Trail,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let attempt = Attempt::of(&headers, trail.caller().id, &uri, &body)?;
    let request: BatchRequest =
        serde_json::from_slice(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    let new = request.read(trail.caller(), visible(&grant, request.operation()).await?)?;
    let most = i64::from(app.config.batches.most);
    let most = if grant.looks_at_each() { most.min(MOST_JUDGED) } else { most };
    let mut tx = app.store.begin().await?;
    if let Some(response) = attempt.replay(&mut tx).await? {
        return Ok(response);
    }
    let batch = chosen(&mut tx, &new, most).await?;
    if grant.looks_at_each() {
        judge_each(&mut tx, &grant, &batch).await?;
    }
    let registry = providers::loaded(&app, &mut tx).await?;
    known_version(&registry, &new)?;
    let preview = survey::survey(&mut tx, &registry, &batch).await?;
    if request.dry_run() {
        // Nothing of it is kept.
        return Ok(Json(PreviewView::of(&preview)?).into_response());
    }
    if let Some(seen) = request.digest()
        && seen != preview.digest
    {
        return Err(changed("what would be done is not what was looked at any more: look at it again")
            .with("preview", serde_json::to_value(&preview).unwrap_or_default()));
    }
    let after = json!({"operation": new.operation, "select": new.shown_selector, "resources": batch.total, "digest": preview.digest,
                       "provider_version": new.provider_version, "params": new.params, "reason": new.reason});
    audit::record(&mut tx, &trail.entry("batch.create", format!("batch/{}", batch.id)).after(after)).await?;
    survey::plan_ways(&mut tx, &registry, &batch).await?;
    batch::tell(&mut tx, batch.id, BATCH_CREATED, &trail.caller().name).await?;
    notify(&mut tx).await?;
    if request.approve() {
        let batch = batch::find(&mut *tx, batch.id).await?.ok_or_else(|| unknown(batch.id))?;
        act::may_approve(&app, &grant, &trail, &batch).await?;
        act::record_approval(&mut tx, &trail, &batch).await?;
    }
    let detail = detail(&mut tx, batch.id).await?;
    let place = format!("/api/batches/{}", batch.id);
    let response = attempt.answer(&mut tx, StatusCode::CREATED, Some(place), &detail).await?;
    crate::commit(tx).await?;
    Ok(response)
}

/// The teams in which the caller may do this to many, and to each.
async fn visible(grant: &Grant, operation: BatchOperation) -> Result<Visible, Problem> {
    let each = each(operation);
    let visible = match (grant.teams(), grant.visible(each).await?) {
        (Visible::All, other) => other,
        (Visible::Teams(teams), other) => {
            Visible::Teams(teams.iter().filter(|team| other.has(team)).cloned().collect())
        }
    };
    if visible == Visible::Teams(Vec::new()) {
        // What is not for them one by one is not in a batch either.
        return Err(grant.refused_everywhere(each));
    }
    Ok(visible)
}

/// Fixes which resources it is for.
async fn chosen(conn: &mut Connection, new: &NewBatch, most: i64) -> Result<Batch, Problem> {
    let (id, count) = batch::create(&mut *conn, new, most).await?;
    if count == 0 {
        let detail = format!(
            "no resource that you may {} and that this can be done to is chosen by '{}'",
            new.operation, new.shown_selector
        );
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "nothing-selected", detail));
    }
    if count > most {
        let detail =
            format!("the selector chooses more than {most} resources, the most that one batch may be for: narrow it");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "too-many-resources", detail).with("most", most));
    }
    batch::find(conn, id).await?.ok_or_else(|| unknown(id))
}

/// Leaves the resources out that a policy forbids one by one.
async fn judge_each(conn: &mut Connection, grant: &Grant, batch: &Batch) -> Result<(), Problem> {
    let mut refused = Vec::new();
    for resource in batch::open_resources(&mut *conn, batch.id, MOST_JUDGED).await? {
        if let Some(why) = grant.refusal_of_resource(each(batch.operation), resource).await? {
            refused.push((resource, why));
        }
    }
    Ok(batch::refuse(conn, batch.id, &refused).await?)
}

/// Refuses a version that no provider of the selector's is loaded in.
fn known_version(registry: &shared::formats::registry::Registry, new: &NewBatch) -> Result<(), Problem> {
    let Some(version) = &new.provider_version else { return Ok(()) };
    for term in &new.selector.providers {
        let loaded = registry.versions(&term.name);
        if !loaded.contains(&version.as_str()) {
            let detail = format!(
                "provider_version: {}@{version} is not loaded; there is {}",
                term.name,
                if loaded.is_empty() { "none".to_owned() } else { loaded.join(", ") }
            );
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no-version", detail));
        }
    }
    Ok(())
}

pub(super) fn unknown(id: Uuid) -> Problem {
    Problem::not_found("batch", id)
}

pub(super) fn changed(detail: &str) -> Problem {
    Problem::conflict("preview-changed", detail)
}

/// A batch with its waves, its preview and what it could not do.
pub(super) async fn detail(conn: &mut Connection, id: Uuid) -> Result<BatchDetail, Problem> {
    let batch = batch::find(&mut *conn, id).await?.ok_or_else(|| unknown(id))?;
    let stages = batch::stages(&mut *conn, id).await?.into_iter().map(StageView::from).collect();
    let failures = batch::failures(&mut *conn, id, TOLD).await?.into_iter().map(BatchFailure::from).collect();
    let preview = PreviewView::read(batch.preview.clone())?.with_plans(&mut *conn, id).await?;
    Ok(BatchDetail { batch: BatchView::from(batch), stages, preview, failures })
}

/// Which batches.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BatchQuery {
    /// `awaiting_approval`, `approval_void`, `running`, `paused`, `stopped`, `aborted`, `completed`, `rolling_back` or `rolled_back`.
    status: Option<String>,
    /// `next_cursor` of the page before; without it, the first page.
    cursor: Option<String>,
    /// Items a page has at most, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
}

/// Batches: one's own, and those about resources of one's teams alone, newest first.
#[utoipa::path(get, path = "/api/batches", tag = "batches", params(BatchQuery),
    responses((status = 200, body = Page<BatchView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    grant: Grant,
    Caller(caller): Caller,
    Query(query): Query<BatchQuery>,
) -> Result<Json<Page<BatchView>>, Problem> {
    let status: Option<BatchStatus> = choice("status", query.status.as_deref())?;
    let paging = Paging { cursor: query.cursor, limit: query.limit };
    let pool = app.store.pool();
    let rows = batch::page(pool, None, status, caller.id, grant.teams(), paging.before()?, paging.rows()?).await?;
    Ok(Json(paging.page(rows, |row| row.id, BatchView::from)?))
}

/// The batch, if it is the caller's or of these teams alone.
pub(super) async fn find(conn: &mut Connection, visible: &Visible, caller: Uuid, id: Uuid) -> Result<Batch, Problem> {
    let found = batch::page(conn, Some(id), None, caller, visible, None, 1).await?.pop();
    found.ok_or_else(|| unknown(id))
}

/// How a batch stands, what it would do or does, and what it could not.
#[utoipa::path(get, path = "/api/batches/{id}", tag = "batches", params(("id" = Uuid, Path)),
    responses((status = 200, body = BatchDetail), (status = 404, body = ProblemDetails)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    grant: Grant,
    Caller(caller): Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<BatchDetail>, Problem> {
    let mut tx = app.store.begin().await?;
    find(&mut tx, grant.teams(), caller.id, id).await?;
    Ok(Json(detail(&mut tx, id).await?))
}
