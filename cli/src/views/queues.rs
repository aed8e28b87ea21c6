//! Queues, and the workers that serve them.

use std::collections::BTreeMap;

use serde::Deserialize;
use shared::domain::posture::Posture;

use super::Time;

/// A queue.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) paused_at: Time,
    pub(crate) paused_by: Option<String>,
    pub(crate) paused_why: Option<String>,
    pub(crate) priority: i64,
    pub(crate) ready: i64,
    pub(crate) blocked: i64,
    pub(crate) queued: i64,
    pub(crate) in_flight: i64,
    pub(crate) oldest_age_s: Option<f64>,
    pub(crate) finished_per_minute: f64,
    pub(crate) failed_per_minute: f64,
    pub(crate) workers: i64,
    pub(crate) slots: i64,
    pub(crate) wait_reason: Option<String>,
    pub(crate) wait_since: Time,
    pub(crate) wait: Option<Durations>,
    pub(crate) run: Option<Durations>,
    pub(crate) waiting_by_reason: BTreeMap<String, i64>,
    pub(crate) teams: Vec<TeamWaiting>,
}

/// How long things took.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Durations {
    pub(crate) count: i64,
    pub(crate) p50_s: f64,
    pub(crate) p95_s: f64,
    pub(crate) p99_s: f64,
}

/// What a team has in a queue.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct TeamWaiting {
    pub(crate) team: String,
    pub(crate) waiting: i64,
    pub(crate) in_flight: i64,
    pub(crate) by_reason: BTreeMap<String, i64>,
}

/// A worker.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Worker {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) version: String,
    pub(crate) queues: Vec<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) slots: i64,
    pub(crate) running: i64,
    pub(crate) state: String,
    pub(crate) asked: String,
    pub(crate) asked_by: Option<String>,
    pub(crate) asked_why: Option<String>,
    pub(crate) asked_at: Time,
    pub(crate) live: bool,
    pub(crate) refused_writes: i64,
    pub(crate) posture: Posture,
    pub(crate) started_at: Time,
    pub(crate) heartbeat_at: Time,
}
