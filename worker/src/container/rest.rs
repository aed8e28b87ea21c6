//! What a container has written, read to its end after the container's.

use std::{
    pin::Pin,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use chrono::Utc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::{OutputLine, OutputStream};

/// How long the next line may still be waited for. A child that keeps the pipe open must not keep the run.
const LATE: Duration = Duration::from_secs(10);
/// How long all of it may take, however slowly it is stored; [`LATE`] when the run or the worker is to end.
const ALL: Duration = Duration::from_secs(600);
/// In the place of a time: a line is being stored.
const STORING: u64 = u64::MAX;

/// How far the reader of an output is.
pub(crate) struct Reading {
    began: Instant,
    /// Since when the next line is waited for, in milliseconds since `began`.
    waits_since: AtomicU64,
}

impl Reading {
    pub(crate) fn begin() -> Self {
        Self { began: Instant::now(), waits_since: AtomicU64::new(0) }
    }

    /// A line has come, and is being stored, which may take as long as it takes.
    pub(crate) fn storing(&self) {
        self.waits_since.store(STORING, Relaxed);
    }

    /// The next line is waited for.
    pub(crate) fn waiting(&self) {
        let since = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(STORING - 1);
        self.waits_since.store(since, Relaxed);
    }

    /// Reads while what writes is at work, and on after its end: as long as lines come, but no longer than [`LATE`] after
    /// `hurry`, and not at all once the lease is `lost`. Beside what `ending` gives: whether all was read.
    ///
    /// # Errors
    /// That of `ending`, at once: what writes may not have ended then.
    pub(crate) async fn beside<T, E>(
        &self,
        reading: impl Future<Output = ()>,
        ending: impl Future<Output = Result<T, E>>,
        lost: &CancellationToken,
        hurry: impl Future<Output = ()>,
    ) -> Result<(T, bool), E> {
        tokio::pin!(reading);
        tokio::pin!(ending);
        let mut read_all = false;
        let ended = loop {
            tokio::select! {
                ended = &mut ending => break ended?,
                () = &mut reading, if !read_all => read_all = true,
            }
        };
        Ok((ended, read_all || self.rest(reading, lost, hurry).await))
    }

    async fn rest(
        &self,
        mut reading: Pin<&mut impl Future<Output = ()>>,
        lost: &CancellationToken,
        hurry: impl Future<Output = ()>,
    ) -> bool {
        tokio::pin!(hurry);
        let ended = Instant::now();
        let mut all = ended + ALL;
        let mut hurried = false;
        loop {
            let now = Instant::now();
            let waits = match self.waits_since.load(Relaxed) {
                STORING => now,
                since => ended.max(self.began + Duration::from_millis(since)),
            };
            let until = (waits + LATE).min(all);
            if now >= until {
                return false;
            }
            tokio::select! {
                () = &mut reading => return true,
                () = lost.cancelled() => return false,
                () = &mut hurry, if !hurried => {
                    hurried = true;
                    all = all.min(Instant::now() + LATE);
                }
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }
}

/// Tells of a rest that was not read.
pub(crate) fn gap() -> OutputLine {
    let text = "the container has ended, and the rest of its output was not waited for".to_owned();
    OutputLine { stream: OutputStream::Gap, at: Utc::now(), text }
}
