//! Runs and steps as the API shows them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use shared::{
    domain::{
        approval::Decision,
        ids::{ApplicationId, ResourceId, RunId, WorkerId},
        plan::NetworkMode,
        run::{Operation, RunKind, RunStatus},
        step::{AttemptStatus, StepStatus},
    },
    secrets::token,
    store::{plan::Given, run_list},
};
use utoipa::ToSchema;

use crate::outputs;

/// A run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RunView {
    /// Its id.
    #[schema(value_type = Uuid)]
    pub id: RunId,
    /// `resource`, `golden_path`, `child` or `preview`.
    #[schema(value_type = String, example = "resource")]
    pub kind: RunKind,
    /// `create`, `read`, `update`, `delete` or `execute`.
    #[schema(value_type = String, example = "create")]
    pub operation: Operation,
    /// The workflow.
    pub workflow: String,
    /// The provider.
    pub provider: String,
    /// That provider's version.
    pub provider_version: String,
    /// The provider's commit, when it comes from Git.
    pub provider_commit: Option<String>,
    /// The resource it works on.
    #[schema(value_type = Option<Uuid>)]
    pub resource_id: Option<ResourceId>,
    /// That resource's name.
    pub resource: Option<String>,
    /// The application it is for.
    #[schema(value_type = Option<Uuid>)]
    pub application_id: Option<ApplicationId>,
    /// That application's name.
    pub application: Option<String>,
    /// Whose share it uses.
    pub team: String,
    /// The queue it goes through.
    pub queue: String,
    /// Higher goes first.
    pub priority: i16,
    /// `pending`, `queued`, `running`, `suspended`, `completed`, `failed` or `cancelled`.
    #[schema(value_type = String, example = "running")]
    pub status: RunStatus,
    /// Why it does not go on: `WaitingForDependency`, `DependencyFailed`, `BackingOff`, `WaitingForApproval`,
    /// `WaitingForStart`, `WaitingForChild`, `Delayed`, `ConcurrencyGroup`, `NoWorkerForQueue`, `QueueFull`,
    /// `Fairness`, `QueuePaused`, `QueueLimit`, `TeamQuota`, `TeamLimit`, `TypeLimit`, `ProviderLimit`, `FreezeWindow`, `Promoting`.
    pub reason: Option<String>,
    /// The reason in words.
    pub reason_detail: Option<String>,
    /// Since when it waits.
    pub waiting_since: Option<DateTime<Utc>>,
    /// When its wait is over by itself.
    pub suspended_until: Option<DateTime<Utc>>,
    /// When someone asked for it to stop.
    pub cancel_requested_at: Option<DateTime<Utc>>,
    /// Why someone did.
    pub cancel_reason: Option<String>,
    /// Why it failed: a stable code.
    pub error_code: Option<String>,
    /// Why it failed, for people.
    pub error_message: Option<String>,
    /// Parameters by name; none while they depend on outputs that are not there yet, and when they may hold secrets
    /// and `reveal` is not set.
    #[schema(value_type = Option<Object>)]
    pub inputs: Option<Value>,
    /// What it gave back; sensitive values are `***`.
    #[schema(value_type = Object)]
    pub outputs: Value,
    /// The run whose step started this one.
    #[schema(value_type = Option<Uuid>)]
    pub parent_run_id: Option<RunId>,
    /// The group of which one run goes at a time.
    pub concurrency_group: Option<String>,
    /// The run of its group that it waits for.
    #[schema(value_type = Option<Uuid>)]
    pub blocked_by: Option<RunId>,
    /// The run that this one goes on from.
    #[schema(value_type = Option<Uuid>)]
    pub retry_of: Option<RunId>,
    /// Who asked for it.
    pub requested_by: String,
    /// The worker that drives it.
    #[schema(value_type = Option<Uuid>)]
    pub worker_id: Option<WorkerId>,
    /// How many workers it was lost with.
    pub losses: i16,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When its ticket was made.
    pub queued_at: Option<DateTime<Utc>>,
    /// When a worker first took it.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
    /// When it is failed for taking too long.
    pub deadline_at: Option<DateTime<Utc>>,
    /// Seconds from its first claim until it was over.
    pub duration_s: Option<f64>,
}

fn seconds(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> Option<f64> {
    Some((to? - from?).num_milliseconds() as f64 / 1000.0)
}

impl RunView {
    /// The view of a row; sensitive outputs are shown only when `reveal` is set.
    pub(crate) fn of(row: run_list::Run, reveal: bool) -> Self {
        let sensitive = row.sensitive_outputs;
        let outputs =
            if reveal { row.outputs } else { outputs::masked(row.outputs, |name| sensitive.get(name).is_some()) };
        Self {
            id: row.id,
            kind: row.kind,
            operation: row.operation,
            workflow: row.workflow,
            provider: row.provider,
            provider_version: row.provider_version,
            provider_commit: row.provider_commit,
            resource_id: row.resource_id,
            resource: row.resource,
            application_id: row.application_id,
            application: row.application,
            team: row.team,
            queue: row.queue,
            priority: row.priority,
            status: row.status,
            reason: row.reason,
            reason_detail: row.reason_detail,
            waiting_since: row.waiting_since,
            suspended_until: row.suspended_until,
            cancel_requested_at: row.cancel_requested_at,
            cancel_reason: row.cancel_reason,
            error_code: row.error_code,
            error_message: row.error_message,
            // Placeholders may have put another resource's secrets into them.
            inputs: row.inputs.filter(|_| reveal).map(token::masked),
            outputs,
            parent_run_id: row.parent_run_id,
            concurrency_group: row.concurrency_group.map(|group| token::masked_text(&group).into_owned()),
            blocked_by: row.blocked_by,
            retry_of: row.retry_of,
            requested_by: row.requested_by,
            worker_id: row.worker_id,
            losses: row.losses,
            created_at: row.created_at,
            queued_at: row.queued_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            deadline_at: row.deadline_at,
            duration_s: seconds(row.started_at, row.finished_at),
        }
    }
}

/// One step of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepView {
    /// Its name.
    pub name: String,
    /// Its step type.
    #[serde(rename = "type")]
    pub kind: String,
    /// `pending`, `running`, `waiting`, `completed`, `failed`, `skipped` or `cancelled`.
    #[schema(value_type = String, example = "completed")]
    pub status: StepStatus,
    /// Whether its outcome was inherited from the run that this one retries.
    pub inherited: bool,
    /// When it is tried again at the earliest.
    pub not_before: Option<DateTime<Utc>>,
    /// The exit code of its last attempt.
    pub exit_code: Option<i32>,
    /// What it gave back; sensitive values are `***`.
    #[schema(value_type = Object)]
    pub outputs: Value,
    /// Why it failed: a stable code.
    pub error_code: Option<String>,
    /// Why it failed, for people.
    pub error_message: Option<String>,
    /// When its first attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
    /// Seconds it took, over all attempts and the waits between them.
    pub duration_s: Option<f64>,
    /// Its tries, lost ones too.
    pub attempts: Vec<AttemptView>,
    /// The loop that it is an element of.
    pub parent: Option<String>,
    /// Which element of the loop it is, from 0.
    pub index: Option<i32>,
    /// What it waits for, or waited for.
    pub wait: Option<WaitView>,
    /// What it is given: its configuration as the workflow has it. What is known only when it runs is a template in it;
    /// values of secrets are in none.
    #[schema(value_type = Object)]
    pub config: Value,
    /// What it may do beyond what every step may.
    pub privileges: StepPrivileges,
    /// The secrets that reach it, by name.
    pub secrets: Vec<String>,
}

/// What a step may do beyond what every step may.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct StepPrivileges {
    /// Whom it may talk to: `none`, `internal` (the other steps of its run) or `egress` (the addresses below).
    #[schema(value_type = String, example = "none")]
    pub network: NetworkMode,
    /// Addresses it may reach, `host:port`, as the workflow has them.
    pub egress: Vec<String>,
    /// Whether it may write outside `/workspace`, `/tmp` and `/run/slipway`.
    pub writable_root: bool,
    /// MiB of memory; 0: what every step may use.
    pub memory_mib: u32,
    /// Thousandths of a processor; 0: what every step may use.
    pub cpu_millis: u32,
}

impl From<&Given> for StepPrivileges {
    fn from(given: &Given) -> Self {
        let privileges = given.privileges.0;
        Self {
            network: privileges.network,
            egress: given.egress.0.clone(),
            writable_root: privileges.writable_root,
            memory_mib: privileges.memory_mib,
            cpu_millis: privileges.cpu_millis,
        }
    }
}

/// What a step waits for, or waited for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WaitView {
    /// `approval`, `start`, `delay`, `child` or `resources`.
    pub kind: String,
    /// When the wait is over by itself.
    pub until: Option<DateTime<Utc>>,
    /// The question, when a person decides.
    pub message: Option<String>,
    /// Roles that may decide; none: approvers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// Teams whose people may decide; none: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teams: Option<Vec<String>>,
    /// `approved`, `rejected`, `expired` or `withdrawn`; none while nothing is decided.
    #[schema(value_type = Option<String>)]
    pub decision: Option<Decision>,
    /// Who decided, or let the step begin.
    pub by: Option<String>,
    /// Why it was decided so.
    pub reason: Option<String>,
    /// The run that the step started.
    #[schema(value_type = Option<Uuid>)]
    pub run_id: Option<RunId>,
    /// The application that the step asked for.
    pub application: Option<String>,
}

impl StepView {
    /// The view of a row; sensitive outputs are shown only when `reveal` is set. `plan` is what the run's steps are given.
    pub(crate) fn of(row: run_list::Step, attempts: Vec<run_list::Attempt>, plan: &[Given], reveal: bool) -> Self {
        let planned = row.parent.as_ref().unwrap_or(&row.name);
        let given = plan.iter().find(|given| given.step == *planned);
        let sensitive = &row.sensitive_outputs;
        let outputs = if reveal {
            row.outputs
        } else {
            outputs::masked(row.outputs, |name| sensitive.iter().any(|it| it == name))
        };
        let wait = row.wait_kind.map(|kind| WaitView {
            kind,
            until: row.wait_until,
            message: row.approval_message.map(|text| token::masked_text(&text).into_owned()),
            roles: row.approval_roles,
            teams: row.approval_teams,
            decision: row.approval_decision,
            by: row.approval_decided_by.or(row.released_by),
            reason: row.approval_reason,
            run_id: row.child_run_id,
            application: row.asked_application,
        });
        Self {
            wait,
            config: given.map_or_else(|| json!({}), |given| token::masked(given.config.clone())),
            privileges: given.map(StepPrivileges::from).unwrap_or_default(),
            secrets: given.map(|given| given.secrets.0.clone()).unwrap_or_default(),
            parent: row.parent,
            index: row.item_index,
            name: row.name,
            kind: row.kind,
            status: row.status,
            inherited: row.inherited,
            not_before: row.not_before,
            exit_code: row.exit_code,
            outputs,
            error_code: row.error_code,
            error_message: row.error_message,
            started_at: row.started_at,
            finished_at: row.finished_at,
            duration_s: seconds(row.started_at, row.finished_at),
            attempts: attempts.into_iter().map(AttemptView::from).collect(),
        }
    }
}

/// One try of a step.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AttemptView {
    /// 1 for the first.
    pub number: i16,
    /// `running`, `completed`, `failed`, `cancelled`, or `lost` when its worker or engine went away.
    #[schema(value_type = String, example = "completed")]
    pub status: AttemptStatus,
    /// The worker that made it.
    #[schema(value_type = Uuid)]
    pub worker_id: WorkerId,
    /// The image it ran in.
    pub image: String,
    /// Which image that name meant then, `sha256:…`.
    pub image_id: Option<String>,
    /// Its exit code.
    pub exit_code: Option<i32>,
    /// Whether the kernel killed a process of it for memory.
    pub oom_killed: bool,
    /// Why it failed: a stable code.
    pub error_code: Option<String>,
    /// Why it failed, for people.
    pub error_message: Option<String>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When its command began, after its image was there and its container made. None: it did not, or nobody told yet, which
    /// of a step that prints nothing takes two seconds.
    pub began_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
}

impl From<run_list::Attempt> for AttemptView {
    fn from(row: run_list::Attempt) -> Self {
        Self {
            number: row.number,
            status: row.status,
            worker_id: row.worker_id,
            image: row.image,
            image_id: row.image_id,
            exit_code: row.exit_code,
            oom_killed: row.oom_killed,
            error_code: row.error_code,
            error_message: row.error_message,
            started_at: row.started_at,
            began_at: row.began_at,
            finished_at: row.finished_at,
        }
    }
}
