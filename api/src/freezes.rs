//! Freezes: times in which nothing of a team, an environment or at all is to be changed.

use axum::{Json, extract::State, http::StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::{
    domain::{event as events, freeze::FreezeTimes, ids::RunId},
    store::{
        audit,
        event::{self, NewEvent},
        freeze::{self, Freeze, Overridden},
        notify,
    },
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

/// A freeze.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FreezeView {
    /// Its name.
    name: String,
    /// The team whose runs it is about; null: all.
    team: Option<String>,
    /// The environment that it is about, the label `env` or `environment` of resources, else of applications; null: all.
    environment: Option<String>,
    /// When it begins, again and again: five fields of cron.
    cron: Option<String>,
    /// The time zone in which that is meant.
    time_zone: Option<String>,
    /// Seconds that it lasts then.
    duration_s: Option<i32>,
    /// When it begins, once.
    starts_at: Option<DateTime<Utc>>,
    /// When it is over, once.
    ends_at: Option<DateTime<Utc>>,
    /// Why, for whoever wonders.
    reason: String,
    /// Who made it.
    made_by: String,
    /// When they did.
    made_at: DateTime<Utc>,
    /// Whether it is on.
    on: bool,
    /// When the time that is on began, or the next one begins.
    open_from: Option<DateTime<Utc>>,
    /// When that is over.
    open_until: Option<DateTime<Utc>>,
}

impl From<Freeze> for FreezeView {
    fn from(it: Freeze) -> Self {
        let now = Utc::now();
        let (cron, time_zone, duration_s, starts_at, ends_at) = match it.times {
            FreezeTimes::Again { cron, time_zone, duration_s } => {
                (Some(cron), Some(time_zone), Some(duration_s), None, None)
            }
            FreezeTimes::Once { from, until } => (None, None, None, Some(from), Some(until)),
        };
        let (open_from, open_until) = it.open.unzip();
        Self {
            name: it.name,
            team: it.team,
            environment: it.environment,
            cron,
            time_zone,
            duration_s,
            starts_at,
            ends_at,
            reason: it.reason,
            made_by: it.made_by,
            made_at: it.made_at,
            on: it.open.is_some_and(|(from, until)| from <= now && now < until),
            open_from,
            open_until,
        }
    }
}

/// A freeze to be made: by `cron`, `duration_s` and perhaps `time_zone`, or by `starts_at` and `ends_at`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FreezeRequest {
    /// Its name: a letter or digit first, then also `-`, `_` and `.`, at most 63.
    name: String,
    /// The team whose runs it is about; all when nothing is said.
    #[serde(default)]
    team: Option<String>,
    /// The environment that it is about, the label `env` or `environment` of resources, else of applications; all when nothing is said.
    #[serde(default)]
    environment: Option<String>,
    /// When it begins, again and again: five fields of cron, as `0 18 * * fri`.
    #[serde(default)]
    cron: Option<String>,
    /// The time zone in which that is meant, by its name, as `Europe/Berlin`; else UTC.
    #[serde(default)]
    time_zone: Option<String>,
    /// Seconds that it lasts then: from a minute to 31 days.
    #[serde(default)]
    duration_s: Option<i32>,
    /// When it begins, once; now when only its end is said.
    #[serde(default)]
    starts_at: Option<DateTime<Utc>>,
    /// When it is over, once.
    #[serde(default)]
    ends_at: Option<DateTime<Utc>>,
    /// Why, for whoever wonders, in 500 characters at most.
    #[serde(default)]
    reason: String,
}

impl FreezeRequest {
    fn times(&self, now: DateTime<Utc>) -> Result<FreezeTimes, Problem> {
        let times = match (&self.cron, self.duration_s, self.starts_at, self.ends_at) {
            (Some(cron), Some(duration_s), None, None) => FreezeTimes::Again {
                cron: cron.trim().to_owned(),
                time_zone: self.time_zone.clone().unwrap_or_else(|| "UTC".into()),
                duration_s,
            },
            (None, None, from, Some(until)) if self.time_zone.is_none() => {
                FreezeTimes::Once { from: from.unwrap_or(now), until }
            }
            _ => {
                return Err(Problem::bad_request(
                    "cron, duration_s, starts_at, ends_at: give cron and duration_s (and perhaps time_zone), or starts_at and ends_at",
                ));
            }
        };
        times.check(now).map_err(|wrong| Problem::bad_request(wrong.to_string()))?;
        Ok(times)
    }

    fn check(self, made_by: &str, now: DateTime<Utc>) -> Result<Freeze, Problem> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let begins = self.name.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        if !begins || self.name.len() > 63 || !self.name.chars().all(fits) {
            return Err(Problem::bad_request(
                "name: a letter or digit first, then also `-`, `_` and `.`, at most 63 characters",
            ));
        }
        for (key, value) in [("team", &self.team), ("environment", &self.environment)] {
            if value.as_ref().is_some_and(|value| value.is_empty() || value.len() > 63) {
                return Err(Problem::bad_request(format!("{key}: from 1 to 63 characters, or nothing for all")));
            }
        }
        if self.reason.chars().count() > MAX_REASON {
            return Err(Problem::bad_request(format!("reason: at most {MAX_REASON} characters")));
        }
        let times = self.times(now)?;
        Ok(Freeze {
            open: times.current_or_next(now),
            times,
            name: self.name,
            team: self.team,
            environment: self.environment,
            reason: self.reason,
            made_by: made_by.to_owned(),
            made_at: now,
        })
    }
}

/// The freezes that there are, by name: those of all, and those of teams that the caller may know of.
#[utoipa::path(get, path = "/api/freezes", tag = "queues", params(Paging),
    responses((status = 200, body = Page<FreezeView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    grant: Grant,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<FreezeView>>, Problem> {
    let after = paging.after()?;
    let visible = grant.visible(Action::TeamRead).await?;
    let rows = freeze::page(app.store.pool(), visible.teams(), after.as_deref(), paging.rows()?).await?;
    Ok(Json(paging.page_by_name(rows, |freeze| &freeze.name, FreezeView::from)?))
}

/// Makes a freeze. While it is on, runs that would change something do not begin or go on after a wait, and say `FreezeWindow`; what
/// runs goes on, and so do drift checks and previews.
#[utoipa::path(post, path = "/api/freezes", tag = "queues", request_body = FreezeRequest,
    responses((status = 201, body = FreezeView), (status = 400, body = ProblemDetails), (status = 403, body = ProblemDetails),
              (status = 409, body = ProblemDetails)))]
pub(crate) async fn create(
    State(app): State<AppState>,
    trail: Trail,
    Body(body): Body,
) -> Result<(StatusCode, Json<FreezeView>), Problem> {
    let new = json_body::<FreezeRequest>(&body)?.check(&trail.caller().name, Utc::now())?;
    let mut tx = app.store.begin().await?;
    if !freeze::create(&mut *tx, &new).await? {
        return Err(Problem::conflict("exists", format!("there is a freeze '{}' already; remove it first", new.name)));
    }
    let view = FreezeView::from(new);
    let entry = trail.entry("freeze.write", format!("freeze/{}", view.name)).after(json!(view));
    audit::record(&mut tx, &entry).await?;
    crate::commit(tx).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Removes a freeze; what it held may begin.
#[utoipa::path(delete, path = "/api/freezes/{name}", tag = "queues", params(("name" = String, Path)),
    responses((status = 204, description = "It is gone"), (status = 404, body = ProblemDetails)))]
pub(crate) async fn remove(
    State(app): State<AppState>,
    trail: Trail,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.store.begin().await?;
    let before = freeze::find(&mut *tx, &name).await?;
    if !freeze::remove(&mut *tx, &name).await? {
        return Err(Problem::not_found("freeze", &name));
    }
    let before = before.map(FreezeView::from);
    let entry = trail.entry("freeze.write", format!("freeze/{name}")).before(json!(before));
    audit::record(&mut tx, &entry).await?;
    notify(&mut tx).await?;
    crate::commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Why a run is to begin in spite of a freeze.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OverrideRequest {
    /// In words, from 1 to 500 characters.
    reason: String,
}

/// Lets a run begin, and go on, in spite of freezes. The reason is in the audit log and in the run's history.
#[utoipa::path(post, path = "/api/workflows/{id}/override-freeze", tag = "workflows", params(("id" = Uuid, Path)),
    request_body = OverrideRequest,
    responses((status = 204, description = "No freeze holds it any more"), (status = 400, body = ProblemDetails),
              (status = 403, body = ProblemDetails), (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails)))]
pub(crate) async fn override_for(
    State(app): State<AppState>,
    trail: Trail,
    Path(id): Path<RunId>,
    Body(body): Body,
) -> Result<StatusCode, Problem> {
    let OverrideRequest { reason } = json_body(&body)?;
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > MAX_REASON {
        return Err(Problem::bad_request(format!("reason: from 1 to {MAX_REASON} characters")));
    }
    let by = trail.caller().name.clone();
    let mut tx = app.store.begin().await?;
    match freeze::override_for(&mut *tx, id, &by, reason).await? {
        Overridden::Overridden => {}
        Overridden::Over => return Err(Problem::conflict("run-over", format!("run {id} is over"))),
        Overridden::Unknown => return Err(Problem::not_found("workflow run", id)),
    }
    let data = json!({"reason": reason});
    let overridden = NewEvent {
        kind: events::RUN_FREEZE_OVERRIDDEN.into(),
        run_id: Some(id),
        actor: Some(by),
        data: data.clone(),
        ..NewEvent::default()
    };
    event::append(&mut *tx, &[overridden]).await?;
    audit::record(&mut tx, &trail.entry("freeze.override", format!("run/{id}")).after(data)).await?;
    notify(&mut tx).await?;
    crate::commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
