//! Waits: what steps wait for comes about, or is asked for: times, answers that nobody gave, other runs, resources.

use serde_json::Value;
use shared::{
    domain::{
        ids::RunId,
        run::{Operation, RunClass, RunKind, error_code},
        wait::{ChildWait, ResourcesOperation, ResourcesWait, Wait},
    },
    formats::{
        problem::{Problem, did_you_mean, nearest},
        registry::{ProviderRecord, Registry},
        score::Mode,
        workflow::{self, Unknown},
    },
    store::{
        Connection, StoreError, approval,
        plan::NewPlan,
        run::{NewRun, steps_of},
        submit::{Refusal, Submission},
        waiting::{self, AskOutcome, ToAsk, ToStart},
    },
    submission::{self, workload},
};

use super::{BATCH, Pass, Scheduler};

/// Steps that ask for resources in one pass; each takes a transaction of its own.
const ASKS: i64 = 50;

/// Why a step cannot have what it waits for: one of `domain::run::error_code`, and words for people.
type Refused = (&'static str, String);

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let store = &scheduler.store;
    let due = waiting::due(store.pool()).await?;
    let mut done = 0;
    if due.times || due.approvals {
        let mut tx = store.begin().await?;
        done += waiting::end_due(&mut tx, BATCH).await?;
        done += approval::expire(&mut tx, BATCH).await?;
        tx.commit().await.map_err(StoreError::from)?;
    }
    if due.to_begin {
        done += start_children(scheduler).await?;
        done += ask_for_resources(scheduler).await?;
    }
    if due.children {
        done += waiting::tell_parents(store, BATCH).await?;
    }
    if due.orphans {
        done += waiting::cancel_orphans(store, BATCH).await?;
    }
    if due.resources {
        let mut tx = store.begin().await?;
        done += waiting::settle(&mut tx, BATCH).await?;
        tx.commit().await.map_err(StoreError::from)?;
    }
    Ok(Pass::of(done))
}

async fn start_children(scheduler: &Scheduler) -> anyhow::Result<usize> {
    let mut tx = scheduler.store.begin().await?;
    let steps = waiting::to_start(&mut tx, BATCH).await?;
    let registry = scheduler.registry();
    for step in &steps {
        match child(&mut tx, step, &registry).await? {
            Ok(new) => {
                let id = new.id;
                waiting::begin_child(&mut tx, step, new).await?;
                scheduler.trace(&mut tx, [id]).await?;
            }
            Err((code, message)) => waiting::fail_start(&mut tx, step, code, &message).await?,
        }
    }
    tx.commit().await.map_err(StoreError::from)?;
    Ok(steps.len())
}

/// The run that a step starts.
async fn child(conn: &mut Connection, step: &ToStart, registry: &Registry) -> anyhow::Result<Result<NewRun, Refused>> {
    let Ok(Wait::Child(wait)) = serde_json::from_value(step.wait.clone()) else {
        return Ok(Err((error_code::INVALID_PLAN, "what the step waits for cannot be read".to_owned())));
    };
    if step.depth >= waiting::MAX_DEPTH {
        let message = format!("workflows start each other more than {} deep", waiting::MAX_DEPTH);
        return Ok(Err((error_code::INVALID_PLAN, message)));
    }
    let ChildWait { provider, workflow, inputs, .. } = wait;
    let provider = provider.unwrap_or_else(|| step.provider.clone());
    // A run never changes under its feet: its own provider is the one that it was made with.
    let pinned = (provider == step.provider).then_some(step.provider_version.as_str());
    let stored: ProviderRecord;
    let record = match registry.provider(&provider, pinned) {
        Some(record) => record,
        None => {
            // The parent's version may be loaded no more.
            let manifest = match pinned {
                Some(version) => waiting::provider_record(&mut *conn, &provider, version).await?,
                None => None,
            };
            let Some(manifest) = manifest else { return Ok(Err(no_provider(registry, &provider, pinned))) };
            stored = serde_json::from_value(manifest)?;
            &stored
        }
    };
    let Some(found) = record.workflows.iter().find(|record| record.name == workflow) else {
        let hint = did_you_mean(&nearest(&workflow, record.workflows.iter().map(|record| record.name.as_str())));
        let message = format!("the provider '{provider}' {} has no workflow '{workflow}'{hint}", record.version);
        return Ok(Err((error_code::NO_WORKFLOW, message)));
    };
    if let Some(reason) = &found.unavailable {
        return Ok(Err((error_code::NO_WORKFLOW, format!("the workflow '{workflow}' cannot run here: {reason}"))));
    }
    let inputs = match workflow::check_inputs(&found.parameters, &inputs, Unknown::Refuse) {
        Ok(inputs) => inputs,
        Err(mistakes) => {
            let message = format!("the inputs do not fit the workflow '{workflow}': {}", listed(&mistakes));
            return Ok(Err((error_code::INVALID_INPUTS, message)));
        }
    };
    Ok(Ok(NewRun {
        id: RunId::new(),
        kind: RunKind::Child,
        operation: Operation::Execute,
        resource_id: None,
        application_id: step.application_id,
        team: step.team.clone(),
        provider,
        provider_version: record.version.clone(),
        provider_commit: record.commit.clone(),
        workflow,
        plan: NewPlan::of(&found.plan)?,
        steps: steps_of(&found.plan),
        inputs: Some(inputs),
        reason: None,
        requested_by: step.requested_by.clone(),
        queue: step.queue.clone(),
        priority: step.priority,
        class: RunClass::Interactive,
        acts_for: Vec::new(),
    }))
}

fn no_provider(registry: &Registry, provider: &str, version: Option<&str>) -> Refused {
    let hint = did_you_mean(&nearest(provider, registry.serving().map(|record| record.name.as_str())));
    let version = version.map(|version| format!(" {version}")).unwrap_or_default();
    (error_code::NO_WORKFLOW, format!("there is no provider '{provider}'{version}{hint}"))
}

fn listed(mistakes: &[Problem]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

async fn ask_for_resources(scheduler: &Scheduler) -> anyhow::Result<usize> {
    let mut done = 0;
    for step in waiting::to_ask(scheduler.store.pool(), ASKS).await? {
        match ask(scheduler, &step).await {
            Ok(asked) => done += usize::from(asked),
            Err(error) if error.downcast_ref::<StoreError>().is_some_and(StoreError::is_conflict) => {
                tracing::debug!(run.id = %step.run_id, %error, "another change of the application came in between");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Asks for what a step wants, or fails it; false when another scheduler is at it.
async fn ask(scheduler: &Scheduler, step: &ToAsk) -> anyhow::Result<bool> {
    let mut wanted = wanted(step).await?;
    let mut tx = scheduler.store.begin().await?;
    if let Ok(Wanted::Create(submission)) = &mut wanted {
        match workload::include(&mut tx, &scheduler.registry(), submission).await? {
            Ok(None) => {}
            Ok(Some(note)) => tracing::info!(run.id = %step.run_id, application = submission.name, "{note}"),
            Err(missing) => wanted = Err(not_valid(&missing)),
        }
    }
    let outcome = match &wanted {
        Ok(Wanted::Create(submission)) => waiting::ask_create(&mut tx, step, submission).await?,
        Ok(Wanted::Delete(application)) => waiting::ask_delete(&mut tx, step, application).await?,
        Err((code, message)) => {
            waiting::fail_asking(&mut tx, step, code, message).await?;
            AskOutcome::Asked
        }
    };
    let refusal = match outcome {
        AskOutcome::Asked => {
            tx.commit().await.map_err(StoreError::from)?;
            return Ok(true);
        }
        AskOutcome::Stale => return Ok(false),
        AskOutcome::Refused(refusal) => refused(&refusal),
        AskOutcome::Undeletable(why) => why,
    };
    tx.rollback().await.map_err(StoreError::from)?;
    let mut tx = scheduler.store.begin().await?;
    waiting::fail_asking(&mut tx, step, error_code::CHILD_FAILED, &refusal).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(true)
}

/// What a step asks for.
enum Wanted {
    Create(Box<Submission>),
    Delete(String),
}

async fn wanted(step: &ToAsk) -> anyhow::Result<Result<Wanted, Refused>> {
    let invalid = |message: String| Ok(Err((error_code::INVALID_PLAN, message)));
    let Ok(Wait::Resources(wait)) = serde_json::from_value(step.wait.clone()) else {
        return invalid("what the step waits for cannot be read".to_owned());
    };
    let ResourcesWait { operation, score, application, team, ttl_s, .. } = wait;
    if operation == ResourcesOperation::Delete {
        return match application {
            Some(name) => Ok(Ok(Wanted::Delete(name))),
            None => invalid("a delete needs the `application` to delete".to_owned()),
        };
    }
    let text = match score {
        Some(Value::String(text)) => text,
        // JSON is YAML.
        Some(score @ Value::Object(_)) => score.to_string(),
        _ => return invalid("a create needs `score`: a Score file, as an object or as text".to_owned()),
    };
    let (team, actor) = (team.unwrap_or_else(|| step.team.clone()), step.requested_by.clone());
    let read = move || submission::read(text.as_bytes(), Mode::Compat, Some(team), actor);
    Ok(match tokio::task::spawn_blocking(read).await? {
        Ok(mut submission) => {
            // A time to live is some days at most: what is longer is as long as can be said.
            submission.requested_ttl_s = ttl_s.map(|seconds| seconds.ceil() as u32);
            Ok(Wanted::Create(Box::new(submission)))
        }
        Err(mistakes) => Err(not_valid(&mistakes)),
    })
}

fn not_valid(mistakes: &[Problem]) -> Refused {
    (error_code::INVALID_INPUTS, format!("the Score file is not valid: {}", listed(mistakes)))
}

/// Why a submission is not accepted.
fn refused(refusal: &Refusal) -> String {
    let names = |pairs: &[(String, String)]| pairs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    match refusal {
        Refusal::OtherTeam(_) => "the application is, or would be, of a team that the run may not act for".to_owned(),
        Refusal::SharedConflict(pairs) => {
            format!("another application asks for the shared resource(s) {} differently", names(pairs))
        }
        Refusal::NotShared(pairs) => {
            format!("another application has what {} would be, and not both share it", names(pairs))
        }
        Refusal::Protected { application: true, .. } => "the application is protected from deletion".to_owned(),
        Refusal::Protected { resources, .. } => {
            format!("it would remove what is protected from deletion: {}", resources.join(", "))
        }
        Refusal::Quota { team, exceeded } => {
            let quotas: Vec<String> = exceeded.iter().map(ToString::to_string).collect();
            format!("team '{team}' would use more than it may: {}", quotas.join("; "))
        }
    }
}
