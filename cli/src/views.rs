//! What the server sends, as far as tables and progress need it. Members that a newer server adds are passed over, and
//! those that an older one lacks are empty; `-o json` shows everything as it came.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use shared::domain::posture::Posture;

type Time = Option<DateTime<Utc>>;

/// Reads one thing.
///
/// # Errors
/// When a member is of another type than it should be.
pub(crate) fn read<T: DeserializeOwned>(value: &Value) -> anyhow::Result<T> {
    T::deserialize(value)
        .map_err(|error| anyhow::anyhow!("the server's answer is not as expected ({error}); is it of another version?"))
}

/// Reads the `items` of a list.
///
/// # Errors
/// As [`read`].
pub(crate) fn items<T: DeserializeOwned>(value: &Value) -> anyhow::Result<Vec<T>> {
    value.get("items").map_or_else(|| Ok(Vec::new()), read)
}

/// A resource.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Resource {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) class: Option<String>,
    pub(crate) application: String,
    pub(crate) identity: String,
    pub(crate) shared: bool,
    pub(crate) state: String,
    pub(crate) state_since: Time,
    pub(crate) status: String,
    pub(crate) waiting_reason: Option<String>,
    pub(crate) error_code: Option<String>,
    pub(crate) error_message: Option<String>,
    pub(crate) provider: Option<String>,
    pub(crate) provider_version: Option<String>,
    pub(crate) current_run_id: Option<String>,
    pub(crate) last_run_id: Option<String>,
    pub(crate) failed_run_id: Option<String>,
    pub(crate) reconciling: bool,
    pub(crate) absent: bool,
    pub(crate) protected: bool,
    pub(crate) uncertain_since: Time,
    pub(crate) tags: Vec<String>,
    pub(crate) workflow_override: Option<String>,
    pub(crate) params: Map<String, Value>,
    pub(crate) outputs: Map<String, Value>,
    pub(crate) sensitive_outputs: Vec<String>,
    pub(crate) state_uncertain_since: Time,
    pub(crate) drift: Option<Value>,
    pub(crate) drift_since: Time,
    pub(crate) created_at: Time,
    pub(crate) history: Vec<History>,
}

/// Something that happened.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct History {
    pub(crate) at: Time,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) actor: String,
    pub(crate) step: Option<String>,
    pub(crate) data: Value,
}

/// A run.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) operation: String,
    pub(crate) workflow: String,
    pub(crate) provider: String,
    pub(crate) provider_version: String,
    pub(crate) resource: Option<String>,
    pub(crate) application: Option<String>,
    pub(crate) queue: String,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    pub(crate) reason_detail: Option<String>,
    pub(crate) waiting_since: Time,
    pub(crate) suspended_until: Time,
    pub(crate) cancel_requested_at: Time,
    pub(crate) cancel_reason: Option<String>,
    pub(crate) error_code: Option<String>,
    pub(crate) error_message: Option<String>,
    pub(crate) outputs: Map<String, Value>,
    pub(crate) retry_of: Option<String>,
    pub(crate) parent_run_id: Option<String>,
    pub(crate) concurrency_group: Option<String>,
    pub(crate) requested_by: String,
    pub(crate) losses: u64,
    pub(crate) created_at: Time,
    pub(crate) started_at: Time,
    pub(crate) duration_s: Option<f64>,
    pub(crate) steps: Vec<Step>,
    pub(crate) history: Vec<History>,
}

impl Run {
    /// Whether it is over.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "completed" | "failed" | "cancelled")
    }

    /// The run whose workflow and inputs it was made with.
    pub(crate) fn rerun_of(&self) -> Option<&str> {
        self.history.iter().filter(|it| it.kind == "run.rerun").find_map(|it| it.data["rerun_of"].as_str())
    }

    /// The step that people want to know about: the one that failed, else the one that runs or comes next.
    pub(crate) fn telling_step(&self) -> Option<&Step> {
        let of = |status: &str| self.steps.iter().find(|step| step.status == status);
        of("failed")
            .or_else(|| of("running"))
            .or_else(|| of("waiting"))
            .or_else(|| of("pending").filter(|_| !self.is_over()))
    }
}

/// A step of a run.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Step {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
    pub(crate) inherited: bool,
    pub(crate) exit_code: Option<i64>,
    pub(crate) error_code: Option<String>,
    pub(crate) error_message: Option<String>,
    pub(crate) started_at: Time,
    pub(crate) duration_s: Option<f64>,
    pub(crate) attempts: Vec<Value>,
    pub(crate) wait: Option<Wait>,
}

/// What a step waits for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Wait {
    pub(crate) kind: String,
    pub(crate) until: Time,
    pub(crate) message: Option<String>,
    pub(crate) roles: Vec<String>,
    pub(crate) run_id: Option<String>,
    pub(crate) application: Option<String>,
}

/// An approval.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Approval {
    pub(crate) run_id: String,
    pub(crate) step: String,
    pub(crate) workflow: String,
    pub(crate) application: Option<String>,
    pub(crate) resource: Option<String>,
    pub(crate) message: String,
    pub(crate) roles: Vec<String>,
    pub(crate) status: String,
    pub(crate) requested_at: Time,
    pub(crate) expires_at: Time,
    pub(crate) decided_by: Option<String>,
}

/// An application.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Application {
    pub(crate) name: String,
    pub(crate) team: String,
    pub(crate) generation: i64,
    pub(crate) status: String,
    pub(crate) state: String,
    pub(crate) resources: i64,
    pub(crate) active: i64,
    pub(crate) failed: i64,
    pub(crate) created_at: Time,
    pub(crate) updated_at: Time,
    pub(crate) delete_requested_at: Time,
    pub(crate) protected: bool,
    pub(crate) expires_at: Time,
    pub(crate) expiry_blocked_at: Time,
    pub(crate) restores: Option<i64>,
    pub(crate) submitted_by: String,
    /// Its resources; only when one application is looked at.
    pub(crate) items: Vec<Resource>,
}

/// One accepted submission.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Generation {
    pub(crate) number: i64,
    pub(crate) current: bool,
    pub(crate) submitted_by: String,
    pub(crate) created_at: Time,
    pub(crate) restores: Option<i64>,
    pub(crate) added: Vec<String>,
    pub(crate) changed: Vec<String>,
    pub(crate) removed: Vec<String>,
    pub(crate) others: bool,
    /// Places that differ from the generation before; only when one is looked at.
    pub(crate) diff: Vec<Change>,
}

/// A place at which two documents differ.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Change {
    pub(crate) path: String,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
}

/// What a submission would do to one resource.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PlannedChange {
    pub(crate) action: String,
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) params: Vec<Change>,
    pub(crate) after: Vec<String>,
    pub(crate) provider: Option<String>,
    pub(crate) provider_version: Option<String>,
    pub(crate) workflow: Option<String>,
    pub(crate) problem: Option<String>,
}

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

/// A line of a log, as an event carries it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LogLine {
    pub(crate) step: String,
    pub(crate) attempt: u64,
    pub(crate) at: Time,
    pub(crate) stream: String,
    pub(crate) text: String,
}

/// An API key.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) owner: Option<String>,
    pub(crate) roles: Option<Vec<String>>,
    pub(crate) teams: Option<Vec<String>>,
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) last_used_at: Time,
    pub(crate) last_used_address: Option<String>,
    pub(crate) expires_at: Time,
    pub(crate) revoked_at: Time,
}

/// An account of a program.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ServiceAccount {
    pub(crate) name: String,
    pub(crate) roles: Vec<String>,
    pub(crate) teams: Vec<String>,
    pub(crate) keys: i64,
    pub(crate) created_at: Time,
    pub(crate) created_by: String,
    pub(crate) disabled_at: Time,
}

/// A team.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Team {
    pub(crate) name: String,
    pub(crate) created_at: Time,
    pub(crate) quotas: Quotas,
    pub(crate) weight: i64,
    pub(crate) used: Option<Usage>,
}

/// What a team may use.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Quotas {
    pub(crate) runs: Option<i64>,
    pub(crate) resources: std::collections::BTreeMap<String, i64>,
    pub(crate) cpu_minutes: Option<i64>,
    pub(crate) log_bytes: Option<i64>,
    pub(crate) storage_bytes: Option<i64>,
}

/// What a team uses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Usage {
    pub(crate) runs: i64,
    pub(crate) ready: i64,
    pub(crate) waits_for: Option<String>,
    pub(crate) resources: std::collections::BTreeMap<String, i64>,
    pub(crate) cpu_minutes: i64,
    pub(crate) log_bytes: i64,
    pub(crate) month_ends_at: Time,
    pub(crate) storage_bytes: i64,
    pub(crate) workspace_bytes: i64,
    pub(crate) kept_log_bytes: i64,
    pub(crate) state_bytes: i64,
}
/// A secret of a team or an application.
#[derive(Debug, Deserialize)]
pub(crate) struct Secret {
    pub(crate) name: String,
    pub(crate) application: Option<String>,
    pub(crate) version: i32,
    pub(crate) source: Option<String>,
    pub(crate) updated_by: String,
    pub(crate) updated_at: Option<DateTime<Utc>>,
}

/// A credential for another system.
#[derive(Debug, Deserialize)]
pub(crate) struct Integration {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) settings: Value,
    pub(crate) updated_by: String,
    pub(crate) updated_at: Option<DateTime<Utc>>,
    pub(crate) checked_at: Option<DateTime<Utc>>,
    pub(crate) check_error: Option<String>,
}

/// A key that wraps secrets.
#[derive(Debug, Deserialize)]
pub(crate) struct SecretKey {
    pub(crate) id: String,
    pub(crate) current: bool,
    pub(crate) configured: bool,
    pub(crate) wraps: i64,
}
