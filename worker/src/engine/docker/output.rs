//! Follows a container's output: attached from before it starts, and through the engine's log when the connection was
//! lost. Attached, a slow reader slows the step down; nothing piles up here.

use std::{pin::Pin, time::Duration};

use bollard::{Docker, container::LogOutput, errors::Error, query_parameters::LogsOptionsBuilder};
use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{
    call::{Failure, QUICK, call},
    lines::Lines,
    protocol::Report,
};
use crate::engine::{OutputLine, OutputStream};

/// Lines that wait for the reader.
pub(super) const WAITING_LINES: usize = 256;
/// How long after the end of its streams a container may still count as running.
const ENDING: Duration = Duration::from_secs(2);
/// Bytes a second that are read of a step that has written more than it may. The engine takes as long over a line as over so many
/// bytes, and all of it on processors that others need.
const FLOOD_RATE: f64 = 32.0 * 1024.0 * 1024.0;
const LINE_BYTES: u64 = 1024;
/// How long an engine that is away is waited for.
const ENGINE_AWAY: Duration = Duration::from_secs(300);

pub(super) type Pieces = Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>;

/// What one container's output runs through.
pub(super) struct Pump {
    pub(super) docker: Docker,
    pub(super) name: String,
    pub(super) lines: Lines,
    pub(super) to: mpsc::Sender<OutputLine>,
    pub(super) report: watch::Sender<Option<Report>>,
    /// The engine's time of the last piece that was passed on.
    last: Option<DateTime<Utc>>,
    /// Since when what comes is only counted, and how much has come since.
    full: Option<(Instant, u64)>,
}

impl Pump {
    pub(super) fn new(
        docker: Docker,
        name: String,
        nonce: &str,
        max_output: u64,
        to: mpsc::Sender<OutputLine>,
        report: watch::Sender<Option<Report>>,
    ) -> Self {
        Self { docker, name, lines: Lines::new(nonce.to_owned(), max_output), to, report, last: None, full: None }
    }

    /// Runs until the container has ended and all was read.
    pub(super) async fn run(mut self, attached: Option<Pieces>) {
        let mut lost = None;
        match attached {
            Some(mut pieces) => {
                while let Some(Ok(piece)) = pieces.next().await {
                    let now = Utc::now();
                    self.pass(now, &piece).await;
                }
                if self.lines.report.is_none() {
                    lost = self.why_silent().await;
                }
            }
            None => lost = Some(String::new()),
        }
        if let Some(reason) = lost {
            self.follow_log(reason).await;
        }
        let rest = self.lines.finish(Utc::now());
        self.send(rest).await;
        self.publish();
    }

    /// The stream ended without the init's report. `None` when the container just ended; else why lines may be missing.
    async fn why_silent(&mut self) -> Option<String> {
        let until = Instant::now() + ENDING;
        loop {
            match self.is_running().await {
                Ok(false) => return None,
                Ok(true) if Instant::now() > until => {
                    return Some("the connection to the engine was lost".into());
                }
                Ok(true) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(failure) if failure.is(404) => return None,
                Err(_) => return Some("the engine went away".into()),
            }
        }
    }

    /// Reads on from the engine's log, for as long as the container runs.
    async fn follow_log(&mut self, reason: String) {
        let mut away_since = Instant::now();
        let mut pause = Duration::from_millis(100);
        let mut told = reason.is_empty();
        loop {
            match self.is_running().await {
                Ok(running) => {
                    if !told {
                        self.gap(format!("{reason}; lines written meanwhile may be missing here")).await;
                        told = true;
                    }
                    away_since = Instant::now();
                    pause = Duration::from_millis(100);
                    self.read_log(running).await;
                    if !running || self.lines.report.is_some() {
                        return;
                    }
                }
                Err(failure) if failure.is(404) => {
                    return self.gap("the container is gone; its last lines may be missing".into()).await;
                }
                Err(_) if away_since.elapsed() > ENGINE_AWAY => {
                    return self.gap("the engine does not come back; the rest is missing".into()).await;
                }
                Err(_) => told = told && !reason.is_empty(),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }

    async fn read_log(&mut self, follow: bool) {
        let after = self.last;
        // The engine takes whole seconds; what was seen already is dropped by the exact time that stands in each entry.
        let since = after.map_or(0, |at| i32::try_from(at.timestamp()).unwrap_or(0));
        let options = LogsOptionsBuilder::default()
            .stdout(true)
            .stderr(true)
            .follow(follow)
            .timestamps(true)
            .since(since)
            .build();
        let docker = self.docker.clone();
        let name = self.name.clone();
        let mut entries = Box::pin(docker.logs(&name, Some(options)));
        while let Some(Ok(entry)) = entries.next().await {
            let (stream, bytes) = source(&entry);
            let cut = bytes.iter().position(|byte| *byte == b' ').unwrap_or(0);
            let at = std::str::from_utf8(&bytes[..cut]).ok().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
            let Some(at) = at.map(|at| at.to_utc()) else { continue };
            if after.is_none_or(|after| at > after) {
                self.last = Some(at);
                let lines = self.lines.feed(stream, at, &bytes[cut + 1..]);
                self.send(lines).await;
                self.publish();
            }
        }
    }

    async fn pass(&mut self, at: DateTime<Utc>, piece: &LogOutput) {
        self.last = Some(at);
        let (stream, bytes) = source(piece);
        let lines = self.lines.feed(stream, at, bytes);
        // The lines first: who hears of the end finds all of them sent.
        self.send(lines).await;
        self.publish();
        self.pace(bytes.len()).await;
    }

    /// Reads no faster than is fair to others once nothing is passed on: the step that floods waits, and not the machine.
    async fn pace(&mut self, bytes: usize) {
        let Some(lines) = self.lines.in_excess().filter(|_| self.lines.report.is_none()) else { return };
        let (since, seen) = self.full.get_or_insert_with(|| (Instant::now(), 0));
        *seen += bytes as u64;
        let due = Duration::from_secs_f64((*seen + LINE_BYTES * lines) as f64 / FLOOD_RATE);
        let early = due.saturating_sub(since.elapsed());
        if early > Duration::from_millis(5) {
            tokio::time::sleep(early).await;
        }
    }

    async fn send(&self, lines: Vec<OutputLine>) {
        for line in lines {
            // Nobody listens any more: read on all the same, or the step would stand still.
            if self.to.send(line).await.is_err() {
                return;
            }
        }
    }

    async fn gap(&self, text: String) {
        self.send(vec![OutputLine { stream: OutputStream::Gap, at: Utc::now(), text }]).await;
    }

    fn publish(&self) {
        if self.lines.report.is_some() {
            self.report.send_replace(self.lines.report);
        }
    }

    async fn is_running(&self) -> Result<bool, Failure> {
        let found = call("inspect container", QUICK, self.docker.inspect_container(&self.name, None)).await?;
        Ok(found.state.and_then(|state| state.running).unwrap_or(false))
    }
}

fn source(piece: &LogOutput) -> (OutputStream, &[u8]) {
    match piece {
        LogOutput::StdErr { message } => (OutputStream::Stderr, message),
        LogOutput::StdOut { message } | LogOutput::StdIn { message } | LogOutput::Console { message } => {
            (OutputStream::Stdout, message)
        }
    }
}
