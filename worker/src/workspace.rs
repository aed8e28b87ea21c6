//! The files of a run: a volume on the engine, and checkpoints of it in the archive from which any worker can go on.
//!
//! A volume is never trusted over its checkpoint: a worker that takes a run, and a step that is tried again, begin from
//! what the archive holds.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use futures::StreamExt as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use shared::{
    archive::{Archive, ArchiveError},
    domain::{checkpoint, ids::RunId},
};
use tokio::sync::Mutex;

use crate::{
    engine::{Engine, EngineError},
    tree::{Broken, Packed, Sieve},
};

/// Where a step's `/workspace` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The run's own, one step at a time.
    Shared,
    /// One of its own, because another step may run at the same time; later steps find it under `steps/<name>`.
    Beside,
    /// One of its own that is not kept.
    Own,
}

/// What is known of a stored workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// In the archive.
    pub key: String,
    /// Digest of the files, in hex; it does not depend on their times.
    pub sha256: String,
    /// Of the archive file.
    pub bytes: u64,
    /// The archive that holds it.
    pub archive: String,
    /// Whether it is of the workspace that steps share; else it is a step's own.
    #[serde(default)]
    pub shared: bool,
    /// Steps whose own workspaces are in it, under `steps/<name>`.
    #[serde(default)]
    pub merged: BTreeSet<String>,
}

/// Why a workspace could not be kept or brought back.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The archive failed.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The engine sent something that is no archive.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// What the archive gave back is not what was stored.
    #[error("the checkpoint {0} is damaged")]
    Damaged(String),
    /// The checkpoint is in an archive that this worker does not have.
    #[error(
        "the workspace is kept in another archive ({0}): a local directory serves the workers of one host; \
         set archive.url to an object store to run workers on several"
    )]
    Elsewhere(String),
    /// An archive could not be built in memory.
    #[error("an archive could not be built: {0}")]
    Packing(#[from] std::io::Error),
}

impl WorkspaceError {
    /// Whether it says nothing about the step and may be gone at the next try.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Engine(EngineError::Unavailable(_) | EngineError::Conflict(_)) => true,
            Self::Archive(ArchiveError::Failed(_) | ArchiveError::Folder(_)) => true,
            Self::Engine(EngineError::Image { .. } | EngineError::Refused(_) | EngineError::TooLarge(_))
            | Self::Archive(_)
            | Self::Broken(_)
            | Self::Damaged(_)
            | Self::Elsewhere(_)
            | Self::Packing(_) => false,
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    /// Whether the engine's volume is as the checkpoint and what was merged into it say.
    ready: bool,
    checkpoint: Option<Checkpoint>,
    /// Those before it that this run stored and that are kept, the newest first: a retry may begin there.
    older: VecDeque<Checkpoint>,
    merged: BTreeSet<String>,
}

/// The files of one run.
#[derive(Debug)]
pub struct Workspace<E> {
    engine: Arc<E>,
    archive: Archive,
    instance: String,
    run: RunId,
    limit: u64,
    /// Paths that are made anew for each step or kept elsewhere.
    not_kept: &'static [&'static str],
    shared: Mutex<Shared>,
    /// Own workspaces of steps that are over.
    beside: Mutex<BTreeMap<String, Checkpoint>>,
}

/// Reads a checkpoint's record.
#[must_use]
pub fn recorded(value: Option<&Value>) -> Option<Checkpoint> {
    value.and_then(|value| serde_json::from_value(value.clone()).ok())
}

/// Where the checkpoints of a run are in the archive.
#[must_use]
pub fn folder(run: RunId) -> String {
    format!("workspaces/{run}")
}

impl<E: Engine> Workspace<E> {
    /// The files of a run whose last checkpoint is `shared`. `keeps_state`: what steps put under `.slipway` is kept by
    /// other means.
    #[must_use]
    pub fn new(
        engine: Arc<E>,
        archive: Archive,
        instance: &str,
        run: RunId,
        limit: u64,
        shared: Option<Checkpoint>,
        keeps_state: bool,
    ) -> Self {
        Self {
            engine,
            archive,
            instance: instance.to_owned(),
            run,
            limit,
            not_kept: if keeps_state { &[".slipway"] } else { &[".slipway/out", ".slipway/bundle"] },
            shared: Mutex::new(Shared { checkpoint: shared, ..Shared::default() }),
            beside: Mutex::new(BTreeMap::new()),
        }
    }

    /// Steps of this run left these, oldest first, before this worker took it.
    pub async fn add_older(&self, recorded: impl IntoIterator<Item = Checkpoint>) {
        let mut shared = self.shared.lock().await;
        let last = shared.checkpoint.as_ref().map(|checkpoint| checkpoint.key.clone());
        let own = |it: &Checkpoint| it.shared && self.is_own(it) && Some(&it.key) != last.as_ref();
        recorded.into_iter().filter(own).for_each(|checkpoint| shared.older.push_front(checkpoint));
    }

    /// One that was inherited belongs to the run it came from.
    fn is_own(&self, checkpoint: &Checkpoint) -> bool {
        checkpoint.key.starts_with(&folder(self.run))
    }

    /// A step that ran beside others is over; steps after it find its files.
    pub async fn add_beside(&self, step: &str, checkpoint: Checkpoint) {
        self.beside.lock().await.insert(step.to_owned(), checkpoint);
    }

    /// The name of the volume at a place.
    #[must_use]
    pub fn volume(&self, place: Place, step: &str) -> String {
        let run = format!("slipway-{}-{}", self.instance, self.run);
        match place {
            Place::Shared => run,
            Place::Beside | Place::Own => {
                // Not every step's name is a volume's.
                let digest = hex::encode(&Sha256::digest(step.as_bytes())[..6]);
                format!("{run}-{digest}")
            }
        }
    }

    /// Makes the volume, emptied of what an earlier try left in it. Nothing may use it.
    ///
    /// # Errors
    /// When the engine fails.
    pub async fn make_volume(&self, place: Place, step: &str) -> Result<String, EngineError> {
        let name = self.volume(place, step);
        let reuse = place == Place::Shared && self.shared.lock().await.ready;
        if !reuse && !self.engine.ensure_volume(&self.instance, self.run, &name).await? {
            self.engine.remove_volume(&name).await?;
            self.engine.ensure_volume(&self.instance, self.run, &name).await?;
        }
        Ok(name)
    }

    /// Fills a prepared container's workspace: from the checkpoint if it is new, with the files of the steps that ran beside
    /// others and are among `after`, and with `extra`.
    ///
    /// # Errors
    /// When the engine or the archive fails, or the checkpoint cannot be used.
    pub async fn fill(
        &self,
        container: &str,
        place: Place,
        after: &BTreeSet<String>,
        extra: Packed,
    ) -> Result<(), WorkspaceError> {
        let mut shared = self.shared.lock().await;
        let restore = match place {
            Place::Shared => !shared.ready,
            Place::Beside => true,
            Place::Own => false,
        };
        let mut merged = if place == Place::Shared { std::mem::take(&mut shared.merged) } else { BTreeSet::new() };
        if restore && let Some(checkpoint) = &shared.checkpoint {
            let tar = self.fetch(checkpoint).await?;
            self.engine.write(container, "/workspace", tar).await?;
            merged.clone_from(&checkpoint.merged);
        }
        if place != Place::Own {
            let beside = self.beside.lock().await;
            for (step, checkpoint) in beside.iter().filter(|(step, _)| after.contains(*step)) {
                if !merged.contains(step) {
                    let below = format!("steps/{step}");
                    let mut folder = Packed::default();
                    folder.directory(&below)?;
                    self.put(container, folder).await?;
                    let tar = self.fetch(checkpoint).await?;
                    self.engine.write(container, &format!("/workspace/{below}"), tar).await?;
                    merged.insert(step.clone());
                }
            }
        }
        self.put(container, extra).await?;
        if place == Place::Shared {
            shared.merged = merged;
            shared.ready = true;
        }
        Ok(())
    }

    async fn put(&self, container: &str, packed: Packed) -> Result<(), WorkspaceError> {
        if let Some(tar) = packed.finish()? {
            self.engine.write(container, "/workspace", tar.into()).await?;
        }
        Ok(())
    }

    /// What is in the shared volume is not to be used any more: the next step begins from the checkpoint.
    pub async fn distrust(&self) {
        let mut shared = self.shared.lock().await;
        shared.ready = false;
        shared.merged.clear();
    }

    async fn fetch(&self, checkpoint: &Checkpoint) -> Result<Bytes, WorkspaceError> {
        if checkpoint.archive != self.archive.id() {
            return Err(WorkspaceError::Elsewhere(checkpoint.archive.clone()));
        }
        // The closing blocks and headers come on top of the files.
        let tar = self.archive.get(&checkpoint.key, self.limit.saturating_mul(2)).await?;
        let mut sieve = Sieve::without(&[]);
        sieve.feed(&tar)?;
        let (_, digest, _) = sieve.finish()?;
        if hex::encode(digest) == checkpoint.sha256 {
            Ok(tar)
        } else {
            Err(WorkspaceError::Damaged(checkpoint.key.clone()))
        }
    }

    /// Stores an ended container's workspace durably and says where, unless there is nothing new in it.
    ///
    /// # Errors
    /// When the engine or the archive fails, or the workspace is too large.
    pub async fn save(&self, container: &str, place: Place, key: &str) -> Result<Option<Checkpoint>, WorkspaceError> {
        let key = format!("{}/{key}.tar", folder(self.run));
        let (before, merged) = match place {
            Place::Own => return Ok(None),
            Place::Shared => {
                let shared = self.shared.lock().await;
                (shared.checkpoint.clone(), shared.merged.clone())
            }
            Place::Beside => (None, BTreeSet::new()),
        };
        let mut source = self.engine.read(container, "/workspace/.", self.limit).await?;
        let mut sieve = Sieve::without(self.not_kept);
        let mut upload = self.archive.upload(&key).await?;
        let mut bytes = 0u64;
        let streamed = async {
            while let Some(chunk) = source.next().await {
                let kept = sieve.feed(&chunk?)?;
                bytes += kept.len() as u64;
                upload.write(kept.into()).await?;
            }
            Ok::<_, WorkspaceError>(sieve.finish()?)
        };
        let (end, digest, entries) = match streamed.await {
            Ok(finished) => finished,
            Err(error) => {
                abandon(upload).await;
                return Err(error);
            }
        };
        let sha256 = hex::encode(digest);
        let unchanged = match &before {
            Some(before) => before.sha256 == sha256 && before.merged == merged,
            None => entries == 0,
        };
        if unchanged {
            abandon(upload).await;
            return Ok(None);
        }
        bytes += end.len() as u64;
        upload.write(end.into()).await?;
        upload.finish().await?;
        let archive = self.archive.id().to_owned();
        Ok(Some(Checkpoint { key, sha256, bytes, archive, shared: place == Place::Shared, merged }))
    }

    /// A shared checkpoint was recorded with its step's outcome. Of those before it the oldest go when there is no room.
    pub async fn recorded(&self, checkpoint: Checkpoint) {
        let mut shared = self.shared.lock().await;
        let newest = checkpoint.bytes;
        if let Some(before) = shared.checkpoint.replace(checkpoint).filter(|before| self.is_own(before)) {
            shared.older.push_front(before);
        }
        let bytes = std::iter::once(newest).chain(shared.older.iter().map(|it| it.bytes));
        let room = checkpoint::kept(bytes).saturating_sub(1);
        let gone = shared.older.split_off(room);
        drop(shared);
        for checkpoint in gone {
            if let Err(error) = self.archive.delete(&checkpoint.key).await {
                tracing::debug!(run.id = %self.run, %error, "an old checkpoint stays until the run's are removed");
            }
        }
    }
}

async fn abandon(upload: shared::archive::Upload) {
    if let Err(error) = upload.abort().await {
        tracing::debug!(%error, "a part of an upload stays behind");
    }
}
