//! Asks a service whether it is ready, by a second process in its container: under the same limits, and with no more rights.

use bollard::{
    Docker,
    exec::{CreateExecOptions, StartExecResults},
};
use futures::StreamExt as _;
use shared::domain::service::Check;

use super::call::{Failure, QUICK, call};
use crate::engine::{Answer, EngineError, Probe, sandbox::INIT};

/// Bytes of what a try prints that are looked at.
const MOST_PRINTED: usize = 8 * 1024;

/// Makes one try. An engine that refuses it says something about the container: it has ended, or has no room for one process more.
pub(super) async fn probe(docker: &Docker, name: &str, probe: &Probe) -> Result<Answer, EngineError> {
    let limit = probe.timeout + QUICK;
    let mut command = vec![INIT.to_owned(), "probe".to_owned(), probe.timeout.as_millis().to_string()];
    match &probe.check {
        Check::Tcp(port) => command.extend(["tcp".to_owned(), port.to_string()]),
        Check::Command(argv) => command.extend(std::iter::once("run".to_owned()).chain(argv.iter().cloned())),
    }
    let options = CreateExecOptions {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        env: Some(probe.env.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        cmd: Some(command),
        working_dir: Some("/tmp".to_owned()),
        ..CreateExecOptions::default()
    };
    let trying = async {
        let made = call("make a probe", QUICK, docker.create_exec(name, options)).await?;
        let mut printed = Vec::new();
        if let StartExecResults::Attached { mut output, .. } =
            call("start a probe", QUICK, docker.start_exec(&made.id, None)).await?
        {
            let reading = async {
                while let Some(Ok(chunk)) = output.next().await {
                    printed.extend_from_slice(&chunk.into_bytes());
                    let over = printed.len().saturating_sub(MOST_PRINTED);
                    printed.drain(..over);
                }
            };
            // One that goes on after its limit is the engine's doing: its exit code is not there yet.
            let _ = tokio::time::timeout(limit, reading).await;
        }
        let found = call("inspect a probe", QUICK, docker.inspect_exec(&made.id)).await?;
        Ok::<_, Failure>((found.exit_code, String::from_utf8_lossy(&printed).into_owned()))
    };
    match trying.await {
        Ok((Some(0), _)) => Ok(Answer::Ready),
        Ok((code, printed)) => Ok(Answer::NotYet(told(code, &printed))),
        Err(Failure::Status(_, reason)) => Ok(Answer::NotYet(told(None, &reason))),
        Err(silent) => Err(silent.into()),
    }
}

/// Why it is not ready: the last line printed, else the exit code.
fn told(code: Option<i64>, printed: &str) -> String {
    let line = printed.lines().rev().map(str::trim).find(|line| !line.is_empty());
    let line: Option<String> = line.map(|line| line.chars().take(200).collect());
    match (line, code) {
        (Some(line), Some(code)) if code > 1 => format!("exit code {code}: {line}"),
        (Some(line), _) => line,
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => "no answer in time".to_owned(),
    }
}
