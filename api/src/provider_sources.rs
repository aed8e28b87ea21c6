//! Where providers come from, and having the scheduler look again.

use std::time::Duration;

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use shared::{
    formats::source::Source,
    store::{
        audit, integration, notify,
        provider_set::{self, Asked},
        provider_source::{self, Put, Stored},
    },
};
use utoipa::ToSchema;

use crate::{
    audit::Trail,
    error::{InputError, Problem, ProblemDetails},
    execute::json_body,
    extract::{Body, Caller, Path, Query},
    page::{Page, Paging},
    state::AppState,
};

/// How long an answer of the scheduler is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked for.
const PERIOD: Duration = Duration::from_millis(100);

/// A source that providers are fetched from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceView {
    /// Its name.
    name: String,
    /// The repository.
    url: String,
    /// A tag, a branch or a whole commit.
    #[serde(rename = "ref")]
    reference: String,
    /// The folder in the repository; empty for all of it.
    path: String,
    /// Seconds between looks; 0: only when asked.
    interval_s: i32,
    /// The name of its credential in the configuration.
    secret: Option<String>,
    /// The name of its webhook secret in the configuration, when it is not its own.
    webhook_secret: Option<String>,
    /// Where pushes are announced.
    webhook: String,
    /// `file` when the instance's list says it, which alone may change it; else `api`.
    origin: String,
    /// Who added it.
    created_by: String,
    /// When.
    created_at: DateTime<Utc>,
    /// `pending`, `loaded`, `rejected`, `unreachable`, or `removing`.
    status: String,
    /// The commit that is served.
    commit: Option<String>,
    /// Since when.
    loaded_at: Option<DateTime<Utc>>,
    /// `name@version` of the providers that are served.
    providers: Vec<String>,
    /// The commit that the last look found.
    seen_commit: Option<String>,
    /// Why that is not served.
    #[schema(value_type = Vec<String>)]
    problems: Value,
    /// What was left out of it.
    #[schema(value_type = Vec<String>)]
    warnings: Value,
    /// When it was last looked at.
    looked_at: Option<DateTime<Utc>>,
    /// When it is looked at next, unless someone asks before; none when only then.
    next_look_at: Option<DateTime<Utc>>,
}

impl From<Stored> for SourceView {
    fn from(row: Stored) -> Self {
        Self {
            webhook: format!("/api/webhooks/git/{}", row.name),
            status: if row.remove_requested_at.is_some() { "removing".into() } else { row.status },
            next_look_at: (row.interval_s > 0).then_some(row.next_look_at),
            name: row.name,
            url: row.url,
            reference: row.reference,
            path: row.path,
            interval_s: row.interval_s,
            secret: row.credential,
            webhook_secret: row.webhook_secret,
            origin: row.origin,
            created_by: row.created_by,
            created_at: row.created_at,
            commit: row.commit,
            loaded_at: row.loaded_at,
            providers: row.providers,
            seen_commit: row.seen_commit,
            problems: row.problems,
            warnings: row.warnings,
            looked_at: row.looked_at,
        }
    }
}

/// A source to add, or to change.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "describes what shared reads")]
pub(crate) struct SourceRequest {
    /// Of lower-case letters, digits and `-`; that of the folder or the repository when nothing is said.
    name: Option<String>,
    /// `https://`, `ssh://` or `file://`, without credentials.
    url: String,
    /// A tag, a branch or a whole commit.
    r#ref: String,
    /// The folder in the repository that is, or holds, the providers.
    path: Option<String>,
    /// Seconds between looks; the instance's own when nothing is said, 0 for only when asked.
    interval_s: Option<u32>,
    /// The name of a credential in `git.credentials` of the configuration.
    secret: Option<String>,
    /// The name of a secret in `git.webhook_secrets` of the configuration; the source's own name when nothing is said.
    webhook_secret: Option<String>,
}

/// What the audit log says of a source.
fn told(row: &Stored) -> Value {
    json!({"url": row.url, "ref": row.reference, "path": row.path, "interval_s": row.interval_s})
}

/// The sources that providers are fetched from, by name, and how each stands.
#[utoipa::path(get, path = "/api/admin/providers/sources", tag = "providers", params(Paging),
    responses((status = 200, body = Page<SourceView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<SourceView>>, Problem> {
    let after = paging.after()?;
    let rows = provider_source::page(app.store.pool(), after.as_deref(), paging.rows()?).await?;
    Ok(Json(paging.page_by_name(rows, |source| &source.name, SourceView::from)?))
}

/// Adds a source, or changes the one of that name. It is fetched by the scheduler; what was served of it is served on until
/// a new commit is accepted.
#[utoipa::path(post, path = "/api/admin/providers/sources", tag = "providers", request_body = SourceRequest,
    responses((status = 201, body = SourceView), (status = 200, body = SourceView), (status = 400, body = ProblemDetails),
              (status = 409, body = ProblemDetails), (status = 422, body = ProblemDetails)))]
pub(crate) async fn put(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    Body(body): Body,
) -> Result<Response, Problem> {
    let given: Source = json_body(&body)?;
    let source = given.checked().map_err(|(key, message)| {
        let mistake = InputError {
            code: "invalid_value",
            path: format!("/{key}"),
            line: None,
            column: None,
            message: message.clone(),
        };
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-source", format!("{key}: {message}"))
            .with_errors(vec![mistake])
    })?;
    if let Some(name) = source.secret.as_ref().filter(|name| !app.config.git.credentials.contains_key(*name))
        && integration::find(app.store.pool(), name).await?.is_none_or(|(found, _)| found.kind != "git")
    {
        let detail = format!(
            "secret: there is no credential '{name}' for Git; `slipway integration add {name} git` stores one, or add it to git.credentials"
        );
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-source", detail));
    }
    let mut tx = app.store.begin().await?;
    let before = provider_source::find(&mut *tx, &source.name).await?.as_ref().map(told);
    let put = provider_source::put(&mut tx, &source, "api", &caller.name, app.config.git.interval_s).await?;
    let status = match put {
        Put::Added => StatusCode::CREATED,
        Put::Changed | Put::Same => StatusCode::OK,
        Put::Listed => {
            let detail = format!("the source '{}' is in the instance's list of sources; change it there", source.name);
            return Err(Problem::conflict("source-listed", detail));
        }
        Put::Full => {
            let detail =
                format!("there are {} sources, which is as many as there may be", provider_source::MAX_SOURCES);
            return Err(Problem::conflict("too-many-sources", detail));
        }
    };
    let row = provider_source::find(&mut *tx, &source.name).await?;
    let mut entry = trail.entry("provider_source.write", format!("provider_source/{}", source.name));
    (entry.before, entry.after) = (before, row.as_ref().map(told));
    audit::record(&mut tx, &entry).await?;
    notify(&mut tx).await?;
    crate::commit(tx).await?;
    let row = row.ok_or_else(|| Problem::not_found("source", &source.name))?;
    Ok((status, Json(SourceView::from(row))).into_response())
}

/// Asks for a source's removal. Its providers are loaded until a set without them is valid and stored.
#[utoipa::path(delete, path = "/api/admin/providers/sources/{name}", tag = "providers", params(("name" = String, Path)),
    responses((status = 202, body = SourceView), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn remove(
    State(app): State<AppState>,
    trail: Trail,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let mut tx = app.store.begin().await?;
    match provider_source::request_removal(&mut *tx, &name, "api").await? {
        None => return Err(Problem::not_found("source", &name)),
        Some(false) => {
            let detail =
                format!("the source '{name}' is in the instance's list of sources; remove it there, and reload");
            return Err(Problem::conflict("source-listed", detail));
        }
        Some(true) => {}
    }
    let row = provider_source::find(&mut *tx, &name).await?;
    let mut entry = trail.entry("provider_source.write", format!("provider_source/{name}"));
    (entry.before, entry.after) = (row.as_ref().map(told), Some(json!({"removed": true})));
    audit::record(&mut tx, &entry).await?;
    notify(&mut tx).await?;
    crate::commit(tx).await?;
    let row = row.ok_or_else(|| Problem::not_found("source", &name))?;
    Ok((StatusCode::ACCEPTED, Json(SourceView::from(row))).into_response())
}

/// What the scheduler found.
#[derive(Debug, ToSchema)]
#[allow(dead_code, reason = "describes what the scheduler writes")]
pub(crate) struct LookView {
    /// Whether nothing is wrong anywhere.
    valid: bool,
    /// The number of the set that is current; it rises with every change.
    generation: i64,
    /// `name@version` of every provider of the set.
    providers: Vec<String>,
    /// Each source that was looked at: name, status, commit, problems, warnings.
    #[schema(value_type = Vec<Object>)]
    sources: Value,
    /// Everything that is wrong: message, and file, line and column where there are any.
    #[schema(value_type = Vec<Object>)]
    problems: Value,
}

/// Fetches every source, reads every folder, and swaps the set of providers if the new one is valid as a whole. Runs in
/// progress keep what they began with. 202 when it takes longer than 20 s: the sources tell how it ended.
#[utoipa::path(post, path = "/api/admin/providers/reload", tag = "providers",
    responses((status = 200, body = LookView), (status = 202, description = "It goes on; see the sources")))]
pub(crate) async fn reload(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
) -> Result<Response, Problem> {
    audit::append(app.store.pool(), &trail.entry("provider.reload", "provider/*")).await?;
    ask(&app, Asked::Reload, &caller.name).await
}

/// As a reload, and changes nothing: says what would be wrong.
#[utoipa::path(get, path = "/api/admin/providers/validate", tag = "providers",
    responses((status = 200, body = LookView), (status = 202, description = "It takes longer; ask again")))]
pub(crate) async fn validate(State(app): State<AppState>, Caller(caller): Caller) -> Result<Response, Problem> {
    ask(&app, Asked::Validate, &caller.name).await
}

async fn ask(app: &AppState, asked: Asked, by: &str) -> Result<Response, Problem> {
    let mut tx = app.store.begin().await?;
    let id = provider_set::ask(&mut tx, asked, by).await?;
    notify(&mut tx).await?;
    crate::commit(tx).await?;
    let patience = PATIENCE.min(Duration::from_secs(app.config.api.request_timeout_s) / 2);
    let end = tokio::time::Instant::now() + patience;
    while tokio::time::Instant::now() < end && !app.shutdown.is_cancelled() {
        if let Some(answer) = provider_set::answer(app.store.pool(), id).await? {
            return Ok(Json(answer).into_response());
        }
        tokio::time::sleep(PERIOD).await;
    }
    let location = (header::LOCATION, HeaderValue::from_static("/api/admin/providers/sources"));
    let note = "no scheduler has answered yet; /api/admin/providers/sources shows how each source stands";
    Ok((StatusCode::ACCEPTED, [location], Json(serde_json::json!({ "status": "pending", "detail": note })))
        .into_response())
}
