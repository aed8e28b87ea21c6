//! The steps of a run as far as their driver knows: those of the plan, and the elements of its loops.

use std::{collections::HashMap, time::Duration};

use shared::{
    domain::{ids::StepId, plan::Plan, step::StepStatus},
    secrets::token,
    store::step::Step,
};
use tokio::time::Instant;

use crate::{
    allowance::{Allowance, Part, left, size},
    mask::Mask,
};

/// One step of a run.
#[derive(Debug)]
pub(super) struct Row {
    /// As last read, or as recorded since.
    pub(super) step: Step,
    /// Its place in the plan; an element has that of its loop.
    pub(super) at: usize,
    /// When it may begin.
    pub(super) due: Instant,
    /// Whether a task works on it: what the database says about it is not the latest then.
    pub(super) busy: bool,
}

impl Row {
    /// Where it stands.
    pub(super) fn status(&self) -> StepStatus {
        if self.busy { StepStatus::Running } else { self.step.status }
    }

    /// Whether nothing works on it and it has not begun, or is to be tried again.
    pub(super) fn is_pending(&self) -> bool {
        self.status() == StepStatus::Pending
    }
}

/// All steps of a run.
#[derive(Debug)]
pub(super) struct Rows {
    all: Vec<Row>,
    by_id: HashMap<StepId, usize>,
    places: HashMap<String, usize>,
    /// For each step of the plan, its row.
    main: Vec<Option<usize>>,
    /// For each step of the plan, the rows of its elements, in order.
    elements: Vec<Vec<usize>>,
}

impl Rows {
    /// No rows yet; none at all when two steps of the plan have one name.
    pub(super) fn of(plan: &Plan) -> Option<Self> {
        let places: HashMap<String, usize> =
            plan.steps.iter().enumerate().map(|(at, step)| (step.name.clone(), at)).collect();
        (places.len() == plan.steps.len()).then(|| Self {
            all: Vec::new(),
            by_id: HashMap::new(),
            places,
            main: vec![None; plan.steps.len()],
            elements: vec![Vec::new(); plan.steps.len()],
        })
    }

    /// Takes in what the database says; what a task works on stays as it is. Gives the rows that it found failed.
    pub(super) fn absorb(&mut self, steps: Vec<Step>, mask: &Mask, allowance: &Allowance) -> Vec<usize> {
        let now = Instant::now();
        let mut failed = Vec::new();
        for step in steps {
            let Some(&at) = self.places.get(step.parent.as_deref().unwrap_or(&step.name)) else { continue };
            let wait = step.wait_s.and_then(|wait| Duration::try_from_secs_f64(wait).ok()).unwrap_or_default();
            for secret in step
                .sensitive_outputs
                .iter()
                .filter_map(|name| step.outputs.get(name))
                .filter(|value| !token::is_in(value))
            {
                mask.add_value(secret);
            }
            let known = self.by_id.get(&step.id).copied();
            if known.is_some_and(|index| self.all[index].busy) {
                continue;
            }
            allowance.count(step.id, Part::Left, left(&step.outputs, &step.variables));
            if let Some(item) = &step.item {
                allowance.count(step.id, Part::Item, size(item));
            }
            let news = match known {
                Some(index) => {
                    let news = self.all[index].step.status != step.status;
                    self.all[index].step = step;
                    self.all[index].due = now + wait;
                    news.then_some(index)
                }
                None => {
                    let index = self.all.len();
                    self.by_id.insert(step.id, index);
                    match step.parent {
                        Some(_) => self.elements[at].push(index),
                        None => self.main[at] = Some(index),
                    }
                    self.all.push(Row { step, at, due: now + wait, busy: false });
                    Some(index)
                }
            };
            failed.extend(news.filter(|&index| self.all[index].step.status == StepStatus::Failed));
        }
        failed
    }

    /// The name of a step of the plan that has no row.
    pub(super) fn missing<'a>(&self, plan: &'a Plan) -> Option<&'a str> {
        let at = self.main.iter().position(Option::is_none)?;
        plan.steps.get(at).map(|step| step.name.as_str())
    }

    /// Every row.
    pub(super) fn all(&self) -> &[Row] {
        &self.all
    }

    /// One row.
    pub(super) fn row(&self, index: usize) -> &Row {
        &self.all[index]
    }

    /// One row, to be changed.
    pub(super) fn row_mut(&mut self, index: usize) -> &mut Row {
        &mut self.all[index]
    }

    /// The row of a step of the plan, which [`Rows::missing`] has found to be there.
    pub(super) fn main(&self, at: usize) -> usize {
        self.main[at].unwrap_or_default()
    }

    /// The rows of a loop's elements, in order.
    pub(super) fn elements(&self, at: usize) -> &[usize] {
        &self.elements[at]
    }

    /// Where the steps of the plan stand.
    pub(super) fn standing(&self) -> Vec<StepStatus> {
        (0..self.main.len()).map(|at| self.all[self.main(at)].status()).collect()
    }

    /// Those that wait for something that is not a container.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Row> {
        self.all.iter().filter(|row| row.status() == StepStatus::Waiting)
    }
}
