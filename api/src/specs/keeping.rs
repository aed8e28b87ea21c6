//! How long an application is kept: protection from deletion, and a time to live.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    domain::access::Visible,
    store::{
        application::{self, Protection},
        audit, resource_list,
    },
};
use utoipa::ToSchema;

use super::RESOURCES;
use crate::{
    audit::Trail,
    error::{Problem, ProblemDetails},
    extract::{Body, Caller, Path},
    state::AppState,
};

/// What is to be protected, or to be so no more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProtectionRequest {
    /// Whether it may not be deleted.
    protected: bool,
    /// One resource of the application; without it, the application and all that it has.
    resource: Option<String>,
}

/// How something is protected now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProtectionAnswer {
    /// The application.
    pub name: String,
    /// The resource, when it is one.
    pub resource: Option<String>,
    /// Whether it may not be deleted now.
    pub protected: bool,
    /// For people.
    pub message: String,
}

/// Protects an application or one of its resources from deletion, or lifts that.
#[utoipa::path(put, path = "/api/specs/{name}/protection", tag = "specs", params(("name" = String, Path)),
    request_body(content = ProtectionRequest),
    responses((status = 200, body = ProtectionAnswer), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn protect(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    Path(name): Path<String>,
    Body(body): Body,
) -> Result<Json<ProtectionAnswer>, Problem> {
    let request: ProtectionRequest =
        serde_json::from_slice(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    let mut tx = app.store.begin().await?;
    let resource = request.resource.as_deref();
    match application::protect(&mut tx, &name, resource, request.protected, &caller.name).await? {
        Protection::Set => {}
        Protection::UnknownApplication => return Err(Problem::not_found("application", &name)),
        Protection::UnknownResource => {
            return Err(Problem::not_found("resource", format!("{name}/{}", resource.unwrap_or_default())));
        }
    }
    let found = application::find(&mut *tx, &name).await?.ok_or_else(|| Problem::not_found("application", &name))?;
    let protected = match resource {
        None => found.protected,
        Some(resource) => {
            let all = resource_list::of_application(&mut *tx, found.id, None, &Visible::All, RESOURCES).await?;
            all.iter().any(|row| row.name == resource && !row.absent && row.protected)
        }
    };
    let entry = trail.entry("application.protect", format!("application/{name}"));
    let after = json!({"resource": resource, "asked": request.protected, "protected": protected});
    audit::record(&mut tx, &entry.team(found.team).after(after)).await?;
    crate::commit(tx).await?;
    let what = resource.map_or_else(|| format!("'{name}'"), |resource| format!("'{name}/{resource}'"));
    let message = match (request.protected, protected) {
        (false, true) => format!(
            "{what} is still protected by its spec: submit it without the annotation slipway.dev/deletion-protection"
        ),
        (_, true) => format!("{what} is protected from deletion"),
        (_, false) => format!("{what} may be deleted"),
    };
    Ok(Json(ProtectionAnswer { name, resource: request.resource, protected, message }))
}

/// How long an application is to live.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TtlRequest {
    /// From now on, as `8h`; null: until it is deleted.
    ttl: Option<String>,
}

/// How long an application lives now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TtlAnswer {
    /// The application.
    pub name: String,
    /// When it will be deleted by itself.
    pub expires_at: Option<DateTime<Utc>>,
    /// For people.
    pub message: String,
}

/// Gives an application another time to live, from now on, or no end.
#[utoipa::path(put, path = "/api/specs/{name}/ttl", tag = "specs", params(("name" = String, Path)),
    request_body(content = TtlRequest),
    responses((status = 200, body = TtlAnswer), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails),
              (status = 409, body = ProblemDetails)))]
pub(crate) async fn extend(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    Path(name): Path<String>,
    Body(body): Body,
) -> Result<Json<TtlAnswer>, Problem> {
    let request: TtlRequest = serde_json::from_slice(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    let seconds = request.ttl.as_deref().map(shared::submission::ttl).transpose();
    let seconds = seconds.map_err(|wrong| Problem::bad_request(format!("ttl: {wrong}")))?;
    let mut tx = app.store.begin().await?;
    application::lock_name(&mut tx, &name).await?;
    let found = application::find(&mut *tx, &name).await?.ok_or_else(|| Problem::not_found("application", &name))?;
    if found.delete_requested_at.is_some() {
        return Err(Problem::conflict("being-deleted", format!("'{name}' is deleted, or being so")));
    }
    let expires_at = application::set_expiry(&mut tx, found.id, seconds, &caller.name).await?;
    let entry = trail.entry("application.extend", format!("application/{name}")).team(found.team);
    let entry = entry.before(json!({"expires_at": found.expires_at})).after(json!({"expires_at": expires_at}));
    audit::record(&mut tx, &entry).await?;
    crate::commit(tx).await?;
    let message = match expires_at {
        Some(at) => format!("'{name}' lives until {}", at.format("%Y-%m-%d %H:%M:%S UTC")),
        None => format!("'{name}' lives until it is deleted"),
    };
    Ok(Json(TtlAnswer { name, expires_at, message }))
}
