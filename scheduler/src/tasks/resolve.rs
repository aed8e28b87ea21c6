//! Resolve: a resource that should change gets a provider, a workflow and a run with a snapshot of both.

use std::collections::HashMap;

use serde_json::{Map, Value};
use shared::{
    domain::{
        ids::RunId,
        run::{Operation, RunKind, WaitReason, error_code},
    },
    formats::{
        placeholder,
        registry::{PlanError, Planned},
        workflow,
    },
    store::{
        StoreError, plan,
        resource::{self, Attachment, Unresolved},
        run::{self, NewRun},
    },
};

use super::{BATCH, Pass, Scheduler};

/// What is to become of one resource.
enum Decision {
    /// This run works on it.
    Run { operation: Operation, planned: Box<Planned>, inputs: Option<Inputs> },
    /// No run can.
    Fail { code: &'static str, message: String },
    /// Nothing needs to be done for it to be gone.
    Terminate { why: String },
}

struct Inputs {
    inputs: Map<String, Value>,
    resolved: Value,
}

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let mut tx = scheduler.store.begin().await?;
    let unresolved = resource::lock_unresolved(&mut tx, BATCH).await?;
    if unresolved.is_empty() {
        return Ok(Pass::Idle);
    }
    let (mut runs, mut attachments) = (Vec::new(), Vec::new());
    let mut digests = HashMap::new();
    for resource in &unresolved {
        match decide(scheduler, resource) {
            Decision::Run { operation, planned, inputs } => {
                let key = (planned.provider.clone(), planned.workflow.clone());
                let digest = match digests.get(&key) {
                    Some(digest) => *digest,
                    None => *digests.entry(key).or_insert(plan::store(&mut tx, &planned.plan).await?),
                };
                let id = RunId::new();
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
                    plan_digest: digest,
                    reason: inputs
                        .is_none()
                        .then(|| (WaitReason::WaitingForDependency, "waits for other resources".to_owned())),
                    inputs: inputs.map(|inputs| inputs.inputs),
                    requested_by: "system".to_owned(),
                    queue: "default".to_owned(),
                    priority: 0,
                });
            }
            Decision::Fail { code, message } => {
                resource::fail(&mut tx, resource.id, resource.application_id, code, &message).await?;
            }
            Decision::Terminate { why } => {
                resource::terminate(&mut tx, resource.id, resource.application_id, &why).await?;
            }
        }
    }
    run::create_all(&mut tx, &runs).await?;
    resource::attach_all(&mut tx, &attachments).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(Pass::Worked)
}

fn decide(scheduler: &Scheduler, resource: &Unresolved) -> Decision {
    if resource.absent && !resource.touched {
        return Decision::Terminate { why: "nothing was made for it, so nothing had to be removed".to_owned() };
    }
    let operation = if resource.absent { Operation::Delete } else { Operation::Create };
    let planned = match scheduler.registry.plan(&resource.kind, operation, &[]) {
        Ok(planned) => planned,
        Err(PlanError::NoWorkflow { provider, version, .. }) if resource.absent => {
            return Decision::Terminate {
                why: format!(
                    "{provider}@{version} has no delete workflow for '{}': nothing was run, and what was made for it may still be there",
                    resource.kind
                ),
            };
        }
        Err(error @ PlanError::UnknownType { .. }) => {
            return Decision::Fail { code: error_code::UNKNOWN_TYPE, message: error.to_string() };
        }
        Err(error) => return Decision::Fail { code: error_code::NO_WORKFLOW, message: error.to_string() },
    };
    // A delete always waits for `advance` to see that nothing depends on the resource any more; a create only when it
    // names others. All other inputs are complete here and now.
    if resource.has_dependencies || resource.absent {
        return Decision::Run { operation, planned: Box::new(planned), inputs: None };
    }
    match complete_inputs(&planned.parameters, resource) {
        Ok(inputs) => Decision::Run { operation, planned: Box::new(planned), inputs: Some(inputs) },
        Err(message) => Decision::Fail { code: error_code::INVALID_INPUTS, message },
    }
}

fn complete_inputs(parameters: &[workflow::Parameter], resource: &Unresolved) -> Result<Inputs, String> {
    let resolved = placeholder::resolve(&resource.params, &|reference| match reference {
        placeholder::Reference::Metadata(path) => placeholder::lookup(&resource.metadata, path).cloned(),
        placeholder::Reference::Resource { .. } => None,
    })
    .map_err(|unresolved| unresolved.to_string())?;
    let inputs = resource::inputs(&resolved, &resource.application, &resource.name, &resource.kind);
    let inputs = workflow::check_inputs(parameters, &inputs, workflow::Unknown::Keep)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    Ok(Inputs { inputs, resolved })
}
