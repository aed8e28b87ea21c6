//! Credentials for other systems: stored once they were tried, listed without their secrets, never read out again.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use shared::{
    secrets::{
        credential::{self, Checked, Credential},
        stored::{self, Place},
    },
    store::{
        audit,
        integration::{self, Integration, NewIntegration},
    },
};
use utoipa::ToSchema;

use crate::{
    audit::Trail,
    error::{Problem, ProblemDetails},
    extract::{Body, Caller, Path, Query},
    page::{Page, Paging},
    state::AppState,
};

/// A credential for another system. Its secret is shown to nobody.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IntegrationView {
    /// What to call it.
    name: String,
    /// `git`, `registry`, `aws`, `gcp`, `azure` or `chat`.
    kind: String,
    /// What is no secret about it.
    #[schema(value_type = Object)]
    settings: Value,
    /// Rises with each change.
    version: i32,
    /// Who stored it first.
    created_by: String,
    /// When.
    created_at: DateTime<Utc>,
    /// Who changed it last.
    updated_by: String,
    /// When.
    updated_at: DateTime<Utc>,
    /// When it was tried last; none: it cannot be.
    checked_at: Option<DateTime<Utc>>,
    /// What was wrong with it then.
    check_error: Option<String>,
}

impl From<Integration> for IntegrationView {
    fn from(row: Integration) -> Self {
        Self {
            name: row.name,
            kind: row.kind,
            settings: row.settings,
            version: row.version,
            created_by: row.created_by,
            created_at: row.created_at,
            updated_by: row.updated_by,
            updated_at: row.updated_at,
            checked_at: row.checked_at,
            check_error: row.check_error,
        }
    }
}

/// What became of a credential.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct IntegrationAnswer {
    /// Its name.
    name: String,
    /// Its version; none: it is gone.
    version: Option<i32>,
    /// Whether it was tried, and is good.
    checked: bool,
    /// The same for people.
    message: String,
}

/// Credentials for other systems, by name, without their secrets.
#[utoipa::path(get, path = "/api/integrations", tag = "integrations", params(Paging),
    responses((status = 200, body = Page<IntegrationView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<IntegrationView>>, Problem> {
    let rows = integration::page(app.store.pool(), paging.after()?.as_deref(), paging.rows()?).await?;
    Ok(Json(paging.page_by_name(rows, |row| &row.name, IntegrationView::from)?))
}

/// The body. What is wrong with it is said without quoting it.
fn credential(body: &[u8]) -> Result<Credential, Problem> {
    let given: Value = serde_json::from_slice(body).map_err(|error| {
        Problem::bad_request(format!("the body is no JSON (line {}, column {})", error.line(), error.column()))
    })?;
    let kind = given.get("kind").and_then(Value::as_str).unwrap_or_default();
    if !Credential::KINDS.contains(&kind) {
        return Err(Problem::bad_request(format!("kind: one of {}", Credential::KINDS.join(", "))));
    }
    let fields = match kind {
        "git" => "host, password; username and repository may be given too",
        "registry" => "host, username, password",
        "aws" => "region, access_key_id, secret_access_key",
        "gcp" => "key",
        "azure" => "tenant_id, client_id, client_secret",
        _ => "url",
    };
    let read = serde_json::from_value::<Credential>(given.clone());
    let credential = read.map_err(|_| {
        Problem::bad_request(format!("a credential of the kind '{kind}' has these fields, all texts: {fields}"))
    })?;
    credential.validate().map_err(Problem::bad_request)?;
    Ok(credential)
}

/// Stores a credential, in place of an earlier one of the name. It is tried first, where that can be done.
#[utoipa::path(put, path = "/api/integrations/{name}", tag = "integrations", params(("name" = String, Path)),
    request_body(content = Object, description = "`kind` and the fields of that kind"),
    responses((status = 200, body = IntegrationAnswer), (status = 400, body = ProblemDetails), (status = 409, body = ProblemDetails),
              (status = 422, description = "It was tried, and is refused", body = ProblemDetails)))]
pub(crate) async fn put(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    Path(name): Path<String>,
    Body(body): Body,
) -> Result<Json<IntegrationAnswer>, Problem> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.len() > 63 || !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(legal) {
        return Err(Problem::bad_request(
            "name: a small letter, then small letters, digits and `-`, at most 63 in all",
        ));
    }
    let credential = credential(&body)?;
    let (checked, how) = match tried(&app, &credential).await? {
        Checked::Good => (true, "was tried and is stored".to_owned()),
        Checked::NotTried(why) => (false, format!("is stored, and was not tried: {why}")),
        Checked::Refused(why) => return Err(refused(&why)),
    };
    let before = integration::find(app.store.pool(), &name).await?;
    let version = before.as_ref().map_or(1, |(row, _)| row.version.saturating_add(1));
    let place = Place::Integration { name: &name, kind: credential.kind(), version };
    let stored = stored::seal(app.seals.keyring(), place, &credential.secret()).await?;
    let settings = credential.settings();
    let kind = credential.kind();
    let new = NewIntegration {
        name: &name,
        kind,
        settings: &settings,
        version,
        stored: &stored,
        actor: &caller.name,
        checked,
    };
    let mut tx = app.store.begin().await?;
    if !integration::put(&mut *tx, &new).await? {
        return Err(Problem::conflict(
            "request-in-progress",
            "somebody else has changed it meanwhile; look at it, and try again",
        ));
    }
    let mut entry = trail.entry("integration.write", format!("integration/{name}"));
    if let Some((row, _)) = before {
        entry = entry.before(json!({"kind": row.kind, "settings": row.settings, "version": row.version}));
    }
    let entry = entry.after(json!({"kind": kind, "settings": settings, "version": version, "checked": checked}));
    audit::record(&mut tx, &entry).await?;
    crate::commit(tx).await?;
    let message = format!("the integration '{name}' {how}");
    Ok(Json(IntegrationAnswer { name, version: Some(version), checked, message }))
}

/// Tries a stored credential once more.
#[utoipa::path(post, path = "/api/integrations/{name}/check", tag = "integrations", params(("name" = String, Path)),
    responses((status = 200, body = IntegrationAnswer), (status = 404, body = ProblemDetails),
              (status = 422, description = "It is refused", body = ProblemDetails)))]
pub(crate) async fn check(
    State(app): State<AppState>,
    trail: Trail,
    Path(name): Path<String>,
) -> Result<Json<IntegrationAnswer>, Problem> {
    let found = integration::find(app.store.pool(), &name).await?;
    let (row, kept) = found.ok_or_else(|| Problem::not_found("integration", short(&name)))?;
    let place = Place::Integration { name: &row.name, kind: &row.kind, version: row.version };
    let secret = app.seals.open_stored(place, &kept).await?;
    let credential =
        Credential::of_parts(&row.kind, &row.settings, &secret).map_err(|error| Problem::internal(&error))?;
    let checked = tried(&app, &credential).await?;
    let error = match &checked {
        Checked::Refused(why) => Some(why.as_str()),
        Checked::Good | Checked::NotTried(_) => None,
    };
    if !matches!(checked, Checked::NotTried(_)) {
        integration::note_check(app.store.pool(), &name, error).await?;
    }
    let entry = trail.entry("integration.check", format!("integration/{name}")).after(json!({"good": error.is_none()}));
    audit::append(app.store.pool(), &entry).await?;
    let message = match checked {
        Checked::Good => format!("the integration '{name}' is good"),
        Checked::NotTried(why) => format!("the integration '{name}' was not tried: {why}"),
        Checked::Refused(why) => return Err(refused(&why)),
    };
    Ok(Json(IntegrationAnswer { checked: message.ends_with("is good"), name, version: Some(row.version), message }))
}

/// Removes a credential that nothing uses.
#[utoipa::path(delete, path = "/api/integrations/{name}", tag = "integrations", params(("name" = String, Path)),
    responses((status = 200, body = IntegrationAnswer), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn remove(
    State(app): State<AppState>,
    trail: Trail,
    Path(name): Path<String>,
) -> Result<Json<IntegrationAnswer>, Problem> {
    let mut tx = app.store.begin().await?;
    let users = integration::users(&mut *tx, &name).await?;
    if !users.is_empty() {
        let detail = format!("provider sources use it: {}; remove them, or give them another, first", users.join(", "));
        return Err(Problem::conflict("integration-in-use", detail).with("sources", users));
    }
    if !integration::remove(&mut *tx, &name).await? {
        return Err(Problem::not_found("integration", short(&name)));
    }
    audit::record(&mut tx, &trail.entry("integration.remove", format!("integration/{name}"))).await?;
    crate::commit(tx).await?;
    let message = format!("the integration '{name}' is gone");
    Ok(Json(IntegrationAnswer { name, version: None, checked: false, message }))
}

fn short(name: &str) -> String {
    name.chars().take(63).collect()
}

async fn tried(app: &AppState, credential: &Credential) -> Result<Checked, Problem> {
    let settings = &app.config.integrations;
    let client = credential::client(settings)?;
    Ok(credential::check(&client, settings, credential).await?)
}

fn refused(why: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "credential-refused", why)
}
