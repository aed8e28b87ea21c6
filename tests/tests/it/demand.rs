//! The number that scalers go by, as each of KEDA's scalers asks for it.

use std::{sync::Mutex, time::Duration};

use anyhow::Context as _;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use sqlx::Connection as _;
use tests::{
    client::Client,
    process::{self, Process, Recipe},
    stack::{Options, Stack},
};

const MINUTE: Duration = Duration::from_secs(60);
const LOGIN: &str = "slipway_test_scaler";

/// Where the scheduler of the next stack gives its figures.
static PORT: Mutex<u16> = Mutex::new(0);

async fn start() -> anyhow::Result<Stack> {
    *PORT.lock().unwrap() = process::free_port()?;
    let configure = |config: &mut shared::config::Config| {
        config.scheduler.metrics_listen = Some(format!("127.0.0.1:{}", *PORT.lock().unwrap()));
    };
    Stack::start(Options { workers: 0, configure, ..Options::scripted() }).await
}

/// By a login that is a member of the scalers' role, as somebody who administers the cluster makes it.
async fn as_scaler(stack: &Stack) -> anyhow::Result<sqlx::PgConnection> {
    let make = format!("CREATE ROLE {LOGIN} LOGIN PASSWORD 'of-tests-alone' IN ROLE slipway_scaler");
    if let Err(error) = sqlx::query(sqlx::AssertSqlSafe(make)).execute(&stack.pool).await {
        let taken =
            error.as_database_error().is_some_and(|error| matches!(error.code().as_deref(), Some("42710" | "23505")));
        anyhow::ensure!(taken, error);
    }
    let (scheme, rest) = stack.config.database.url.split_once("://").context("no URL")?;
    let (_, place) = rest.rsplit_once('@').context("no user")?;
    Ok(sqlx::PgConnection::connect(&format!("{scheme}://{LOGIN}:of-tests-alone@{place}")).await?)
}

async fn asked_of_postgres(connection: &mut sqlx::PgConnection) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar("SELECT queue_demand('default')").fetch_one(connection).await?)
}

async fn asked_of_api(client: &Client) -> anyhow::Result<Option<i64>> {
    Ok(client.get("/api/queues/default/demand").await?["demand"].as_i64())
}

#[tokio::test]
async fn the_api_prometheus_and_postgres_say_the_same_number_to_who_may_see_nothing_else() -> anyhow::Result<()> {
    let stack = start().await?;
    let mut database = as_scaler(&stack).await?;
    assert_eq!(asked_of_postgres(&mut database).await?, 0);
    for _ in 0..3 {
        stack.client.execute("no-op", &json!({})).await?;
    }
    // One of them gets a ticket, so that the number is made of two kinds.
    stack
        .until("a ticket is out", MINUTE, async || {
            Ok((stack.count("SELECT count(*) FROM run WHERE status = 'queued'").await? == 1).then_some(()))
        })
        .await?;
    assert_eq!(asked_of_postgres(&mut database).await?, 3);

    // KEDA's metrics-api scaler: a key of its own, and the member that `valueLocation` names.
    let made = stack
        .client
        .post("/api/keys", &json!({"name": "keda", "roles": ["viewer"], "scopes": ["queue.read"]}))
        .await?
        .ok()?;
    let key = made["key"].as_str().context("no key")?;
    let keda = Client::new(stack.client.base(), key)?;
    assert_eq!(asked_of_api(&keda).await?, Some(3));
    assert!(keda.get("/api/workflows").await.is_err(), "its key is good for more than queues");

    // KEDA's postgresql scaler: its login reads no table.
    for table in ["run", "queue", "worker", "secret", "run_count"] {
        let error = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT * FROM {table}")))
            .execute(&mut database)
            .await
            .unwrap_err();
        assert_eq!(
            error.as_database_error().and_then(|error| error.code()).as_deref(),
            Some("42501"),
            "{table}: {error}"
        );
    }
    for function in ["waiting_counts('default')", "promote(interval '1 minute', 1)"] {
        let error =
            sqlx::query(sqlx::AssertSqlSafe(format!("SELECT {function}"))).execute(&mut database).await.unwrap_err();
        assert_eq!(
            error.as_database_error().and_then(|error| error.code()).as_deref(),
            Some("42501"),
            "{function}: {error}"
        );
    }

    // KEDA's prometheus scaler: Prometheus itself, scraping the scheduler.
    let prometheus = Prometheus::start(*PORT.lock().unwrap())?;
    let asked = stack
        .until("Prometheus has the figure", MINUTE, async || {
            prometheus.ask("max(slipway_queue_demand{queue=\"default\"})").await
        })
        .await?;
    assert_eq!(asked, "3");

    // What may not begin asks for no worker, whoever is asked.
    stack.client.post("/api/queues/default/pause", &json!({"reason": "a test"})).await?.ok()?;
    assert_eq!(asked_of_postgres(&mut database).await?, 0);
    assert_eq!(asked_of_api(&keda).await?, Some(0));
    stack.client.post("/api/queues/default/resume", &json!({})).await?.ok()?;
    assert_eq!(asked_of_postgres(&mut database).await?, 3);
    assert_eq!(asked_of_api(&keda).await?, Some(3));
    stack.finish().await
}

/// Prometheus, scraping one port of this machine.
struct Prometheus {
    url: String,
    _process: Process,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    fn start(target: u16) -> anyhow::Result<Self> {
        let program = process::find("prometheus", &[])
            .context("prometheus is not installed: `apt-get install prometheus` brings it, and so does `make test`")?;
        let folder = tempfile::Builder::new().prefix("slipway-prometheus-").tempdir()?;
        let config = json!({
            "global": {"scrape_interval": "1s"},
            "scrape_configs": [{"job_name": "slipway", "static_configs": [{"targets": [format!("127.0.0.1:{target}")]}]}],
        });
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config.to_string())?;
        let listen = format!("127.0.0.1:{}", process::free_port()?);
        let process = Process::start(Recipe {
            name: "prometheus".into(),
            program,
            arguments: vec![
                format!("--config.file={}", file.display()),
                format!("--storage.tsdb.path={}", folder.path().join("data").display()),
                format!("--web.listen-address={listen}"),
            ],
            environment: Vec::new(),
            account: None,
            log: folder.path().join("log"),
            end_with: Signal::SIGKILL,
        })?;
        Ok(Self { url: format!("http://{listen}"), _process: process, _folder: folder })
    }

    /// The one value of a query, as it is sent; none while there is none.
    async fn ask(&self, query: &str) -> anyhow::Result<Option<String>> {
        let url = reqwest::Url::parse_with_params(&format!("{}/api/v1/query", self.url), [("query", query)])?;
        let Ok(answer) = reqwest::get(url).await else { return Ok(None) };
        let answer: Value = serde_json::from_str(&answer.text().await?).unwrap_or_default();
        Ok(answer["data"]["result"][0]["value"][1].as_str().map(str::to_owned))
    }
}
