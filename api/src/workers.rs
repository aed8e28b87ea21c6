//! Workers: who serves the queues.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{domain::ids::WorkerId, store::worker_list};
use utoipa::{IntoParams, ToSchema};

use crate::{error::Problem, extract::Query, state::AppState};

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
    /// Runs it drives at once.
    pub slots: i32,
    /// Runs it drives now.
    pub running: i64,
    /// `active`, `draining` or `stopped`.
    pub state: String,
    /// Whether it was heard of lately.
    pub live: bool,
    /// What isolation its engine gives.
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

/// Workers, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Workers {
    /// The workers.
    pub items: Vec<WorkerView>,
}

/// Which workers to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WorkerFilter {
    /// Stopped ones too.
    #[serde(default)]
    stopped: bool,
}

/// Every worker that has not stopped.
#[utoipa::path(get, path = "/api/workers", tag = "queues", params(WorkerFilter), responses((status = 200, body = Workers)))]
pub(crate) async fn list(
    State(app): State<AppState>,
    Query(filter): Query<WorkerFilter>,
) -> Result<Json<Workers>, Problem> {
    let workers = worker_list::list(app.store.pool(), app.gone_after_s(), filter.stopped).await?;
    let items = workers.into_iter().map(|worker| WorkerView {
        id: worker.id,
        name: worker.name,
        host: worker.host,
        version: worker.version,
        queues: worker.queues,
        slots: worker.slots,
        running: worker.running,
        state: worker.state,
        live: worker.live,
        posture: worker.posture,
        refused_writes: worker.refused_writes,
        started_at: worker.started_at,
        heartbeat_at: worker.heartbeat_at,
        stopped_at: worker.stopped_at,
    });
    Ok(Json(Workers { items: items.collect() }))
}
