//! One try of one step: from its condition and templates ([`crate::contract`]) over its container ([`work`]) to its recorded
//! outcome ([`record`]).

pub mod derive;
pub mod image;
mod record;
mod work;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::{Map, Value};
use shared::{
    domain::{
        plan::{PlannedStep, Runs, When},
        step::{AttemptStatus, StepStatus},
    },
    store::{
        lease::{self, StepOutcome, TriedImage},
        step::Step,
    },
    traces::{self, Role, Span},
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    allowance::Allowance,
    container,
    context::Context,
    contract::{Contract, Failure, Prepared},
    engine::{Engine, EngineError},
    held::{Halt, Held},
    logs::RunLog,
    mask::Mask,
    run_services::Services,
    sealing::{self, Opened},
    waits,
    workspace::{Place, Workspace},
};

/// How long after the run's deadline its `finally` steps may go on.
pub const FINALLY_GRACE: Duration = Duration::from_secs(600);

/// What the attempts of one run share.
#[derive(Debug)]
pub struct RunScope<E> {
    /// The worker's.
    pub worker: Arc<Context<E>>,
    /// The lease.
    pub held: Arc<Held>,
    /// The run as it was claimed.
    pub claimed: lease::Claimed,
    /// Its files.
    pub workspace: Workspace<E>,
    /// Its log.
    pub log: RunLog,
    /// Its secrets.
    pub mask: Arc<Mask>,
    /// What its steps have left for each other.
    pub allowance: Allowance,
    /// The images it keeps.
    pub images: image::Kept,
    /// What runs beside its steps.
    pub services: Services,
    /// When all but its `finally` steps must be over.
    pub deadline: Instant,
    /// Cancelled when what runs of it must stop, to be handed back.
    pub stop: CancellationToken,
}

impl<E> RunScope<E> {
    /// When a step must be over: with the run, or for one that is `finally` [`FINALLY_GRACE`] later.
    #[must_use]
    pub fn deadline(&self, finally: bool) -> Instant {
        if finally { self.deadline + FINALLY_GRACE } else { self.deadline }
    }
}

/// What a try is given.
#[derive(Clone, Debug)]
pub struct Try {
    /// Where the step is among those of the run.
    pub index: usize,
    /// As planned; an element of a loop has its own name.
    pub step: PlannedStep,
    /// Its row, as it was before.
    pub row: Step,
    /// Where its files are.
    pub place: Place,
    /// The steps before it, near and far.
    pub after: BTreeSet<String>,
    /// Whether no step comes after it.
    pub last: bool,
    /// What its templates and its condition see.
    pub data: Map<String, Value>,
}

/// What a step's turn came to.
#[derive(Clone, Debug)]
pub enum Made {
    /// A try, recorded.
    Tried(Box<Recorded>),
    /// It waits for this, which is not a container.
    Waits(Value),
    /// Its condition is false.
    Skipped,
}

/// How a try ended, as recorded.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Where the step is among those of the run.
    pub index: usize,
    /// What was recorded.
    pub outcome: StepOutcome,
    /// Whether the run must end because of it, whatever else runs.
    pub fatal: Option<Failure>,
}

/// Looks at a step's condition, then makes one try of it and records how it ended, or records that it waits.
///
/// # Errors
/// When the run is not to be driven on: nothing was recorded then about the end of the try.
pub async fn make<E: Engine>(scope: &RunScope<E>, mut one: Try) -> Result<Made, Halt> {
    let number = one.row.tries + 1;
    let (worker, held) = (&scope.worker, &scope.held);
    // What runs in no container is recorded as it is rendered, or handed on to others: tokens stay tokens in it.
    let opened = match one.step.step_type.runs {
        Runs::Container => sealing::open(scope, &one.step.name, &one.data).await,
        Runs::Approval | Runs::Wait | Runs::Workflow | Runs::ResourceProvisioning => Ok(Opened::as_they_are(&one.data)),
    };
    let (opened, closed) = match opened {
        Ok(opened) => (opened, None),
        Err(setback) => (Opened::as_they_are(&one.data), Some(setback)),
    };
    let contract = Contract {
        config: &worker.config,
        renderer: &worker.renderer,
        provider: &scope.claimed.provider,
        data: &opened.values,
        named: &opened.secrets,
        mask: &scope.mask,
        sources: worker.seals.sources(),
    };
    let (pool, lease, id) = (worker.store.pool(), held.lease, one.row.id);
    let prepared = if let Some(setback) = closed {
        Err(setback)
    } else if one.step.when == When::Manual && !one.row.released {
        // Nobody is asked to start what would not run.
        contract.may_run(&one.step).await.map(|may| match may {
            true => Prepared::Waits(Box::new(waits::start())),
            false => Prepared::Skipped,
        })
    } else {
        contract.make_ready(&one.step).await
    };
    let ready = match prepared {
        Ok(Prepared::Container(ready)) => Ok(ready),
        Ok(Prepared::Skipped) => {
            let skipped = [(id, "its condition is false".to_owned())];
            held.write("skip", || lease::close_steps(pool, lease, StepStatus::Skipped, &skipped)).await?;
            return Ok(Made::Skipped);
        }
        Ok(Prepared::Waits(wait)) => {
            held.write("wait", || lease::step_waiting(pool, lease, id, &wait)).await?;
            return Ok(Made::Waits(wait.what));
        }
        Err(setback) => Err(setback),
    };
    let ready = match ready {
        Ok(ready) => image::choose(scope, &ready.image, number > 1 || one.row.attempts > 0)
            .await
            .map(|image| (ready, image))
            .map_err(container::Setback::from),
        Err(setback) => Err(setback),
    };
    let shown = ready.as_ref().map(|(_, image)| scope.mask.clean(&image.name)).unwrap_or_default();
    let image = match &ready {
        Ok((_, image)) => TriedImage { name: &shown, id: image.id.as_deref() },
        Err(_) => "".into(),
    };
    held.write("step start", || lease::step_started(pool, lease, id, number, image)).await?;
    one.row.tries = number;

    let began = tokio::time::Instant::now();
    let mut span = span_of(scope, &one, number);
    let mut log = scope.log.attempt(&one.step.name, number);
    let mut started = None;
    let result = match ready {
        Ok((ready, image)) => {
            if let Some(notice) = image.notice() {
                log.system(&notice).await;
            }
            let working = work::work(scope, &one, number, (&ready, &image), &mut log, &mut started);
            traces::scope(span.parent(), working).await
        }
        Err(container::Setback::Failed(failure)) => Ok(work::Came::failed(failure, true)),
        Err(container::Setback::Passing(message)) => Ok(work::Came::lost(message)),
        Err(container::Setback::Halt(halt)) => Err(halt),
    };
    // Ended or not, the container is not needed once the outcome is recorded, nor when nothing may be recorded.
    let recorded = match result {
        Ok(result) => record::record(scope, &one, number, result, log).await,
        Err(halt) => Err(halt),
    };
    if let Some(name) = started {
        finish_container(scope, &name, matches!(recorded, Err(Halt::Lost))).await;
    }
    if let Ok(recorded) = &recorded {
        conclude(&mut span, recorded.outcome.attempt);
        let labels = [("type", one.step.step_type.name.clone()), ("status", recorded.outcome.attempt.to_string())];
        metrics::counter!("slipway_steps_finished_total", &labels).increment(1);
        metrics::histogram!("slipway_step_seconds", "type" => one.step.step_type.name.clone())
            .record(began.elapsed().as_secs_f64());
        let usable = recorded.outcome.attempt == AttemptStatus::Completed;
        if one.place == Place::Shared && !usable {
            scope.workspace.distrust().await;
        }
    }
    Ok(Made::Tried(Box::new(recorded?)))
}

/// The span of one try, in the words of the conventions for CI/CD.
fn span_of<E: Engine>(scope: &RunScope<E>, one: &Try, number: i16) -> Span {
    let mut span = scope.worker.traces.begin(one.step.name.clone(), Role::Part, traces::current());
    span.set("cicd.pipeline.task.name", one.step.name.clone());
    span.set("cicd.pipeline.task.run.id", format!("{}/{}/{number}", scope.held.lease.run_id, one.step.name));
    span.set("cicd.pipeline.run.id", scope.held.lease.run_id.to_string());
    span.set("slipway.step.type", one.step.step_type.name.clone());
    span.set("slipway.attempt", i64::from(number));
    span
}

fn conclude(span: &mut Span, attempt: AttemptStatus) {
    let result = match attempt {
        AttemptStatus::Completed => "success",
        AttemptStatus::Cancelled => "cancellation",
        AttemptStatus::Running | AttemptStatus::Failed => "failure",
        AttemptStatus::Lost => "error",
    };
    span.set("cicd.pipeline.task.run.result", result);
    if result == "failure" || result == "error" {
        span.fail(attempt.as_str(), "the try did not succeed");
    }
}

/// Removes a container whose try is over. On failure the janitor does it.
async fn finish_container<E: Engine>(scope: &RunScope<E>, name: &str, lost: bool) {
    if lost && let Err(error) = scope.worker.engine.stop(name, Duration::ZERO).await {
        tracing::warn!(container = name, %error, "a container without a lease could not be stopped");
    }
    if let Err(error) = scope.worker.engine.remove(name).await {
        tracing::warn!(container = name, %error, "a container stays for the janitor");
    }
    scope.held.unwatch(name);
}

/// Whether an engine's refusal says nothing about the step.
#[must_use]
pub fn is_passing(error: &EngineError) -> bool {
    match error {
        EngineError::Unavailable(_) | EngineError::Conflict(_) => true,
        EngineError::Image { .. } | EngineError::Refused(_) | EngineError::TooLarge(_) => false,
    }
}
