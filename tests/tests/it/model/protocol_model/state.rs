//! What the model is made of: the run's row, tickets, workers, writes under way, and what may happen.

/// Times a run may be lost with its worker before it is failed as poison.
pub(crate) const MAX_LOSSES: u8 = 1;
/// Deaths, flushes, cancellations and hand-backs in all. That leases end and workers are slow comes on top, without limit.
pub(crate) const MISHAPS: u8 = 2;
/// Tickets that wait in Redis at most, so that there are finitely many states.
pub(crate) const MAX_TICKETS: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Status {
    Pending,
    Queued,
    Running,
    Completed,
    Failed,
    Cancelled,
}

impl Status {
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// A ticket: the fence it was sent under. What follows the comma is known to the checker alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ticket {
    pub(crate) fence: u8,
    /// The wait of the run that it was sent in.
    pub(crate) wait: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Worker {
    Idle,
    /// Has read a ticket and not claimed yet.
    Holds(Ticket),
    /// Drives the run under a lease that may long be over.
    Drives {
        lease: Lease,
        step_done: bool,
        /// Waits for Postgres to answer a write.
        waits: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Lease {
    pub(crate) fence: u8,
    /// Which claim gave it, known to the checker alone: the protocol must tell leases apart by the fence.
    pub(crate) tenure: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Write {
    Renew,
    StepDone,
    Complete,
    Cancel,
    HandBack,
}

/// A write on its way to Postgres.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Sent {
    pub(crate) lease: Lease,
    pub(crate) write: Write,
    /// What the fence said when the write was sent; only a broken protocol looks at it.
    pub(crate) was_good: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    // The run's row.
    pub(crate) status: Status,
    pub(crate) fence: u8,
    pub(crate) lease_over: bool,
    pub(crate) cancel_requested: bool,
    pub(crate) losses: u8,
    pub(crate) step_done: bool,
    // Redis.
    pub(crate) tickets: Vec<Ticket>,
    // The scheduler, between its commit and its push.
    pub(crate) owes: Option<Ticket>,
    pub(crate) workers: [Worker; 2],
    pub(crate) wire: Vec<Sent>,
    /// Events that may still go wrong, of any kind: so there are finitely many states.
    pub(crate) mishaps: u8,
    // What the checker watches.
    pub(crate) wait: u8,
    pub(crate) tenure: u8,
    pub(crate) outcomes: u8,
    pub(crate) step_outcomes: u8,
    pub(crate) stale_write_changed: bool,
    pub(crate) fence_fell: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Event {
    Promote,
    Push,
    Requeue,
    Rescue,
    /// The scheduler ends a run that waits and was asked to cancel.
    EndCancelled,
    Take(usize, Ticket),
    Claim(usize),
    Send(usize, Write),
    /// A write reaches Postgres.
    Arrive(Sent),
    LeaseEnds,
    PersonCancels,
    WorkerDies(usize),
    SchedulerDies,
    RedisFlushed,
}

impl Event {
    /// Whether the system must be able to end every run without it.
    pub(crate) fn is_mishap(self) -> bool {
        match self {
            Self::PersonCancels | Self::WorkerDies(_) | Self::SchedulerDies | Self::RedisFlushed => true,
            // Handing back is a worker that stops: it must not be needed either.
            Self::Send(_, write) => write == Write::HandBack,
            Self::Promote
            | Self::Push
            | Self::Requeue
            | Self::Rescue
            | Self::EndCancelled
            | Self::Take(..)
            | Self::Claim(_)
            | Self::Arrive(_)
            | Self::LeaseEnds => false,
        }
    }
}

/// A rule taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Without {
    /// Neither claim nor rescue nor hand-back raises the fence.
    Fences,
    /// A write looks at the fence when it is sent, and not under the lock of the row.
    LockBeforeWrite,
    /// Sending a ticket again raises the fence.
    SameTicketAgain,
    /// Nobody sends a ticket again.
    Requeue,
    /// Nobody takes a run from a dead worker.
    Rescue,
    /// Nobody ends a run that was handed back while a cancellation was on its way.
    EndCancelled,
    /// A lost run is tried for ever.
    PoisonLimit,
}
