//! When nothing of a run is at work: it is over, it waits, or it goes on.

use std::time::Duration;

use serde_json::{Map, Value};
use shared::{
    domain::{
        run::{WaitReason, error_code},
        step::StepStatus,
    },
    store::{lease::Suspension, run::Finish},
};
use tokio::time::Instant;

use super::{
    Over,
    course::{Course, Ending},
    end,
};
use crate::{
    allowance::size,
    container::{self, Setback},
    contract,
    engine::Engine,
    held::Halt,
    render::RenderRequest,
    sealing,
};

/// Bytes that the outputs of a run may have, written as JSON: whoever started it holds them too.
const LIMIT: usize = 1024 * 1024;

/// What is to be done.
pub(super) enum Settled {
    /// Nothing more by this worker.
    Over(Over),
    /// Look at the steps again.
    Again,
    /// Wait here for a time that comes soon.
    Sleeps,
}

impl<E: Engine> Course<'_, E> {
    /// Nothing runs: is the run over, or does it wait?
    pub(super) async fn settle(&mut self) -> Result<Settled, Halt> {
        let held = &self.scope.held;
        if held.lost.is_cancelled() {
            return Err(Halt::Lost);
        }
        if self.stale {
            return Ok(Settled::Again);
        }
        let now = Instant::now();
        let all_over = self.rows.all().iter().all(|row| row.status().is_final());
        if all_over || (self.ending.is_some() && !self.cleans_up()) || now >= self.scope.deadline(true) {
            // Their last lines are part of the run's log, which its end closes.
            self.scope.services.end_all().await;
            let finish = self.outcome().await?;
            return self.end(&finish).await.map(Settled::Over);
        }
        if self.scope.stop.is_cancelled() {
            return Err(Halt::HandBack);
        }
        let due = self.ready().into_iter().map(|index| self.rows.row(index).due).min();
        if due.is_some_and(|due| due <= now) {
            return Ok(Settled::Again);
        }
        let waiting = self.rows.waiting().count();
        let wait = due.map(|due| due.saturating_duration_since(now));
        let longest = Duration::from_secs(self.scope.worker.config.worker.suspend_backoff_over_s.into());
        if wait.is_some_and(|wait| wait <= longest) {
            return Ok(Settled::Sleeps);
        }
        if waiting == 0 && wait.is_none() {
            let open: Vec<&str> = self
                .rows
                .all()
                .iter()
                .filter(|row| !row.status().is_final())
                .map(|row| row.step.name.as_str())
                .collect();
            let message = format!("no step can begin: {}", open.join(", "));
            return self.end(&Finish::failed(error_code::INVALID_PLAN, message)).await.map(Settled::Over);
        }
        // What a wish to cancel, or the deadline, has to change was seen, or is seen at the next look.
        if self.ending.is_none() && self.is_open() && held.cancelled.is_cancelled() {
            return Ok(Settled::Again);
        }
        let (reason, detail) = self.why_it_waits();
        let suspension = Suspension {
            reason,
            detail,
            until_s: wait.map(|wait| wait.as_secs_f64()),
            waiting,
            cancel_heeded: self.ending.is_some() || !self.is_open(),
        };
        self.scope.services.end_all().await;
        container::clear(&*self.scope.worker.engine, &self.scope.worker.config.instance.0, held.lease).await;
        self.scope.workspace.distrust().await;
        if self.give_back(&suspension).await? {
            return Ok(Settled::Over(Over::Suspended));
        }
        // A wait is over, or the run is to stop: the keeper hears of the latter within half a second.
        tokio::time::sleep(Duration::from_millis(100)).await;
        self.stale = true;
        Ok(Settled::Again)
    }

    /// Whether steps are left that run at the end.
    fn cleans_up(&self) -> bool {
        self.has_begun()
            && self.rows.all().iter().any(|row| self.plan.steps[row.at].finally && !row.status().is_final())
    }

    /// The run is to end: what has not begun, or waits, is over. Nothing is written when the end of the run says it all.
    pub(super) async fn close_open(&mut self) -> Result<(), Halt> {
        let body = |row: &&super::rows::Row| !self.plan.steps[row.at].finally;
        if !self.cleans_up() || self.rows.all().iter().filter(body).any(|row| row.busy) {
            return Ok(());
        }
        let (status, why) = match &self.ending {
            Some(Ending::Cancelled) => (StepStatus::Cancelled, "the run was cancelled"),
            Some(Ending::TimedOut) => (StepStatus::Skipped, "the run took longer than it may"),
            Some(Ending::Fatal(_)) | None => (StepStatus::Skipped, "the run failed"),
        };
        let open = self.rows.all().iter().enumerate().filter(|(_, row)| body(row) && !row.status().is_final());
        let open: Vec<_> = open.map(|(index, _)| (index, why.to_owned())).collect();
        if open.is_empty() {
            return Ok(());
        }
        self.close(status, open).await?;
        self.stale = false;
        self.read_again().await
    }

    /// What people are told about a run without a slot: what needs them most comes first.
    fn why_it_waits(&self) -> (WaitReason, String) {
        const KINDS: [(&str, WaitReason, &str); 5] = [
            ("approval", WaitReason::WaitingForApproval, "waits for a decision"),
            ("start", WaitReason::WaitingForStart, "waits for someone to start it"),
            ("child", WaitReason::WaitingForChild, "waits for the run that it started"),
            ("resources", WaitReason::WaitingForChild, "waits for the resources that it asked for"),
            ("delay", WaitReason::Delayed, "waits for a time to come"),
        ];
        for (kind, reason, words) in KINDS {
            let waits = |row: &&super::rows::Row| {
                row.step.wait.as_ref().and_then(|wait| wait.get("kind")).and_then(Value::as_str) == Some(kind)
            };
            let names: Vec<&str> =
                self.rows.waiting().filter(waits).map(|row| row.step.name.as_str()).take(5).collect();
            if !names.is_empty() {
                return (reason, format!("step {} {words}", names.join(", ")));
            }
        }
        let ready = self.ready();
        let first = ready.iter().min_by_key(|&&index| self.rows.row(index).due);
        let name = first.map_or("", |&index| self.rows.row(index).step.name.as_str());
        (WaitReason::BackingOff, format!("step {name} is tried again later"))
    }

    /// How the run ends.
    async fn outcome(&mut self) -> Result<Finish, Halt> {
        let held = &self.scope.held;
        let cancelled_before =
            held.cancelled.is_cancelled() && self.rows.all().iter().any(|row| row.status() == StepStatus::Cancelled);
        let cancelled = || {
            let why = held.cancel_reason();
            Finish::cancelled(if why.is_empty() { "cancelled" } else { why }, "system")
        };
        match &self.ending {
            Some(Ending::Fatal(failure)) => return Ok(self.failure(failure.code, &failure.message)),
            Some(Ending::Cancelled) => return Ok(cancelled()),
            _ if cancelled_before => return Ok(cancelled()),
            Some(Ending::TimedOut) => {
                let message = format!("the run took longer than {} s", self.plan.timeout_s);
                return Ok(Finish::failed(error_code::TIMED_OUT, message));
            }
            None => {}
        }
        if let Some(failure) = &self.failed {
            return Ok(self.failure(failure.code, &failure.message));
        }
        if self.rows.all().iter().any(|row| !row.status().is_final()) {
            let message = "the steps that run at the end took longer than they may";
            return Ok(Finish::failed(error_code::TIMED_OUT, message));
        }
        let finish = self.completed().await?;
        if size(&finish.outputs) > LIMIT {
            let message =
                format!("the run's outputs have more than {LIMIT} bytes; name those that others need as `outputs`");
            return Ok(Finish::failed(error_code::STEP_FAILED, message));
        }
        Ok(finish)
    }

    fn failure(&self, code: &str, message: &str) -> Finish {
        Finish::failed(code, self.scope.mask.clean(message))
    }

    /// What the run gives back.
    async fn completed(&self) -> Result<Finish, Halt> {
        let rows = (0..self.plan.steps.len()).map(|at| &self.rows.row(self.rows.main(at)).step);
        if self.plan.outputs.is_empty() {
            let outputs = rows.clone().filter_map(|step| step.outputs.as_object()).flatten();
            let outputs: Map<String, Value> = outputs.map(|(name, value)| (name.clone(), value.clone())).collect();
            let mut sensitive: Vec<String> = rows.flat_map(|step| step.sensitive_outputs.clone()).collect();
            sensitive.extend(self.plan.steps.iter().flat_map(|step| step.sensitive.clone()));
            sensitive.sort_unstable();
            sensitive.dedup();
            return Ok(Finish::completed(outputs, sensitive));
        }
        let values: Map<String, Value> =
            self.plan.outputs.iter().map(|(name, output)| (name.clone(), output.value.clone())).collect();
        let sensitive =
            self.plan.outputs.iter().filter(|(_, output)| output.sensitive).map(|(name, _)| name.clone()).collect();
        match self.filled(values, sensitive).await {
            Ok((outputs, sensitive)) => Ok(Finish::completed(outputs, sensitive)),
            Err(Setback::Failed(failure)) => Ok(self.failure(failure.code, &failure.message)),
            Err(Setback::Passing(why)) => Err(Halt::Unfit(why)),
            Err(Setback::Halt(halt)) => Err(halt),
        }
    }

    /// The outputs, filled in, and what is sensitive of them sealed.
    async fn filled(
        &self,
        values: Map<String, Value>,
        mut sensitive: Vec<String>,
    ) -> Result<(Map<String, Value>, Vec<String>), Setback> {
        let context = self.context(None);
        let context = sealing::open(self.scope, "", &context).await?.values.into_owned();
        let request = RenderRequest { context, values, ..RenderRequest::default() };
        let rendered = self.scope.worker.renderer.render(request).await;
        let rendered = rendered.map_err(|error| contract::setback("the workflow's outputs", &error))?;
        let mut outputs = rendered.values;
        sealing::seal(self.scope, &mut outputs, &mut sensitive).await?;
        Ok((outputs, sensitive))
    }

    async fn end(&self, finish: &Finish) -> Result<Over, Halt> {
        end(&self.scope.worker, &self.scope.held, finish).await
    }
}
