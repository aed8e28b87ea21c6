//! An api with a database of its own and nothing beside it: for what needs neither scheduler nor worker.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::Method;
use shared::{
    config::{Config, Environment},
    domain::access::Role,
    store::api_key,
};

use crate::{
    client::Client,
    database::TestDatabase,
    process::Process,
    settings::{configuration, programs, recipe},
    stack::Options,
    wait,
};

/// A running api. It and its database are gone when this is dropped.
#[derive(Debug)]
pub struct Alone {
    /// The api.
    pub api: Process,
    /// Its configuration.
    pub config: Config,
    /// Where it answers, without a final slash.
    pub url: String,
    /// Speaks to it as an administrator; over TLS it trusts only whom the system does.
    pub client: Client,
    /// Its rows.
    pub database: TestDatabase,
    /// Its folder, with `config.yaml` in it.
    pub folder: tempfile::TempDir,
}

impl Alone {
    /// Starts one for development, as `configure` changes its configuration, and waits until it is ready.
    ///
    /// # Errors
    /// When something is missing or does not start; the message says what.
    pub async fn start(configure: impl FnOnce(&mut Config)) -> anyhow::Result<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("slipway-alone-").tempdir()?;
        let instance = format!("test-{}", &uuid::Uuid::now_v7().simple().to_string()[20..]);
        let database = TestDatabase::create().await?;
        let mut config = configuration(&Options::default(), &instance, folder.path())?;
        config.environment = Environment::Development;
        config.database.url.clone_from(&database.url);
        configure(&mut config);
        let file = folder.path().join("config.yaml");
        std::fs::write(&file, serde_json::to_string_pretty(&config)?)?;
        let mut api = Process::start(recipe(&programs, folder.path(), &file, "slipway-api", 0))?;
        let (plain, secured) = (format!("http://{}", config.api.listen), config.api.tls.is_some());
        let open = Client::new(&plain, "none yet")?;
        wait::until("the api is ready", Duration::from_secs(60), async || {
            api.check()?;
            let answer = open.send(Method::GET, "/readyz", &[], None).await.ok();
            // Over TLS that is refused, by an api that listens.
            Ok(answer.filter(|answer| secured || answer.status.is_success()).map(drop))
        })
        .await?;
        let key = api_key::NewKey::of_nobody("test", Role::Admin);
        let (_, key) = api_key::create(&database.pool, &key).await.context("making a key")?;
        let url = if secured { plain.replacen("http", "https", 1) } else { plain };
        let client = Client::new(&url, &key)?;
        Ok(Self { api, config, url, client, database, folder })
    }
}
