//! The api, the scheduler and the worker, as tasks of this process.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use shared::{
    config::Config,
    domain::access::Role,
    store::{
        Store,
        api_key::{self, NewKey},
        provider, worker_list,
    },
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{files, logins::Configs};
use crate::connection::{self, Tls};

/// How long the API may take until it is ready.
const READY: Duration = Duration::from_secs(60);

/// Seconds since its last heartbeat that a worker counts as there.
const ALIVE_S: i32 = 30;

/// The three, running.
#[derive(Debug)]
pub(crate) struct Stack {
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
    shutdown: CancellationToken,
    store: Store,
    since: DateTime<Utc>,
    without_providers: bool,
    url: String,
    tls: Tls,
}

impl Stack {
    /// Brings the schema up to date, makes sure that `env_file` holds a key that works and the files of `tls`, and starts the
    /// three.
    ///
    /// # Errors
    /// When the database or the file do not let it.
    pub(crate) async fn start(configs: &Configs, env_file: &Path, tls: &Tls) -> anyhow::Result<Self> {
        let config = &configs.owner;
        let store = Store::connect(&config.database, "slipway-dev").context("connecting to Postgres")?;
        store.migrate().await.context("bringing the schema up to date")?;
        let url = address(config);
        let since = Utc::now();
        let without_providers = !config.scheduler.providers.iter().any(|folder| holds_a_provider(folder));
        write_access(&store, env_file, &url, tls).await?;

        let (mut tasks, shutdown) = (JoinSet::new(), CancellationToken::new());
        let own = Store::connect(&configs.api.database, "slipway-api").context("connecting to Postgres")?;
        let (c, s) = (configs.api.clone(), shutdown.clone());
        tasks.spawn(async move { ("the api", api::serve(c, own, s).await) });
        let (c, s) = (configs.scheduler.clone(), shutdown.clone());
        tasks.spawn(async move { ("the scheduler", scheduler::serve(c, s).await) });
        let (c, s) = (configs.worker.clone(), shutdown.clone());
        tasks.spawn(async move { ("the worker", work(c, s).await) });
        Ok(Self { tasks, shutdown, store, since, without_providers, url, tls: tls.clone() })
    }

    /// Returns when the API answers that it is ready, the providers are loaded and the worker takes runs.
    ///
    /// # Errors
    /// When one of the three ends instead, or it takes more than a minute.
    pub(crate) async fn ready(&mut self) -> anyhow::Result<()> {
        let http = connection::http_client(&self.url, &self.tls)?;
        let (ready_url, deadline) = (format!("{}/readyz", self.url), tokio::time::Instant::now() + READY);
        loop {
            let answer = http.get(&ready_url).timeout(Duration::from_secs(5)).send().await;
            let answers = answer.is_ok_and(|answer| answer.status().is_success());
            if answers && self.takes_work().await? {
                return Ok(());
            }
            anyhow::ensure!(tokio::time::Instant::now() < deadline, "Slipway is not ready after {} s", READY.as_secs());
            tokio::select! {
                ended = self.ended() => return ended,
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
            }
        }
    }

    async fn takes_work(&self) -> anyhow::Result<bool> {
        let pool = self.store.pool();
        let workers = worker_list::list(pool, ALIVE_S, false).await.context("looking for the worker")?;
        // A worker of an earlier start that was killed stays listed for a while.
        let ours = workers.iter().any(|worker| worker.live && worker.started_at >= self.since);
        let providers = provider::list(pool).await.context("looking for the providers")?;
        Ok(ours && (self.without_providers || !providers.is_empty()))
    }

    /// Returns when one of the three has ended, which none should.
    ///
    /// # Errors
    /// Always: with the reason.
    pub(crate) async fn ended(&mut self) -> anyhow::Result<()> {
        match self.tasks.join_next().await {
            Some(Ok((name, Ok(())))) => anyhow::bail!("{name} ended by itself"),
            Some(Ok((name, Err(error)))) => Err(error.context(format!("{name} ended"))),
            Some(Err(error)) => Err(error).context("a part of Slipway crashed"),
            None => anyhow::bail!("nothing of Slipway runs"),
        }
    }

    /// Asks the three to end and waits for it, no longer than `patience`.
    ///
    /// # Errors
    /// When one of them ends with an error.
    pub(crate) async fn stop(mut self, patience: Duration) -> anyhow::Result<()> {
        self.shutdown.cancel();
        let all = async {
            let mut outcome = Ok(());
            while let Some(ended) = self.tasks.join_next().await {
                let (name, result) = ended.context("a part of Slipway crashed")?;
                outcome = outcome.and(result.with_context(|| format!("stopping {name}")));
            }
            outcome
        };
        match tokio::time::timeout(patience, all).await {
            Ok(outcome) => outcome,
            Err(_) => {
                tracing::warn!("not everything ended in time; ending all the same");
                Ok(())
            }
        }
    }
}

/// Where the API is.
pub(crate) fn address(config: &Config) -> String {
    let scheme = if config.api.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{}", config.api.listen)
}

/// The worker. One that was drained has ended as it should; the rest goes on without.
async fn work(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    worker::serve(config, shutdown.clone()).await?;
    if !shutdown.is_cancelled() {
        tracing::warn!("the worker was drained: nothing runs until `slipway dev` is started again");
    }
    shutdown.cancelled().await;
    Ok(())
}

/// Whether the scheduler will find a provider in the folder, or in one right below it.
fn holds_a_provider(folder: &Path) -> bool {
    let below = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    below.chain([folder.to_path_buf()]).any(|folder| folder.join("provider.yaml").is_file())
}

/// Keeps the key in the file while it works (the database may have been made anew), and makes one otherwise.
async fn write_access(store: &Store, env_file: &Path, url: &str, tls: &Tls) -> anyhow::Result<()> {
    let kept = connection::read_env_file(env_file).ok().and_then(|access| access.api_key);
    let works = match &kept {
        Some(key) => api_key::authenticate(store.pool(), key).await.context("looking up the key")?.is_some(),
        None => false,
    };
    let key = match kept {
        Some(key) if works => key,
        _ => {
            api_key::create(store.pool(), &NewKey::of_nobody("slipway dev", Role::Admin))
                .await
                .context("making a key")?
                .1
        }
    };
    files::write(env_file, &connection::env_file(url, &key, tls), 0o600)?;
    files::give_to_owner_of_project(env_file)
}
