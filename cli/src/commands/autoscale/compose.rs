//! Workers as containers of a compose service, through whichever compose there is and the docker command.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use tokio::{process::Command, task::JoinHandle};

use super::fleet::{Ended, Present, Unit};

/// How long a question may take.
const ASK: Duration = Duration::from_secs(30);
/// How long it may take to start containers.
const START: Duration = Duration::from_secs(120);
/// Characters of a host name that the engine makes of a container's id.
const SHORT: usize = 12;

/// Which service of which files.
#[derive(Clone, Debug)]
pub(super) struct Service {
    /// The service.
    pub(super) name: String,
    /// The files; none: as compose finds them.
    pub(super) files: Vec<PathBuf>,
    /// The project; none: as compose names it.
    pub(super) project: Option<String>,
    /// A file with variables; none: as compose finds it.
    pub(super) env_file: Option<PathBuf>,
}

/// The containers of a service.
#[derive(Debug)]
pub(super) struct Compose {
    service: Service,
    /// `docker-compose`, or `docker compose`.
    program: Vec<&'static str>,
    ending: BTreeMap<String, JoinHandle<()>>,
    known: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    id: String,
    created: DateTime<Utc>,
    state: State,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    running: bool,
    exit_code: i64,
}

impl Compose {
    /// Finds out which compose there is.
    ///
    /// # Errors
    /// When there is none.
    pub(super) async fn find(service: Service) -> anyhow::Result<Self> {
        for program in [vec!["docker", "compose"], vec!["docker-compose"]] {
            let version = [&program[1..], &["version"][..]].concat();
            if run(program[0], &version, ASK).await.is_ok() {
                return Ok(Self { service, program, ending: BTreeMap::new(), known: BTreeSet::new() });
            }
        }
        anyhow::bail!(
            "neither `docker compose` nor `docker-compose` runs here: install one of them, and may this user use it?"
        )
    }

    pub(super) async fn look(&mut self) -> anyhow::Result<Present> {
        self.ending.retain(|_, task| !task.is_finished());
        let mut present = Present::default();
        let containers = self.containers().await?;
        for container in &containers {
            let key = short(&container.id);
            if container.state.running {
                present.units.push(Unit {
                    place: format!("container {key}"),
                    started_at: container.created,
                    ending: self.ending.contains_key(&key),
                    key,
                });
            }
        }
        let left = |key: &String| present.units.iter().all(|unit| unit.key != *key);
        for key in self.known.iter().filter(|key| left(key)) {
            let code = containers.iter().find(|it| short(&it.id) == *key).map(|it| it.state.exit_code);
            let how = match code {
                Some(0) | None => "it has ended".to_owned(),
                Some(code) => format!("it ended with {code}"),
            };
            // One that ended by itself is started anew by its restart policy, or removed with the next.
            let told = code.is_none() || code == Some(0);
            present.ended.push(Ended { key: key.clone(), how, told });
        }
        self.known = present.units.iter().map(|unit| unit.key.clone()).collect();
        present.units.sort_by_key(|unit| unit.started_at);
        Ok(present)
    }

    pub(super) async fn start(&mut self, count: u32) -> anyhow::Result<Vec<Unit>> {
        // Of those that run compose would end some if it were told of fewer than there are, whatever they do.
        let before: Vec<String> =
            self.containers().await?.into_iter().filter(|it| it.state.running).map(|it| it.id).collect();
        let scale = format!("{}={}", self.service.name, before.len() + count as usize);
        let arguments = ["up", "-d", "--no-deps", "--no-recreate", "--scale", &scale, &self.service.name];
        self.compose(&arguments, START).await.context("starting containers")?;
        let after = self.containers().await?.into_iter().filter(|it| it.state.running && !before.contains(&it.id));
        Ok(after
            .map(|it| Unit {
                place: format!("container {}", short(&it.id)),
                key: short(&it.id),
                started_at: it.created,
                ending: false,
            })
            .collect())
    }

    pub(super) fn stop(&mut self, key: &str, grace: Duration) {
        if self.ending.contains_key(key) {
            return;
        }
        let (id, seconds) = (key.to_owned(), grace.as_secs().to_string());
        let task = tokio::spawn(async move {
            // What fails is seen by the next look, which finds the container as it was.
            if run("docker", &["stop", "--time", &seconds, &id], grace + ASK).await.is_ok() {
                let _ = run("docker", &["rm", "--volumes", &id], ASK).await;
            }
        });
        self.ending.insert(key.to_owned(), task);
    }

    /// Waits until those that were told to end have.
    pub(super) async fn settle(&mut self) {
        for task in std::mem::take(&mut self.ending).into_values() {
            // It has no way to fail but a panic, which is told of where it happens.
            let _ = task.await;
        }
    }

    async fn containers(&self) -> anyhow::Result<Vec<Container>> {
        let listed = self.compose(&["ps", "-q", &self.service.name], ASK).await?;
        let ids: Vec<&str> = listed.split_whitespace().collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let found = run("docker", &[&["inspect", "--type", "container"][..], ids.as_slice()].concat(), ASK).await;
        // One that is gone between the two questions makes the second one fail; the next look asks both anew.
        serde_json::from_str(&found?).context("what docker inspect says")
    }

    async fn compose(&self, arguments: &[&str], patience: Duration) -> anyhow::Result<String> {
        let mut all: Vec<String> = self.program[1..].iter().map(ToString::to_string).collect();
        for file in &self.service.files {
            all.extend(["-f".to_owned(), file.display().to_string()]);
        }
        if let Some(project) = &self.service.project {
            all.extend(["-p".to_owned(), project.clone()]);
        }
        if let Some(file) = &self.service.env_file {
            all.extend(["--env-file".to_owned(), file.display().to_string()]);
        }
        all.extend(arguments.iter().map(ToString::to_string));
        run(self.program[0], &all.iter().map(String::as_str).collect::<Vec<_>>(), patience).await
    }
}

fn short(id: &str) -> String {
    id.chars().take(SHORT).collect()
}

/// What a command prints.
///
/// # Errors
/// When it cannot be started, fails, or takes longer than `patience`; the text has the end of what it complained about.
async fn run(program: &str, arguments: &[&str], patience: Duration) -> anyhow::Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    // Ctrl-C is meant for who asked for the workers.
    command.process_group(0);
    let what = || format!("{program} {}", arguments.join(" "));
    let output = tokio::time::timeout(patience, command.output())
        .await
        .with_context(|| format!("{} took more than {} s", what(), patience.as_secs()))?
        .with_context(what)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).rev().take(3).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        anyhow::bail!("{} failed: {}", what(), last.join("; "));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
