//! How a container ended, from the two who know: its init and the engine.

use std::time::Duration;

use bollard::{errors::Error, models::ContainerState, query_parameters::WaitContainerOptionsBuilder};
use futures::StreamExt;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use super::{
    DockerEngine,
    call::{Failure, QUICK, call},
    protocol::Report,
};
use crate::engine::{EngineError, Exit};

/// Killed, by whomever.
const KILLED: i64 = 137;
/// How long the init's report may take to be read after the engine said that the container ended.
const REPORT_LATE: Duration = Duration::from_secs(3);
/// How often an engine that says nothing is asked whether it is there.
const PROBE: Duration = Duration::from_secs(15);
/// How long an engine may be away before the caller hears of it.
const AWAY: Duration = Duration::from_secs(120);

/// Waits until the container has ended. `Unavailable` when the engine was away for two minutes.
pub(super) async fn wait(engine: &DockerEngine, name: &str) -> Result<Exit, EngineError> {
    let mut report = engine.with_live(name, |live| live.report.clone());
    let mut answered = Instant::now();
    let mut pause = Duration::from_millis(100);
    loop {
        let outcome = tokio::select! {
            Some(report) = reported(&mut report) => return Ok(from_report(engine, name, report)),
            outcome = ended(engine, name, &mut answered) => outcome,
        };
        match outcome {
            Ok(()) => {
                if let Ok(Some(report)) = timeout(REPORT_LATE, reported(&mut report)).await {
                    return Ok(from_report(engine, name, report));
                }
                match call("inspect container", QUICK, engine.docker.inspect_container(name, None)).await {
                    Ok(found) => return Ok(from_engine(engine, name, found.state.unwrap_or_default())),
                    Err(failure) if failure.is(404) => return Ok(vanished(engine, name)),
                    Err(_) => {}
                }
            }
            Err(failure) if failure.is(404) => return Ok(vanished(engine, name)),
            Err(failure) if answered.elapsed() > AWAY => return Err(failure.into()),
            Err(_) => {}
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

/// The init's report, as soon as it is there; `None` when there will be none.
async fn reported(report: &mut Option<watch::Receiver<Option<Report>>>) -> Option<Report> {
    *report.as_mut()?.wait_for(Option::is_some).await.ok()?
}

/// Waits for the engine's word, making sure all along that the engine is there.
async fn ended(engine: &DockerEngine, name: &str, answered: &mut Instant) -> Result<(), Failure> {
    let options = WaitContainerOptionsBuilder::default().condition("not-running").build();
    let mut waiting = Box::pin(engine.docker.wait_container(name, Some(options)));
    loop {
        match timeout(PROBE, waiting.next()).await {
            Ok(Some(Ok(_) | Err(Error::DockerContainerWaitError { .. }))) => return Ok(()),
            Ok(Some(Err(error))) => return Err(error.into()),
            Ok(None) => return Err(Failure::Silent("the engine ended the call".into())),
            Err(_) => match call("ping", QUICK, engine.docker.ping()).await {
                Ok(_) => *answered = Instant::now(),
                Err(failure) if answered.elapsed() > AWAY => return Err(failure),
                Err(_) => {}
            },
        }
    }
}

fn from_report(engine: &DockerEngine, name: &str, report: Report) -> Exit {
    // An engine that starts again ends what it finds running, with a polite SIGTERM, like a person's `docker stop`.
    let stopped_by_others = report.told && report.code != 0 && !stopped_here(engine, name);
    Exit {
        code: i64::from(report.code),
        oom_killed: report.oom,
        infrastructure: report.expired || stopped_by_others,
        disk_full: report.full,
    }
}

fn stopped_here(engine: &DockerEngine, name: &str) -> bool {
    engine.with_live(name, |live| live.stopped).unwrap_or(false)
}

/// Without the init's report the init itself was killed: for memory, by `stop`, or by what brought the engine down.
fn from_engine(engine: &DockerEngine, name: &str, state: ContainerState) -> Exit {
    let code = state.exit_code.unwrap_or(KILLED);
    let oom_killed = state.oom_killed.unwrap_or(false);
    // 255 is what a restarted engine writes for a container that it found dead.
    let infrastructure = matches!(code, KILLED | 255) && !oom_killed && !stopped_here(engine, name);
    Exit { code, oom_killed, infrastructure, disk_full: false }
}

fn vanished(engine: &DockerEngine, name: &str) -> Exit {
    Exit { code: KILLED, infrastructure: !stopped_here(engine, name), ..Exit::default() }
}
