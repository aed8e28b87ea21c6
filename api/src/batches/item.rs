//! The resources of a batch, one by one: how each stands, what changes, and what would be run for it.

use axum::{
    Json,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::{
    batch as survey,
    domain::{
        batch::{ItemStatus, effective, overridden},
        change::{self, Change},
        ids::{ResourceId, RunId},
        resource::ResourceState,
    },
    secrets::token,
    store::{
        Connection,
        batch::{self, Batch, Item, ItemFilter, ItemPlan},
    },
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{find, preview::BatchPlanView};
use crate::{
    access::{Action, Grant},
    error::{Problem, ProblemDetails},
    execute::accepted,
    extract::{Body, Caller, Path, Query},
    idempotency::Attempt,
    page::{Page, Paging, choice},
    preview::{self, PreviewAnswer},
    providers,
    state::AppState,
};

/// A place of a resource's params that would be another.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchChangeView {
    /// JSON pointer to the place.
    path: String,
    /// What is there; none: nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// What would be; none: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
}

impl From<Change> for BatchChangeView {
    fn from(change: Change) -> Self {
        let (before, after) = (change.before.map(token::masked), change.after.map(token::masked));
        Self { path: change.path, before, after }
    }
}

/// One resource of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchItemView {
    /// Its place in the batch, from 1.
    position: i32,
    /// The number of its wave, from 1.
    wave: i32,
    /// `open`, `running`, `succeeded`, `failed` or `skipped`.
    #[schema(value_type = String, example = "open")]
    status: ItemStatus,
    /// The resource.
    #[schema(value_type = Uuid)]
    resource_id: ResourceId,
    /// Its name.
    resource: Option<String>,
    /// Its application.
    application: Option<String>,
    /// That application's team.
    team: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Its environment; empty: it has none.
    environment: Option<String>,
    /// The state that the resource is in now.
    #[schema(value_type = Option<String>)]
    state: Option<ResourceState>,
    /// Its provider.
    provider: Option<String>,
    /// The version that it had.
    from_version: Option<String>,
    /// The version that it gets.
    to_version: Option<String>,
    /// By this workflow.
    workflow: Option<String>,
    /// What changes of its params.
    changes: Vec<BatchChangeView>,
    /// The run that works on it, or did.
    #[schema(value_type = Option<Uuid>)]
    run_id: Option<RunId>,
    /// Why it is as it is.
    detail: Option<String>,
    /// When its run was made, or it was left out.
    started_at: Option<DateTime<Utc>>,
    /// When it was done.
    finished_at: Option<DateTime<Utc>>,
    /// Where its way back stands; none: it is not taken back.
    #[schema(value_type = Option<String>)]
    undo: Option<ItemStatus>,
    /// The run that takes it back.
    #[schema(value_type = Option<Uuid>)]
    undo_run_id: Option<RunId>,
    /// Why that is as it is.
    undo_detail: Option<String>,
}

impl BatchItemView {
    pub(super) fn of(item: Item, batch: &Batch) -> Self {
        let none = || Value::Object(Map::new());
        let params = item.params.unwrap_or_else(none);
        let before = match &item.before {
            Some(before) => before.get("overrides").cloned().unwrap_or_else(none),
            None => item.overrides.unwrap_or_else(none),
        };
        let after = overridden(&before, &batch.params);
        let changes = change::between(&effective(&params, &before), &effective(&params, &after));
        Self {
            position: item.position,
            wave: item.wave + 1,
            status: item.status,
            resource_id: item.resource_id,
            resource: item.resource,
            application: item.application,
            team: item.team,
            kind: item.kind,
            environment: item.environment,
            state: item.state,
            provider: item.provider,
            from_version: item.from_version,
            to_version: item.to_version,
            workflow: item.workflow,
            changes: changes.into_iter().map(BatchChangeView::from).collect(),
            run_id: item.run_id,
            detail: item.detail,
            started_at: item.started_at,
            finished_at: item.finished_at,
            undo: item.undo,
            undo_run_id: item.undo_run_id,
            undo_detail: item.undo_detail,
        }
    }
}

/// One resource of a batch, with what would be run for it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchItemDetail {
    /// The resource.
    #[serde(flatten)]
    item: BatchItemView,
    /// The workflow that made it what it was; none: nothing did yet.
    from_workflow: Option<String>,
    /// How its plan stands; none: nobody asked for one.
    plan: Option<BatchPlanView>,
    /// The plan itself, once it is ready.
    preview: Option<PreviewAnswer>,
}

/// The plan of a preview that is over.
fn answer(plan: ItemPlan) -> Option<PreviewAnswer> {
    Some(PreviewAnswer {
        id: plan.run_id?,
        workflow: plan.workflow?,
        provider: plan.provider?,
        provider_version: plan.provider_version?,
        operation: plan.operation?,
        plan: token::masked(plan.plan?),
    })
}

/// Which resources of a batch.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ItemQuery {
    /// `open`, `running`, `succeeded`, `failed` or `skipped`.
    status: Option<String>,
    /// Of the wave of this number, from 1.
    wave: Option<i32>,
    /// `next_cursor` of the page before; without it, the first page.
    cursor: Option<String>,
    /// Items a page has at most, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
}

/// The resources of a batch, in the order in which it comes to them.
#[utoipa::path(get, path = "/api/batches/{id}/items", tag = "batches", params(("id" = Uuid, Path), ItemQuery),
    responses((status = 200, body = Page<BatchItemView>), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    grant: Grant,
    Caller(caller): Caller,
    Path(id): Path<Uuid>,
    Query(query): Query<ItemQuery>,
) -> Result<Json<Page<BatchItemView>>, Problem> {
    let status: Option<ItemStatus> = choice("status", query.status.as_deref())?;
    let wave = match query.wave {
        Some(wave) if wave < 1 => return Err(Problem::bad_request("wave: a number from 1")),
        wave => wave.map(|wave| wave - 1),
    };
    let paging = Paging { cursor: query.cursor, limit: query.limit };
    let after = match paging.after()? {
        None => 0,
        Some(place) => place.parse().map_err(|_| Problem::bad_request("cursor: not one that Slipway gave out"))?,
    };
    let mut tx = app.store.begin().await?;
    let batch = find(&mut tx, grant.teams(), caller.id, id).await?;
    let rows = batch::items(&mut *tx, id, ItemFilter { status, wave, resource: None }, after, paging.rows()?).await?;
    Ok(Json(paging.page_by_name(rows, |row| &row.place, |row| BatchItemView::of(row, &batch))?))
}

/// The resource, if it is of the batch.
async fn one(conn: &mut Connection, id: Uuid, resource: ResourceId) -> Result<Item, Problem> {
    let filter = ItemFilter { resource: Some(resource), ..ItemFilter::default() };
    let found = batch::items(conn, id, filter, 0, 1).await?.pop();
    found.ok_or_else(|| Problem::not_found("resource of the batch", resource))
}

/// One resource of a batch: what changes of it, and what would be run for it as far as a plan was asked for.
#[utoipa::path(get, path = "/api/batches/{id}/items/{resource}", tag = "batches",
    params(("id" = Uuid, Path), ("resource" = Uuid, Path, description = "The resource's id")),
    responses((status = 200, body = BatchItemDetail), (status = 404, body = ProblemDetails)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    grant: Grant,
    Caller(caller): Caller,
    Path((id, resource)): Path<(Uuid, ResourceId)>,
) -> Result<Json<BatchItemDetail>, Problem> {
    let mut tx = app.store.begin().await?;
    let batch = find(&mut tx, grant.teams(), caller.id, id).await?;
    let item = one(&mut tx, id, resource).await?;
    let from_workflow = batch::workflow_before(&mut *tx, id, resource).await?;
    let plan = batch::plans(&mut *tx, id, &[resource], true).await?.pop();
    Ok(Json(BatchItemDetail {
        item: BatchItemView::of(item, &batch),
        from_workflow,
        plan: plan.as_ref().map(BatchPlanView::from),
        preview: plan.and_then(answer),
    }))
}

/// Shows what the batch would run for one of its resources, as the batch would do it: by its version, with its params. Runs nothing.
/// When no worker makes the plan in time, the answer says where it will be.
#[utoipa::path(post, path = "/api/batches/{id}/items/{resource}/plan", tag = "batches",
    params(("id" = Uuid, Path), ("resource" = Uuid, Path, description = "The resource's id"),
           ("Idempotency-Key" = Option<String>, Header, description = "Carries the request out once, however often it is sent")),
    responses((status = 200, body = PreviewAnswer),
              (status = 202, body = crate::workflows::RunAccepted, headers(("Location", description = "The preview"))),
              (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails),
              (status = 422, body = ProblemDetails)))]
pub(crate) async fn plan(
    State(app): State<AppState>,
    grant: Grant,
    Caller(caller): Caller,
    OriginalUri(uri): OriginalUri,
    Path((id, resource)): Path<(Uuid, ResourceId)>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let attempt = Attempt::of(&headers, caller.id, &uri, &body)?;
    let mut tx = app.store.begin().await?;
    if let Some(response) = attempt.replay(&mut tx).await? {
        return Ok(response);
    }
    let known = grant.visible(Action::BatchRead).await?;
    let batch = find(&mut tx, &known, caller.id, id).await?;
    let item = one(&mut tx, id, resource).await?;
    grant.to_resource(grant.action(), item.resource_id).await?;
    let registry = providers::loaded(&app, &mut tx).await?;
    let Some(asked) = survey::plan_item(&mut tx, &registry, &batch, resource, &caller.name).await? else {
        let detail = match item.status {
            ItemStatus::Open => "it was removed: there is nothing to plan".to_owned(),
            status => format!("the batch has come to it already, it is {status}: its run says what was done"),
        };
        return Err(Problem::conflict("batch-state", detail).with("item_status", item.status.as_str()));
    };
    match asked {
        Ok(run) => {
            let accepted = accepted(&mut tx, &attempt, run).await?;
            crate::commit(tx).await?;
            preview::answer(&app, run, accepted).await
        }
        Err(why) => {
            // Whoever looks at the batch is told the same.
            crate::commit(tx).await?;
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no-plan", why))
        }
    }
}
