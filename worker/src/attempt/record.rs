//! How a try ends in the rows.

use shared::{
    domain::step::{AttemptStatus, StepStatus},
    store::lease::StepOutcome,
};

use super::{Recorded, RunScope, Try, work::Came};
use crate::{engine::Engine, held::Halt, logs::AttemptLog, retry, workspace::Place};

/// Tries of one step that engines and workers may take away before the step fails.
const MOST_LOST: i16 = 50;

/// Seconds before a try that follows on a lost one.
fn lost_wait(lost: i16) -> f64 {
    (0.25 * 2f64.powi(i32::from(lost.clamp(1, 8)) - 1)).min(15.0)
}

/// Records what came of the try and what the step becomes by it, and closes its log.
pub(super) async fn record<E: Engine>(
    scope: &RunScope<E>,
    one: &Try,
    number: i16,
    result: Came,
    mut log: AttemptLog,
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
        variables: result.variables,
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
    Ok(Recorded { index: one.index, outcome, fatal: result.fatal })
}
