//! How much the steps of a run may leave for each other: whoever drives the run has all of it in memory.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::Serialize;
use shared::domain::{ids::StepId, run::error_code};

use crate::contract::Failure;

/// Bytes that the outputs, variables and elements of all steps of a run may have together, written as JSON.
pub const LIMIT: usize = 8 * 1024 * 1024;

/// What of a step is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// What it gave back, and the variables it set.
    Left,
    /// The element of a loop that it is for.
    Item,
}

/// What the steps of one run have left so far.
#[derive(Debug, Default)]
pub struct Allowance(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    bytes: HashMap<(StepId, Part), usize>,
    total: usize,
}

impl Taken {
    fn set(&mut self, of: (StepId, Part), bytes: usize) {
        let before = self.bytes.insert(of, bytes).unwrap_or_default();
        self.total = (self.total - before).saturating_add(bytes);
    }
}

impl Allowance {
    /// Takes room for what a step is about to leave, in place of what it left before.
    ///
    /// # Errors
    /// When all steps together would leave too much; nothing is taken then.
    pub fn take(&self, step: StepId, bytes: usize) -> Result<(), Failure> {
        let mut taken = self.taken();
        let before = taken.bytes.get(&(step, Part::Left)).copied().unwrap_or_default();
        if (taken.total - before).saturating_add(bytes) > LIMIT {
            return Err(too_much());
        }
        taken.set((step, Part::Left), bytes);
        Ok(())
    }

    /// Whether there is room for what will be counted later.
    ///
    /// # Errors
    /// When there is not.
    pub fn has_room(&self, bytes: usize) -> Result<(), Failure> {
        if self.taken().total.saturating_add(bytes) > LIMIT { Err(too_much()) } else { Ok(()) }
    }

    /// Counts what is recorded of a step.
    pub fn count(&self, step: StepId, part: Part, bytes: usize) {
        self.taken().set((step, part), bytes);
    }

    /// Why the run cannot go on with what is recorded of it.
    #[must_use]
    pub fn exceeded(&self) -> Option<Failure> {
        (self.taken().total > LIMIT).then(too_much)
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_much() -> Failure {
    let message = format!(
        "what the run's steps give back, set as variables and loop over has more than {LIMIT} bytes together; leave large \
         things in the workspace, and give back where they are"
    );
    Failure { code: error_code::STEP_FAILED, message }
}

/// Bytes of what a step leaves; nothing is nothing.
pub fn left(outputs: &impl Serialize, variables: &impl Serialize) -> usize {
    const EMPTY: usize = "{}".len();
    [size(outputs), size(variables)].into_iter().filter(|bytes| *bytes > EMPTY).fold(0, usize::saturating_add)
}

/// Bytes of a value written as JSON.
pub fn size(value: &impl Serialize) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value).map_or(usize::MAX, |()| count.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_step_that_is_tried_again_takes_the_place_of_what_it_left() {
        let (allowance, one, other) = (Allowance::default(), StepId::new(), StepId::new());
        for _ in 0..3 {
            allowance.take(one, LIMIT - 10).unwrap();
        }
        assert!(allowance.take(other, 11).is_err());
        allowance.take(other, 10).unwrap();
        assert!(allowance.has_room(1).is_err(), "what a loop runs over counts too");
        assert!(allowance.exceeded().is_none());
    }

    #[test]
    fn what_is_recorded_counts_even_where_it_is_too_much() {
        let (allowance, step) = (Allowance::default(), StepId::new());
        allowance.count(step, Part::Left, LIMIT + 1);
        assert!(allowance.exceeded().is_some());
        allowance.count(step, Part::Left, 0);
        assert!(allowance.exceeded().is_none() && allowance.take(StepId::new(), LIMIT).is_ok());
    }

    #[test]
    fn a_size_is_that_of_the_text() {
        let value = json!({"a": ["ü", 1.5, null]});
        assert_eq!(size(&value), value.to_string().len());
        assert_eq!(left(&json!({}), &json!({})), 0);
    }
}
