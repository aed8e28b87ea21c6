//! Services in real containers: who reaches them, what they may do, and that nothing is left of them.

use std::sync::Arc;

use docker::docker;
use serde_json::json;
use shared::{
    config::{ProviderSettings, SecretSource},
    domain::{
        ids::RunId,
        plan::{Plan, PlannedStep},
        run::RunStatus,
        service::{Check, Readiness, Service},
    },
};
use worker::{
    drive::Over,
    engine::{Engine as _, docker::DockerEngine},
};

use crate::stage::{Crew, Stage, plan};

use crate::engine_docker::stage as docker;

/// A step that runs a shell script beside `db`.
fn step(name: &str, script: &str) -> PlannedStep {
    let step = json!({
        "name": name,
        "step_type": {
            "name": "shell", "version": "1.0.0", "image": docker::IMAGE, "grace_s": 2,
            "command": ["/bin/sh", "-c", "{{ .config.script }}"],
        },
        "config": {"script": script},
        "services": ["db"],
    });
    serde_json::from_value(step).unwrap()
}

/// A service that runs a shell script.
fn service(script: &str, check: Option<Check>) -> Service {
    Service {
        name: "db".into(),
        image: docker::IMAGE.into(),
        command: vec!["/bin/sh".into(), "-c".into(), script.into()],
        memory_mib: 64,
        ready: check.map(|check| Readiness { check, interval_s: 0.2, timeout_s: 20 }),
        ..Service::default()
    }
}

/// Answers every connection with a line.
const SERVER: &str = "echo begins; while :; do echo answered | nc -l -p 5432; done";

fn with(service: Service, steps: Vec<PlannedStep>) -> Plan {
    Plan { services: vec![service], ..plan(steps) }
}

async fn scene() -> (Stage, Crew<DockerEngine>) {
    docker::image().await;
    let mut stage = Stage::new().await;
    stage.config.instance.0 = format!("test-{}", &RunId::new().0.simple().to_string()[20..]);
    stage.config.sandbox.internal_network = true;
    stage.config.sandbox.images.push("slipway-test-busybox".into());
    let secrets = [("token".to_owned(), SecretSource::File(stage.folder().join("token")))];
    std::fs::write(stage.folder().join("token"), "s3cret-value\n").unwrap();
    let settings = ProviderSettings { secrets: secrets.into(), ..ProviderSettings::default() };
    stage.config.providers.insert("p".into(), settings);
    let engine = Arc::new(DockerEngine::connect(docker::SOCKET).await.unwrap());
    let crew = stage.crew_on(stage.config.clone(), engine, "docker-1").await;
    (stage, crew)
}

async fn assert_nothing_left(crew: &Crew<DockerEngine>) {
    let instance = &crew.cx.config.instance.0;
    assert!(crew.cx.engine.list(instance).await.unwrap().is_empty(), "containers are left");
    assert!(crew.cx.engine.leftovers(instance).await.unwrap().is_empty(), "volumes or networks are left");
}

/// The container of the service of this installation that is up.
async fn container(crew: &Crew<DockerEngine>) -> String {
    let instance = format!("label=dev.slipway.instance={}", crew.cx.config.instance.0);
    loop {
        let found = docker(&["ps", "-q", "--filter", &instance, "--filter", "label=dev.slipway.role=service"]).await;
        if let Some(found) = found.lines().next() {
            return found.to_owned();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_step_reaches_its_service_by_its_name_and_another_run_does_not() {
    let (stage, crew) = scene().await;
    let holds = "nc -w 5 db 5432 < /dev/null; touch /workspace/reached; sleep 60";
    let run = stage.run(&with(service(SERVER, Some(Check::Tcp(5432))), vec![step("a", holds)]), json!({})).await;
    let (_, driving) = stage.driving(&crew, run).await;
    while !stage.printed(run).await.contains(&"answered".to_owned()) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let address = docker(&["inspect", "-f", format, &container(&crew).await]).await;
    assert!(!address.is_empty());

    // Another run with a service of its own: the name is its own, and the other's address is nowhere.
    let other_service = service("while :; do echo own | nc -l -p 5432; done", Some(Check::Tcp(5432)));
    let tries = format!("nc -w 5 db 5432 < /dev/null; nc -w 2 {address} 5432 < /dev/null && echo reached; true");
    let other = stage.run(&with(other_service, vec![step("a", &tries)]), json!({})).await;
    assert_eq!(stage.drive(&crew, other).await, Over::Finished(RunStatus::Completed), "{:?}", stage.row(other).await);
    assert_eq!(stage.printed(other).await, ["own"]);

    stage.cancel(run).await;
    assert_eq!(driving.await.unwrap(), Over::Finished(RunStatus::Cancelled));
    assert_nothing_left(&crew).await;
}

#[tokio::test]
async fn a_service_is_confined_as_a_step_is_and_so_is_what_asks_it_whether_it_is_ready() {
    let (stage, crew) = scene().await;
    let look = "id -u; id -g; grep -E 'NoNewPrivs|Seccomp:|CapEff|CapBnd' /proc/self/status | tr '\\t' ' '
        for d in / /etc /workspace /data /tmp; do touch $d/x 2> /dev/null && echo \"writes $d\"; done
        df -m /data | tail -n 1 | awk '{print $2}'";
    let serve = format!("{{ {look}; cat /run/slipway/secrets/token; echo; echo \"$GIVEN\"; }} 2>&1; sleep 600");
    let asks = Check::Command(
        ["/bin/sh", "-c", &format!("{{ {look}; }} > /data/asked; test -s /data/asked")].map(Into::into).into(),
    );
    let mut db = service(&serve, Some(asks));
    db.tmpfs.insert("/data".into(), 8);
    db.secrets = vec!["token".into()];
    db.env.insert("GIVEN".into(), "to {{ .parameters.whom }}".into());
    let mut plan = with(db, vec![step("a", "sleep 60")]);
    plan.steps[0].timeout_s = 120;
    let run = stage.run(&plan, json!({"whom": "you"})).await;
    let (_, driving) = stage.driving(&crew, run).await;
    stage.until_running(run, "a").await;
    while stage.log(run).await.iter().all(|line| line.text != "to you") {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let confined = [
        "65532",
        "65532",
        "CapEff: 0000000000000000",
        "CapBnd: 0000000000000000",
        "NoNewPrivs: 1",
        "Seccomp: 2",
        "writes /data",
        "writes /tmp",
        "8",
    ];
    let lines: Vec<String> = stage.printed(run).await;
    assert_eq!(lines[..confined.len()], confined);
    assert_eq!(lines[confined.len()..], ["***", "to you"], "its secret is masked");
    let name = container(&crew).await;
    let asked = docker(&["exec", &name, "/bin/cat", "/data/asked"]).await;
    assert_eq!(asked.lines().collect::<Vec<_>>(), confined);
    let shown = docker(&["inspect", &name]).await;
    assert!(!shown.contains("s3cret") && !shown.contains("to you"), "its secrets and its environment show in inspect");
    stage.cancel(run).await;
    assert_eq!(driving.await.unwrap(), Over::Finished(RunStatus::Cancelled));
    assert_nothing_left(&crew).await;
}

#[tokio::test]
async fn a_service_that_is_not_ready_in_time_is_told_with_what_was_tried() {
    let (stage, crew) = scene().await;
    for (script, check, why) in [
        ("echo deaf; sleep 600", Check::Tcp(5432), "Connection refused (os error 111); it said last: deaf"),
        // What listens on the loopback device only, no step could reach.
        ("echo local; while :; do nc -l -s 127.0.0.1 -p 5432; done", Check::Tcp(5432), "Connection refused"),
        (
            "echo up; sleep 600",
            Check::Command(["/bin/sh", "-c", "echo not yet; exit 7"].map(Into::into).into()),
            "exit code 7: not yet; it said last: up",
        ),
        (
            "echo up; sleep 600",
            Check::Command(["/bin/sleep", "60"].map(Into::into).into()),
            "exit code 124: it took longer than 2000 ms; it said last: up",
        ),
        (
            "echo up; sleep 600",
            Check::Command(vec!["/bin/nothing".into()]),
            "exit code 127: /bin/nothing: No such file or directory (os error 2); it said last: up",
        ),
    ] {
        let mut db = service(script, Some(check));
        db.ready.as_mut().unwrap().timeout_s = 2;
        let run = stage.run(&with(db, vec![step("a", "true")]), json!({})).await;
        assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
        let said = stage.step(run, "a").await.error_message.unwrap();
        assert!(said.starts_with("service db was not ready within 2 s: ") && said.contains(why), "{said}");
        assert_nothing_left(&crew).await;
    }
}

#[tokio::test]
async fn a_service_that_ends_in_the_middle_of_a_step_fails_it_with_its_last_words() {
    let (stage, crew) = scene().await;
    for (script, why) in [
        (
            "echo up; sleep 2; echo 'out of cheese' >&2; exit 5",
            "service db ended with exit code 5; it said last: up | out of cheese",
        ),
        ("echo up; sleep 2; kill -9 $$", "service db ended with exit code 137; it said last: up"),
        (
            "echo up; sleep 2; exec tail /dev/zero",
            "service db ended with exit code 137; it ran out of memory; it said last: up",
        ),
    ] {
        let run = stage.run(&with(service(script, None), vec![step("a", "sleep 60")]), json!({})).await;
        assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
        let step = stage.step(run, "a").await;
        assert_eq!((step.error_code.as_deref(), step.error_message.as_deref()), (Some("ServiceFailed"), Some(why)));
        assert_nothing_left(&crew).await;
    }
}

#[tokio::test]
async fn a_step_that_fails_because_its_service_ended_is_told_so() {
    let (stage, crew) = scene().await;
    let serve = "nc -l -p 5432 > /dev/null; exit 4";
    let run = stage
        .run(
            &with(
                service(&format!("echo up; {serve}"), None),
                vec![step("a", "until echo x | nc -w 1 db 5432; do sleep 0.1; done; exit 1")],
            ),
            json!({}),
        )
        .await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
    let said = stage.step(run, "a").await.error_message.unwrap();
    assert_eq!(said, "service db ended with exit code 4; it said last: up");
    assert_nothing_left(&crew).await;
}

#[tokio::test]
async fn a_service_that_is_killed_from_outside_costs_its_step_no_attempt() {
    let (stage, crew) = scene().await;
    let script = "[ $SLIPWAY_ATTEMPT -gt 1 ] || sleep 600; nc -w 5 db 5432 < /dev/null";
    let run = stage.run(&with(service(SERVER, Some(Check::Tcp(5432))), vec![step("a", script)]), json!({})).await;
    let (_, driving) = stage.driving(&crew, run).await;
    let first = container(&crew).await;
    while docker(&[
        "ps",
        "-q",
        "--filter",
        &format!("label=dev.slipway.instance={}", crew.cx.config.instance.0),
        "--filter",
        "label=dev.slipway.role=step",
    ])
    .await
    .is_empty()
    {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    docker(&["kill", &first]).await;
    assert_eq!(driving.await.unwrap(), Over::Finished(RunStatus::Completed), "{:?}", stage.row(run).await);
    let step = stage.step(run, "a").await;
    assert_eq!((step.tries, step.attempts), (2, 1));
    assert_eq!(stage.printed(run).await.iter().filter(|line| *line == "answered").count(), 1);
    assert_nothing_left(&crew).await;
}

#[tokio::test]
async fn a_step_that_writes_without_end_is_ended_near_its_limit_and_the_disk_is_not_filled() {
    const LIMIT: u64 = 64 * 1024 * 1024;
    let (mut stage, crew) = scene().await;
    drop(crew);
    stage.config.worker.max_workspace_bytes = LIMIT;
    stage.config.sandbox.writable_root = true;
    let engine = Arc::new(DockerEngine::connect(docker::SOCKET).await.unwrap());
    let crew = stage.crew_on(stage.config.clone(), engine, "docker-1").await;
    let free = || async { crew.cx.engine.free_disk().await.unwrap() };
    for script in [
        // Slowly enough that the overshoot is bounded by the pace of the looks and not by the disk's.
        "mkdir d; i=0; while :; do i=$((i+1)); head -c 1048576 /dev/zero > d/$i; sleep 0.02; done",
        "n=0; while :; do n=$((n+1)); mkdir -p a/$n; cd a; seq 2000 > $n/f; done",
        "trap '' TERM; while :; do head -c 1048576 /dev/zero >> one; sleep 0.02; done",
    ] {
        let before = free().await;
        let mut step = step("a", script);
        step.services.clear();
        let run = stage.run(&plan(vec![step]), json!({})).await;
        let (_, driving) = stage.driving(&crew, run).await;
        let mut least = before;
        while !driving.is_finished() {
            least = least.min(free().await);
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(driving.await.unwrap(), Over::Finished(RunStatus::Failed));
        let step = stage.step(run, "a").await;
        assert_eq!(step.error_code.as_deref(), Some("WorkspaceFull"), "{:?}", step.error_message);
        let said = format!(
            "its workspace grew beyond {LIMIT} bytes (worker.max_workspace_bytes) while it ran, so it was ended"
        );
        assert_eq!((step.error_message.as_deref(), step.attempts), (Some(said.as_str()), 1));
        // Other tests write too; what matters is that it was not gigabytes.
        assert!(before.saturating_sub(least) < 16 * LIMIT, "{} bytes were taken", before - least);
        assert_nothing_left(&crew).await;
    }
}
