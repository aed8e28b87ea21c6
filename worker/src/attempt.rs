//! One try of one step: from its templates to its recorded outcome.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::{Map, Value};
use shared::{
    domain::{
        plan::PlannedStep,
        run::error_code,
        step::{AttemptStatus, StepStatus},
    },
    store::{
        lease::{self, StepOutcome},
        step::Step,
    },
};

use tokio_util::sync::CancellationToken;

use crate::{
    container::{self, Ended, Limits, Started},
    context::Context,
    contract::{Contract, Failure, Ready},
    engine::{Engine, EngineError},
    held::{Halt, Held},
    kept::{Begun, Kept},
    logs::RunLog,
    mask::Mask,
    retry,
    workspace::{Checkpoint, Place, Workspace},
};

/// Tries of one step that engines and workers may take away before the step fails.
const MOST_LOST: i16 = 50;

/// Seconds before a try that follows on a lost one.
fn lost_wait(lost: i16) -> f64 {
    (0.25 * 2f64.powi(i32::from(lost.clamp(1, 8)) - 1)).min(15.0)
}

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
    /// When it must be over.
    pub deadline: tokio::time::Instant,
    /// Cancelled when what runs of it must stop, to be handed back.
    pub stop: CancellationToken,
}

/// What a try is given.
#[derive(Clone, Debug)]
pub struct Try {
    /// Where the step is in the plan.
    pub index: usize,
    /// As planned.
    pub step: PlannedStep,
    /// Its row, as it was before.
    pub row: Step,
    /// Where its files are.
    pub place: Place,
    /// The steps before it, near and far.
    pub after: BTreeSet<String>,
    /// Whether no step comes after it.
    pub last: bool,
    /// `.parameters`, `.steps` and `.settings`.
    pub data: Map<String, Value>,
}

/// How a try ended, as recorded.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Where the step is in the plan.
    pub index: usize,
    /// What was recorded.
    pub outcome: StepOutcome,
    /// Whether the run must end because of it, whatever else runs.
    pub fatal: Option<Failure>,
    /// Whether its time or the run's was up.
    pub timed_out: bool,
}

/// What came of a try, before it is recorded.
struct Came {
    attempt: AttemptStatus,
    exit_code: Option<i64>,
    oom_killed: bool,
    error: Option<(String, String)>,
    outputs: Map<String, Value>,
    sensitive: Vec<String>,
    checkpoint: Option<Checkpoint>,
    /// No further try would help.
    hopeless: bool,
    fatal: Option<Failure>,
    timed_out: bool,
    last_line: Option<String>,
}

impl Came {
    fn failed(failure: Failure, hopeless: bool) -> Self {
        let fatal = (failure.code == error_code::STATE_UNCERTAIN).then(|| failure.clone());
        Self {
            attempt: AttemptStatus::Failed,
            exit_code: None,
            oom_killed: false,
            error: Some((failure.code.to_owned(), failure.message)),
            outputs: Map::new(),
            sensitive: Vec::new(),
            checkpoint: None,
            hopeless,
            fatal,
            timed_out: false,
            last_line: None,
        }
    }

    fn lost(message: String) -> Self {
        Self { attempt: AttemptStatus::Lost, ..Self::failed(Failure { code: "EngineFailed", message }, false) }
    }
}

/// Makes one try of a step and records how it ended.
///
/// # Errors
/// When the run is not to be driven on: nothing was recorded then about the end of the try.
pub async fn make<E: Engine>(scope: &RunScope<E>, mut one: Try) -> Result<Recorded, Halt> {
    let number = one.row.tries + 1;
    let (worker, held) = (&scope.worker, &scope.held);
    let contract = Contract {
        config: &worker.config,
        renderer: &worker.renderer,
        provider: &scope.claimed.provider,
        data: &one.data,
        mask: &scope.mask,
    };
    let ready = contract.make_ready(&one.step).await;
    let image = ready.as_ref().map_or("", |ready| ready.image.as_str());
    let (pool, lease, id) = (worker.store.pool(), held.lease, one.row.id);
    held.write("step start", || lease::step_started(pool, lease, id, number, image)).await?;
    one.row.tries = number;

    let began = tokio::time::Instant::now();
    let mut log = scope.log.attempt(&one.step.name, number);
    let mut started = None;
    let result = match ready {
        Ok(ready) => work(scope, &one, number, &ready, &mut log, &mut started).await,
        Err(container::Setback::Failed(failure)) => Ok(Came::failed(failure, true)),
        Err(container::Setback::Passing(message)) => Ok(Came::lost(message)),
        Err(container::Setback::Halt(halt)) => Err(halt),
    };
    // Ended or not, the container is not needed once the outcome is recorded, nor when nothing may be recorded.
    let recorded = match result {
        Ok(result) => record(scope, &one, number, result, log).await,
        Err(halt) => Err(halt),
    };
    if let Some(name) = started {
        finish_container(scope, &name, matches!(recorded, Err(Halt::Lost))).await;
    }
    if let Ok(recorded) = &recorded {
        let labels = [("type", one.step.step_type.name.clone()), ("status", recorded.outcome.attempt.to_string())];
        metrics::counter!("slipway_steps_finished_total", &labels).increment(1);
        metrics::histogram!("slipway_step_seconds", "type" => one.step.step_type.name.clone())
            .record(began.elapsed().as_secs_f64());
        let usable = recorded.outcome.attempt == AttemptStatus::Completed;
        if one.place == Place::Shared && !usable {
            scope.workspace.distrust().await;
        }
    }
    recorded
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

/// Runs the container and takes what it gives back.
async fn work<E: Engine>(
    scope: &RunScope<E>,
    one: &Try,
    number: i16,
    ready: &Ready,
    log: &mut crate::logs::AttemptLog,
    started: &mut Option<String>,
) -> Result<Came, Halt> {
    // Called off while it waits for its turn, it goes on and is stopped like any other.
    let _turn = tokio::select! {
        turn = scope.worker.containers.acquire() => turn.ok(),
        () = scope.held.lost.cancelled() => None,
        () = scope.held.cancelled.cancelled() => None,
        () = scope.stop.cancelled() => None,
        () = tokio::time::sleep_until(scope.deadline) => None,
    };
    let mut kept = None;
    let mut state_file = None;
    if let (Some(state), Some(resource)) = (&one.step.step_type.state, scope.claimed.resource_id) {
        match Kept::begin(scope.worker.store.clone(), Arc::clone(&scope.held), scope.claimed.root_run_id, resource, &state.path).await? {
            Begun::Ready(begun, content) => {
                kept = Some(begun);
                state_file = content.map(|content| (state.path.clone(), content));
            }
            Begun::Uncertain => return Ok(Came::failed(crate::rescue::uncertain(resource), true)),
            Begun::Locked(who) => {
                let message =
                    format!("the state of resource {resource} is locked: {who}; unlock it, or try again later");
                return Ok(Came::failed(Failure { code: error_code::STEP_FAILED, message }, false));
            }
        }
    }
    let Started { name, output } = match container::start(scope, one, number, ready, state_file, started).await {
        Ok(begun) => begun,
        Err(container::Setback::Halt(halt)) => return Err(halt),
        Err(container::Setback::Failed(failure)) => return Ok(Came::failed(failure, true)),
        Err(container::Setback::Passing(message)) => return Ok(Came::lost(message)),
    };
    let limits = Limits {
        timeout: Duration::from_secs(one.step.timeout_s.into()),
        grace: Duration::from_secs(one.step.step_type.grace_s.into()),
    };
    let Ended { exit, stopped, printed, last_line, state_unread } =
        match container::follow(scope, &name, output, limits, log, kept.as_deref_mut()).await {
            Ok(ended) => ended,
            Err(container::Setback::Halt(halt)) => return Err(halt),
            Err(container::Setback::Failed(failure)) => return Ok(Came::failed(failure, false)),
            Err(container::Setback::Passing(message)) => return Ok(Came::lost(message)),
        };
    if let Some(why) = state_unread
        && let Some(resource) = scope.claimed.resource_id
    {
        let (pool, lease) = (scope.worker.store.pool(), scope.held.lease);
        scope.held.write("state", || lease::mark_state_uncertain(pool, lease, resource)).await?;
        tracing::warn!(run.id = %lease.run_id, step.name = %one.step.name, %why, "the last state could not be read");
        return Ok(Came::failed(crate::rescue::uncertain(resource), true));
    }
    let mut result = Came {
        attempt: AttemptStatus::Completed,
        exit_code: Some(exit.code),
        oom_killed: exit.oom_killed,
        error: None,
        last_line,
        ..Came::failed(Failure::plan(""), false)
    };
    let fail = |result: &mut Came, code: &str, message: String| {
        result.attempt = AttemptStatus::Failed;
        result.error = Some((code.to_owned(), message));
    };
    match stopped {
        Some(container::Stop::Cancelled) => {
            result.attempt = AttemptStatus::Cancelled;
            return Ok(result);
        }
        Some(container::Stop::HandBack) => {
            // Recorded as ours to give back: whoever takes the run next knows that nothing was left behind.
            result.attempt = AttemptStatus::Lost;
            result.checkpoint = None;
            result.error = Some(("HandedBack".to_owned(), "the worker stopped".to_owned()));
            return Ok(result);
        }
        Some(container::Stop::TimedOut) => {
            result.timed_out = true;
            result.exit_code = None;
            fail(&mut result, error_code::TIMED_OUT, format!("it took longer than {} s", one.step.timeout_s));
            return Ok(result);
        }
        Some(container::Stop::RunTimedOut) => {
            result.timed_out = true;
            result.hopeless = true;
            fail(&mut result, error_code::TIMED_OUT, "the run took longer than it may".to_owned());
            return Ok(result);
        }
        None => {}
    }
    if exit.infrastructure {
        return Ok(Came { last_line: result.last_line, ..Came::lost("the engine ended the container".to_owned()) });
    }
    if exit.code != 0 {
        let memory = if exit.oom_killed { "; it ran out of memory" } else { "" };
        let said = result.last_line.as_deref().map(|line| format!(": {line}")).unwrap_or_default();
        let message = format!("exit code {}{memory}{said}", exit.code);
        fail(&mut result, error_code::STEP_FAILED, message);
        return Ok(result);
    }
    match container::outputs(scope, &name, &one.step, printed).await {
        Ok(outputs) => {
            result.outputs = outputs.values;
            result.sensitive = one.step.sensitive.iter().cloned().chain(outputs.sensitive).collect();
            result.sensitive.sort_unstable();
            result.sensitive.dedup();
            for value in result.sensitive.iter().filter_map(|secret| result.outputs.get(secret)) {
                scope.mask.add_value(value);
            }
        }
        Err(container::Setback::Halt(halt)) => return Err(halt),
        Err(container::Setback::Failed(failure)) => return Ok(Came::failed(failure, false)),
        Err(container::Setback::Passing(message)) => return Ok(Came::lost(message)),
    }
    if !one.last {
        match container::save(scope, &name, one, number).await {
            Ok(checkpoint) => result.checkpoint = checkpoint,
            Err(container::Setback::Halt(halt)) => return Err(halt),
            Err(container::Setback::Failed(failure)) => return Ok(Came::failed(failure, true)),
            Err(container::Setback::Passing(message)) => return Ok(Came::lost(message)),
        }
    }
    Ok(result)
}

/// Seals the log, then records what came of the try and what the step becomes by it.
async fn record<E: Engine>(
    scope: &RunScope<E>,
    one: &Try,
    number: i16,
    result: Came,
    mut log: crate::logs::AttemptLog,
) -> Result<Recorded, Halt> {
    let attempts = u16::try_from(one.row.attempts).unwrap_or(0) + 1;
    let policy = &one.step.retry;
    let (step, retry_in_s) = match result.attempt {
        AttemptStatus::Completed => (StepStatus::Completed, None),
        AttemptStatus::Cancelled => (StepStatus::Cancelled, None),
        AttemptStatus::Failed if !result.hopeless && retry::another(policy, attempts, result.exit_code) => {
            (StepStatus::Pending, Some(retry::backoff(policy, attempts).as_secs_f64()))
        }
        AttemptStatus::Failed => (StepStatus::Failed, None),
        // Not the step's doing, but a step may be what brings engines down: bounded, if far more generously.
        AttemptStatus::Lost | AttemptStatus::Running if number - one.row.attempts >= MOST_LOST => {
            (StepStatus::Failed, None)
        }
        AttemptStatus::Lost | AttemptStatus::Running => {
            (StepStatus::Pending, Some(lost_wait(number - one.row.attempts)))
        }
    };
    let error = result.error.map(|(code, message)| (code, scope.mask.clean(&message)));
    if let Some((_, message)) = &error {
        let next = retry_in_s
            .filter(|wait| *wait > 0.0)
            .map(|wait| format!("; another try in {wait:.1} s"))
            .unwrap_or_default();
        log.system(&format!("{message}{next}")).await;
    }
    let outcome = StepOutcome {
        attempt: result.attempt,
        step,
        retry_in_s,
        exit_code: result.exit_code.and_then(|code| i32::try_from(code).ok()),
        oom_killed: result.oom_killed,
        error,
        outputs: result.outputs,
        sensitive: result.sensitive,
        variables: Map::new(),
        checkpoint: result.checkpoint.as_ref().and_then(|checkpoint| serde_json::to_value(checkpoint).ok()),
        shared_workspace: one.place == Place::Shared,
    };
    let outcome = log.close(one.row.id, outcome).await?;
    if let Some(checkpoint) = result.checkpoint {
        match one.place {
            Place::Shared => scope.workspace.recorded(checkpoint).await,
            Place::Beside => scope.workspace.add_beside(&one.step.name, checkpoint).await,
            Place::Own => {}
        }
    }
    Ok(Recorded { index: one.index, outcome, fatal: result.fatal, timed_out: result.timed_out })
}

/// Whether an engine's refusal says nothing about the step.
#[must_use]
pub fn is_passing(error: &EngineError) -> bool {
    match error {
        EngineError::Unavailable(_) | EngineError::Conflict(_) => true,
        EngineError::Image { .. } | EngineError::Refused(_) | EngineError::TooLarge(_) => false,
    }
}
