//! Reads events once for all streams of the process. The truth is the event table: a NOTIFY only says "look", and a timer
//! stands behind it.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use shared::store::{
    Listener, Store,
    event::feed::{self, Cursor, Occurred},
};
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Events read at once.
pub(super) const BATCH: i64 = 500;
/// Batches that a stream may be behind before it is told to read for itself.
const BATCHES: usize = 64;
/// Between looks when nothing wakes.
const POLL: Duration = Duration::from_millis(500);
/// The next look after a NOTIFY whose events were not visible yet, and the least time between two looks.
const SOON: Duration = Duration::from_millis(50);
/// After Postgres failed.
const PAUSE: Duration = Duration::from_secs(1);
/// How long listening may take to begin.
const CONNECT: Duration = Duration::from_secs(5);

/// Events that were read together.
pub(super) type Batch = Arc<[Arc<Occurred>]>;

/// What a stream follows.
#[derive(Debug)]
pub(super) struct Subscription {
    /// Every event after `from`, as it becomes visible.
    pub(super) batches: broadcast::Receiver<Batch>,
    /// Where that begins.
    pub(super) from: Cursor,
}

/// Where streams get their events. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Hub {
    store: Store,
    shutdown: CancellationToken,
    orders: Arc<OnceLock<mpsc::Sender<oneshot::Sender<Subscription>>>>,
}

impl Hub {
    /// A hub that reads nothing until somebody follows.
    pub(crate) fn new(store: Store, shutdown: CancellationToken) -> Self {
        Self { store, shutdown, orders: Arc::default() }
    }

    /// Follows what happens from now on. None when Postgres does not answer, or the service stops.
    pub(super) async fn subscribe(&self) -> Option<Subscription> {
        let orders = self.orders.get_or_init(|| {
            let (sender, orders) = mpsc::channel(64);
            let reader = Reader {
                store: self.store.clone(),
                streams: broadcast::channel(BATCHES).0,
                at: Cursor::default(),
                listener: None,
            };
            let shutdown = self.shutdown.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = shutdown.cancelled() => {}
                    () = reader.run(orders) => {}
                }
            });
            sender
        });
        let (reply, answer) = oneshot::channel();
        orders.send(reply).await.ok()?;
        answer.await.ok()
    }
}

struct Reader {
    store: Store,
    streams: broadcast::Sender<Batch>,
    /// Everything up to here was sent. Without a meaning while nobody follows.
    at: Cursor,
    listener: Option<Listener>,
}

impl Reader {
    async fn run(mut self, mut orders: mpsc::Receiver<oneshot::Sender<Subscription>>) {
        let mut woken = false;
        loop {
            if self.streams.receiver_count() == 0 {
                // Nobody follows: nothing is read, and no connection held.
                self.listener = None;
                let Some(reply) = orders.recv().await else { return };
                match feed::head(self.store.pool()).await {
                    Ok(head) => self.at = head,
                    Err(error) => {
                        tracing::warn!(%error, "events cannot be followed");
                        continue;
                    }
                }
                self.answer(reply);
                continue;
            }
            let pause = match self.look().await {
                Ok(true) => SOON,
                Ok(false) if woken => SOON,
                Ok(false) => POLL,
                Err(error) => {
                    tracing::warn!(%error, "events cannot be read; trying again");
                    PAUSE
                }
            };
            self.listen().await;
            woken = false;
            tokio::select! {
                order = orders.recv() => {
                    let Some(reply) = order else { return };
                    self.answer(reply);
                }
                notified = notified(&mut self.listener) => {
                    woken = notified;
                    if !notified {
                        self.listener = None;
                    }
                    // What is committed together is read together.
                    tokio::time::sleep(SOON).await;
                }
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn answer(&self, reply: oneshot::Sender<Subscription>) {
        // Whoever asked may have left.
        let _ = reply.send(Subscription { batches: self.streams.subscribe(), from: self.at });
    }

    /// Passes on what became visible; whether there was anything.
    async fn look(&mut self) -> shared::store::Result<bool> {
        let mut any = false;
        loop {
            let events = feed::after(self.store.pool(), self.at, BATCH).await?;
            let full = i64::try_from(events.len()).is_ok_and(|count| count >= BATCH);
            let Some(last) = events.last() else { return Ok(any) };
            (self.at, any) = (last.cursor, true);
            // An error says that nobody follows any more.
            let _ = self.streams.send(events.into_iter().map(Arc::new).collect());
            if !full {
                return Ok(true);
            }
        }
    }

    async fn listen(&mut self) {
        if self.listener.is_none() {
            match timeout(CONNECT, self.store.listen()).await {
                Ok(Ok(listener)) => self.listener = Some(listener),
                Ok(Err(error)) => tracing::debug!(%error, "cannot listen to Postgres; looking every {POLL:?} instead"),
                Err(_) => {}
            }
        }
    }
}

/// Returns at the next NOTIFY; false: the connection was lost. Without one, never.
async fn notified(listener: &mut Option<Listener>) -> bool {
    match listener {
        Some(listener) => listener.woken().await.is_ok(),
        None => std::future::pending().await,
    }
}
