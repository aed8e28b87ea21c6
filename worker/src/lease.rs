//! Keeps the leases of this worker: renews them together, ends what runs under one that could not be renewed, and
//! listens for wishes to cancel.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use shared::{
    domain::{
        ids::{RunId, WorkerId},
        states::Applied,
    },
    store::{Store, lease},
};
use tokio_util::sync::CancellationToken;

use crate::{clock::boottime, engine::Engine, held::Held, retry::Pause};

/// How often the margins are looked at.
const WATCH: Duration = Duration::from_millis(100);
/// How often Postgres is asked for wishes to cancel: SIGTERM must reach a container within two seconds.
const LISTEN: Duration = Duration::from_millis(400);

/// All leases that this worker holds.
#[derive(Debug)]
pub struct Keeper<E> {
    worker: WorkerId,
    store: Store,
    engine: Arc<E>,
    ttl: Duration,
    held: Mutex<HashMap<RunId, Arc<Held>>>,
}

/// A lease that is kept as long as this lives.
#[derive(Debug)]
pub struct Keeping<E: Engine> {
    keeper: Arc<Keeper<E>>,
    held: Arc<Held>,
}

impl<E: Engine> Drop for Keeping<E> {
    fn drop(&mut self) {
        self.keeper.release(&self.held);
    }
}

impl<E: Engine> Keeper<E> {
    /// A keeper without leases.
    #[must_use]
    pub fn new(worker: WorkerId, store: Store, engine: Arc<E>, ttl: Duration) -> Self {
        Self { worker, store, engine, ttl, held: Mutex::new(HashMap::new()) }
    }

    /// Keeps a lease that was just claimed.
    pub fn add(&self, held: Arc<Held>) {
        if let Ok(mut all) = self.held.lock() {
            all.insert(held.lease.run_id, held);
        }
    }

    /// Keeps a lease until what it gives is dropped, by a panic too: a lease that nobody acts on must not be renewed for
    /// ever.
    #[must_use]
    pub fn keep(self: &Arc<Self>, held: Arc<Held>) -> Keeping<E> {
        self.add(Arc::clone(&held));
        Keeping { keeper: Arc::clone(self), held }
    }

    /// Stops keeping a lease: its run is over, suspended, handed back or lost.
    pub fn release(&self, held: &Held) {
        if let Ok(mut all) = self.held.lock()
            && all.get(&held.lease.run_id).is_some_and(|kept| kept.lease == held.lease)
        {
            all.remove(&held.lease.run_id);
        }
    }

    fn all(&self) -> Vec<Arc<Held>> {
        self.held.lock().map(|all| all.values().cloned().collect()).unwrap_or_default()
    }

    /// How many leases are kept.
    #[must_use]
    pub fn count(&self) -> usize {
        self.held.lock().map_or(0, |all| all.len())
    }

    fn keeps(&self, held: &Held) -> bool {
        self.held.lock().is_ok_and(|all| all.get(&held.lease.run_id).is_some_and(|kept| kept.lease == held.lease))
    }

    /// Renews, watches and listens until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.renew_all() => {}
            () = self.watch_margins() => {}
            () = self.listen() => {}
        }
    }

    async fn renew_all(self: &Arc<Self>) {
        let period = self.ttl / 3;
        let mut pause = Pause::up_to(period.min(Duration::from_secs(1)));
        loop {
            let mut held = self.all();
            // One that is given up is not asked for again.
            held.retain(|held| !held.lost.is_cancelled());
            if held.is_empty() {
                tokio::time::sleep(period.min(Duration::from_secs(1))).await;
                continue;
            }
            let leases: Vec<_> = held.iter().map(|held| held.lease).collect();
            // The margin counts from before the renewal was sent: the answer may take long to come back.
            let sent = boottime();
            match tokio::time::timeout(period, lease::renew(self.store.pool(), &leases, self.ttl)).await {
                Ok(Ok(renewed)) => {
                    let renewed: HashMap<_, _> = renewed.into_iter().map(|one| (one.run_id, one.cancel)).collect();
                    for one in held {
                        match renewed.get(&one.lease.run_id) {
                            Some(cancel) => {
                                one.renewed(sent);
                                if let Some(reason) = cancel {
                                    one.cancel(reason.clone());
                                }
                                // Beside the renewals: an engine that hangs must not keep them from Postgres.
                                let keeper = Arc::clone(self);
                                tokio::spawn(async move { keeper.extend(&one).await });
                            }
                            // A run that ended meanwhile is missing too, and is not kept any more.
                            None if self.keeps(&one) && !one.lost.is_cancelled() => {
                                let keeper = Arc::clone(self);
                                tokio::spawn(async move {
                                    keeper.end_containers(&one).await;
                                    if keeper.keeps(&one) {
                                        one.refused("renewal").await;
                                    }
                                });
                            }
                            None => {}
                        }
                    }
                    pause = Pause::up_to(period.min(Duration::from_secs(1)));
                    let spent = boottime().saturating_sub(sent);
                    tokio::time::sleep(period.saturating_sub(spent)).await;
                }
                Ok(Err(error)) => {
                    tracing::warn!(worker.id = %self.worker, %error, "leases could not be renewed");
                    pause.wait().await;
                }
                Err(_) => tracing::warn!(worker.id = %self.worker, "Postgres did not answer a renewal in time"),
            }
        }
    }

    /// Tells the inits inside the run's containers that their worker is still there.
    async fn extend(&self, held: &Held) {
        let deadline = held.remaining();
        let renewals = held.containers().into_iter().map(|name| async move {
            if let Err(error) = self.engine.renew(&name, deadline).await {
                tracing::debug!(container = %name, %error, "a container's deadline could not be pushed");
            }
        });
        futures::future::join_all(renewals).await;
    }

    async fn watch_margins(self: &Arc<Self>) {
        loop {
            tokio::time::sleep(WATCH).await;
            for held in self.all() {
                if held.lost.is_cancelled() || !held.is_late() {
                    continue;
                }
                tracing::warn!(run.id = %held.lease.run_id, worker.id = %self.worker, "a lease could not be renewed in time");
                held.lose();
                let keeper = Arc::clone(self);
                tokio::spawn(async move {
                    keeper.end_containers(&held).await;
                    keeper.settle(&held).await;
                });
            }
        }
    }

    /// Kills what runs under the lease. The engine's own deadline inside each container stands behind this.
    async fn end_containers(&self, held: &Held) {
        held.lose();
        let stops = held.containers().into_iter().map(|name| async move {
            if let Err(error) = self.engine.stop(&name, Duration::ZERO).await {
                tracing::warn!(container = %name, %error, "a container without a lease could not be stopped");
            }
        });
        futures::future::join_all(stops).await;
    }

    /// With nothing of it running any more: gives the run back if it is still ours, or learns that it is not. Waits for
    /// Postgres as long as it takes.
    pub async fn settle(&self, held: &Held) {
        if !held.begin_settling() {
            return;
        }
        let mut pause = Pause::up_to(Duration::from_secs(2));
        loop {
            match lease::hand_back(&self.store, held.lease).await {
                Ok(Applied::Applied(())) => return,
                Ok(Applied::Stale) => return held.refused("hand back").await,
                Err(_) => pause.wait().await,
            }
        }
    }

    async fn listen(&self) {
        loop {
            tokio::time::sleep(LISTEN).await;
            let held = self.all();
            if held.is_empty() {
                continue;
            }
            // Postgres away: the margins are watched elsewhere, and a wish is heard when it is back.
            let Ok(wishes) = lease::cancellations(self.store.pool(), self.worker).await else { continue };
            for (run, reason) in wishes {
                if let Some(one) = held.iter().find(|one| one.lease.run_id == run) {
                    one.cancel(reason);
                }
            }
        }
    }
}
