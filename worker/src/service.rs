//! The worker process: registered, taking tickets, and ending in order.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::Context as _;
use shared::{
    archive::Archive,
    config::{Config, EngineKind, Environment},
    domain::{run::RunStatus, states::Applied},
    health,
    queue::{self, Delivery, LiveLogs, TicketBackend},
    secrets::Seals,
    store::{Store, lease, worker::WorkerState},
    telemetry::{self, Program},
    tls::Acceptor,
    traces::Traces,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::boottime,
    context::Context,
    drive::{self, Over},
    engine::{Engine, docker::DockerEngine, scripted::Scripted},
    images, janitor, log_archive, presence,
    render::Renderer,
    retry::Pause,
    workspace,
};

/// Times a claim is tried while Postgres is away, before the ticket is left for later.
const CLAIMS: u32 = 5;

static HURRY: OnceLock<CancellationToken> = OnceLock::new();

/// Ends the drain of this process's workers: what runs is stopped and handed back at once.
pub fn hurry() {
    HURRY.get_or_init(CancellationToken::new).cancel();
}

/// Serves its queues until `shutdown`, or until people ask it to end; then takes no more runs, lets what runs finish for `drain_s`, hands the rest back,
/// and returns.
///
/// # Errors
/// When the configuration cannot be used or the engine does not answer at start.
pub async fn serve(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    images::check_patterns(&config.sandbox.images).map_err(anyhow::Error::msg)?;
    match config.worker.engine {
        EngineKind::Docker => {
            let engine = DockerEngine::connect(&config.worker.docker_socket).await;
            let engine =
                engine.with_context(|| format!("no Docker engine answers at {}", config.worker.docker_socket))?;
            let engine = engine.governed_by(&config.sandbox).await.with_context(|| {
                format!("the Docker engine at {} cannot serve this instance", config.worker.docker_socket)
            })?;
            serve_on(config, engine, shutdown).await
        }
        EngineKind::Scripted => serve_on(config, Scripted::new(), shutdown).await,
    }
}

async fn serve_on<E: Engine>(config: Config, engine: E, shutdown: CancellationToken) -> anyhow::Result<()> {
    let tls = Acceptor::load_if("worker.metrics_tls", config.worker.metrics_tls.as_ref())?;
    // Ended also when people ask for it, which the rest of the process is not told of.
    let shutdown = shutdown.child_token();
    let store = Store::connect(&config.database, "slipway-worker").context("database.url")?;
    let archive = Archive::open(&config.archive)?;
    let posture = engine.posture().await.context("the engine does not say what it is")?;
    for weakness in &posture.weaknesses {
        tracing::info!(engine = %posture.engine, %weakness, "the engine could isolate better");
    }
    let engine_id = posture.engine_id.clone().unwrap_or_else(host);
    let live = LiveLogs::connect(&config.redis).context("redis.url")?;
    let renderer = Renderer::start(None).context("the program to render templates with was not found")?;
    let seals = Seals::of(&config.secrets)?;
    if !seals.is_on() {
        anyhow::ensure!(
            config.environment == Environment::Development,
            "secrets.keys names no key, so that sensitive outputs would be stored as they are; `slipway secret new-key FILE` makes one"
        );
        tracing::warn!("secrets.keys names no key: sensitive outputs and states are stored as they are");
    }
    let traces = Traces::start(&config.traces, Program::Worker, &config.instance.0)?;
    let cx = Context::new(config, store, Arc::new(engine), engine_id, archive, renderer, live);
    let cx = Arc::new(cx.with_seals(seals).with_traces(traces));
    let worker = &cx.config.worker;
    let slots = usize::try_from(worker.slots.max(1))?;
    let backend =
        TicketBackend::new(&cx.config.redis, worker.queues.clone(), cx.id.to_string(), slots).context("redis.url")?;
    let gate = backend.gate();

    presence::register(&cx, posture.clone(), &shutdown).await?;
    tracing::info!(worker.id = %cx.id, queues = ?worker.queues, slots, "worker is up");
    let ended = CancellationToken::new();
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&cx.keeper).run(ended.clone()));
    tasks.spawn(presence::keep(Arc::clone(&cx), gate, posture, shutdown.clone(), ended.clone()));
    tasks.spawn(janitor::run(Arc::clone(&cx), ended.clone()));
    if let Some(address) = worker.metrics_listen.clone() {
        telemetry::announce(Program::Worker);
        let (store, ended) = (cx.store.clone(), ended.clone());
        tasks.spawn(async move {
            let ready = move || {
                let store = store.clone();
                async move { store.ping().await.map_err(|_| "Postgres does not answer".to_owned()) }
            };
            tokio::select! {
                () = ended.cancelled() => {}
                served = health::serve(&address, tls, None, ready) => if let Err(error) = served {
                    tracing::error!(%address, %error, "metrics and health are not served");
                },
            }
        });
    }
    tasks.spawn(drain(Arc::clone(&cx), shutdown.clone(), ended.clone()));

    let handler = {
        let cx = Arc::clone(&cx);
        move |delivery| handle(Arc::clone(&cx), delivery)
    };
    let served = queue::serve(backend, cx.id.to_string(), handler, shutdown).await;
    // Every handler has returned: no run is held any more.
    ended.cancel();
    while tasks.join_next().await.is_some() {}
    presence::say(&cx, WorkerState::Stopped).await;
    cx.traces.flush().await;
    tracing::info!(worker.id = %cx.id, "worker is down");
    served.context("the queue's worker loop ended")
}

/// What stands for the engine's id where the engine has none.
fn host() -> String {
    std::fs::read_to_string("/etc/machine-id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// After `shutdown`, gives running work its time, then stops it.
async fn drain<E: Engine>(cx: Arc<Context<E>>, shutdown: CancellationToken, ended: CancellationToken) {
    tokio::select! {
        () = ended.cancelled() => return,
        () = shutdown.cancelled() => {}
    }
    presence::say(&cx, WorkerState::Draining).await;
    tokio::select! {
        () = ended.cancelled() => {}
        () = tokio::time::sleep(Duration::from_secs(cx.config.worker.drain_s.into())) => {}
        () = HURRY.get_or_init(CancellationToken::new).cancelled() => {}
    }
    cx.stopping.cancel();
}

/// Claims the ticket's run and drives it. The ticket is done with as soon as Postgres has answered, whatever it said; while
/// Postgres is away it stays, and is delivered again later.
async fn handle<E: Engine>(cx: Arc<Context<E>>, delivery: Delivery) {
    let ticket = delivery.ticket;
    let mut pause = Pause::up_to(Duration::from_secs(1));
    for tried in 1.. {
        let sent = boottime();
        match lease::claim(cx.store.pool(), ticket.run_id, ticket.fence, cx.id, cx.ttl()).await {
            Ok(Applied::Applied(claimed)) => {
                let run = claimed.lease.run_id;
                metrics::histogram!("slipway_run_wait_seconds", "queue" => delivery.queue.clone())
                    .record(claimed.waited_s.max(0.0));
                // Beside the run: neither waits for the other.
                let ((), over) = tokio::join!(delivery.acker.ack(), drive::drive(Arc::clone(&cx), claimed, sent));
                after(&cx, run, over).await;
                return;
            }
            Ok(Applied::Stale) => {
                metrics::counter!("slipway_stale_tickets_total").increment(1);
                return delivery.acker.ack().await;
            }
            Err(error) if tried >= CLAIMS || cx.stopping.is_cancelled() => {
                tracing::warn!(run.id = %ticket.run_id, %error, "a ticket is left for later: its run could not be claimed");
                return;
            }
            Err(_) => pause.wait().await,
        }
    }
}

/// What is left to do once a run is over; all of it is done later by the janitor if it fails here.
async fn after<E: Engine>(cx: &Context<E>, run: shared::domain::ids::RunId, over: Over) {
    let Over::Finished(status) = over else { return };
    if let Err(error) = log_archive::archive(cx, run).await {
        tracing::warn!(run.id = %run, %error, "the log is archived later");
    }
    // A failed or cancelled run may be retried, and goes on from its checkpoints then.
    if status == RunStatus::Completed
        && let Err(error) = cx.archive.delete_folder(&workspace::folder(run)).await
    {
        tracing::warn!(run.id = %run, %error, "the checkpoints of a completed run stay");
    }
}
