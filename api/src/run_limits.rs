//! Limits: what may run at once of a team, a type, a provider, a queue or a concurrency group.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::store::{
    audit,
    limits::{self, Limit, LimitKind},
    notify,
};
use utoipa::ToSchema;

use crate::{
    access::{Action, Grant},
    audit::Trail,
    error::{Problem, ProblemDetails},
    execute::json_body,
    extract::{Body, Path, Query},
    page::{Page, Paging},
    state::AppState,
};

/// Characters of a reason.
const MAX_REASON: usize = 500;

/// A limit.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LimitView {
    /// `team`, `type`, `provider`, `queue` or `group`.
    kind: String,
    /// Of which name.
    name: String,
    /// How many runs go at once.
    most: i32,
    /// How many do now.
    used: i64,
    /// Why, for whoever wonders.
    reason: String,
    /// Who made it.
    made_by: String,
    /// When they did.
    made_at: DateTime<Utc>,
}

impl From<Limit> for LimitView {
    fn from(row: Limit) -> Self {
        let Limit { kind, name, most, reason, made_by, made_at, used } = row;
        Self { kind: kind.to_string(), name, most, used, reason, made_by, made_at }
    }
}

/// What is to go at once.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LimitRequest {
    /// How many runs, from 0 (none begins) to 10000; of a group at most 1000.
    most: i32,
    /// Why, for whoever wonders.
    #[serde(default)]
    reason: String,
}

fn kind_of(text: &str) -> Result<LimitKind, Problem> {
    text.parse().map_err(|error| Problem::bad_request(format!("kind: {error}")))
}

fn told(limit: Option<&Limit>) -> Value {
    limit.map_or(Value::Null, |it| json!({"most": it.most, "reason": it.reason}))
}

/// The limits that there are, by kind and name. A run beyond one waits, and says so.
#[utoipa::path(get, path = "/api/limits", tag = "queues", params(Paging),
    responses((status = 200, body = Page<LimitView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    grant: Grant,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<LimitView>>, Problem> {
    let after = paging.after_parts(|[kind, name]| Some((kind.parse::<LimitKind>().ok()?, name.to_owned())))?;
    let after = after.as_ref().map(|(kind, name)| (*kind, name.as_str()));
    let visible = grant.visible(Action::TeamRead).await?;
    let rows = limits::page(app.store.pool(), visible.teams(), after, paging.rows()?).await?;
    Ok(Json(paging.page_by(rows, |it| format!("{}/{}", it.kind, it.name), LimitView::from)?))
}

/// One limit.
#[utoipa::path(get, path = "/api/limits/{kind}/{name}", tag = "queues", params(("kind" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = LimitView), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    grant: Grant,
    Path((kind, name)): Path<(String, String)>,
) -> Result<Json<LimitView>, Problem> {
    let kind = kind_of(&kind)?;
    let visible = grant.visible(Action::TeamRead).await?;
    let found = limits::find(app.store.pool(), (kind, &name)).await?;
    let found = found.filter(|it| it.kind != LimitKind::Team || visible.has(&it.name));
    Ok(Json(found.ok_or_else(|| Problem::not_found("limit", format!("{kind}/{name}")))?.into()))
}

/// Sets how many runs go at once. What runs already goes on.
#[utoipa::path(put, path = "/api/limits/{kind}/{name}", tag = "queues", params(("kind" = String, Path), ("name" = String, Path)),
    request_body = LimitRequest,
    responses((status = 200, body = LimitView), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails)))]
pub(crate) async fn put(
    State(app): State<AppState>,
    trail: Trail,
    Path((kind, name)): Path<(String, String)>,
    Body(body): Body,
) -> Result<Json<LimitView>, Problem> {
    let kind = kind_of(&kind)?;
    let request: LimitRequest = json_body(&body)?;
    let most = if kind == LimitKind::Group { 1000 } else { 10_000 };
    if !(0..=most).contains(&request.most) {
        return Err(Problem::bad_request(format!("most: from 0 to {most}")));
    }
    if request.reason.chars().count() > MAX_REASON {
        return Err(Problem::bad_request(format!("reason: at most {MAX_REASON} characters")));
    }
    if name.is_empty() || name.chars().count() > 253 || name.chars().any(char::is_control) {
        return Err(Problem::bad_request("name: from 1 to 253 characters, none of them a control character"));
    }
    let mut tx = app.store.begin().await?;
    let before = limits::find(&mut *tx, (kind, &name)).await?;
    limits::set(&mut *tx, (kind, &name), request.most, &request.reason, &trail.caller().name).await?;
    let after = limits::find(&mut *tx, (kind, &name)).await?;
    let entry = trail.entry("limit.write", format!("limit/{kind}/{name}"));
    audit::record(&mut tx, &entry.before(told(before.as_ref())).after(told(after.as_ref()))).await?;
    // What waited for it may begin.
    notify(&mut tx).await?;
    crate::commit(tx).await?;
    Ok(Json(after.ok_or_else(|| Problem::not_found("limit", format!("{kind}/{name}")))?.into()))
}

/// Removes a limit.
#[utoipa::path(delete, path = "/api/limits/{kind}/{name}", tag = "queues", params(("kind" = String, Path), ("name" = String, Path)),
    responses((status = 204, description = "It is gone"), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn remove(
    State(app): State<AppState>,
    trail: Trail,
    Path((kind, name)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let kind = kind_of(&kind)?;
    let mut tx = app.store.begin().await?;
    let before = limits::find(&mut *tx, (kind, &name)).await?;
    if !limits::remove(&mut *tx, (kind, &name)).await? {
        return Err(Problem::not_found("limit", format!("{kind}/{name}")));
    }
    let entry = trail.entry("limit.write", format!("limit/{kind}/{name}")).before(told(before.as_ref()));
    audit::record(&mut tx, &entry).await?;
    notify(&mut tx).await?;
    crate::commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
