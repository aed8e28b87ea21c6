//! Whether a worker takes new tickets.

use std::{collections::BTreeSet, sync::Arc};

use tokio::sync::watch;

/// Holds a worker back from taking new tickets (low on disk, no Postgres) without stopping it. Open at first. Clones
/// are handles of the same gate. Each reason is closed and opened on its own; the gate is open when none holds it.
#[derive(Clone, Debug)]
pub struct Gate {
    reasons: Arc<watch::Sender<BTreeSet<&'static str>>>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { reasons: Arc::new(watch::Sender::new(BTreeSet::new())) }
    }
}

impl Gate {
    /// No ticket is taken from now on, for this reason. A read that waits is called back. Closing twice is closing once.
    pub fn close(&self, reason: &'static str) {
        if self.reasons.send_if_modified(|reasons| reasons.insert(reason)) {
            tracing::warn!(reason, "takes no new tickets");
        }
    }

    /// This reason no longer holds.
    pub fn open(&self, reason: &'static str) {
        if self.reasons.send_if_modified(|reasons| reasons.remove(reason)) {
            tracing::info!(reason, "no longer held back from taking tickets by this reason");
        }
    }

    /// Whether tickets are taken.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.reasons.borrow().is_empty()
    }

    /// Returns once the gate is open.
    pub(super) async fn opened(&self) {
        // Cannot fail: `self` holds the sender.
        let _ = self.reasons.subscribe().wait_for(BTreeSet::is_empty).await;
    }

    /// Returns once the gate is closed.
    pub(super) async fn closed(&self) {
        let _ = self.reasons.subscribe().wait_for(|reasons| !reasons.is_empty()).await;
    }
}
