//! What came of a task is taken in: the row is as was recorded, and failures are counted.

use std::time::Duration;

use serde_json::Value;
use shared::domain::step::{AttemptStatus, StepStatus};
use tokio::time::Instant;

use super::{
    course::{Course, Ending},
    tasks::{Came, Done},
};
use crate::{
    attempt::{Made, Recorded},
    engine::Engine,
    held::Halt,
};

/// Tries that the engine may take from one worker before the run goes to another.
const UNFIT_AFTER: u32 = 5;
/// Before a task that this worker could not do is done again.
const PASSING: Duration = Duration::from_secs(1);

impl<E: Engine> Course<'_, E> {
    /// Takes in what came of a task.
    pub(super) fn take(&mut self, done: Done) -> Result<(), Halt> {
        let Done { index, came } = done;
        self.rows.row_mut(index).busy = false;
        match came {
            Came::Made(Made::Tried(recorded)) => return self.take_try(*recorded),
            Came::Made(Made::Skipped) => self.rows.row_mut(index).step.status = StepStatus::Skipped,
            Came::Made(Made::Waits(what)) => {
                let step = &mut self.rows.row_mut(index).step;
                (step.status, step.wait) = (StepStatus::Waiting, Some(what));
            }
            Came::Written => self.stale = true,
            Came::Derived(derived) => {
                let step = &mut self.rows.row_mut(index).step;
                step.outputs = Value::Object(derived.outputs);
                step.variables = Value::Object(derived.variables);
                step.sensitive_outputs = derived.sensitive;
                if let Some(Value::Object(wait)) = &mut step.wait {
                    wait.insert("derived".to_owned(), Value::Bool(true));
                }
            }
            Came::Broken(failure) => {
                self.ending.get_or_insert(Ending::Fatal(failure));
            }
            Came::Passing(why) => {
                self.rows.row_mut(index).due = Instant::now() + PASSING;
                return self.count_engine_failure(why);
            }
        }
        Ok(())
    }

    fn take_try(&mut self, recorded: Recorded) -> Result<(), Halt> {
        let Recorded { index, outcome, fatal } = recorded;
        let row = self.rows.row_mut(index);
        row.step.status = outcome.step;
        row.step.tries += 1;
        if matches!(outcome.attempt, AttemptStatus::Completed | AttemptStatus::Failed) {
            row.step.attempts += 1;
        }
        let wait = outcome.retry_in_s.and_then(|wait| Duration::try_from_secs_f64(wait).ok()).unwrap_or_default();
        row.due = Instant::now() + wait;
        (row.step.error_code, row.step.error_message) = outcome.error.clone().unzip();
        if outcome.step == StepStatus::Completed {
            row.step.outputs = Value::Object(outcome.outputs);
            row.step.sensitive_outputs = outcome.sensitive;
            row.step.variables = Value::Object(outcome.variables);
        }
        if outcome.step == StepStatus::Failed {
            self.note_failure(index);
        }
        if let Some(failure) = fatal {
            self.ending.get_or_insert(Ending::Fatal(failure));
        }
        if outcome.attempt == AttemptStatus::Lost {
            if self.scope.stop.is_cancelled() {
                return Err(Halt::HandBack);
            }
            return self.count_engine_failure(outcome.error.map(|(_, why)| why).unwrap_or_default());
        }
        Ok(())
    }

    fn count_engine_failure(&mut self, why: String) -> Result<(), Halt> {
        self.engine_failures += 1;
        if self.engine_failures >= UNFIT_AFTER { Err(Halt::Unfit(why)) } else { Ok(()) }
    }
}
