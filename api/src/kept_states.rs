//! States that step types keep (Terraform's), as people look after them.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    domain::ids::{ResourceId, RunId},
    store::{
        audit, resource_list, secret,
        state::{self, Change, NewState},
        state_list::{self, KeptState, Version},
    },
};
use utoipa::{IntoParams, ToSchema};

use crate::{
    access::Grant,
    audit::Trail,
    error::{Problem, ProblemDetails},
    extract::{Body, Caller, Path, Query},
    page::{Page, Paging},
    state::AppState,
};

/// A state that a step type keeps for a resource.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StateView {
    /// The resource.
    #[schema(value_type = Uuid)]
    pub resource_id: ResourceId,
    /// Its application.
    pub application: String,
    /// Its name there.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The latest version.
    pub version: i64,
    /// The tool's own count.
    pub serial: i64,
    /// Bytes; 0 when it was removed.
    pub bytes: i32,
    /// Who wrote it.
    pub written_by: String,
    /// When.
    pub written_at: DateTime<Utc>,
    /// What the holder of its lock says about itself.
    #[schema(value_type = Option<Object>)]
    pub lock: Option<Value>,
    /// The run that holds its lock.
    #[schema(value_type = Option<Uuid>)]
    pub locked_by_run: Option<RunId>,
    /// Since when a newer one may be lost: a person must decide.
    pub uncertain_since: Option<DateTime<Utc>>,
}

impl From<KeptState> for StateView {
    fn from(row: KeptState) -> Self {
        Self {
            resource_id: row.resource_id,
            application: row.application,
            name: row.name,
            kind: row.kind,
            version: row.version,
            serial: row.serial,
            bytes: row.bytes,
            written_by: row.written_by,
            written_at: row.written_at,
            lock: row.lock,
            locked_by_run: row.locked_by_run,
            uncertain_since: row.uncertain_since,
        }
    }
}

/// Which states to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StateFilter {
    /// Of this application.
    application: Option<String>,
}

/// States that step types keep for resources.
#[utoipa::path(get, path = "/api/states", tag = "state", params(StateFilter, Paging),
    responses((status = 200, body = Page<StateView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    grant: Grant,
    Query(filter): Query<StateFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<StateView>>, Problem> {
    let rows = state_list::page(
        app.store.pool(),
        filter.application.as_deref(),
        grant.teams(),
        paging.before()?,
        paging.rows()?,
    )
    .await?;
    Ok(Json(paging.page(rows, |row| row.resource_id.0, StateView::from)?))
}

/// One version of a state.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VersionView {
    /// Rises by one with each write.
    pub version: i64,
    /// The tool's own count.
    pub serial: i64,
    /// The tool's own id of this line of states.
    pub lineage: String,
    /// Bytes; 0: the state was removed.
    pub bytes: i32,
    /// MD5 of the content, in hex.
    pub md5: String,
    /// The run that wrote it.
    #[schema(value_type = Option<Uuid>)]
    pub run_id: Option<RunId>,
    /// Who wrote it.
    pub written_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

impl From<Version> for VersionView {
    fn from(row: Version) -> Self {
        Self {
            version: row.version,
            serial: row.serial,
            lineage: row.lineage,
            bytes: row.bytes,
            md5: row.md5,
            run_id: row.run_id,
            written_by: row.written_by,
            created_at: row.created_at,
        }
    }
}

async fn known(app: &AppState, id: ResourceId) -> Result<(), Problem> {
    let found = resource_list::find(app.store.pool(), id).await?;
    found.map(|_| ()).ok_or_else(|| Problem::not_found("resource", id))
}

/// The versions of a resource's state, newest first.
#[utoipa::path(get, path = "/api/resources/{id}/state/versions", tag = "state", params(("id" = Uuid, Path), Paging),
    responses((status = 200, body = Page<VersionView>), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn versions(
    State(app): State<AppState>,
    grant: Grant,
    Path(id): Path<ResourceId>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<VersionView>>, Problem> {
    known(&app, id).await?;
    let whole = grant.sees_owner().await?;
    let before = paging.after()?.map(|version| version.parse::<i64>());
    let before = before.transpose().map_err(|_| Problem::bad_request("cursor: not one that Slipway gave out"))?;
    let rows = state_list::versions(app.store.pool(), id, before, paging.rows()?).await?;
    let view = |row: Version| VersionView { run_id: row.run_id.filter(|_| whole), ..VersionView::from(row) };
    Ok(Json(paging.page_by(rows, |row| row.version.to_string(), view)?))
}

/// What was done to a state.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StateAnswer {
    /// For people.
    pub message: String,
}

fn refused(id: ResourceId, change: Change) -> Problem {
    match change {
        Change::Held(held) => {
            let who = held.info.get("Who").and_then(Value::as_str).unwrap_or(&held.lock_id).to_owned();
            let detail = if held.run_id.is_some() {
                format!("{who} holds the state; the lock ends with the run: wait for it, or cancel it")
            } else {
                format!("{who} holds the lock; give it back with `slipway state unlock` if that is sure to be over")
            };
            Problem::conflict("locked", detail).with("lock", held.info)
        }
        Change::Done | Change::Unknown => Problem::not_found("resource", id),
    }
}

/// Gives back a lock that a person or a tool of theirs left behind. A run's lock ends with its run.
#[utoipa::path(post, path = "/api/resources/{id}/state/unlock", tag = "state", params(("id" = Uuid, Path)),
    responses((status = 200, body = StateAnswer), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn unlock(
    State(app): State<AppState>,
    trail: Trail,
    Path(id): Path<ResourceId>,
) -> Result<Json<StateAnswer>, Problem> {
    let mut tx = app.store.begin().await?;
    let change = state::unlock(&mut tx, id, None).await?;
    if change != Change::Done {
        return Err(refused(id, change));
    }
    audit::record(&mut tx, &trail.entry("state.unlock", format!("resource/{id}"))).await?;
    crate::commit(tx).await?;
    Ok(Json(StateAnswer { message: "nobody holds the state".to_owned() }))
}

/// Which version.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StateRollbackRequest {
    /// Its number.
    version: i64,
}

/// Makes the content of an earlier version the newest one.
#[utoipa::path(post, path = "/api/resources/{id}/state/rollback", tag = "state", params(("id" = Uuid, Path)),
    request_body = StateRollbackRequest,
    responses((status = 200, body = StateAnswer), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails),
              (status = 409, body = ProblemDetails)))]
pub(crate) async fn rollback(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    Path(id): Path<ResourceId>,
    Body(body): Body,
) -> Result<Json<StateAnswer>, Problem> {
    let StateRollbackRequest { version } =
        serde_json::from_slice(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    known(&app, id).await?;
    let unknown = || Problem::not_found("version", version);
    let team = secret::team_of_resource(app.store.pool(), id).await?.ok_or_else(unknown)?;
    let mut tx = app.store.begin().await?;
    let old = state_list::earlier(&mut *tx, id, version).await?.ok_or_else(unknown)?;
    let serial = old.newest_serial + 1;
    let content = state_list::with_serial(app.seals.open_state(&app.store, id.0, old.content).await?, serial);
    let sealed = app.seals.seal_state(&app.store, &team, id.0, &content).await?;
    let new = NewState {
        content: &sealed,
        md5: state::md5(&content),
        serial,
        lineage: &old.lineage,
        lock_id: None,
        written_by: &caller.name,
    };
    let change = state::write(&mut tx, id, &new).await?;
    if change != Change::Done {
        return Err(refused(id, change));
    }
    let entry = trail.entry("state.rollback", format!("resource/{id}")).after(json!({"restores": version}));
    audit::record(&mut tx, &entry).await?;
    crate::commit(tx).await?;
    Ok(Json(StateAnswer { message: format!("the state is that of version {version} again") }))
}
