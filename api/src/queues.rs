//! Queues: what they hold and how fast it moves.

use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::store::queue;
use utoipa::ToSchema;

use crate::{error::Problem, state::AppState};

/// The figures of one queue. All come from Postgres, which decides about waiting runs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct QueueView {
    /// Its name.
    pub name: String,
    /// Runs that wait for a slot: `ready` and `queued`.
    pub depth: i64,
    /// Runs that could start now.
    pub ready: i64,
    /// Runs that wait for a dependency, a delay or a person.
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
}

/// Seconds from then until now; 0 when the clocks disagree.
pub(crate) fn age_s(since: DateTime<Utc>) -> f64 {
    ((Utc::now() - since).num_milliseconds().max(0) as f64) / 1000.0
}

impl From<queue::Figures> for QueueView {
    fn from(queue: queue::Figures) -> Self {
        Self {
            name: queue.name,
            depth: queue.ready + queue.queued,
            ready: queue.ready,
            blocked: queue.blocked,
            queued: queue.queued,
            in_flight: queue.running,
            demand: queue.ready + queue.queued + queue.running,
            oldest_age_s: queue.oldest_waiting_since.map(age_s),
            finished_per_minute: queue.finished_5m as f64 / 5.0,
            failed_per_minute: queue.failed_5m as f64 / 5.0,
            workers: queue.workers,
            slots: queue.slots,
            wait_since: queue.wait_reason.is_some().then_some(queue.wait_since),
            wait_reason: queue.wait_reason,
            wait_detail: queue.wait_detail,
        }
    }
}

/// Every queue, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Queues {
    /// The queues.
    pub items: Vec<QueueView>,
}

/// Depth, age and rates of every queue.
#[utoipa::path(get, path = "/api/queues", tag = "queues", responses((status = 200, body = Queues)))]
pub(crate) async fn list(State(app): State<AppState>) -> Result<Json<Queues>, Problem> {
    let figures = queue::figures(app.store.pool(), app.gone_after_s()).await?;
    Ok(Json(Queues { items: figures.into_iter().map(QueueView::from).collect() }))
}
