//! State that a step keeps from run to run of one resource (Terraform's): put into the workspace before a try, sent to
//! Postgres version by version while it runs, so that a worker killed in the middle loses none of it.

use std::sync::Arc;

use futures::StreamExt as _;
use serde::Deserialize;
use shared::{
    domain::{ids::ResourceId, states::Applied},
    secrets::{SecretError, blob, seals},
    store::{Store, lease, lease::Claimed, state},
};

use crate::{
    context::Context,
    engine::{Engine, EngineError},
    held::{Halt, Held},
    tree::only_file,
};

/// Bytes that a state may have.
const LIMIT: u64 = 64 * 1024 * 1024;

/// What Terraform says about itself in its state file.
#[derive(Debug, Deserialize)]
struct Header {
    serial: i64,
    #[serde(default)]
    lineage: String,
}

/// The state of one resource, in the hands of a run.
#[derive(Debug)]
pub struct Kept {
    store: Store,
    held: Arc<Held>,
    resource: ResourceId,
    /// Of the file, under `/workspace`.
    path: String,
    /// Of the last version sent.
    sent: String,
    /// What it is sealed with.
    key: Option<Arc<seals::TeamKey>>,
}

/// What a step that keeps state begins with.
#[derive(Debug)]
pub enum Begun {
    /// It may run, with this file put first, if there is one.
    Ready(Box<Kept>, Option<Vec<u8>>),
    /// There may be a newer state than the stored one.
    Uncertain,
    /// Someone else works on the state.
    Locked(String),
    /// It is sealed, and its key cannot be had.
    Sealed(SecretError),
}

impl Kept {
    /// Locks the state for the run, in the name of its root, and fetches its newest version.
    ///
    /// # Errors
    /// When the lease is lost.
    pub async fn begin<E: Engine>(
        worker: &Context<E>,
        held: Arc<Held>,
        claimed: &Claimed,
        resource: ResourceId,
        path: &str,
    ) -> Result<Begun, Halt> {
        let (store, root) = (worker.store.clone(), claimed.root_run_id);
        let pool = store.pool().clone();
        let lease = held.lease;
        if held.attempt(|| lease::lock_state(&pool, lease, resource)).await? == Applied::Stale {
            let holder = held.attempt(|| state::lock_of(&pool, resource)).await?;
            return match holder {
                Some(lock) if lock.run_id != Some(root) => {
                    let who = lock.info.get("Who").and_then(|who| who.as_str()).unwrap_or("someone").to_owned();
                    Ok(Begun::Locked(format!("{who} holds the lock {}", lock.lock_id)))
                }
                _ => {
                    held.refused("state lock").await;
                    Err(Halt::Lost)
                }
            };
        }
        let (newest, uncertain) = held.write("state", || lease::latest_state(&pool, lease, resource)).await?;
        if uncertain.is_some() {
            return Ok(Begun::Uncertain);
        }
        // An empty version says that a person removed the state.
        let content = newest.map(|version| version.content).filter(|content| !content.is_empty());
        let key = match key(worker, &held, claimed).await {
            Ok(key) => key,
            Err(error) => return Ok(Begun::Sealed(error)),
        };
        let content = match content.map(|content| (blob::key_of(&content), content)) {
            Some((Some(id), content)) => {
                let key = worker.seals.key_of_run(&store, lease, &claimed.team, Some(id)).await;
                match key.and_then(|key| seals::open_state(&key, resource.0, &content)) {
                    Ok(content) => Some(content),
                    Err(error) => return Ok(Begun::Sealed(error)),
                }
            }
            plain => plain.map(|(_, content)| content),
        };
        let sent = content.as_deref().map(md5_of).unwrap_or_default();
        Ok(Begun::Ready(Box::new(Self { store, held, resource, path: path.to_owned(), sent, key }), content))
    }

    /// One that sends what an earlier attempt left, without a look at what is stored.
    #[must_use]
    pub fn of_earlier(
        store: Store,
        held: Arc<Held>,
        resource: ResourceId,
        path: &str,
        key: Option<Arc<seals::TeamKey>>,
    ) -> Self {
        Self { store, held, resource, path: path.to_owned(), sent: String::new(), key }
    }

    /// Sends the file's content to Postgres if it is new and whole. No file is fine: nothing was made yet.
    ///
    /// # Errors
    /// When the lease is lost (outer), or the engine could not be asked (inner).
    pub async fn send<E: Engine>(&mut self, engine: &E, container: &str) -> Result<Result<(), EngineError>, Halt> {
        let content = match read(engine, container, &format!("/workspace/{}", self.path)).await {
            Ok(Some(content)) => content,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        };
        let md5 = md5_of(&content);
        if md5 == self.sent {
            return Ok(Ok(()));
        }
        // Caught while it is written: the next look finds it whole.
        let Ok(header) = serde_json::from_slice::<Header>(&content) else { return Ok(Ok(())) };
        let (pool, lease, resource) = (self.store.pool(), self.held.lease, self.resource);
        let stored = match &self.key {
            Some(key) => blob::seal(key.id, &key.key, resource.0, &content),
            None => content,
        };
        self.held
            .write("state", || lease::store_state(pool, lease, resource, header.serial, &header.lineage, &md5, &stored))
            .await?;
        self.sent = md5;
        Ok(Ok(()))
    }
}

/// The key that states of the run's team are sealed with; none without a keyring.
///
/// # Errors
/// When it cannot be had.
pub async fn key<E: Engine>(
    worker: &Context<E>,
    held: &Held,
    claimed: &Claimed,
) -> Result<Option<Arc<seals::TeamKey>>, SecretError> {
    if !worker.seals.is_on() {
        return Ok(None);
    }
    worker.seals.key_of_run(&worker.store, held.lease, &claimed.team, None).await.map(Some)
}

async fn read<E: Engine>(engine: &E, container: &str, path: &str) -> Result<Option<Vec<u8>>, EngineError> {
    let mut source = match engine.read(container, path, LIMIT).await {
        // There is no such file.
        Err(EngineError::Refused(_)) => return Ok(None),
        source => source?,
    };
    let mut archive = Vec::new();
    while let Some(chunk) = source.next().await {
        archive.extend_from_slice(&chunk?);
    }
    Ok(only_file(&archive).filter(|content| !content.is_empty()))
}

fn md5_of(content: &[u8]) -> String {
    hex::encode(state::md5(content))
}
