//! What every handler is given.

use std::sync::Arc;

use shared::{config::Config, queue::LiveLogs, store::Store};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Streams that may be open at once, over all callers; one more is answered 503.
pub(crate) const MAX_STREAMS: usize = 512;

/// The service's connections and settings. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState {
    /// Postgres.
    pub store: Store,
    /// All settings.
    pub config: Arc<Config>,
    /// Live log lines through Redis. Never waited for: without it, tails poll Postgres.
    pub live: LiveLogs,
    /// One permit an open stream.
    pub streams: Arc<Semaphore>,
    /// Ends streams when the process stops, so that clients reconnect elsewhere.
    pub shutdown: CancellationToken,
}

impl AppState {
    /// The state of a service that stops when `shutdown` is cancelled.
    #[must_use]
    pub fn new(config: Config, store: Store, live: LiveLogs, shutdown: CancellationToken) -> Self {
        Self { store, config: Arc::new(config), live, streams: Arc::new(Semaphore::new(MAX_STREAMS)), shutdown }
    }

    /// Seconds without a heartbeat after which a worker counts as gone.
    pub(crate) fn gone_after_s(&self) -> i32 {
        i32::try_from(self.config.scheduler.worker_gone_after_s).unwrap_or(i32::MAX)
    }
}
