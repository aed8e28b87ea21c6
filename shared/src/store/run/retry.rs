//! Runs, made anew where others stopped, or with other inputs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    base::{self, Base, Past},
    create::{NewRun, create_all, steps_of},
};
use crate::{
    domain::{
        event as events,
        ids::{ApplicationId, ResourceId, RunId, StepId},
        plan::{Plan, When, Workspace},
        run::{Operation, RunClass, RunKind, RunStatus},
        step::StepStatus,
    },
    store::{
        Result,
        event::{self, NewEvent},
        notify,
        plan::{self, NewPlan},
        resource,
    },
};

/// What became of a request to retry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retry {
    /// This new run goes on where the old one stopped, or at the step that was named.
    Created {
        /// The new run.
        id: RunId,
        /// Steps that had completed, share the workspace and find it as the old run left it, because there was no moment
        /// before all that run again and after all that do not.
        on_changed_files: Vec<String>,
    },
    /// Only failed and cancelled runs can be retried; this one is something else.
    NotOver(RunStatus),
    /// The resource has a live run, or moved on since.
    Superseded,
    /// The files as they were before the steps that run again are not kept any more.
    FilesGone,
    /// The run has no such step; it has these.
    UnknownStep(Vec<String>),
    /// There is no such run.
    Unknown,
}

/// Makes a new run that goes on where a failed or cancelled one stopped: it inherits the recorded outcomes, variables,
/// idempotency keys and the workspace as it was before what runs again, and runs the same plan with the same inputs. Steps that ran because
/// something failed, `finally` steps, and what comes after a step that runs again run again as well.
///
/// With `from`, that step and all that come after it run again whatever became of them, with new idempotency keys where
/// they had completed; a golden path that completed can be retried that way too.
///
/// A run that a step had started is retried as one of its own.
///
/// # Errors
/// When Postgres cannot be reached, or another retry of the same run got in between; roll back then.
pub async fn retry(conn: &mut PgConnection, id: RunId, from: Option<&str>, actor: &str) -> Result<Retry> {
    let Some(old) = sqlx::query!(
        r#"SELECT status AS "status: RunStatus", kind AS "kind: RunKind", operation AS "operation: Operation",
                  resource_id AS "resource_id: ResourceId", application_id AS "application_id: ApplicationId", plan_digest, checkpoint
           FROM run WHERE id = $1 FOR NO KEY UPDATE"#,
        id.0
    )
    .fetch_optional(&mut *conn)
    .await?
    else {
        return Ok(Retry::Unknown);
    };
    let again_from = from.is_some() && old.kind != RunKind::Resource && old.status == RunStatus::Completed;
    if !matches!(old.status, RunStatus::Failed | RunStatus::Cancelled) && !again_from {
        return Ok(Retry::NotOver(old.status));
    }
    let plan = plan::load(&mut *conn, &old.plan_digest).await?;
    if let Some(from) = from
        && !plan.steps.iter().any(|step| step.name == from)
    {
        return Ok(Retry::UnknownStep(plan.steps.into_iter().map(|step| step.name).collect()));
    }
    if let Some(resource_id) = old.resource_id
        && !resource::may_retry(&mut *conn, resource_id, id, old.operation).await?
    {
        return Ok(Retry::Superseded);
    }
    let steps = StepsAnew::of(&mut *conn, &plan, id, from).await?;
    let (checkpoint, on_changed_files) = match base::base(steps.past.clone(), old.checkpoint.as_ref()) {
        Base::At(checkpoint) => (checkpoint, Vec::new()),
        Base::Latest(steps) => (old.checkpoint, steps),
    };
    if let Some(checkpoint) = &checkpoint
        && !base::is_kept(&mut *conn, checkpoint).await?
    {
        return Ok(Retry::FilesGone);
    }
    let new = RunId::new();
    sqlx::query!(
        "INSERT INTO run (id, root_run_id, retry_of, kind, operation, resource_id, application_id, team, provider, provider_version,
                          provider_commit, workflow, plan_digest, inputs, reason, requested_by, queue, priority, checkpoint,
                          concurrency_group)
         SELECT $2, $2, id, CASE WHEN kind = 'child' THEN 'golden_path' ELSE kind END, operation, resource_id, application_id, team,
                provider, provider_version, provider_commit, workflow, plan_digest, inputs,
                CASE WHEN inputs IS NULL THEN 'WaitingForDependency' WHEN concurrency_group IS NOT NULL THEN 'ConcurrencyGroup' END,
                $3, queue, priority, $4, concurrency_group
         FROM run WHERE id = $1",
        id.0,
        new.0,
        actor,
        checkpoint,
    )
    .execute(&mut *conn)
    .await?;
    steps.write(conn, new).await?;
    if let Some(resource_id) = old.resource_id {
        resource::run_attached(&mut *conn, resource_id, new, old.operation).await?;
    }
    event::append(
        &mut *conn,
        &[NewEvent {
            kind: events::RUN_CREATED.into(),
            application_id: old.application_id,
            resource_id: old.resource_id,
            run_id: Some(new),
            actor: Some(actor.into()),
            data: json!({"retry_of": id, "from_step": from, "operation": old.operation}),
            ..NewEvent::default()
        }],
    )
    .await?;
    notify(conn).await?;
    Ok(Retry::Created { id: new, on_changed_files })
}

/// Gives a run that was made without steps the steps, outcomes and checkpoint of one that ran the same plan, and links it.
pub(in crate::store) async fn inherit(conn: &mut PgConnection, old: RunId, new: RunId) -> Result<()> {
    let row =
        sqlx::query!("SELECT plan_digest, checkpoint FROM run WHERE id = $1", old.0).fetch_one(&mut *conn).await?;
    let plan = plan::load(&mut *conn, &row.plan_digest).await?;
    let steps = StepsAnew::of(&mut *conn, &plan, old, None).await?;
    let mut checkpoint = row.checkpoint;
    if let Base::At(at) = base::base(steps.past.clone(), checkpoint.as_ref())
        && (at.is_none() || base::is_kept(&mut *conn, at.as_ref().unwrap_or(&Value::Null)).await?)
    {
        checkpoint = at;
    }
    sqlx::query!("UPDATE run SET checkpoint = $3, retry_of = $1 WHERE id = $2", old.0, new.0, checkpoint)
        .execute(&mut *conn)
        .await?;
    steps.write(conn, new).await
}

/// Steps of a plan that run again whatever became of them: `from`, what ran because something failed, `finally` steps, and
/// all that come after one of these or after a step that `failed`.
fn afresh(plan: &Plan, failed: &BTreeSet<&str>, from: Option<&str>) -> BTreeSet<String> {
    let always = |name: &str| {
        let planned = plan.steps.iter().find(|step| step.name == name);
        from == Some(name) || planned.is_some_and(|step| step.finally || step.when == When::OnFailure)
    };
    let mut found: BTreeSet<String> =
        plan.steps.iter().map(|step| &step.name).filter(|name| always(name)).cloned().collect();
    loop {
        let moved = |name: &String| found.contains(name) || failed.contains(name.as_str());
        let more: Vec<String> = plan
            .steps
            .iter()
            .filter(|step| !found.contains(&step.name) && step.depends_on.iter().any(moved))
            .map(|step| step.name.clone())
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// The steps of a run that is made from another.
struct StepsAnew {
    /// The old steps that are written again, with their new ids.
    before: Vec<Uuid>,
    ids: Vec<Uuid>,
    /// Whether the outcome is taken over.
    kept: Vec<bool>,
    /// Whether it completed and runs again, and so is another try in the eyes of what it calls.
    renewed: Vec<bool>,
    past: Vec<Past>,
}

impl StepsAnew {
    /// Decides what is kept of the steps of `old`.
    async fn of(conn: &mut PgConnection, plan: &Plan, old: RunId, from: Option<&str>) -> Result<Self> {
        let rows = sqlx::query!(
            r#"SELECT id AS "id: StepId", name, parent, status AS "status: StepStatus", finished_at, checkpoint
               FROM step WHERE run_id = $1 ORDER BY position, item_index"#,
            old.0
        )
        .fetch_all(conn)
        .await?;
        let stopped = |status| {
            matches!(status, StepStatus::Failed | StepStatus::Cancelled | StepStatus::Running | StepStatus::Waiting)
        };
        let failed = rows.iter().filter(|row| row.parent.is_none() && stopped(row.status)).map(|row| row.name.as_str());
        let afresh = afresh(plan, &failed.collect(), from);
        let shares: BTreeMap<&str, bool> =
            plan.steps.iter().map(|step| (step.name.as_str(), step.step_type.workspace == Workspace::Shared)).collect();
        let mut anew = Self { before: vec![], ids: vec![], kept: vec![], renewed: vec![], past: vec![] };
        for row in rows {
            let again = afresh.contains(row.parent.as_ref().unwrap_or(&row.name));
            if again && row.parent.is_some() {
                // The list is made anew, and may be another.
                continue;
            }
            let completed = row.status == StepStatus::Completed;
            anew.before.push(row.id.0);
            anew.ids.push(StepId::new().0);
            anew.kept.push(completed && !again);
            anew.renewed.push(completed && again);
            if completed && shares.get(row.name.as_str()) == Some(&true) {
                let (name, finished_at, checkpoint) = (row.name, row.finished_at, row.checkpoint);
                anew.past.push(Past { name, finished_at, again, checkpoint });
            }
        }
        Ok(anew)
    }

    /// Writes them as the steps of `new`.
    async fn write(&self, conn: &mut PgConnection, new: RunId) -> Result<()> {
        sqlx::query!(
            "INSERT INTO step (id, run_id, name, position, type, idempotency_key, status, inherited_from, outputs, sensitive_outputs, variables,
                               exit_code, checkpoint, started_at, finished_at, released_by, parent, item, item_index)
             SELECT given.id, $1::uuid, s.name, s.position, s.type, CASE WHEN renewed THEN $1::uuid::text || ':' || s.name ELSE s.idempotency_key END,
                    CASE WHEN kept THEN 'completed' ELSE 'pending' END, CASE WHEN kept THEN s.id END,
                    CASE WHEN kept THEN s.outputs ELSE '{}' END, CASE WHEN kept THEN s.sensitive_outputs ELSE '{}' END,
                    CASE WHEN kept THEN s.variables ELSE '{}' END, CASE WHEN kept THEN s.exit_code END, CASE WHEN kept THEN s.checkpoint END,
                    CASE WHEN kept THEN s.started_at END, CASE WHEN kept THEN s.finished_at END, CASE WHEN kept THEN s.released_by END,
                    s.parent, s.item, s.item_index
             FROM UNNEST($2::uuid[], $3::uuid[], $4::bool[], $5::bool[]) AS given (old, id, kept, renewed) JOIN step s ON s.id = given.old",
            new.0,
            &self.before,
            &self.ids,
            &self.kept,
            &self.renewed,
        )
        .execute(conn)
        .await?;
        Ok(())
    }
}

/// What a run was made with, to be run again with other inputs.
#[derive(Clone, Debug)]
pub struct Original {
    /// What it is for.
    pub kind: RunKind,
    /// Parameters by name.
    pub inputs: Map<String, Value>,
    /// `Plan::parameters` of what it ran.
    pub parameters: Vec<Value>,
}

/// What a run was made with; none when there is no such run.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn original(conn: &mut PgConnection, id: RunId) -> Result<Option<Original>> {
    let row = sqlx::query!(
        r#"SELECT run.kind AS "kind: RunKind", run.inputs, coalesce(plan.body -> 'parameters', '[]') AS "parameters!"
           FROM run JOIN plan ON plan.digest = run.plan_digest WHERE run.id = $1"#,
        id.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Original {
        kind: row.kind,
        inputs: row.inputs.and_then(|inputs| inputs.as_object().cloned()).unwrap_or_default(),
        parameters: row.parameters.as_array().cloned().unwrap_or_default(),
    }))
}

/// Makes a new run of the same plan with other inputs, which inherits nothing. For golden paths, and for runs that steps had
/// started: as ones of their own. The history of each of the two names the other. None when there is no such run.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn rerun(
    conn: &mut PgConnection,
    id: RunId,
    inputs: Map<String, Value>,
    actor: &str,
) -> Result<Option<RunId>> {
    let Some(old) = sqlx::query!(
        r#"SELECT application_id AS "application_id: ApplicationId", team, provider, provider_version, provider_commit, workflow, plan_digest,
                  queue, priority
           FROM run WHERE id = $1"#,
        id.0
    )
    .fetch_optional(&mut *conn)
    .await?
    else {
        return Ok(None);
    };
    let plan = plan::load(&mut *conn, &old.plan_digest).await?;
    let new = NewRun {
        id: RunId::new(),
        kind: RunKind::GoldenPath,
        operation: Operation::Execute,
        resource_id: None,
        application_id: old.application_id,
        team: old.team,
        provider: old.provider,
        provider_version: old.provider_version,
        provider_commit: old.provider_commit,
        workflow: old.workflow,
        steps: steps_of(&plan),
        plan: NewPlan::of(&plan)?,
        inputs: Some(inputs),
        reason: None,
        requested_by: actor.to_owned(),
        queue: old.queue,
        priority: old.priority,
        class: RunClass::Interactive,
        acts_for: Vec::new(),
    };
    let created = new.id;
    create_all(&mut *conn, &[new]).await?;
    let told = |run_id: RunId, data: Value| NewEvent {
        kind: events::RUN_RERUN.into(),
        application_id: old.application_id,
        run_id: Some(run_id),
        actor: Some(actor.into()),
        data,
        ..NewEvent::default()
    };
    let both = [told(created, json!({ "rerun_of": id })), told(id, json!({ "rerun_as": created }))];
    event::append(&mut *conn, &both).await?;
    notify(conn).await?;
    Ok(Some(created))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::plan::PlannedStep;

    fn plan() -> Plan {
        let step = |name: &str, depends_on: &[&str]| PlannedStep {
            name: name.into(),
            depends_on: depends_on.iter().map(ToString::to_string).collect(),
            ..PlannedStep::default()
        };
        let mut steps =
            vec![step("a", &[]), step("b", &["a"]), step("c", &["b"]), step("side", &["a"]), step("told", &["a"])];
        steps[4].when = When::OnFailure;
        steps.push(PlannedStep { finally: true, ..step("tidy", &[]) });
        Plan { steps, ..Plan::default() }
    }

    fn names(found: &BTreeSet<String>) -> Vec<&str> {
        found.iter().map(String::as_str).collect()
    }

    #[test]
    fn a_retry_runs_again_what_the_failure_made_run_and_what_tidies_up() {
        assert_eq!(names(&afresh(&plan(), &BTreeSet::new(), None)), ["tidy", "told"]);
    }

    #[test]
    fn a_retry_from_a_step_runs_that_step_and_all_after_it() {
        assert_eq!(names(&afresh(&plan(), &BTreeSet::new(), Some("b"))), ["b", "c", "tidy", "told"]);
    }

    #[test]
    fn what_went_on_after_a_failure_runs_again_with_the_step_that_failed() {
        let failed = BTreeSet::from(["b"]);
        assert_eq!(names(&afresh(&plan(), &failed, None)), ["c", "tidy", "told"]);
    }
}
