//! Marks: deployments, incidents and notes, shown beside the figures of their time.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::{
    domain::access::{Principal, Visible},
    outgoing::Url,
    store::{
        audit,
        mark::{self, Mark, MarkKind},
    },
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    access::{Action, Grant},
    audit::Trail,
    error::{Problem, ProblemDetails},
    execute::json_body,
    extract::{Body, Path, Query},
    page::{Page, Paging},
    state::AppState,
};

/// Characters of a title.
const MAX_TITLE: usize = 200;
/// Characters of a link.
const MAX_LINK: usize = 2000;

/// A mark.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MarkView {
    /// Its id.
    id: Uuid,
    /// `deploy`, `incident` or `note`.
    kind: String,
    /// What happened.
    title: String,
    /// Where there is more about it.
    link: Option<String>,
    /// When it was, or began.
    at: DateTime<Utc>,
    /// When it was over; none: it is a moment, or goes on.
    until: Option<DateTime<Utc>>,
    /// Whose it is; none: everybody's.
    team: Option<String>,
    /// Who made the mark.
    made_by: String,
    /// When they did.
    made_at: DateTime<Utc>,
}

impl From<Mark> for MarkView {
    fn from(mark: Mark) -> Self {
        Self {
            id: mark.id,
            kind: mark.kind.to_string(),
            title: mark.title,
            link: mark.link,
            at: mark.at,
            until: mark.until,
            team: mark.team,
            made_by: mark.made_by,
            made_at: mark.made_at,
        }
    }
}

/// A mark to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MarkRequest {
    /// `deploy`, `incident` or `note`.
    kind: String,
    /// What happened, in 200 characters at most.
    title: String,
    /// Where there is more about it: `https://…` or `http://…`.
    #[serde(default)]
    link: Option<String>,
    /// When it was, or began; now when nothing is said.
    #[serde(default)]
    at: Option<DateTime<Utc>>,
    /// When it was over.
    #[serde(default)]
    until: Option<DateTime<Utc>>,
    /// Whose it is to be. Without it your only team's, which is asked for where you have several; of admins, everybody's.
    #[serde(default)]
    team: Option<String>,
}

fn check(request: MarkRequest, caller: &Principal, team: Option<String>) -> Result<Mark, Problem> {
    let kind: MarkKind = request.kind.parse().map_err(|error| Problem::bad_request(format!("kind: {error}")))?;
    let title = request.title.trim();
    if title.is_empty() || title.chars().count() > MAX_TITLE {
        return Err(Problem::bad_request(format!("title: from 1 to {MAX_TITLE} characters")));
    }
    if let Some(link) = &request.link {
        let fits = link.len() <= MAX_LINK
            && link.parse::<Url>().is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
        if !fits {
            return Err(Problem::bad_request(format!("link: https://… or http://…, at most {MAX_LINK} characters")));
        }
    }
    let now = Utc::now();
    let at = request.at.unwrap_or(now);
    if request.until.is_some_and(|until| until < at) {
        return Err(Problem::bad_request("until: it must not be before `at`"));
    }
    let maker = (!caller.id.is_nil()).then_some(caller.id);
    Ok(Mark {
        id: Uuid::now_v7(),
        kind,
        title: title.to_owned(),
        link: request.link,
        at,
        until: request.until,
        team,
        made_by: caller.name.clone(),
        maker,
        made_at: now,
    })
}

fn told(mark: &Mark) -> Value {
    json!({"kind": mark.kind, "title": mark.title, "link": mark.link, "at": mark.at, "until": mark.until, "team": mark.team})
}

/// Makes a mark, which its team sees, or everybody where it has none.
#[utoipa::path(post, path = "/api/marks", tag = "queues", request_body = MarkRequest,
    responses((status = 201, body = MarkView), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails)))]
pub(crate) async fn create(
    State(app): State<AppState>,
    grant: Grant,
    trail: Trail,
    Body(body): Body,
) -> Result<(StatusCode, Json<MarkView>), Problem> {
    let request: MarkRequest = json_body(&body)?;
    let team = grant.team(request.team.as_deref())?;
    let mark = check(request, trail.caller(), team)?;
    let mut tx = app.store.begin().await?;
    mark::create(&mut *tx, &mark).await?;
    let entry = trail.entry("mark.write", format!("mark/{}", mark.id)).team(mark.team.clone()).after(told(&mark));
    audit::record(&mut tx, &entry).await?;
    crate::commit(tx).await?;
    Ok((StatusCode::CREATED, Json(mark.into())))
}

/// Which marks to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MarkFilter {
    /// Those that reach to this time or later.
    from: Option<DateTime<Utc>>,
    /// Those that began no later than this.
    to: Option<DateTime<Utc>>,
}

/// Everybody's marks and those of one's teams, of a time, those made last first.
#[utoipa::path(get, path = "/api/marks", tag = "queues", params(MarkFilter, Paging),
    responses((status = 200, body = Page<MarkView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    grant: Grant,
    Query(filter): Query<MarkFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<MarkView>>, Problem> {
    let (before, rows) = (paging.before()?, paging.rows()?);
    let rows = mark::page(app.store.pool(), grant.teams(), filter.from, filter.to, before, rows).await?;
    Ok(Json(paging.page(rows, |mark| mark.id, MarkView::from)?))
}

/// Removes a mark: one's own, one of a team whose developer one is, or any as an admin.
#[utoipa::path(delete, path = "/api/marks/{id}", tag = "queues", params(("id" = Uuid, Path)),
    responses((status = 204, description = "It is gone"), (status = 403, body = ProblemDetails),
              (status = 404, body = ProblemDetails)))]
pub(crate) async fn remove(
    State(app): State<AppState>,
    grant: Grant,
    trail: Trail,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.store.begin().await?;
    let unknown = || Problem::not_found("mark", id);
    let mark = mark::find(&mut tx, id).await?.ok_or_else(unknown)?;
    let own = mark.maker == Some(trail.caller().id);
    let theirs = match &mark.team {
        Some(team) if !own && !grant.visible(Action::MarkRead).await?.has(team) => return Err(unknown()),
        Some(team) => grant.teams().has(team),
        None => *grant.teams() == Visible::All,
    };
    if !own && !theirs {
        let team = mark.team.as_deref().unwrap_or_default();
        return Err(grant.refused_of(Action::MarkWrite, "mark", id, team).with("made_by", mark.made_by));
    }
    mark::remove(&mut *tx, id).await?;
    let entry = trail.entry("mark.remove", format!("mark/{id}")).team(mark.team.clone()).before(told(&mark));
    audit::record(&mut tx, &entry).await?;
    crate::commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
