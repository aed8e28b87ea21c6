//! Who one is, and one's sessions.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use shared::{
    domain::{
        access::{Credential, PrincipalKind},
        ids::SessionId,
    },
    store::{api_key, audit, person, session},
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    access::Grant,
    audit::Trail,
    error::{Problem, ProblemDetails},
    extract::{Caller, Path, Query},
    page::{Page, Paging},
    state::AppState,
};

/// Who asks, and with what.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Whoami {
    /// Their id; none for a guest.
    id: Option<Uuid>,
    /// What they are called.
    name: String,
    /// `person`, `service_account`, `key` or `guest`.
    kind: &'static str,
    /// What they are trusted with, now.
    roles: Vec<String>,
    /// Their teams, now.
    teams: Vec<String>,
    /// What the credential is good for; none: for all that the roles allow.
    scopes: Option<Vec<String>>,
    /// What was shown.
    credential: CredentialView,
}

/// What was shown to be let in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CredentialView {
    /// `key`, `session` or `none`.
    kind: &'static str,
    /// Its id.
    id: Option<Uuid>,
    /// When it ends by itself.
    expires_at: Option<DateTime<Utc>>,
}

/// Who one is here.
#[utoipa::path(get, path = "/api/whoami", tag = "identity", responses((status = 200, body = Whoami)))]
pub(crate) async fn whoami(State(app): State<AppState>, Caller(caller): Caller) -> Result<Json<Whoami>, Problem> {
    let expires_at = person::credential_ends(app.store.pool(), caller.credential).await?;
    let (kind, id) = match caller.credential {
        Credential::Key(id) => ("key", Some(id.0)),
        Credential::Session(id) => ("session", Some(id.0)),
        Credential::Guest => ("none", None),
    };
    Ok(Json(Whoami {
        id: (!caller.id.is_nil()).then_some(caller.id),
        roles: caller.role_names().map(str::to_owned).collect(),
        name: caller.name,
        kind: caller.kind.as_str(),
        teams: caller.teams.into_iter().collect(),
        scopes: caller.scopes.map(|scopes| scopes.into_iter().collect()),
        credential: CredentialView { kind, id, expires_at },
    }))
}

/// A login of a browser.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SessionView {
    /// Its id.
    #[schema(value_type = Uuid)]
    id: SessionId,
    /// Whether it is the one that this request was made with.
    current: bool,
    /// Where it began.
    address: String,
    /// What the browser called itself.
    agent: String,
    /// When it began.
    created_at: DateTime<Utc>,
    /// When it was used last, to the minute.
    last_seen_at: DateTime<Utc>,
    /// When it ends, used or not.
    expires_at: DateTime<Utc>,
}

/// Whose logins to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionFilter {
    /// The person of this id; without it, the caller. Others' are listed for admins.
    person: Option<Uuid>,
}

/// The logins of the browsers of one person, newest first; at most twenty are good at a time.
#[utoipa::path(get, path = "/api/sessions", tag = "identity", params(SessionFilter, Paging),
    responses((status = 200, body = Page<SessionView>), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    grant: Grant,
    Caller(caller): Caller,
    Query(filter): Query<SessionFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<SessionView>>, Problem> {
    let person = filter.person.unwrap_or(caller.id);
    if grant.owner().is_some_and(|own| own != person) {
        return Err(grant.refused_of_person(person));
    }
    let idle = super::idle(&app.config);
    let sessions = session::page(app.store.pool(), person, idle, paging.before()?, paging.rows()?).await?;
    let view = |session: session::Session| SessionView {
        current: caller.credential == Credential::Session(session.id),
        id: session.id,
        address: session.address,
        agent: session.agent,
        created_at: session.created_at,
        last_seen_at: session.last_seen_at,
        expires_at: session.expires_at,
    };
    Ok(Json(paging.page(sessions, |session| session.id.0, view)?))
}

/// Ends a login of a browser, everywhere at once: of one of the caller's, or of anybody's by an admin.
#[utoipa::path(delete, path = "/api/sessions/{id}", tag = "identity", params(("id" = Uuid, Path)),
    responses((status = 204, description = "It is over"), (status = 404, body = ProblemDetails)))]
pub(crate) async fn end(
    State(app): State<AppState>,
    grant: Grant,
    trail: Trail,
    Path(id): Path<SessionId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.store.begin().await?;
    if !session::end(&mut *tx, grant.owner(), id).await? {
        return Err(Problem::not_found("session", id));
    }
    audit::record(&mut tx, &trail.entry("session.end", format!("session/{id}"))).await?;
    crate::commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends the logins of all of the caller's browsers, this one's too.
#[utoipa::path(delete, path = "/api/sessions", tag = "identity", responses((status = 204, description = "All are over")))]
pub(crate) async fn end_all(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
) -> Result<StatusCode, Problem> {
    let mut tx = app.store.begin().await?;
    session::end_all(&mut *tx, caller.id).await?;
    audit::record(&mut tx, &trail.entry("session.end", "session/*")).await?;
    crate::commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends what the request was made with: a browser's session, or a person's own key. A key that is not a person's stays, so
/// that no installation loses its only one by a slip.
#[utoipa::path(post, path = "/api/logout", tag = "identity",
    responses((status = 204, description = "It is over"), (status = 409, body = ProblemDetails)))]
pub(crate) async fn log_out(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
) -> Result<Response, Problem> {
    let mut tx = app.store.begin().await?;
    let (action, object) = match caller.credential {
        Credential::Session(id) => {
            session::end(&mut *tx, Some(caller.id), id).await?;
            ("session.end", format!("session/{id}"))
        }
        Credential::Key(id) if caller.kind == PrincipalKind::Person => {
            api_key::revoke(&mut *tx, id).await?;
            ("key.revoke", format!("key/{id}"))
        }
        Credential::Key(_) | Credential::Guest => {
            let detail =
                "only a person logs out; this key belongs to a service account or to nobody: revoke it as a key";
            return Err(Problem::conflict("not-a-login", detail));
        }
    };
    audit::record(&mut tx, &trail.entry(action, object)).await?;
    crate::commit(tx).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(cookie) = app.identity.cookie.clear() {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}
