//! Services beside the steps of a run: when they are up, what becomes of a step without one, who starts them anew.

use serde_json::{Value, json};
use shared::{
    domain::{
        ids::Fence,
        plan::{Plan, PlannedStep},
        run::{RunKind, RunStatus},
        service::{Check, Readiness, Service},
        step::StepStatus,
    },
    store::log::LogStream,
};
use worker::{
    drive::Over,
    engine::{Engine as _, Role},
};

use crate::stage::{Stage, plan, scripted};

/// A stage whose instance allows services.
async fn scene() -> Stage {
    let mut stage = Stage::new().await;
    stage.config.sandbox.internal_network = true;
    stage
}

/// A service that does what `script` says.
fn service(name: &str, script: &Value, ready: Option<Readiness>) -> Service {
    Service {
        name: name.into(),
        image: "slipway/scripted:1".into(),
        command: vec![script.to_string()],
        ready,
        ..Service::default()
    }
}

fn asked(interval_s: f64, timeout_s: u32) -> Option<Readiness> {
    Some(Readiness { check: Check::Tcp(5432), interval_s, timeout_s })
}

fn using(step: PlannedStep, services: &[&str]) -> PlannedStep {
    PlannedStep { services: services.iter().map(|name| (*name).to_owned()).collect(), ..step }
}

fn with(services: Vec<Service>, steps: Vec<PlannedStep>) -> Plan {
    Plan { services, ..plan(steps) }
}

/// The names of the services that are up.
async fn up(stage: &Stage) -> Vec<String> {
    let found = stage.engine.list(&stage.config.instance.0).await.unwrap();
    found.into_iter().filter(|one| one.owner.role == Role::Service).map(|one| one.owner.step).collect()
}

#[tokio::test]
async fn a_service_is_ready_before_its_step_begins_and_goes_when_no_step_needs_it_any_more() {
    let stage = scene().await;
    let crew = stage.crew().await;
    let db = service("db", &json!({"lines": ["listening"], "hang": true, "ready_after": 3}), asked(0.1, 30));
    let steps = vec![
        scripted("before", &[], json!({"lines": ["before"]})),
        using(scripted("with", &["before"], json!({"lines": ["with"]})), &["db"]),
        scripted("after", &["with"], json!({"lines": ["after"], "sleep_ms": 60_000})),
    ];
    let run = stage.run(&with(vec![db], steps), json!({})).await;
    let (_, driving) = stage.driving(&crew, run).await;
    stage.until(run, "after", StepStatus::Running).await;
    while !up(&stage).await.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let lines = stage.log(run).await;
    let of = |step: &str| {
        let own = lines.iter().filter(|line| line.step == step);
        own.map(|line| (line.stream, line.text.as_str())).collect::<Vec<_>>()
    };
    assert_eq!(of("service:db"), [(LogStream::Stdout, "listening")]);
    assert_eq!(of("with"), [(LogStream::System, "uses service db"), (LogStream::Stdout, "with")]);
    stage.cancel(run).await;
    assert_eq!(driving.await.unwrap(), Over::Finished(RunStatus::Cancelled));
}

#[tokio::test]
async fn a_service_is_shared_by_the_steps_that_use_it_and_started_once() {
    let stage = scene().await;
    let crew = stage.crew().await;
    let db = service("db", &json!({"lines": ["started"], "hang": true}), asked(0.1, 30));
    let steps = ["a", "b", "c"].map(|name| using(scripted(name, &[], json!({"sleep_ms": 50})), &["db"]));
    let run = stage.run(&with(vec![db], steps.into()), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Completed), "{:?}", stage.row(run).await);
    assert_eq!(stage.printed(run).await, ["started"]);
    assert!(up(&stage).await.is_empty());
}

#[tokio::test]
async fn a_service_that_does_not_become_ready_fails_its_step_and_says_what_was_tried() {
    let stage = scene().await;
    let crew = stage.crew().await;
    let db = service("db", &json!({"lines": ["cannot bind"], "hang": true, "ready_after": 1000}), asked(0.2, 1));
    let run = stage.run(&with(vec![db], vec![using(scripted("a", &[], json!({})), &["db"])]), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
    let step = stage.step(run, "a").await;
    assert_eq!(step.error_code.as_deref(), Some("ServiceFailed"));
    let said = step.error_message.unwrap();
    assert!(
        said.starts_with("service db was not ready within 1 s: TCP port 5432 was tried ")
            && said.ends_with("the last time: TCP port 5432: asked in vain; it said last: cannot bind"),
        "{said}"
    );
    assert!(up(&stage).await.is_empty());
}

#[tokio::test]
async fn a_service_that_ends_fails_the_step_that_uses_it_and_the_next_try_has_a_new_one() {
    let stage = scene().await;
    let crew = stage.crew().await;
    let dies = json!({"lines": ["one", "two"], "sleep_ms": 100, "exit_code": 3});
    let mut step = using(scripted("a", &[], json!({"hang": true})), &["db"]);
    step.retry.attempts = 2;
    step.retry.backoff_s = 0.01;
    let run = stage.run(&with(vec![service("db", &dies, None)], vec![step]), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
    let step = stage.step(run, "a").await;
    assert_eq!((step.attempts, step.error_code.as_deref()), (2, Some("ServiceFailed")));
    let said = "service db ended with exit code 3; it said last: one | two";
    assert_eq!(step.error_message.as_deref(), Some(said));
    let lines = stage.log(run).await;
    let starts: Vec<_> =
        lines.iter().filter(|line| line.step == "service:db" && line.text == "one").map(|line| line.attempt).collect();
    assert_eq!(starts, [1, 2]);
    let ends = lines.iter().filter(|line| line.text == "service db ended with exit code 3").count();
    assert_eq!(ends, 2, "its own log says how it ended");
}

#[tokio::test]
async fn a_service_that_the_engine_ends_costs_its_step_no_attempt() {
    let stage = scene().await;
    let crew = stage.crew().await;
    let vanishes = service("db", &json!({"sleep_ms": 50, "vanish_times": 1}), None);
    let run = stage
        .run(&with(vec![vanishes], vec![using(scripted("a", &[], json!({"sleep_ms": 200})), &["db"])]), json!({}))
        .await;
    // Its second start lasts 50 ms, too: what then ends well by itself is an end all the same.
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
    let step = stage.step(run, "a").await;
    assert_eq!((step.tries, step.attempts), (2, 1));
    assert_eq!(step.error_message.as_deref(), Some("service db ended with exit code 0"));
}

#[tokio::test]
async fn the_next_worker_starts_the_services_of_a_run_anew() {
    let stage = scene().await;
    let first = stage.crew_that_dies().await;
    let db = service("db", &json!({"lines": ["up"], "hang": true}), asked(0.1, 30));
    let steps = vec![using(scripted("a", &[], json!({"lines": ["in"], "hang_times": 1})), &["db"])];
    let run = stage.run(&with(vec![db], steps), json!({})).await;
    let (claimed, driving) = stage.driving(&first, run).await;
    while !stage.printed(run).await.contains(&"in".to_owned()) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(up(&stage).await, ["db"]);
    // The process is gone with all its tasks; its containers are not.
    driving.abort();
    let _ = driving.await;
    drop(first);
    assert!(shared::store::lease::hand_back(&stage.store, claimed.lease).await.unwrap().is_applied());
    let second = stage.crew().await;
    let fence = Fence(claimed.lease.fence.0 + 1);
    let (claimed, sent) = stage.claim(&second, run, fence).await;
    let over = worker::drive::drive(std::sync::Arc::clone(&second.cx), claimed, sent).await;
    assert_eq!(over, Over::Finished(RunStatus::Completed), "{:?}", stage.row(run).await);
    let lines = stage.log(run).await;
    let starts: Vec<_> = lines.iter().filter(|line| line.text == "up").map(|line| line.attempt).collect();
    assert_eq!(starts, [1, 2]);
    assert!(up(&stage).await.is_empty());
}

#[tokio::test]
async fn services_are_refused_where_the_instance_does_not_allow_their_network_or_their_image() {
    for (allowed, image, why) in [
        (
            false,
            "slipway/scripted:1",
            "step a: services are reached by the network mode 'internal'; sandbox.internal_network does not allow it",
        ),
        (true, "alpine:3", "service db: image alpine:3 may not run here: sandbox.images has no pattern for alpine"),
        (true, "../x", "service db: '../x' is not the name of an image, as registry.example/path:tag"),
    ] {
        let mut stage = Stage::new().await;
        stage.config.sandbox.internal_network = allowed;
        let crew = stage.crew().await;
        let db = Service { image: image.into(), ..service("db", &json!({"hang": true}), None) };
        let run = stage.run(&with(vec![db], vec![using(scripted("a", &[], json!({})), &["db"])]), json!({})).await;
        assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
        let step = stage.step(run, "a").await;
        assert_eq!((step.error_code.as_deref(), step.error_message.as_deref()), (Some("InvalidPlan"), Some(why)));
        assert!(up(&stage).await.is_empty());
    }
}

#[tokio::test]
async fn a_preview_shows_services_and_what_stands_against_them() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let mut db = service("db", &json!({"hang": true}), asked(1.0, 60));
    db.env.insert("SIZE".into(), "{{ .parameters.size }}".into());
    db.tmpfs.insert("/data".into(), 64);
    let plan = with(vec![db], vec![using(scripted("a", &[], json!({})), &["db"])]);
    let run = stage.run_of(RunKind::Preview, &plan, json!({"size": 3})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Completed), "{:?}", stage.row(run).await);
    let shown = stage.row(run).await.outputs["plan"].clone();
    let db = &shown["services"][0];
    assert_eq!(
        (&db["name"], &db["image"], &db["env"]["SIZE"]),
        (&json!("db"), &json!("slipway/scripted:1"), &json!(3))
    );
    assert_eq!((&db["tmpfs"], &db["ready"]["check"]), (&json!({"/data": 64}), &json!({"tcp": 5432})));
    let why = "services are reached by the network mode 'internal'; sandbox.internal_network does not allow it";
    assert_eq!((&db["problems"], &shown["steps"][0]["problems"]), (&json!([why]), &json!([why])));
    assert_eq!(shown["steps"][0]["services"], json!(["db"]));
    assert!(up(&stage).await.is_empty());
}
