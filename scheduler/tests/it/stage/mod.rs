//! A scheduler in this process over a database of its own, and repositories it fetches from.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;
use shared::{
    config::Config,
    formats::source::Source,
    store::{
        notify,
        provider_set::{self, Asked},
        provider_source::{self, Stored},
    },
};
use tests::{database::TestDatabase, wait};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) mod server;

const LIMIT: Duration = Duration::from_secs(30);

/// A repository with a working tree.
pub(crate) struct Repository {
    pub(crate) folder: tempfile::TempDir,
}

/// Runs git as the repository's author would.
#[track_caller]
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args([
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.org",
            "-c",
            "init.defaultBranch=main",
            "-c",
            "protocol.file.allow=always",
        ])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .expect("git is needed for this test: install it");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Repository {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "--quiet"]);
        Self { folder }
    }

    pub(crate) fn write(&self, files: &[(&str, &str)]) -> &Self {
        for (name, content) in files {
            let path = self.folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        self
    }

    /// Commits everything; gives the commit.
    pub(crate) fn commit(&self) -> String {
        git(self.folder.path(), &["add", "--all"]);
        git(self.folder.path(), &["commit", "--quiet", "--allow-empty", "--message", "x"]);
        git(self.folder.path(), &["rev-parse", "HEAD"])
    }

    pub(crate) fn tag(&self, name: &str) {
        git(self.folder.path(), &["tag", "--annotate", "--force", "--message", "x", name]);
    }

    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.folder.path().display())
    }
}

/// Files of a provider of one type, whose workflow prints `says`.
pub(crate) fn provider(name: &str, version: &str, kind: &str, says: &str) -> Vec<(String, String)> {
    let manifest = format!(
        "apiVersion: v1\nkind: Provider\nmetadata: {{name: {name}, version: {version}}}\ncapabilities: {{resourceTypes: [{kind}]}}\nworkflows: [{{name: make, file: w/make.yaml}}]\n"
    );
    let workflow = format!(
        "apiVersion: slipway.dev/v1\nmetadata: {{name: make}}\nsteps:\n  - {{name: work, type: say, config: {{text: {says}}}}}\n"
    );
    let step_type = format!(
        "apiVersion: slipway.dev/v1\nkind: StepType\nmetadata: {{name: say, version: 1.0.0}}\nimage: say:{version}\ncommand: [/bin/true]\nconfig: {{type: object}}\n"
    );
    vec![
        ("provider.yaml".into(), manifest),
        ("w/make.yaml".into(), workflow),
        ("step-types/say.yaml".into(), step_type),
    ]
}

impl Repository {
    /// A provider in the root; gives the commit.
    pub(crate) fn provide(&self, name: &str, version: &str, kind: &str, says: &str) -> String {
        for (file, content) in provider(name, version, kind, says) {
            self.write(&[(&file, &content)]);
        }
        self.commit()
    }
}

pub(crate) fn source(name: &str, url: &str, reference: &str) -> Source {
    Source { name: name.into(), url: url.into(), reference: reference.into(), ..Source::default() }.checked().unwrap()
}

/// A scheduler, or several, of one installation.
pub(crate) struct Stage {
    pub(crate) database: TestDatabase,
    pub(crate) config: Config,
    /// Providers of the instance itself; none at first.
    pub(crate) folder: tempfile::TempDir,
    running: Vec<JoinHandle<anyhow::Result<()>>>,
    shutdown: CancellationToken,
}

impl Stage {
    pub(crate) async fn new(repositories: &[&Repository]) -> Self {
        let database = TestDatabase::create().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config { database: database.config(), ..Config::default() };
        config.redis.url = std::env::var("TEST_REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6399/0".into());
        config.redis.prefix = format!("scheduler-test-{}", uuid::Uuid::now_v7());
        config.scheduler.providers = vec![folder.path().to_owned()];
        config.scheduler.period_ms = 50;
        config.git.folders = repositories.iter().map(|it| it.folder.path().to_owned()).collect::<Vec<PathBuf>>();
        config.git.interval_s = 0;
        Self { database, config, folder, running: Vec::new(), shutdown: CancellationToken::new() }
    }

    /// Starts a scheduler.
    pub(crate) fn start(&mut self) {
        self.running.push(tokio::spawn(scheduler::serve(self.config.clone(), self.shutdown.clone())));
    }

    /// Ends all schedulers.
    pub(crate) async fn stop(&mut self) {
        self.shutdown.cancel();
        for running in self.running.drain(..) {
            running.await.unwrap().unwrap();
        }
        self.shutdown = CancellationToken::new();
    }

    pub(crate) fn provide(&self, name: &str, version: &str, kind: &str) {
        for (file, content) in provider(name, version, kind, "folder") {
            let path = self.folder.path().join(name).join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            // Step types are unique, and those of sources are called so.
            std::fs::write(
                path,
                content
                    .replace("name: say,", &format!("name: {name}-say,"))
                    .replace("type: say", &format!("type: {name}-say")),
            )
            .unwrap();
        }
    }

    pub(crate) async fn add(&self, source: &Source) {
        let mut tx = self.database.store.begin().await.unwrap();
        provider_source::put(&mut tx, source, "api", "tester", 0).await.unwrap();
        notify(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn find(&self, name: &str) -> Stored {
        provider_source::find(self.database.store.pool(), name).await.unwrap().unwrap()
    }

    /// Waits until a look at the source has ended so.
    pub(crate) async fn becomes(&self, name: &str, status: &str) -> Stored {
        let what = format!("{name} is {status}");
        let outcome = wait::until(&what, LIMIT, async || {
            for running in &self.running {
                anyhow::ensure!(!running.is_finished(), "a scheduler ended");
            }
            let found = provider_source::find(self.database.store.pool(), name).await?;
            Ok(found.filter(|row| row.status == status && row.looked_at.is_some()))
        });
        match outcome.await {
            Ok(row) => row,
            Err(error) => panic!("{error:#}: {:#?}", provider_source::find(self.database.store.pool(), name).await),
        }
    }

    /// Has a source looked at again, and waits until it was.
    pub(crate) async fn look(&self, name: &str) -> Stored {
        let before = self.find(name).await.looked_at;
        provider_source::request_look(self.database.store.pool(), Some(name)).await.unwrap();
        self.until(&format!("{name} is looked at"), async || {
            let row = provider_source::find(self.database.store.pool(), name).await?;
            Ok(row.filter(|row| row.looked_at != before))
        })
        .await
    }

    pub(crate) async fn until<T>(&self, what: &str, probe: impl AsyncFnMut() -> anyhow::Result<Option<T>>) -> T {
        wait::until(what, LIMIT, probe).await.unwrap()
    }

    pub(crate) async fn ask(&self, asked: Asked) -> Value {
        let mut tx = self.database.store.begin().await.unwrap();
        let id = provider_set::ask(&mut tx, asked, "tester").await.unwrap();
        notify(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        self.until("an answer", async || Ok(provider_set::answer(self.database.store.pool(), id).await?)).await
    }

    /// `name@version` of what is loaded.
    pub(crate) async fn providers(&self) -> Vec<String> {
        let rows = shared::store::provider::list(self.database.store.pool()).await.unwrap();
        rows.iter().map(|row| format!("{}@{}", row.name, row.version)).collect()
    }

    pub(crate) async fn generation(&self) -> i64 {
        provider_set::generation(self.database.store.pool()).await.unwrap()
    }

    /// The data of all events of a kind, oldest first.
    pub(crate) async fn events(&self, kind: &str) -> Vec<Value> {
        self.database.events(kind).await.unwrap()
    }
}
