//! How long runs and steps waited, and how long something of them ran.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::rows::{Order, Rows, Run, Step};
use crate::domain::ids::{RunId, StepId};

/// A time taken apart, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Timed {
    pub(super) waiting: f64,
    pub(super) running: f64,
}

impl Timed {
    /// All of it.
    pub(super) fn total(self) -> f64 {
        self.waiting + self.running
    }

    /// A length of which this much ran.
    fn of(length: f64, running: f64) -> Self {
        let (length, running) = (length.max(0.0), running.max(0.0));
        // Clocks of attempts and steps are read one after the other.
        Self { waiting: (length - running).max(0.0), running }
    }
}

/// The times of all runs and steps that could have begun.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    pub(super) steps: HashMap<StepId, Timed>,
    pub(super) runs: HashMap<RunId, Timed>,
}

/// The steps of each run.
pub(super) type StepsOf<'a> = HashMap<RunId, Vec<&'a Step>>;

/// The names of the steps that come before a step.
pub(super) fn before<'a>(step: &'a Step, order: Option<&'a Order>) -> &'a [String] {
    // An element of a loop is not in the plan; its loop is.
    order.and_then(|order| order.get(&step.name)).map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn of(rows: &Rows, steps_of: &StepsOf<'_>) -> Times {
    let mut times = Times::default();
    for run in &rows.runs {
        let steps = steps_of.get(&run.id).map(Vec::as_slice).unwrap_or_default();
        of_steps(run, steps, rows, &mut times);
        if let Some(time) = of_run(run, steps, rows.now) {
            times.runs.insert(run.id, time);
        }
    }
    times
}

/// From when it was made; a run without known steps ran all the time that a worker had it.
fn of_run(run: &Run, steps: &[&Step], now: DateTime<Utc>) -> Option<Timed> {
    let end = run.finished_at.unwrap_or(now);
    let length = seconds(run.created_at, end);
    let busy = if steps.is_empty() {
        run.started_at.map_or(0.0, |start| seconds(start, end))
    } else {
        union(steps.iter().filter_map(|step| ran(step)).collect())
    };
    Some(Timed::of(length, busy.min(length.max(0.0))))
}

fn of_steps(run: &Run, steps: &[&Step], rows: &Rows, times: &mut Times) {
    let Some(started) = run.started_at else { return };
    let order = rows.orders.get(&run.plan_digest);
    let by_name: HashMap<&str, &Step> = steps.iter().map(|step| (step.name.as_str(), *step)).collect();
    let mut elements: HashMap<&str, Vec<(f64, f64)>> = HashMap::new();
    for step in steps {
        if let Some(parent) = &step.parent {
            elements.entry(parent).or_default().extend(ran(step));
        }
    }
    for step in steps.iter().filter(|step| !step.inherited) {
        let owner = step.parent.as_deref().and_then(|parent| by_name.get(parent)).unwrap_or(step);
        let mut ready = Some(started);
        for name in before(owner, order) {
            // What it comes after may be inherited, and over before this run began.
            let over = by_name.get(name.as_str()).and_then(|first| first.finished_at);
            ready = ready.zip(over).map(|(ready, over)| ready.max(over));
        }
        let Some(ready) = ready else { continue };
        let Some(end) = step.finished_at.or((!run.status.is_final()).then_some(rows.now)) else { continue };
        let running = elements.remove(step.name.as_str()).map_or_else(|| step.tried_s.unwrap_or(0.0), union);
        times.steps.insert(step.id, Timed::of(seconds(ready, end), running));
    }
}

/// When a step ran, as seconds of the epoch. Waits between its tries are put at its end.
fn ran(step: &Step) -> Option<(f64, f64)> {
    let start = step.started_at.filter(|_| !step.inherited)?.timestamp_micros() as f64 / 1e6;
    Some((start, start + step.tried_s?))
}

/// Seconds in which at least one of the spans went on.
fn union(mut spans: Vec<(f64, f64)>) -> f64 {
    spans.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut sum, mut until) = (0.0, f64::NEG_INFINITY);
    for (start, end) in spans {
        sum += (end - start.max(until)).max(0.0);
        until = until.max(end);
    }
    sum
}

fn seconds(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).num_microseconds().unwrap_or(i64::MAX) as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_which_two_steps_ran_counts_once() {
        assert_eq!(union(vec![(5.0, 6.0), (0.0, 2.0), (1.0, 3.0), (1.5, 2.5)]), 4.0);
        assert_eq!(union(Vec::new()), 0.0);
    }
}
