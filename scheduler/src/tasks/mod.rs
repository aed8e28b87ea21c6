//! The tasks, a file a verb.

mod advance;
mod expire;
mod promote;
mod prune;
mod read;
mod requeue;
mod rescue;
mod resolve;
mod time_out;
mod waits;

use std::{sync::Arc, time::Duration};

use shared::{
    config::Config,
    formats::registry::Registry,
    queue::{Ticket, Tickets},
    store::{Store, rescue::DueTicket},
};

use crate::sources::Providers;

/// Rows one pass of a task takes at most, so that no transaction grows without bound; a full pass is followed by another.
const BATCH: i64 = 500;

/// What every task works with.
pub(crate) struct Scheduler {
    pub(crate) store: Store,
    pub(crate) providers: Providers,
    pub(crate) config: Config,
    tickets: Tickets,
}

/// What one pass of a task did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// There was nothing to do.
    Idle,
    /// Something was done; there may be more.
    Worked,
}

impl Pass {
    fn of(count: usize) -> Self {
        if count == 0 { Self::Idle } else { Self::Worked }
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
    Drift,
    Prune,
}

impl Task {
    /// Those that a NOTIFY wakes, and the timer behind it. A submission goes all the way to a ticket in one pass; what
    /// `advance` and `waits` let go on is promoted in the pass that follows at once.
    pub(crate) const WOKEN: [Self; 6] =
        [Self::Resolve, Self::Promote, Self::Advance, Self::Waits, Self::Read, Self::Requeue];
    /// Those that wait for time to pass.
    pub(crate) const TIMED: [Self; 5] = [Self::Rescue, Self::TimeOut, Self::Expire, Self::Drift, Self::Prune];

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
            Self::Drift => "drift",
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
            | Self::Requeue
            | Self::Rescue
            | Self::TimeOut => period,
            Self::Expire => period * 2,
            Self::Drift => period * 10,
            Self::Prune => period * 600,
        }
    }
}

impl Scheduler {
    pub(crate) fn new(store: Store, tickets: Tickets, registry: Registry, config: Config) -> Self {
        Self { store, providers: Providers::new(registry), config, tickets }
    }

    /// The set of providers to plan with; a pass that asks once plans all its runs with one set.
    pub(crate) fn registry(&self) -> Arc<Registry> {
        self.providers.current()
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
            Task::Drift => read::ask_by_schedule(self).await,
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
            Ok(()) => metrics::counter!("slipway_tickets_sent_total").increment(tickets.len() as u64),
            Err(error) => tracing::warn!(
                tickets = tickets.len(),
                %error,
                "Redis did not take the tickets; they are sent again after {} s",
                self.config.scheduler.requeue_after_s
            ),
        }
    }
}
