//! The tasks, a file a verb.

mod advance;
mod batches;
pub(crate) mod bulk;
mod chain;
mod count;
pub(crate) mod deliver;
mod expire;
mod fairness;
pub(crate) mod notify;
mod promote;
mod prune;
mod read;
mod requeue;
mod rescue;
mod resolve;
pub(crate) mod stream;
mod time_out;
mod usage;
mod waits;

use std::{sync::Arc, time::Duration};

use shared::{
    config::Config,
    domain::ids::RunId,
    formats::registry::Registry,
    queue::{Ticket, Tickets},
    store::{Connection, Store, StoreError, rescue::DueTicket, trace},
    traces::Traces,
};

use crate::{settings::Schedules, sources::Providers};

/// Rows one pass of a task takes at most, so that no transaction grows without bound; a full pass is followed by another.
const BATCH: i64 = 500;

/// What every task works with.
pub(crate) struct Scheduler {
    pub(crate) store: Store,
    pub(crate) providers: Providers,
    pub(crate) config: Config,
    schedules: Schedules,
    tickets: Tickets,
    told: chain::Told,
    pub(crate) traces: Traces,
}

/// What one pass of a task did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Pass {
    /// There was nothing to do.
    Idle,
    /// Something was done; there may be more.
    Worked,
    /// As much was done as a pass does at most: there is more.
    Full,
}

impl Pass {
    fn of(count: usize) -> Self {
        match i64::try_from(count) {
            Ok(0) => Self::Idle,
            Ok(count) if count < BATCH => Self::Worked,
            Ok(_) | Err(_) => Self::Full,
        }
    }
}

/// The tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Resolve,
    Advance,
    Promote,
    Waits,
    Requeue,
    Rescue,
    TimeOut,
    Expire,
    Read,
    Batches,
    Drift,
    Fairness,
    Usage,
    Count,
    Recount,
    Chain,
    Prune,
}

impl Task {
    /// Those that a NOTIFY wakes, and the timer behind it, after `resolve` and `promote`: what `advance` and `waits` let go on
    /// wakes those two.
    pub(crate) const WOKEN: [Self; 5] = [Self::Advance, Self::Waits, Self::Read, Self::Batches, Self::Requeue];
    /// Those that wait for time to pass.
    pub(crate) const TIMED: [Self; 10] = [
        Self::Rescue,
        Self::TimeOut,
        Self::Expire,
        Self::Drift,
        Self::Fairness,
        Self::Usage,
        Self::Count,
        Self::Recount,
        Self::Chain,
        Self::Prune,
    ];

    /// For logs and metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Advance => "advance",
            Self::Promote => "promote",
            Self::Waits => "waits",
            Self::Requeue => "requeue",
            Self::Rescue => "rescue",
            Self::TimeOut => "time_out",
            Self::Expire => "expire",
            Self::Read => "read",
            Self::Batches => "batches",
            Self::Drift => "drift",
            Self::Fairness => "fairness",
            Self::Chain => "chain",
            Self::Usage => "usage",
            Self::Count => "count",
            Self::Recount => "recount",
            Self::Prune => "prune",
        }
    }

    /// How often a timed task runs.
    pub(crate) fn period(self, config: &Config) -> Duration {
        let period = Duration::from_millis(config.scheduler.period_ms);
        match self {
            Self::Resolve
            | Self::Advance
            | Self::Promote
            | Self::Waits
            | Self::Read
            | Self::Batches
            | Self::Requeue
            | Self::Rescue
            | Self::TimeOut
            | Self::Chain => period,
            Self::Expire | Self::Usage | Self::Count => period * 2,
            Self::Drift | Self::Fairness => period * 10,
            Self::Prune => period * 600,
            Self::Recount => period * 3600,
        }
    }
}

impl Scheduler {
    pub(crate) fn new(
        store: Store,
        tickets: Tickets,
        registry: Registry,
        schedules: Schedules,
        config: Config,
        traces: Traces,
    ) -> Self {
        let providers = Providers::new(registry);
        Self { store, providers, config, schedules, tickets, told: chain::Told::default(), traces }
    }

    /// The set of providers to plan with; a pass that asks once plans all its runs with one set.
    pub(crate) fn registry(&self) -> Arc<Registry> {
        self.providers.current()
    }

    /// Has new runs belong to the trace of what asked for them.
    async fn trace(&self, conn: &mut Connection, runs: impl IntoIterator<Item = RunId>) -> Result<(), StoreError> {
        if self.traces.is_on() {
            trace::adopt(conn, &runs.into_iter().collect::<Vec<_>>()).await?;
        }
        Ok(())
    }

    /// One pass of one task.
    ///
    /// # Errors
    /// When Postgres cannot be reached; whatever was not committed is done by a later pass.
    pub(crate) async fn run(&self, task: Task) -> anyhow::Result<Pass> {
        match task {
            Task::Resolve => resolve::run(self).await,
            Task::Advance => advance::run(self).await,
            Task::Promote => promote::run(self).await,
            Task::Waits => waits::run(self).await,
            Task::Requeue => requeue::run(self).await,
            Task::Rescue => rescue::run(self).await,
            Task::TimeOut => time_out::run(self).await,
            Task::Expire => expire::run(self).await,
            Task::Read => read::run(self).await,
            Task::Batches => batches::run(self).await,
            Task::Drift => read::ask_by_schedule(self).await,
            Task::Fairness => fairness::run(self).await,
            Task::Usage => usage::run(self).await,
            Task::Count => count::run(self).await,
            Task::Recount => count::check(self).await,
            Task::Chain => chain::run(self).await,
            Task::Prune => prune::run(self).await,
        }
    }

    /// Sends tickets for runs that are committed as queued. What Redis does not take, `requeue` sends later.
    async fn send(&self, due: &[DueTicket]) {
        if due.is_empty() {
            return;
        }
        let ticket = |due: &DueTicket| (due.queue.clone(), Ticket { run_id: due.run_id, fence: due.fence });
        let tickets: Vec<_> = due.iter().map(ticket).collect();
        match self.tickets.push(&tickets).await {
            Ok(()) => {}
            Err(error) => tracing::warn!(
                tickets = tickets.len(),
                %error,
                "Redis did not take the tickets; they are sent again after {} s",
                self.config.scheduler.requeue_after_s
            ),
        }
    }
}

/// The longest time between two tries to deliver something, unless the receiver asks for more.
const MAX_BACKOFF: Duration = Duration::from_secs(3600);

/// `first` seconds, doubled with each further try, up to an hour; give or take a quarter, so that many do not come at once.
fn backoff(first: u32, attempt: i32) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or_default().min(16);
    let whole = Duration::from_secs(first.into()).saturating_mul(2_u32.saturating_pow(doublings)).min(MAX_BACKOFF);
    whole.mul_f64(0.75 + rand::random::<f64>() / 2.0)
}
