//! Loops, whose elements run as steps of their own: when they are over, and what they give.

use serde_json::{Map, Value};
use shared::{
    domain::{run::error_code, step::StepStatus},
    store::lease::{self, LoopOutcome},
};

use super::course::Course;
use crate::{allowance::size, contract::Failure, engine::Engine, held::Halt};

/// Bytes that the outputs of all elements of a loop may have together.
const LIMIT: usize = 1024 * 1024;

impl<E: Engine> Course<'_, E> {
    /// Ends every loop whose elements are all over.
    pub(super) async fn end_loops(&mut self) -> Result<(), Halt> {
        for at in 0..self.plan.steps.len() {
            let index = self.rows.main(at);
            let elements = self.rows.elements(at);
            let over = |&element: &usize| self.rows.row(element).status().is_final();
            if elements.is_empty() || !self.rows.row(index).is_pending() || !elements.iter().all(over) {
                continue;
            }
            let statuses: Vec<StepStatus> = elements.iter().map(|&element| self.rows.row(element).status()).collect();
            let closed = if statuses.contains(&StepStatus::Cancelled) {
                Some((StepStatus::Cancelled, "its elements were cancelled"))
            } else if statuses.iter().all(|status| *status == StepStatus::Skipped) {
                Some((StepStatus::Skipped, "its condition is false for every element"))
            } else {
                None
            };
            match closed {
                Some((status, why)) => self.close(status, vec![(index, why.to_owned())]).await?,
                None => self.end_loop(at, index).await?,
            }
        }
        Ok(())
    }

    async fn end_loop(&mut self, at: usize, index: usize) -> Result<(), Halt> {
        let outcome = self.outcome_of(at);
        let (pool, lease) = (self.scope.worker.store.pool(), self.scope.held.lease);
        let id = self.rows.row(index).step.id;
        self.scope.held.write("loop outcome", || lease::loop_finished(pool, lease, id, &outcome)).await?;
        let LoopOutcome { status, error, outputs, sensitive } = outcome;
        let step = &mut self.rows.row_mut(index).step;
        step.status = status;
        (step.error_code, step.error_message) = error.unzip();
        (step.outputs, step.sensitive_outputs) = (Value::Object(outputs), sensitive);
        if status == StepStatus::Failed {
            self.note_failure(index);
        }
        Ok(())
    }

    fn outcome_of(&self, at: usize) -> LoopOutcome {
        let elements: Vec<_> = self.rows.elements(at).iter().map(|&element| &self.rows.row(element).step).collect();
        let failed = |error: (String, String)| LoopOutcome {
            status: StepStatus::Failed,
            error: Some(error),
            outputs: Map::new(),
            sensitive: Vec::new(),
        };
        let broken: Vec<_> = elements.iter().filter(|step| step.status == StepStatus::Failed).collect();
        if let Some(first) = broken.first()
            && !self.plan.steps[at].continue_on_error
        {
            let why = first.error_message.as_deref().unwrap_or_default();
            let number = first.item_index.unwrap_or_default();
            let of = format!("{} of {} elements failed", broken.len(), elements.len());
            let code = first.error_code.clone().unwrap_or_else(|| error_code::STEP_FAILED.to_owned());
            return failed((code, format!("{of}; number {number}: {why}")));
        }
        let items: Vec<Value> = elements.iter().map(|step| step.outputs.clone()).collect();
        let items = Value::Array(items);
        let bytes = size(&items);
        if bytes > LIMIT {
            let message = format!("the outputs of its elements have more than {LIMIT} bytes together");
            return failed((error_code::STEP_FAILED.to_owned(), message));
        }
        let id = self.rows.row(self.rows.main(at)).step.id;
        if let Err(Failure { code, message }) = self.scope.allowance.take(id, bytes) {
            return failed((code.to_owned(), message));
        }
        let secret = elements.iter().any(|step| !step.sensitive_outputs.is_empty());
        LoopOutcome {
            status: StepStatus::Completed,
            error: None,
            outputs: Map::from_iter([("items".to_owned(), items)]),
            sensitive: if secret { vec!["items".to_owned()] } else { Vec::new() },
        }
    }
}
