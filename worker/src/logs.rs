//! The log of a run: one writer numbers the lines of all its steps, stores them in batches, then shows them live.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use serde_json::json;
use shared::{
    domain::ids::StepId,
    queue::LiveLogs,
    store::{
        Store, lease,
        lease::{Begun, LogEnd, LogLine, StepOutcome},
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
/// How long a step may say nothing until it is recorded that its command runs; else the lines, or the end, bring that along.
const SILENT: Duration = Duration::from_secs(2);
/// Bytes of one line; the engine sends longer ones in parts of 16 KiB, masks may lengthen them.
const LINE: usize = 64 * 1024;
/// Bytes of a part of a longer line, but for a character that was cut in two at its end.
const PART: usize = 16 * 1024 - 4;

/// Bytes that an attempt may write beyond its limit after each gap: the end of what was too much.
const AFTER_GAP: u64 = 128 * 1024;

enum Entry {
    Line(Unnumbered),
    Begun(Begun),
    /// Everything before it is stored when this is told.
    Flush(oneshot::Sender<()>),
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
        let batch = Vec::with_capacity(BATCH);
        tokio::spawn(Writer { store, held, live, next: cursor, batch, begun: Vec::new() }.run(incoming));
        Self { entries, mask, max_bytes }
    }

    /// The log of one try of a step.
    #[must_use]
    pub fn attempt(&self, step: &str, number: i16) -> AttemptLog {
        AttemptLog {
            log: self.clone(),
            step: step.to_owned(),
            number,
            lines: 0,
            bytes: 0,
            cut: 0,
            gaps: 0,
            held: Default::default(),
        }
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
    /// Of standard output and error: the end of a part of a long line, which a secret may go on behind.
    held: [String; 2],
}

impl AttemptLog {
    /// Adds a line that the step printed. Waits when Postgres is behind.
    pub async fn output(&mut self, line: OutputLine) {
        let (stream, at) = match line.stream {
            OutputStream::Stdout => ("stdout", 0),
            OutputStream::Stderr => ("stderr", 1),
            OutputStream::Gap => {
                self.gaps += 1;
                // What the engine passes on after one, it has bounded itself.
                self.bytes = self.bytes.saturating_sub(AFTER_GAP);
                return self.push(line.at, "gap", &line.text).await;
            }
        };
        self.bytes += line.text.len() as u64 + 1;
        if self.bytes > self.log.max_bytes {
            self.cut += 1;
            return;
        }
        let mut text = std::mem::take(&mut self.held[at]);
        text.push_str(&line.text);
        // A full part: the line may go on in the next.
        if line.text.len() >= PART {
            let cut = self.log.mask.safe_cut(&text);
            self.held[at] = text.split_off(cut);
        }
        self.push(line.at, stream, &text).await;
    }

    /// Shows what was held back.
    async fn release(&mut self) {
        for (at, stream) in ["stdout", "stderr"].into_iter().enumerate() {
            let text = std::mem::take(&mut self.held[at]);
            if !text.is_empty() {
                self.push(Utc::now(), stream, &text).await;
            }
        }
    }

    /// The command of this try, of this step, has begun.
    pub async fn begun(&self, step: StepId) {
        let begun = Begun { step, number: self.number, at: Instant::now() };
        let _ = self.log.entries.send(Entry::Begun(begun)).await;
    }

    /// Adds a line of Slipway's own.
    pub async fn system(&mut self, text: &str) {
        self.release().await;
        self.push(Utc::now(), "system", text).await;
    }

    /// Ends a log that no step's outcome closes, a service's, and returns when it is stored, or never can be.
    pub async fn end(mut self) {
        self.close_text().await;
        let (done, stored) = oneshot::channel();
        if self.log.entries.send(Entry::Flush(done)).await.is_ok() {
            let _ = stored.await;
        }
    }

    /// Shows what was held back, and tells of what was not kept.
    async fn close_text(&mut self) {
        self.release().await;
        if self.cut > 0 {
            let text = format!("{} lines were not kept: an attempt may write {} bytes", self.cut, self.log.max_bytes);
            self.push(Utc::now(), "gap", &text).await;
        }
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
        self.close_text().await;
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
    /// Tries that have begun and of which that is not recorded, the oldest first.
    begun: Vec<Begun>,
}

impl Writer {
    async fn run(mut self, mut incoming: mpsc::Receiver<Entry>) {
        loop {
            let next = match self.begun.first() {
                Some(begun) => tokio::time::timeout_at((begun.at + SILENT).into(), incoming.recv()).await,
                None => Ok(incoming.recv().await),
            };
            let done = match next {
                Ok(Some(first)) => self.take(first, &mut incoming).await,
                Ok(None) => return,
                Err(_) => self.flush().await.map_err(Some),
            };
            let Err(halt) = done else { continue };
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
                Some(Entry::Begun(begun)) => self.begun.push(begun),
                Some(Entry::Flush(done)) => {
                    self.flush().await.map_err(Some)?;
                    let _ = done.send(());
                    return Ok(());
                }
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
        let (pool, lease, lines, begun) = (self.store.pool(), self.held.lease, &self.batch, &self.begun);
        if begun.is_empty() {
            if !lines.is_empty() {
                self.held.write("log", || lease::append_log(pool, lease, lines)).await?;
            }
        } else if !lines.is_empty() || begun.iter().any(|begun| begun.at.elapsed() >= SILENT) {
            self.held.write("log", || lease::append_log_and_begun(pool, lease, lines, begun)).await?;
            self.begun.clear();
        }
        self.show().await;
        Ok(())
    }

    /// Records the end of a try together with the lines that are not stored yet. On failure the reason is told.
    async fn close(&mut self, closing: Closing) -> Result<(), Option<Halt>> {
        let Closing { step, number, outcome, lines, gaps, done } = closing;
        let (pool, lease) = (self.store.pool(), self.held.lease);
        let is_it = |begun: &Begun| begun.step == step && begun.number == number;
        let begun = self.begun.iter().copied().find(is_it);
        let end = LogEnd { rest: &self.batch, lines, gaps, begun };
        let closed =
            self.held.write("step outcome", || lease::step_finished(pool, lease, step, number, &outcome, &end)).await;
        if let Err(halt) = closed {
            let _ = done.send(Err(halt));
            return Err(None);
        }
        self.begun.retain(|begun| !is_it(begun));
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
