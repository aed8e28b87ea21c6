//! The protocol of one run, as a model whose every order of events is tried.
//!
//! Postgres, Redis, a scheduler and two workers; tickets are lost and doubled, leases end, processes die at any point,
//! and what a worker wrote may reach Postgres at any later time, even after that worker is gone. A frozen worker needs
//! no event of its own: it is one whose next event comes late. The rules are those of `store::lease` and
//! `store::rescue`; taking one of them away must be noticed, which the last tests see to.

use std::collections::HashMap;

use stateright::{Checker, HasDiscoveries, Model, Property};

/// Times a run may be lost with its worker before it is failed as poison.
const MAX_LOSSES: u8 = 1;
/// Deaths, flushes, cancellations and hand-backs in all. That leases end and workers are slow comes on top, without limit.
const MISHAPS: u8 = 2;
/// Tickets that wait in Redis at most, so that there are finitely many states.
const MAX_TICKETS: usize = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Status {
    Pending,
    Queued,
    Running,
    Completed,
    Failed,
    Cancelled,
}

impl Status {
    fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// A ticket: the fence it was sent under. What follows the comma is known to the checker alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Ticket {
    fence: u8,
    /// The wait of the run that it was sent in.
    wait: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Worker {
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
struct Lease {
    fence: u8,
    /// Which claim gave it, known to the checker alone: the protocol must tell leases apart by the fence.
    tenure: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Write {
    Renew,
    StepDone,
    Complete,
    Cancel,
    HandBack,
}

/// A write on its way to Postgres.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Sent {
    lease: Lease,
    write: Write,
    /// What the fence said when the write was sent; only a broken protocol looks at it.
    was_good: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    // The run's row.
    status: Status,
    fence: u8,
    lease_over: bool,
    cancel_requested: bool,
    losses: u8,
    step_done: bool,
    // Redis.
    tickets: Vec<Ticket>,
    // The scheduler, between its commit and its push.
    owes: Option<Ticket>,
    workers: [Worker; 2],
    wire: Vec<Sent>,
    /// Events that may still go wrong, of any kind: so there are finitely many states.
    mishaps: u8,
    // What the checker watches.
    wait: u8,
    tenure: u8,
    outcomes: u8,
    step_outcomes: u8,
    stale_write_changed: bool,
    fence_fell: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Event {
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
    fn is_mishap(self) -> bool {
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
enum Without {
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

#[derive(Clone, Debug, Default)]
struct Protocol {
    without: Option<Without>,
}

impl Protocol {
    fn lacks(&self, rule: Without) -> bool {
        self.without == Some(rule)
    }

    /// Whether a write under this lease is good now.
    fn is_good(&self, state: &State, lease: Lease) -> bool {
        state.fence == lease.fence && state.status == Status::Running
    }

    fn raise(&self, state: &mut State) {
        if !self.lacks(Without::Fences) {
            state.fence += 1;
        }
    }

    /// The run waits for a worker, under a new fence.
    fn queue_again(&self, state: &mut State) {
        state.status = Status::Queued;
        self.raise(state);
        state.wait += 1;
        // Known to the checker: from here on nobody holds the run.
        state.tenure += 1;
        state.lease_over = false;
    }

    fn finish(&self, state: &mut State, status: Status) {
        if state.status != Status::Running {
            self.raise(state);
        }
        state.status = status;
        state.outcomes += 1;
        state.lease_over = false;
    }

    /// What Postgres does with a write, and what its worker hears.
    fn arrive(&self, state: &mut State, sent: Sent) {
        let good = if self.lacks(Without::LockBeforeWrite) { sent.was_good } else { self.is_good(state, sent.lease) };
        if good {
            state.stale_write_changed |= sent.lease.tenure != state.tenure;
            match sent.write {
                Write::Renew => state.lease_over = false,
                Write::StepDone => {
                    state.step_done = true;
                    state.step_outcomes += 1;
                }
                Write::Complete => self.finish(state, Status::Completed),
                Write::Cancel => self.finish(state, Status::Cancelled),
                Write::HandBack => self.queue_again(state),
            }
        }
        let ends = matches!(sent.write, Write::Complete | Write::Cancel | Write::HandBack);
        for worker in &mut state.workers {
            match worker {
                Worker::Drives { lease, step_done, waits } if *lease == sent.lease && *waits => {
                    *waits = false;
                    *step_done |= sent.write == Write::StepDone;
                    if ends || !good {
                        *worker = Worker::Idle;
                    }
                }
                _ => {}
            }
        }
    }

    fn claim(&self, state: &mut State, worker: usize, ticket: Ticket) {
        let queued = state.status == Status::Queued;
        state.workers[worker] = Worker::Idle;
        if !queued || state.fence != ticket.fence || state.cancel_requested {
            return; // stale: acknowledged and forgotten
        }
        state.status = Status::Running;
        self.raise(state);
        state.tenure += 1;
        state.lease_over = false;
        let lease = Lease { fence: state.fence, tenure: state.tenure };
        // A claimed run goes on at the first step without a recorded outcome.
        state.workers[worker] = Worker::Drives { lease, step_done: state.step_done, waits: false };
    }
}

impl Model for Protocol {
    type State = State;
    type Action = Event;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            status: Status::Pending,
            fence: 0,
            lease_over: false,
            cancel_requested: false,
            losses: 0,
            step_done: false,
            tickets: Vec::new(),
            owes: None,
            workers: [Worker::Idle; 2],
            wire: Vec::new(),
            mishaps: MISHAPS,
            wait: 0,
            tenure: 0,
            outcomes: 0,
            step_outcomes: 0,
            stale_write_changed: false,
            fence_fell: false,
        }]
    }

    fn actions(&self, state: &State, events: &mut Vec<Event>) {
        let mishap = state.mishaps > 0;
        if state.status == Status::Pending {
            events.push(Event::Promote);
        }
        match state.owes {
            Some(_) => events.push(Event::Push),
            None if state.status == Status::Queued
                && state.tickets.len() < MAX_TICKETS
                && !self.lacks(Without::Requeue) =>
            {
                events.push(Event::Requeue);
            }
            None => {}
        }
        if state.status == Status::Running {
            events.push(if state.lease_over { Event::Rescue } else { Event::LeaseEnds });
        }
        if state.status == Status::Queued && state.cancel_requested && !self.lacks(Without::EndCancelled) {
            events.push(Event::EndCancelled);
        }
        for (at, worker) in state.workers.iter().enumerate() {
            match *worker {
                Worker::Idle => events.extend(state.tickets.iter().map(|ticket| Event::Take(at, *ticket))),
                Worker::Holds(_) => events.push(Event::Claim(at)),
                Worker::Drives { waits: true, .. } => {}
                Worker::Drives { step_done, waits: false, .. } => {
                    events.push(Event::Send(at, if step_done { Write::Complete } else { Write::StepDone }));
                    if state.lease_over {
                        events.push(Event::Send(at, Write::Renew));
                    }
                    if state.cancel_requested {
                        events.push(Event::Send(at, Write::Cancel));
                    }
                    if mishap {
                        events.push(Event::Send(at, Write::HandBack));
                    }
                }
            }
            if mishap && *worker != Worker::Idle {
                events.push(Event::WorkerDies(at));
            }
        }
        events.extend(state.wire.iter().map(|sent| Event::Arrive(*sent)));
        if mishap && !state.status.is_over() {
            events.push(Event::PersonCancels);
        }
        if mishap && state.owes.is_some() {
            events.push(Event::SchedulerDies);
        }
        if mishap && !state.tickets.is_empty() {
            events.push(Event::RedisFlushed);
        }
    }

    fn next_state(&self, last: &State, event: Event) -> Option<State> {
        let mut state = last.clone();
        state.mishaps -= u8::from(event.is_mishap());
        match event {
            Event::Promote => {
                state.status = Status::Queued;
                state.wait += 1;
                state.owes = Some(Ticket { fence: state.fence, wait: state.wait });
            }
            Event::Push => state.tickets.extend(state.owes.take()),
            Event::Requeue => {
                if self.lacks(Without::SameTicketAgain) {
                    state.fence += 1;
                }
                state.owes = Some(Ticket { fence: state.fence, wait: state.wait });
            }
            Event::Rescue => {
                if self.lacks(Without::Rescue) {
                    return None;
                }
                self.queue_again(&mut state);
                if !self.lacks(Without::PoisonLimit) {
                    state.losses += 1;
                }
                if state.cancel_requested {
                    self.finish(&mut state, Status::Cancelled);
                } else if state.losses > MAX_LOSSES {
                    self.finish(&mut state, Status::Failed);
                }
            }
            Event::EndCancelled => self.finish(&mut state, Status::Cancelled),
            Event::Take(worker, ticket) => {
                let at = state.tickets.iter().position(|other| *other == ticket)?;
                state.tickets.remove(at);
                state.workers[worker] = Worker::Holds(ticket);
            }
            Event::Claim(worker) => {
                let Worker::Holds(ticket) = state.workers[worker] else { return None };
                self.claim(&mut state, worker, ticket);
            }
            Event::Send(worker, write) => {
                let Worker::Drives { lease, waits, .. } = &mut state.workers[worker] else { return None };
                *waits = true;
                let sent = Sent { lease: *lease, write, was_good: self.is_good(last, *lease) };
                state.wire.push(sent);
            }
            Event::Arrive(sent) => {
                let at = state.wire.iter().position(|other| *other == sent)?;
                state.wire.remove(at);
                self.arrive(&mut state, sent);
            }
            Event::LeaseEnds => state.lease_over = true,
            Event::PersonCancels => match state.status {
                Status::Pending | Status::Queued => self.finish(&mut state, Status::Cancelled),
                Status::Running => state.cancel_requested = true,
                Status::Completed | Status::Failed | Status::Cancelled => return None,
            },
            Event::WorkerDies(worker) => {
                // A ticket that was read and never acknowledged is taken over by others; what is on the wire arrives.
                if let Worker::Holds(ticket) = state.workers[worker] {
                    state.tickets.push(ticket);
                }
                state.workers[worker] = Worker::Idle;
            }
            Event::SchedulerDies => {
                state.owes = None;
            }
            Event::RedisFlushed => {
                state.tickets.clear();
            }
        }
        state.fence_fell |= state.fence < last.fence;
        // Orders that make no difference are one state; so are the two workers, which are alike.
        state.tickets.sort_unstable();
        state.wire.sort_unstable();
        state.workers.sort_unstable();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("a run has at most one outcome", |_, state: &State| state.outcomes <= 1),
            Property::always("a run that is over has its outcome", |_, state: &State| {
                state.status.is_over() == (state.outcomes == 1)
            }),
            Property::always("a step has at most one outcome", |_, state: &State| state.step_outcomes <= 1),
            Property::always("a stale write changes nothing", |_, state: &State| !state.stale_write_changed),
            Property::always("the fence never falls", |_, state: &State| !state.fence_fell),
            Property::always("a ticket is good for as long as the run waits", |_, state: &State| {
                state.status != Status::Queued
                    || state.tickets.iter().all(|ticket| ticket.wait != state.wait || ticket.fence == state.fence)
            }),
            Property::always("a run is lost a bounded number of times", |_, state: &State| {
                state.tenure <= 2 * (MAX_LOSSES + 1 + MISHAPS)
            }),
            // That the model is not empty: each of these happens.
            Property::sometimes("a run completes", |_, state: &State| state.status == Status::Completed),
            Property::sometimes("a run is cancelled by its worker", |_, state: &State| {
                state.status == Status::Cancelled && state.cancel_requested && state.losses == 0
            }),
            Property::sometimes("a run is failed as poison", |_, state: &State| state.status == Status::Failed),
            Property::sometimes("two workers believe they drive the run", |_, state: &State| {
                state.workers.iter().all(|worker| matches!(worker, Worker::Drives { .. }))
            }),
            Property::sometimes("a write of an older lease arrives while another holds the run", |_, state: &State| {
                state.status == Status::Running && state.wire.iter().any(|sent| sent.lease.tenure < state.tenure)
            }),
            Property::sometimes("a ticket waits that is stale", |_, state: &State| {
                state.status == Status::Queued && state.tickets.iter().any(|ticket| ticket.fence != state.fence)
            }),
        ]
    }

    fn within_boundary(&self, state: &State) -> bool {
        // Only a broken protocol gets here; it must be caught, not followed for ever.
        state.fence <= 12 && state.tenure <= 12
    }
}

/// What the checker found wrong, by name.
fn violations(without: Option<Without>) -> Vec<&'static str> {
    let checker = Protocol { without }.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_dfs().join();
    let always = checker.model().properties().into_iter().filter(|property| {
        matches!(property.expectation, stateright::Expectation::Always) == checker.discovery(property.name).is_some()
    });
    always.map(|property| property.name).collect()
}

/// The number of states, and of those from which the run can never end if nothing more goes wrong.
fn stuck(without: Option<Without>) -> (usize, usize) {
    let model = Protocol { without };
    let mut numbers: HashMap<State, usize> = HashMap::new();
    let mut queue = model.init_states();
    queue.iter().for_each(|state| {
        numbers.insert(state.clone(), 0);
    });
    let mut over = Vec::new();
    // Where each state may have come from, without a mishap.
    let mut origins: Vec<Vec<usize>> = vec![Vec::new()];
    let mut at = 0;
    while at < queue.len() {
        let state = queue[at].clone();
        if state.status.is_over() {
            over.push(at);
        }
        let mut events = Vec::new();
        model.actions(&state, &mut events);
        for event in events {
            let Some(next) = model.next_state(&state, event).filter(|next| model.within_boundary(next)) else {
                continue;
            };
            let number = *numbers.entry(next.clone()).or_insert_with(|| {
                queue.push(next);
                origins.push(Vec::new());
                queue.len() - 1
            });
            if !event.is_mishap() {
                origins[number].push(at);
            }
        }
        at += 1;
    }
    let mut can_end = vec![false; queue.len()];
    while let Some(state) = over.pop() {
        if !std::mem::replace(&mut can_end[state], true) {
            over.extend(&origins[state]);
        }
    }
    (queue.len(), can_end.iter().filter(|can| !**can).count())
}

#[test]
fn whatever_happens_a_run_has_one_outcome_and_no_stale_write_counts() {
    assert_eq!(violations(None), Vec::<&str>::new());
}

#[test]
fn from_every_state_the_run_can_still_end() {
    let (states, stuck) = stuck(None);
    assert!(states > 10_000, "only {states} states: the model has become too small to mean anything");
    assert_eq!(stuck, 0, "of {states} states");
}

#[test]
fn without_fences_a_late_write_counts() {
    assert!(violations(Some(Without::Fences)).contains(&"a stale write changes nothing"));
}

#[test]
fn a_write_that_does_not_lock_the_run_first_counts_when_it_must_not() {
    assert!(violations(Some(Without::LockBeforeWrite)).contains(&"a stale write changes nothing"));
}

#[test]
fn a_new_fence_for_each_ticket_sent_again_makes_waiting_tickets_stale() {
    let found = violations(Some(Without::SameTicketAgain));
    assert!(found.contains(&"a ticket is good for as long as the run waits"), "{found:?}");
}

#[test]
fn without_requeue_a_lost_ticket_is_a_lost_run() {
    assert!(stuck(Some(Without::Requeue)).1 > 0);
}

#[test]
fn without_rescue_a_dead_worker_is_a_lost_run() {
    assert!(stuck(Some(Without::Rescue)).1 > 0);
}

#[test]
fn without_ending_what_waits_and_is_cancelled_a_run_handed_back_is_never_claimed_again() {
    assert!(stuck(Some(Without::EndCancelled)).1 > 0);
}

#[test]
fn without_a_limit_a_run_that_kills_workers_goes_on_for_ever() {
    assert!(violations(Some(Without::PoisonLimit)).contains(&"a run is lost a bounded number of times"));
}
