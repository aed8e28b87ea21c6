//! Whether those who read streams still may: one look at all of them together.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use shared::{
    domain::access::{Credential, Principal},
    store::{Store, credential},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Between two looks at the credentials of all open streams: one that is revoked, disabled or changed ends its streams within
/// this time and what one statement takes, so within a second, in every process.
const LOOK: Duration = Duration::from_millis(400);

/// The open streams and what let them in. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    streams: HashMap<u64, (Principal, CancellationToken)>,
    /// Whether somebody looks: as long as there are streams.
    looked_at: bool,
}

/// A stream that is looked at until this is dropped.
#[derive(Debug)]
pub(super) struct Watched {
    watch: Watch,
    number: u64,
    over: CancellationToken,
}

impl Watched {
    /// Cancelled when the credential is good no more.
    pub(super) fn over(&self) -> &CancellationToken {
        &self.over
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watch.lock().streams.remove(&self.number);
    }
}

impl Watch {
    /// Looks at this caller's credential too from now on.
    pub(super) fn enter(&self, caller: &Principal, store: &Store, idle: Duration) -> Watched {
        let over = CancellationToken::new();
        let mut open = self.lock();
        let number = open.next;
        open.next += 1;
        if caller.credential != Credential::Guest {
            open.streams.insert(number, (caller.clone(), over.clone()));
            if !open.looked_at {
                open.looked_at = true;
                tokio::spawn(self.clone().look(store.clone(), idle));
            }
        }
        Watched { watch: self.clone(), number, over }
    }

    /// Ends streams whose time is over, until there are none.
    async fn look(self, store: Store, idle: Duration) {
        loop {
            tokio::time::sleep(LOOK).await;
            let (mut keys, mut sessions) = (Vec::new(), Vec::new());
            {
                let mut open = self.lock();
                if open.streams.is_empty() {
                    open.looked_at = false;
                    return;
                }
                for (caller, _) in open.streams.values() {
                    match caller.credential {
                        Credential::Key(id) => keys.push(id.0),
                        Credential::Session(id) => sessions.push(id.0),
                        Credential::Guest => {}
                    }
                }
            }
            for ids in [&mut keys, &mut sessions] {
                ids.sort_unstable();
                ids.dedup();
            }
            match credential::holders(store.pool(), &keys, &sessions, idle).await {
                Ok(holders) => self.end_all_but(&holders, &keys, &sessions),
                // Postgres is the one to say so; until then nothing new can be read from it either.
                Err(error) => tracing::debug!(%error, "whether streams may go on is not known"),
            }
        }
    }

    /// Ends those that were asked about and whose credential is not among the good ones, or is good for something else than
    /// when the stream began: whoever still may comes back, and is judged anew.
    fn end_all_but(&self, holders: &[Principal], keys: &[Uuid], sessions: &[Uuid]) {
        let good: HashMap<Uuid, &Principal> =
            holders.iter().filter_map(|holder| Some((id_of(holder)?, holder))).collect();
        self.lock().streams.retain(|_, (caller, over)| {
            let Some(id) = id_of(caller) else { return true };
            let asked = keys.binary_search(&id).is_ok() || sessions.binary_search(&id).is_ok();
            let stays = !asked || good.get(&id).is_some_and(|now| *now == caller);
            if !stays {
                over.cancel();
            }
            stays
        });
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn id_of(caller: &Principal) -> Option<Uuid> {
    match caller.credential {
        Credential::Key(id) => Some(id.0),
        Credential::Session(id) => Some(id.0),
        Credential::Guest => None,
    }
}
