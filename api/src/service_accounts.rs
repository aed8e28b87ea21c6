//! Service accounts: programs with roles and teams of their own, let in by keys.

use axum::{
    Json,
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    domain::given::Given,
    store::{
        audit,
        service_account::{self, ServiceAccount},
    },
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    audit::Trail,
    error::{Problem, ProblemDetails},
    execute::json_body,
    extract::{Body, Caller, Path, Query},
    idempotency::Attempt,
    keys::{listed, may_give},
    page::{Page, Paging},
    state::AppState,
};

/// Which accounts to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AccountFilter {
    /// Disabled ones too.
    #[serde(default)]
    disabled: bool,
}

/// An account of a program.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccountView {
    /// Its id.
    id: Uuid,
    /// Its name.
    name: String,
    /// What it may do.
    roles: Vec<String>,
    /// The teams it belongs to.
    teams: Vec<String>,
    /// Its keys that work.
    keys: i64,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// By whom.
    created_by: String,
    /// Since when its keys are refused.
    disabled_at: Option<DateTime<Utc>>,
}

impl From<ServiceAccount> for AccountView {
    fn from(row: ServiceAccount) -> Self {
        Self {
            id: row.id,
            name: row.name,
            roles: row.roles,
            teams: row.teams,
            keys: if row.disabled_at.is_some() { 0 } else { row.keys },
            created_at: row.created_at,
            created_by: row.created_by,
            disabled_at: row.disabled_at,
        }
    }
}

/// An account to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountRequest {
    /// Its name: up to 63 letters, digits, `-`, `_` and `.`.
    name: String,
    /// What it may do.
    roles: Vec<String>,
    /// The teams it belongs to.
    #[serde(default)]
    teams: Vec<String>,
}

/// Service accounts, by name; those that are not disabled, unless others are asked for.
#[utoipa::path(get, path = "/api/service-accounts", tag = "service accounts", params(AccountFilter, Paging),
    responses((status = 200, body = Page<AccountView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    Query(filter): Query<AccountFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<AccountView>>, Problem> {
    let after = paging.after()?;
    let rows = service_account::page(app.store.pool(), filter.disabled, after.as_deref(), paging.rows()?).await?;
    Ok(Json(paging.page_by_name(rows, |row| &row.name, AccountView::from)?))
}

/// Makes a service account. It has no key yet.
#[utoipa::path(post, path = "/api/service-accounts", tag = "service accounts",
    params(("Idempotency-Key" = Option<String>, Header, description = "Carries the request out once, however often it is sent")),
    request_body(content = AccountRequest),
    responses((status = 201, body = AccountView), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails),
              (status = 409, body = ProblemDetails)))]
pub(crate) async fn create(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let attempt = Attempt::of(&headers, caller.id, &uri, &body)?;
    let request: AccountRequest = json_body(&body)?;
    let unfit = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !(1..=63).contains(&request.name.len()) || request.name.chars().any(unfit) {
        return Err(Problem::bad_request("name: up to 63 letters, digits, `-`, `_` and `.`"));
    }
    let given = Given {
        roles: listed("roles", Some(request.roles))?.unwrap_or_default(),
        teams: listed("teams", Some(request.teams))?.unwrap_or_default(),
        scopes: caller.scopes.clone(),
    };
    if given.roles.is_empty() {
        return Err(Problem::bad_request("roles: an account without a role may do nothing; give it at least one"));
    }
    may_give(&caller, &given)?;
    let mut tx = app.store.begin().await?;
    if let Some(response) = attempt.replay(&mut tx).await? {
        return Ok(response);
    }
    let (roles, teams): (Vec<_>, Vec<_>) = (given.roles.into_iter().collect(), given.teams.into_iter().collect());
    let made = service_account::create(&mut *tx, &request.name, &roles, &teams, &caller.name).await?;
    if made.is_none() {
        let detail = format!("there is a service account '{}' already, perhaps a disabled one", request.name);
        return Err(Problem::conflict("name-taken", detail));
    }
    let about = view(&mut tx, &request.name).await?;
    let entry = trail.entry("service_account.create", format!("service-account/{}", about.name)).after(json!(about));
    audit::record(&mut tx, &entry).await?;
    let location = format!("/api/service-accounts/{}", about.name);
    let response = attempt.answer(&mut tx, StatusCode::CREATED, Some(location), &about).await?;
    crate::commit(tx).await?;
    Ok(response)
}

/// One service account, disabled or not.
#[utoipa::path(get, path = "/api/service-accounts/{name}", tag = "service accounts", params(("name" = String, Path)),
    responses((status = 200, body = AccountView), (status = 404, body = ProblemDetails)))]
pub(crate) async fn get(State(app): State<AppState>, Path(name): Path<String>) -> Result<Json<AccountView>, Problem> {
    let found = service_account::find(app.store.pool(), &name).await?;
    Ok(Json(found.ok_or_else(|| Problem::not_found("service account", &name))?.into()))
}

/// Whether an account's keys are to be refused.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DisabledRequest {
    /// Whether they are.
    disabled: bool,
}

/// Disables a service account: all its keys are refused from the next request on. Or takes that back.
#[utoipa::path(put, path = "/api/service-accounts/{name}/disabled", tag = "service accounts", params(("name" = String, Path)),
    request_body(content = DisabledRequest),
    responses((status = 200, body = AccountView), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn disable(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    Path(name): Path<String>,
    Body(body): Body,
) -> Result<Json<AccountView>, Problem> {
    let request: DisabledRequest = json_body(&body)?;
    let mut tx = app.store.begin().await?;
    let before = view(&mut tx, &name).await?;
    if !request.disabled {
        // To enable an account is to give what it has.
        let has = Given {
            roles: before.roles.iter().cloned().collect(),
            teams: before.teams.iter().cloned().collect(),
            scopes: caller.scopes.clone(),
        };
        may_give(&caller, &has)?;
    }
    if !service_account::set_disabled(&mut *tx, &name, request.disabled).await? {
        return Err(Problem::not_found("service account", &name));
    }
    let about = view(&mut tx, &name).await?;
    let action = if request.disabled { "service_account.disable" } else { "service_account.enable" };
    let entry = trail.entry(action, format!("service-account/{name}")).before(json!(before)).after(json!(about));
    audit::record(&mut tx, &entry).await?;
    crate::commit(tx).await?;
    Ok(Json(about))
}

async fn view(conn: &mut shared::store::Connection, name: &str) -> Result<AccountView, Problem> {
    let found = service_account::find(conn, name).await?;
    Ok(found.ok_or_else(|| Problem::not_found("service account", name))?.into())
}
