//! One installation by compose: its images, its secrets, its containers, and a client of it.

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use serde_json::Value;
use tests::{client::Client, command_line, engine, process, wait};

const MINUTE: Duration = Duration::from_secs(60);
/// Making images of packages takes a while, once.
const IMAGES: Duration = Duration::from_secs(200);
const COMPOSE: &str = "compose is not installed: `apt-get install docker-compose` brings it, and so does `make test`";

/// A running installation. Its containers, networks and volumes are gone when this is dropped.
pub(crate) struct Site {
    pub(crate) client: Client,
    /// The name of the compose project.
    pub(crate) project: String,
    instance: String,
    folder: tempfile::TempDir,
    url: String,
    key: String,
    finished: bool,
}

fn deploy() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/compose")
}

impl Site {
    /// Packs the programs that were built beside the tests, and starts everything but workers.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let deploy = deploy().canonicalize()?;
        let programs = command_line::programs()?.display().to_string();
        command_line::run(deploy.join("images.sh"), &[&programs], &[], IMAGES).await?.ok().context("images.sh")?;
        let folder = tempfile::Builder::new().prefix("slipway-compose-").tempdir()?;
        let id = uuid::Uuid::now_v7().simple().to_string()[20..].to_owned();
        let (project, instance) = (format!("slipway-test-{id}"), format!("test-{id}"));
        let port = process::free_port()?.to_string();
        let path = folder.path().display().to_string();
        let environment = [("SLIPWAY_PORT", port.as_str()), ("SLIPWAY_INSTANCE", &instance)];
        command_line::run(deploy.join("setup.sh"), &[&path], &environment, MINUTE).await?.ok().context("setup.sh")?;
        // Beside the files that ship: the tests' providers, and leases that end soon.
        let providers = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/providers/probe").canonicalize()?;
        let volume = format!("{}:/etc/slipway/providers/probe:ro", providers.display());
        std::fs::create_dir_all(folder.path().join("providers/probe"))?;
        let more = serde_json::json!({"services": {
            "scheduler-1": {"volumes": [volume]},
            "scheduler-2": {"volumes": [volume]},
            "worker": {"environment": {"SLIPWAY__WORKER__LEASE_TTL_S": "10", "SLIPWAY__WORKER__MIN_FREE_DISK_MIB": "1"}},
        }});
        std::fs::write(folder.path().join("more.yaml"), more.to_string())?;

        let url = format!("https://127.0.0.1:{port}");
        let client = Client::new(&url, "none yet")?;
        let mut site = Self { client, project, instance, folder, url, key: String::new(), finished: false };
        site.compose(&["up", "-d", "--scale", "worker=0"], Duration::from_secs(100)).await?;
        let made = site.compose(&["run", "--rm", "-T", "migrate", "slipway-api", "create-key", "test"], MINUTE).await?;
        let key = made.lines().rev().find(|line| line.starts_with("slw_")).context("no key was printed")?;
        site.key = key.trim().to_owned();
        site.client = Client::trusting(&site.url, &site.key, &std::fs::read(site.folder.path().join("ca.pem"))?)?;
        let client = site.client.clone();
        wait::until("providers are there", MINUTE, async || {
            let Ok(found) = client.get("/api/providers").await else { return Ok(None) };
            let items = found["items"].as_array().cloned().unwrap_or_default();
            Ok(items.iter().any(|provider| provider["name"] == "probe").then_some(()))
        })
        .await?;
        Ok(site)
    }

    fn files(&self) -> [String; 2] {
        [
            deploy().join("compose.yaml").display().to_string(),
            self.folder.path().join("more.yaml").display().to_string(),
        ]
    }

    fn flags(&self) -> Vec<String> {
        let [first, second] = self.files();
        let env = self.folder.path().join("env").display().to_string();
        ["-f", &first, "-f", &second, "-p", &self.project, "--env-file", &env].iter().map(ToString::to_string).collect()
    }

    async fn compose(&self, arguments: &[&str], patience: Duration) -> anyhow::Result<String> {
        let flags = self.flags();
        let all: Vec<&str> = flags.iter().map(String::as_str).chain(arguments.iter().copied()).collect();
        command_line::run("docker-compose", &all, &[], patience).await.context(COMPOSE)?.ok()
    }

    /// One look of `slipway autoscale`; what it tells.
    pub(crate) async fn autoscale(&self, flags: &[&str]) -> anyhow::Result<Vec<Value>> {
        let ([first, second], folder) = (self.files(), self.folder.path().display().to_string());
        let (env, dir, ca) = (format!("{folder}/env"), format!("{folder}/autoscale"), format!("{folder}/ca.pem"));
        let mut arguments = vec!["autoscale", "--once", "-o", "json", "--dir", &dir, "--compose-service", "worker"];
        arguments.extend(["--compose-file", &first, "--compose-file", &second, "--compose-project", &self.project]);
        arguments.extend(["--compose-env-file", &env]);
        arguments.extend(flags);
        let environment = [("SLIPWAY_URL", self.url.as_str()), ("SLIPWAY_API_KEY", &self.key), ("SLIPWAY_CACERT", &ca)];
        let said = command_line::run(command_line::program()?, &arguments, &environment, MINUTE).await?.ok()?;
        said.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }

    // An api that is killed, or starts again, may leave any question unanswered: who waits asks again.

    /// Waits until so many runs of the queue need a slot.
    pub(crate) async fn demand_is(&self, wanted: i64) -> anyhow::Result<()> {
        wait::until(&format!("the demand is {wanted}"), MINUTE, async || {
            let found = self.client.get("/api/queues/default/demand").await;
            Ok(found.is_ok_and(|found| found["demand"] == wanted).then_some(()))
        })
        .await
    }

    /// Waits until a resource of an application is in this state, whatever becomes of the apis meanwhile.
    pub(crate) async fn resource_becomes(&self, application: &str, name: &str, state: &str) -> anyhow::Result<()> {
        wait::until(&format!("{application}.{name} is {state}"), MINUTE, async || {
            let found = self.client.resource(application, name).await.ok().flatten();
            Ok(found.filter(|resource| resource["state"] == state).map(drop))
        })
        .await
    }

    /// Submits again until an api has taken it.
    pub(crate) async fn submit_patiently(&self, yaml: &str) -> anyhow::Result<()> {
        let key = uuid::Uuid::now_v7().to_string();
        wait::until("an api takes a submission", MINUTE, async || {
            let taken = self.client.submit_once(yaml, &key).await;
            Ok(taken.is_ok_and(|answer| answer.status.is_success()).then_some(()))
        })
        .await
    }

    /// The run of an application's resource `it`.
    pub(crate) async fn run_of(&self, application: &str) -> anyhow::Result<String> {
        wait::until("there is a run", MINUTE, async || {
            let found = self.client.resource(application, "it").await.ok().flatten();
            Ok(found.and_then(|resource| resource["current_run_id"].as_str().map(str::to_owned)))
        })
        .await
    }

    /// The container of the worker that drives a run.
    pub(crate) async fn driver(&self, run: &str) -> anyhow::Result<Option<String>> {
        let Ok(run) = self.client.run(run).await else { return Ok(None) };
        let Some(worker) = run["worker_id"].as_str() else { return Ok(None) };
        let Ok(worker) = self.client.get(&format!("/api/workers/{worker}")).await else { return Ok(None) };
        Ok(worker["host"].as_str().map(str::to_owned))
    }

    /// Waits until so many workers take runs, and drive none.
    pub(crate) async fn workers_are_idle(&self, count: usize) -> anyhow::Result<()> {
        wait::until(&format!("{count} workers are idle"), MINUTE, async || {
            let Ok(found) = self.client.get("/api/workers").await else { return Ok(None) };
            let found = found["items"].as_array().cloned().unwrap_or_default();
            let idle = found.iter().filter(|it| it["live"] == true && it["state"] == "active" && it["running"] == 0);
            Ok((idle.count() == count).then_some(()))
        })
        .await
    }

    /// Takes the only network from a worker's container: its host is cut off, and what it drives goes on without it.
    pub(crate) async fn cut_off(&self, container: &str) -> anyhow::Result<()> {
        engine::docker(&["network", "disconnect", "--force", &self.network("data"), container]).await.map(drop)
    }

    /// Gives it back.
    pub(crate) async fn let_back(&self, container: &str) -> anyhow::Result<()> {
        engine::docker(&["network", "connect", &self.network("data"), container]).await.map(drop)
    }

    /// A service's container.
    pub(crate) async fn container(&self, service: &str) -> anyhow::Result<String> {
        self.containers(service).await?.into_iter().next().with_context(|| format!("no container of {service}"))
    }

    /// All containers of a service.
    pub(crate) async fn containers(&self, service: &str) -> anyhow::Result<Vec<String>> {
        let found = self.compose(&["ps", "-q", service], MINUTE).await?;
        Ok(found.split_whitespace().map(str::to_owned).collect())
    }

    /// What the engine calls a network.
    fn network(&self, name: &str) -> String {
        format!("{}_{name}", self.project)
    }

    /// Says that all is well; what is left then is removed by the drop.
    pub(crate) async fn finish(mut self) -> anyhow::Result<()> {
        self.finished = true;
        Ok(())
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let compose = |arguments: &[&str]| {
            std::process::Command::new("docker-compose").args(self.flags()).args(arguments).output()
        };
        if !self.finished
            && let Ok(logs) = compose(&["logs", "--no-color", "--tail", "40"])
        {
            eprintln!("{}", String::from_utf8_lossy(&logs.stdout));
        }
        // A network that a container was cut off from is left by force.
        let _ = compose(&["kill"]);
        let _ = compose(&["down", "--volumes", "--timeout", "0"]);
        engine::sweep(&self.instance);
    }
}
