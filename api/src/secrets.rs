//! Secrets of teams and applications: written, listed, removed, and never read out.

mod keys;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    domain::ids::ApplicationId,
    secrets::{MAX_SECRET, SecretError, stored, stored::Place, token},
    store::{
        application, audit,
        secret::{self, Content, Owner, Secret},
    },
};
use utoipa::ToSchema;
use zeroize::Zeroizing;

pub(crate) use keys::*;

use crate::{
    audit::Trail,
    error::{Problem, ProblemDetails},
    extract::{Body, Caller, Path, Query},
    page::{Page, Paging},
    state::AppState,
};

/// Secrets that a team, or an application, may have.
const MOST: i64 = 500;

/// A secret. Its value is shown to nobody.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecretView {
    /// As Score files name it: `${secrets.NAME}`.
    name: String,
    /// Whose it is.
    team: String,
    /// The application that alone sees it; none: every application of the team.
    application: Option<String>,
    /// Rises with each value.
    version: i32,
    /// Where others keep the value, which is read there each time it is needed; none: it is kept here, sealed.
    source: Option<String>,
    /// Who made it.
    created_by: String,
    /// When.
    created_at: DateTime<Utc>,
    /// Who gave the newest value.
    updated_by: String,
    /// When.
    updated_at: DateTime<Utc>,
}

impl From<Secret> for SecretView {
    fn from(row: Secret) -> Self {
        Self {
            name: row.name,
            team: row.team,
            application: row.application,
            version: row.version,
            source: row.source,
            created_by: row.created_by,
            created_at: row.created_at,
            updated_by: row.updated_by,
            updated_at: row.updated_at,
        }
    }
}

/// What a secret is to hold: exactly one of both.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSecret {
    /// The value, at most 64 KiB.
    #[schema(value_type = Option<String>)]
    value: Option<Zeroizing<String>>,
    /// Where others keep the value: `database#password` below the team's folder in Vault, or `aws:`, `gcp:` or `azure:` and what is
    /// the team's there.
    source: Option<String>,
}

impl std::fmt::Debug for NewSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewSecret")
    }
}

/// What became of a secret.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecretAnswer {
    /// Its name.
    name: String,
    /// Its version now; none: it is gone.
    version: Option<i32>,
    /// Resources that name it and are compared with what they were made with.
    resources: u64,
    /// The same for people.
    message: String,
}

impl From<SecretError> for Problem {
    fn from(error: SecretError) -> Self {
        use axum::http::StatusCode as S;
        match error {
            SecretError::Store(error) => error.into(),
            SecretError::NoKey => Self::new(
                S::CONFLICT,
                "no-secret-key",
                "this instance has no key to seal secrets with: an operator has to name one in secrets.keys",
            ),
            SecretError::Refused(why) => Self::new(S::UNPROCESSABLE_ENTITY, "secret-unavailable", why),
            SecretError::Unavailable(why) => {
                tracing::warn!(%why, "a keeper of secrets does not answer");
                Self::new(
                    S::SERVICE_UNAVAILABLE,
                    "unavailable",
                    "the keeper of secrets or keys does not answer; try again in a few seconds",
                )
                .with_header(axum::http::header::RETRY_AFTER, axum::http::HeaderValue::from_static("5"))
            }
            SecretError::UnknownKey(id) => {
                tracing::error!(key = %id, "secrets.keys lacks a key that is still in use");
                let detail = format!(
                    "the key '{id}' is missing from secrets.keys, and what it wraps cannot be opened without it"
                );
                Self::new(S::INTERNAL_SERVER_ERROR, "secret-key-missing", detail)
            }
            other => Self::internal(&other),
        }
    }
}

/// The secrets of a team and of its applications, without their values: the team's own first, then by application; each by name.
#[utoipa::path(get, path = "/api/teams/{team}/secrets", tag = "secrets", params(("team" = String, Path), Paging),
    responses((status = 200, body = Page<SecretView>), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn list_of_team(
    State(app): State<AppState>,
    Path(team): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<SecretView>>, Problem> {
    page(&app, Owner { team: &team, application: None }, &paging).await
}

async fn page(app: &AppState, owner: Owner<'_>, paging: &Paging) -> Result<Json<Page<SecretView>>, Problem> {
    let rows = secret::page(app.store.pool(), owner, paging.after()?.as_deref(), paging.rows()?).await?;
    Ok(Json(paging.page_by(rows, Secret::place, SecretView::from)?))
}

/// Gives a team's secret a value. Every application of the team may name it.
#[utoipa::path(put, path = "/api/teams/{team}/secrets/{name}", tag = "secrets", params(("team" = String, Path), ("name" = String, Path)),
    request_body = NewSecret,
    responses((status = 200, body = SecretAnswer), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails),
              (status = 409, body = ProblemDetails), (status = 422, body = ProblemDetails)))]
pub(crate) async fn put_of_team(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    Path((team, name)): Path<(String, String)>,
    Body(body): Body,
) -> Result<Json<SecretAnswer>, Problem> {
    put(&app, &caller.name, &trail, Owner { team: &team, application: None }, None, &name, content(&body)?).await
}

/// Removes a team's secret.
#[utoipa::path(delete, path = "/api/teams/{team}/secrets/{name}", tag = "secrets", params(("team" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = SecretAnswer), (status = 404, body = ProblemDetails)))]
pub(crate) async fn remove_of_team(
    State(app): State<AppState>,
    trail: Trail,
    Path((team, name)): Path<(String, String)>,
) -> Result<Json<SecretAnswer>, Problem> {
    remove(&app, &trail, Owner { team: &team, application: None }, None, &name).await
}

/// The secrets that are an application's own, without their values, by name.
#[utoipa::path(get, path = "/api/specs/{app}/secrets", tag = "secrets", params(("app" = String, Path), Paging),
    responses((status = 200, body = Page<SecretView>), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn list_of_application(
    State(app): State<AppState>,
    Path(application): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<SecretView>>, Problem> {
    let (id, team) = owner(&app, &application).await?;
    page(&app, Owner { team: &team, application: Some(id) }, &paging).await
}

/// Gives an application's own secret a value. It goes before the team's of the same name.
#[utoipa::path(put, path = "/api/specs/{app}/secrets/{name}", tag = "secrets", params(("app" = String, Path), ("name" = String, Path)),
    request_body = NewSecret,
    responses((status = 200, body = SecretAnswer), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails),
              (status = 409, body = ProblemDetails), (status = 422, body = ProblemDetails)))]
pub(crate) async fn put_of_application(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    Path((application, name)): Path<(String, String)>,
    Body(body): Body,
) -> Result<Json<SecretAnswer>, Problem> {
    let (id, team) = owner(&app, &application).await?;
    let owner = Owner { team: &team, application: Some(id) };
    put(&app, &caller.name, &trail, owner, Some(&application), &name, content(&body)?).await
}

/// Removes an application's own secret.
#[utoipa::path(delete, path = "/api/specs/{app}/secrets/{name}", tag = "secrets", params(("app" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = SecretAnswer), (status = 404, body = ProblemDetails)))]
pub(crate) async fn remove_of_application(
    State(app): State<AppState>,
    trail: Trail,
    Path((application, name)): Path<(String, String)>,
) -> Result<Json<SecretAnswer>, Problem> {
    let (id, team) = owner(&app, &application).await?;
    remove(&app, &trail, Owner { team: &team, application: Some(id) }, Some(&application), &name).await
}

/// The body. What is wrong with it is said without quoting it.
fn content(body: &[u8]) -> Result<NewSecret, Problem> {
    serde_json::from_slice(body).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Problem::bad_request(format!(
            "the body is not JSON of the form {{\"value\": \"…\"}} or {{\"source\": \"…\"}} (line {line}, column {column})"
        ))
    })
}

async fn owner(app: &AppState, application: &str) -> Result<(ApplicationId, String), Problem> {
    let found = application::find(app.store.pool(), application).await?;
    found.map(|row| (row.id, row.team)).ok_or_else(|| Problem::not_found("application", application))
}

/// As the audit log calls it.
fn object(owner: Owner<'_>, application: Option<&str>, name: &str) -> String {
    match application {
        Some(application) => format!("secret/application/{application}/{name}"),
        None => format!("secret/team/{}/{name}", owner.team),
    }
}

async fn put(
    app: &AppState,
    actor: &str,
    trail: &Trail,
    owner: Owner<'_>,
    application: Option<&str>,
    name: &str,
    new: NewSecret,
) -> Result<Json<SecretAnswer>, Problem> {
    if !token::is_name(name) {
        let most = token::MAX_NAME;
        return Err(Problem::bad_request(format!(
            "name: a letter, then letters, digits, `_` and `-`, at most {most} in all"
        )));
    }
    let mut tx = app.store.begin().await?;
    let version = secret::next_version(&mut tx, owner, name).await?;
    if version == 1 && secret::count(&mut *tx, owner).await? >= MOST {
        let detail = format!("there are {MOST} secrets already, which is the most there may be: remove one first");
        return Err(Problem::conflict("too-many-secrets", detail));
    }
    let (content, after) = match new {
        NewSecret { value: Some(value), source: None } => {
            if value.is_empty() || value.len() > MAX_SECRET || value.contains('\0') {
                return Err(Problem::bad_request(format!("value: 1 to {MAX_SECRET} bytes of text without NUL")));
            }
            let place =
                Place::Secret { team: owner.team, application: owner.application.map(|id| id.0), name, version };
            let stored = stored::seal(app.seals.keyring(), place, &value).await?;
            (Content::Sealed(stored), json!({ "version": version }))
        }
        NewSecret { value: None, source: Some(source) } => {
            let sources = app.seals.sources();
            sources.check_of_team(owner.team, &source).map_err(|why| Problem::bad_request(format!("source: {why}")))?;
            let after = json!({ "version": version, "source": source });
            (Content::Source(source), after)
        }
        NewSecret { .. } => return Err(Problem::bad_request("exactly one of `value` and `source` is needed")),
    };
    secret::put(&mut *tx, owner, name, version, &content, actor).await?;
    let resources = secret::mark_users(&mut tx, owner, name).await?;
    let entry = trail.entry("secret.write", object(owner, application, name)).team(owner.team.to_owned()).after(after);
    audit::record(&mut tx, &entry).await?;
    crate::commit(tx).await?;
    let message = match resources {
        0 => format!("version {version} of '{name}' is stored; no resource names it yet"),
        1 => format!("version {version} of '{name}' is stored; the resource that names it is brought up to date"),
        many => {
            format!("version {version} of '{name}' is stored; the {many} resources that name it are brought up to date")
        }
    };
    Ok(Json(SecretAnswer { name: name.to_owned(), version: Some(version), resources, message }))
}

async fn remove(
    app: &AppState,
    trail: &Trail,
    owner: Owner<'_>,
    application: Option<&str>,
    name: &str,
) -> Result<Json<SecretAnswer>, Problem> {
    let mut tx = app.store.begin().await?;
    if !secret::remove(&mut *tx, owner, name).await? {
        let short: String = name.chars().take(token::MAX_NAME).collect();
        return Err(Problem::not_found("secret", short));
    }
    let users = secret::left_without(&mut *tx, owner, name).await?;
    if !users.is_empty() {
        let list = users.join(", ");
        let detail = format!(
            "it is named by {list}: submit them without it, or delete them, first; to take away a value, set another"
        );
        return Err(Problem::conflict("secret-in-use", detail).with("resources", users));
    }
    // What falls back to the team's is brought up to date.
    let resources = secret::mark_users(&mut tx, owner, name).await?;
    let entry = trail.entry("secret.remove", object(owner, application, name)).team(owner.team.to_owned());
    audit::record(&mut tx, &entry).await?;
    crate::commit(tx).await?;
    let message = match resources {
        0 => format!("the secret '{name}' is gone"),
        many => format!("the secret '{name}' is gone; {many} resources are given the team's of that name"),
    };
    Ok(Json(SecretAnswer { name: name.to_owned(), version: None, resources, message }))
}
