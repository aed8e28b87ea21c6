//! What a worker does first with a run that another one, or an earlier life of itself, drove before.

use std::{sync::Arc, time::Duration};

use shared::{
    domain::{ids::ResourceId, plan::Plan, run::error_code},
    store::lease,
};

use crate::{
    attempt::RunScope,
    contract::Failure,
    engine::{Engine, EngineError, Found, Role},
    held::Halt,
    kept::{self, Kept},
    retry::Pause,
};

/// The message for a resource whose state may be newer than the stored one.
#[must_use]
pub fn uncertain(resource: ResourceId) -> Failure {
    let message = format!(
        "the state of resource {resource} may be older than what exists: the host that last changed it is gone. \
         Compare what exists with the stored state, write the right one through the state protocol \
         (/api/resources/{resource}/state), and retry the run"
    );
    Failure { code: error_code::STATE_UNCERTAIN, message }
}

/// Ends what is left of the run on this engine, saving first the state that steps keep. Gives a reason to fail the run
/// when such a state may be on an engine that this worker cannot look into.
///
/// # Errors
/// When the lease is lost, or the engine keeps failing.
pub async fn take_over<E: Engine>(scope: &RunScope<E>, plan: &Plan) -> Result<Option<Failure>, Halt> {
    let (worker, held) = (&scope.worker, &scope.held);
    let lease = held.lease;
    let instance = &worker.config.instance.0;
    let old: Vec<Found> = patiently(scope, || worker.engine.list(instance))
        .await?
        .into_iter()
        .filter(|found| found.owner.run_id == lease.run_id && found.owner.fence < lease.fence)
        .collect();
    let keeps =
        |name: &str| plan.steps.iter().find(|step| step.name == name).filter(|step| step.step_type.state.is_some());
    if let Some(resource) = scope.claimed.resource_id {
        let pool = worker.store.pool();
        let abandoned = held.attempt(|| lease::abandoned(pool, lease)).await?;
        for lost in abandoned.iter().filter(|lost| keeps(&lost.step).is_some()) {
            let here = old.iter().any(|found| found.owner.step == lost.step);
            let same_engine = lost.engine.as_deref() == Some(worker.engine_id.as_str());
            if !here && !same_engine {
                held.write("state", || lease::mark_state_uncertain(pool, lease, resource)).await?;
                return Ok(Some(uncertain(resource)));
            }
        }
        let key = kept::key(worker, held, &scope.claimed).await.map_err(|error| Halt::Unfit(error.to_string()))?;
        for found in &old {
            let Some(step) = keeps(&found.owner.step).filter(|_| found.owner.role == Role::Step) else { continue };
            let Some(state) = &step.step_type.state else { continue };
            // SIGTERM with the step type's grace: it may be in the middle of a call that it must not lose.
            let grace = Duration::from_secs(step.step_type.grace_s.into());
            patiently(scope, || worker.engine.stop(&found.name, grace)).await?;
            let mut kept = Kept::of_earlier(worker.store.clone(), Arc::clone(held), resource, &state.path, key.clone());
            // The lock is this run's still, or nobody's; a person's makes the write stale, and the run is handed on.
            let _ = held.attempt(|| lease::lock_state(pool, lease, resource)).await?;
            let mut pause = Pause::up_to(Duration::from_secs(2));
            for tried in 1.. {
                match kept.send(&*worker.engine, &found.name).await? {
                    Ok(()) => break,
                    Err(_) if tried < 5 => pause.wait().await,
                    Err(error) => return Err(Halt::Unfit(error.to_string())),
                }
            }
        }
    }
    patiently(scope, || worker.engine.sweep(instance, lease.run_id, lease.fence)).await?;
    Ok(None)
}

/// Asks the engine a few times before the run is given to another worker.
async fn patiently<E: Engine, T, F>(scope: &RunScope<E>, call: impl Fn() -> F) -> Result<T, Halt>
where
    F: Future<Output = Result<T, EngineError>> + Send,
{
    let mut pause = Pause::up_to(Duration::from_secs(2));
    for tried in 1.. {
        if scope.held.lost.is_cancelled() {
            break;
        }
        match call().await {
            Ok(answer) => return Ok(answer),
            Err(error) if tried >= 6 => return Err(Halt::Unfit(error.to_string())),
            Err(_) => pause.wait().await,
        }
    }
    Err(Halt::Lost)
}
