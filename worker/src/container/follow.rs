//! A container at work, to its end.

use std::time::Duration;

use futures::StreamExt as _;
use tokio::time::Instant;

use super::{
    Setback,
    rest::{self, Reading},
};
use crate::{
    attempt::RunScope,
    engine::{Engine, Exit, Output, OutputStream},
    held::Halt,
    kept::Kept,
    logs::AttemptLog,
    outputs::Printed,
    retry::Pause,
    run_services::{Death, Watched},
};

/// How often a file of kept state is looked at while its step runs.
const STATE_EVERY: Duration = Duration::from_secs(1);
/// How long after a step's own failure the end of a service that it uses may be told.
const DEATH_LATE: Duration = Duration::from_millis(500);

/// How long a container may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For everything.
    pub timeout: Duration,
    /// From SIGTERM to SIGKILL.
    pub grace: Duration,
    /// Whether it runs although the run is to end: a wish to cancel does not reach it, and it has longer than the run.
    pub finally: bool,
}

/// Why a container was stopped before its own end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Someone wants the run stopped.
    Cancelled,
    /// The worker stops.
    HandBack,
    /// The step took too long.
    TimedOut,
    /// The run took too long.
    RunTimedOut,
    /// A service that the step uses ended: its name, and how.
    Service(String, Death),
}

/// A container that has ended.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub exit: Exit,
    /// Why it was stopped, if it was.
    pub stopped: Option<Stop>,
    /// What it printed, as far as outputs go.
    pub printed: Printed,
    /// The last line it printed, masked.
    pub last_line: Option<String>,
    /// Why the state it keeps could not be read at the end, if that is so.
    pub state_unread: Option<String>,
}

/// Stores what the container prints and waits for its end, or ends it: when the run is cancelled, out of time, to be
/// handed back, or no longer this worker's.
///
/// # Errors
/// When the lease is lost, or the engine does not answer.
pub async fn follow<E: Engine>(
    scope: &RunScope<E>,
    name: &str,
    mut output: Output,
    limits: Limits,
    log: &mut AttemptLog,
    mut kept: Option<&mut Kept>,
    services: &Watched,
) -> Result<Ended, Setback> {
    let (engine, held) = (&scope.worker.engine, &scope.held);
    let mut printed = Printed::default();
    let mut last_line = None;
    let progress = Reading::begin();
    let reading = async {
        while let Some(line) = output.next().await {
            progress.storing();
            if line.stream == OutputStream::Stdout {
                printed.line(&line.text);
            }
            if line.stream != OutputStream::Gap && !line.text.trim().is_empty() {
                last_line = Some(line.text.clone());
            }
            log.output(line).await;
            progress.waiting();
        }
    };
    let timeout = tokio::time::sleep(limits.timeout);
    let waiting = async {
        tokio::pin!(timeout);
        let mut stopped = None;
        let mut exit = None;
        let mut state_every = tokio::time::interval_at(Instant::now() + STATE_EVERY, STATE_EVERY);
        let ending = engine.wait(name);
        let dying = services.death();
        tokio::pin!(ending, dying);
        while exit.is_none() && stopped.is_none() {
            tokio::select! {
                biased;
                () = held.lost.cancelled() => return Err(Setback::Halt(Halt::Lost)),
                ended = &mut ending => exit = Some(ended?),
                () = held.cancelled.cancelled(), if !limits.finally => stopped = Some(Stop::Cancelled),
                () = scope.stop.cancelled() => stopped = Some(Stop::HandBack),
                () = tokio::time::sleep_until(scope.deadline(limits.finally)) => stopped = Some(Stop::RunTimedOut),
                () = &mut timeout => stopped = Some(Stop::TimedOut),
                (service, death) = &mut dying => stopped = Some(Stop::Service(service, death)),
                _ = state_every.tick(), if kept.is_some() => {
                    if let Some(kept) = kept.as_deref_mut() {
                        // A look that fails is made again a second later; the one at the end counts.
                        let _ = kept.send(&**engine, name).await?;
                    }
                }
            }
        }
        if let Some(exit) = exit.as_ref().filter(|exit| exit.code != 0 && !exit.infrastructure)
            && !services.is_empty()
            && !exit.disk_full
            // A step hears of the end of its service before the engine does.
            && let Ok((service, death)) = tokio::time::timeout(DEATH_LATE, dying).await
        {
            stopped = Some(Stop::Service(service, death));
        }
        let exit = match exit {
            Some(exit) => exit,
            None => {
                let stopping = engine.stop(name, limits.grace);
                tokio::pin!(stopping);
                loop {
                    // What is written while it winds down is kept as well: the grace may be minutes.
                    tokio::select! {
                        biased;
                        () = held.lost.cancelled() => return Err(Setback::Halt(Halt::Lost)),
                        done = &mut stopping => { done?; break }
                        _ = state_every.tick(), if kept.is_some() => {
                            if let Some(kept) = kept.as_deref_mut() {
                                let _ = kept.send(&**engine, name).await?;
                            }
                        }
                    }
                }
                ending.await?
            }
        };
        let state_unread = match kept {
            Some(kept) => final_state(scope, kept, name).await?,
            None => None,
        };
        Ok::<_, Setback>((exit, stopped, state_unread))
    };
    let hurry = async {
        tokio::select! {
            () = held.cancelled.cancelled(), if !limits.finally => {}
            () = scope.stop.cancelled() => {}
            () = tokio::time::sleep_until(scope.deadline(limits.finally)) => {}
        }
    };
    let ((exit, stopped, state_unread), read_all) = progress.beside(reading, waiting, &held.lost, hurry).await?;
    if !read_all {
        log.output(rest::gap()).await;
    }
    let last_line = last_line.map(|line| short(&scope.mask.clean(&line)));
    Ok(Ended { exit, stopped, printed, last_line, state_unread })
}

/// The state as the step left it; asked for again and again, because nothing else knows it.
async fn final_state<E: Engine>(scope: &RunScope<E>, kept: &mut Kept, name: &str) -> Result<Option<String>, Halt> {
    let mut pause = Pause::up_to(Duration::from_secs(2));
    let mut why = String::new();
    for _ in 0..5 {
        match kept.send(&*scope.worker.engine, name).await? {
            Ok(()) => return Ok(None),
            Err(error) => why = error.to_string(),
        }
        pause.wait().await;
    }
    Ok(Some(why))
}

/// As much of a line as a message can hold.
fn short(line: &str) -> String {
    line.chars().take(300).collect()
}
