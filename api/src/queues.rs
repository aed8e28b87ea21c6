//! Queues: what they hold and how fast it moves.

pub(crate) mod hold;

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use shared::store::{
    minute::{self, Tally},
    queue::{self, TeamWaiting},
};
use utoipa::ToSchema;

use crate::{
    access::{Action, Grant},
    error::{Problem, ProblemDetails},
    extract::{Path, Query},
    pace::Durations,
    page::{Page, Paging},
    state::AppState,
};

/// Teams whose waiting runs are told apart.
const TEAMS: i64 = 500;

/// The figures of one queue. All come from Postgres, which decides about waiting runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueueView {
    /// Its name.
    pub name: String,
    /// `open`; `paused`, nothing of it begins; `draining`, paused while some of it runs; `drained`, and nothing does any more.
    pub state: &'static str,
    /// Since when it is paused.
    pub paused_at: Option<DateTime<Utc>>,
    /// Who paused it.
    pub paused_by: Option<String>,
    /// Why they did.
    pub paused_why: Option<String>,
    /// When nothing of it ran any more, since it is drained.
    pub drained_at: Option<DateTime<Utc>>,
    /// What the priorities of its runs are counted from, when they are made.
    pub priority: i16,
    /// Runs that wait for a slot: `ready` and `queued`.
    pub depth: i64,
    /// Runs that could start now.
    pub ready: i64,
    /// Runs that wait for a dependency, a delay, a person, their team's quota or the end of a pause.
    pub blocked: i64,
    /// Runs whose ticket is out and that no worker has claimed yet.
    pub queued: i64,
    /// Runs that a worker drives.
    pub in_flight: i64,
    /// What an autoscaler should make room for: ready, queued and in flight.
    pub demand: i64,
    /// Seconds that the oldest run has waited for a slot.
    pub oldest_age_s: Option<f64>,
    /// Runs that ended each minute, over the last five.
    pub finished_per_minute: f64,
    /// Runs that failed each minute, over the last five.
    pub failed_per_minute: f64,
    /// Live workers that serve it.
    pub workers: i64,
    /// The slots of those workers.
    pub slots: i64,
    /// What ready runs wait for.
    pub wait_reason: Option<String>,
    /// The reason in words.
    pub wait_detail: Option<String>,
    /// Since when they wait for it.
    pub wait_since: Option<DateTime<Utc>>,
    /// How long runs waited until a worker took them, over the last hour.
    pub wait: Option<Durations>,
    /// How long runs took that ended in the last hour.
    pub run: Option<Durations>,
}

/// Seconds from then until now; 0 when the clocks disagree.
pub(crate) fn age_s(since: DateTime<Utc>) -> f64 {
    ((Utc::now() - since).num_milliseconds().max(0) as f64) / 1000.0
}

impl QueueView {
    pub(crate) fn new(queue: queue::Figures, hour: Option<&Tally>) -> Self {
        let state = match (queue.paused_at, queue.draining, queue.drained_at) {
            (None, ..) => "open",
            (Some(_), false, _) => "paused",
            (Some(_), true, None) => "draining",
            (Some(_), true, Some(_)) => "drained",
        };
        Self {
            name: queue.name,
            state,
            paused_at: queue.paused_at,
            paused_by: queue.paused_by,
            paused_why: queue.paused_why.filter(|why| !why.is_empty()),
            drained_at: queue.drained_at,
            priority: queue.priority,
            depth: queue.ready + queue.queued,
            ready: queue.ready,
            blocked: queue.blocked,
            queued: queue.queued,
            in_flight: queue.running,
            demand: queue.ready + queue.queued + queue.running,
            oldest_age_s: queue.oldest_waiting_since.map(age_s),
            finished_per_minute: queue.finished_5m / 5.0,
            failed_per_minute: queue.failed_5m / 5.0,
            workers: queue.workers,
            slots: queue.slots,
            wait_since: queue.wait_reason.is_some().then_some(queue.wait_since),
            wait_reason: queue.wait_reason,
            wait_detail: queue.wait_detail,
            wait: hour.and_then(|hour| Durations::of(&hour.waits)),
            run: hour.and_then(|hour| Durations::of(&hour.times)),
        }
    }
}

/// The queues, with what the last hour says of each.
pub(crate) async fn views(app: &AppState, queues: Vec<queue::Figures>) -> Result<Vec<QueueView>, Problem> {
    let names: Vec<String> = queues.iter().map(|queue| queue.name.clone()).collect();
    let now = Utc::now();
    let mut hours: BTreeMap<String, Tally> = BTreeMap::new();
    for minute in minute::between(app.store.pool(), &names, now - TimeDelta::hours(1), now).await? {
        hours.entry(minute.queue.clone()).or_default().add(&minute);
    }
    let view = |queue: queue::Figures| {
        let hour = hours.get(&queue.name);
        QueueView::new(queue, hour)
    };
    Ok(queues.into_iter().map(view).collect())
}

/// Depth, age and rates of queues, by name.
#[utoipa::path(get, path = "/api/queues", tag = "queues", params(Paging),
    responses((status = 200, body = Page<QueueView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<QueueView>>, Problem> {
    let after = paging.after()?;
    let figures = queue::page(app.store.pool(), app.gone_after_s(), after.as_deref(), paging.rows()?).await?;
    let views = views(&app, figures).await?;
    Ok(Json(paging.page_by_name(views, |view| &view.name, |view| view)?))
}

/// What a team has in a queue.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TeamWaitingView {
    /// The team.
    team: String,
    /// Its runs that are pending or suspended.
    waiting: i64,
    /// Its runs that are queued or running.
    in_flight: i64,
    /// The waiting ones by reason.
    by_reason: BTreeMap<String, i64>,
}

impl From<TeamWaiting> for TeamWaitingView {
    fn from(row: TeamWaiting) -> Self {
        Self { team: row.team, waiting: row.waiting, in_flight: row.in_flight, by_reason: row.reasons }
    }
}

/// One queue, and who waits in it for what.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueueAnswer {
    /// Its figures.
    #[serde(flatten)]
    queue: QueueView,
    /// Runs of all teams that are pending or suspended, by reason: the codes that `reason` of a run has.
    waiting_by_reason: BTreeMap<String, i64>,
    /// What each team has in it, of those whose runs the caller may read; those first of which most runs wait, 500 at most.
    teams: Vec<TeamWaitingView>,
}

/// Finds a queue for an answer.
async fn answer(app: &AppState, grant: &Grant, name: &str) -> Result<QueueAnswer, Problem> {
    let pool = app.store.pool();
    let visible = grant.visible(Action::RunRead).await?;
    let found = queue::find(pool, app.gone_after_s(), name).await?.ok_or_else(|| unknown(name))?;
    let queue = views(app, vec![found]).await?.pop().ok_or_else(|| unknown(name))?;
    let waiting_by_reason = queue::waiting_by_reason(pool, name).await?;
    let teams = queue::waiting_by_team(pool, name, visible.teams(), TEAMS).await?;
    Ok(QueueAnswer { queue, waiting_by_reason, teams: teams.into_iter().map(TeamWaitingView::from).collect() })
}

fn unknown(name: &str) -> Problem {
    Problem::not_found("queue", name)
}

/// One queue: its figures, and who waits in it for what.
#[utoipa::path(get, path = "/api/queues/{name}", tag = "queues", params(("name" = String, Path)),
    responses((status = 200, body = QueueAnswer), (status = 404, body = ProblemDetails)))]
pub(crate) async fn get(
    State(app): State<AppState>,
    grant: Grant,
    Path(name): Path<String>,
) -> Result<Json<QueueAnswer>, Problem> {
    Ok(Json(answer(&app, &grant, &name).await?))
}

/// What workers of a queue are needed for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Demand {
    /// The queue.
    queue: String,
    /// Runs that need a slot, or have one: `waiting`, `queued` and `running`. 0: no worker is needed.
    demand: i64,
    /// Runs that could start now. Those that wait for anything but a slot are not among them, nor those of a paused queue.
    waiting: i64,
    /// Runs whose ticket is out.
    queued: i64,
    /// Runs that a worker drives.
    running: i64,
    /// Live workers that serve it.
    workers: i64,
    /// Their slots.
    slots: i64,
}

/// The number that a scaler of workers goes by. From Postgres, so that a worker which is busy never looks idle.
#[utoipa::path(get, path = "/api/queues/{name}/demand", tag = "queues", params(("name" = String, Path)),
    responses((status = 200, body = Demand), (status = 404, body = ProblemDetails)))]
pub(crate) async fn demand(State(app): State<AppState>, Path(name): Path<String>) -> Result<Json<Demand>, Problem> {
    let found = queue::find(app.store.pool(), app.gone_after_s(), &name).await?.ok_or_else(|| unknown(&name))?;
    Ok(Json(Demand {
        demand: found.ready + found.queued + found.running,
        waiting: found.ready,
        queued: found.queued,
        running: found.running,
        workers: found.workers,
        slots: found.slots,
        queue: found.name,
    }))
}
