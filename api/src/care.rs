//! Resources that a person looks after: looked at for drift, made anew as wanted, taken as they are, let go of, or made elsewhere.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use shared::{
    domain::{
        ids::{ResourceId, RunId},
        resource::ResourceState,
    },
    secrets::token,
    store::{
        audit::{self, Entry},
        resource::{self, Care, Decided, Imported, ReadRequest},
        resource_list, secret, snapshot,
    },
};
use utoipa::{IntoParams, ToSchema};

use crate::{
    access::Grant,
    audit::Trail,
    error::{Problem, ProblemDetails},
    execute::optional_body,
    extract::{Body, Caller, Path, Query},
    outputs,
    resources::ResourceView,
    state::AppState,
};

/// What a wish was answered with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Asked {
    /// The resource.
    #[schema(value_type = Uuid)]
    pub id: ResourceId,
    /// What happens now.
    pub message: String,
}

fn unknown(id: ResourceId) -> Problem {
    Problem::not_found("resource", id)
}

/// Has a resource looked at by its provider's read workflow: outputs are refreshed, and what differs from what was made is kept
/// as its drift.
#[utoipa::path(post, path = "/api/resources/{id}/read", tag = "resources", params(("id" = Uuid, Path)),
    responses((status = 202, body = Asked), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn read(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    Path(id): Path<ResourceId>,
) -> Result<(StatusCode, Json<Asked>), Problem> {
    let mut tx = app.store.begin().await?;
    match resource::request_read(&mut tx, id, &caller.name).await? {
        ReadRequest::Requested => {}
        ReadRequest::Unknown => return Err(unknown(id)),
        ReadRequest::NotThere(state) => {
            let detail = format!("the resource is {state}; only what is active or degraded can be looked at");
            return Err(Problem::conflict("not-readable", detail).with("state", state.as_str()));
        }
    }
    audit::record(&mut tx, &trail.entry("resource.refresh", format!("resource/{id}"))).await?;
    crate::commit(tx).await?;
    let message = "the resource will be looked at".to_owned();
    Ok((StatusCode::ACCEPTED, Json(Asked { id, message })))
}

/// Runs the resource's update workflow though nothing that is asked for has changed: puts an end to drift.
#[utoipa::path(post, path = "/api/resources/{id}/reconcile", tag = "resources", params(("id" = Uuid, Path)),
    responses((status = 202, body = Asked), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn reconcile(
    State(app): State<AppState>,
    trail: Trail,
    Path(id): Path<ResourceId>,
) -> Result<(StatusCode, Json<Asked>), Problem> {
    let row = resource_list::find(app.store.pool(), id).await?.ok_or_else(|| unknown(id))?;
    let mut tx = app.store.begin().await?;
    if !resource::request_reconcile(&mut tx, id).await? {
        let detail =
            format!("resource '{}' is {}; only what is active or degraded can be made as wanted", row.name, row.state);
        return Err(Problem::conflict("not-reconcilable", detail).with("state", row.state.as_str()));
    }
    let entry = trail.entry("resource.reconcile", format!("resource/{id}")).before(json!({"state": row.state}));
    audit::record(&mut tx, &entry).await?;
    crate::commit(tx).await?;
    let message = format!("resource '{}' will be made as it is wanted", row.name);
    Ok((StatusCode::ACCEPTED, Json(Asked { id, message })))
}

/// Why a person decides.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decision {
    /// Kept in the history.
    #[serde(default)]
    reason: String,
}

/// A resource that was made elsewhere.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportRequest {
    /// What it gives, by name: what its provider's create workflow would have given.
    #[serde(default)]
    #[schema(value_type = Object)]
    outputs: Map<String, Value>,
    /// Names among the outputs that are masked wherever they are shown.
    #[serde(default)]
    sensitive: Vec<String>,
    /// Kept in the history.
    #[serde(default)]
    reason: String,
}

async fn answer(
    app: &AppState,
    mut tx: shared::store::StoreTransaction,
    id: ResourceId,
    care: Care,
    to: &str,
    entry: Entry,
) -> Result<Json<ResourceView>, Problem> {
    match care {
        Care::Done => {}
        Care::Unknown => return Err(unknown(id)),
        Care::Busy(run) => {
            let detail = format!("the run {run} works on it: wait for its end, or cancel it first");
            return Err(Problem::conflict("busy", detail).with("run_id", run.to_string()));
        }
        Care::Leaving => {
            return Err(Problem::conflict(
                "leaving",
                "the resource should be gone; to let go of it without its workflow, forget it",
            ));
        }
        Care::NotNow(state) => {
            let detail = format!("the resource is {state}; it cannot be {to}");
            return Err(Problem::conflict("wrong-state", detail).with("state", state.as_str()));
        }
    }
    audit::record(&mut tx, &entry).await?;
    crate::commit(tx).await?;
    let row = resource_list::find(app.store.pool(), id).await?.ok_or_else(|| unknown(id))?;
    Ok(Json(ResourceView::of(row, false)))
}

/// Takes a failed or degraded resource as it is: active, without a run. Its kept state counts as the right one.
#[utoipa::path(post, path = "/api/resources/{id}/adopt", tag = "resources", params(("id" = Uuid, Path)), request_body = Decision,
    responses((status = 200, body = ResourceView), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn adopt(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    Path(id): Path<ResourceId>,
    Body(body): Body,
) -> Result<Json<ResourceView>, Problem> {
    let Decision { reason } = optional_body(&body)?;
    let mut tx = app.store.begin().await?;
    let care = resource::adopt(&mut tx, id, Decided { actor: &caller.name, reason: &reason }).await?;
    let entry = trail.entry("resource.adopt", format!("resource/{id}")).after(json!({"reason": reason}));
    answer(&app, tx, id, care, "adopted", entry).await
}

/// Says that a resource was made elsewhere, and what it gives: active, without a run.
#[utoipa::path(post, path = "/api/resources/{id}/import", tag = "resources", params(("id" = Uuid, Path)), request_body = ImportRequest,
    responses((status = 200, body = ResourceView), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails),
              (status = 409, body = ProblemDetails)))]
pub(crate) async fn import(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    Path(id): Path<ResourceId>,
    Body(body): Body,
) -> Result<Json<ResourceView>, Problem> {
    let ImportRequest { outputs, sensitive, reason } = optional_body(&body)?;
    if let Some(name) = sensitive.iter().find(|name| !outputs.contains_key(*name)) {
        return Err(Problem::bad_request(format!("sensitive: there is no output '{name}'")));
    }
    if let Some((name, _)) = outputs.iter().find(|(_, value)| token::find(value).is_some()) {
        let detail =
            format!("outputs: '{name}' holds a text that is how Slipway writes a sealed value, and cannot be given");
        return Err(Problem::bad_request(detail));
    }
    let mut outputs = outputs;
    let team = secret::team_of_resource(app.store.pool(), id).await?.ok_or_else(|| unknown(id))?;
    for name in &sensitive {
        if let Some(value) = outputs.get_mut(name) {
            app.seals.seal_value(&app.store, &team, id.0, value).await?;
        }
    }
    let after = json!({"outputs": outputs.keys().collect::<Vec<_>>(), "reason": reason});
    let entry = trail.entry("resource.import", format!("resource/{id}")).after(after);
    let mut tx = app.store.begin().await?;
    let decided = Decided { actor: &caller.name, reason: &reason };
    let care = resource::import(&mut tx, id, &Imported { outputs, sensitive }, decided).await?;
    answer(&app, tx, id, care, "imported", entry).await
}

/// Lets go of a resource: it counts as gone, and what is there is not touched.
#[utoipa::path(post, path = "/api/resources/{id}/forget", tag = "resources", params(("id" = Uuid, Path)), request_body = Decision,
    responses((status = 200, body = ResourceView), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn forget(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    Path(id): Path<ResourceId>,
    Body(body): Body,
) -> Result<Json<ResourceView>, Problem> {
    let Decision { reason } = optional_body(&body)?;
    let mut tx = app.store.begin().await?;
    let row = resource_list::find(&mut *tx, id).await?.ok_or_else(|| unknown(id))?;
    if row.protected && row.state != ResourceState::Terminated {
        return Err(Problem::conflict("protected", format!("resource '{}' is protected from deletion", row.name)));
    }
    let care = resource::forget(&mut tx, id, Decided { actor: &caller.name, reason: &reason }).await?;
    let entry = trail.entry("resource.forget", format!("resource/{id}"));
    let entry = entry.before(json!({"state": row.state, "name": row.name})).after(json!({"reason": reason}));
    answer(&app, tx, id, care, "forgotten", entry).await
}

/// The moment that is asked about.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Moment {
    /// RFC 3339, as `2026-01-31T14:05:00Z`.
    at: DateTime<Utc>,
}

/// A resource as it was.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResourceAt {
    /// The resource.
    #[schema(value_type = Uuid)]
    pub id: ResourceId,
    /// Its name.
    pub name: String,
    /// Its application.
    pub application: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The moment.
    pub at: DateTime<Utc>,
    /// Where it stood; none: nothing was recorded of it by then.
    pub state: Option<String>,
    /// Since when.
    pub state_since: Option<DateTime<Utc>>,
    /// Why, when it had failed or was degraded.
    #[schema(value_type = Option<Object>)]
    pub state_data: Option<Value>,
    /// The generation of its application that was in force.
    pub generation: Option<i32>,
    /// What that generation asked of it, as written.
    #[schema(value_type = Option<Object>)]
    pub asked: Option<Value>,
    /// The provider of the last run that had completed.
    pub provider: Option<String>,
    /// That provider's version.
    pub provider_version: Option<String>,
    /// The last run that had completed; none when it was pruned since.
    #[schema(value_type = Option<Uuid>)]
    pub made_by: Option<RunId>,
    /// What that run gave back; sensitive values are `***`.
    #[schema(value_type = Option<Object>)]
    pub outputs: Option<Value>,
    /// The run that worked on it at that moment.
    #[schema(value_type = Option<Uuid>)]
    pub live_run: Option<RunId>,
}

/// What a resource looked like at a moment.
#[utoipa::path(get, path = "/api/resources/{id}/snapshot", tag = "resources", params(("id" = Uuid, Path), Moment),
    responses((status = 200, body = ResourceAt), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn at(
    State(app): State<AppState>,
    grant: Grant,
    Path(id): Path<ResourceId>,
    Query(Moment { at }): Query<Moment>,
) -> Result<Json<ResourceAt>, Problem> {
    let row = resource_list::find(app.store.pool(), id).await?.ok_or_else(|| unknown(id))?;
    let whole = grant.sees_owner().await?;
    let then = snapshot::at(app.store.pool(), id, at).await?;
    let mut sensitive = row.sensitive_outputs;
    sensitive.extend(then.sensitive.unwrap_or_default());
    Ok(Json(ResourceAt {
        id,
        name: row.name,
        application: row.application,
        kind: row.kind,
        at,
        state: then.state,
        state_since: then.state_since,
        state_data: then.state_data,
        generation: then.generation,
        asked: then.asked,
        provider: then.provider,
        provider_version: then.provider_version,
        made_by: then.made_by.filter(|_| whole),
        outputs: then.outputs.map(|all| outputs::masked(all, |name| sensitive.iter().any(|it| it == name))),
        live_run: then.live_run.filter(|_| whole),
    }))
}
