//! Steps that wait for people, time and other runs, and what becomes of the run's slot meanwhile.

use std::time::Duration;

use serde_json::{Value, json};
use shared::{
    domain::{
        approval::Decider,
        ids::RunId,
        plan::{PlannedStep, Runs, When},
        run::{RunStatus, error_code},
        step::StepStatus::{Cancelled, Completed, Failed, Pending, Skipped, Waiting},
    },
    store::{approval, waiting},
};
use worker::drive::Over;

use crate::stage::{Crew, Stage, plan, scripted};

fn waits(name: &str, after: &[&str], runs: Runs, config: Value) -> PlannedStep {
    let mut step = scripted(name, after, json!({}));
    step.config = config.as_object().cloned().unwrap();
    step.step_type.runs = runs;
    step.step_type.config_schema = Value::Null;
    step.step_type.command.clear();
    step
}

fn approval(name: &str, after: &[&str]) -> PlannedStep {
    waits(name, after, Runs::Approval, json!({"message": "May {{ .parameters.what }} go?", "timeout": "1h"}))
}

async fn scene() -> (Stage, Crew) {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    (stage, crew)
}

async fn decide(stage: &Stage, run: RunId, step: &str, yes: bool) {
    let who = Decider { name: "ada".into(), roles: vec!["admin".into()], teams: vec![] };
    let mut tx = stage.store.begin().await.unwrap();
    let decided = approval::decide(&mut tx, run, step, &who, yes, Some("because")).await.unwrap();
    assert_eq!(decided, approval::Decided::Applied);
    tx.commit().await.unwrap();
}

async fn reason(stage: &Stage, run: RunId) -> Option<String> {
    stage.row(run).await.reason.map(|reason| reason.to_string())
}

#[tokio::test]
async fn an_approval_gives_the_slot_back_and_the_run_goes_on_when_it_comes() {
    let (stage, crew) = scene().await;
    let mut asks = approval("ask", &["a"]);
    asks.set_variables.insert("by".into(), json!("{{ .output.by }}"));
    asks.outputs.insert("who".into(), json!("{{ .output.by }}!"));
    let steps = vec![
        scripted("a", &[], json!({})),
        asks,
        scripted(
            "b",
            &["ask"],
            json!({"lines": ["{{ .variables.by }} {{ .steps.ask.output.who }} {{ .steps.ask.output.approved }}"]}),
        ),
    ];
    let run = stage.run(&plan(steps), json!({"what": "it"})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Suspended);
    assert_eq!(reason(&stage, run).await.as_deref(), Some("WaitingForApproval"));
    assert_eq!(stage.step(run, "ask").await.status, Waiting);
    decide(&stage, run, "ask", true).await;
    assert_eq!(stage.status(run).await, RunStatus::Pending);
    // Another worker, which knows nothing of the first.
    drop(crew);
    let next = stage.crew().await;
    assert_eq!(stage.drive(&next, run).await, Over::Finished(RunStatus::Completed), "{:?}", stage.row(run).await);
    assert_eq!(stage.printed(run).await, ["ada ada! true"]);
}

#[tokio::test]
async fn a_no_fails_the_run_by_its_own_code_and_skips_what_comes_after() {
    let (stage, crew) = scene().await;
    let run =
        stage.run(&plan(vec![approval("ask", &[]), scripted("b", &["ask"], json!({}))]), json!({"what": "x"})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Suspended);
    decide(&stage, run, "ask", false).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
    assert_eq!(stage.row(run).await.error_code.as_deref(), Some(error_code::REJECTED));
    let after = stage.statuses(run).await;
    assert_eq!((after["ask"], after["b"]), (Failed, Skipped));
}

#[tokio::test]
async fn a_decision_that_comes_while_other_steps_run_is_seen_without_a_suspension() {
    let (stage, crew) = scene().await;
    let steps = vec![
        approval("ask", &[]),
        scripted("long", &[], json!({"sleep_ms": 4000})),
        scripted("b", &["ask"], json!({"lines": ["went on"]})),
    ];
    let run = stage.run(&plan(steps), json!({"what": "it"})).await;
    let (_, driving) = stage.driving(&crew, run).await;
    stage.until(run, "ask", Waiting).await;
    decide(&stage, run, "ask", true).await;
    stage.until(run, "b", Completed).await;
    assert!(!driving.is_finished(), "the long one still runs");
    assert_eq!(driving.await.unwrap(), Over::Finished(RunStatus::Completed));
}

#[tokio::test]
async fn a_step_that_a_person_starts_runs_only_then_and_only_if_its_condition_holds() {
    let (stage, crew) = scene().await;
    let manual = PlannedStep { when: When::Manual, ..scripted("go", &[], json!({"lines": ["ran"]})) };
    let never =
        PlannedStep { when: When::Manual, condition: Some("false".into()), ..scripted("never", &["go"], json!({})) };
    let run = stage.run(&plan(vec![manual, never]), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Suspended);
    assert_eq!(reason(&stage, run).await.as_deref(), Some("WaitingForStart"));
    assert!(stage.printed(run).await.is_empty());
    let mut tx = stage.store.begin().await.unwrap();
    assert_eq!(waiting::start(&mut tx, run, "go", "ada").await.unwrap(), waiting::Started::Started);
    tx.commit().await.unwrap();
    assert_eq!(stage.step(run, "go").await.status, Pending);
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Completed));
    assert_eq!(stage.printed(run).await, ["ran"]);
    assert_eq!(stage.step(run, "never").await.status, Skipped);
}

#[tokio::test]
async fn a_delay_ends_by_the_databases_clock() {
    let (stage, crew) = scene().await;
    let steps =
        vec![waits("pause", &[], Runs::Wait, json!({"duration": "200ms"})), scripted("b", &["pause"], json!({}))];
    let run = stage.run(&plan(steps), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Suspended);
    assert_eq!(reason(&stage, run).await.as_deref(), Some("Delayed"));
    loop {
        let mut tx = stage.store.begin().await.unwrap();
        let ended = waiting::end_due(&mut tx, 10).await.unwrap();
        tx.commit().await.unwrap();
        if ended == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Completed));
}

#[tokio::test]
async fn what_another_run_is_asked_for_is_rendered_and_recorded_with_its_types() {
    let (stage, crew) = scene().await;
    let config = json!({"workflow": "make-{{ .parameters.kind }}", "inputs": {"n": "{{ .parameters.n }}"}});
    let run = stage.run(&plan(vec![waits("child", &[], Runs::Workflow, config)]), json!({"kind": "db", "n": 3})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Suspended);
    assert_eq!(reason(&stage, run).await.as_deref(), Some("WaitingForChild"));
    let wait = stage.step(run, "child").await.wait.unwrap();
    assert_eq!(wait, json!({"kind": "child", "provider": null, "workflow": "make-db", "inputs": {"n": 3}}));
    let mut tx = stage.store.begin().await.unwrap();
    let to_start = waiting::to_start(&mut tx, 10).await.unwrap();
    assert_eq!(to_start.len(), 1, "the schedulers find it");
}

#[tokio::test]
async fn a_loop_of_approvals_asks_each_and_goes_on_with_all() {
    let (stage, crew) = scene().await;
    let asks = PlannedStep {
        for_each: Some(json!(["x", "y"])),
        ..waits("ask", &[], Runs::Approval, json!({"message": "{{ .item }}?"}))
    };
    let run = stage.run(&plan(vec![asks]), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Suspended);
    decide(&stage, run, "ask.0", true).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Suspended, "one is still open");
    decide(&stage, run, "ask.1", true).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Completed));
    assert_eq!(stage.step(run, "ask").await.outputs["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_cancel_of_a_run_that_waits_runs_what_runs_at_the_end_and_nothing_else() {
    let (stage, crew) = scene().await;
    let tidy = PlannedStep { finally: true, ..scripted("tidy", &[], json!({"lines": ["tidied"]})) };
    let steps = vec![approval("ask", &[]), scripted("b", &["ask"], json!({"lines": ["never"]})), tidy];
    let run = stage.run(&plan(steps), json!({"what": "x"})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Suspended);
    stage.cancel(run).await;
    assert_eq!(stage.status(run).await, RunStatus::Pending, "a worker is to run the rest");
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Cancelled));
    let after = stage.statuses(run).await;
    assert_eq!((after["ask"], after["b"], after["tidy"]), (Cancelled, Cancelled, Completed));
    assert_eq!(stage.printed(run).await, ["tidied"]);
}

#[tokio::test]
async fn a_clean_up_that_has_to_wait_after_a_cancel_gives_the_slot_back_too() {
    let (stage, crew) = scene().await;
    let ask = PlannedStep { finally: true, ..approval("ask", &[]) };
    let run = stage.run(&plan(vec![scripted("a", &[], json!({"hang": true})), ask]), json!({"what": "x"})).await;
    let (_, driving) = stage.driving(&crew, run).await;
    stage.until_running(run, "a").await;
    stage.cancel(run).await;
    assert_eq!(driving.await.unwrap(), Over::Suspended);
    decide(&stage, run, "ask", true).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Cancelled));
    assert_eq!(stage.step(run, "ask").await.status, Completed);
}

#[tokio::test]
async fn a_config_that_asks_for_nothing_sensible_fails_the_step() {
    let (stage, crew) = scene().await;
    let run = stage.run(&plan(vec![waits("pause", &[], Runs::Wait, json!({"duration": "soon"}))]), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
    assert_eq!(stage.row(run).await.error_code.as_deref(), Some(error_code::INVALID_PLAN));
}
