//! The log of a run: one writer numbers the lines of all its steps, stores them in batches, then shows them live.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use serde_json::json;
use shared::{
    domain::ids::StepId,
    queue::LiveLogs,
    store::{
        Store, lease,
        lease::{LogEnd, LogLine, StepOutcome},
    },
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    engine::{OutputLine, OutputStream},
    held::{Halt, Held},
    mask::Mask,
};

/// Lines that wait to be stored; a step that prints faster than Postgres stores is slowed down by it.
const QUEUED: usize = 2_000;
/// Lines stored by one statement.
const BATCH: usize = 200;
/// How long a line waits for others to share its statement.
const LINGER: Duration = Duration::from_millis(60);
/// Bytes of one line; the engine sends longer ones in parts of 16 KiB, masks may lengthen them.
const LINE: usize = 64 * 1024;

enum Entry {
    Line(Unnumbered),
    Close(Box<Closing>),
}

/// The end of a try: its log's and its own.
struct Closing {
    step: StepId,
    number: i16,
    outcome: StepOutcome,
    lines: i64,
    gaps: i64,
    done: oneshot::Sender<Result<StepOutcome, Halt>>,
}

struct Unnumbered {
    step: String,
    attempt: i16,
    seq: i64,
    at: DateTime<Utc>,
    stream: &'static str,
    text: String,
}

/// The way into a run's log. Dropped, it stores what it has been given and ends.
#[derive(Clone, Debug)]
pub struct RunLog {
    entries: mpsc::Sender<Entry>,
    mask: Arc<Mask>,
    max_bytes: u64,
}

impl RunLog {
    /// Opens the log for writing, the next line being number `cursor`. Each attempt may write `max_bytes`.
    #[must_use]
    pub fn open(store: Store, held: Arc<Held>, live: LiveLogs, mask: Arc<Mask>, cursor: i64, max_bytes: u64) -> Self {
        let (entries, incoming) = mpsc::channel(QUEUED);
        tokio::spawn(Writer { store, held, live, next: cursor, batch: Vec::with_capacity(BATCH) }.run(incoming));
        Self { entries, mask, max_bytes }
    }

    /// The log of one try of a step.
    #[must_use]
    pub fn attempt(&self, step: &str, number: i16) -> AttemptLog {
        AttemptLog { log: self.clone(), step: step.to_owned(), number, lines: 0, bytes: 0, cut: 0, gaps: 0 }
    }
}

/// The log of one try of a step.
#[derive(Debug)]
pub struct AttemptLog {
    log: RunLog,
    step: String,
    number: i16,
    lines: i64,
    bytes: u64,
    /// Lines dropped because the limit was reached.
    cut: i64,
    gaps: i64,
}

impl AttemptLog {
    /// Adds a line that the step printed. Waits when Postgres is behind.
    pub async fn output(&mut self, line: OutputLine) {
        let stream = match line.stream {
            OutputStream::Stdout => "stdout",
            OutputStream::Stderr => "stderr",
            OutputStream::Gap => {
                self.gaps += 1;
                return self.push(line.at, "gap", &line.text).await;
            }
        };
        self.bytes += line.text.len() as u64 + 1;
        if self.bytes > self.log.max_bytes {
            self.cut += 1;
        } else {
            self.push(line.at, stream, &line.text).await;
        }
    }

    /// Adds a line of Slipway's own.
    pub async fn system(&mut self, text: &str) {
        self.push(Utc::now(), "system", text).await;
    }

    async fn push(&mut self, at: DateTime<Utc>, stream: &'static str, text: &str) {
        let mut text = self.log.mask.clean(text);
        if text.len() > LINE {
            text.truncate(text.floor_char_boundary(LINE));
        }
        self.lines += 1;
        let line = Unnumbered { step: self.step.clone(), attempt: self.number, seq: self.lines, at, stream, text };
        // The writer is gone only when the lease is: whoever drives the run learns it at the next write.
        let _ = self.log.entries.send(Entry::Line(line)).await;
    }

    /// Stores what is left of the log, closes it with its count, and records how the try ended, all in one statement: it gives
    /// the outcome back once that is done.
    ///
    /// # Errors
    /// When the lease is lost.
    pub async fn close(mut self, step: StepId, outcome: StepOutcome) -> Result<StepOutcome, Halt> {
        if self.cut > 0 {
            let text = format!("{} lines were not kept: an attempt may write {} bytes", self.cut, self.log.max_bytes);
            self.push(Utc::now(), "gap", &text).await;
        }
        let (done, closed) = oneshot::channel();
        let (lines, gaps) = (self.lines, self.gaps + self.cut);
        let closing = Closing { step, number: self.number, outcome, lines, gaps, done };
        if self.log.entries.send(Entry::Close(Box::new(closing))).await.is_err() {
            return Err(Halt::Lost);
        }
        closed.await.unwrap_or(Err(Halt::Lost))
    }
}

struct Writer {
    store: Store,
    held: Arc<Held>,
    live: LiveLogs,
    next: i64,
    batch: Vec<LogLine>,
}

impl Writer {
    async fn run(mut self, mut incoming: mpsc::Receiver<Entry>) {
        while let Some(first) = incoming.recv().await {
            let Err(halt) = self.take(first, &mut incoming).await else { continue };
            // Whoever closes a log next hears why: a refused line must end the run, not send it round again.
            if let Some(halt @ Halt::Broken(_)) = halt {
                while let Some(entry) = incoming.recv().await {
                    if let Entry::Close(closing) = entry {
                        let _ = closing.done.send(Err(halt));
                        return;
                    }
                }
            }
            return;
        }
    }

    /// Takes an entry and what comes soon after it, and stores them. On failure gives the reason, unless it was told.
    async fn take(&mut self, first: Entry, incoming: &mut mpsc::Receiver<Entry>) -> Result<(), Option<Halt>> {
        let linger = tokio::time::sleep(LINGER);
        tokio::pin!(linger);
        let mut entry = Some(first);
        loop {
            match entry {
                Some(Entry::Line(line)) => self.number(line),
                Some(Entry::Close(closing)) => return self.close(*closing).await,
                None => return self.flush().await.map_err(Some),
            }
            if self.batch.len() >= BATCH {
                return self.flush().await.map_err(Some);
            }
            entry = tokio::select! {
                biased;
                next = incoming.recv() => next,
                () = &mut linger => None,
            };
        }
    }

    fn number(&mut self, line: Unnumbered) {
        let Unnumbered { step, attempt, seq, at, stream, text } = line;
        self.batch.push(LogLine { cursor: self.next, step, attempt, seq, at, stream, text });
        self.next += 1;
    }

    async fn flush(&mut self) -> Result<(), Halt> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (pool, lease, lines) = (self.store.pool(), self.held.lease, &self.batch);
        self.held.write("log", || lease::append_log(pool, lease, lines)).await?;
        self.show().await;
        Ok(())
    }

    /// Records the end of a try together with the lines that are not stored yet. On failure the reason is told.
    async fn close(&mut self, closing: Closing) -> Result<(), Option<Halt>> {
        let Closing { step, number, outcome, lines, gaps, done } = closing;
        let (pool, lease) = (self.store.pool(), self.held.lease);
        let end = LogEnd { rest: &self.batch, lines, gaps };
        let closed =
            self.held.write("step outcome", || lease::step_finished(pool, lease, step, number, &outcome, &end)).await;
        if let Err(halt) = closed {
            let _ = done.send(Err(halt));
            return Err(None);
        }
        let _ = done.send(Ok(outcome));
        self.show().await;
        Ok(())
    }

    /// Shows what was stored to those who watch.
    async fn show(&mut self) {
        if !self.batch.is_empty() {
            let shown: Vec<String> = self.batch.iter().map(shown).collect();
            self.live.publish(self.held.lease.run_id, &shown).await;
            self.batch.clear();
        }
    }
}

/// A line as watchers get it: the fields of the stored one, as JSON.
fn shown(line: &LogLine) -> String {
    let LogLine { cursor, step, attempt, seq, at, stream, text } = line;
    json!({"cursor": cursor, "step": step, "attempt": attempt, "seq": seq, "at": at, "stream": stream, "text": text})
        .to_string()
}
