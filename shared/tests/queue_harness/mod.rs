//! A private Redis and workers on it, for the tests of the queue.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![allow(clippy::unwrap_used, reason = "a harness fails the test that uses it")]

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use shared::{
    config,
    domain::ids::{Fence, RunId},
    queue::{Delivery, Gate, Ticket, TicketBackend, Tickets, Timing, serve},
};
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// A redis-server of the test's own, ended with it.
pub(crate) struct Server {
    process: Child,
    port: u16,
    options: Vec<String>,
    folder: tempfile::TempDir,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(options: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let process = spawn(port, &options, &folder);
        let server = Self { process, port, options, folder };
        server.answers().await;
        server
    }

    pub(crate) fn config(&self) -> config::Redis {
        config::Redis {
            url: format!("redis://127.0.0.1:{}/0", self.port),
            prefix: "test".into(),
            ..config::Redis::default()
        }
    }

    pub(crate) fn tickets(&self) -> Tickets {
        Tickets::connect(&self.config()).unwrap()
    }

    /// A connection apart from those under test.
    pub(crate) async fn connection(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.config().url).unwrap();
        let patient = redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(20)));
        client.get_multiplexed_async_connection_with_config(&patient).await.unwrap()
    }

    pub(crate) async fn ask<T: redis::FromRedisValue>(&self, command: &str) -> T {
        let mut words = command.split(' ');
        let mut asked = redis::cmd(words.next().unwrap());
        words.for_each(|word| {
            asked.arg(word);
        });
        asked.query_async(&mut self.connection().await).await.unwrap()
    }

    /// Ends the server with everything it holds, and starts an empty one in its place.
    pub(crate) async fn restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = spawn(self.port, &self.options, &self.folder);
        self.answers().await;
    }

    pub(crate) fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    pub(crate) fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.process.id()).unwrap()), signal).unwrap();
    }

    async fn answers(&self) {
        let client = redis::Client::open(self.config().url).unwrap();
        eventually("redis-server answers", async || client.get_multiplexed_async_connection().await.is_ok()).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(port: u16, options: &[String], folder: &tempfile::TempDir) -> Child {
    let mut server = Command::new("redis-server");
    server.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    server.args(options).current_dir(folder.path()).stdout(Stdio::null()).stderr(Stdio::null());
    server.spawn().unwrap_or_else(|error| panic!("install redis-server (6.2 or later): {error}"))
}

/// Waits for a condition; fails only when it has not come about after a time far beyond any reasonable one.
pub(crate) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(40);
    while !condition().await {
        assert!(Instant::now() < give_up, "never came about: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn ticket() -> Ticket {
    Ticket { run_id: RunId::new(), fence: Fence(1) }
}

pub(crate) fn batch(queue: &str, count: usize) -> Vec<(String, Ticket)> {
    (0..count).map(|_| (queue.to_owned(), ticket())).collect()
}

/// Sends as the scheduler's requeue does: again and again until Redis takes it.
pub(crate) async fn send(tickets: &Tickets, queue: &str, ticket: Ticket) {
    let batch = [(queue.to_owned(), ticket)];
    eventually("Redis takes a ticket", async || tickets.push(&batch).await.is_ok()).await;
}

/// Short waits, so that what takes seconds in production takes a moment here.
pub(crate) const BRISK: Timing = Timing {
    block: Duration::from_millis(500),
    reclaim_after: Duration::from_millis(800),
    sweep_every: Duration::from_millis(200),
    forget_after: Duration::from_secs(1),
};

/// What a worker saw.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) begun: Mutex<Vec<(String, Ticket)>>,
    pub(crate) ended: Mutex<Vec<Ticket>>,
}

impl Seen {
    pub(crate) fn begun(&self) -> usize {
        self.begun.lock().unwrap().len()
    }

    pub(crate) fn ended(&self) -> usize {
        self.ended.lock().unwrap().len()
    }

    pub(crate) fn has_ended(&self, ticket: Ticket) -> bool {
        self.ended.lock().unwrap().contains(&ticket)
    }

    pub(crate) fn times_begun(&self, ticket: Ticket) -> usize {
        self.begun.lock().unwrap().iter().filter(|(_, begun)| *begun == ticket).count()
    }
}

/// A worker whose jobs acknowledge at once and then run until they are released.
pub(crate) struct Worker {
    pub(crate) seen: Arc<Seen>,
    /// One permit lets one job end.
    pub(crate) release: Arc<Semaphore>,
    pub(crate) gate: Gate,
    pub(crate) stop: CancellationToken,
    pub(crate) running: JoinHandle<()>,
}

impl Worker {
    pub(crate) fn start(server: &Server, name: &str, queues: &[&str], slots: usize) -> Self {
        let backend = backend(server, name, queues, slots).with_timing(BRISK);
        let (seen, release) = (Arc::new(Seen::default()), shut());
        let (see, released) = (Arc::clone(&seen), Arc::clone(&release));
        Self::with(backend, seen, release, move |delivery: Delivery| {
            let (see, released) = (Arc::clone(&see), Arc::clone(&released));
            async move {
                see.begun.lock().unwrap().push((delivery.queue.clone(), delivery.ticket));
                delivery.acker.ack().await;
                released.acquire().await.unwrap().forget();
                see.ended.lock().unwrap().push(delivery.ticket);
            }
        })
    }

    /// The same, with jobs that end by themselves.
    pub(crate) fn start_brief(server: &Server, name: &str, queues: &[&str], slots: usize) -> Self {
        let worker = Self::start(server, name, queues, slots);
        worker.release.add_permits(Semaphore::MAX_PERMITS / 2);
        worker
    }

    pub(crate) fn with<F, Fut>(backend: TicketBackend, seen: Arc<Seen>, release: Arc<Semaphore>, handler: F) -> Self
    where
        F: Fn(Delivery) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let (gate, stop) = (backend.gate(), CancellationToken::new());
        let served = serve(backend, "worker", handler, stop.clone());
        Self { seen, release, gate, stop, running: tokio::spawn(async move { served.await.unwrap() }) }
    }

    pub(crate) async fn stopped(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

/// Lets no job end until permits are added.
pub(crate) fn shut() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(0))
}

pub(crate) fn backend(server: &Server, name: &str, queues: &[&str], slots: usize) -> TicketBackend {
    let queues = queues.iter().map(|queue| (*queue).to_owned()).collect();
    TicketBackend::new(&server.config(), queues, name, slots).unwrap()
}
