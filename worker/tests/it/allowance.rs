//! What the steps of a run leave for each other is bounded, while they run and where a run is taken up again.

use serde_json::{Value, json};
use shared::domain::{
    ids::RunId,
    plan::PlannedStep,
    run::{RunStatus, error_code},
    step::StepStatus::{Completed, Failed, Skipped},
};
use shared::store::{lease, step};
use worker::{allowance::LIMIT, drive::Over};

use crate::stage::{Stage, plan, scripted};

/// As much as one step may give back, or nearly.
const EACH: usize = 60_000;

#[tokio::test]
async fn a_loop_whose_elements_give_back_too_much_fails_before_the_worker_holds_it_all() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let elements: Vec<usize> = (0..LIMIT / EACH + 5).collect();
    let script = json!({"outputs": {"text": "x".repeat(EACH)}});
    let each = PlannedStep { for_each: Some(json!(elements)), ..scripted("each", &[], script) };
    let run = stage.run(&plan(vec![each, scripted("after", &["each"], json!({}))]), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
    let row = stage.row(run).await;
    assert_eq!(row.error_code.as_deref(), Some(error_code::STEP_FAILED));
    let said = row.error_message.unwrap_or_default();
    assert!(said.contains(&format!("more than {LIMIT} bytes together")), "{said}");
    let kept = kept(&stage, run).await;
    assert!((LIMIT - EACH * 2..=LIMIT).contains(&kept), "{kept}");
    let statuses = stage.statuses(run).await;
    assert_eq!((statuses["each"], statuses["after"]), (Failed, Skipped));
    assert!(statuses.values().filter(|status| **status == Completed).count() >= LIMIT / EACH - 2, "{statuses:?}");
}

#[tokio::test]
async fn a_run_of_which_too_much_is_recorded_ends_at_once() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let each = PlannedStep { for_each: Some(json!([1, 2])), ..scripted("each", &[], json!({})) };
    let tidy = PlannedStep { finally: true, ..scripted("tidy", &[], json!({})) };
    let run = stage.run(&plan(vec![each, scripted("after", &["each"], json!({})), tidy]), json!({})).await;
    let fence = stage.ticket(run).await;
    let (claimed, _) = stage.claim(&crew, run, fence).await;
    // As a worker that knew no bound would have left it.
    let items = vec![json!("x".repeat(EACH)); LIMIT / EACH + 1];
    let (pool, id) = (stage.store.pool(), stage.step(run, "each").await.id);
    assert!(lease::spread(pool, claimed.lease, id, &items).await.unwrap().is_applied());
    assert!(lease::hand_back(&stage.store, claimed.lease).await.unwrap().is_applied());
    let (claimed, sent) = stage.claim(&crew, run, stage.row(run).await.fence).await;
    let over = worker::drive::drive(std::sync::Arc::clone(&crew.cx), claimed, sent).await;
    assert_eq!(over, Over::Finished(RunStatus::Failed));
    let said = stage.row(run).await.error_message.unwrap_or_default();
    assert!(said.contains("bytes together"), "{said}");
    let statuses = stage.statuses(run).await;
    assert_eq!((statuses["each.0"], statuses["after"]), (Skipped, Skipped));
    assert_eq!(statuses["tidy"], Skipped, "nothing had begun, so there is nothing to clean up");
}

#[tokio::test]
async fn a_run_gives_back_no_more_than_others_can_hold() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let gives = |number: usize| {
        scripted(&format!("s{number}"), &[], json!({"outputs": {format!("text{number}"): "x".repeat(EACH)}}))
    };
    let run = stage.run(&plan((0..18).map(gives).collect()), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
    let row = stage.row(run).await;
    assert!(row.error_message.unwrap_or_default().contains("the run's outputs have more than 1048576 bytes"));
    assert_eq!(row.outputs, Value::Object(serde_json::Map::new()));
}

/// Bytes of what the steps of a run gave back.
async fn kept(stage: &Stage, run: RunId) -> usize {
    let steps = step::list(stage.store.pool(), run).await.unwrap();
    steps.iter().map(|step| step.outputs.to_string().len()).filter(|bytes| *bytes > 2).sum()
}
