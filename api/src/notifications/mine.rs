//! One's own rules: of what concerns one's teams.

use axum::{Json, extract::State, http::StatusCode};
use shared::{
    domain::access::{Principal, PrincipalKind},
    store::notification::{self, Owner, Whose},
};
use uuid::Uuid;

use super::{
    RuleChange, RuleRequest,
    view::{MessageView, RuleView},
};
use crate::{
    audit::Trail,
    error::{Problem, ProblemDetails},
    execute::json_body,
    extract::{Body, Caller, Path, Query},
    page::{Page, Paging},
    state::AppState,
};

/// The person who asks; others have no rules of their own.
fn person(caller: &Principal) -> Result<Uuid, Problem> {
    if caller.kind == PrincipalKind::Person {
        return Ok(caller.id);
    }
    let detail = "you are no person: make a rule of a team, with POST /api/notifications/rules or `slipway notification add --team TEAM`";
    Err(Problem::conflict("no-person", detail))
}

/// Makes a rule of one's own.
#[utoipa::path(post, path = "/api/notifications/mine", tag = "notifications", request_body = RuleRequest,
    responses((status = 201, body = RuleView), (status = 400, body = ProblemDetails), (status = 409, body = ProblemDetails),
              (status = 422, body = ProblemDetails)))]
pub(crate) async fn create(
    State(app): State<AppState>,
    trail: Trail,
    Body(body): Body,
) -> Result<(StatusCode, Json<RuleView>), Problem> {
    let request: RuleRequest = json_body(&body)?;
    let person = person(trail.caller())?;
    if request.team.is_some() {
        return Err(super::invalid(
            "/team",
            "your own rules are for all your teams; those of one are at /api/notifications/rules",
        ));
    }
    let address = notification::address_of(app.store.pool(), person).await?;
    super::create(&app, &trail, &Owner::Person(person), address, request).await
}

/// One's own rules, newest first.
#[utoipa::path(get, path = "/api/notifications/mine", tag = "notifications", params(Paging),
    responses((status = 200, body = Page<RuleView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    Caller(caller): Caller,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<RuleView>>, Problem> {
    let whose = Whose::Person(caller.id);
    let rows = notification::page(app.store.pool(), &whose, None, paging.before()?, paging.rows()?).await?;
    Ok(Json(paging.page(rows, |row| row.id, |row| RuleView::of(row, None))?))
}

/// Changes a rule of one's own, pauses it, or lets it go on.
#[utoipa::path(patch, path = "/api/notifications/mine/{id}", tag = "notifications", params(("id" = Uuid, Path)), request_body = RuleChange,
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

/// Removes a rule of one's own and what is kept of its messages.
#[utoipa::path(delete, path = "/api/notifications/mine/{id}", tag = "notifications", params(("id" = Uuid, Path)),
    responses((status = 204, description = "It is gone"), (status = 404, body = ProblemDetails)))]
pub(crate) async fn remove(
    State(app): State<AppState>,
    trail: Trail,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    super::remove(&app, &trail, id).await
}

/// Sends a message that says that it is a test.
#[utoipa::path(post, path = "/api/notifications/mine/{id}/test", tag = "notifications", params(("id" = Uuid, Path)),
    responses((status = 202, body = MessageView), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn test(
    State(app): State<AppState>,
    trail: Trail,
    Path(id): Path<Uuid>,
) -> Result<(StatusCode, Json<MessageView>), Problem> {
    super::test(&app, &trail, id).await
}

/// What was sent, newest first. Kept for two weeks unless the instance says otherwise.
#[utoipa::path(get, path = "/api/notifications/mine/{id}/deliveries", tag = "notifications", params(("id" = Uuid, Path), Paging),
    responses((status = 200, body = Page<MessageView>), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn deliveries(
    State(app): State<AppState>,
    Path(id): Path<Uuid>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<MessageView>>, Problem> {
    super::deliveries(&app, id, &paging).await
}
