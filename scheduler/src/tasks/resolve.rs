//! Resolve: a resource that should change gets a provider, a workflow and a run with a snapshot of both; one that may
//! have to is compared with what is there.

pub(super) mod decide;

use std::collections::HashMap;

use serde_json::json;
use shared::{
    domain::{
        event::RESOURCE_PROVIDER_MOVED,
        ids::RunId,
        run::{RunClass, RunKind, WaitReason},
    },
    store::{
        StoreError,
        event::{self, NewEvent},
        plan::NewPlan,
        resource::{self, Attachment},
        run::{self, NewRun},
    },
};

use self::decide::{Decision, decide};
use super::{BATCH, Pass, Scheduler};

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let mut tx = scheduler.store.begin_short().await?;
    let unresolved = resource::lock_unresolved(&mut tx, BATCH).await?;
    if unresolved.is_empty() {
        tx.rollback().await.map_err(StoreError::from)?;
        // What this marks is taken up by the pass that follows.
        return Ok(Pass::of(resource::mark_dependents(scheduler.store.pool(), BATCH).await?));
    }
    let (mut runs, mut attachments) = (Vec::new(), Vec::new());
    let (mut plans, mut events) = (HashMap::new(), Vec::new());
    let registry = scheduler.registry();
    for resource in &unresolved {
        match decide(&registry, resource) {
            Decision::Run { operation, planned, inputs } => {
                let key = (planned.provider.clone(), planned.provider_version.clone(), planned.workflow.clone());
                let plan = match plans.get(&key) {
                    Some(plan) => NewPlan::clone(plan),
                    None => plans.entry(key).or_insert(NewPlan::of(&planned.plan)?).clone(),
                };
                let id = RunId::new();
                if let Some(moved) = &planned.moved {
                    events.push(NewEvent {
                        kind: RESOURCE_PROVIDER_MOVED.into(),
                        application_id: Some(resource.application_id),
                        resource_id: Some(resource.id),
                        run_id: Some(id),
                        data: json!({ "provider": moved.provider, "from": moved.from, "to": moved.to, "why": moved.to_string() }),
                        ..NewEvent::default()
                    });
                }
                attachments.push(Attachment {
                    resource_id: resource.id,
                    application_id: resource.application_id,
                    run_id: id,
                    operation,
                    provider: planned.provider.clone(),
                    provider_version: planned.provider_version.clone(),
                    resolved_params: inputs.as_ref().map(|inputs| inputs.resolved.clone()),
                });
                runs.push(NewRun {
                    id,
                    kind: RunKind::Resource,
                    operation,
                    resource_id: Some(resource.id),
                    application_id: Some(resource.application_id),
                    team: resource.team.clone(),
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
                    requested_by: "system".to_owned(),
                    queue: "default".to_owned(),
                    priority: 0,
                    class: RunClass::Interactive,
                    acts_for: Vec::new(),
                });
            }
            Decision::Fail { code, message } => {
                resource::fail(&mut tx, resource.id, resource.application_id, code, &message).await?;
            }
            Decision::Settle => {
                let made = resource.applied_params.is_some();
                resource::settle(&mut tx, resource.id, resource.application_id, resource.state, made).await?;
            }
            Decision::Terminate { why } => {
                resource::terminate(&mut tx, resource.id, resource.application_id, &why).await?;
            }
        }
    }
    run::create_all(&mut tx, &runs).await?;
    scheduler.trace(&mut tx, runs.iter().map(|run| run.id)).await?;
    resource::attach_all(&mut tx, &attachments).await?;
    event::append(&mut *tx, &events).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(Pass::of(unresolved.len()))
}
