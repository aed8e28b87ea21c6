//! The task that reads tickets for one worker.

use std::{
    convert::Infallible,
    pin::pin,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use redis::{AsyncConnectionConfig, RedisError, RedisResult, aio::MultiplexedConnection};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    backend::{Acker, Delivery, Settings},
    connection::{self, Backoff, CONNECT_TIMEOUT, RESPONSE_TIMEOUT},
    streams::{self, Entry},
    ticket::Ticket,
};

/// How long a read that was called back has to answer before its connection is given up.
const CALL_BACK: Duration = Duration::from_secs(2);

/// Reads as many tickets as there are free slots, for as long as it is not stopped, whatever Redis does.
pub(super) struct Reader {
    settings: Arc<Settings>,
    deliveries: mpsc::Sender<Delivery>,
    stop: CancellationToken,
    /// The stream that is asked first, moved on each time so that no queue starves another.
    first: usize,
    next_sweep: Instant,
    next_forget: Instant,
    backoff: Backoff,
}

/// A connection of the reader's own: a blocking read holds up every command behind it.
struct Line {
    connection: MultiplexedConnection,
    /// By which another connection can call a blocked read back.
    client_id: i64,
}

impl Reader {
    pub(super) fn new(settings: Arc<Settings>, deliveries: mpsc::Sender<Delivery>, stop: CancellationToken) -> Self {
        let now = Instant::now();
        Self { settings, deliveries, stop, first: 0, next_sweep: now, next_forget: now, backoff: Backoff::default() }
    }

    /// Ends when stopped, or when nobody listens any more.
    pub(super) async fn run(mut self) {
        let stop = self.stop.clone();
        while !stop.is_cancelled() && !self.deliveries.is_closed() {
            // Not selected against `stop`: an ending read gives back what it was handed.
            if let Err(error) = self.read_until_broken().await {
                metrics::counter!("slipway_queue_errors_total", "of" => "read").increment(1);
                let wait = self.backoff.next();
                tracing::warn!(%error, wait_ms = wait.as_millis(), "cannot read tickets; trying again");
                let _ = timeout(wait, stop.cancelled()).await;
            }
        }
    }

    /// Reads over one connection. Returns without an error only when stopped.
    async fn read_until_broken(&mut self) -> RedisResult<()> {
        let settings = Arc::clone(&self.settings);
        let mut line = self.connect().await?;
        streams::make_groups(&mut line.connection, &settings.keys).await?;
        loop {
            let Some(permits) = self.free_slots().await else { return Ok(()) };
            let read = async {
                if Instant::now() >= self.next_sweep { self.sweep(&mut line, permits.len()).await } else { Ok(vec![]) }
            };
            let read = match read.await {
                Ok(reclaimed) if reclaimed.is_empty() => self.read(&mut line, permits.len()).await,
                other => other,
            };
            match read {
                Ok(entries) => {
                    self.backoff.reset();
                    self.deliver(entries, permits).await;
                }
                Err(error) if connection::is_group_lost(&error) => {
                    tracing::warn!(%error, "the consumer group was lost; making it again");
                    metrics::counter!("slipway_queue_errors_total", "of" => "group").increment(1);
                    drop(permits);
                    // A server that keeps losing groups must not be asked in a tight loop.
                    let _ = timeout(self.backoff.next(), self.stop.cancelled()).await;
                    streams::make_groups(&mut line.connection, &settings.keys).await?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn connect(&self) -> RedisResult<Line> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            // Above the blocking time, or every quiet moment would look like a broken connection.
            .set_response_timeout(Some(self.settings.timing.block + RESPONSE_TIMEOUT));
        let mut connection =
            self.settings.server.client()?.get_multiplexed_async_connection_with_config(&config).await?;
        let client_id = redis::cmd("CLIENT").arg("ID").query_async(&mut connection).await?;
        Ok(Line { connection, client_id })
    }

    /// Waits for a free slot and an open gate, then takes every slot that is free. None: stopped.
    async fn free_slots(&self) -> Option<Vec<OwnedSemaphorePermit>> {
        let settings = &self.settings;
        let first = tokio::select! {
            biased;
            () = self.stop.cancelled() => return None,
            () = self.deliveries.closed() => return None,
            // The gate first: a slot that is taken while waiting would look busy.
            first = async { settings.gate.opened().await; Arc::clone(&settings.free).acquire_owned().await } => first.ok()?,
        };
        let rest = std::iter::from_fn(|| Arc::clone(&settings.free).try_acquire_owned().ok());
        Some(std::iter::once(first).chain(rest).collect())
    }

    /// Up to `count` entries; waits for the first.
    async fn read(&mut self, line: &mut Line, count: usize) -> RedisResult<Vec<Entry>> {
        let settings = Arc::clone(&self.settings);
        let mut keys = settings.keys.clone();
        self.first = (self.first + 1) % keys.len().max(1);
        keys.rotate_left(self.first);
        if keys.len() > 1 {
            let there = streams::read_now(&mut line.connection, &keys, &settings.consumer, count).await?;
            if !there.is_empty() {
                return Ok(there);
            }
        }
        // Each stream counts apart. With fewer slots than streams several could answer at once, if they were filled
        // since the look above: `deliver` gives back what is too much.
        let each = (count / keys.len().max(1)).max(1);
        let wait = streams::read_blocking(&keys, &settings.consumer, each, settings.timing.block);
        let mut reading = pin!(wait.query_async::<streams::ReadReply>(&mut line.connection));
        let reply = tokio::select! {
            biased;
            reply = &mut reading => reply,
            () = self.called_off() => {
                // Dropping the read would leave what the server hands out meanwhile to the sweep of another worker.
                let answered = async {
                    tokio::select! { reply = &mut reading => reply, never = self.call_back(line.client_id) => match never {} }
                };
                timeout(CALL_BACK, answered).await.unwrap_or_else(|_| Err(timed_out()))
            }
        };
        reply.map(streams::entries)
    }

    /// Asks the server to end the read that `client_id` waits in; again and again, since it may not have begun to wait.
    async fn call_back(&self, client_id: i64) -> Infallible {
        loop {
            let mut unblock = redis::cmd("CLIENT");
            unblock.arg("UNBLOCK").arg(client_id);
            let _: RedisResult<i64> = unblock.query_async(&mut self.settings.commands.get()).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Returns when a read must not wait any longer.
    async fn called_off(&self) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.settings.gate.closed() => {}
            () = self.deliveries.closed() => {}
        }
    }

    /// Takes over tickets that a worker read and never acknowledged, and, now and then, forgets dead consumers.
    async fn sweep(&mut self, line: &mut Line, count: usize) -> RedisResult<Vec<Entry>> {
        let settings = Arc::clone(&self.settings);
        let timing = settings.timing;
        let reclaimed =
            streams::reclaim(&mut line.connection, &settings.keys, &settings.consumer, count, timing.reclaim_after)
                .await?;
        if !reclaimed.is_empty() {
            metrics::counter!("slipway_queue_tickets_reclaimed_total").increment(reclaimed.len() as u64);
            tracing::info!(count = reclaimed.len(), "took over tickets that were read and never acknowledged");
        }
        // Workers that started together must not sweep together for ever.
        self.next_sweep = Instant::now() + timing.sweep_every.mul_f64(rand::random_range(0.75..1.25));
        if Instant::now() >= self.next_forget {
            let gone =
                streams::forget_silent(&mut line.connection, &settings.keys, &settings.consumer, timing.forget_after);
            let gone = gone.await?;
            if gone > 0 {
                tracing::info!(count = gone, "removed consumers of workers that are gone");
            }
            self.next_forget = Instant::now() + timing.forget_after / 2;
        }
        Ok(reclaimed)
    }

    /// Hands entries to the worker, one a permit; what cannot be handed over goes back.
    async fn deliver(&self, entries: Vec<Entry>, permits: Vec<OwnedSemaphorePermit>) {
        let settings = &self.settings;
        let mut permits = permits.into_iter();
        for entry in entries {
            let ticket = match Ticket::from_fields(&entry.fields) {
                Ok(ticket) => ticket,
                Err(error) => {
                    metrics::counter!("slipway_queue_malformed_total").increment(1);
                    tracing::warn!(%error, key = entry.key, entry = entry.id, "removed a stream entry that is no ticket");
                    self.settle(streams::acknowledge(&entry.key, &entry.id)).await;
                    continue;
                }
            };
            let refused = self.stop.is_cancelled() || !settings.gate.is_open();
            let Some(permit) = permits.next().filter(|_| !refused) else {
                self.settle(streams::give_back(&entry.key, &entry.id, ticket)).await;
                continue;
            };
            let (key, id): (Arc<str>, Arc<str>) = (entry.key.into(), entry.id.into());
            // In hand already: its handler is slow, and the sweep met its own ticket.
            let Some(slot) = settings.in_hand.take(&key, &id, permit) else { continue };
            let queue = settings.keys.iter().position(|other| **other == *key).map(|at| settings.queues[at].clone());
            let acker = Acker { commands: settings.commands.clone(), key, id, done: Arc::new(AtomicBool::new(false)) };
            let delivery = Delivery { ticket, queue: queue.unwrap_or_default(), acker, slot: Some(slot) };
            metrics::counter!("slipway_queue_tickets_delivered_total", "queue" => delivery.queue.clone()).increment(1);
            // Never waits: there are at most as many as slots. Fails only when the worker is gone: then reclaimed.
            let _ = self.deliveries.send(delivery).await;
        }
    }

    /// Best effort: what fails here is reclaimed later.
    async fn settle(&self, pipeline: redis::Pipeline) {
        let settled: RedisResult<()> = pipeline.query_async(&mut self.settings.commands.get()).await;
        if let Err(error) = settled {
            metrics::counter!("slipway_queue_errors_total", "of" => "settle").increment(1);
            tracing::warn!(%error, "could not settle a stream entry; it will come again");
        }
    }
}

fn timed_out() -> RedisError {
    std::io::Error::new(std::io::ErrorKind::TimedOut, "a read that was called back did not answer").into()
}
