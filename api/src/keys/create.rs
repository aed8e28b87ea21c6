//! Keys that are made: for oneself, and for a service account.

use axum::{
    extract::{OriginalUri, State},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use chrono::{TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{
    domain::{
        access::{Credential, Principal, PrincipalKind, Role},
        given::Given,
    },
    formats::duration,
    store::{
        api_key::{self, NewKey, Owner},
        audit, service_account, team,
    },
};
use utoipa::ToSchema;

use super::{NewKeyAnswer, answer, listed, may_give, name_of, view};
use crate::{
    access::{Action, is_scope},
    audit::Trail,
    error::{Problem, ProblemDetails},
    execute::json_body,
    extract::{Body, Caller, Path},
    idempotency::Attempt,
    state::AppState,
};

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRequest {
    /// What to call it, up to 63 characters.
    name: String,
    /// What it may do; without it, all that its owner may.
    roles: Option<Vec<String>>,
    /// The teams it is for; without it, all of its owner's.
    teams: Option<Vec<String>>,
    /// What it is good for, as `run.read` or `run.*`; without it, all that the roles allow.
    scopes: Option<Vec<String>>,
    /// How long it lasts, as `90d` or `12h`; without it, `limits.key_days`.
    expires_in: Option<Value>,
}

/// Whose key is to be made, and what that one has.
struct Holder {
    owner: Owner,
    has: Given,
    /// What a key gets that asks for nothing in particular. An empty list follows the owner.
    unasked: Given,
}

/// Makes a key of one's own; one made with a key that belongs to nobody belongs to nobody either. It can never do more than
/// whoever makes it, and never more than its owner may at the time.
#[utoipa::path(post, path = "/api/keys", tag = "keys",
    params(("Idempotency-Key" = Option<String>, Header, description = "Carries the request out once, however often it is sent; its second answer has no secret")),
    request_body(content = KeyRequest),
    responses((status = 201, body = NewKeyAnswer), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails)))]
pub(crate) async fn create(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let holder = of_caller(&app, &caller).await?;
    make(&app, &caller, &trail, &holder, (&headers, &uri, &body)).await
}

/// Makes a key for a service account.
#[utoipa::path(post, path = "/api/service-accounts/{name}/keys", tag = "keys",
    params(("name" = String, Path),
           ("Idempotency-Key" = Option<String>, Header, description = "Carries the request out once, however often it is sent; its second answer has no secret")),
    request_body(content = KeyRequest),
    responses((status = 201, body = NewKeyAnswer), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails),
              (status = 404, body = ProblemDetails)))]
pub(crate) async fn create_for_account(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    OriginalUri(uri): OriginalUri,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let found = service_account::find(app.store.pool(), &name).await?;
    let found = found.ok_or_else(|| Problem::not_found("service account", &name))?;
    if found.disabled_at.is_some() {
        let detail = format!("service account '{name}' is disabled; its keys would be refused");
        return Err(Problem::conflict("account-disabled", detail));
    }
    let has = Given {
        roles: found.roles.into_iter().collect(),
        teams: found.teams.into_iter().collect(),
        scopes: caller.scopes.clone(),
    };
    // Written down, so that the key stays within what its maker may give when the account is given more.
    let holder = Holder { owner: Owner::ServiceAccount(found.id), unasked: has.clone(), has };
    make(&app, &caller, &trail, &holder, (&headers, &uri, &body)).await
}

/// The caller as the holder of a key of their own.
async fn of_caller(app: &AppState, caller: &Principal) -> Result<Holder, Problem> {
    let has = Given::to(caller);
    let owner = match caller.kind {
        PrincipalKind::Person => Owner::Person(caller.id),
        PrincipalKind::ServiceAccount => Owner::ServiceAccount(caller.id),
        PrincipalKind::Key => return Ok(Holder { owner: Owner::Nobody, unasked: has.clone(), has }),
        PrincipalKind::Guest => {
            let detail = "a guest is nobody in particular, whom a key could belong to; log in first";
            return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
                .with("action", Action::KeyCreate.as_str())
                .with("object", "own")
                .with("roles", Vec::<&str>::new()));
        }
    };
    // A key that was made for less than its owner has makes others for the same at most.
    let made_with = match caller.credential {
        Credential::Key(id) => api_key::find(app.store.pool(), id).await?,
        Credential::Session(_) | Credential::Guest => None,
    };
    let (roles, teams) = made_with.map(|key| (key.roles, key.teams)).unwrap_or_default();
    let unasked =
        Given { roles: roles.into_iter().collect(), teams: teams.into_iter().collect(), scopes: caller.scopes.clone() };
    Ok(Holder { owner, has, unasked })
}

async fn make(
    app: &AppState,
    caller: &Principal,
    trail: &Trail,
    holder: &Holder,
    (headers, uri, body): (&HeaderMap, &Uri, &[u8]),
) -> Result<Response, Problem> {
    let attempt = Attempt::of(headers, caller.id, uri, body)?;
    let request: KeyRequest = json_body(body)?;
    let name = name_of("name", &request.name)?;
    let given = Given {
        roles: listed("roles", request.roles.clone())?.unwrap_or_else(|| holder.has.roles.clone()),
        teams: listed("teams", request.teams.clone())?.unwrap_or_else(|| holder.has.teams.clone()),
        scopes: listed("scopes", request.scopes)?.or_else(|| holder.unasked.scopes.clone()),
    };
    let scopes = given.scopes.iter().flatten();
    if let Some(unknown) = scopes.into_iter().find(|scope| !is_scope(scope)) {
        let detail =
            format!("scopes: '{unknown}' is no action, nor `noun.*` of one; as run.read, run.*, application.submit");
        return Err(Problem::bad_request(detail));
    }
    if given.roles.is_empty() {
        return Err(Problem::bad_request("roles: a key without a role may do nothing; give it at least one"));
    }
    may_give(caller, &given)?;
    if let Some(more) = given.beyond(&holder.has) {
        return Err(Problem::bad_request(format!("its owner does not have {more}, so the key would not either")));
    }
    let roles = request.roles.map_or_else(|| holder.unasked.roles.clone(), |_| given.roles);
    let teams = request.teams.map_or_else(|| holder.unasked.teams.clone(), |_| given.teams);
    let (own, other): (Vec<String>, Vec<String>) = roles.into_iter().partition(|role| role.parse::<Role>().is_ok());
    let new = NewKey {
        name,
        owner: holder.owner,
        roles: own.iter().filter_map(|role| role.parse().ok()).collect(),
        other_roles: other,
        teams: teams.into_iter().collect(),
        scopes: given.scopes.map(|scopes| scopes.into_iter().collect()),
        expires_at: Some(Utc::now() + lifetime(app, request.expires_in.as_ref())?),
        replaces: None,
        created_by: caller.name.clone(),
    };
    let mut tx = app.store.begin().await?;
    if let Some(response) = attempt.replay(&mut tx).await? {
        return Ok(response);
    }
    team::note(&mut *tx, &new.teams).await?;
    let (id, secret) = api_key::create(&mut *tx, &new).await?;
    let about = view(&mut tx, id).await?;
    audit::record(&mut tx, &trail.entry("key.create", format!("key/{id}")).after(json!(about))).await?;
    let until = about.expires_at.map(|at| at.to_rfc3339()).unwrap_or_default();
    let message = format!("key '{}' works until {until}; its secret is not shown again", about.name);
    answer(tx, &attempt, NewKeyAnswer { about, key: Some(secret), old_until: None, message }).await
}

/// How long a new key lasts.
fn lifetime(app: &AppState, asked: Option<&Value>) -> Result<TimeDelta, Problem> {
    let limits = &app.config.limits;
    let most = f64::from(limits.max_key_days) * 86_400.0;
    let seconds = match asked {
        None => Some(f64::from(limits.key_days.min(limits.max_key_days)) * 86_400.0),
        Some(asked) => duration::seconds(asked).filter(|seconds| (60.0..=most).contains(seconds)),
    };
    let delta = seconds.and_then(|seconds| TimeDelta::try_milliseconds((seconds * 1000.0) as i64));
    let detail = || format!("expires_in: a duration from 1m to {}d, as 90d or 12h", limits.max_key_days);
    delta.ok_or_else(|| Problem::bad_request(detail()))
}
