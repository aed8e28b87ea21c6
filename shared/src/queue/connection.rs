//! How this crate connects to Redis: which timeouts, which retries, what counts as a lost group.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rand::RngExt as _;
use redis::{
    ClientTlsConfig, RedisResult, TlsCertificates,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

use crate::{
    config,
    tls::{self, TlsError, Watch},
};

/// A command that does not block answers within this, even while the server stalls for a moment.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that is up accepts within this.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Why the queue could not do what was asked. Only [`QueueError::Redis`] heals by itself, once Redis answers.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// The configured address is none.
    #[error("redis.url is not an address of Redis: {0}")]
    Url(#[source] redis::RedisError),
    /// A file for TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Files for TLS, and an address without.
    #[error("redis.tls is set and redis.url is not for TLS: write rediss:// there, or take redis.tls away")]
    PlainUrl,
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

/// Where Redis is, and what to show it.
#[derive(Clone)]
pub(super) struct Server {
    url: String,
    tls: Option<config::RedisTls>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The address may hold a password.
        f.debug_struct("Server").field("tls", &self.tls).finish_non_exhaustive()
    }
}

impl Server {
    /// As configured, without connecting. Fails on what cannot work.
    pub(super) fn new(config: &config::Redis) -> Result<Self, QueueError> {
        let server = Self { url: config.url.clone(), tls: config.tls.clone() };
        server.open().map(|_| server)
    }

    /// A client by the certificates as they are now. Connections that are made later again are to be made by another.
    pub(super) fn client(&self) -> RedisResult<redis::Client> {
        self.open().map_err(|error| match error {
            QueueError::Redis(error) | QueueError::Url(error) => error,
            error => io::Error::other(error).into(),
        })
    }

    fn open(&self) -> Result<redis::Client, QueueError> {
        if self.url.starts_with("rediss:") {
            tls::install_provider();
        }
        let Some(files) = &self.tls else { return redis::Client::open(&*self.url).map_err(QueueError::Url) };
        if !self.url.starts_with("rediss:") {
            return Err(QueueError::PlainUrl);
        }
        let trusted = files.ca.as_deref().map(|path| tls::authorities("redis.tls.ca", path)).transpose()?;
        let shown =
            tls::optional_identity(["redis.tls.cert", "redis.tls.key"], files.cert.as_deref(), files.key.as_deref())?;
        let certificates = TlsCertificates {
            // Certificates and key are told apart by their headers.
            client_tls: shown.map(|it| ClientTlsConfig { client_cert: it.pem.to_vec(), client_key: it.pem.to_vec() }),
            root_cert: trusted.map(|it| it.pem),
        };
        redis::Client::build_with_tls(&*self.url, certificates).map_err(QueueError::Url)
    }

    fn watch(&self) -> Option<Watch> {
        let files = self.tls.as_ref()?;
        Some(Watch::new([&files.ca, &files.cert, &files.key].into_iter().flatten().cloned()))
    }
}

/// A shared connection for commands that do not block. It is made at its first use and again whenever it was lost (the
/// command that finds it lost fails), or when a certificate has changed.
#[derive(Clone, Debug)]
pub(super) struct Commands(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    server: Server,
    config: ConnectionManagerConfig,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    manager: ConnectionManager,
    watch: Option<Watch>,
}

impl Commands {
    pub(super) fn new(server: &Server, response_timeout: Duration, retries: usize) -> Result<Self, QueueError> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(response_timeout))
            .set_number_of_retries(retries)
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_millis(500));
        let watch = server.watch();
        let manager = ConnectionManager::new_lazy_with_config(server.open()?, config.clone())?;
        let current = Mutex::new(Current { manager, watch });
        Ok(Self(Arc::new(Shared { server: server.clone(), config, current })))
    }

    /// The connection. To be asked for anew for each command: what it gives is not made again with another certificate.
    pub(super) fn get(&self) -> ConnectionManager {
        let Shared { server, config, current } = &*self.0;
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.watch.as_mut().is_some_and(Watch::changed) {
            let made =
                server.client().and_then(|client| ConnectionManager::new_lazy_with_config(client, config.clone()));
            match made {
                Ok(manager) => current.manager = manager,
                // The certificate and its key are seldom replaced in one step.
                Err(error) => tracing::error!(%error, "a changed certificate cannot be used; the one before stays"),
            }
        }
        current.manager.clone()
    }
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
