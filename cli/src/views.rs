//! What the server sends, as far as tables and progress need it. Members that a newer server adds are passed over, and
//! those that an older one lacks are empty; `-o json` shows everything as it came.

mod queues;
mod teams;

use chrono::{DateTime, Utc};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

pub(crate) use self::{
    queues::{Durations, Queue, Worker},
    teams::{Integration, Key, Quotas, Secret, SecretKey, ServiceAccount, Team},
};

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

/// An application that uses a resource.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ResourceUse {
    pub(crate) application: String,
    /// The name by which it uses it.
    pub(crate) name: String,
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
