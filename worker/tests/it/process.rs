//! The worker as a process: its queue, its signals, its end.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::json;
use shared::{
    domain::{
        ids::{Fence, RunId},
        run::RunStatus,
        states::Applied,
    },
    queue::{Ticket, Tickets},
    store::{
        rescue,
        worker::{self, WorkerAsked},
        worker_list,
    },
};
use tests::{
    process::{Process, Recipe},
    wait,
};

use crate::stage::{Stage, plan, scripted};

const PATIENCE: Duration = Duration::from_secs(30);

/// A stage with a Redis prefix of its own and a worker process on the scripted engine.
struct Scene {
    stage: Stage,
    worker: Process,
    tickets: Tickets,
}

async fn scene(ttl: u32, drain: u32) -> Scene {
    let mut stage = Stage::new().await;
    let redis = std::env::var("TEST_REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6399/0".into());
    stage.config.redis.url = redis;
    stage.config.redis.prefix = format!("slipway-test-{}", RunId::new());
    stage.config.worker.engine = shared::config::EngineKind::Scripted;
    // In production a worker wants the keys that secrets are sealed under.
    stage.config.environment = shared::config::Environment::Development;
    stage.config.worker.lease_ttl_s = ttl;
    stage.config.worker.drain_s = drain;
    stage.config.worker.slots = 4;
    let file = stage.folder().join("config.yaml");
    std::fs::write(&file, serde_json::to_vec(&stage.config).unwrap()).unwrap();
    let worker = Process::start(Recipe {
        name: "worker".into(),
        program: env!("CARGO_BIN_EXE_slipway-worker").into(),
        arguments: vec![],
        environment: vec![("SLIPWAY_CONFIG".into(), file.display().to_string())],
        account: None,
        log: stage.folder().join("worker.log"),
        end_with: Signal::SIGKILL,
    })
    .unwrap();
    let tickets = Tickets::connect(&stage.config.redis).unwrap();
    let scene = Scene { stage, worker, tickets };
    wait::until("the worker is registered", PATIENCE, async || {
        let workers = worker_list::list(scene.stage.store.pool(), 30, false).await?;
        Ok((!workers.is_empty()).then_some(()))
    })
    .await
    .unwrap();
    scene
}

impl Scene {
    async fn send(&self, run: RunId) -> Fence {
        let fence = self.stage.ticket(run).await;
        self.tickets.push(&[("default".to_owned(), Ticket { run_id: run, fence })]).await.unwrap();
        fence
    }

    async fn until(&self, run: RunId, status: RunStatus) {
        wait::until(
            "the run gets there",
            PATIENCE,
            async || Ok((self.stage.status(run).await == status).then_some(())),
        )
        .await
        .unwrap();
    }

    /// Asks something of the worker, as a person does.
    async fn ask(&self, asked: WorkerAsked) {
        let pool = self.stage.store.pool();
        let id = worker_list::list(pool, 30, false).await.unwrap()[0].id;
        assert_eq!(worker::ask(pool, id, asked, "ada", "").await.unwrap(), Some(Applied::Applied(())));
    }

    async fn refused_writes(&self) -> i64 {
        worker_list::list(self.stage.store.pool(), 1_000, true)
            .await
            .unwrap()
            .iter()
            .map(|worker| worker.refused_writes)
            .sum()
    }
}

#[tokio::test]
async fn a_ticket_is_taken_from_the_queue_and_its_run_is_driven() {
    let scene = scene(30, 30).await;
    let run = scene.stage.run(&plan(vec![scripted("a", &[], json!({"lines": ["hello"]}))]), json!({})).await;
    scene.send(run).await;
    scene.until(run, RunStatus::Completed).await;
    assert_eq!(scene.stage.printed(run).await, ["hello"]);
    // Acknowledged: nothing of it is left in the queue.
    wait::until(
        "the ticket is gone",
        PATIENCE,
        async || Ok((scene.tickets.depth("default").await? == 0).then_some(())),
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn a_worker_that_is_told_to_end_lets_short_work_finish_and_exits_in_order() {
    let mut scene = scene(30, 30).await;
    let run = scene.stage.run(&plan(vec![scripted("a", &[], json!({"sleep_ms": 1_000}))]), json!({})).await;
    scene.send(run).await;
    scene.stage.until_running(run, "a").await;
    let status = scene.worker.stop(Signal::SIGTERM, PATIENCE).await.unwrap();
    assert!(status.success(), "{status}: {}", scene.worker.last_words());
    assert_eq!(scene.stage.status(run).await, RunStatus::Completed);
    let workers = worker_list::list(scene.stage.store.pool(), 30, true).await.unwrap();
    assert_eq!(workers[0].state, "stopped");
}

#[tokio::test]
async fn a_worker_that_is_told_to_end_hands_long_work_back_and_no_counter_rises() {
    let mut scene = scene(30, 1).await;
    let run = scene.stage.run(&plan(vec![scripted("a", &[], json!({"hang": true}))]), json!({})).await;
    scene.send(run).await;
    scene.stage.until_running(run, "a").await;
    let status = scene.worker.stop(Signal::SIGTERM, PATIENCE).await.unwrap();
    assert!(status.success(), "{status}: {}", scene.worker.last_words());
    let row = scene.stage.row(run).await;
    assert_eq!((row.status, row.losses), (RunStatus::Queued, 0));
    assert_eq!(scene.stage.step(run, "a").await.attempts, 0);
}

#[tokio::test]
async fn a_worker_that_is_cordoned_takes_no_ticket_until_it_is_uncordoned() {
    let scene = scene(30, 30).await;
    scene.ask(WorkerAsked::Cordon).await;
    wait::until("it has heard of it", PATIENCE, async || {
        Ok(scene.worker.last_words().contains("takes no new tickets").then_some(()))
    })
    .await
    .unwrap();
    let run = scene.stage.run(&plan(vec![scripted("a", &[], json!({}))]), json!({})).await;
    let fence = scene.send(run).await;
    // It beats once more, and takes nothing meanwhile.
    let beat = worker_list::list(scene.stage.store.pool(), 30, false).await.unwrap()[0].heartbeat_at;
    wait::until("it beats", PATIENCE, async || {
        let workers = worker_list::list(scene.stage.store.pool(), 30, false).await?;
        Ok((workers[0].heartbeat_at > beat).then_some(()))
    })
    .await
    .unwrap();
    let row = scene.stage.row(run).await;
    assert_eq!((row.status, row.fence), (RunStatus::Queued, fence));
    scene.ask(WorkerAsked::Serve).await;
    scene.until(run, RunStatus::Completed).await;
}

#[tokio::test]
async fn a_worker_that_is_drained_hands_long_work_back_and_ends_in_order() {
    let mut scene = scene(30, 1).await;
    let run = scene.stage.run(&plan(vec![scripted("a", &[], json!({"hang": true}))]), json!({})).await;
    scene.send(run).await;
    scene.stage.until_running(run, "a").await;
    scene.ask(WorkerAsked::Drain).await;
    let status = wait::until("it ends", PATIENCE, async || scene.worker.ended()).await.unwrap();
    assert!(status.success(), "{status}: {}", scene.worker.last_words());
    let row = scene.stage.row(run).await;
    assert_eq!((row.status, row.losses), (RunStatus::Queued, 0));
    assert_eq!(scene.stage.step(run, "a").await.attempts, 0);
    let workers = worker_list::list(scene.stage.store.pool(), 30, true).await.unwrap();
    assert_eq!(workers[0].state, "stopped");
}

#[tokio::test]
async fn a_second_signal_does_not_wait_for_what_runs() {
    let mut scene = scene(30, 600).await;
    let run = scene.stage.run(&plan(vec![scripted("a", &[], json!({"hang": true}))]), json!({})).await;
    scene.send(run).await;
    scene.stage.until_running(run, "a").await;
    scene.worker.signal(Signal::SIGTERM).unwrap();
    wait::until("it drains", PATIENCE, async || {
        let workers = worker_list::list(scene.stage.store.pool(), 30, false).await?;
        Ok(workers.iter().any(|worker| worker.state == "draining").then_some(()))
    })
    .await
    .unwrap();
    let status = scene.worker.stop(Signal::SIGTERM, PATIENCE).await.unwrap();
    assert!(status.success(), "{status}: {}", scene.worker.last_words());
    assert_eq!(scene.stage.status(run).await, RunStatus::Queued);
}

#[tokio::test]
async fn the_late_writes_of_a_frozen_worker_are_refused_and_counted() {
    let mut scene = scene(2, 30).await;
    let run = scene
        .stage
        .run(&plan(vec![scripted("a", &[], json!({"sleep_ms": 1_000, "outputs": {"x": 1}}))]), json!({}))
        .await;
    scene.send(run).await;
    scene.stage.until_running(run, "a").await;
    scene.worker.signal(Signal::SIGSTOP).unwrap();
    wait::until("the run is rescued", PATIENCE, async || {
        let mut tx = scene.stage.store.begin().await?;
        let rescued = rescue::rescue(&mut tx, Duration::ZERO, 5, 10).await?;
        tx.commit().await?;
        Ok((rescued.queued > 0).then_some(()))
    })
    .await
    .unwrap();
    scene.worker.signal(Signal::SIGCONT).unwrap();
    wait::until("a write is refused", PATIENCE, async || Ok((scene.refused_writes().await > 0).then_some(())))
        .await
        .unwrap();
    let row = scene.stage.step(run, "a").await;
    assert_eq!((row.status, row.outputs), (shared::domain::step::StepStatus::Pending, json!({})));
    assert_eq!(scene.stage.status(run).await, RunStatus::Queued);
}
