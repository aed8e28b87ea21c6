//! Streams that are open: how many, whose, and for how long they may be.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::StatusCode;
use shared::domain::access::Principal;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{error::Problem, identity, state::AppState};

mod watch;
use watch::{Watch, Watched};

/// Streams that may be open at once, over all callers; one more is answered 503.
const MAX: usize = 512;

/// Counts the streams that are open. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Streams {
    all: Arc<Semaphore>,
    each: Arc<Mutex<HashMap<Uuid, u32>>>,
    most: u32,
    watch: Watch,
}

impl Streams {
    /// None is open; each caller may have `most`.
    pub(crate) fn new(most: u32) -> Self {
        Self { all: Arc::new(Semaphore::new(MAX)), each: Arc::default(), most, watch: Watch::default() }
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        MAX - self.all.available_permits()
    }

    /// Counts one that is nobody's: a request that waits for long. None when too many are open.
    pub(crate) fn wait(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.all).try_acquire_owned().ok()
    }

    fn count_in(&self, caller: &Principal) -> Result<Counted, Problem> {
        let Ok(permit) = self.all.clone().try_acquire_owned() else {
            let detail = "too many streams are open; try again later, or read without following";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail));
        };
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        let open = each.entry(caller.id).or_default();
        if *open >= self.most {
            let detail = format!("you have {open} streams open here, and {} is the most; close one first", self.most);
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-streams", detail));
        }
        *open += 1;
        Ok(Counted { _all: permit, each: Arc::clone(&self.each), caller: caller.id })
    }
}

/// Counts one more stream of this caller, until the permit is dropped, and looks from time to time whether they still may.
///
/// # Errors
/// 503 when too many are open, 429 when too many of this caller's are.
pub(crate) fn open(app: &AppState, caller: &Principal) -> Result<Permit, Problem> {
    let counted = app.streams.count_in(caller)?;
    let watched = app.streams.watch.enter(caller, &app.store, identity::idle(&app.config));
    Ok(Permit { _counted: counted, watched })
}

/// An open stream.
#[derive(Debug)]
pub(crate) struct Permit {
    _counted: Counted,
    watched: Watched,
}

impl Permit {
    /// Cancelled, within a second, when the caller's key or session is good no more, or good for something else than when the
    /// stream began: nothing may be sent after that.
    pub(crate) fn lapsed(&self) -> &CancellationToken {
        self.watched.over()
    }
}

/// One of the caller's streams, and of all.
#[derive(Debug)]
struct Counted {
    _all: OwnedSemaphorePermit,
    each: Arc<Mutex<HashMap<Uuid, u32>>>,
    caller: Uuid,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = each.get_mut(&self.caller) {
            *open -= 1;
            if *open == 0 {
                each.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(id: Uuid) -> Principal {
        Principal {
            kind: shared::domain::access::PrincipalKind::Key,
            id,
            name: "ada".into(),
            roles: [].into(),
            other_roles: [].into(),
            teams: [].into(),
            scopes: None,
            credential: shared::domain::access::Credential::Guest,
        }
    }

    #[test]
    fn one_callers_streams_are_bounded_and_closed_ones_do_not_count() {
        let streams = Streams::new(2);
        let (ada, bob) = (caller(Uuid::from_u128(1)), caller(Uuid::from_u128(2)));
        let first = streams.count_in(&ada).unwrap();
        let _second = streams.count_in(&ada).unwrap();
        assert_eq!(streams.count_in(&ada).unwrap_err().code(), "too-many-streams");
        let _other = streams.count_in(&bob).unwrap();
        assert_eq!(streams.count(), 3);
        drop(first);
        let _third = streams.count_in(&ada).unwrap();
        assert_eq!(streams.count(), 3);
    }
}
