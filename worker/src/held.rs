//! One lease as its worker holds it: how long it is safe to act on, and the writes made under it.

use std::{
    collections::BTreeSet,
    future::Future,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use shared::{
    domain::states::Applied,
    store::{self, Store, lease::Lease},
};
use tokio_util::sync::CancellationToken;

use crate::{clock::boottime, retry::Pause};

/// Why a worker stops driving a run before the run is over. Nothing is written about the run after it.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// The lease is gone, or may be.
    #[error("the lease is lost")]
    Lost,
    /// The worker stops: the run goes back to the queue.
    #[error("the worker stops")]
    HandBack,
    /// The worker's engine keeps failing: the run goes back to the queue, for another worker.
    #[error("the engine keeps failing: {0}")]
    Unfit(String),
    /// Postgres refused a statement for what it says: trying again would not help.
    #[error("a write was refused: {0}")]
    Broken(#[from] store::StoreError),
}

/// A lease in the hands of this worker.
#[derive(Debug)]
pub struct Held {
    /// What Postgres knows it by.
    pub lease: Lease,
    store: Store,
    ttl: Duration,
    /// Milliseconds of boot time before the claim or the last renewal that was answered was sent.
    sent_ms: AtomicU64,
    /// Cancelled when the lease is gone, or so close to its end that it may be.
    pub lost: CancellationToken,
    /// Cancelled when someone wants the run stopped.
    pub cancelled: CancellationToken,
    cancel_reason: OnceLock<String>,
    /// Whether it is known, or being found out, whose the run is now.
    settled: AtomicBool,
    containers: Mutex<BTreeSet<String>>,
}

impl Held {
    /// A lease claimed by a statement sent at `sent` (boot time).
    #[must_use]
    pub fn new(store: Store, lease: Lease, ttl: Duration, sent: Duration) -> Self {
        Self {
            lease,
            store,
            ttl,
            sent_ms: AtomicU64::new(millis(sent)),
            lost: CancellationToken::new(),
            cancelled: CancellationToken::new(),
            cancel_reason: OnceLock::new(),
            settled: AtomicBool::new(false),
            containers: Mutex::new(BTreeSet::new()),
        }
    }

    /// The renewal sent at `sent` was answered.
    pub fn renewed(&self, sent: Duration) {
        self.sent_ms.fetch_max(millis(sent), Ordering::Relaxed);
    }

    /// Time until Postgres may give the run to someone else, by the most careful reckoning.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        (Duration::from_millis(self.sent_ms.load(Ordering::Relaxed)) + self.ttl).saturating_sub(boottime())
    }

    /// Whether two thirds of the lease went by without a renewal: time to stop, while it is still ours.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.remaining() < self.ttl / 3
    }

    /// The lease is gone, or may be: whatever acts on it stops.
    pub fn lose(&self) {
        if !self.lost.is_cancelled() {
            metrics::counter!("slipway_lease_losses_total").increment(1);
            self.lost.cancel();
        }
    }

    /// True the first time: the caller finds out whose the run is now.
    #[must_use]
    pub fn begin_settling(&self) -> bool {
        !self.settled.swap(true, Ordering::Relaxed)
    }

    /// Someone wants the run stopped.
    pub fn cancel(&self, reason: String) {
        if self.cancel_reason.set(reason).is_ok() {
            self.cancelled.cancel();
        }
    }

    /// Why the run should stop, once someone wants it to.
    #[must_use]
    pub fn cancel_reason(&self) -> &str {
        self.cancel_reason.get().map_or("", String::as_str)
    }

    /// From now on the container is ended when the lease is lost.
    pub fn watch(&self, container: &str) {
        if let Ok(mut containers) = self.containers.lock() {
            containers.insert(container.to_owned());
        }
    }

    /// The container is gone.
    pub fn unwatch(&self, container: &str) {
        if let Ok(mut containers) = self.containers.lock() {
            containers.remove(container);
        }
    }

    /// The containers that run under this lease.
    #[must_use]
    pub fn containers(&self) -> Vec<String> {
        self.containers.lock().map(|containers| containers.iter().cloned().collect()).unwrap_or_default()
    }

    /// Makes one fenced write, again and again while Postgres is away and the lease can still be relied on. The write must
    /// be safe to make twice. Refused as stale: counted, and the lease is lost.
    ///
    /// # Errors
    /// When the lease is lost, or Postgres refuses the statement itself.
    pub async fn write<T, F>(&self, what: &'static str, call: impl Fn() -> F + Send) -> Result<T, Halt>
    where
        F: Future<Output = store::Result<Applied<T>>> + Send,
    {
        let answer = self.attempt(call).await?;
        match answer {
            Applied::Applied(value) => Ok(value),
            Applied::Stale => {
                self.refused(what).await;
                Err(Halt::Lost)
            }
        }
    }

    /// As [`Held::write`], for writes whose staleness has other meanings than a lost lease.
    ///
    /// # Errors
    /// When the lease is lost, or Postgres refuses the statement itself.
    pub async fn attempt<T, F>(&self, call: impl Fn() -> F + Send) -> Result<T, Halt>
    where
        F: Future<Output = store::Result<T>> + Send,
    {
        let mut pause = Pause::up_to(Duration::from_secs(1));
        loop {
            if self.lost.is_cancelled() || self.is_late() {
                self.lose();
                return Err(Halt::Lost);
            }
            // Not cut short when the lease is lost meanwhile: Postgres decides by the fence what becomes of it.
            match call().await {
                Ok(answer) => return Ok(answer),
                Err(error) if error.is_unavailable() || error.is_conflict() => {
                    tracing::debug!(run.id = %self.lease.run_id, %error, "a write will be made again");
                    pause.wait().await;
                }
                Err(error) => return Err(Halt::Broken(error)),
            }
        }
    }

    /// Counts a refused write and gives the lease up. The count is kept in Postgres as far as it can be reached.
    pub async fn refused(&self, what: &'static str) {
        self.settled.store(true, Ordering::Relaxed);
        self.lose();
        metrics::counter!("slipway_stale_writes_refused_total").increment(1);
        tracing::warn!(run.id = %self.lease.run_id, fence = %self.lease.fence, write = what, "a write came after the lease was lost");
        if let Err(error) = store::lease::count_refusal(self.store.pool(), self.lease, what).await {
            tracing::warn!(run.id = %self.lease.run_id, %error, "a refused write could not be counted");
        }
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
