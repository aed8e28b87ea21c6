//! The protocol of one run, as a model whose every order of events is tried.
//!
//! Postgres, Redis, a scheduler and two workers; tickets are lost and doubled, leases end, processes die at any point,
//! and what a worker wrote may reach Postgres at any later time, even after that worker is gone. A frozen worker needs
//! no event of its own: it is one whose next event comes late. The rules are those of `store::lease` and
//! `store::rescue`; taking one of them away must be noticed, which the last tests see to.

mod protocol_model;

use std::collections::HashMap;

use protocol_model::{Protocol, State, Without};
use stateright::{Checker, HasDiscoveries, Model};

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
