//! Workers: who serves the queues.

pub(crate) mod hold;

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{domain::ids::WorkerId, store::worker_list};
use utoipa::{IntoParams, ToSchema};

use crate::{
    error::{Problem, ProblemDetails},
    extract::{Path, Query},
    page::{Page, Paging},
    state::AppState,
};

/// A worker and what it does.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkerView {
    /// New at each start of the process.
    #[schema(value_type = Uuid)]
    pub id: WorkerId,
    /// Its name.
    pub name: String,
    /// The host it runs on.
    pub host: String,
    /// The version of Slipway it runs.
    pub version: String,
    /// The queues it serves.
    pub queues: Vec<String>,
    /// What its operator tells it apart by, strings by name.
    #[schema(value_type = Object)]
    pub labels: Value,
    /// Runs it drives at once.
    pub slots: i32,
    /// Runs it drives now.
    pub running: i64,
    /// What it says that it does: `active`, `draining` or `stopped`.
    pub state: String,
    /// What people want of it: `serve`, `cordon` (to take no new runs) or `drain` (to end when it has finished what it has). It hears
    /// of that within seconds.
    pub asked: String,
    /// Who asked for that.
    pub asked_by: Option<String>,
    /// When they did.
    pub asked_at: Option<DateTime<Utc>>,
    /// Why, for people.
    pub asked_why: Option<String>,
    /// Whether it was heard of lately.
    pub live: bool,
    /// What isolation its engine gives, as the engine tells it: `engine`, `engine_id`, `version`, `api`, `system`, `kernel`, `rootless`,
    /// `user_namespaces`, `seccomp`, `apparmor`, `selinux`, `cgroup_version`, `runtime`, `runtimes`, `limits` (`memory`, `swap`,
    /// `cpu`, `pids`, `disk`), `live_restore`, `storage`, `images` (`allowed`, `manifests`, `digests`, `pinned`, `pull`), `archive`, and
    /// `weaknesses`, in words.
    #[schema(value_type = Object)]
    pub posture: Value,
    /// Late writes refused to it because its lease was gone.
    pub refused_writes: i64,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it was heard of last.
    pub heartbeat_at: DateTime<Utc>,
    /// When it stopped.
    pub stopped_at: Option<DateTime<Utc>>,
}

/// Which workers to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WorkerFilter {
    /// Stopped ones too.
    #[serde(default)]
    stopped: bool,
}

/// Workers that have not stopped, newest first.
#[utoipa::path(get, path = "/api/workers", tag = "queues", params(WorkerFilter, Paging),
    responses((status = 200, body = Page<WorkerView>), (status = 400, body = ProblemDetails)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    Query(filter): Query<WorkerFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Page<WorkerView>>, Problem> {
    let (before, rows) = (paging.before()?, paging.rows()?);
    let workers = worker_list::page(app.store.pool(), app.gone_after_s(), filter.stopped, before, rows).await?;
    Ok(Json(paging.page(workers, |worker| worker.id.0, WorkerView::from)?))
}

/// One worker, stopped or not.
#[utoipa::path(get, path = "/api/workers/{id}", tag = "queues", params(("id" = Uuid, Path)),
    responses((status = 200, body = WorkerView), (status = 404, body = ProblemDetails)))]
pub(crate) async fn get(State(app): State<AppState>, Path(id): Path<WorkerId>) -> Result<Json<WorkerView>, Problem> {
    let worker = worker_list::find(app.store.pool(), app.gone_after_s(), id).await?;
    worker.map(|worker| Json(WorkerView::from(worker))).ok_or_else(|| Problem::not_found("worker", id))
}

impl From<worker_list::Worker> for WorkerView {
    fn from(worker: worker_list::Worker) -> Self {
        Self {
            id: worker.id,
            name: worker.name,
            host: worker.host,
            version: worker.version,
            queues: worker.queues,
            labels: worker.labels,
            slots: worker.slots,
            running: worker.running,
            state: worker.state,
            asked: worker.asked.to_string(),
            asked_by: worker.asked_by,
            asked_at: worker.asked_at,
            asked_why: worker.asked_why.filter(|why| !why.is_empty()),
            live: worker.live,
            posture: worker.posture,
            refused_writes: worker.refused_writes,
            started_at: worker.started_at,
            heartbeat_at: worker.heartbeat_at,
            stopped_at: worker.stopped_at,
        }
    }
}
