//! Webhooks that Slipway sends: where to, of what, and how that went ([`deliveries`]).

pub(crate) mod deliveries;

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    domain::announcement,
    outgoing::{Client, OutgoingError, Policy, Secret, Url},
    store::{
        audit,
        webhook::{self, Changes, Created, Endpoint, NewEndpoint},
    },
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    access::Grant,
    audit::Trail,
    error::{InputError, Problem, ProblemDetails},
    execute::json_body,
    extract::{Body, Caller, Path, Query},
    page::{Page, Paging},
    state::AppState,
};

/// Characters of a URL, and of a description.
const MAX_URL: usize = 2000;
/// Names in the list of an endpoint's events.
const MAX_EVENTS: usize = 50;
/// Hours that a secret which was taken the place of signs beside the new one, when nothing is said; and at most.
const OVERLAP_HOURS: (u32, u32) = (24, 24 * 30);
/// How long a name may take to be looked up when an endpoint is made.
const LOOKUP: std::time::Duration = std::time::Duration::from_secs(5);

/// Where events are sent to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookView {
    /// Its id.
    pub id: Uuid,
    /// Whose events it gets; none: those of all teams, and the installation's.
    pub team: Option<String>,
    /// Where they are sent.
    pub url: String,
    /// For people.
    pub description: String,
    /// Names of events, or `run.*`; none: all.
    pub events: Vec<String>,
    /// Whether it gets any: `enabled`, `failing` (no delivery has succeeded lately) or `disabled`.
    pub status: &'static str,
    /// Why it is disabled.
    pub disabled_reason: Option<String>,
    /// Since when.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Since when no delivery has succeeded.
    pub failing_since: Option<DateTime<Utc>>,
    /// Until when the secret before the present one signs too.
    pub previous_secret_until: Option<DateTime<Utc>>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// What deliveries are signed with (Standard Webhooks). Shown when it is made, and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl WebhookView {
    fn of(row: Endpoint, secret: Option<String>) -> Self {
        let status = match (row.disabled_at, row.failing_since) {
            (Some(_), _) => "disabled",
            (None, Some(_)) => "failing",
            (None, None) => "enabled",
        };
        Self {
            id: row.id,
            team: row.team,
            url: row.url,
            description: row.description,
            events: row.events,
            status,
            disabled_reason: row.disabled_reason,
            disabled_at: row.disabled_at,
            failing_since: row.failing_since,
            previous_secret_until: row.previous_until.filter(|until| *until > Utc::now()),
            created_by: row.created_by,
            created_at: row.created_at,
            updated_at: row.updated_at,
            secret,
        }
    }
}

/// What the audit log says of an endpoint.
fn told(row: &Endpoint) -> Value {
    json!({"url": row.url, "description": row.description, "events": row.events, "enabled": row.disabled_at.is_none()})
}

fn unknown(id: Uuid) -> Problem {
    Problem::not_found("webhook", id)
}

/// An endpoint to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookRequest {
    /// Where events are sent: `https://…`, without a user name or password.
    url: String,
    /// Whose events; the caller's only team when nothing is said. Who may do so in all teams gets those of all.
    #[serde(default)]
    team: Option<String>,
    /// Names of events as `run.completed`, or of all about a noun as `run.*`; all when nothing is said.
    #[serde(default)]
    events: Vec<String>,
    /// For people.
    #[serde(default)]
    description: String,
}

fn invalid(path: &str, message: impl Into<String>) -> Problem {
    let message = message.into();
    let mistake =
        InputError { code: "invalid_value", path: path.into(), line: None, column: None, message: message.clone() };
    let detail = format!("{}: {message}", path.trim_start_matches('/'));
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-webhook", detail).with_errors(vec![mistake])
}

/// Reads a URL, and looks whether deliveries could go there. Each delivery looks again, for names change.
async fn check_url(app: &AppState, text: &str) -> Result<Url, Problem> {
    admit(app, text).await?.map_err(|why| invalid("/url", why))
}

/// The URL, if something may be sent there by the rules of `webhooks`; else why not.
pub(crate) async fn admit(app: &AppState, text: &str) -> Result<Result<Url, String>, Problem> {
    if text.len() > MAX_URL {
        return Ok(Err(format!("at most {MAX_URL} characters")));
    }
    let url: Url = match text.parse() {
        Ok(url) => url,
        Err(error) => return Ok(Err(format!("it cannot be read: {error}"))),
    };
    let config = &app.config.webhooks;
    let policy = Policy::public_and(&config.allow, config.plain_http, "webhooks.allow");
    let client =
        Client::new(policy, config.ca_file.as_deref(), LOOKUP, 0).map_err(|error| Problem::internal(&error))?;
    match tokio::time::timeout(LOOKUP, client.admit(&url)).await {
        Ok(Err(error @ (OutgoingError::Url(_) | OutgoingError::Private { .. }))) => Ok(Err(error.to_string())),
        // A name that cannot be looked up now may be there when something is sent.
        Ok(_) | Err(_) => Ok(Ok(url)),
    }
}

/// The secret as it is stored: sealed for its endpoint, where the instance has a key.
async fn seal(app: &AppState, id: Uuid, team: Option<&str>, secret: &str) -> Result<String, Problem> {
    let mut value = Value::String(secret.to_owned());
    app.seals.seal_value(&app.store, team.unwrap_or_default(), id, &mut value).await?;
    value.as_str().map(str::to_owned).ok_or_else(|| Problem::internal(&"a sealed text is no text"))
}

fn check_rest(events: &[String], description: &str) -> Result<(), Problem> {
    if events.len() > MAX_EVENTS {
        return Err(invalid("/events", format!("at most {MAX_EVENTS} names")));
    }
    for (index, name) in events.iter().enumerate() {
        announcement::check_name(name).map_err(|message| invalid(&format!("/events/{index}"), message))?;
    }
    if description.chars().count() > MAX_URL {
        return Err(invalid("/description", format!("at most {MAX_URL} characters")));
    }
    Ok(())
}

/// Makes an endpoint. Its secret is in the answer, and is not shown again.
#[utoipa::path(post, path = "/api/webhooks", tag = "webhooks", request_body = WebhookRequest,
    responses((status = 201, body = WebhookView), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails),
              (status = 409, body = ProblemDetails), (status = 422, body = ProblemDetails)))]
pub(crate) async fn create(
    State(app): State<AppState>,
    Caller(caller): Caller,
    grant: Grant,
    trail: Trail,
    Body(body): Body,
) -> Result<(StatusCode, Json<WebhookView>), Problem> {
    let request: WebhookRequest = json_body(&body)?;
    let team = grant.team(request.team.as_deref())?;
    check_rest(&request.events, &request.description)?;
    let url = check_url(&app, &request.url).await?;
    let (id, secret) = (Uuid::now_v7(), Secret::random().to_text());
    let sealed = seal(&app, id, team.as_deref(), &secret).await?;
    let new = NewEndpoint {
        id,
        team: team.as_deref(),
        url: url.as_str(),
        description: &request.description,
        events: &request.events,
        secret: &sealed,
        created_by: &caller.name,
    };
    let mut tx = app.store.begin().await?;
    let made = match webhook::create(&mut tx, &new, app.config.webhooks.max_endpoints).await? {
        Created::Created(made) => made,
        Created::Exists(id) => {
            let detail = format!("the webhook {id} sends there already; change it, or remove it first");
            return Err(Problem::conflict("webhook-exists", detail).with("webhook", id.to_string()));
        }
        Created::Full => {
            let detail =
                format!("there are {} webhooks, which is as many as there may be", app.config.webhooks.max_endpoints);
            return Err(Problem::conflict("too-many-webhooks", detail));
        }
    };
    let entry = trail.entry("webhook.create", format!("webhook/{}", made.id)).team(team.clone()).after(told(&made));
    audit::record(&mut tx, &entry).await?;
    crate::commit(tx).await?;
    Ok((StatusCode::CREATED, Json(WebhookView::of(*made, Some(secret)))))
}

/// Which endpoints to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WebhookFilter {
    /// Of this team.
    team: Option<String>,
}

/// Endpoints, newest first.
#[utoipa::path(get, path = "/api/webhooks", tag = "webhooks", params(WebhookFilter, Paging),
    responses((status = 200, body = Page<WebhookView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    grant: Grant,
    Query(filter): Query<WebhookFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<WebhookView>>, Problem> {
    let team = filter.team.as_deref();
    let rows = webhook::page(app.store.pool(), grant.teams(), team, paging.before()?, paging.rows()?).await?;
    Ok(Json(paging.page(rows, |row| row.id, |row| WebhookView::of(row, None))?))
}

/// One endpoint.
#[utoipa::path(get, path = "/api/webhooks/{id}", tag = "webhooks", params(("id" = Uuid, Path)),
    responses((status = 200, body = WebhookView), (status = 404, body = ProblemDetails)))]
pub(crate) async fn get(State(app): State<AppState>, Path(id): Path<Uuid>) -> Result<Json<WebhookView>, Problem> {
    let row = webhook::find(app.store.pool(), id).await?.ok_or_else(|| unknown(id))?;
    Ok(Json(WebhookView::of(row, None)))
}

/// What is to be changed of an endpoint; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookChange {
    /// Where events are sent.
    #[serde(default)]
    url: Option<String>,
    /// Names of events; an empty list for all.
    #[serde(default)]
    events: Option<Vec<String>>,
    /// For people.
    #[serde(default)]
    description: Option<String>,
    /// Whether it gets anything. One that is enabled again gets what happens from then on.
    #[serde(default)]
    enabled: Option<bool>,
}

/// Changes an endpoint, disables it, or enables it again.
#[utoipa::path(patch, path = "/api/webhooks/{id}", tag = "webhooks", params(("id" = Uuid, Path)), request_body = WebhookChange,
    responses((status = 200, body = WebhookView), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails),
              (status = 422, body = ProblemDetails)))]
pub(crate) async fn change(
    State(app): State<AppState>,
    Caller(caller): Caller,
    trail: Trail,
    Path(id): Path<Uuid>,
    Body(body): Body,
) -> Result<Json<WebhookView>, Problem> {
    let request: WebhookChange = json_body(&body)?;
    check_rest(request.events.as_deref().unwrap_or_default(), request.description.as_deref().unwrap_or_default())?;
    let url = match &request.url {
        Some(url) => Some(check_url(&app, url).await?.to_string()),
        None => None,
    };
    let changes = Changes {
        url,
        description: request.description,
        events: request.events,
        enabled: request.enabled,
        by: caller.name,
    };
    let mut tx = app.store.begin().await?;
    let before = webhook::find(&mut *tx, id).await?.ok_or_else(|| unknown(id))?;
    webhook::change(&mut tx, id, &changes).await?;
    let after = webhook::find(&mut *tx, id).await?.ok_or_else(|| unknown(id))?;
    let entry = trail.entry("webhook.write", format!("webhook/{id}")).team(after.team.clone());
    audit::record(&mut tx, &entry.before(told(&before)).after(told(&after))).await?;
    crate::commit(tx).await?;
    Ok(Json(WebhookView::of(after, None)))
}

/// Removes an endpoint and what is kept of its deliveries.
#[utoipa::path(delete, path = "/api/webhooks/{id}", tag = "webhooks", params(("id" = Uuid, Path)),
    responses((status = 204, description = "It is gone"), (status = 404, body = ProblemDetails)))]
pub(crate) async fn remove(
    State(app): State<AppState>,
    trail: Trail,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.store.begin().await?;
    let before = webhook::find(&mut *tx, id).await?.ok_or_else(|| unknown(id))?;
    webhook::remove(&mut *tx, id).await?;
    let entry = trail.entry("webhook.remove", format!("webhook/{id}")).team(before.team.clone());
    audit::record(&mut tx, &entry.before(told(&before))).await?;
    crate::commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How a secret is changed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateRequest {
    /// Hours for which the secret before signs too; 24 when nothing is said, 0 when it has leaked.
    #[serde(default)]
    overlap_hours: Option<u32>,
}

/// Gives an endpoint a new secret, which is in the answer and is not shown again. Until the overlap is over, deliveries carry two
/// signatures.
#[utoipa::path(post, path = "/api/webhooks/{id}/rotate", tag = "webhooks", params(("id" = Uuid, Path)),
    request_body(content = Option<RotateRequest>, description = "May be empty"),
    responses((status = 200, body = WebhookView), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn rotate(
    State(app): State<AppState>,
    trail: Trail,
    Path(id): Path<Uuid>,
    Body(body): Body,
) -> Result<Json<WebhookView>, Problem> {
    let request: RotateRequest = if body.is_empty() { RotateRequest::default() } else { json_body(&body)? };
    let (usual, most) = OVERLAP_HOURS;
    let hours = request.overlap_hours.unwrap_or(usual);
    if hours > most {
        return Err(Problem::bad_request(format!("overlap_hours: at most {most}")));
    }
    let secret = Secret::random().to_text();
    let endpoint = webhook::find(app.store.pool(), id).await?.ok_or_else(|| unknown(id))?;
    let sealed = seal(&app, id, endpoint.team.as_deref(), &secret).await?;
    let mut tx = app.store.begin().await?;
    if !webhook::rotate(&mut *tx, id, &sealed, hours).await? {
        return Err(unknown(id));
    }
    let row = webhook::find(&mut *tx, id).await?.ok_or_else(|| unknown(id))?;
    let entry = trail.entry("webhook.rotate", format!("webhook/{id}")).team(row.team.clone());
    audit::record(&mut tx, &entry.after(json!({"overlap_hours": hours}))).await?;
    crate::commit(tx).await?;
    Ok(Json(WebhookView::of(row, Some(secret))))
}
