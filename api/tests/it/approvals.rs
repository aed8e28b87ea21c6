//! Approvals and retries over HTTP.

use serde_json::{Map, json};
use shared::{
    domain::{
        ids::RunId,
        plan::Plan,
        step::{AttemptStatus, StepStatus},
    },
    store::{
        lease::{self, Lease, LogEnd, Question, StepOutcome, Until, Wait},
        run::{self, Finish, NewRun},
        step,
    },
};
use tests::seed;

use crate::harness::Service;

/// Has a step of a run that a worker drives wait.
async fn wait(service: &Service, lease: Lease, name: &str, kind: &str, until: Option<Until>) {
    let pool = service.database.store.pool();
    let step = step::list(pool, lease.run_id).await.unwrap().into_iter().find(|step| step.name == name).unwrap();
    let approval = (kind == "approval").then(|| Question { message: "go on?".into(), ..Question::default() });
    let wait = Wait { what: json!({ "kind": kind }), until, approval };
    assert!(lease::step_waiting(pool, lease, step.id, &wait).await.unwrap().is_applied());
}

/// Has a step of a run that a worker drives complete.
async fn complete(service: &Service, lease: Lease, name: &str) {
    let pool = service.database.store.pool();
    let step = step::list(pool, lease.run_id).await.unwrap().into_iter().find(|step| step.name == name).unwrap();
    assert!(lease::step_started(pool, lease, step.id, 1, "image").await.unwrap().is_applied());
    let outcome = StepOutcome {
        attempt: AttemptStatus::Completed,
        step: StepStatus::Completed,
        retry_in_s: None,
        exit_code: Some(0),
        oom_killed: false,
        error: None,
        outputs: Map::new(),
        sensitive: Vec::new(),
        variables: Map::new(),
        checkpoint: None,
        shared_workspace: true,
    };
    let recorded = lease::step_finished(pool, lease, step.id, 1, &outcome, &LogEnd::default()).await.unwrap();
    assert!(recorded.is_applied());
}

async fn asking(service: &Service, until: Option<Until>) -> RunId {
    let lease = service.running().await;
    wait(service, lease, "one", "approval", until).await;
    lease.run_id
}

#[tokio::test]
async fn an_open_approval_is_listed_shown_and_decided_once() {
    let service = Service::start().await;
    let run = asking(&service, None).await;
    let open = service.get("/api/approvals").await.json();
    assert_eq!((&open["items"][0]["run_id"], &open["items"][0]["message"]), (&json!(run), &json!("go on?")));
    assert_eq!((&open["items"][0]["status"], &open["items"][0]["step"]), (&json!("open"), &json!("one")));
    let shown = service.get(&format!("/api/workflows/{run}")).await.json();
    assert_eq!(
        (&shown["steps"][0]["status"], &shown["steps"][0]["wait"]["kind"]),
        (&json!("waiting"), &json!("approval"))
    );

    let at = |step: &str, verb: &str| format!("/api/workflows/{run}/steps/{step}/{verb}");
    service.post(&at("nine", "approve"), "").await.problem(404, "not-found");
    service.post(&at("two", "approve"), "").await.problem(409, "not-waiting");
    service.post(&at("one", "start"), "").await.problem(409, "not-waiting");
    service.post(&at("one", "approve"), r#"{"why": "x"}"#).await.problem(400, "bad-request");
    let answer = service.post(&at("one", "approve"), r#"{"reason": "looks good"}"#).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["status"]), (200, &json!("approved")));
    let problem = service.post(&at("one", "reject"), "").await.problem(409, "already-decided");
    assert_eq!((&problem["decision"], &problem["decided_by"]), (&json!("approved"), &json!("tester")));
    assert_eq!(service.get("/api/approvals").await.json()["items"], json!([]));
    let decided = service.get(&format!("/api/approvals?status=approved&run={run}")).await.json();
    assert_eq!(decided["items"][0]["reason"], "looks good");
    service.get("/api/approvals?status=maybe").await.problem(400, "bad-request");
}

#[tokio::test]
async fn an_answer_that_is_sent_twice_under_one_key_is_answered_twice() {
    let service = Service::start().await;
    let run = asking(&service, None).await;
    let send = || {
        let request = service.request("POST", &format!("/api/workflows/{run}/steps/one/reject"));
        service.send(request.header("idempotency-key", "k").body("".into()).unwrap())
    };
    let (first, second) = (send().await, send().await);
    assert_eq!((first.status.as_u16(), first.json()), (200, second.json()));
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_told_so_and_the_run_goes_on() {
    let service = Service::start().await;
    let run = asking(&service, Some(Until::After(-1.0))).await;
    let problem =
        service.post(&format!("/api/workflows/{run}/steps/one/approve"), "").await.problem(409, "already-decided");
    assert_eq!(problem["decision"], "expired");
    let shown = service.get(&format!("/api/workflows/{run}")).await.json();
    assert_eq!(shown["steps"][0]["error_code"], "ApprovalExpired", "{shown:#}");
}

#[tokio::test]
async fn a_step_begins_when_a_person_says_so() {
    let service = Service::start().await;
    let lease = service.running().await;
    wait(&service, lease, "one", "start", None).await;
    let at = format!("/api/workflows/{}/steps/one/start", lease.run_id);
    assert_eq!(service.post(&at, "").await.json()["status"], "started");
    service.post(&at, "").await.problem(409, "not-waiting");
    service.post(&format!("/api/workflows/{}/steps/one/approve", lease.run_id), "").await.problem(409, "not-waiting");
    let shown = service.get(&format!("/api/workflows/{}", lease.run_id)).await.json();
    assert_eq!((&shown["steps"][0]["status"], &shown["steps"][0]["wait"]["by"]), (&json!("pending"), &json!("tester")));
}

#[tokio::test]
async fn a_retry_begins_at_the_step_that_is_named() {
    let service = Service::start().await;
    let lease = service.running().await;
    complete(&service, lease, "one").await;
    let failed = Finish::failed("StepFailed", "two broke");
    assert!(lease::finish(&service.database.store, lease, &failed).await.unwrap().is_applied());
    let at = format!("/api/workflows/{}/retry", lease.run_id);
    let problem = service.post(&at, r#"{"from_step": "oen"}"#).await.problem(422, "unknown-step");
    assert!(problem["detail"].as_str().unwrap().contains("'one'"), "{problem}");
    let answer = service.post(&at, r#"{"from_step": "one"}"#).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.json()["note"], serde_json::Value::Null, "its files are as they were before it");
    let new = service.get(answer.headers["location"].to_str().unwrap()).await.json();
    assert_eq!((&new["retry_of"], &new["steps"][0]["status"]), (&json!(lease.run_id), &json!("pending")));
}

#[tokio::test]
async fn a_golden_path_runs_again_with_other_inputs_that_fit() {
    let service = Service::start().await;
    let plan: Plan = serde_json::from_value(json!({
        "steps": [],
        "parameters": [{"name": "days", "type": "number", "default": 7}, {"name": "who", "type": "string", "required": true}],
    }))
    .unwrap();
    let mut tx = service.database.store.begin().await.unwrap();
    let inputs = Map::from_iter([("days".to_owned(), json!(30)), ("who".to_owned(), json!("ada"))]);
    let new = NewRun { inputs: Some(inputs), ..seed::new_run(&plan).unwrap() };
    let id = new.id;
    run::create_all(&mut tx, &[new]).await.unwrap();
    tx.commit().await.unwrap();

    let at = format!("/api/workflows/{id}/rerun");
    service.post(&at, r#"{"inputs": {"days": "x", "whom": 1}}"#).await.problem(422, "invalid-inputs");
    let answer = service.post(&at, r#"{"inputs": {"days": null, "who": "bob"}}"#).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["rerun_of"]), (202, &json!(id)));
    let at = format!("{}?reveal=true", answer.headers["location"].to_str().unwrap());
    let new = service.get(&at).await.json();
    assert_eq!(new["inputs"], json!({"days": 7, "who": "bob"}));
    let told = |run: &serde_json::Value| {
        let history = run["history"].as_array().unwrap().clone();
        history.into_iter().filter(|it| it["type"] == "run.rerun").map(|it| it["data"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(told(&new), [json!({"rerun_of": id})]);
    let old = service.get(&format!("/api/workflows/{id}")).await.json();
    assert_eq!(told(&old), [json!({"rerun_as": new["id"]})]);
    service.post(&format!("/api/workflows/{}/rerun", RunId::new()), "").await.problem(404, "not-found");
}
