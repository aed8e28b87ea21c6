//! Read: a resource that someone wants looked at, or a provider's schedule does, gets a run of its read workflow.

use std::collections::BTreeMap;

use chrono::Utc;
use serde_json::{Value, json};
use shared::{
    domain::{
        event::READ_REFUSED,
        ids::RunId,
        run::{Operation, RunClass, RunKind},
    },
    formats::{
        registry::{self, Planned, Registry},
        workflow,
    },
    store::{
        StoreError,
        event::{self, NewEvent},
        plan::NewPlan,
        resource::{self, Attachment, Unread},
        run::{self, NewRun},
    },
};

use super::{BATCH, Pass, Scheduler};

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let mut tx = scheduler.store.begin().await?;
    let unread = resource::lock_unread(&mut tx, BATCH).await?;
    if unread.is_empty() {
        return Ok(Pass::Idle);
    }
    let registry = scheduler.registry();
    let (mut runs, mut attachments, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for resource in &unread {
        let (planned, inputs) = match planned(&registry, resource) {
            Ok(planned) => planned,
            Err(why) => {
                refused.push(NewEvent {
                    kind: READ_REFUSED.into(),
                    application_id: Some(resource.application_id),
                    resource_id: Some(resource.id),
                    actor: Some(resource.requested_by.clone()),
                    data: json!({ "message": why }),
                    ..NewEvent::default()
                });
                continue;
            }
        };
        let id = RunId::new();
        attachments.push(Attachment {
            resource_id: resource.id,
            application_id: resource.application_id,
            run_id: id,
            operation: Operation::Read,
            provider: planned.provider.clone(),
            provider_version: planned.provider_version.clone(),
            resolved_params: None,
        });
        runs.push(NewRun {
            id,
            kind: RunKind::Resource,
            operation: Operation::Read,
            resource_id: Some(resource.id),
            application_id: Some(resource.application_id),
            team: resource.team.clone(),
            steps: run::steps_of(&planned.plan),
            plan: NewPlan::of(&planned.plan)?,
            provider: planned.provider,
            provider_version: planned.provider_version,
            provider_commit: planned.provider_commit,
            workflow: planned.workflow,
            reason: None,
            inputs: Some(inputs),
            requested_by: resource.requested_by.clone(),
            queue: "default".to_owned(),
            priority: 0,
            // Whatever people wait for goes first.
            class: if resource.requested_by == "schedule" { RunClass::Drift } else { RunClass::Interactive },
            acts_for: Vec::new(),
        });
    }
    run::create_all(&mut tx, &runs).await?;
    resource::attach_all(&mut tx, &attachments).await?;
    resource::reads_begun(&mut *tx, &unread.iter().map(|it| it.id).collect::<Vec<_>>()).await?;
    event::append(&mut *tx, &refused).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(Pass::Worked)
}

type Ready = (Planned, serde_json::Map<String, Value>);

/// The workflow that looks at the resource and what it is given: what the resource was made of.
fn planned(registry: &Registry, resource: &Unread) -> Result<Ready, String> {
    let wanted = registry::Wanted {
        resource_type: &resource.kind,
        operation: Operation::Read,
        tags: &resource.tags,
        workflow: resource.workflow.as_deref(),
        pins: &registry::pins_in(&resource.metadata),
        made_by: resource.made_by.as_ref().map(|(provider, version)| (provider.as_str(), version.as_str())),
    };
    let planned = registry.plan_for(&wanted).map_err(|error| error.to_string())?;
    let inputs = resource::inputs(&resource.params, &resource.application, &resource.name, &resource.kind);
    let inputs = workflow::check_inputs(&planned.parameters, &inputs, workflow::Unknown::Keep)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    Ok((planned, inputs))
}

/// Asks for a look at what providers with a schedule made, once a slot of the schedule.
pub(super) async fn ask_by_schedule(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let registry = scheduler.registry();
    let mut asked = 0;
    for (name, schedule) in &scheduler.schedules {
        let Ok(slot) = schedule.find_previous_occurrence(&Utc::now(), true) else { continue };
        let kinds = readable(&registry, name);
        asked += resource::request_due_reads(scheduler.store.pool(), name, &kinds, slot, BATCH).await?;
    }
    Ok(Pass::of(usize::try_from(asked).unwrap_or(usize::MAX)))
}

/// The types that a provider can look at, under all their names.
fn readable(registry: &Registry, provider: &str) -> Vec<String> {
    let records = registry.records();
    let direct: BTreeMap<&str, bool> = records
        .iter()
        .filter(|record| record.name == provider)
        .flat_map(|record| &record.capabilities)
        .map(|(kind, capability)| (kind.as_str(), capability.operations.contains_key(&Operation::Read)))
        .collect();
    let end = |name: &str| {
        let mut end = name.to_owned();
        // Circles were refused when the providers were loaded; the bound is for what was loaded before that.
        for _ in 0..16 {
            let next = records.iter().find_map(|record| record.capabilities.get(&end)?.alias_for.clone());
            match next {
                Some(next) => end = next,
                None => break,
            }
        }
        end
    };
    registry.resource_types().filter(|kind| direct.get(end(kind).as_str()) == Some(&true)).map(str::to_owned).collect()
}
