//! What apalis polls for tickets.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use apalis_core::{
    backend::{Backend, BackendConfig, finalize::Ephemeral},
    task::{Task, builder::TaskBuilder, task_id::RandomId},
    worker::context::WorkerContext,
};
use futures::FutureExt as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tower_layer::Identity;

use super::{
    connection::{Commands, QueueError, RESPONSE_TIMEOUT, Server},
    gate::Gate,
    reader::Reader,
    streams::{self, Streams},
    ticket::Ticket,
};
use crate::config;

/// How long the queue waits for what. The defaults suit production; tests shorten them.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// The longest one read waits at the server.
    pub block: Duration,
    /// A ticket that was read and not acknowledged for this long is taken over by another worker.
    pub reclaim_after: Duration,
    /// How often this worker looks for such tickets.
    pub sweep_every: Duration,
    /// A consumer that holds nothing and was silent for this long is removed.
    pub forget_after: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            block: Duration::from_secs(5),
            reclaim_after: Duration::from_secs(15),
            sweep_every: Duration::from_secs(5),
            forget_after: Duration::from_secs(120),
        }
    }
}

/// More at once than one process can drive.
const MAX_SLOTS: usize = 4096;

/// A ticket that one worker holds.
#[derive(Debug)]
pub struct Delivery {
    /// What to claim.
    pub ticket: Ticket,
    /// The queue it came from.
    pub queue: String,
    /// Call [`Acker::ack`] as soon as the claim has committed or was found stale.
    pub acker: Acker,
    pub(super) slot: Option<Slot>,
}

impl Delivery {
    pub(super) fn take_slot(&mut self) -> Option<Slot> {
        self.slot.take()
    }
}

/// Takes a ticket off its queue. Clones acknowledge the same ticket.
#[derive(Clone, Debug)]
pub struct Acker {
    pub(super) commands: Commands,
    pub(super) key: Arc<str>,
    pub(super) id: Arc<str>,
    pub(super) done: Arc<AtomicBool>,
}

impl Acker {
    /// Acknowledges and removes the ticket, in one step. Only the first call does anything. Best effort: a ticket that
    /// stays because Redis is away is delivered again later, and its claim finds it stale.
    pub async fn ack(&self) {
        if self.done.swap(true, Ordering::AcqRel) {
            return;
        }
        let acknowledged: redis::RedisResult<()> =
            streams::acknowledge(&self.key, &self.id).query_async(&mut self.commands.get()).await;
        if let Err(error) = acknowledged {
            self.done.store(false, Ordering::Release);
            metrics::counter!("slipway_queue_errors_total", "of" => "ack").increment(1);
            tracing::warn!(%error, key = %self.key, entry = %self.id, "a ticket could not be acknowledged; it will come again");
        }
    }
}

/// One of a worker's slots, taken; and the mark that this worker has the ticket in hand. Free again when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    _permit: OwnedSemaphorePermit,
    in_hand: Arc<InHand>,
    entry: (Arc<str>, Arc<str>),
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.in_hand.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.entry);
    }
}

/// Entries whose handlers run here. A handler that waits long for Postgres must not be given its own ticket again.
#[derive(Debug, Default)]
pub(super) struct InHand(Mutex<HashSet<(Arc<str>, Arc<str>)>>);

impl InHand {
    /// Marks an entry, or says nothing when it is in hand already.
    pub(super) fn take(self: &Arc<Self>, key: &Arc<str>, id: &Arc<str>, permit: OwnedSemaphorePermit) -> Option<Slot> {
        let entry = (Arc::clone(key), Arc::clone(id));
        let fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(entry.clone());
        fresh.then(|| Slot { _permit: permit, in_hand: Arc::clone(self), entry })
    }
}

/// What a worker reads and how. Shared by the backend, its reader, and the backends that follow after a restart.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) server: Server,
    pub(super) commands: Commands,
    pub(super) queues: Vec<String>,
    pub(super) keys: Vec<String>,
    pub(super) consumer: String,
    pub(super) slots: usize,
    pub(super) free: Arc<Semaphore>,
    pub(super) in_hand: Arc<InHand>,
    pub(super) gate: Gate,
    pub(super) timing: Timing,
}

/// The source of tickets for one worker: an apalis [`Backend`] over Redis Streams.
///
/// It reads only as many tickets as the worker has free slots, waits for them at the server, and outlives every failure
/// of Redis: it backs off, connects again, makes lost groups again, and never yields an error. A clone is the same
/// worker, not yet reading.
#[derive(Debug)]
pub struct TicketBackend {
    settings: Arc<Settings>,
    stop: CancellationToken,
    reading: Option<Reading>,
    closing: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Reading {
    deliveries: mpsc::Receiver<Delivery>,
    reader: JoinHandle<()>,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Clone for TicketBackend {
    fn clone(&self) -> Self {
        Self { settings: Arc::clone(&self.settings), stop: self.stop.clone(), reading: None, closing: None }
    }
}

impl TicketBackend {
    /// Prepares a worker that serves `queues`, `slots` tickets at once (at least one), under the name `consumer`, which
    /// must be its own: two workers of one name would share their unacknowledged tickets. Redis need not be up. Must be
    /// called within a Tokio runtime.
    ///
    /// # Errors
    /// [`QueueError::Url`] when the address cannot be read.
    pub fn new(
        config: &config::Redis,
        queues: Vec<String>,
        consumer: impl Into<String>,
        slots: usize,
    ) -> Result<Self, QueueError> {
        let server = Server::new(config)?;
        let names = Streams::new(&config.prefix);
        let slots = slots.clamp(1, MAX_SLOTS);
        let settings = Settings {
            commands: Commands::new(&server, RESPONSE_TIMEOUT, 2)?,
            server,
            keys: queues.iter().map(|queue| names.key(queue)).collect(),
            queues,
            consumer: consumer.into(),
            slots,
            free: Arc::new(Semaphore::new(slots)),
            in_hand: Arc::default(),
            gate: Gate::default(),
            timing: Timing::default(),
        };
        Ok(Self { settings: Arc::new(settings), stop: CancellationToken::new(), reading: None, closing: None })
    }

    /// The same with other waiting times.
    #[must_use]
    pub fn with_timing(mut self, timing: Timing) -> Self {
        if let Some(settings) = Arc::get_mut(&mut self.settings) {
            settings.timing = timing;
        }
        self
    }

    /// Holds this worker back from taking tickets while it is closed.
    #[must_use]
    pub fn gate(&self) -> Gate {
        self.settings.gate.clone()
    }

    /// Tickets this worker handles at once.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.settings.slots
    }

    pub(super) fn stopped_by(mut self, stop: CancellationToken) -> Self {
        self.stop = stop;
        self
    }

    fn reading(&mut self) -> &mut Reading {
        self.reading.get_or_insert_with(|| {
            let (send, deliveries) = mpsc::channel(self.settings.slots);
            let reader = Reader::new(Arc::clone(&self.settings), send, self.stop.clone());
            Reading { deliveries, reader: tokio::spawn(reader.run()) }
        })
    }
}

impl Backend for TicketBackend {
    type Task = Task<Delivery>;
    type Error = std::convert::Infallible;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Self::Error>> {
        self.reading();
        Poll::Ready(Ok(()))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Option<Result<Self::Task, Self::Error>>> {
        loop {
            if let Some(delivery) = ready!(self.reading().deliveries.poll_recv(cx)) {
                return Poll::Ready(Some(Ok(TaskBuilder::new(delivery).build())));
            }
            if self.stop.is_cancelled() {
                return Poll::Ready(None);
            }
            // The reader ends only by `stop`, or by a defect: then this worker must not fall silent.
            tracing::error!("the reader of tickets broke and is started again");
            metrics::counter!("slipway_queue_errors_total", "of" => "reader").increment(1);
            self.reading = None;
        }
    }

    /// Called when no handler runs any more: nothing is held, so the consumer can go.
    fn poll_close(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Self::Error>> {
        self.stop.cancel();
        let reading = self.reading.take();
        let settings = Arc::clone(&self.settings);
        let closing = self.closing.get_or_insert_with(|| tokio::spawn(close(settings, reading)));
        // A close that broke leaves what it did not do to the workers that stay, like one that found no Redis.
        closing.poll_unpin(cx).map(|_| Ok(()))
    }
}

impl BackendConfig for TicketBackend {
    type Args = Delivery;
    type Id = RandomId;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = Identity;

    fn config(&self) -> &Self::Config {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Self::Layer {
        Identity::new()
    }
}

/// Waits for the reader, gives back what nobody began, and removes the consumer. Bounded: what cannot be done because
/// Redis is away is done later by the workers that stay.
async fn close(settings: Arc<Settings>, reading: Option<Reading>) {
    let work = async {
        if let Some(mut reading) = reading {
            while let Some(delivery) = reading.deliveries.recv().await {
                let back = streams::give_back(&delivery.acker.key, &delivery.acker.id, delivery.ticket);
                let () = back.query_async(&mut settings.commands.get()).await?;
            }
        }
        streams::retire(&mut settings.commands.get(), &settings.keys, &settings.consumer).await
    };
    match tokio::time::timeout(RESPONSE_TIMEOUT, work).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::info!(%error, "left its consumer for others to remove"),
        Err(_) => tracing::info!("left its consumer for others to remove: Redis did not answer in time"),
    }
}
