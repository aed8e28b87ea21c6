//! Providers, loaded and validated whole at the start.

use std::{collections::BTreeMap, sync::Arc};

use shared::{
    config::Config,
    formats::registry::{Registry, Settings},
    store::{self, Store, bundle},
};

/// Loads every provider of the configured folders.
///
/// # Errors
/// With every problem of every file, when there is any: a scheduler does not start on half a set of providers.
pub(crate) fn load(config: &Config) -> anyhow::Result<Arc<Registry>> {
    let settings: BTreeMap<String, Settings> = config
        .providers
        .iter()
        .map(|(name, given)| {
            let settings = Settings {
                settings: given.settings.clone(),
                egress: given.egress.clone(),
                secrets: given.secrets.keys().cloned().collect(),
            };
            (name.clone(), settings)
        })
        .collect();
    Registry::load(&config.scheduler.providers, &settings).map(Arc::new).map_err(|problems| {
        let list: Vec<String> = problems.iter().map(|problem| format!("  {problem}")).collect();
        anyhow::anyhow!("{} problem(s) in the providers:\n{}", list.len(), list.join("\n"))
    })
}

/// Writes the loaded set to Postgres, where the api reads it and the workers find the files of bundles.
///
/// # Errors
/// When Postgres cannot be reached.
pub(crate) async fn publish(store: &Store, registry: &Registry) -> anyhow::Result<()> {
    for (digest, content) in registry.bundles() {
        bundle::store(store.pool(), digest, content).await?;
    }
    let records = registry
        .records()
        .into_iter()
        .map(|record| {
            let digest = record.digest;
            Ok((record.name.clone(), record.version.clone(), digest, serde_json::to_value(&record)?))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut tx = store.begin().await?;
    store::provider::replace_all(&mut tx, &records).await?;
    tx.commit().await.map_err(store::StoreError::from)?;
    Ok(())
}
