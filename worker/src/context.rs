//! What all runs of one worker share.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use shared::{
    archive::Archive,
    config::Config,
    domain::{ids::WorkerId, plan::Plan},
    queue::LiveLogs,
    secrets::Seals,
    store::{self, Store, bundle, plan},
    traces::Traces,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{engine::Engine, lease::Keeper, render::Renderer};

/// Plans and bundles kept in memory; workers mostly run a few definitions over and over.
const CACHED: usize = 64;
/// Bytes of a bundle that is worth keeping in memory.
const CACHED_BUNDLE: usize = 4 * 1024 * 1024;

/// One worker process.
#[derive(Debug)]
pub struct Context<E> {
    /// New at each start.
    pub id: WorkerId,
    /// All settings.
    pub config: Config,
    /// Postgres.
    pub store: Store,
    /// What runs containers.
    pub engine: Arc<E>,
    /// Tells this engine from others; recorded with the worker.
    pub engine_id: String,
    /// Where workspaces and finished logs are kept.
    pub archive: Archive,
    /// Renders templates.
    pub renderer: Renderer,
    /// Seals and opens secrets.
    pub seals: Seals,
    /// Shows log lines while they are written.
    pub live: LiveLogs,
    /// Makes spans of runs and their steps.
    pub traces: Traces,
    /// Keeps the leases.
    pub keeper: Arc<Keeper<E>>,
    /// Containers at once, over all runs.
    pub containers: Semaphore,
    /// Cancelled when running work must stop and be handed back.
    pub stopping: CancellationToken,
    /// The janitor has seen to the logs of all runs that finished before.
    pub logs_archived_until: Mutex<DateTime<Utc>>,
    plans: Cache<Plan>,
    bundles: Cache<Bytes>,
}

type Cache<T> = Mutex<HashMap<Vec<u8>, Arc<T>>>;

/// Containers that one worker has up at once for each of its slots; parallel steps beyond it wait.
const CONTAINERS_PER_SLOT: usize = 4;

impl<E: Engine> Context<E> {
    /// Puts a worker together.
    #[must_use]
    #[allow(clippy::too_many_arguments, reason = "made in one place, by name order")]
    pub fn new(
        config: Config,
        store: Store,
        engine: Arc<E>,
        engine_id: String,
        archive: Archive,
        renderer: Renderer,
        live: LiveLogs,
    ) -> Self {
        let id = WorkerId::new();
        let ttl = std::time::Duration::from_secs(config.worker.lease_ttl_s.max(1).into());
        let keeper = Arc::new(Keeper::new(id, store.clone(), Arc::clone(&engine), ttl));
        let slots = usize::try_from(config.worker.slots.max(1)).unwrap_or(1);
        Self {
            id,
            store,
            engine,
            engine_id,
            archive,
            renderer,
            seals: Seals::default(),
            traces: Traces::default(),
            live,
            keeper,
            containers: Semaphore::new(slots * CONTAINERS_PER_SLOT),
            stopping: CancellationToken::new(),
            logs_archived_until: Mutex::new(DateTime::UNIX_EPOCH),
            plans: Mutex::default(),
            bundles: Mutex::default(),
            config,
        }
    }

    /// With these keys; a new one has none, and stores sensitive values as they are.
    #[must_use]
    pub fn with_seals(mut self, seals: Seals) -> Self {
        self.seals = seals;
        self
    }

    /// With this to make spans; a new one makes none.
    #[must_use]
    pub fn with_traces(mut self, traces: Traces) -> Self {
        self.traces = traces;
        self
    }

    /// How long a lease lasts without renewal.
    #[must_use]
    pub fn ttl(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.config.worker.lease_ttl_s.max(1).into())
    }

    /// The plan of that digest.
    ///
    /// # Errors
    /// When Postgres cannot be reached or has no such plan.
    pub async fn plan(&self, digest: &[u8]) -> store::Result<Arc<Plan>> {
        if let Some(plan) = cached(&self.plans, digest) {
            return Ok(plan);
        }
        let plan = Arc::new(plan::load(self.store.pool(), digest).await?);
        keep(&self.plans, digest, &plan);
        Ok(plan)
    }

    /// The bundle of that digest, if it is stored.
    ///
    /// # Errors
    /// When Postgres cannot be reached.
    pub async fn bundle(&self, digest: &[u8]) -> store::Result<Option<Arc<Bytes>>> {
        if let Some(content) = cached(&self.bundles, digest) {
            return Ok(Some(content));
        }
        let content = match bundle::load(self.store.pool(), digest).await {
            Ok(content) => Arc::new(Bytes::from(content)),
            Err(error) if error.is_unavailable() => return Err(error),
            Err(_) => return Ok(None),
        };
        if content.len() <= CACHED_BUNDLE {
            keep(&self.bundles, digest, &content);
        }
        Ok(Some(content))
    }
}

fn cached<T>(cache: &Cache<T>, digest: &[u8]) -> Option<Arc<T>> {
    cache.lock().ok()?.get(digest).cloned()
}

fn keep<T>(cache: &Cache<T>, digest: &[u8], value: &Arc<T>) {
    if let Ok(mut cache) = cache.lock() {
        if cache.len() >= CACHED {
            cache.clear();
        }
        cache.insert(digest.to_vec(), Arc::clone(value));
    }
}
