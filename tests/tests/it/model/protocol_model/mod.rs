//! The rules: what each event does, and what must hold in every state.

mod state;

use stateright::{Model, Property};

pub(crate) use state::{Event, State, Status, Without};
use state::{Lease, MAX_LOSSES, MAX_TICKETS, MISHAPS, Sent, Ticket, Worker, Write};

#[derive(Clone, Debug, Default)]
pub(crate) struct Protocol {
    pub(crate) without: Option<Without>,
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
