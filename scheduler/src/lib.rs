//! Turns what Postgres says should happen into runs, and runs into tickets.
//!
//! A list of small tasks, each taking nothing but the database, each safe to run twice and beside another scheduler's.

mod driver;
mod settings;
pub mod sources;
mod tasks;

use std::sync::Arc;

use anyhow::Context as _;
use shared::{
    config::Config,
    figures::Figures,
    formats::registry::Registry,
    health,
    queue::{QueueError, Tickets},
    store::Store,
    telemetry::{self, Program},
    tls::Acceptor,
    traces::Traces,
};
use tokio_util::sync::CancellationToken;

pub use settings::{Unusable, check};

/// Runs a scheduler until `shutdown`. Refuses to start, with every problem named, when a setting cannot be or a provider is not
/// as it should be.
///
/// # Errors
/// When the configuration, the providers or the Redis server's settings are not fit to run with.
pub async fn serve(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    let schedules = settings::schedules(&config)?;
    let tls = Acceptor::load_if("scheduler.metrics_tls", config.scheduler.metrics_tls.as_ref())?;
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
    let traces = Traces::start(&config.traces, Program::Scheduler, &config.instance.0)?;
    let scheduler = tasks::Scheduler::new(store, tickets, registry, schedules, config.clone(), traces.clone());
    let served = match &config.scheduler.metrics_listen {
        None => {
            driver::drive(&scheduler, &shutdown).await;
            Ok(())
        }
        Some(address) => watched(&scheduler, address, tls, &shutdown).await,
    };
    traces.flush().await;
    served
}

/// Runs it, and gives its figures there.
async fn watched(
    scheduler: &tasks::Scheduler,
    address: &str,
    tls: Option<Arc<Acceptor>>,
    shutdown: &CancellationToken,
) -> anyhow::Result<()> {
    telemetry::announce(Program::Scheduler);
    let figures = Figures::new(scheduler.store.clone(), scheduler.config.scheduler.worker_gone_after_s);
    let store = scheduler.store.clone();
    let ready = move || {
        let store = store.clone();
        async move { store.ping().await.map_err(|error| format!("Postgres: {error}")) }
    };
    tokio::select! {
        () = driver::drive(scheduler, shutdown) => Ok(()),
        served = health::serve(address, tls, Some(figures), ready) => served.with_context(|| format!("serving {address}")),
    }
}
