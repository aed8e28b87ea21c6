//! `slipway` as people and supervisors run it.

use std::{path::PathBuf, process::Stdio, time::Duration};

use anyhow::Context as _;

use crate::settings;

/// How a command ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub out: String,
    /// What it complained about.
    pub err: String,
}

/// The program that was built beside the tests.
///
/// # Errors
/// When there is none.
pub fn program() -> anyhow::Result<PathBuf> {
    let program = settings::programs()?.join("slipway");
    anyhow::ensure!(program.is_file(), "no slipway beside the tests: run `cargo build --workspace --bins` first");
    Ok(program)
}

/// The folder of all programs that were built beside the tests.
///
/// # Errors
/// When they were not.
pub fn programs() -> anyhow::Result<PathBuf> {
    settings::programs()
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be started, or takes longer than `patience`.
pub async fn run(
    program: impl AsRef<std::ffi::OsStr>,
    arguments: &[&str],
    environment: &[(&str, &str)],
    patience: Duration,
) -> anyhow::Result<Ended> {
    let program = program.as_ref();
    let what = format!("{} {}", program.to_string_lossy(), arguments.join(" "));
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).envs(environment.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(patience, command.output());
    let output = output.await.with_context(|| format!("{what} takes more than {patience:?}"))?;
    let output = output.with_context(|| format!("starting {what}"))?;
    Ok(Ended {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

impl Ended {
    /// What it printed, when it ended with 0.
    ///
    /// # Errors
    /// When it did not; the message has what it complained about.
    pub fn ok(self) -> anyhow::Result<String> {
        anyhow::ensure!(self.code == Some(0), "it ended with {:?}: {}\n{}", self.code, self.err, self.out);
        Ok(self.out)
    }
}
