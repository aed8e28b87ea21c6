//! Views: filters of a page that people keep under a name, for themselves or for their team.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::store::{
    audit,
    view::{self, Holder, View},
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    access::{Action, Grant},
    audit::Trail,
    error::{Problem, ProblemDetails},
    extract::{Body, Caller, Path, Query},
    page::{Page, Paging},
    state::AppState,
};

/// Which views to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ViewFilter {
    /// Of this page: `runs`, `resources`, `applications`, ….
    page: Option<String>,
}

/// A view.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ViewView {
    /// Its id.
    id: Uuid,
    /// The page it is of.
    page: String,
    /// What it is called.
    name: String,
    /// What stands behind the `?` of the page's address.
    query: String,
    /// The team whose it is; none: one's own.
    team: Option<String>,
    /// Who made it.
    created_by: String,
    /// When it was changed last.
    updated_at: DateTime<Utc>,
}

impl From<View> for ViewView {
    fn from(view: View) -> Self {
        let View { id, team, page, name, query, created_by, updated_at } = view;
        Self { id, page, name, query, team, created_by, updated_at }
    }
}

/// One's own views and those of one's teams, by page and name.
#[utoipa::path(get, path = "/api/views", tag = "views", params(ViewFilter, Paging),
    responses((status = 200, body = Page<ViewView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    grant: Grant,
    Caller(caller): Caller,
    Query(filter): Query<ViewFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<ViewView>>, Problem> {
    let after =
        paging.after_parts(|[page, id, name]| Some((page.to_owned(), name.to_owned(), id.parse::<Uuid>().ok()?)))?;
    let (of, pool) = (filter.page.as_deref(), app.store.pool());
    let views = view::page(pool, caller.id, grant.teams(), of, after.as_ref(), paging.rows()?).await?;
    Ok(Json(paging.page_by(views, |it| format!("{}/{}/{}", it.page, it.id, it.name), ViewView::from)?))
}

/// A view to keep.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewView {
    /// The page it is of: lower-case letters and `-`, at most 40.
    page: String,
    /// What to call it: 1 to 80 characters.
    name: String,
    /// What stands behind the `?` of the page's address, at most 2,000 bytes.
    query: String,
    /// The team whose it is to be; without it, one's own.
    #[serde(default)]
    team: Option<String>,
}

/// Keeps a view; one of the same page and name is replaced. One of a team's is for whoever changes what the team has.
#[utoipa::path(post, path = "/api/views", tag = "views", request_body = NewView,
    responses((status = 201, body = ViewView), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails),
              (status = 409, body = ProblemDetails)))]
pub(crate) async fn keep(
    State(app): State<AppState>,
    grant: Grant,
    trail: Trail,
    Body(body): Body,
) -> Result<(StatusCode, Json<ViewView>), Problem> {
    let new: NewView = serde_json::from_slice(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    let fits = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    if new.page.is_empty() || new.page.len() > 40 || !fits(&new.page) {
        return Err(Problem::bad_request("page: lower-case letters and `-`, at most 40"));
    }
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > 80 || name.chars().any(char::is_control) {
        return Err(Problem::bad_request("name: 1 to 80 characters"));
    }
    if new.query.len() > 2_000 || new.query.chars().any(char::is_control) {
        return Err(Problem::bad_request("query: at most 2000 bytes, without control characters"));
    }
    let caller = trail.caller();
    let holder = match new.team {
        Some(team) => {
            may_share(&grant, "team", &team, &team).await?;
            Holder::Team(team)
        }
        None => Holder::Caller(caller.id),
    };
    let mut tx = app.store.begin().await?;
    let kept = view::keep(&mut tx, &holder, &new.page, name, &new.query, &caller.name).await?;
    let Some(kept) = kept else {
        let detail = format!("there are {} views already; remove one that is not used any more", view::MOST);
        return Err(Problem::conflict("too-many-views", detail));
    };
    let after = json!({"page": kept.page, "name": kept.name, "query": kept.query});
    let entry = trail.entry("view.write", format!("view/{}", kept.id)).team(kept.team.clone()).after(after);
    audit::record(&mut tx, &entry).await?;
    crate::commit(tx).await?;
    Ok((StatusCode::CREATED, Json(kept.into())))
}

/// Forgets a view.
#[utoipa::path(delete, path = "/api/views/{id}", tag = "views", params(("id" = Uuid, Path)),
    responses((status = 204), (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn remove(
    State(app): State<AppState>,
    grant: Grant,
    trail: Trail,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.store.begin().await?;
    let Some((holder, view)) = view::find(&mut tx, id).await? else { return Err(Problem::not_found("view", id)) };
    match &holder {
        Holder::Caller(owner) if *owner == trail.caller().id => {}
        Holder::Team(team) if grant.teams().has(team) => may_share(&grant, "view", id, team).await?,
        // Whoever may not see it does not learn that it is there.
        Holder::Caller(_) | Holder::Team(_) => return Err(Problem::not_found("view", id)),
    }
    view::remove(&mut *tx, id).await?;
    let before = json!({"page": view.page, "name": view.name, "query": view.query});
    audit::record(&mut tx, &trail.entry("view.write", format!("view/{id}")).team(view.team).before(before)).await?;
    crate::commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Refuses who may not change the views that a team shares.
async fn may_share(grant: &Grant, kind: &'static str, name: impl ToString, team: &str) -> Result<(), Problem> {
    if grant.visible(Action::ViewShare).await?.has(team) {
        return Ok(());
    }
    Err(grant.refused_of(Action::ViewShare, kind, name, team))
}
