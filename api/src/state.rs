//! What every handler is given.

use std::sync::Arc;

use shared::{
    config::Config,
    figures::Figures,
    queue::{LiveLogs, RateLimits},
    secrets::{Seals, SecretError},
    store::Store,
    telemetry::Program,
    traces::{TraceError, Traces},
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    access::{Policies, PolicyError},
    events,
    identity::Identity,
    logs, oidc, providers,
    streams::Streams,
};

/// What every handler is given: the service's [`Parts`]. Cheap to clone.
///
/// Behind a trait object, for the compiler: to show that a handler may go to another thread it shows that all of this may, and looked
/// through every part of every part for each of hundreds of types. Of a trait that says so itself there is nothing to look through.
#[derive(Clone, Debug)]
pub struct AppState(Arc<dyn Whole>);

/// What has [`Parts`], and may be used by all threads.
trait Whole: std::fmt::Debug + Send + Sync {
    fn parts(&self) -> &Parts;
}

impl Whole for Parts {
    fn parts(&self) -> &Parts {
        self
    }
}

impl std::ops::Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        self.0.parts()
    }
}

/// The service's connections and settings.
#[derive(Debug)]
pub struct Parts {
    /// Postgres.
    pub store: Store,
    /// All settings.
    pub config: Arc<Config>,
    /// Live log lines through Redis. Never waited for: without it, tails poll Postgres.
    pub live: LiveLogs,
    /// Counts of callers' requests, shared with other apis through Redis.
    pub limits: RateLimits,
    /// The providers that are loaded, kept from request to request.
    pub(crate) providers: providers::Kept,
    /// Who follows what.
    pub(crate) streams: Streams,
    /// What happens, for whoever follows it.
    pub(crate) events: events::Hub,
    /// One permit a search in a log.
    pub(crate) searches: Arc<Semaphore>,
    /// Who may do what.
    pub(crate) policies: Arc<Policies>,
    /// What logins need beside the database.
    pub(crate) identity: Arc<Identity>,
    /// Seals and opens secrets.
    pub(crate) seals: Seals,
    /// Makes spans of requests.
    pub(crate) traces: Traces,
    /// What Postgres counts, for Prometheus.
    pub(crate) figures: Arc<Figures>,
    /// Login by an OpenID provider.
    pub(crate) oidc: Arc<oidc::Login>,
    /// Ends streams when the process stops, so that clients reconnect elsewhere.
    pub shutdown: CancellationToken,
}

/// The service cannot be set up as configured.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Policies of the instance.
    #[error(transparent)]
    Policies(#[from] PolicyError),
    /// Keys and sources of secrets.
    #[error(transparent)]
    Secrets(#[from] SecretError),
    /// Where spans are sent.
    #[error(transparent)]
    Traces(#[from] TraceError),
}

impl AppState {
    /// The state of a service that stops when `shutdown` is cancelled.
    ///
    /// # Errors
    /// When a file of `access.policies` is not valid, or a key of `secrets.keys` cannot be had, or `traces` cannot be used.
    pub fn new(config: Config, store: Store, live: LiveLogs, shutdown: CancellationToken) -> Result<Self, StateError> {
        let parts = Parts {
            streams: Streams::new(config.limits.streams),
            events: events::Hub::new(store.clone(), shutdown.clone()),
            traces: Traces::start(&config.traces, Program::Api, &config.instance.0)?,
            figures: Arc::new(Figures::new(store.clone(), config.scheduler.worker_gone_after_s)),
            store,
            policies: Arc::new(Policies::load(&config.access.policies)?),
            seals: Seals::of(&config.secrets)?,
            identity: Arc::new(Identity::new(&config)),
            oidc: Arc::new(oidc::Login::new(&config)),
            config: Arc::new(config),
            limits: live.rate_limits(),
            live,
            providers: providers::Kept::default(),
            searches: logs::search::turns(),
            shutdown,
        };
        Ok(Self(Arc::new(parts)))
    }

    /// Seconds without a heartbeat after which a worker counts as gone.
    pub(crate) fn gone_after_s(&self) -> i32 {
        i32::try_from(self.config.scheduler.worker_gone_after_s).unwrap_or(i32::MAX)
    }
}
