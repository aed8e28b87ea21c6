//! A service's container, from its command to its end.

use std::{collections::VecDeque, convert::Infallible, fmt, sync::Arc, time::Duration};

use futures::StreamExt as _;
use shared::store::lease;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    attempt::RunScope,
    container::rest::{self, Reading},
    context::Context,
    engine::{Engine, Exit, Output, OutputStream},
    held::Held,
    logs::AttemptLog,
    mask::Mask,
};

/// From SIGTERM to SIGKILL for a service that is not needed any more: it holds nothing that outlives it.
const GRACE: Duration = Duration::from_secs(2);
/// Lines that are told when it ends by itself.
const LAST_LINES: usize = 5;
/// Characters of one of them.
const LINE: usize = 200;

/// How a service ended by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Death {
    /// How its container ended; none: that could not be found out.
    pub exit: Option<Exit>,
    /// What it printed last, masked.
    pub last_lines: Vec<String>,
}

impl Death {
    /// Whether it says nothing about the service.
    #[must_use]
    pub fn is_infrastructure(&self) -> bool {
        self.exit.as_ref().is_none_or(|exit| exit.infrastructure)
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.exit {
            Some(exit) if !exit.infrastructure => write!(f, "ended with exit code {}", exit.code)?,
            _ => f.write_str("was ended by the engine")?,
        }
        if self.exit.as_ref().is_some_and(|exit| exit.oom_killed) {
            f.write_str("; it ran out of memory")?;
        }
        said(f, &self.last_lines)
    }
}

/// The last lines as part of a message.
pub(super) fn said(f: &mut impl fmt::Write, lines: &[String]) -> fmt::Result {
    if lines.is_empty() { Ok(()) } else { write!(f, "; it said last: {}", lines.join(" | ")) }
}

/// A service's container at work, and the task that looks after it.
#[derive(Debug)]
pub(super) struct Life {
    stop: CancellationToken,
    ended: watch::Receiver<Option<Death>>,
    last_lines: watch::Receiver<VecDeque<String>>,
    task: JoinHandle<()>,
}

/// Which start of which service.
#[derive(Clone, Debug)]
pub(super) struct Which {
    pub(super) service: String,
    pub(super) number: i16,
    pub(super) container: String,
}

impl Life {
    /// Looks after a container that was just given its command.
    pub(super) fn begin<E: Engine>(scope: &RunScope<E>, which: Which, output: Output, log: AttemptLog) -> Self {
        let stop = CancellationToken::new();
        let (tell, ended) = watch::channel(None);
        let (lines, last_lines) = watch::channel(VecDeque::new());
        let keeper = Keeper {
            worker: Arc::clone(&scope.worker),
            held: Arc::clone(&scope.held),
            mask: Arc::clone(&scope.mask),
            which,
            stop: stop.clone(),
            worker_stops: scope.stop.clone(),
            lines,
        };
        let task = tokio::spawn(keeper.run(output, log, tell));
        Self { stop, ended, last_lines, task }
    }

    pub(super) fn watch(&self) -> watch::Receiver<Option<Death>> {
        self.ended.clone()
    }

    /// Whether it has ended by itself.
    pub(super) fn is_over(&self) -> bool {
        self.ended.borrow().is_some() || self.task.is_finished()
    }

    /// What it printed last, so far.
    pub(super) fn last_lines(&self) -> Vec<String> {
        self.last_lines.borrow().iter().cloned().collect()
    }

    /// Has it ended; the task is over when its container is gone and its log stored.
    pub(super) fn end(self) -> JoinHandle<()> {
        self.stop.cancel();
        self.task
    }
}

struct Keeper<E> {
    worker: Arc<Context<E>>,
    held: Arc<Held>,
    mask: Arc<Mask>,
    which: Which,
    stop: CancellationToken,
    worker_stops: CancellationToken,
    lines: watch::Sender<VecDeque<String>>,
}

impl<E: Engine> Keeper<E> {
    async fn run(self, output: Output, mut log: AttemptLog, tell: watch::Sender<Option<Death>>) {
        let Which { service, number, container } = &self.which;
        let exit = self.follow(output, &mut log).await;
        let by_itself = !self.stop.is_cancelled() && !self.held.lost.is_cancelled();
        if by_itself {
            let last_lines = self.lines.borrow().iter().cloned().collect();
            let death = Death { exit: exit.clone(), last_lines };
            let without_lines = Death { last_lines: Vec::new(), ..death.clone() };
            log.system(&format!("service {service} {without_lines}")).await;
            tell.send_replace(Some(death));
        }
        log.end().await;
        if let Err(error) = self.worker.engine.remove(container).await {
            tracing::warn!(container, %error, "a service's container stays for the janitor");
        }
        self.held.unwatch(container);
        if by_itself {
            let (pool, lease) = (self.worker.store.pool(), self.held.lease);
            let code = exit.map_or(-1, |exit| exit.code);
            // Whoever drives the run hears of a lost lease at its own next write.
            let _ = self.held.write("service end", || lease::service_ended(pool, lease, service, *number, code)).await;
        }
    }

    /// Stores what it prints until it has ended, or ends it when told to. None: the engine does not say how it ended.
    async fn follow(&self, mut output: Output, log: &mut AttemptLog) -> Option<Exit> {
        let (engine, container) = (&self.worker.engine, &self.which.container);
        let progress = Reading::begin();
        let reading = async {
            while let Some(line) = output.next().await {
                progress.storing();
                if line.stream != OutputStream::Gap && !line.text.trim().is_empty() {
                    self.remember(&line.text);
                }
                log.output(line).await;
                progress.waiting();
            }
        };
        let ending = async {
            let exit = tokio::select! {
                exit = engine.wait(container) => exit.ok(),
                () = self.stop.cancelled() => {
                    let _ = engine.stop(container, GRACE).await;
                    None
                }
                () = self.held.lost.cancelled() => {
                    let _ = engine.stop(container, Duration::ZERO).await;
                    None
                }
            };
            Ok::<_, Infallible>(exit)
        };
        let hurry = async {
            tokio::select! {
                () = self.worker_stops.cancelled() => {}
                () = self.held.cancelled.cancelled() => {}
            }
        };
        let Ok((exit, read_all)) = progress.beside(reading, ending, &self.held.lost, hurry).await;
        if !read_all {
            log.output(rest::gap()).await;
        }
        exit
    }

    fn remember(&self, line: &str) {
        let line: String = self.mask.clean(line).chars().take(LINE).collect();
        self.lines.send_modify(|lines| {
            if lines.len() == LAST_LINES {
                lines.pop_front();
            }
            lines.push_back(line);
        });
    }
}
