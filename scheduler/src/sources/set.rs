//! The set of providers: built as a whole from folders and fetched files, stored at once, and taken over by every
//! scheduler.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context as _;
use serde_json::json;
use shared::{
    config::Config,
    domain::event as events,
    formats::{
        problem::Problem,
        registry::{Origin, ProviderRecord, Registry, Settings},
    },
    store::{
        self, Connection, Store, StoreError, bundle,
        event::{self, NewEvent},
        provider_set,
    },
};

use super::tree;

/// Problems that an event or an answer tells at most.
pub(super) const MAX_TOLD: usize = 50;

/// The files of sources, unpacked; gone with this.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: tempfile::TempDir,
    origins: Vec<Origin>,
}

impl Scratch {
    pub(super) fn new() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("slipway-providers-").tempdir()?;
        Ok(Self { folder, origins: Vec::new() })
    }

    /// Adds the files of a source, an archive of [`tree::packed`].
    pub(super) async fn add(&mut self, source: &str, commit: &str, content: Vec<u8>) -> anyhow::Result<()> {
        let (source, commit, folder) = (source.to_owned(), commit.to_owned(), self.folder.path().to_owned());
        let unpacked = tokio::task::spawn_blocking(move || unpacked(&source, &commit, &content, &folder));
        self.origins.push(unpacked.await.context("unpacking providers")??);
        Ok(())
    }
}

/// What the instance's configuration gives each provider.
#[must_use]
pub fn settings(config: &Config) -> BTreeMap<String, Settings> {
    let of = |given: &shared::config::ProviderSettings| Settings {
        settings: given.settings.clone(),
        egress: given.egress.clone(),
        secrets: given.secrets.keys().cloned().collect(),
    };
    config.providers.iter().map(|(name, given)| (name.clone(), of(given))).collect()
}

/// Loads the folders of the instance together with the files of sources, as one set.
///
/// # Errors
/// Inside, every problem of every file and between all of them; outside, when loading them crashed.
pub(super) async fn build(config: &Config, scratch: Scratch) -> anyhow::Result<Result<Registry, Vec<Problem>>> {
    let (folders, settings) = (config.scheduler.providers.clone(), settings(config));
    let built = tokio::task::spawn_blocking(move || {
        let mut origins: Vec<Origin> = folders.into_iter().map(Origin::from).collect();
        origins.extend(scratch.origins);
        let built = Registry::load_from(&origins, &settings);
        drop(scratch.folder);
        built
    });
    built.await.context("loading providers")
}

/// Unpacks the files of a source into a folder of its own below `scratch`, to be loaded from there.
///
/// # Errors
/// When they are not what [`super::fetch`] gives, or the disk is full.
pub fn unpacked(source: &str, commit: &str, content: &[u8], scratch: &Path) -> anyhow::Result<Origin> {
    let dir = scratch.join(source);
    std::fs::create_dir(&dir)?;
    tree::unpack(content, &dir).with_context(|| format!("unpacking the source {source}"))?;
    let short = commit.get(..12).unwrap_or(commit);
    Ok(Origin {
        dir,
        label: Some(format!("{source}@{short}")),
        source: Some(source.to_owned()),
        commit: Some(commit.to_owned()),
    })
}

/// Stores a set in the transaction of `conn`, if the current one is still the one with the number `built_on`. Gives the
/// number of the set that is current then; none when another was stored meanwhile.
///
/// # Errors
/// When Postgres cannot be reached.
pub(super) async fn store(conn: &mut Connection, registry: &Registry, built_on: i64) -> anyhow::Result<Option<i64>> {
    if provider_set::lock(conn).await? != built_on {
        return Ok(None);
    }
    for (digest, content) in registry.bundles() {
        bundle::store(&mut *conn, digest, content).await?;
    }
    let records = registry
        .records()
        .into_iter()
        .map(|record| {
            let digest = record.digest;
            Ok((record.name.clone(), record.version.clone(), digest, serde_json::to_value(&record)?))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let generation = store::provider::replace_all(&mut *conn, &records).await?;
    if generation != built_on {
        store::notify(conn).await?;
    }
    Ok(Some(generation))
}

/// Loads the set that is stored, and its number.
///
/// # Errors
/// When Postgres cannot be reached, or holds what a newer Slipway wrote.
pub(super) async fn stored(store: &Store) -> anyhow::Result<(i64, Registry)> {
    let mut tx = store.begin().await?;
    let generation = provider_set::lock(&mut tx).await?;
    let rows = store::provider::list(&mut *tx).await?;
    tx.commit().await.map_err(StoreError::from)?;
    let records = rows.into_iter().map(|row| {
        let of = format!("the record of {}@{}", row.name, row.version);
        serde_json::from_value::<ProviderRecord>(row.manifest).context(of)
    });
    Ok((generation, Registry::from_records(records.collect::<anyhow::Result<_>>()?)))
}

/// Notes in the event log, as an event of this kind, that something was not taken, and why.
///
/// # Errors
/// When Postgres cannot be reached.
pub(super) async fn note_refused(
    conn: &mut Connection,
    kind: &str,
    source: Option<&str>,
    commit: Option<&str>,
    problems: &[String],
) -> anyhow::Result<()> {
    let told = &problems[..problems.len().min(MAX_TOLD)];
    let data = json!({ "source": source, "commit": commit, "problems": told, "problem_count": problems.len() });
    let event = NewEvent { kind: kind.into(), data, ..NewEvent::default() };
    Ok(event::append(conn, &[event]).await?)
}

/// Notes in the event log that a set was taken, and what it brought.
///
/// # Errors
/// When Postgres cannot be reached.
pub(super) async fn note_loaded(
    conn: &mut Connection,
    source: Option<&str>,
    commit: Option<&str>,
    providers: &[String],
    generation: i64,
) -> anyhow::Result<()> {
    let data = json!({ "source": source, "commit": commit, "providers": providers, "generation": generation });
    let event = NewEvent { kind: events::PROVIDER_LOADED.into(), data, ..NewEvent::default() };
    Ok(event::append(conn, &[event]).await?)
}
