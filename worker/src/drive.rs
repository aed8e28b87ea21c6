//! One run, from its claim until it is over, suspended, handed back or lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use futures::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use serde_json::{Map, Value};
use shared::{
    domain::{
        plan::Plan,
        run::{RunStatus, WaitReason, error_code},
        step::{AttemptStatus, StepStatus},
    },
    store::{
        lease::{self, Claimed, Suspension},
        run::Finish,
        step::{self, Step},
    },
};
use tokio::time::Instant;

use crate::{
    attempt::{self, Recorded, RunScope, Try},
    container::{self, Setback},
    context::Context,
    contract::{self, Failure},
    engine::Engine,
    graph::Graph,
    held::{Halt, Held},
    logs::RunLog,
    mask::Mask,
    render::RenderRequest,
    rescue,
    workspace::{self, Place, Workspace},
};

/// Tries that the engine may take from one worker before the run goes to another.
const UNFIT_AFTER: u32 = 5;

/// How a worker's time with a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The run is over.
    Finished(RunStatus),
    /// The run waits, without a slot.
    Suspended,
    /// The run is queued again for another worker.
    HandedBack,
    /// The run is someone else's now.
    Lost,
}

/// Drives a run that was claimed by a statement sent at `sent` (boot time), and lets go of its lease.
pub async fn drive<E: Engine>(worker: Arc<Context<E>>, claimed: Claimed, sent: Duration) -> Over {
    let began = Instant::now();
    let held = Arc::new(Held::new(worker.store.clone(), claimed.lease, worker.ttl(), sent));
    let keeping = worker.keeper.keep(Arc::clone(&held));
    tracing::info!(run.id = %claimed.lease.run_id, worker.id = %worker.id, fence = %claimed.lease.fence, "run claimed");
    let over = match start(&worker, &held, claimed).await {
        Ok(over) => over,
        Err(Halt::Lost) => Over::Lost,
        Err(Halt::Broken(error)) => {
            tracing::error!(run.id = %held.lease.run_id, %error, "Postgres refused a write about the run");
            let failure = Failure::plan(format!("the run's record was refused by the database: {error}"));
            end(&worker, &held, &Finish::failed(failure.code, failure.message)).await.unwrap_or(Over::Lost)
        }
        Err(why @ (Halt::HandBack | Halt::Unfit(_))) => {
            tracing::info!(run.id = %held.lease.run_id, %why, "run handed back");
            container::clear(&*worker.engine, &worker.config.instance.0, held.lease).await;
            let store = &worker.store;
            match held.write("hand back", || lease::hand_back(store, held.lease)).await {
                Ok(()) => Over::HandedBack,
                Err(_) => Over::Lost,
            }
        }
    };
    drop(keeping);
    if over == Over::Lost {
        let (keeper, held) = (Arc::clone(&worker.keeper), Arc::clone(&held));
        tokio::spawn(async move { keeper.settle(&held).await });
    }
    if let Over::Finished(status) = over {
        container::clear(&*worker.engine, &worker.config.instance.0, held.lease).await;
        metrics::counter!("slipway_runs_finished_total", "status" => status.as_str()).increment(1);
        metrics::histogram!("slipway_run_seconds", "status" => status.as_str()).record(began.elapsed().as_secs_f64());
    }
    tracing::info!(run.id = %held.lease.run_id, worker.id = %worker.id, ?over, "let go of the run");
    over
}

/// Loads what the run is, takes over from an earlier worker, and drives.
async fn start<E: Engine>(worker: &Arc<Context<E>>, held: &Arc<Held>, claimed: Claimed) -> Result<Over, Halt> {
    let (store, run) = (&worker.store, claimed.lease.run_id);
    let plan = held.attempt(|| worker.plan(&claimed.plan_digest)).await?;
    let rows = held.attempt(|| step::list(store.pool(), run)).await?;
    let graph = match Graph::of(&plan) {
        Ok(graph) => graph,
        Err(error) => return end(worker, held, &Finish::failed(error_code::INVALID_PLAN, error.to_string())).await,
    };
    let mask = Arc::new(Mask::default());
    for row in &rows {
        for name in &row.sensitive_outputs {
            row.outputs.get(name).into_iter().for_each(|value| mask.add_value(value));
        }
    }
    let remaining = Duration::try_from_secs_f64(claimed.remaining_s.max(0.0)).unwrap_or_default();
    let scope = RunScope {
        worker: Arc::clone(worker),
        held: Arc::clone(held),
        workspace: Workspace::new(
            Arc::clone(&worker.engine),
            worker.archive.clone(),
            &worker.config.instance.0,
            run,
            worker.config.worker.max_workspace_bytes,
            workspace::recorded(claimed.checkpoint.as_ref()),
            claimed.resource_id.is_some(),
        ),
        log: RunLog::open(
            store.clone(),
            Arc::clone(held),
            worker.live.clone(),
            Arc::clone(&mask),
            claimed.log_cursor,
            worker.config.worker.max_log_bytes,
        ),
        mask,
        deadline: Instant::now() + remaining,
        stop: worker.stopping.child_token(),
        claimed,
    };
    // A run that nobody began has nothing anywhere.
    if rows.iter().any(|row| row.tries > 0)
        && let Some(failure) = rescue::take_over(&scope, &plan).await?
    {
        return end(worker, held, &Finish::failed(failure.code, failure.message)).await;
    }
    let mut outputs = BTreeMap::new();
    for (at, row) in rows.iter().enumerate().filter(|(_, row)| row.status == StepStatus::Completed) {
        outputs.insert(row.name.clone(), row.outputs.as_object().cloned().unwrap_or_default());
        if graph.place(at) == Place::Beside
            && let Some(checkpoint) = workspace::recorded(row.checkpoint.as_ref())
        {
            scope.workspace.add_beside(&row.name, checkpoint).await;
        }
    }
    let now = Instant::now();
    let due = rows
        .iter()
        .map(|row| row.wait_s.and_then(|wait| Duration::try_from_secs_f64(wait).ok()).map_or(now, |wait| now + wait));
    let due = due.collect();
    Drive { scope: &scope, plan: &plan, graph: &graph, rows, due, outputs, engine_failures: 0, failed: None }
        .run()
        .await
}

/// A run being driven.
struct Drive<'a, E> {
    scope: &'a RunScope<E>,
    plan: &'a Plan,
    graph: &'a Graph,
    /// In the order of the plan.
    rows: Vec<Step>,
    /// When each step may begin.
    due: Vec<Instant>,
    /// Of the steps that are over.
    outputs: BTreeMap<String, Map<String, Value>>,
    engine_failures: u32,
    /// Why the run fails once nothing of it runs any more.
    failed: Option<Failure>,
}

impl<'a, E: Engine> Drive<'a, E> {
    async fn run(mut self) -> Result<Over, Halt> {
        let scope = self.scope;
        let held = &scope.held;
        if let Some(row) = self.rows.iter().find(|row| row.status == StepStatus::Failed) {
            let why = row.error_message.clone().unwrap_or_default();
            self.failed =
                Some(Failure { code: error_code::STEP_FAILED, message: format!("step {} failed: {why}", row.name) });
        }
        let mut running: FuturesUnordered<BoxFuture<'a, Result<Recorded, Halt>>> = FuturesUnordered::new();
        let mut halted = None;
        loop {
            let ending = halted.is_some()
                || self.failed.is_some()
                || held.cancelled.is_cancelled()
                || held.lost.is_cancelled()
                || scope.stop.is_cancelled()
                || Instant::now() >= scope.deadline;
            if !ending {
                self.begin_ready(&mut running);
            }
            if running.is_empty() {
                if let Some(halt) = halted {
                    return Err(halt);
                }
                if let Some(over) = self.settle().await? {
                    return Ok(over);
                }
                if self.next_due().is_none() {
                    // Its time came while that was found out.
                    continue;
                }
            }
            let next_due = self.next_due();
            tokio::select! {
                Some(recorded) = running.next(), if !running.is_empty() => match recorded {
                    Ok(recorded) => {
                        if let Err(halt) = self.take(recorded) {
                            scope.stop.cancel();
                            halted.get_or_insert(halt);
                        }
                    }
                    Err(halt) => {
                        // What else runs stops by itself: the lease is lost for it too, or it is told to.
                        scope.stop.cancel();
                        halted.get_or_insert(halt);
                    }
                },
                () = sleep_until(next_due), if running.is_empty() || next_due.is_some() => {}
                () = held.cancelled.cancelled(), if running.is_empty() => {}
                () = held.lost.cancelled(), if running.is_empty() => {}
                () = scope.stop.cancelled(), if running.is_empty() => {}
                () = tokio::time::sleep_until(scope.deadline), if running.is_empty() => {}
            }
        }
    }

    /// Starts every step that may begin now.
    fn begin_ready(&mut self, running: &mut FuturesUnordered<BoxFuture<'a, Result<Recorded, Halt>>>) {
        let now = Instant::now();
        for at in 0..self.rows.len() {
            if running.len() >= usize::from(self.plan.max_parallel.max(1)) {
                break;
            }
            if self.rows[at].status != StepStatus::Pending || self.due[at] > now || !self.is_unblocked(at) {
                continue;
            }
            // Steps that share the volume run one at a time, whatever the plan leaves open.
            let busy = |other: usize| {
                self.rows[other].status == StepStatus::Running && self.graph.place(other) == Place::Shared
            };
            if self.graph.place(at) == Place::Shared && (0..self.rows.len()).any(busy) {
                continue;
            }
            let after: BTreeSet<String> =
                self.graph.before(at).iter().map(|&other| self.rows[other].name.clone()).collect();
            let one = Try {
                index: at,
                step: self.plan.steps[at].clone(),
                row: self.rows[at].clone(),
                place: self.graph.place(at),
                after,
                last: self.graph.is_last(at),
                data: contract::data(&self.scope.claimed.inputs, &self.plan.settings, &self.outputs),
            };
            self.rows[at].status = StepStatus::Running;
            running.push(attempt::make(self.scope, one).boxed());
        }
    }

    fn is_unblocked(&self, at: usize) -> bool {
        self.graph.needs(at).iter().all(|&need| self.rows[need].status == StepStatus::Completed)
    }

    /// When the next step that only waits for time may begin.
    fn next_due(&self) -> Option<Instant> {
        let waits = |at: &usize| self.rows[*at].status == StepStatus::Pending && self.is_unblocked(*at);
        let now = Instant::now();
        (0..self.rows.len()).filter(waits).map(|at| self.due[at]).filter(|due| *due > now).min()
    }

    /// Takes in how a try ended.
    fn take(&mut self, recorded: Recorded) -> Result<(), Halt> {
        let Recorded { index, outcome, fatal, timed_out } = recorded;
        let row = &mut self.rows[index];
        row.status = outcome.step;
        row.tries += 1;
        if matches!(outcome.attempt, AttemptStatus::Completed | AttemptStatus::Failed) {
            row.attempts += 1;
        }
        self.due[index] = Instant::now()
            + outcome.retry_in_s.and_then(|wait| Duration::try_from_secs_f64(wait).ok()).unwrap_or_default();
        match outcome.step {
            StepStatus::Completed => {
                self.outputs.insert(row.name.clone(), outcome.outputs);
            }
            StepStatus::Failed => {
                let (code, why) = outcome.error.clone().unwrap_or_default();
                let code = match code.as_str() {
                    error_code::INVALID_PLAN => error_code::INVALID_PLAN,
                    _ if timed_out && Instant::now() >= self.scope.deadline => error_code::TIMED_OUT,
                    _ => error_code::STEP_FAILED,
                };
                let failure =
                    fatal.unwrap_or_else(|| Failure { code, message: format!("step {} failed: {why}", row.name) });
                self.failed.get_or_insert(failure);
            }
            StepStatus::Pending
            | StepStatus::Running
            | StepStatus::Waiting
            | StepStatus::Skipped
            | StepStatus::Cancelled => {}
        }
        if outcome.attempt == AttemptStatus::Lost {
            if self.scope.stop.is_cancelled() {
                return Err(Halt::HandBack);
            }
            self.engine_failures += 1;
            if self.engine_failures >= UNFIT_AFTER {
                return Err(Halt::Unfit(outcome.error.map(|(_, why)| why).unwrap_or_default()));
            }
        }
        Ok(())
    }

    /// Nothing runs: is the run over, or does it wait? None: it goes on.
    async fn settle(&mut self) -> Result<Option<Over>, Halt> {
        let (scope, held) = (self.scope, &self.scope.held);
        if held.lost.is_cancelled() {
            return Err(Halt::Lost);
        }
        if self.failed.is_none() && self.rows.iter().all(|row| row.status == StepStatus::Completed) {
            let finish = self.completed().await?;
            return self.end(&finish).await.map(Some);
        }
        if held.cancelled.is_cancelled() {
            let why = held.cancel_reason();
            return self
                .end(&Finish::cancelled(if why.is_empty() { "cancelled" } else { why }, "system"))
                .await
                .map(Some);
        }
        if let Some(failure) = self.failed.take() {
            return self.end(&Finish::failed(failure.code, scope.mask.clean(&failure.message))).await.map(Some);
        }
        if Instant::now() >= scope.deadline {
            let message = format!("the run took longer than {} s", self.plan.timeout_s);
            return self.end(&Finish::failed(error_code::TIMED_OUT, message)).await.map(Some);
        }
        if scope.stop.is_cancelled() {
            return Err(Halt::HandBack);
        }
        let startable = |at: usize| self.rows[at].status == StepStatus::Pending && self.is_unblocked(at);
        let Some(due) = (0..self.rows.len()).filter(|&at| startable(at)).map(|at| self.due[at]).min() else {
            let message = "no step can begin: one that the others need was skipped or cancelled";
            return self.end(&Finish::failed(error_code::INVALID_PLAN, message)).await.map(Some);
        };
        let wait = due.saturating_duration_since(Instant::now());
        if wait <= Duration::from_secs(scope.worker.config.worker.suspend_backoff_over_s.into()) {
            return Ok(None);
        }
        let waiting: Vec<&str> =
            self.rows.iter().filter(|row| row.status == StepStatus::Pending).map(|row| row.name.as_str()).collect();
        let detail = format!("step {} is tried again later", waiting.first().unwrap_or(&""));
        container::clear(&*scope.worker.engine, &scope.worker.config.instance.0, held.lease).await;
        let (store, lease) = (&scope.worker.store, held.lease);
        let suspension =
            Suspension { reason: WaitReason::BackingOff, detail, until_s: Some(wait.as_secs_f64()), waiting: 0 };
        let suspended = held.write("suspension", || lease::suspend(store, lease, &suspension)).await?;
        Ok(suspended.then_some(Over::Suspended))
    }

    /// What the run gives back.
    async fn completed(&self) -> Result<Finish, Halt> {
        if self.plan.outputs.is_empty() {
            let outputs = self.outputs.values().flat_map(|outputs| outputs.clone()).collect();
            let mut sensitive: Vec<String> = self.rows.iter().flat_map(|row| row.sensitive_outputs.clone()).collect();
            sensitive.extend(self.plan.steps.iter().flat_map(|step| step.sensitive.clone()));
            sensitive.sort_unstable();
            sensitive.dedup();
            return Ok(Finish::completed(outputs, sensitive));
        }
        let written: Map<String, Value> =
            self.plan.outputs.iter().map(|(name, output)| (name.clone(), output.value.clone())).collect();
        let data = contract::data(&self.scope.claimed.inputs, &self.plan.settings, &self.outputs);
        let request = RenderRequest { context: data, values: written, then: Map::new() };
        let filled = match self.scope.worker.renderer.render(request).await {
            Ok(rendered) => rendered.values,
            Err(error) => match contract::setback("the workflow's outputs", &error) {
                Setback::Failed(failure) => return Ok(Finish::failed(failure.code, failure.message)),
                Setback::Passing(why) => return Err(Halt::Unfit(why)),
                Setback::Halt(halt) => return Err(halt),
            },
        };
        let sensitive =
            self.plan.outputs.iter().filter(|(_, output)| output.sensitive).map(|(name, _)| name.clone()).collect();
        Ok(Finish::completed(filled, sensitive))
    }

    async fn end(&self, finish: &Finish) -> Result<Over, Halt> {
        let over = end(&self.scope.worker, &self.scope.held, finish).await?;
        if let Some(resource) = self.scope.claimed.resource_id
            && self.plan.steps.iter().any(|step| step.step_type.state.is_some())
        {
            let (pool, run) = (self.scope.worker.store.pool(), self.scope.held.lease.run_id);
            // A lock that stays is taken over by the next run: its holder is over.
            if let Err(error) = lease::unlock_state(pool, run, resource).await {
                tracing::warn!(run.id = %run, %error, "the state stays locked until the resource's next run");
            }
        }
        Ok(over)
    }
}

/// Records the end of the run. A second try after an unclear answer may find that the first one did it.
async fn end<E: Engine>(worker: &Arc<Context<E>>, held: &Arc<Held>, finish: &Finish) -> Result<Over, Halt> {
    let store = &worker.store;
    let tried = std::sync::atomic::AtomicU32::new(0);
    let answer = held
        .attempt(|| {
            tried.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            lease::finish(store, held.lease, finish)
        })
        .await?;
    if answer.is_applied() {
        return Ok(Over::Finished(finish.status));
    }
    if tried.load(std::sync::atomic::Ordering::Relaxed) > 1
        && held.attempt(|| lease::was_finished_by(store.pool(), held.lease)).await?
    {
        return Ok(Over::Finished(finish.status));
    }
    held.refused("run outcome").await;
    Err(Halt::Lost)
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
