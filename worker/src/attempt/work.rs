//! A try's container, from its turn to what it gave back.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};
use shared::{
    domain::{run::error_code, step::AttemptStatus},
    secrets::token,
    store::lease,
};

use super::{
    RunScope, Try,
    derive::{self, Derived},
    image::Chosen,
};
use crate::{
    container::{self, Ended, Limits, Started},
    contract::{Failure, Ready},
    engine::Engine,
    held::Halt,
    kept::{Begun, Kept},
    logs::AttemptLog,
    run_services::Services,
    workspace::Checkpoint,
};

/// What came of a try, before it is recorded.
pub(super) struct Came {
    pub(super) attempt: AttemptStatus,
    pub(super) exit_code: Option<i64>,
    pub(super) oom_killed: bool,
    pub(super) error: Option<(String, String)>,
    pub(super) outputs: Map<String, Value>,
    pub(super) sensitive: Vec<String>,
    pub(super) variables: Map<String, Value>,
    pub(super) checkpoint: Option<Checkpoint>,
    /// No further try would help.
    pub(super) hopeless: bool,
    pub(super) fatal: Option<Failure>,
    pub(super) last_line: Option<String>,
}

impl Came {
    pub(super) fn failed(failure: Failure, hopeless: bool) -> Self {
        let fatal = (failure.code == error_code::STATE_UNCERTAIN).then(|| failure.clone());
        Self {
            attempt: AttemptStatus::Failed,
            exit_code: None,
            oom_killed: false,
            error: Some((failure.code.to_owned(), failure.message)),
            outputs: Map::new(),
            sensitive: Vec::new(),
            variables: Map::new(),
            checkpoint: None,
            hopeless,
            fatal,
            last_line: None,
        }
    }

    pub(super) fn lost(message: String) -> Self {
        Self { attempt: AttemptStatus::Lost, ..Self::failed(Failure { code: "EngineFailed", message }, false) }
    }
}

/// Runs the container and takes what it gives back.
pub(super) async fn work<E: Engine>(
    scope: &RunScope<E>,
    one: &Try,
    number: i16,
    (ready, image): (&Ready, &Chosen),
    log: &mut AttemptLog,
    started: &mut Option<String>,
) -> Result<Came, Halt> {
    // Called off while it waits for its turn, it goes on and is stopped like any other.
    let _turn = tokio::select! {
        turn = scope.worker.containers.acquire() => turn.ok(),
        () = scope.held.lost.cancelled() => None,
        () = scope.held.cancelled.cancelled(), if !one.step.finally => None,
        () = scope.stop.cancelled() => None,
        () = tokio::time::sleep_until(scope.deadline(one.step.finally)) => None,
    };
    let mut kept = None;
    let mut state_file = None;
    if let (Some(state), Some(resource)) = (&one.step.step_type.state, scope.claimed.resource_id) {
        match Kept::begin(&scope.worker, Arc::clone(&scope.held), &scope.claimed, resource, &state.path).await? {
            Begun::Sealed(error) => {
                return match container::Setback::from(error) {
                    container::Setback::Passing(message) => Ok(Came::lost(message)),
                    container::Setback::Failed(failure) => Ok(Came::failed(failure, true)),
                    container::Setback::Halt(halt) => Err(halt),
                };
            }
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
    let services = match Services::need(scope, &one.step.services, one.step.finally, log).await {
        Ok(services) => services,
        Err(container::Setback::Halt(halt)) => return Err(halt),
        // The next try starts it anew.
        Err(container::Setback::Failed(failure)) => {
            let hopeless = failure.code != error_code::SERVICE_FAILED;
            return Ok(Came::failed(failure, hopeless));
        }
        Err(container::Setback::Passing(message)) => return Ok(Came::lost(message)),
    };
    let Started { name, output } = match container::start(scope, one, number, (ready, image), state_file, started).await
    {
        Ok(begun) => begun,
        Err(container::Setback::Halt(halt)) => return Err(halt),
        Err(container::Setback::Failed(failure)) => return Ok(Came::failed(failure, true)),
        Err(container::Setback::Passing(message)) => return Ok(Came::lost(message)),
    };
    log.begun(one.row.id).await;
    let limits = Limits {
        timeout: Duration::from_secs(one.step.timeout_s.into()),
        grace: Duration::from_secs(one.step.step_type.grace_s.into()),
        finally: one.step.finally,
    };
    let Ended { exit, stopped, printed, last_line, state_unread } =
        match container::follow(scope, &name, output, limits, log, kept.as_deref_mut(), &services).await {
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
            result.exit_code = None;
            fail(&mut result, error_code::TIMED_OUT, format!("it took longer than {} s", one.step.timeout_s));
            return Ok(result);
        }
        Some(container::Stop::RunTimedOut) => {
            result.hopeless = true;
            fail(&mut result, error_code::TIMED_OUT, "the run took longer than it may".to_owned());
            return Ok(result);
        }
        Some(container::Stop::Service(service, death)) => {
            let message = format!("service {service} {death}");
            if death.is_infrastructure() {
                return Ok(Came { last_line: result.last_line, ..Came::lost(message) });
            }
            result.exit_code = None;
            fail(&mut result, error_code::SERVICE_FAILED, message);
            return Ok(result);
        }
        None => {}
    }
    if exit.disk_full {
        let limit = scope.worker.config.worker.max_workspace_bytes;
        result.hopeless = true;
        let message = format!(
            "its workspace grew beyond {limit} bytes (worker.max_workspace_bytes) while it ran, so it was ended"
        );
        fail(&mut result, error_code::WORKSPACE_FULL, message);
        return Ok(result);
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
    match outputs(scope, one, &name, printed).await {
        Ok(Derived { outputs, sensitive, variables }) => {
            (result.outputs, result.sensitive, result.variables) = (outputs, sensitive, variables);
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

/// What the step gave back, what it makes of it, and which of it is secret.
async fn outputs<E: Engine>(
    scope: &RunScope<E>,
    one: &Try,
    name: &str,
    printed: crate::outputs::Printed,
) -> Result<Derived, container::Setback> {
    let mut given = container::outputs(scope, name, &one.step, printed).await?;
    // A container is given values, never tokens: what looks like one is not to be opened later.
    given.values.values_mut().for_each(token::defuse);
    let mut sensitive: Vec<String> = one.step.sensitive.iter().cloned().chain(given.sensitive).collect();
    for value in sensitive.iter().filter_map(|secret| given.values.get(secret)) {
        scope.mask.add_value(value);
    }
    sensitive.sort_unstable();
    sensitive.dedup();
    let given = Derived { outputs: given.values, sensitive, variables: Map::new() };
    derive::derive(scope, (one.row.id, &one.step), &one.data, given).await
}
