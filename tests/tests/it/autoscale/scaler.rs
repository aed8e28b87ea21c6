//! A `slipway autoscale` under test, and what it tells.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use nix::{sys::signal::Signal, unistd::Pid};
use serde_json::Value;
use tests::{
    command_line::{self, Ended},
    process::{Process, Recipe},
    stack::Stack,
    wait,
};

const PATIENCE: Duration = Duration::from_secs(60);

/// A running scaler. It and its workers are gone when this is dropped.
pub(crate) struct Scaler {
    process: Process,
    units: Units,
    folder: tempfile::TempDir,
    /// Lines that were looked at.
    seen: usize,
}

/// The workers of a scaler, as its folder tells; killed when this is dropped.
pub(crate) struct Units(PathBuf);

impl Units {
    /// Of the scaler that keeps this folder.
    pub(crate) fn of(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    fn pids(&self) -> Vec<i32> {
        let files = std::fs::read_dir(&self.0).into_iter().flatten().flatten().map(|entry| entry.path());
        let records =
            files.filter(|path| path.extension().is_some_and(|extension| extension == "pid")).filter_map(|path| {
                let record: Value = serde_json::from_slice(&std::fs::read(&path).ok()?).ok()?;
                let pid = i32::try_from(record["pid"].as_i64()?).ok()?;
                // Another process may have the number by now.
                let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
                let name = path.file_stem()?.to_str()?.to_owned();
                String::from_utf8_lossy(&line).contains(&name).then_some(pid)
            });
        records.collect()
    }
}

impl Drop for Units {
    fn drop(&mut self) {
        for pid in self.pids() {
            let _ = nix::sys::signal::kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

fn environment(stack: &Stack) -> Vec<(String, String)> {
    vec![
        ("SLIPWAY_URL".into(), stack.client.base().to_owned()),
        ("SLIPWAY_API_KEY".into(), stack.client.key().to_owned()),
        ("SLIPWAY_CONFIG".into(), stack.worker_config().display().to_string()),
    ]
}

fn arguments(flags: &[&str], dir: &Path) -> Vec<String> {
    let mut all: Vec<String> = ["autoscale", "-o", "json"].iter().chain(flags).map(ToString::to_string).collect();
    if !flags.contains(&"--dir") {
        all.extend(["--dir".to_owned(), dir.display().to_string()]);
    }
    all
}

impl Scaler {
    /// Starts one for the queue `default` of a stack.
    pub(crate) fn start(stack: &Stack, flags: &[&str]) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("slipway-autoscale-").tempdir()?;
        let process = Process::start(Recipe {
            name: "slipway autoscale".into(),
            program: command_line::program()?,
            arguments: arguments(flags, folder.path()),
            environment: environment(stack),
            account: None,
            log: folder.path().join("told"),
            end_with: Signal::SIGKILL,
        })?;
        Ok(Self { process, units: Units::of(folder.path()), folder, seen: 0 })
    }

    /// One look to its end, of another scaler or of none.
    pub(crate) async fn once(stack: &Stack, flags: &[&str]) -> anyhow::Result<Vec<Value>> {
        let folder = tempfile::tempdir()?;
        let ended = Self::run(stack, flags, folder.path()).await?;
        ended.ok()?.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }

    /// Tries to keep the same workers as `other`.
    pub(crate) async fn beside(stack: &Stack, other: &Self, flags: &[&str]) -> anyhow::Result<Ended> {
        Self::run(stack, flags, other.folder.path()).await
    }

    async fn run(stack: &Stack, flags: &[&str], dir: &Path) -> anyhow::Result<Ended> {
        let (arguments, environment) = (arguments(flags, dir), environment(stack));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let environment: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        command_line::run(command_line::program()?, &arguments, &environment, PATIENCE).await
    }

    /// All that it has told.
    pub(crate) fn news(&self) -> anyhow::Result<Vec<Value>> {
        let text = std::fs::read_to_string(self.folder.path().join("told"))?;
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).with_context(|| line.to_owned())).collect()
    }

    /// Waits until it tells something, after what was waited for before; gives it.
    pub(crate) async fn until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let seen = self.seen;
        let found = wait::until(what, PATIENCE, async || {
            self.process.check()?;
            Ok(self.news()?.into_iter().enumerate().skip(seen).find(|(_, news)| wanted(news)))
        });
        let (place, found) = found.await.with_context(|| self.process.last_words())?;
        self.seen = place + 1;
        Ok(found)
    }

    /// How many workers of its own run.
    pub(crate) fn units(&self) -> usize {
        self.units.pids().len()
    }

    /// Ends it at once; its workers go on.
    pub(crate) fn kill9(&mut self) -> anyhow::Result<()> {
        self.process.kill9()
    }

    /// Starts it again.
    pub(crate) fn restart(&mut self) -> anyhow::Result<()> {
        self.process.restart()
    }

    /// Ends it as an operator would.
    pub(crate) async fn stop(&mut self) -> anyhow::Result<()> {
        let status = self.process.stop(Signal::SIGTERM, PATIENCE).await?;
        anyhow::ensure!(status.success(), "it ended with {status}: {}", self.process.last_words());
        Ok(())
    }
}
