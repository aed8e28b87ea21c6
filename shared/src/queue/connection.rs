//! How this crate connects to Redis: which timeouts, which retries, what counts as a lost group.

use std::time::Duration;

use rand::RngExt as _;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};

/// A command that does not block answers within this, even while the server stalls for a moment.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that is up accepts within this.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Why the queue could not do what was asked. All of it heals by itself once Redis answers, except [`QueueError::Url`],
/// [`QueueError::Policy`] and [`QueueError::Version`].
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The configured address is none.
    #[error("redis.url is not an address of Redis: {0}")]
    Url(#[source] redis::RedisError),
    /// Redis refused, went away or did not answer in time.
    #[error("Redis: {0}")]
    Redis(#[from] redis::RedisError),
    /// Redis may throw tickets away when it runs out of memory.
    #[error(
        "Redis has maxmemory-policy '{found}', under which it may silently drop tickets; \
         set 'maxmemory-policy noeviction' in redis.conf, or run: redis-cli CONFIG SET maxmemory-policy noeviction"
    )]
    Policy {
        /// The policy in force.
        found: String,
    },
    /// Redis lacks a command that the queue needs.
    #[error("Redis {found} is too old: 6.2 or later is needed")]
    Version {
        /// What the server says it is.
        found: String,
    },
}

/// Opens `url` without connecting.
pub(super) fn open(url: &str) -> Result<redis::Client, QueueError> {
    redis::Client::open(url).map_err(QueueError::Url)
}

/// A shared connection for commands that do not block. Connects at its first use and again whenever it was lost; the
/// command that finds it lost fails.
pub(super) fn commands(
    client: &redis::Client,
    response_timeout: Duration,
    retries: usize,
) -> Result<ConnectionManager, QueueError> {
    let config = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(response_timeout))
        .set_number_of_retries(retries)
        .set_min_delay(Duration::from_millis(50))
        .set_max_delay(Duration::from_millis(500));
    Ok(ConnectionManager::new_lazy_with_config(client.clone(), config)?)
}

/// Whether the error says that the stream or its consumer group is gone (FLUSHALL, XGROUP DESTROY, an empty restart).
pub(super) fn is_group_lost(error: &redis::RedisError) -> bool {
    // Inside a script the code is only part of the text before Redis 7.
    matches!(error.code(), Some("NOGROUP" | "UNBLOCKED")) || error.to_string().contains("NOGROUP")
}

/// Waits between attempts: doubled each time up to five seconds, with full jitter, so that a fleet does not return at once.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after one more failure.
    pub(super) fn next(&mut self) -> Duration {
        let ceiling = (50_u64 << self.failures.min(7)).min(5_000);
        self.failures = self.failures.saturating_add(1);
        Duration::from_millis(rand::rng().random_range(10..=ceiling))
    }
}
