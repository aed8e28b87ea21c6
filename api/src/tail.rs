//! Follows the log of a run and misses nothing: Redis only says "look", every line is read from Postgres.
//!
//! The worker that holds the lease commits a run's lines in the order of their cursors, so remembering the highest one
//! that was sent is enough; a line that Redis announces twice is read once. When Redis is away, or says nothing, Postgres
//! is asked every second.

use std::time::Duration;

use futures::{FutureExt as _, Stream, StreamExt as _};
use shared::{
    domain::{access::Principal, ids::RunId, run::RunStatus},
    queue::LiveStream,
    store::{
        log::{self, Line, Seal, Selection},
        run_list,
    },
};
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;

use crate::{error::Problem, logs::archived, state::AppState, streams};

/// Lines read at once.
const BATCH: i64 = 500;
/// Items a slow client may be behind; then reading waits for it.
const BUFFER: usize = 64;
/// Between looks when nothing announces lines.
const POLL: Duration = Duration::from_secs(1);
/// The next look after an announcement whose lines were not committed yet.
const SOON: Duration = Duration::from_millis(50);
/// After Postgres failed.
const PAUSE: Duration = Duration::from_secs(2);

/// What a tail gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A line, or a record that lines are missing.
    Line(Line),
    /// The end of one attempt's log. Its lines came before.
    Seal(Seal),
    /// The run is over and every line was sent.
    End(RunStatus),
}

/// What to send of which run.
#[derive(Clone, Debug)]
pub(crate) struct Tail {
    /// The run.
    pub(crate) run: RunId,
    /// Which of its lines.
    pub(crate) selection: Selection,
    /// Only lines after this one; 0 for all.
    pub(crate) cursor: i64,
    /// Whether to wait for more until the run is over.
    pub(crate) follow: bool,
}

impl Tail {
    /// Starts the tail. It ends when the client leaves, may read no more, the service stops, or all was sent.
    ///
    /// # Errors
    /// When too many streams are open, or a log that is in the archive alone cannot be read there.
    pub(crate) async fn start(
        self,
        app: AppState,
        caller: Principal,
    ) -> Result<impl Stream<Item = Item> + Send + 'static, Problem> {
        let permit = streams::open(&app, &caller)?;
        let lapsed = permit.lapsed().clone();
        let archived = archived::pages(&app, self.run, &self.selection, self.cursor).await?;
        let (items, received) = mpsc::channel(BUFFER);
        tokio::spawn(async move {
            let stopped = app.shutdown.clone();
            tokio::select! {
                () = stopped.cancelled() => {}
                () = items.closed() => {}
                () = permit.lapsed().cancelled() => {}
                () = self.run(&app, &items, archived) => {}
            }
        });
        // What waits to be sent is not sent any more either.
        Ok(ReceiverStream::new(received).take_until(lapsed.cancelled_owned()))
    }

    async fn run(mut self, app: &AppState, items: &mpsc::Sender<Item>, archived: Option<archived::Pages>) {
        if let Some(pages) = archived
            && self.pass_archived(pages, items).await.is_err()
        {
            return;
        }
        // Subscribed before the first look: what is committed after the look is announced.
        let mut live = if self.follow { Some(app.live.subscribe(self.run).await) } else { None };
        let mut sealed: Vec<Seal> = Vec::new();
        let mut announced = false;
        loop {
            let wait = match self.look(app, items, &mut sealed).await {
                Ok(Look::Over) => return,
                Ok(Look::Nothing) if announced => SOON,
                Ok(_) => POLL,
                Err(Stopped::Gone) => return,
                Err(Stopped::Store(error)) => {
                    tracing::warn!(%error, run.id = %self.run, "a log cannot be read; trying again");
                    PAUSE
                }
            };
            let Some(live) = &mut live else { return };
            announced = announcement(live, wait).await;
        }
    }

    /// Sends the lines that are in the archive alone. An archive that fails ends the tail where the client can take it up.
    async fn pass_archived(&mut self, mut pages: archived::Pages, items: &mpsc::Sender<Item>) -> Result<(), Stopped> {
        while let Some(page) = pages.recv().await {
            for line in page.map_err(|_| Stopped::Gone)? {
                let cursor = line.cursor;
                items.send(Item::Line(line)).await.map_err(|_| Stopped::Gone)?;
                self.cursor = cursor;
            }
        }
        Ok(())
    }

    /// Sends all that is committed by now.
    async fn look(
        &mut self,
        app: &AppState,
        items: &mpsc::Sender<Item>,
        sealed: &mut Vec<Seal>,
    ) -> Result<Look, Stopped> {
        let pool = app.store.pool();
        // In this order: what was sealed, or over, before the lines are read has all its lines committed.
        let over = run_list::status(pool, self.run).await?.filter(|status| status.is_final());
        let seals = log::seals(pool, self.run).await?;
        let mut found = false;
        loop {
            let lines = log::lines_after(pool, self.run, self.cursor, &self.selection, BATCH).await?;
            let last = lines.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
            for line in lines {
                found = true;
                let cursor = line.cursor;
                items.send(Item::Line(line)).await.map_err(|_| Stopped::Gone)?;
                self.cursor = cursor;
            }
            if last {
                break;
            }
        }
        for seal in seals {
            let wanted = self.selection.step.as_ref().is_none_or(|step| *step == seal.step)
                && self.selection.attempt.is_none_or(|attempt| attempt == seal.attempt);
            if wanted && !sealed.contains(&seal) {
                items.send(Item::Seal(seal.clone())).await.map_err(|_| Stopped::Gone)?;
                sealed.push(seal);
            }
        }
        if let Some(status) = over {
            // Lines may have been removed from Postgres while they were read.
            if let Ok(Some(pages)) = archived::pages(app, self.run, &self.selection, self.cursor).await {
                self.pass_archived(pages, items).await?;
            }
            items.send(Item::End(status)).await.map_err(|_| Stopped::Gone)?;
            return Ok(Look::Over);
        }
        Ok(if found { Look::Found } else { Look::Nothing })
    }
}

enum Look {
    Over,
    Found,
    Nothing,
}

enum Stopped {
    /// The client left.
    Gone,
    /// Postgres failed.
    Store(shared::store::StoreError),
}

impl From<shared::store::StoreError> for Stopped {
    fn from(error: shared::store::StoreError) -> Self {
        Self::Store(error)
    }
}

/// Waits for an announcement, at most so long; drains those that wait already, since one look serves them all.
async fn announcement(live: &mut LiveStream, at_most: Duration) -> bool {
    let until = Instant::now() + at_most;
    match tokio::time::timeout_at(until, live.next()).await {
        Ok(Some(_)) => {
            // Bounded: a flood of lines must not keep the reader from looking.
            for _ in 0..1024 {
                if !matches!(live.next().now_or_never(), Some(Some(_))) {
                    break;
                }
            }
            true
        }
        Ok(None) => {
            tokio::time::sleep_until(until).await;
            false
        }
        Err(_) => false,
    }
}
