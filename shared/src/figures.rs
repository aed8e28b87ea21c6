//! The figures of the installation, which are in Postgres, as Prometheus reads them.

use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::sync::Mutex;

use crate::{
    store::{Store, StoreError, figures, queue},
    telemetry::{Exposition, metric_named},
};

/// How long figures are good for: who scrapes often gets the same again.
const KEPT: Duration = Duration::from_secs(5);

/// Reads them when they are asked for.
#[derive(Debug)]
pub struct Figures {
    store: Store,
    gone_after_s: i32,
    kept: Mutex<Option<(Instant, String)>>,
}

impl Figures {
    /// Of this installation, whose workers count as gone after so many seconds without a heartbeat.
    #[must_use]
    pub fn new(store: Store, gone_after_s: u32) -> Self {
        Self { store, gone_after_s: i32::try_from(gone_after_s).unwrap_or(i32::MAX), kept: Mutex::new(None) }
    }

    /// In the Prometheus text format, at most five seconds old.
    ///
    /// # Errors
    /// When Postgres cannot be reached.
    pub async fn text(&self) -> Result<String, StoreError> {
        // Held while they are read, so that many who ask at once are one query.
        let mut kept = self.kept.lock().await;
        if let Some((read, text)) = &*kept
            && read.elapsed() < KEPT
        {
            return Ok(text.clone());
        }
        let text = self.read().await?;
        *kept = Some((Instant::now(), text.clone()));
        Ok(text)
    }

    async fn read(&self) -> Result<String, StoreError> {
        let pool = self.store.pool();
        let queues = queue::figures(pool, self.gone_after_s).await?;
        let (waiting, standing) = (figures::waiting(pool).await?, figures::standing(pool, self.gone_after_s).await?);
        let mut text = Exposition::default();
        let mut add = |name: &str, values: Vec<(Vec<&str>, f64)>| {
            if let Some(metric) = metric_named(name) {
                text.add(metric, values);
            }
        };
        let each = |value: fn(&queue::Figures) -> f64| {
            queues.iter().map(|queue| (vec![queue.name.as_str()], value(queue))).collect::<Vec<_>>()
        };
        add("slipway_queue_demand", each(|queue| (queue.ready + queue.queued + queue.running) as f64));
        let reasons = waiting.iter().map(|it| (vec![it.queue.as_str(), it.reason.as_str()], it.runs as f64));
        add("slipway_runs_pending", reasons.collect());
        let states = queues.iter().flat_map(|queue| {
            [("ready", queue.ready), ("blocked", queue.blocked), ("queued", queue.queued), ("running", queue.running)]
                .map(|(state, runs)| (vec![queue.name.as_str(), state], runs as f64))
        });
        add("slipway_queue_runs", states.collect());
        let oldest = |queue: &queue::Figures| {
            queue.oldest_waiting_since.map_or(0.0, |since| (Utc::now() - since).num_milliseconds().max(0) as f64 / 1e3)
        };
        add("slipway_queue_oldest_seconds", each(oldest));
        add("slipway_queue_workers", each(|queue| queue.workers as f64));
        add("slipway_queue_slots", each(|queue| queue.slots as f64));
        add("slipway_workers", counts(&standing.workers));
        add("slipway_resources", counts(&standing.resources));
        add("slipway_approvals_open", vec![(Vec::new(), standing.approvals_open as f64)]);
        Ok(text.into_text())
    }
}

fn counts(all: &[figures::Count]) -> Vec<(Vec<&str>, f64)> {
    all.iter().map(|it| (vec![it.name.as_str()], it.count as f64)).collect()
}
