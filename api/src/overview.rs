//! Everything at one look.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use shared::{
    domain::{ids::RunId, run::RunStatus},
    store::{
        approval,
        minute::{self, Tally},
        queue,
        run_list::{self, Filter, Place, Run},
        tally, worker_list,
    },
};
use utoipa::ToSchema;

use crate::{
    access::{Action, Grant},
    error::Problem,
    pace::Point,
    queues::{QueueView, views},
    state::AppState,
};

/// Queues that are shown.
const QUEUES: i64 = 100;
/// Failed runs that are shown.
const FAILURES: i64 = 10;

/// The workers that have not stopped.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkersView {
    /// Those that take runs.
    serving: i64,
    /// Those that are to take no new runs for now.
    cordoned: i64,
    /// Those that end when they have finished what they have.
    draining: i64,
    /// Those that were not heard of lately.
    gone: i64,
    /// Slots of those that take runs.
    slots: i64,
    /// Runs that workers drive.
    busy: i64,
}

/// A run that failed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FailureView {
    /// The run's id.
    #[schema(value_type = Uuid)]
    id: RunId,
    /// Its workflow.
    workflow: String,
    /// The application it was for.
    application: Option<String>,
    /// The resource it worked on.
    resource: Option<String>,
    /// Its team.
    team: String,
    /// Why it failed.
    error_code: Option<String>,
    /// Why, for people.
    error_message: Option<String>,
    /// When.
    finished_at: Option<DateTime<Utc>>,
}

impl From<Run> for FailureView {
    fn from(run: Run) -> Self {
        Self {
            id: run.id,
            workflow: run.workflow,
            application: run.application,
            resource: run.resource,
            team: run.team,
            error_code: run.error_code,
            error_message: run.error_message,
            finished_at: run.finished_at,
        }
    }
}

/// Everything at one look. Queues, workers and the last hour are those of the installation; runs, resources, approvals and failures
/// those that the caller may read.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Overview {
    /// Runs by status, previews left out: exact counts.
    runs: BTreeMap<String, i64>,
    /// Resources by state: exact counts.
    resources: BTreeMap<String, i64>,
    /// Questions that wait for a decision.
    approvals_open: i64,
    /// The last failed runs, newest first, 10 at most.
    failures: Vec<FailureView>,
    /// The queues by name, 100 at most.
    queues: Vec<QueueView>,
    /// The workers.
    workers: WorkersView,
    /// The last hour, of all queues together.
    hour: Point,
}

/// What there is, what waits, who works, and what went wrong last.
#[utoipa::path(get, path = "/api/overview", tag = "queues", responses((status = 200, body = Overview)))]
pub(crate) async fn overview(State(app): State<AppState>, grant: Grant) -> Result<Json<Overview>, Problem> {
    let pool = app.store.pool();
    let (runs_of, resources_of) = (grant.visible(Action::RunRead).await?, grant.visible(Action::ResourceRead).await?);
    let approvals_of = grant.visible(Action::ApprovalRead).await?;
    let now = Utc::now();
    let from = now - TimeDelta::hours(1);
    let failed = Filter { statuses: vec![RunStatus::Failed], visible: runs_of.clone(), ..Filter::default() };
    // Side by side: the page's reader waits for the slowest, and not for the sum.
    let queues = async { views(&app, queue::page(pool, app.gone_after_s(), None, QUEUES).await?).await };
    let lately = async {
        let workers = worker_list::summary(pool, app.gone_after_s()).await?;
        let mut hour = Tally::default();
        for minute in minute::between(pool, &[minute::ALL_QUEUES.to_owned()], from, now).await? {
            hour.add(&minute);
        }
        let failures = run_list::page(pool, &failed, Place::Newest, FAILURES).await?;
        Ok::<_, Problem>((workers, hour, failures))
    };
    let counts = async {
        let runs = tally::runs(pool, runs_of.teams()).await?;
        let resources = tally::resources(pool, resources_of.teams()).await?;
        Ok::<_, Problem>((runs, resources, approval::count_open(pool, approvals_of.teams()).await?))
    };
    let (queues, (workers, hour, failures), (runs, resources, approvals_open)) =
        tokio::try_join!(queues, lately, counts)?;
    Ok(Json(Overview {
        runs,
        resources,
        approvals_open,
        failures: failures.into_iter().map(FailureView::from).collect(),
        queues,
        workers: WorkersView {
            serving: workers.serving,
            cordoned: workers.cordoned,
            draining: workers.draining,
            gone: workers.gone,
            slots: workers.slots,
            busy: workers.busy,
        },
        hour: Point::new(from, &hour),
    }))
}
