//! Runs as people look at them.

mod filter;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;
use uuid::Uuid;

pub use filter::Filter;

use super::Result;
use crate::domain::{
    access::Visible,
    approval::Decision,
    ids::{ApplicationId, Fence, ResourceId, RunId, StepId, WorkerId},
    run::{Operation, RunKind, RunStatus},
    step::{AttemptStatus, StepStatus},
};

/// A run and what it is for.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// What it is for.
    pub kind: RunKind,
    /// What it does.
    pub operation: Operation,
    /// The resource it works on.
    pub resource_id: Option<ResourceId>,
    /// That resource's name.
    pub resource: Option<String>,
    /// The application it is for.
    pub application_id: Option<ApplicationId>,
    /// That application's name.
    pub application: Option<String>,
    /// Whose share it uses.
    pub team: String,
    /// The run it goes on from.
    pub retry_of: Option<RunId>,
    /// The provider.
    pub provider: String,
    /// That provider's version.
    pub provider_version: String,
    /// The provider's commit, when it comes from Git.
    pub provider_commit: Option<String>,
    /// The workflow.
    pub workflow: String,
    /// Parameters by name; none while they depend on outputs that are not there yet.
    pub inputs: Option<Value>,
    /// Who asked for it.
    pub requested_by: String,
    /// The queue it goes through.
    pub queue: String,
    /// Higher goes first.
    pub priority: i16,
    /// Where it stands.
    pub status: RunStatus,
    /// Why it does not go on: its own reason, or what holds all runs like it when it is ready and waits in line.
    pub reason: Option<String>,
    /// The reason in words.
    pub reason_detail: Option<String>,
    /// Since when it waits.
    pub waiting_since: Option<DateTime<Utc>>,
    /// When its wait is over by itself.
    pub suspended_until: Option<DateTime<Utc>>,
    /// How many workers it was lost with.
    pub losses: i16,
    /// The number its worker's writes must match.
    pub fence: Fence,
    /// The worker that drives it.
    pub worker_id: Option<WorkerId>,
    /// When someone asked for it to stop.
    pub cancel_requested_at: Option<DateTime<Utc>>,
    /// Why someone did.
    pub cancel_reason: Option<String>,
    /// What it gave back.
    pub outputs: Value,
    /// Names among the outputs that are masked wherever they are shown.
    pub sensitive_outputs: Value,
    /// Why it failed.
    pub error_code: Option<String>,
    /// Why it failed, for people.
    pub error_message: Option<String>,
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
    /// The run that started it.
    pub parent_run_id: Option<RunId>,
    /// The group of which one run goes at a time.
    pub concurrency_group: Option<String>,
    /// The run of its group that has its turn, when it waits for that.
    pub blocked_by: Option<RunId>,
}

/// Where a page of a list by time begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// At the newest.
    #[default]
    Newest,
    /// Behind this one: what is older.
    OlderThan(Uuid),
    /// The next ones after this one: what is newer.
    NewerThan(Uuid),
}

impl Place {
    /// What `run_ids` takes.
    fn bounds(self) -> (Option<Uuid>, Option<Uuid>) {
        match self {
            Self::Newest => (None, None),
            Self::OlderThan(id) => (Some(id), None),
            Self::NewerThan(id) => (None, Some(id)),
        }
    }
}

/// A page of runs, newest first, at most `limit`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(executor: impl PgExecutor<'_>, filter: &Filter, place: Place, limit: i64) -> Result<Vec<Run>> {
    rows(executor, None, filter.wanted(), &filter.visible, place, limit).await
}

/// The runs of these ids, else those that are wanted.
async fn rows(
    executor: impl PgExecutor<'_>,
    id: Option<RunId>,
    wanted: Value,
    visible: &Visible,
    place: Place,
    limit: i64,
) -> Result<Vec<Run>> {
    let (ids, (older_than, newer_than)) = (id.map(|id| vec![id.0]), place.bounds());
    Ok(sqlx::query_as!(
        Run,
        r#"SELECT run.id AS "id: RunId", run.kind AS "kind: RunKind", run.operation AS "operation: Operation",
                  run.resource_id AS "resource_id: ResourceId", r.name AS "resource?",
                  run.application_id AS "application_id: ApplicationId", a.name AS "application?", run.team,
                  run.retry_of AS "retry_of: RunId", run.provider, run.provider_version, run.provider_commit, run.workflow,
                  run.inputs, run.requested_by, run.queue, run.priority, run.status AS "status: RunStatus",
                  CASE WHEN run.status = 'pending'
                       THEN coalesce(run.reason, ready.code)
                       ELSE run.reason END
                      AS "reason?",
                  CASE WHEN run.status = 'pending' AND run.reason IS NULL THEN ready.detail
                       WHEN run.reason = 'ConcurrencyGroup'
                           THEN format('%s of the group ''%s'' %s at a time: %s', CASE coalesce(size.most, 1) WHEN 1 THEN 'one run' ELSE size.most || ' runs' END,
                                       run.concurrency_group, CASE coalesce(size.most, 1) WHEN 1 THEN 'goes' ELSE 'go' END,
                                       CASE WHEN turn.id IS NULL THEN 'this one is about to'
                                            WHEN $3::text[] IS NULL OR turn.team = ANY ($3)
                                                THEN 'run ' || turn.id || ' is not over'
                                            ELSE 'a run of another team is not over' END)
                       ELSE run.reason_detail END AS "reason_detail?",
                  CASE WHEN run.status IN ('pending', 'suspended') THEN greatest(run.waiting_since, ready.since) END AS "waiting_since?",
                  run.suspended_until, run.losses, run.fence AS "fence: Fence", run.lease_worker_id AS "worker_id: WorkerId",
                  run.cancel_requested_at, run.cancel_reason, run.outputs,
                  coalesce((SELECT jsonb_object_agg(o.key, true) FROM jsonb_each(p.body -> 'outputs') o
                            WHERE (o.value ->> 'sensitive')::boolean), '{}')
                      || coalesce((SELECT jsonb_object_agg(name, true) FROM UNNEST(run.sensitive_outputs) name), '{}')
                      AS "sensitive_outputs!",
                  run.error_code, run.error_message, run.created_at, run.queued_at, run.started_at, run.finished_at,
                  run.deadline_at, run.parent_run_id AS "parent_run_id: RunId", run.concurrency_group, 
                  CASE WHEN $3::text[] IS NULL OR turn.team = ANY ($3) THEN turn.id END AS "blocked_by?: RunId"
           FROM run
           LEFT JOIN plan p ON p.digest = run.plan_digest
           LEFT JOIN resource r ON r.id = run.resource_id
           LEFT JOIN application a ON a.id = run.application_id
           LEFT JOIN LATERAL ready_wait(run.queue, run.team, run.resource_type, run.provider, run.environment, may_be_frozen(run)) ready
                ON run.status = 'pending' AND run.reason IS NULL
           LEFT JOIN run_limit size ON run.reason = 'ConcurrencyGroup' AND size.kind = 'group' AND size.name = run.concurrency_group
           LEFT JOIN LATERAL (
               SELECT other.id, other.team FROM run other
               WHERE run.reason = 'ConcurrencyGroup' AND other.concurrency_group = run.concurrency_group
                 AND other.status IN ('pending', 'queued', 'running', 'suspended') AND other.reason IS DISTINCT FROM 'ConcurrencyGroup'
               ORDER BY other.id LIMIT 1) turn ON true
           WHERE run.id = ANY (coalesce($1::uuid[], ARRAY(SELECT * FROM run_ids($2, $3, $4, $5, $6))))
           ORDER BY run.id DESC"#,
        ids.as_deref(),
        wanted,
        visible.teams(),
        older_than,
        newer_than,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// One run.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(executor: impl PgExecutor<'_>, id: RunId) -> Result<Option<Run>> {
    find_as(executor, id, Visible::All).await
}

/// One run, for people who may read it; other runs that they may not are not named.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find_as(executor: impl PgExecutor<'_>, id: RunId, visible: Visible) -> Result<Option<Run>> {
    Ok(rows(executor, Some(id), Value::Null, &visible, Place::Newest, 1).await?.pop())
}

/// Where a run stands; none when there is no such run.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn status(executor: impl PgExecutor<'_>, id: RunId) -> Result<Option<RunStatus>> {
    Ok(sqlx::query_scalar!(r#"SELECT status AS "status: RunStatus" FROM run WHERE id = $1"#, id.0)
        .fetch_optional(executor)
        .await?)
}

/// One step of a run.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its id.
    pub id: StepId,
    /// Its name.
    pub name: String,
    /// Its step type.
    pub kind: String,
    /// Where it stands.
    pub status: StepStatus,
    /// Attempts that ended by the step's own doing.
    pub attempts: i16,
    /// When it is tried again at the earliest.
    pub not_before: Option<DateTime<Utc>>,
    /// Whether its outcome was inherited from the run that this one retries.
    pub inherited: bool,
    /// The exit code of its last attempt.
    pub exit_code: Option<i32>,
    /// What it gave back.
    pub outputs: Value,
    /// Names among the outputs that are masked wherever they are shown.
    pub sensitive_outputs: Vec<String>,
    /// Why it failed.
    pub error_code: Option<String>,
    /// Why it failed, for people.
    pub error_message: Option<String>,
    /// When its first attempt began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
    /// The loop that it is an element of.
    pub parent: Option<String>,
    /// Which element, from 0.
    pub item_index: Option<i32>,
    /// Who let it begin, when it waited for that.
    pub released_by: Option<String>,
    /// What it waits for, or waited for: `approval`, `start`, `delay`, `child` or `resources`.
    pub wait_kind: Option<String>,
    /// When its wait is over by itself.
    pub wait_until: Option<DateTime<Utc>>,
    /// The run that it started.
    pub child_run_id: Option<RunId>,
    /// The application that it asked for.
    pub asked_application: Option<String>,
    /// What people are asked.
    pub approval_message: Option<String>,
    /// Roles that may decide.
    pub approval_roles: Option<Vec<String>>,
    /// Teams whose people may decide.
    pub approval_teams: Option<Vec<String>>,
    /// What was decided.
    pub approval_decision: Option<Decision>,
    /// By whom.
    pub approval_decided_by: Option<String>,
    /// Why.
    pub approval_reason: Option<String>,
}

/// The steps of a run, in the order of its workflow.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn steps(executor: impl PgExecutor<'_>, run: RunId) -> Result<Vec<Step>> {
    Ok(sqlx::query_as!(
        Step,
        r#"SELECT step.id AS "id: StepId", name, type AS kind, status AS "status: StepStatus", attempts, not_before,
                  inherited_from IS NOT NULL AS "inherited!", exit_code, outputs, sensitive_outputs, error_code, error_message,
                  started_at, finished_at, parent, item_index, released_by, wait ->> 'kind' AS wait_kind, wait_until,
                  (wait ->> 'run')::uuid AS "child_run_id: RunId", wait -> 'asked' ->> 'application' AS asked_application,
                  p.message AS "approval_message?", p.roles AS "approval_roles?", p.teams AS "approval_teams?",
                  p.decision AS "approval_decision?: Decision", p.decided_by AS approval_decided_by, p.reason AS approval_reason
           FROM step LEFT JOIN approval p ON p.step_id = step.id
           WHERE step.run_id = $1 ORDER BY position, item_index NULLS FIRST"#,
        run.0
    )
    .fetch_all(executor)
    .await?)
}

/// One try of a step.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The step.
    pub step_id: StepId,
    /// 1 for the first.
    pub number: i16,
    /// The worker that made it.
    pub worker_id: WorkerId,
    /// How it ended.
    pub status: AttemptStatus,
    /// The image it ran in.
    pub image: String,
    /// Which image that was, `sha256:…`; none while it is not known.
    pub image_id: Option<String>,
    /// Its exit code.
    pub exit_code: Option<i32>,
    /// Whether the kernel killed a process of it for memory.
    pub oom_killed: bool,
    /// Why it failed.
    pub error_code: Option<String>,
    /// Why it failed, for people.
    pub error_message: Option<String>,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When its command began, after its image was there and its container made; none while that is not known.
    pub began_at: Option<DateTime<Utc>>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
}

/// The attempts of all steps of a run.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn attempts(executor: impl PgExecutor<'_>, run: RunId) -> Result<Vec<Attempt>> {
    Ok(sqlx::query_as!(
        Attempt,
        r#"SELECT step_id AS "step_id: StepId", number, worker_id AS "worker_id: WorkerId", status AS "status: AttemptStatus",
                  image, image_id, exit_code, oom_killed, error_code, error_message, started_at, began_at, finished_at
           FROM attempt WHERE run_id = $1 ORDER BY step_id, number LIMIT 10000"#,
        run.0
    )
    .fetch_all(executor)
    .await?)
}
