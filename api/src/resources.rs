//! Resources: what applications asked for, how it stands, what it gives.

mod view;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{
    domain::{access::Visible, event as events, ids::ResourceId},
    secrets::token,
    store::{
        audit,
        event::{self, NewEvent, OfResource, feed::Cursor},
        resource, resource_list, secret,
    },
};
use utoipa::IntoParams;
use uuid::Uuid;

pub(crate) use self::view::{HistoryEntry, ResourceView};
use self::view::{OutputView, ResourceDetail, ResourceRetry, ResourceUse};
use crate::{
    access::{Action, Grant},
    audit::Trail,
    conditional,
    error::{Problem, ProblemDetails},
    extract::{Caller, Path, Query},
    page::{Page, Paging, choice, selector},
    state::AppState,
};

/// Events shown with a resource.
const HISTORY: i64 = 100;
/// Users shown with a resource.
const USERS: u64 = 100;

/// Which resources to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ResourceFilter {
    /// Of this type.
    #[serde(rename = "type")]
    #[param(rename = "type")]
    kind: Option<String>,
    /// In this state.
    state: Option<String>,
    /// Used by the application of this name.
    application: Option<String>,
    /// Served by the provider of this name.
    provider: Option<String>,
    /// Whose own name begins so.
    name: Option<String>,
    /// `key=value`, `key!=value`, `key`, `!key`, separated by commas.
    labels: Option<String>,
}

/// Resources, newest first. Terminated ones are listed with `state=terminated` only.
#[utoipa::path(get, path = "/api/resources", tag = "resources", params(ResourceFilter, Paging),
    responses((status = 200, body = Page<ResourceView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    grant: Grant,
    Query(filter): Query<ResourceFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<ResourceView>>, Problem> {
    let wanted = resource_list::Filter {
        kind: filter.kind,
        state: choice("state", filter.state.as_deref())?,
        application: filter.application,
        provider: filter.provider,
        name: filter.name,
        labels: selector(filter.labels.as_deref())?,
        visible: grant.teams().clone(),
    };
    let rows = resource_list::page(app.store.pool(), &wanted, paging.before()?, paging.rows()?).await?;
    Ok(Json(paging.page(rows, |row| row.id.0, |row| ResourceView::of(row, false))?))
}

/// What happened, for whoever asks: other users of a shared resource learn how it fared, not what its owner's runs did.
async fn history(grant: &Grant, events: Vec<event::Event>) -> Result<Vec<HistoryEntry>, Problem> {
    let entries = events.into_iter().map(HistoryEntry::from);
    if grant.sees_owner().await? {
        return Ok(entries.collect());
    }
    let told = entries.filter(|entry| entry.kind.starts_with("resource."));
    let without = |entry| HistoryEntry { actor: "-".into(), run_id: None, step: None, data: json!({}), ..entry };
    Ok(told.map(without).collect())
}

/// Whether sensitive outputs are shown.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Reveal {
    /// Shows sensitive outputs; that it was done is recorded in the history.
    #[serde(default)]
    pub(crate) reveal: bool,
}

/// One resource, with outputs and history.
#[utoipa::path(get, path = "/api/resources/{id}", tag = "resources", params(("id" = Uuid, Path), Reveal),
    responses((status = 200, body = ResourceDetail), (status = 304), (status = 404, body = ProblemDetails)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    grant: Grant,
    Caller(caller): Caller,
    trail: Trail,
    Path(id): Path<ResourceId>,
    Query(Reveal { reveal }): Query<Reveal>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let pool = app.store.pool();
    if reveal {
        grant.also(Action::ResourceReveal)?;
    }
    let visible = grant.mentions().await?;
    let row = resource_list::find_as(pool, id, visible.clone()).await?;
    let mut row = row.ok_or_else(|| Problem::not_found("resource", id))?;
    // Params may hold what another resource gave back as sensitive.
    let (mut resolved_params, mut applied_params) =
        (row.resolved_params.clone().filter(|_| reveal), row.applied_params.clone().filter(|_| reveal));
    let mut params_too = false;
    if reveal && let Some(team) = secret::team_of_resource(pool, id).await? {
        row.outputs = app.seals.reveal(&app.store, &team, row.outputs).await?;
        for params in [&mut resolved_params, &mut applied_params].into_iter().flatten() {
            let opened = app.seals.reveal(&app.store, &team, params.clone()).await?;
            params_too |= opened != *params;
            *params = opened;
        }
    }
    // What it was made of may be another resource's secret.
    if reveal && (params_too || !row.sensitive_outputs.is_empty()) {
        let shown = json!({"names": row.sensitive_outputs, "params": params_too});
        let entry = trail.entry("resource.reveal", format!("resource/{id}"));
        audit::append(pool, &entry.after(shown.clone())).await?;
        let revealed = NewEvent {
            kind: events::OUTPUTS_REVEALED.into(),
            application_id: Some(row.application_id),
            resource_id: Some(id),
            actor: Some(caller.name),
            data: shown,
            ..NewEvent::default()
        };
        event::append(pool, &[revealed]).await?;
    }
    let users = page_of_users(&app, id, &visible, &Paging { cursor: None, limit: Some(USERS) }).await?;
    let detail = ResourceDetail {
        resource: ResourceView::of(row, reveal),
        resolved_params,
        applied_params,
        depends_on: resource_list::dependencies(pool, id, &visible).await?,
        used_by: users.items,
        used_by_cursor: users.next_cursor,
        history: history(&grant, event::of_resource(pool, id, OfResource::default(), HISTORY).await?).await?,
    };
    conditional::json(&headers, &detail)
}

async fn page_of_users(
    app: &AppState,
    id: ResourceId,
    visible: &Visible,
    paging: &Paging,
) -> Result<Page<ResourceUse>, Problem> {
    let after = paging.after_parts(|[application, name]| Some((application.parse::<Uuid>().ok()?, name.to_owned())))?;
    let after = after.as_ref().map(|(application, name)| (*application, name.as_str()));
    let rows = resource_list::users(app.store.pool(), id, visible, after, paging.rows()?).await?;
    paging.page_by(rows, |it| format!("{}/{}", it.application_id, it.name), ResourceUse::from)
}

/// The applications that use a resource, as far as the caller may know of them: the oldest first.
#[utoipa::path(get, path = "/api/resources/{id}/users", tag = "resources", params(("id" = Uuid, Path), Paging),
    responses((status = 200, body = Page<ResourceUse>), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn users(
    State(app): State<AppState>,
    grant: Grant,
    Path(id): Path<ResourceId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<ResourceUse>>, Problem> {
    let visible = grant.mentions().await?;
    Ok(Json(page_of_users(&app, id, &visible, &paging).await?))
}

/// Which part of a resource's history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HistoryFilter {
    /// Only what became of the resource itself, and not what its runs did.
    #[serde(default)]
    own: bool,
}

/// What happened to a resource, newest first, as far back as events are kept.
#[utoipa::path(get, path = "/api/resources/{id}/history", tag = "resources", params(("id" = Uuid, Path), HistoryFilter, Paging),
    responses((status = 200, body = Page<HistoryEntry>), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn all_history(
    State(app): State<AppState>,
    grant: Grant,
    Path(id): Path<ResourceId>,
    Query(HistoryFilter { own }): Query<HistoryFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<HistoryEntry>>, Problem> {
    let before = paging.after_parts(|[place]| place.parse::<Cursor>().ok())?;
    // Whoever does not see its runs' doings is not led past pages of them.
    let own = own || !grant.sees_owner().await?;
    let rows = event::of_resource(app.store.pool(), id, OfResource { own, before }, paging.rows()?).await?;
    let Page { items, next_cursor, previous_cursor } =
        paging.page_by(rows, |event| event.cursor().to_string(), |event| event)?;
    Ok(Json(Page { items: history(&grant, items).await?, next_cursor, previous_cursor }))
}

/// One output of a resource, as it is. That a sensitive one was read is recorded.
#[utoipa::path(get, path = "/api/resources/{id}/outputs/{name}", tag = "resources",
    params(("id" = Uuid, Path), ("name" = String, Path)),
    responses((status = 200, body = OutputView), (status = 404, body = ProblemDetails)))]
pub(crate) async fn output(
    State(app): State<AppState>,
    trail: Trail,
    Path((id, name)): Path<(ResourceId, String)>,
) -> Result<Json<OutputView>, Problem> {
    let pool = app.store.pool();
    let mut row = resource_list::find(pool, id).await?.ok_or_else(|| Problem::not_found("resource", id))?;
    let value = row.outputs.get_mut(&name).map(Value::take);
    let Some(mut value) = value else {
        let name: String = name.chars().take(128).collect();
        return Err(Problem::not_found("output", name));
    };
    let sensitive = row.sensitive_outputs.contains(&name);
    if sensitive || token::is_in(&value) {
        let entry = trail.entry("resource.reveal", format!("resource/{id}"));
        audit::append(pool, &entry.after(json!({"names": [&name]}))).await?;
        let team = secret::team_of_resource(pool, id).await?.unwrap_or_default();
        value = app.seals.reveal(&app.store, &team, value).await?;
    }
    Ok(Json(OutputView { name, value, sensitive }))
}

/// Has a failed resource resolved once more: after a provider for its type was added, say. To go on with the run that
/// failed, retry that run.
#[utoipa::path(post, path = "/api/resources/{id}/retry", tag = "resources", params(("id" = Uuid, Path)),
    responses((status = 202, body = ResourceRetry), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn retry(
    State(app): State<AppState>,
    trail: Trail,
    Path(id): Path<ResourceId>,
) -> Result<(StatusCode, Json<ResourceRetry>), Problem> {
    let row = resource_list::find(app.store.pool(), id).await?.ok_or_else(|| Problem::not_found("resource", id))?;
    let mut tx = app.store.begin().await?;
    if !resource::request_retry(&mut tx, id).await? {
        let detail = format!("resource '{}' is {}; only failed resources can be tried again", row.name, row.state);
        return Err(Problem::conflict("not-retryable", detail).with("state", row.state.as_str()));
    }
    let entry = trail.entry("resource.retry", format!("resource/{id}")).before(json!({"state": row.state}));
    audit::record(&mut tx, &entry).await?;
    crate::commit(tx).await?;
    let message = format!("resource '{}' will be resolved again", row.name);
    Ok((StatusCode::ACCEPTED, Json(ResourceRetry { id, message })))
}
