//! What a worker finds of an earlier one, and what it makes of it; what the janitor removes, and what it leaves.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use shared::{
    domain::{
        ids::RunId,
        plan::{KeptState, PlannedStep},
        run::{RunStatus, error_code},
    },
    store::{rescue, run, state},
};
use worker::{
    drive::Over,
    engine::{Engine as _, scripted::Scripted},
    janitor,
};

use crate::stage::{Crew, Stage, plan, scripted};

const STATE: &str = ".slipway/state/it.tfstate";

/// A step that keeps state: it writes version `serial` of it and then does what `script` says.
fn keeping(name: &str, serial: i64, mut script: serde_json::Value) -> PlannedStep {
    script["write"] = json!({STATE: json!({"serial": serial, "lineage": "l"}).to_string()});
    script["print"] = json!([STATE]);
    let mut step = scripted(name, &[], script);
    step.step_type.state = Some(KeptState { path: STATE.into() });
    step
}

#[tokio::test]
async fn the_state_of_one_run_is_found_by_the_next() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let of = stage.resource().await;
    let run = stage.run_for(&plan(vec![keeping("apply", 1, json!({"exit_code": 1}))]), json!({}), Some(of)).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
    // What a failed step made is kept as well.
    assert_eq!(state::current(stage.store.pool(), of.1).await.unwrap().unwrap().serial, 1);
    let run::Retry::Created { id: again, .. } = stage.retry(run).await else { panic!("no retry") };
    stage.drive(&crew, again).await;
    assert_eq!(stage.printed(again).await, [format!("{STATE}: {}", json!({"serial": 1, "lineage": "l"}))]);
    assert!(state::lock_of(stage.store.pool(), of.1).await.unwrap().is_none(), "the lock ends with the run");
}

#[tokio::test]
async fn a_worker_on_the_same_engine_saves_the_state_that_a_dead_one_left() {
    let mut stage = Stage::new().await;
    stage.config.worker.lease_ttl_s = 2;
    let crew = stage.crew().await;
    let of = stage.resource().await;
    let run = stage.run_for(&plan(vec![keeping("apply", 7, json!({"hang_times": 1}))]), json!({}), Some(of)).await;
    die_in(&stage, crew, run, "apply").await;
    let next = stage.crew().await;
    assert_eq!(drive_rescued(&stage, &next, run).await, Over::Finished(RunStatus::Completed));
    assert_eq!(state::current(stage.store.pool(), of.1).await.unwrap().unwrap().serial, 7);
    // The second try began with what the first one had got to.
    let printed = stage.printed(run).await;
    assert!(printed.last().unwrap().contains("\"serial\":7"), "{printed:?}");
    assert!(stage.engine.list("slipway").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_state_that_may_be_on_a_lost_host_is_never_applied_over() {
    let mut stage = Stage::new().await;
    stage.config.worker.lease_ttl_s = 2;
    let crew = stage.crew().await;
    let of = stage.resource().await;
    let run = stage.run_for(&plan(vec![keeping("apply", 7, json!({"hang_times": 1}))]), json!({}), Some(of)).await;
    die_in(&stage, crew, run, "apply").await;
    let elsewhere = stage.crew_on(stage.config.clone(), Arc::new(Scripted::new()), "engine-2").await;
    assert_eq!(drive_rescued(&stage, &elsewhere, run).await, Over::Finished(RunStatus::Failed));
    let row = stage.row(run).await;
    assert_eq!(row.error_code.as_deref(), Some(error_code::STATE_UNCERTAIN));
    assert_eq!(stage.step(run, "apply").await.tries, 1);

    // A retry is refused as well, until a person has decided.
    let run::Retry::Created { id: again, .. } = stage.retry(run).await else { panic!("no retry") };
    assert_eq!(stage.drive(&elsewhere, again).await, Over::Finished(RunStatus::Failed));
    assert_eq!(stage.row(again).await.error_code.as_deref(), Some(error_code::STATE_UNCERTAIN));
}

#[tokio::test]
async fn a_rescued_run_goes_on_after_the_last_recorded_step_with_its_files() {
    let mut stage = Stage::new().await;
    stage.config.worker.lease_ttl_s = 2;
    let crew = stage.crew().await;
    let steps = vec![
        scripted("a", &[], json!({"write": {"made": "by a"}, "lines": ["a ran"]})),
        scripted("b", &["a"], json!({"hang_times": 1, "print": ["made"]})),
    ];
    let run = stage.run(&plan(steps), json!({})).await;
    die_in(&stage, crew, run, "b").await;
    // On another engine: the files come from the checkpoint.
    let elsewhere = stage.crew_on(stage.config.clone(), Arc::new(Scripted::new()), "engine-2").await;
    assert_eq!(drive_rescued(&stage, &elsewhere, run).await, Over::Finished(RunStatus::Completed));
    let printed = stage.printed(run).await;
    assert_eq!(printed.iter().filter(|line| *line == "a ran").count(), 1);
    assert_eq!(printed.last().unwrap(), "made: by a");
    assert_eq!(stage.row(run).await.losses, 1);
}

#[tokio::test]
async fn the_janitor_removes_what_a_run_that_is_over_left_and_nothing_else() {
    let mut stage = Stage::new().await;
    stage.config.worker.lease_ttl_s = 2;
    let crew = stage.crew().await;
    let run = stage.run(&plan(vec![scripted("a", &[], json!({"hang": true}))]), json!({})).await;
    die_in(&stage, crew, run, "a").await;
    let next = stage.crew().await;
    janitor::pass(&next.cx).await.unwrap();
    assert_eq!(stage.engine.list("slipway").await.unwrap().len(), 1, "the run is live: whoever takes it looks itself");
    rescue_when_due(&stage, run).await;
    let mut tx = stage.store.begin().await.unwrap();
    run::request_cancel(&mut tx, run, "someone", "enough").await.unwrap();
    tx.commit().await.unwrap();
    janitor::pass(&next.cx).await.unwrap();
    assert!(stage.engine.list("slipway").await.unwrap().is_empty());
    assert!(stage.engine.leftovers("slipway").await.unwrap().is_empty());
}

#[tokio::test]
async fn the_janitor_removes_nothing_while_postgres_does_not_answer() {
    let mut stage = Stage::new().await;
    stage.config.worker.lease_ttl_s = 2;
    let crew = stage.crew().await;
    let run = stage.run(&plan(vec![scripted("a", &[], json!({"hang": true}))]), json!({})).await;
    die_in(&stage, crew, run, "a").await;
    let next = stage.crew().await;
    stage.store.pool().close().await;
    assert!(janitor::pass(&next.cx).await.is_err());
    assert_eq!(stage.engine.list("slipway").await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_log_of_a_run_that_is_over_is_archived_whole() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let run = stage.run(&plan(vec![scripted("a", &[], json!({"lines": ["one", "two"]}))]), json!({})).await;
    stage.drive(&crew, run).await;
    janitor::pass(&crew.cx).await.unwrap();
    let archived = shared::store::log::archived(stage.store.pool(), run).await.unwrap().expect("it is archived");
    assert_eq!(archived.lines, 2);
    let content = crew.cx.archive.get(&archived.key, 1 << 20).await.unwrap();
    assert_eq!(content.len() as i64, archived.bytes);
}

/// The worker is gone while this step runs: nothing of it goes on but the container.
async fn die_in(stage: &Stage, crew: Crew, run: RunId, step: &str) {
    let (_, driving) = stage.driving(&crew, run).await;
    stage.until_running(run, step).await;
    while !stage.engine.list("slipway").await.unwrap().iter().any(|found| found.running && found.owner.step == step) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    driving.abort();
    let _ = driving.await;
    drop(crew);
}

/// The scheduler's part: once the lease has ended the run is queued under a new fence.
async fn rescue_when_due(stage: &Stage, run: RunId) -> shared::domain::ids::Fence {
    loop {
        let mut tx = stage.store.begin().await.unwrap();
        let rescued = rescue::rescue(&mut tx, Duration::ZERO, 5, 10).await.unwrap();
        tx.commit().await.unwrap();
        if rescued.queued > 0 {
            return stage.row(run).await.fence;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn drive_rescued(stage: &Stage, crew: &Crew, run: RunId) -> Over {
    let fence = rescue_when_due(stage, run).await;
    let (claimed, sent) = stage.claim(crew, run, fence).await;
    worker::drive::drive(Arc::clone(&crew.cx), claimed, sent).await
}
