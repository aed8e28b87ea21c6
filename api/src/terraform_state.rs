//! Terraform's HTTP state protocol over the state kept for a resource: `terraform { backend "http" { … } }` with
//! `address`, `lock_address` and `unlock_address` all at `/api/resources/{id}/state` and an API key as the password.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{
    domain::ids::ResourceId,
    store::{
        Connection, audit, secret,
        state::{self, Change, NewState},
    },
};
use utoipa::IntoParams;

use crate::{
    access::{Action, Grant},
    audit::Trail,
    error::{Problem, ProblemDetails},
    extract::{Body, Caller, Path, Query},
    state::AppState,
};

/// Bytes a state may have.
pub(crate) const MAX_STATE_BYTES: usize = 32 * 1024 * 1024;

/// The current state, byte for byte; 204 when there is none.
#[utoipa::path(get, path = "/api/resources/{id}/state", tag = "state", params(("id" = Uuid, Path)),
    responses((status = 200, description = "The state file", body = Object), (status = 204, description = "No state is stored"),
              (status = 404, body = ProblemDetails)))]
pub(crate) async fn read(
    State(app): State<AppState>,
    trail: Trail,
    Path(id): Path<ResourceId>,
) -> Result<Response, Problem> {
    let Some(current) = state::current(app.store.pool(), id).await? else {
        let known = shared::store::resource_list::find(app.store.pool(), id).await?.is_some();
        return if known { Ok(StatusCode::NO_CONTENT.into_response()) } else { Err(unknown(id)) };
    };
    let entry = trail.entry("state.read", format!("resource/{id}")).after(json!({"version": current.version}));
    audit::append(app.store.pool(), &entry).await?;
    let content = app.seals.open_state(&app.store, id.0, current.content).await?;
    let mut response = ([(header::CONTENT_TYPE, "application/json")], content).into_response();
    response.headers_mut().insert("x-slipway-state-version", HeaderValue::from(current.version));
    Ok(response)
}

/// The lock under which a state is written.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LockId {
    /// Id of the lock that the caller holds.
    #[serde(rename = "ID")]
    #[param(rename = "ID")]
    id: Option<String>,
}

/// The parts of a state file that are stored beside it.
#[derive(Deserialize)]
struct StateFile {
    serial: i64,
    #[serde(default)]
    lineage: String,
}

/// Stores a new version of the state.
#[utoipa::path(post, path = "/api/resources/{id}/state", tag = "state", params(("id" = Uuid, Path), LockId),
    request_body(content = Object, content_type = "application/json"),
    responses((status = 200, description = "Stored"), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails),
              (status = 423, description = "Locked; the body is the holder's lock info", body = Object)))]
pub(crate) async fn write(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    Path(id): Path<ResourceId>,
    Query(lock): Query<LockId>,
    headers: HeaderMap,
    Body(content): Body,
) -> Result<Response, Problem> {
    let file: StateFile = serde_json::from_slice(&content)
        .map_err(|_| Problem::bad_request("the body is not a Terraform state: JSON with a `serial` is expected"))?;
    let md5 = headers.get("content-md5").map(|value| BASE64_STANDARD.decode(value.as_bytes()));
    let md5 = md5.transpose().map_err(|_| Problem::bad_request("Content-MD5: not base64"))?;
    if md5.as_ref().is_some_and(|digest| digest[..] != shared::store::state::md5(&content)) {
        return Err(Problem::bad_request("Content-MD5: the body that arrived is not the one that was sent"));
    }
    let team = secret::team_of_resource(app.store.pool(), id).await?.ok_or_else(|| unknown(id))?;
    let sealed = app.seals.seal_state(&app.store, &team, id.0, &content).await?;
    let new = NewState {
        content: &sealed,
        md5: state::md5(&content),
        serial: file.serial,
        lineage: &file.lineage,
        lock_id: lock.id.as_deref(),
        written_by: &caller.name,
    };
    let mut tx = app.store.begin().await?;
    let change = state::write(&mut tx, id, &new).await?;
    record(
        &mut tx,
        &trail,
        id,
        &change,
        json!({"serial": file.serial, "lineage": file.lineage, "bytes": content.len()}),
    )
    .await?;
    crate::commit(tx).await?;
    answer(id, change)
}

/// Removes the state; its versions stay.
#[utoipa::path(delete, path = "/api/resources/{id}/state", tag = "state", params(("id" = Uuid, Path), LockId),
    responses((status = 200, description = "Removed"), (status = 404, body = ProblemDetails),
              (status = 423, description = "Locked; the body is the holder's lock info", body = Object)))]
pub(crate) async fn remove(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    Path(id): Path<ResourceId>,
    Query(lock): Query<LockId>,
) -> Result<Response, Problem> {
    let gone = NewState {
        content: &[],
        md5: state::md5(&[]),
        serial: 0,
        lineage: "",
        lock_id: lock.id.as_deref(),
        written_by: &caller.name,
    };
    let mut tx = app.store.begin().await?;
    let change = state::write(&mut tx, id, &gone).await?;
    record(&mut tx, &trail, id, &change, json!({"removed": true})).await?;
    crate::commit(tx).await?;
    answer(id, change)
}

/// What Terraform says about itself when it locks.
#[derive(Deserialize)]
struct LockInfo {
    #[serde(rename = "ID")]
    id: String,
}

/// `LOCK` and `UNLOCK`, which OpenAPI cannot describe. Locked by someone else: 423 with that holder's lock info.
pub(crate) async fn lock_or_unlock(
    State(app): State<AppState>,
    grant: Grant,
    trail: Trail,
    Path(id): Path<ResourceId>,
    method: Method,
    Body(body): Body,
) -> Result<Response, Problem> {
    let locks = match method.as_str() {
        "LOCK" => true,
        "UNLOCK" => false,
        _ => return Err(crate::routes::method_not_allowed()),
    };
    let invalid = |_| Problem::bad_request("the body is not lock info: JSON with an `ID` is expected");
    // `force-unlock` sends no body: it gives back whatever lock a person holds.
    let info: Option<Value> =
        if body.is_empty() { None } else { Some(serde_json::from_slice(&body).map_err(invalid)?) };
    let lock: Option<LockInfo> = info.clone().map(serde_json::from_value).transpose().map_err(invalid)?;
    if !locks && lock.is_none() {
        grant.also(Action::StateUnlock)?;
    }
    let mut tx = app.store.begin().await?;
    let change = match (locks, info, lock) {
        (true, Some(info), Some(lock)) => state::lock(&mut tx, id, &lock.id, &info).await?,
        (true, ..) => return Err(Problem::bad_request("a lock needs lock info with an `ID`")),
        (false, _, lock) => state::unlock(&mut tx, id, lock.as_ref().map(|lock| lock.id.as_str())).await?,
    };
    record(&mut tx, &trail, id, &change, json!({"locked": locks})).await?;
    crate::commit(tx).await?;
    answer(id, change)
}

/// Records a change of the state, when there was one.
async fn record(
    conn: &mut Connection,
    trail: &Trail,
    id: ResourceId,
    change: &Change,
    after: Value,
) -> Result<(), Problem> {
    if *change == Change::Done {
        audit::record(conn, &trail.entry("state.write", format!("resource/{id}")).after(after)).await?;
    }
    Ok(())
}

fn unknown(id: ResourceId) -> Problem {
    Problem::not_found("resource", id)
}

fn answer(id: ResourceId, change: Change) -> Result<Response, Problem> {
    match change {
        Change::Done => Ok(StatusCode::OK.into_response()),
        Change::Unknown => Err(unknown(id)),
        // The protocol wants the holder's info as it is, not a problem.
        Change::Held(held) => Ok((StatusCode::LOCKED, Json(held.info)).into_response()),
    }
}
