//! The way of a run through its steps.

use std::time::Duration;

use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use serde_json::{Map, Value};
use shared::{
    domain::{plan::Plan, run::error_code, states::Applied, step::StepStatus},
    store::lease,
};
use tokio::time::Instant;

use super::{
    Over,
    rows::{Row, Rows},
    settle::Settled,
    tasks::Done,
    turn::{Turn, turn},
};
use crate::{
    attempt::RunScope, contract::Failure, data::RunData, engine::Engine, graph::Graph, held::Halt, workspace::Place,
};

/// How often steps that wait are looked at while others run.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(super) type Tasks<'a> = FuturesUnordered<BoxFuture<'a, Result<Done, Halt>>>;

/// Why nothing of a run begins any more but its `finally` steps.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    /// Something failed so that going on would do harm.
    Fatal(Failure),
    /// Someone wants it stopped.
    Cancelled,
    /// Its time is up.
    TimedOut,
}

/// A run being driven.
pub(super) struct Course<'a, E> {
    pub(super) scope: &'a RunScope<E>,
    pub(super) plan: &'a Plan,
    pub(super) graph: &'a Graph,
    pub(super) rows: Rows,
    pub(super) data: RunData,
    /// Why the run fails at its end.
    pub(super) failed: Option<Failure>,
    pub(super) ending: Option<Ending>,
    /// Whether rows were written that are not known here.
    pub(super) stale: bool,
    /// When it was last decided what may begin.
    looked_at: Instant,
    /// Tries that the engine took from this worker.
    pub(super) engine_failures: u32,
}

impl<'a, E: Engine> Course<'a, E> {
    pub(super) fn new(scope: &'a RunScope<E>, plan: &'a Plan, graph: &'a Graph, rows: Rows, data: RunData) -> Self {
        let failed: Vec<usize> =
            (0..rows.all().len()).filter(|&index| rows.row(index).step.status == StepStatus::Failed).collect();
        let mut course = Self {
            scope,
            plan,
            graph,
            rows,
            data,
            failed: None,
            ending: None,
            stale: false,
            looked_at: Instant::now(),
            engine_failures: 0,
        };
        failed.into_iter().for_each(|index| course.note_failure(index));
        course
    }

    pub(super) async fn run(mut self) -> Result<Over, Halt> {
        let scope = self.scope;
        let held = &scope.held;
        let mut running: Tasks<'a> = FuturesUnordered::new();
        let mut halted = None;
        let mut next_look = Instant::now() + LOOK_EVERY;
        loop {
            let goes_on = halted.is_none() && !held.lost.is_cancelled() && !scope.stop.is_cancelled();
            if goes_on && let Err(halt) = self.look(&mut running).await {
                // What runs stops by itself: the lease is lost for it too, or it is told to.
                scope.stop.cancel();
                halted = Some(halt);
            }
            if running.is_empty() {
                if let Some(halt) = halted {
                    return Err(halt);
                }
                match self.settle().await? {
                    Settled::Over(over) => return Ok(over),
                    Settled::Again => continue,
                    Settled::Sleeps => {}
                }
            }
            let next_due = self.next_due();
            let heeds = self.ending.is_none() && self.is_open();
            let watches = halted.is_none() && self.rows.waiting().next().is_some();
            tokio::select! {
                Some(done) = running.next(), if !running.is_empty() => {
                    if let Err(halt) = done.and_then(|done| self.take(done)) {
                        scope.stop.cancel();
                        halted.get_or_insert(halt);
                    }
                }
                () = sleep_until(next_due), if goes_on && halted.is_none() => {}
                () = tokio::time::sleep_until(next_look), if watches => {
                    next_look = Instant::now() + LOOK_EVERY;
                    if let Err(halt) = self.look_at_waiting().await {
                        scope.stop.cancel();
                        halted.get_or_insert(halt);
                    }
                }
                () = held.cancelled.cancelled(), if heeds => {}
                () = tokio::time::sleep_until(scope.deadline), if heeds => {}
                () = held.lost.cancelled(), if running.is_empty() => {}
                () = scope.stop.cancelled(), if running.is_empty() => {}
            }
        }
    }

    /// Whether a step that is not `finally` is not over.
    pub(super) fn is_open(&self) -> bool {
        self.rows.all().iter().any(|row| !self.plan.steps[row.at].finally && !row.status().is_final())
    }

    /// Brings the steps up to date with each other, and starts what may begin.
    async fn look(&mut self, running: &mut Tasks<'a>) -> Result<(), Halt> {
        if std::mem::take(&mut self.stale) {
            self.read_again().await?;
        }
        if self.ending.is_none() && self.is_open() {
            if self.scope.held.cancelled.is_cancelled() {
                self.ending = Some(Ending::Cancelled);
            } else if Instant::now() >= self.scope.deadline {
                self.ending = Some(Ending::TimedOut);
            }
        }
        self.end_loops().await?;
        if self.ending.is_none() {
            self.ending = self.scope.allowance.exceeded().map(Ending::Fatal);
        }
        if self.ending.is_some() {
            self.close_open().await?;
        }
        self.skip().await?;
        self.derive_given(running);
        self.begin_ready(running);
        self.let_services_go();
        Ok(())
    }

    /// Ends the services that no step uses any more.
    fn let_services_go(&self) {
        let standing = self.rows.standing();
        let open = self.plan.steps.iter().zip(standing).filter(|(_, status)| !status.is_final());
        self.scope.services.let_go(&open.flat_map(|(step, _)| step.services.iter().map(String::as_str)).collect());
    }

    /// Reads all rows again.
    pub(super) async fn read_again(&mut self) -> Result<(), Halt> {
        let (pool, lease) = (self.scope.worker.store.pool(), self.scope.held.lease);
        let steps = self.scope.held.attempt(|| lease::steps(pool, lease, None)).await?;
        let failed = self.rows.absorb(steps, &self.scope.mask, &self.scope.allowance);
        failed.into_iter().for_each(|index| self.note_failure(index));
        Ok(())
    }

    async fn look_at_waiting(&mut self) -> Result<(), Halt> {
        let (pool, lease) = (self.scope.worker.store.pool(), self.scope.held.lease);
        let ids: Vec<_> = self.rows.waiting().map(|row| row.step.id).collect();
        let steps = self.scope.held.attempt(|| lease::steps(pool, lease, Some(&ids))).await?;
        let failed = self.rows.absorb(steps, &self.scope.mask, &self.scope.allowance);
        failed.into_iter().for_each(|index| self.note_failure(index));
        Ok(())
    }

    /// Remembers the first failure that fails the run. That of an element is its loop's.
    pub(super) fn note_failure(&mut self, index: usize) {
        let row = self.rows.row(index);
        if row.step.parent.is_some() || self.plan.steps[row.at].continue_on_error {
            return;
        }
        let code = match row.step.error_code.as_deref() {
            Some(error_code::INVALID_PLAN) => error_code::INVALID_PLAN,
            Some(error_code::REJECTED) => error_code::REJECTED,
            Some(error_code::APPROVAL_EXPIRED) => error_code::APPROVAL_EXPIRED,
            Some(error_code::CHILD_FAILED) => error_code::CHILD_FAILED,
            _ => error_code::STEP_FAILED,
        };
        let why = row.step.error_message.as_deref().unwrap_or_default();
        let message = format!("step {} failed: {why}", row.step.name);
        self.failed.get_or_insert(Failure { code, message });
    }

    /// Skips every step whose turn says so, and what follows from that.
    async fn skip(&mut self) -> Result<(), Halt> {
        let mut standing = self.rows.standing();
        let mut skipped = Vec::new();
        loop {
            let before = skipped.len();
            for &at in self.graph.order() {
                if standing[at] != StepStatus::Pending || !self.may_go_on(at) || !self.rows.elements(at).is_empty() {
                    continue;
                }
                if let Turn::Skip(reason) = turn(self.plan, self.graph, &standing, at) {
                    standing[at] = StepStatus::Skipped;
                    skipped.push((self.rows.main(at), reason));
                }
            }
            if skipped.len() == before {
                break;
            }
        }
        self.close(StepStatus::Skipped, skipped).await
    }

    /// Records that steps are over which never begin, or wait for nothing any more.
    pub(super) async fn close(&mut self, status: StepStatus, steps: Vec<(usize, String)>) -> Result<(), Halt> {
        if steps.is_empty() {
            return Ok(());
        }
        let (pool, lease) = (self.scope.worker.store.pool(), self.scope.held.lease);
        let named: Vec<_> = steps.iter().map(|(index, why)| (self.rows.row(*index).step.id, why.clone())).collect();
        self.scope.held.write("skip", || lease::close_steps(pool, lease, status, &named)).await?;
        // What waits may have been resolved meanwhile.
        self.stale |= steps.iter().any(|(index, _)| self.rows.row(*index).status() == StepStatus::Waiting);
        for (index, why) in steps {
            let step = &mut self.rows.row_mut(index).step;
            (step.status, step.error_message) = (status, Some(why));
        }
        Ok(())
    }

    /// Whether the run's end leaves the step its turn.
    pub(super) fn may_go_on(&self, at: usize) -> bool {
        self.ending.is_none() || (self.plan.steps[at].finally && self.has_begun() && !self.is_open())
    }

    /// Whether anything of the run was ever begun: else there is nothing to clean up.
    pub(super) fn has_begun(&self) -> bool {
        self.rows.all().iter().any(|row| row.step.tries > 0 || row.status() != StepStatus::Pending)
    }

    /// The rows that may begin as soon as they are due and there is room.
    pub(super) fn ready(&self) -> Vec<usize> {
        let standing = self.rows.standing();
        let mut ready = Vec::new();
        for &at in self.graph.order() {
            let main = self.rows.main(at);
            if !self.may_go_on(at) || standing[at].is_final() {
                continue;
            }
            if !self.rows.elements(at).is_empty() {
                ready.extend(self.rows.elements(at).iter().filter(|&&index| self.rows.row(index).is_pending()));
            } else if standing[at] == StepStatus::Pending && turn(self.plan, self.graph, &standing, at) == Turn::Begin {
                ready.push(main);
            }
        }
        ready
    }

    /// Starts every step that may begin now.
    fn begin_ready(&mut self, running: &mut Tasks<'a>) {
        let now = Instant::now();
        self.looked_at = now;
        if now >= self.scope.deadline(true) {
            return;
        }
        for index in self.ready() {
            if running.len() >= usize::from(self.plan.max_parallel.max(1)) {
                break;
            }
            let Row { at, due, .. } = *self.rows.row(index);
            if due > now {
                continue;
            }
            // Steps that share the volume run one at a time, whatever the plan leaves open.
            let shares = |row: &Row| row.busy && self.graph.place(row.at) == Place::Shared;
            if self.graph.place(at) == Place::Shared && self.rows.all().iter().any(shares) {
                continue;
            }
            running.push(self.task(index));
            self.rows.row_mut(index).busy = true;
        }
    }

    /// When the next step that only waits for time may begin. Those that were due when it was decided what begins have
    /// begun, or wait for room; one that became due since is not lost: its time has come, and wakes at once.
    fn next_due(&self) -> Option<Instant> {
        self.ready().into_iter().map(|index| self.rows.row(index).due).filter(|due| *due > self.looked_at).min()
    }

    /// What templates of a step see, or, with no step, those of the run's outputs.
    pub(super) fn context(&self, of: Option<usize>) -> Map<String, Value> {
        let steps = (0..self.plan.steps.len()).map(|at| {
            let row = self.rows.row(self.rows.main(at));
            (self.plan.steps[at].name.as_str(), row.status(), &row.step.outputs)
        });
        let comes_before = |at: &&usize| of.is_none_or(|of| self.graph.before(of).contains(*at));
        let set = self.graph.order().iter().filter(comes_before).flat_map(|&at| {
            let rows = std::iter::once(self.rows.main(at)).chain(self.rows.elements(at).iter().copied());
            rows.map(|index| &self.rows.row(index).step.variables)
        });
        self.data.context(steps, set)
    }

    /// Gives the slot back, unless the rows are no longer as they were.
    pub(super) async fn give_back(&mut self, suspension: &lease::Suspension) -> Result<bool, Halt> {
        let (store, lease) = (&self.scope.worker.store, self.scope.held.lease);
        let given = self.scope.held.attempt(|| lease::suspend(store, lease, suspension)).await?;
        match given {
            Applied::Applied(given) => Ok(given),
            Applied::Stale => {
                self.scope.held.refused("suspension").await;
                Err(Halt::Lost)
            }
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
