//! When a step's turn has come: the rules of `when`, without any I/O.
//!
//! - `on_success` (and `manual`): no step before it, near or far, failed or was cancelled, unless it may fail
//!   (`continue_on_error`). A step that its own condition skipped is as good as one that completed. One that does not depend
//!   on what failed goes on.
//! - `always`: what it depends on is over.
//! - `on_failure`: what it depends on is over, and some step of the run failed. As long as another step may still fail, it
//!   waits for that.
//! - `finally`: all others are over, however; then `on_success` and `manual` count as `always`, so that a clean-up that
//!   fails does not keep the next one from running.

use shared::domain::{
    plan::{Plan, When},
    step::StepStatus,
};

use crate::graph::Graph;

/// What a step that has not begun is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Wait for others.
    NotYet,
    /// Look at its condition, and run.
    Begin,
    /// Be skipped, for this reason.
    Skip(String),
}

/// The turn of the step at `at` of the plan, which is pending, as the steps stand.
#[must_use]
pub fn turn(plan: &Plan, graph: &Graph, standing: &[StepStatus], at: usize) -> Turn {
    let step = &plan.steps[at];
    if !graph.needs(at).iter().all(|&need| standing[need].is_final()) {
        return Turn::NotYet;
    }
    match step.when {
        When::Always => Turn::Begin,
        When::OnFailure => {
            let considered = |&other: &usize| !plan.steps[other].finally || graph.before(at).contains(&other);
            if (0..standing.len()).filter(considered).any(|other| standing[other] == StepStatus::Failed) {
                Turn::Begin
            } else if !step.finally && may_fail(plan, graph, standing) {
                Turn::NotYet
            } else {
                Turn::Skip("it runs when a step fails, and none did".to_owned())
            }
        }
        When::OnSuccess | When::Manual if step.finally => Turn::Begin,
        When::OnSuccess | When::Manual => {
            let stands_in_its_way = |&&other: &&usize| match standing[other] {
                StepStatus::Failed => !plan.steps[other].continue_on_error,
                StepStatus::Cancelled => true,
                StepStatus::Pending
                | StepStatus::Running
                | StepStatus::Waiting
                | StepStatus::Completed
                | StepStatus::Skipped => false,
            };
            match graph.before(at).iter().find(stands_in_its_way) {
                Some(&other) => Turn::Skip(format!("step {} {}", plan.steps[other].name, standing[other])),
                None => Turn::Begin,
            }
        }
    }
}

/// Whether a step that is not over may fail without a step that waits for failures going first.
fn may_fail(plan: &Plan, graph: &Graph, standing: &[StepStatus]) -> bool {
    let undecided = |other: usize| plan.steps[other].when == When::OnFailure && standing[other] == StepStatus::Pending;
    (0..standing.len()).any(|other| {
        !standing[other].is_final()
            && !plan.steps[other].finally
            && !undecided(other)
            && !graph.before(other).iter().any(|&before| undecided(before))
    })
}

#[cfg(test)]
mod tests {
    use shared::domain::plan::PlannedStep;

    use super::*;

    fn plan(steps: &[(&str, &[&str], When)]) -> (Plan, Graph) {
        let steps = steps.iter().map(|(name, needs, when)| PlannedStep {
            name: (*name).to_owned(),
            depends_on: needs.iter().map(|need| (*need).to_owned()).collect(),
            when: *when,
            ..PlannedStep::default()
        });
        let plan = Plan { steps: steps.collect(), max_parallel: 4, ..Plan::default() };
        let graph = Graph::of(&plan).unwrap();
        (plan, graph)
    }

    use StepStatus::{Completed, Failed, Pending, Running, Skipped};

    #[test]
    fn a_far_failure_skips_a_step_even_where_a_nearer_one_always_runs() {
        let (plan, graph) =
            plan(&[("a", &[], When::OnSuccess), ("b", &["a"], When::Always), ("c", &["b"], When::OnSuccess)]);
        assert_eq!(turn(&plan, &graph, &[Failed, Pending, Pending], 1), Turn::Begin);
        assert_eq!(turn(&plan, &graph, &[Failed, Completed, Pending], 2), Turn::Skip("step a failed".into()));
        assert_eq!(turn(&plan, &graph, &[Skipped, Completed, Pending], 2), Turn::Begin);
    }

    #[test]
    fn a_step_for_failures_waits_as_long_as_another_may_fail() {
        let (plan, graph) =
            plan(&[("a", &[], When::OnSuccess), ("b", &[], When::OnSuccess), ("mend", &["a"], When::OnFailure)]);
        assert_eq!(turn(&plan, &graph, &[Completed, Running, Pending], 2), Turn::NotYet);
        assert_eq!(turn(&plan, &graph, &[Completed, Failed, Pending], 2), Turn::Begin);
        assert!(matches!(turn(&plan, &graph, &[Completed, Completed, Pending], 2), Turn::Skip(_)));
    }

    #[test]
    fn steps_for_failures_do_not_wait_for_each_other() {
        let (plan, graph) = plan(&[("a", &[], When::OnFailure), ("b", &[], When::OnFailure)]);
        assert!(matches!(turn(&plan, &graph, &[Pending, Pending], 0), Turn::Skip(_)));
        assert!(matches!(turn(&plan, &graph, &[Pending, Pending], 1), Turn::Skip(_)));
    }

    #[test]
    fn what_runs_at_the_end_waits_for_all_others_and_for_nothing_else() {
        let (mut plan, _) = plan(&[("tidy", &[], When::OnSuccess), ("a", &[], When::OnSuccess)]);
        plan.steps[0].finally = true;
        let graph = Graph::of(&plan).unwrap();
        assert_eq!(turn(&plan, &graph, &[Pending, Running], 0), Turn::NotYet);
        assert_eq!(turn(&plan, &graph, &[Pending, Failed], 0), Turn::Begin);
    }
}
