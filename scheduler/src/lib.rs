//! Turns what Postgres says should happen into runs, and runs into tickets.
//!
//! A list of small tasks, each taking nothing but the database, each safe to run twice and beside another scheduler's.

mod driver;
pub mod sources;
mod tasks;

use anyhow::Context as _;
use shared::{
    config::Config,
    formats::registry::Registry,
    queue::{QueueError, Tickets},
    store::Store,
};
use tokio_util::sync::CancellationToken;

/// Runs a scheduler until `shutdown`. Refuses to start, with every problem named, when a provider is not as it should be.
///
/// # Errors
/// When the configuration, the providers or the Redis server's settings are not fit to run with.
pub async fn serve(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    let store = Store::connect(&config.database, "slipway-scheduler").context("reading database.url")?;
    let problems =
        |list: Vec<String>| anyhow::anyhow!("{} problem(s) in the providers:\n  {}", list.len(), list.join("\n  "));
    let registry = Registry::load(&config.scheduler.providers, &sources::settings(&config))
        .map_err(|found| problems(found.iter().map(ToString::to_string).collect()))?;
    sources::listed(&config.git).map_err(problems)?;
    let tickets = Tickets::connect(&config.redis).context("reading redis.url")?;
    match tickets.check_server().await {
        // A Redis that is away comes back: runs wait in Postgres meanwhile.
        Err(QueueError::Redis(error)) => tracing::warn!(%error, "Redis does not answer yet; going on without it"),
        checked => checked.context("checking the Redis server")?,
    }
    let scheduler = tasks::Scheduler::new(store, tickets, registry, config.clone());
    let Some(address) = &config.scheduler.metrics_listen else {
        driver::drive(&scheduler, &shutdown).await;
        return Ok(());
    };
    shared::telemetry::metrics();
    let store = scheduler.store.clone();
    let ready = move || {
        let store = store.clone();
        async move { store.ping().await.map_err(|error| format!("Postgres: {error}")) }
    };
    tokio::select! {
        () = driver::drive(&scheduler, &shutdown) => Ok(()),
        served = shared::health::serve(address, ready) => served.with_context(|| format!("serving {address}")),
    }
}
