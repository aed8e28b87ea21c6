//! Rules of teams, and those of the installation.

use axum::{Json, extract::State, http::StatusCode};
use serde::Deserialize;
use shared::store::notification::{self, Owner, Whose};
use utoipa::IntoParams;
use uuid::Uuid;

use super::{
    RuleChange, RuleRequest,
    view::{MessageView, RuleView},
};
use crate::{
    access::Grant,
    audit::Trail,
    error::{Problem, ProblemDetails},
    execute::json_body,
    extract::{Body, Path, Query},
    page::{Page, Paging},
    state::AppState,
};

/// Makes a rule of a team.
#[utoipa::path(post, path = "/api/notifications/rules", tag = "notifications", request_body = RuleRequest,
    responses((status = 201, body = RuleView), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails),
              (status = 409, body = ProblemDetails), (status = 422, body = ProblemDetails)))]
pub(crate) async fn create(
    State(app): State<AppState>,
    grant: Grant,
    trail: Trail,
    Body(body): Body,
) -> Result<(StatusCode, Json<RuleView>), Problem> {
    let request: RuleRequest = json_body(&body)?;
    let owner = grant.team(request.team.as_deref())?.map_or(Owner::Installation, Owner::Team);
    super::create(&app, &trail, &owner, None, request).await
}

/// Which rules to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RuleFilter {
    /// Of this team.
    team: Option<String>,
}

/// Rules of teams, newest first.
#[utoipa::path(get, path = "/api/notifications/rules", tag = "notifications", params(RuleFilter, Paging),
    responses((status = 200, body = Page<RuleView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    grant: Grant,
    Query(filter): Query<RuleFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<RuleView>>, Problem> {
    let (whose, team) = (Whose::Teams(grant.teams()), filter.team.as_deref());
    let rows = notification::page(app.store.pool(), &whose, team, paging.before()?, paging.rows()?).await?;
    Ok(Json(paging.page(rows, |row| row.id, |row| RuleView::of(row, None))?))
}

/// Changes a rule of a team, pauses it, or lets it go on.
#[utoipa::path(patch, path = "/api/notifications/rules/{id}", tag = "notifications", params(("id" = Uuid, Path)), request_body = RuleChange,
    responses((status = 200, body = RuleView), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails),
              (status = 422, body = ProblemDetails)))]
pub(crate) async fn change(
    State(app): State<AppState>,
    trail: Trail,
    Path(id): Path<Uuid>,
    Body(body): Body,
) -> Result<Json<RuleView>, Problem> {
    super::change(&app, &trail, id, &body).await
}

/// Removes a rule of a team and what is kept of its messages.
#[utoipa::path(delete, path = "/api/notifications/rules/{id}", tag = "notifications", params(("id" = Uuid, Path)),
    responses((status = 204, description = "It is gone"), (status = 404, body = ProblemDetails)))]
pub(crate) async fn remove(
    State(app): State<AppState>,
    trail: Trail,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    super::remove(&app, &trail, id).await
}

/// Sends a message that says that it is a test.
#[utoipa::path(post, path = "/api/notifications/rules/{id}/test", tag = "notifications", params(("id" = Uuid, Path)),
    responses((status = 202, body = MessageView), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn test(
    State(app): State<AppState>,
    trail: Trail,
    Path(id): Path<Uuid>,
) -> Result<(StatusCode, Json<MessageView>), Problem> {
    super::test(&app, &trail, id).await
}

/// What was sent, newest first. Kept for two weeks unless the instance says otherwise.
#[utoipa::path(get, path = "/api/notifications/rules/{id}/deliveries", tag = "notifications", params(("id" = Uuid, Path), Paging),
    responses((status = 200, body = Page<MessageView>), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn deliveries(
    State(app): State<AppState>,
    Path(id): Path<Uuid>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<MessageView>>, Problem> {
    super::deliveries(&app, id, &paging).await
}
