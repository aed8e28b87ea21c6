//! Log lines while they are written, through Redis pub/sub. The truth is in Postgres; this is only sooner.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, StreamExt as _};
use redis::aio::{PubSub, PubSubSink};
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    time::{Instant, timeout},
};
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};

use super::connection::{Backoff, CONNECT_TIMEOUT, Commands, QueueError, Server};
use crate::{config, domain::ids::RunId};

/// Publishing must not slow a step's log down.
const PUBLISH_TIMEOUT: Duration = Duration::from_millis(250);
/// After a failure nothing is published for this long, so that a Redis that is away costs one timeout and not one a batch.
const PUBLISH_PAUSE: Duration = Duration::from_secs(2);
/// Bytes of lines that one call publishes at most.
const PUBLISH_BYTES: usize = 1024 * 1024;
/// Lines a slow reader may be behind before it is told to read Postgres instead.
const BACKLOG: usize = 1024;
/// How long a subscription may take to be confirmed.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(2);
/// A subscriber's connection that says nothing for this long is asked whether it lives.
const PING_EVERY: Duration = Duration::from_secs(10);

/// What a reader of live lines gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveEvent {
    /// One line, as published.
    Line(Arc<str>),
    /// Lines may be missing from here on: read them from Postgres, until [`LiveEvent::Resumed`].
    Lost,
    /// Lines come again. What was written before this may still be missing: read Postgres once more.
    Resumed,
}

/// Both ends of the live logs of every run. Cheap to clone. A process has one connection for all it subscribes to.
#[derive(Clone, Debug)]
pub struct LiveLogs {
    commands: Commands,
    prefix: Arc<str>,
    epoch: Instant,
    /// Milliseconds after `epoch` until which nothing is published.
    paused_until: Arc<AtomicU64>,
    hub: mpsc::Sender<Order>,
}

impl LiveLogs {
    /// Prepares both ends; Redis need not be up. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`QueueError::Url`] when the address cannot be read.
    pub fn connect(config: &config::Redis) -> Result<Self, QueueError> {
        let server = Server::new(config)?;
        let commands = Commands::new(&server, PUBLISH_TIMEOUT, 0)?;
        let (hub, orders) = mpsc::channel(256);
        let prefix: Arc<str> = config.prefix.as_str().into();
        let weak = hub.downgrade();
        tokio::spawn(
            Hub { server, prefix: Arc::clone(&prefix), runs: HashMap::new(), asking: Vec::new(), live: false }
                .run(orders, weak),
        );
        Ok(Self { commands, prefix, epoch: Instant::now(), paused_until: Arc::default(), hub })
    }

    /// The counts of callers' requests, over the same connection.
    #[must_use]
    pub fn rate_limits(&self) -> super::RateLimits {
        super::RateLimits::over(self.commands.clone(), Arc::clone(&self.prefix))
    }

    /// Shows lines to whoever watches this run now. Best effort, at most a quarter of a second, and what is over a
    /// mebibyte is left out: watchers find everything in Postgres.
    pub async fn publish(&self, run_id: RunId, lines: &[String]) {
        let now = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX);
        if lines.is_empty() || now < self.paused_until.load(Ordering::Relaxed) {
            return;
        }
        let (mut pipeline, mut bytes) = (redis::Pipeline::with_capacity(lines.len()), 0);
        let channel = channel(&self.prefix, run_id);
        for line in lines {
            bytes += line.len();
            if bytes > PUBLISH_BYTES {
                break;
            }
            pipeline.cmd("PUBLISH").arg(&channel).arg(line).ignore();
        }
        let mut commands = self.commands.get();
        let published = timeout(PUBLISH_TIMEOUT, pipeline.query_async::<()>(&mut commands)).await;
        if !matches!(published, Ok(Ok(()))) {
            metrics::counter!("slipway_live_log_failures_total").increment(1);
            let pause = u64::try_from(PUBLISH_PAUSE.as_millis()).unwrap_or(u64::MAX);
            self.paused_until.store(now.saturating_add(pause), Ordering::Relaxed);
        }
    }

    /// Watches a run. When this returns, lines published from now on arrive (or [`LiveEvent::Lost`] comes first, if
    /// Redis is away): subscribe, then read the backlog from Postgres, then drop what comes twice. The stream does not
    /// end by itself.
    pub async fn subscribe(&self, run_id: RunId) -> LiveStream {
        let (reply, watch) = oneshot::channel();
        let ordered = self.hub.send(Order::Watch { run_id, reply }).await.is_ok();
        let watch = if ordered { watch.await.ok() } else { None };
        let (lines, live) = watch.unwrap_or_else(|| (broadcast::channel(1).1, false));
        LiveStream {
            first: (!live).then_some(LiveEvent::Lost),
            lines: BroadcastStream::new(lines),
            _watching: Watching { hub: self.hub.clone() },
        }
    }
}

/// The lines of one run, from [`LiveLogs::subscribe`].
#[derive(Debug)]
pub struct LiveStream {
    first: Option<LiveEvent>,
    lines: BroadcastStream<LiveEvent>,
    _watching: Watching,
}

impl Stream for LiveStream {
    type Item = LiveEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<LiveEvent>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        self.lines.poll_next_unpin(cx).map(|item| match item? {
            Ok(event) => Some(event),
            // Read too slowly. The lines that follow are there, so one more look at Postgres closes the gap.
            Err(BroadcastStreamRecvError::Lagged(_)) => {
                self.first = Some(LiveEvent::Resumed);
                Some(LiveEvent::Lost)
            }
        })
    }
}

/// Tells the hub when a watcher leaves.
#[derive(Debug)]
struct Watching {
    hub: mpsc::Sender<Order>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        // A full hub looks for abandoned runs by itself, at its next ping.
        let _ = self.hub.try_send(Order::Left);
    }
}

enum Order {
    Watch { run_id: RunId, reply: Reply },
    Left,
}

/// Takes the lines of a run, and whether they come already.
type Reply = oneshot::Sender<(broadcast::Receiver<LiveEvent>, bool)>;

fn channel(prefix: &str, run_id: RunId) -> String {
    format!("{prefix}:live:{run_id}")
}

/// Owns the one subscribing connection and counts who watches what.
struct Hub {
    server: Server,
    prefix: Arc<str>,
    runs: HashMap<RunId, broadcast::Sender<LiveEvent>>,
    /// Watchers that wait for the first answer of Redis.
    asking: Vec<(RunId, Reply)>,
    /// Whether every watched run is subscribed.
    live: bool,
}

impl Hub {
    /// Ends when the last [`LiveLogs`] and the last stream are gone.
    async fn run(mut self, mut orders: mpsc::Receiver<Order>, hub: mpsc::WeakSender<Order>) {
        let mut backoff = Backoff::default();
        while hub.upgrade().is_some() {
            if self.runs.is_empty() {
                // Nobody watches: no connection is held.
                let Some(order) = orders.recv().await else { return };
                self.take(order, None).await;
                continue;
            }
            let relayed = self.relay(&mut orders, &mut backoff).await;
            if std::mem::take(&mut self.live) {
                self.tell(&LiveEvent::Lost);
            }
            let Err(error) = relayed else { continue };
            tracing::warn!(%error, "live logs are interrupted; readers use Postgres meanwhile");
            let retry_at = Instant::now() + backoff.next();
            self.answer();
            while let Ok(order) = tokio::time::timeout_at(retry_at, orders.recv()).await {
                let Some(order) = order else { return };
                self.take(order, None).await;
                self.answer();
            }
        }
    }

    /// Passes lines on over one connection until it breaks or nobody watches.
    async fn relay(&mut self, orders: &mut mpsc::Receiver<Order>, backoff: &mut Backoff) -> redis::RedisResult<()> {
        let client = self.server.client()?;
        let pubsub = timeout(CONNECT_TIMEOUT, client.get_async_pubsub()).await.map_err(|_| late())??;
        let (mut sink, mut messages) = PubSub::split(pubsub);
        let channels: Vec<String> = self.runs.keys().map(|run_id| channel(&self.prefix, *run_id)).collect();
        timeout(SUBSCRIBE_TIMEOUT, sink.subscribe(channels)).await.map_err(|_| late())??;
        self.live = true;
        self.tell(&LiveEvent::Resumed);
        self.answer();
        backoff.reset();
        loop {
            tokio::select! {
                message = messages.next() => {
                    let Some(message) = message else { return Err(late()) };
                    let run_id = message.get_channel_name().rsplit(':').next().and_then(|id| id.parse().ok());
                    let line = std::str::from_utf8(message.get_payload_bytes()).ok();
                    if let (Some(lines), Some(line)) = (run_id.and_then(|run_id: RunId| self.runs.get(&run_id)), line) {
                        let _ = lines.send(LiveEvent::Line(line.into()));
                    }
                }
                order = orders.recv() => {
                    let Some(order) = order else { return Ok(()) };
                    self.take(order, Some(&mut sink)).await;
                    if !self.live {
                        return Err(late());
                    }
                }
                () = tokio::time::sleep(PING_EVERY) => {
                    self.drop_abandoned(Some(&mut sink)).await;
                    timeout(SUBSCRIBE_TIMEOUT, sink.ping::<redis::Value>()).await.map_err(|_| late())??;
                }
            }
            if self.runs.is_empty() {
                self.live = false;
                return Ok(());
            }
        }
    }

    /// Adds or drops a watcher. A subscription that fails marks the hub as not live.
    async fn take(&mut self, order: Order, sink: Option<&mut PubSubSink>) {
        let (run_id, reply) = match order {
            Order::Watch { run_id, reply } => (run_id, reply),
            Order::Left => return self.drop_abandoned(sink).await,
        };
        let known = self.runs.contains_key(&run_id);
        self.runs.entry(run_id).or_insert_with(|| broadcast::channel(BACKLOG).0);
        self.asking.push((run_id, reply));
        let Some(sink) = sink else { return };
        if !known {
            let asked = timeout(SUBSCRIBE_TIMEOUT, sink.subscribe(channel(&self.prefix, run_id))).await;
            if !matches!(asked, Ok(Ok(()))) {
                self.tell(&LiveEvent::Lost);
                self.live = false;
            }
        }
        self.answer();
    }

    /// Gives those who wait their lines, whether these come already or not.
    fn answer(&mut self) {
        for (run_id, reply) in self.asking.drain(..) {
            if let Some(lines) = self.runs.get(&run_id) {
                let _ = reply.send((lines.subscribe(), self.live));
            }
        }
    }

    async fn drop_abandoned(&mut self, mut sink: Option<&mut PubSubSink>) {
        let abandoned: Vec<RunId> =
            self.runs.iter().filter(|(_, lines)| lines.receiver_count() == 0).map(|(run_id, _)| *run_id).collect();
        for run_id in abandoned {
            self.runs.remove(&run_id);
            if let Some(sink) = sink.as_deref_mut() {
                // A failure shows at the next ping; a line for nobody is dropped.
                let _ = timeout(SUBSCRIBE_TIMEOUT, sink.unsubscribe(channel(&self.prefix, run_id))).await;
            }
        }
    }

    fn tell(&self, event: &LiveEvent) {
        for lines in self.runs.values() {
            let _ = lines.send(event.clone());
        }
    }
}

fn late() -> redis::RedisError {
    std::io::Error::new(std::io::ErrorKind::ConnectionAborted, "the connection for live logs ended or is too slow")
        .into()
}
