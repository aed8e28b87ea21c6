//! How what runs is stopped: by time, by a wish, by the worker's end, by a lease that is lost.

use std::time::Duration;

use serde_json::json;
use shared::{
    domain::{
        ids::WorkerId,
        run::{RunStatus, error_code},
        states::Applied,
        step::StepStatus,
    },
    store::lease,
};
use worker::{
    drive::Over,
    engine::Engine as _,
    held::{Halt, Held},
};

use super::assert_nothing_left;
use crate::stage::{Stage, plan, scripted};

#[tokio::test]
async fn a_step_that_takes_too_long_is_stopped_and_says_so() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let mut step = scripted("a", &[], json!({"hang": true}));
    step.timeout_s = 1;
    let run = stage.run(&plan(vec![step]), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
    assert!(stage.row(run).await.error_message.unwrap().contains("longer than 1 s"));
    assert_nothing_left(&stage.engine).await;
}

#[tokio::test]
async fn a_run_past_its_deadline_fails_as_timed_out() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let mut plan = plan(vec![scripted("a", &[], json!({"hang": true}))]);
    plan.timeout_s = 1;
    let run = stage.run(&plan, json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
    assert_eq!(stage.row(run).await.error_code.as_deref(), Some(error_code::TIMED_OUT));
}

#[tokio::test]
async fn a_wish_to_cancel_reaches_the_container_and_the_run_ends_as_cancelled() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let steps = vec![scripted("a", &[], json!({"hang": true, "ignore_term": true})), scripted("b", &["a"], json!({}))];
    let run = stage.run(&plan(steps), json!({})).await;
    let (_, driving) = stage.driving(&crew, run).await;
    stage.until_running(run, "a").await;
    stage.cancel(run).await;
    assert_eq!(driving.await.unwrap(), Over::Finished(RunStatus::Cancelled));
    assert_eq!(stage.step(run, "a").await.status, StepStatus::Cancelled);
    assert_eq!(stage.step(run, "b").await.status, StepStatus::Cancelled);
    assert_nothing_left(&stage.engine).await;
}

#[tokio::test]
async fn a_long_wait_gives_the_slot_back() {
    let mut stage = Stage::new().await;
    stage.config.worker.suspend_backoff_over_s = 1;
    let crew = stage.crew().await;
    let mut step = scripted("a", &[], json!({"fail_times": 1}));
    step.retry.attempts = 2;
    step.retry.backoff_s = 600.0;
    step.retry.max_backoff_s = 600.0;
    let run = stage.run(&plan(vec![step]), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Suspended);
    let row = stage.row(run).await;
    assert_eq!(row.status, RunStatus::Suspended);
    assert_nothing_left(&stage.engine).await;
}

#[tokio::test]
async fn a_worker_that_stops_hands_its_runs_back_and_no_counter_rises() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let steps = vec![
        scripted("a", &[], json!({"write": {"kept": "yes"}})),
        scripted("b", &["a"], json!({"sleep_ms": 60_000, "print": ["kept"]})),
    ];
    let run = stage.run(&plan(steps), json!({})).await;
    let (claimed, driving) = stage.driving(&crew, run).await;
    stage.until_running(run, "b").await;
    crew.cx.stopping.cancel();
    assert_eq!(driving.await.unwrap(), Over::HandedBack);
    assert_eq!(stage.status(run).await, RunStatus::Queued);
    let row = stage.step(run, "b").await;
    assert_eq!((row.status, row.attempts, row.tries), (StepStatus::Pending, 0, 1));
    assert_nothing_left(&stage.engine).await;

    // The next worker goes on after the step that was done, with the files as that one left them.
    let next = stage.crew().await;
    let (claimed, sent) = stage.claim(&next, run, shared::domain::ids::Fence(claimed.lease.fence.0 + 1)).await;
    assert_eq!(claimed.losses, 0);
    let driving = tokio::spawn(worker::drive::drive(std::sync::Arc::clone(&next.cx), claimed, sent));
    stage.until_running(run, "b").await;
    stage.cancel(run).await;
    driving.await.unwrap();
    assert_eq!(stage.printed(run).await, ["kept: yes"; 2]);
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_writes_nothing_more_and_is_counted() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let run =
        stage.run(&plan(vec![scripted("a", &[], json!({"sleep_ms": 300, "outputs": {"x": 1}}))]), json!({})).await;
    let (claimed, driving) = stage.driving(&crew, run).await;
    stage.until_running(run, "a").await;
    // Someone else has it now, as after a rescue.
    assert!(lease::hand_back(&stage.store, claimed.lease).await.unwrap().is_applied());
    let other = WorkerId::new();
    let fence = shared::domain::ids::Fence(claimed.lease.fence.0 + 1);
    let taken = lease::claim(stage.store.pool(), run, fence, other, Duration::from_secs(60)).await.unwrap();
    assert!(matches!(taken, Applied::Applied(_)));
    assert_eq!(driving.await.unwrap(), Over::Lost);
    let row = stage.step(run, "a").await;
    assert_eq!((row.status, row.outputs), (StepStatus::Pending, json!({})));
    assert_eq!(stage.status(run).await, RunStatus::Running);
    assert!(refused(&stage, run).await >= 1);
    assert!(stage.engine.list("slipway").await.unwrap().is_empty());
}

#[tokio::test]
async fn no_write_is_made_when_too_little_of_the_lease_is_left() {
    let mut stage = Stage::new().await;
    stage.config.worker.lease_ttl_s = 3;
    let crew = stage.crew().await;
    let run = stage.run(&plan(vec![scripted("a", &[], json!({}))]), json!({})).await;
    let fence = stage.ticket(run).await;
    let (claimed, sent) = stage.claim(&crew, run, fence).await;
    // As if the answer to the claim had taken the whole lease to arrive.
    let late = sent.saturating_sub(Duration::from_secs(3));
    let held = Held::new(stage.store.clone(), claimed.lease, crew.cx.ttl(), late);
    let written = held.write("x", || lease::append_log(stage.store.pool(), claimed.lease, &[])).await;
    assert!(matches!(written, Err(Halt::Lost)));
    assert!(held.lost.is_cancelled());
}

#[tokio::test]
async fn a_worker_that_cannot_renew_ends_its_containers_by_itself() {
    let mut stage = Stage::new().await;
    stage.config.worker.lease_ttl_s = 2;
    let crew = stage.crew().await;
    let run = stage.run(&plan(vec![scripted("a", &[], json!({"hang": true, "ignore_term": true}))]), json!({})).await;
    let (_, driving) = stage.driving(&crew, run).await;
    stage.until_running(run, "a").await;
    // Postgres is out of this worker's reach from now on.
    stage.store.pool().close().await;
    assert_eq!(driving.await.unwrap(), Over::Lost);
    assert!(stage.engine.list("slipway").await.unwrap().is_empty());
}

/// Writes refused about a run, from its events.
async fn refused(stage: &Stage, run: shared::domain::ids::RunId) -> usize {
    let events = shared::store::event::of_run(stage.store.pool(), run, 1_000).await.unwrap();
    events.iter().filter(|event| event.kind == shared::domain::event::WRITE_REFUSED).count()
}
