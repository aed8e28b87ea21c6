//! Begins with resources of a batch whose turn it is.

use std::collections::HashMap;

use serde_json::Value;
use shared::{
    batch::{Doing, Subject, doing, plan, plan_digest},
    domain::{
        batch::{BatchOperation, overridden},
        ids::{ResourceId, RunId},
        resource::ResourceState,
        run::{Operation, RunClass, RunKind, RunStatus, WaitReason},
    },
    formats::registry::{Planned, Registry},
    inputs::Inputs,
    store::{
        Connection, StoreError,
        batch::{self, Batch, Candidate, Started},
        plan::NewPlan,
        resource::{self, Attachment, Unresolved},
        run::{self, NewRun, Retry},
    },
};
use uuid::Uuid;

use super::{
    super::resolve::decide::{self, Decision},
    Scheduler, Step,
};

/// What becomes of one resource now.
enum Turn {
    /// This run works on it.
    Run(Box<Ready>),
    /// Nothing is done to it; why.
    Skip(String),
    /// It cannot be done; why.
    Fail(String),
    /// It is left for a later pass.
    Wait,
    /// What would be done is not what was approved; why.
    Void(String),
}

/// A run to make.
pub(super) struct Ready {
    pub(super) operation: Operation,
    pub(super) planned: Planned,
    pub(super) inputs: Option<Inputs>,
}

/// Begins with up to `room` resources among the first `last` of a batch.
pub(super) async fn begin(
    scheduler: &Scheduler,
    conn: &mut Connection,
    batch: &mut Batch,
    last: i32,
    room: i32,
) -> Result<Step, StoreError> {
    let candidates = batch::candidates(&mut *conn, batch, last, room.into()).await?;
    if candidates.is_empty() {
        return Ok(Step::Idle);
    }
    let mut work = Work::new(scheduler.registry());
    let (mut started, mut closed, mut left) = (Vec::new(), Vec::new(), 0);
    let ids: Vec<ResourceId> = candidates.iter().map(|it| it.id).collect();
    let known = resource::unresolved(&mut *conn, &ids, &[&batch.params]).await?;
    let mut known: HashMap<ResourceId, Unresolved> = known.into_iter().map(|it| (it.id, it)).collect();
    for candidate in candidates {
        let Some(row) = known.remove(&candidate.id) else { continue };
        let turn = match batch.operation {
            BatchOperation::Retry => match retry(&mut *conn, batch, &candidate).await? {
                Retried::As(run_id) => {
                    started.push(begun(&candidate, run_id, candidate.overrides.clone()));
                    continue;
                }
                Retried::Not(turn) => turn,
                Retried::NoRun => retry_without_run(&mut *conn, &work.registry, &candidate).await?,
            },
            BatchOperation::Update | BatchOperation::Reprovision | BatchOperation::Read | BatchOperation::Delete => {
                work.turn(&mut *conn, batch, &candidate, &row).await?
            }
        };
        match turn {
            Turn::Run(ready) => {
                let id = work.make(&row, *ready, &batch.requested_by)?;
                started.push(begun(&candidate, id, overridden(&candidate.overrides, &batch.params)));
            }
            Turn::Skip(why) => closed.push((candidate.id, false, why)),
            Turn::Fail(why) => closed.push((candidate.id, true, why)),
            Turn::Wait => left += 1,
            // Nothing of this pass is kept by the caller's note but what is written below: so nothing is begun either.
            Turn::Void(why) if work.runs.is_empty() && started.is_empty() => return Ok(Step::Void(why)),
            // What was begun in this pass is as approved; the next pass finds this one first.
            Turn::Void(_) => break,
        }
    }
    if batch.operation == BatchOperation::Delete {
        let leaving: Vec<ResourceId> = started.iter().map(|it| it.id).collect();
        batch::leave(&mut *conn, &leaving).await?;
    }
    work.write(scheduler, &mut *conn).await?;
    batch::start(&mut *conn, batch.id, &started).await?;
    batch::close_items(&mut *conn, batch.id, &closed).await?;
    let count =
        |failed: bool| i32::try_from(closed.iter().filter(|(_, it, _)| *it == failed).count()).unwrap_or(i32::MAX);
    batch.in_flight += i32::try_from(started.len()).unwrap_or(i32::MAX);
    batch.failed += count(true);
    batch.skipped += count(false);
    Ok(if started.is_empty() && closed.is_empty() && left > 0 { Step::Idle } else { Step::Moved })
}

fn begun(candidate: &Candidate, run_id: RunId, overrides: Value) -> Started {
    let (version, before) = (candidate.provider_version.clone(), candidate.overrides.clone());
    Started { id: candidate.id, run_id, version, before, overrides }
}

/// Runs to make in one transaction.
pub(super) struct Work {
    pub(super) registry: std::sync::Arc<Registry>,
    /// The plans of groups, and whether each is as approved.
    planned: HashMap<Uuid, Result<Planned, String>>,
    plans: HashMap<(String, String, String), NewPlan>,
    pub(super) runs: Vec<NewRun>,
    attachments: Vec<Attachment>,
}

impl Work {
    pub(super) fn new(registry: std::sync::Arc<Registry>) -> Self {
        let (planned, plans) = (HashMap::new(), HashMap::new());
        Self { registry, planned, plans, runs: Vec::new(), attachments: Vec::new() }
    }

    /// What is to become of a resource, for everything but a retry.
    async fn turn(
        &mut self,
        conn: &mut Connection,
        batch: &Batch,
        candidate: &Candidate,
        row: &Unresolved,
    ) -> Result<Turn, StoreError> {
        if let Some(why) = unfit(batch.operation, candidate) {
            return Ok(Turn::Skip(why));
        }
        let made = row.applied_params.is_some();
        let Some(operation) = batch.operation.run(made) else { return Ok(Turn::Wait) };
        let planned = match self.approved(&mut *conn, batch, operation, candidate, row).await? {
            Ok(planned) => planned,
            Err(why) => return Ok(Turn::Void(why)),
        };
        Ok(match doing(batch, operation, &planned, row, &candidate.params, &candidate.overrides) {
            Doing::Run(inputs) => Turn::Run(Box::new(Ready { operation, planned, inputs })),
            Doing::Skip(why) => Turn::Skip(why),
            Doing::Fail(why) => Turn::Fail(why),
        })
    }

    /// The plan that was approved for a resource, or why it is another by now.
    async fn approved(
        &mut self,
        conn: &mut Connection,
        batch: &Batch,
        operation: Operation,
        candidate: &Candidate,
        row: &Unresolved,
    ) -> Result<Result<Planned, String>, StoreError> {
        if let Some(planned) = self.planned.get(&candidate.group) {
            return Ok(planned.clone());
        }
        let planned =
            plan(&self.registry, operation, batch.provider_version.as_deref(), &subject(row, candidate.made_by()));
        let approved = batch::group(conn, batch.id, candidate.group).await?.and_then(|group| group.plan_digest);
        let checked = match planned.and_then(|planned| Ok((plan_digest(&planned)?, planned))) {
            Ok((digest, planned)) if approved.as_deref() == Some(&digest[..]) => Ok(planned),
            Ok((_, planned)) => Err(format!(
                "the workflow {} of {}@{} is not the one that was approved: look at the new preview, and approve it anew",
                planned.workflow, planned.provider, planned.provider_version
            )),
            Err(why) => Err(format!(
                "what was approved cannot be done any more ({why}): look at the new preview, and approve it anew"
            )),
        };
        self.planned.insert(candidate.group, checked.clone());
        Ok(checked)
    }

    /// Puts a run on the list; gives its id.
    pub(super) fn make(&mut self, row: &Unresolved, ready: Ready, requested_by: &str) -> Result<RunId, StoreError> {
        let Ready { operation, planned, inputs } = ready;
        let key = (planned.provider.clone(), planned.provider_version.clone(), planned.workflow.clone());
        let plan = match self.plans.get(&key) {
            Some(plan) => plan.clone(),
            None => self.plans.entry(key).or_insert(NewPlan::of(&planned.plan)?).clone(),
        };
        let id = RunId::new();
        // What a read sees is what is there, which changes nothing of what is wanted.
        let resolved = inputs.as_ref().filter(|_| operation != Operation::Read).map(|inputs| inputs.resolved.clone());
        self.attachments.push(Attachment {
            resource_id: row.id,
            application_id: row.application_id,
            run_id: id,
            operation,
            provider: planned.provider.clone(),
            provider_version: planned.provider_version.clone(),
            resolved_params: resolved,
        });
        self.runs.push(NewRun {
            id,
            kind: RunKind::Resource,
            operation,
            resource_id: Some(row.id),
            application_id: Some(row.application_id),
            team: row.team.clone(),
            steps: run::steps_of(&planned.plan),
            provider: planned.provider,
            provider_version: planned.provider_version,
            provider_commit: planned.provider_commit,
            workflow: planned.workflow,
            plan,
            reason: inputs
                .is_none()
                .then(|| (WaitReason::WaitingForDependency, "waits for other resources".to_owned())),
            inputs: inputs.map(|inputs| inputs.inputs),
            requested_by: requested_by.to_owned(),
            queue: "default".to_owned(),
            priority: 0,
            class: RunClass::Batch,
            acts_for: Vec::new(),
        });
        Ok(id)
    }

    /// Makes the runs, and gives them to their resources.
    pub(super) async fn write(&self, scheduler: &Scheduler, conn: &mut Connection) -> Result<(), StoreError> {
        run::create_all(&mut *conn, &self.runs).await?;
        scheduler.trace(&mut *conn, self.runs.iter().map(|run| run.id)).await?;
        resource::attach_all(conn, &self.attachments).await
    }
}

/// What a resource's plan goes by.
pub(super) fn subject<'a>(row: &'a Unresolved, made_by: Option<(&'a str, &'a str)>) -> Subject<'a> {
    Subject { kind: &row.kind, tags: &row.tags, workflow: row.workflow.as_deref(), metadata: &row.metadata, made_by }
}

/// Why nothing is done to a resource, if so.
fn unfit(operation: BatchOperation, candidate: &Candidate) -> Option<String> {
    let is_there = matches!(candidate.state, ResourceState::Active | ResourceState::Degraded);
    if candidate.absent || matches!(candidate.state, ResourceState::Terminating | ResourceState::Terminated) {
        return Some("it was removed, or is about to be".to_owned());
    }
    if !candidate.unchanged {
        return Some("its spec, its provider or its version has changed since the batch was approved".to_owned());
    }
    match operation {
        BatchOperation::Read if !is_there => Some(format!("it is {}: there is nothing to look at", candidate.state)),
        BatchOperation::Delete if candidate.kept => Some("it is protected from deletion".to_owned()),
        BatchOperation::Delete if !candidate.dependents.is_empty() => {
            Some(format!("others rest on it: {}", candidate.dependents.join(", ")))
        }
        BatchOperation::Update
        | BatchOperation::Reprovision
        | BatchOperation::Read
        | BatchOperation::Delete
        | BatchOperation::Retry => None,
    }
}

enum Retried {
    /// As this run.
    As(RunId),
    /// Not now, or not at all.
    Not(Turn),
    /// It failed without one.
    NoRun,
}

/// Has the run go on that a resource failed with.
async fn retry(conn: &mut Connection, batch: &Batch, candidate: &Candidate) -> Result<Retried, StoreError> {
    if candidate.absent {
        return Ok(Retried::Not(Turn::Skip("it was removed, or is about to be".to_owned())));
    }
    if candidate.state != ResourceState::Failed {
        return Ok(Retried::Not(Turn::Skip(format!("it is {} by now", candidate.state))));
    }
    let Some(last) = candidate.last_run_id else { return Ok(Retried::NoRun) };
    Ok(match run::retry(&mut *conn, last, None, &batch.requested_by).await? {
        Retry::Created { id, .. } => {
            batch::retried(conn, id).await?;
            Retried::As(id)
        }
        Retry::NotOver(RunStatus::Completed) | Retry::Unknown => Retried::NoRun,
        Retry::NotOver(_) => Retried::Not(Turn::Wait),
        Retry::Superseded => Retried::Not(Turn::Skip("it has another run, or moved on since".to_owned())),
        Retry::FilesGone => {
            Retried::Not(Turn::Skip("the files that its run would begin with are not kept any more".to_owned()))
        }
        Retry::UnknownStep(_) => Retried::NoRun,
    })
}

/// Has a resource that failed before it had a run tried again.
async fn retry_without_run(
    conn: &mut Connection,
    registry: &Registry,
    candidate: &Candidate,
) -> Result<Turn, StoreError> {
    if !batch::lock_idle(&mut *conn, candidate.id).await? {
        return Ok(Turn::Wait);
    }
    let Some(row) = resource::unresolved(conn, &[candidate.id], &[]).await?.pop() else { return Ok(Turn::Wait) };
    Ok(match decide::decide(registry, &Unresolved { retry: true, ..row }) {
        Decision::Run { operation, planned, inputs } => {
            Turn::Run(Box::new(Ready { operation, planned: *planned, inputs }))
        }
        Decision::Fail { message, .. } => Turn::Fail(message),
        Decision::Settle => Turn::Skip("it is as it should be already".to_owned()),
        Decision::Terminate { why } => Turn::Skip(why),
    })
}
