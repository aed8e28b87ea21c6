//! Which step of a plan comes after which, and which may run at the same time.

use std::collections::BTreeSet;

use shared::domain::plan::{Plan, PlannedStep, Workspace};

use crate::workspace::Place;

/// The order of a plan's steps.
#[derive(Clone, Debug)]
pub struct Graph {
    /// For each step, the indices of those it names.
    needs: Vec<Vec<usize>>,
    /// For each step, the indices of all that come before it, near and far.
    before: Vec<BTreeSet<usize>>,
    /// All steps, each after those that come before it.
    order: Vec<usize>,
    places: Vec<Place>,
}

/// The steps of a plan wait for each other, or for one that is not there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the steps {0} wait for each other or for steps that do not exist")]
pub struct Unordered(String);

impl Graph {
    /// Puts the steps in order.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(plan: &Plan) -> Result<Self, Unordered> {
        let index = |name: &str| plan.steps.iter().position(|step| step.name == name);
        let mut before: Vec<Option<BTreeSet<usize>>> = vec![None; plan.steps.len()];
        let mut needs = Vec::with_capacity(plan.steps.len());
        for step in &plan.steps {
            let found: Option<Vec<usize>> = step.depends_on.iter().map(|name| index(name)).collect();
            let found = found.filter(|found| step.finally || !found.iter().any(|&need| plan.steps[need].finally));
            needs.push(found.ok_or_else(|| Unordered(step.name.clone()))?);
        }
        // What runs at the end comes after all that does not.
        let rest: Vec<usize> = (0..plan.steps.len()).filter(|&at| !plan.steps[at].finally).collect();
        for at in (0..plan.steps.len()).filter(|&at| plan.steps[at].finally) {
            needs[at].extend(&rest);
            needs[at].sort_unstable();
            needs[at].dedup();
        }
        let mut order = Vec::with_capacity(plan.steps.len());
        loop {
            let next = (0..plan.steps.len())
                .find(|&at| before[at].is_none() && needs[at].iter().all(|&need| before[need].is_some()));
            let Some(at) = next else { break };
            let mut all: BTreeSet<usize> = needs[at].iter().copied().collect();
            for &need in &needs[at] {
                all.extend(before[need].iter().flatten());
            }
            before[at] = Some(all);
            order.push(at);
        }
        let stuck: Vec<&str> = plan
            .steps
            .iter()
            .zip(&before)
            .filter(|(_, found)| found.is_none())
            .map(|(step, _)| step.name.as_str())
            .collect();
        if !stuck.is_empty() {
            return Err(Unordered(stuck.join(", ")));
        }
        let before: Vec<BTreeSet<usize>> = before.into_iter().flatten().collect();
        let ordered = |a: usize, b: usize| a == b || before[a].contains(&b) || before[b].contains(&a);
        let shares = |step: &PlannedStep| step.step_type.workspace == Workspace::Shared;
        let places = plan
            .steps
            .iter()
            .enumerate()
            .map(|(at, step)| {
                // The elements of a loop run beside each other.
                let loops = step.for_each.is_some();
                let alone =
                    !loops && plan.steps.iter().enumerate().all(|(other, step)| ordered(at, other) || !shares(step));
                match (shares(step), alone || plan.max_parallel <= 1) {
                    (false, _) => Place::Own,
                    (true, true) => Place::Shared,
                    (true, false) => Place::Beside,
                }
            })
            .collect();
        Ok(Self { needs, before, order, places })
    }

    /// The steps that this one waits for directly; one that is `finally` waits for all that are not.
    #[must_use]
    pub fn needs(&self, at: usize) -> &[usize] {
        &self.needs[at]
    }

    /// All steps that come before this one.
    #[must_use]
    pub fn before(&self, at: usize) -> &BTreeSet<usize> {
        &self.before[at]
    }

    /// All steps, each after those that come before it; of two that may run at once, the first of the file first.
    #[must_use]
    pub fn order(&self) -> &[usize] {
        &self.order
    }

    /// Whether no step that works on files comes after this one.
    #[must_use]
    pub fn is_last(&self, at: usize) -> bool {
        let after = |other: usize| match self.places[at] {
            // One after another, in an order that the plan does not fix.
            Place::Shared => other != at && !self.before[at].contains(&other),
            Place::Beside | Place::Own => self.before[other].contains(&at),
        };
        !(0..self.before.len()).any(|other| after(other) && self.places[other] != Place::Own)
    }

    /// Where a step's files are.
    #[must_use]
    pub fn place(&self, at: usize) -> Place {
        self.places[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(steps: &[(&str, &[&str])]) -> Plan {
        let steps = steps.iter().map(|(name, needs)| {
            let needs: Vec<_> = needs.iter().map(|need| (*need).to_owned()).collect();
            serde_json::from_value(serde_json::json!({
                "name": name, "depends_on": needs,
                "step_type": {"name": "x", "version": "1.0.0", "image": "x", "command": []},
            }))
            .unwrap()
        });
        Plan { steps: steps.collect(), max_parallel: 8, ..Plan::default() }
    }

    #[test]
    fn steps_in_a_row_share_the_workspace_and_only_the_last_is_not_kept() {
        let graph = Graph::of(&plan(&[("a", &[]), ("b", &["a"]), ("c", &["b"])])).unwrap();
        assert!((0..3).all(|at| graph.place(at) == Place::Shared));
        assert_eq!([0, 1, 2].map(|at| graph.is_last(at)), [false, false, true]);
        assert_eq!(graph.before(2).iter().copied().collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn steps_that_may_run_at_once_get_a_workspace_each() {
        let graph = Graph::of(&plan(&[("a", &[]), ("b", &["a"]), ("c", &["a"]), ("d", &["b", "c"])])).unwrap();
        let places = [0, 1, 2, 3].map(|at| graph.place(at));
        assert_eq!(places, [Place::Shared, Place::Beside, Place::Beside, Place::Shared]);
    }

    #[test]
    fn steps_that_wait_for_each_other_or_for_nobody_are_named() {
        assert_eq!(Graph::of(&plan(&[("a", &["b"]), ("b", &["a"])])).unwrap_err(), Unordered("a, b".into()));
        assert_eq!(Graph::of(&plan(&[("a", &["x"])])).unwrap_err(), Unordered("a".into()));
    }
}
