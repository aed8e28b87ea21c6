//! Resources as they are answered.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use shared::{
    domain::{
        ids::{ApplicationId, ResourceId, RunId},
        resource::ResourceState,
        run::RunStatus,
    },
    secrets::token,
    store::{
        event,
        resource_list::{self, User},
    },
};
use utoipa::ToSchema;

use crate::outputs;

/// A resource.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResourceView {
    /// Its id.
    #[schema(value_type = Uuid)]
    pub id: ResourceId,
    /// Its name in its application.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its class, when the spec names one.
    pub class: Option<String>,
    /// What makes two requests the same resource.
    pub identity: String,
    /// Whether several applications may use it.
    pub shared: bool,
    /// The application it belongs to.
    pub application: String,
    /// That application's id.
    #[schema(value_type = Uuid)]
    pub application_id: ApplicationId,
    /// Where it stands: `requested`, `provisioning`, `active`, `updating`, `degraded`, `failed`, `terminating`, `terminated`.
    #[schema(value_type = String, example = "active")]
    pub state: ResourceState,
    /// Since when.
    pub state_since: DateTime<Utc>,
    /// What is happening to it, from its run: `pending`, `queued`, `in_progress`, `done`, `error`, `ready`.
    pub status: &'static str,
    /// Why its run does not go on.
    pub waiting_reason: Option<String>,
    /// Whether it should be gone.
    pub absent: bool,
    /// Why it failed.
    pub error_code: Option<String>,
    /// Why it failed, for people.
    pub error_message: Option<String>,
    /// The provider that serves it.
    pub provider: Option<String>,
    /// That provider's version.
    pub provider_version: Option<String>,
    /// The run that works on it.
    #[schema(value_type = Option<Uuid>)]
    pub current_run_id: Option<RunId>,
    /// The last run that worked on it.
    #[schema(value_type = Option<Uuid>)]
    pub last_run_id: Option<RunId>,
    /// The last run, when it failed and the resource with it.
    #[schema(value_type = Option<Uuid>)]
    pub failed_run_id: Option<RunId>,
    /// Whether what is asked for, or an output that it names, has changed and it is still to be compared or changed.
    pub reconciling: bool,
    /// Since when an update that did not complete may have changed what is there.
    pub uncertain_since: Option<DateTime<Utc>>,
    /// Whether it may not be deleted, by its spec or by a person.
    pub protected: bool,
    /// Tags that a choice among its provider's workflows goes by.
    pub tags: Vec<String>,
    /// The workflow that is to serve it, whatever its tags.
    pub workflow_override: Option<String>,
    /// As written in the spec.
    #[schema(value_type = Object)]
    pub params: Value,
    /// Labels.
    #[schema(value_type = Object)]
    pub labels: Value,
    /// Annotations.
    #[schema(value_type = Object)]
    pub annotations: Value,
    /// What its provider gave back; sensitive values are `***`.
    #[schema(value_type = Object)]
    pub outputs: Value,
    /// Names of the sensitive outputs.
    pub sensitive_outputs: Vec<String>,
    /// Since when the state kept for it may be older than what is real: a person must decide.
    pub state_uncertain_since: Option<DateTime<Utc>>,
    /// What the last look found to differ from what was made; none: nothing, or nobody looked.
    #[schema(value_type = Option<Object>)]
    pub drift: Option<Value>,
    /// Since when it is known to differ.
    pub drift_since: Option<DateTime<Utc>>,
    /// When it was last looked at.
    pub read_at: Option<DateTime<Utc>>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When anything about it changed last.
    pub updated_at: DateTime<Utc>,
}

/// What is happening to a resource, in the words that people know from InfraKitchen. Derived, never stored.
const fn status(state: ResourceState, run: Option<RunStatus>) -> &'static str {
    use ResourceState as S;
    match run {
        Some(RunStatus::Queued) => "queued",
        Some(RunStatus::Running) => "in_progress",
        Some(RunStatus::Pending | RunStatus::Suspended) => "pending",
        Some(RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled) | None => match state {
            S::Requested | S::Provisioning | S::Updating | S::Terminating => "pending",
            S::Active | S::Terminated => "done",
            S::Degraded => "ready",
            S::Failed => "error",
        },
    }
}

impl ResourceView {
    /// The view of a row; sensitive outputs are shown only when `reveal` is set.
    pub(crate) fn of(row: resource_list::Resource, reveal: bool) -> Self {
        let sensitive = &row.sensitive_outputs;
        let outputs = if reveal {
            row.outputs
        } else {
            outputs::masked(row.outputs, |name| sensitive.iter().any(|it| it == name))
        };
        Self {
            id: row.id,
            name: row.name,
            kind: row.kind,
            class: row.class,
            identity: row.identity,
            shared: row.shared,
            application: row.application,
            application_id: row.application_id,
            state: row.state,
            state_since: row.state_since,
            status: if row.reconciling && row.run_status.is_none() {
                "pending"
            } else {
                status(row.state, row.run_status)
            },
            waiting_reason: row.run_reason,
            absent: row.absent,
            error_code: row.error_code,
            error_message: row.error_message,
            provider: row.provider,
            provider_version: row.provider_version,
            current_run_id: row.current_run_id,
            last_run_id: row.last_run_id,
            failed_run_id: row.failed_run_id,
            reconciling: row.reconciling,
            uncertain_since: row.applied_uncertain_since,
            protected: row.protected,
            tags: row.tags,
            workflow_override: row.workflow_override,
            params: token::masked(row.params),
            labels: row.labels,
            annotations: row.annotations,
            outputs,
            sensitive_outputs: row.sensitive_outputs,
            state_uncertain_since: row.state_uncertain_since,
            drift: row.drift.map(token::masked),
            drift_since: row.drift_since,
            read_at: row.read_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// What happened to a resource, and when.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HistoryEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// What: `resource.active`, `run.failed`, ….
    #[serde(rename = "type")]
    pub kind: String,
    /// Who did it.
    pub actor: String,
    /// The run it happened in.
    #[schema(value_type = Option<Uuid>)]
    pub run_id: Option<RunId>,
    /// The step it happened in.
    pub step: Option<String>,
    /// Anything more.
    #[schema(value_type = Object)]
    pub data: Value,
}

impl From<event::Event> for HistoryEntry {
    fn from(event: event::Event) -> Self {
        Self {
            at: event.at,
            kind: event.kind,
            actor: event.actor,
            run_id: event.run_id,
            step: event.step,
            data: token::masked(event.data),
        }
    }
}

/// Who uses a shared resource.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResourceUse {
    /// The application.
    pub application: String,
    /// The name it uses it by.
    pub name: String,
}

impl From<User> for ResourceUse {
    fn from(User { application, name, .. }: User) -> Self {
        Self { application, name }
    }
}

/// A resource with all there is to know about it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResourceDetail {
    /// The resource.
    #[serde(flatten)]
    pub resource: ResourceView,
    /// Params with placeholders filled in, as the last run saw them.
    #[schema(value_type = Option<Object>)]
    pub resolved_params: Option<Value>,
    /// The same, as the last create or update that completed saw them: what is really there.
    #[schema(value_type = Option<Object>)]
    pub applied_params: Option<Value>,
    /// Resources whose outputs it names.
    #[schema(value_type = Vec<Uuid>)]
    pub depends_on: Vec<ResourceId>,
    /// Applications that use it, the oldest first, at most a hundred.
    pub used_by: Vec<ResourceUse>,
    /// Give this as `cursor` to `/api/resources/{id}/users` to get those after them; none when these are all.
    pub used_by_cursor: Option<String>,
    /// The last hundred things that happened to it, newest first; `/api/resources/{id}/history` has all.
    pub history: Vec<HistoryEntry>,
}

/// An output of a resource.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OutputView {
    /// Its name.
    pub name: String,
    /// Its value, sensitive or not.
    #[schema(value_type = Object)]
    pub value: Value,
    /// Whether it is sensitive.
    pub sensitive: bool,
}

/// What a request to try again was answered with.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ResourceRetry {
    /// The resource.
    #[schema(value_type = Uuid)]
    pub id: ResourceId,
    /// What happens now.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_live_run_says_more_than_the_state() {
        assert_eq!(status(ResourceState::Provisioning, Some(RunStatus::Queued)), "queued");
        assert_eq!(status(ResourceState::Terminating, Some(RunStatus::Running)), "in_progress");
        assert_eq!(status(ResourceState::Active, None), "done");
        assert_eq!(status(ResourceState::Failed, None), "error");
    }
}
