//! Whole runs in real containers: what a step is given, what it leaves, how it ends.

use std::sync::Arc;

use serde_json::json;
use shared::{
    config::{ProviderSettings, SecretSource},
    domain::{
        ids::RunId,
        plan::{PlannedStep, StepTypeFile},
        run::RunStatus,
        step::AttemptStatus,
    },
    store::{
        run::{self, Retry},
        run_list,
    },
};
use worker::{
    drive::Over,
    engine::{Engine as _, docker::DockerEngine},
};

use crate::stage::{Crew, Stage, plan};

use crate::engine_docker::stage as docker;

/// A step that runs a shell script in a restricted container.
fn shell(name: &str, after: &[&str], script: &str) -> PlannedStep {
    let step = json!({
        "name": name,
        "depends_on": after,
        "step_type": {
            "name": "shell", "version": "1.0.0", "image": docker::IMAGE, "grace_s": 2,
            "command": ["/bin/sh", "-c", "{{ .config.script }}"],
        },
        "config": {"script": script},
    });
    serde_json::from_value(step).unwrap()
}

/// A stage with an installation of its own on the Docker engine.
async fn scene() -> (Stage, Crew<DockerEngine>) {
    docker::image().await;
    let mut stage = Stage::new().await;
    stage.config.instance.0 = format!("test-{}", &RunId::new().0.simple().to_string()[20..]);
    let secrets = [("token".to_owned(), SecretSource::File(stage.folder().join("token")))];
    std::fs::write(stage.folder().join("token"), "s3cret-value\n").unwrap();
    stage
        .config
        .providers
        .insert("p".into(), ProviderSettings { secrets: secrets.into(), ..ProviderSettings::default() });
    let engine = Arc::new(DockerEngine::connect(docker::SOCKET).await.unwrap());
    let crew = stage.crew_on(stage.config.clone(), engine, "docker-1").await;
    (stage, crew)
}

async fn assert_nothing_left(crew: &Crew<DockerEngine>) {
    let instance = &crew.cx.config.instance.0;
    assert!(crew.cx.engine.list(instance).await.unwrap().is_empty(), "containers are left");
    assert!(crew.cx.engine.leftovers(instance).await.unwrap().is_empty(), "volumes are left");
}

#[tokio::test]
async fn a_step_is_given_what_the_contract_says() {
    let (stage, crew) = scene().await;
    let mut step = shell(
        "look",
        &[],
        r#"pwd; echo "$HOME $SLIPWAY_STEP $SLIPWAY_ATTEMPT $MINE"; [ -d "$(dirname $SLIPWAY_OUTPUT)" ] && echo out; [ -d $SLIPWAY_BUNDLE ] && echo bundle
           cat /run/slipway/files/note; echo; cat /run/slipway/secrets/token; echo; echo "$SLIPWAY_IDEMPOTENCY_KEY"
           echo '{"n": 1, "s": "x"}' > $SLIPWAY_OUTPUT; echo s > $SLIPWAY_OUTPUT.sensitive"#,
    );
    step.env.insert("MINE".into(), "{{ .parameters.mine }}".into());
    step.secrets = vec!["token".into()];
    step.step_type.files =
        vec![StepTypeFile { name: "note".into(), content: "for {{ .config.script | len }}".into(), executable: false }];
    let length = step.config["script"].as_str().unwrap().len();
    let run = stage.run(&plan(vec![step]), json!({"mine": "yours"})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Completed), "{:?}", stage.row(run).await);
    let expected =
        ["/workspace", "/tmp look 1 yours", "out", "bundle", &format!("for {length}"), "***", &format!("{run}:look")];
    assert_eq!(stage.printed(run).await, expected);
    assert_eq!(stage.row(run).await.outputs, json!({"n": 1, "s": "x"}));
    assert_eq!(stage.step(run, "look").await.sensitive_outputs, ["s"]);
    assert_nothing_left(&crew).await;
}

#[tokio::test]
async fn of_a_try_it_is_known_when_its_command_began_while_it_runs_and_says_nothing_and_at_its_end() {
    let (stage, crew) = scene().await;
    let run = stage
        .run(&plan(vec![shell("quick", &[], "echo hi"), shell("silent", &["quick"], "sleep 60")]), json!({}))
        .await;
    let (_, driving) = stage.driving(&crew, run).await;
    let silent = loop {
        let attempts = run_list::attempts(stage.store.pool(), run).await.unwrap();
        let begun = attempts.iter().find(|it| it.status == AttemptStatus::Running && it.began_at.is_some());
        // Of the second: the first may still be at it.
        if let Some(begun) = begun.filter(|_| attempts.len() == 2) {
            break begun.clone();
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    stage.cancel(run).await;
    assert_eq!(driving.await.unwrap(), Over::Finished(RunStatus::Cancelled));
    let attempts = run_list::attempts(stage.store.pool(), run).await.unwrap();
    assert_eq!(attempts.len(), 2);
    for attempt in &attempts {
        let (began, finished) = (attempt.began_at.unwrap(), attempt.finished_at.unwrap());
        assert!(attempt.started_at < began && began < finished, "{attempt:?}");
    }
    let then = attempts.iter().find(|it| it.step_id == silent.step_id).unwrap();
    assert_eq!(then.began_at, silent.began_at, "the end does not move the beginning");
    assert_nothing_left(&crew).await;
}

#[tokio::test]
async fn files_survive_from_step_to_step_and_from_worker_to_worker() {
    let (stage, crew) = scene().await;
    let steps = vec![
        shell("a", &[], "mkdir -p deep/er && echo one > deep/er/file && ln -s deep/er/file link && chmod 700 deep"),
        shell("left", &["a"], "cat link; echo l > mine"),
        shell("right", &["a"], "cat link; echo r > mine"),
        shell("b", &["left", "right"], "cat link steps/left/mine steps/right/mine; echo two >> deep/er/file; sleep 60"),
        shell("c", &["b"], "cat deep/er/file; echo done > new"),
    ];
    let run = stage.run(&plan(steps), json!({})).await;
    let (claimed, driving) = stage.driving(&crew, run).await;
    while !stage.printed(run).await.contains(&"r".to_owned()) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // The worker stops in the middle of b: what b did is not kept, what came before is.
    crew.cx.stopping.cancel();
    assert_eq!(driving.await.unwrap(), Over::HandedBack);
    assert_nothing_left(&crew).await;
    assert_eq!(&stage.printed(run).await[2..], ["one", "l", "r"]);

    let engine = Arc::clone(&crew.cx.engine);
    let next = stage.crew_on(stage.config.clone(), engine, "docker-1").await;
    let fence = shared::domain::ids::Fence(claimed.lease.fence.0 + 1);
    let (claimed, sent) = stage.claim(&next, run, fence).await;
    let driving = tokio::spawn(worker::drive::drive(Arc::clone(&next.cx), claimed, sent));
    while stage.printed(run).await.len() < 8 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(&stage.printed(run).await[5..], ["one", "l", "r"]);
    let mut tx = stage.store.begin().await.unwrap();
    run::request_cancel(&mut tx, run, "someone", "enough seen").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(driving.await.unwrap(), Over::Finished(RunStatus::Cancelled));
    assert_nothing_left(&next).await;
}

#[tokio::test]
async fn a_retry_from_a_step_finds_the_files_as_they_were_before_it() {
    let (stage, crew) = scene().await;
    let steps = |last: &str| {
        plan(vec![
            shell("a", &[], "echo a >> file"),
            shell("b", &["a"], "echo b >> file; cat file"),
            shell("c", &["b"], last),
        ])
    };
    let first = stage.run(&steps("echo c >> file; cat file; exit 1"), json!({})).await;
    let mut run = first;
    for from in [None, Some("b"), Some("a"), Some("c")] {
        if from.is_some() {
            let again = stage.retry_from(run, from).await;
            let Retry::Created { id, on_changed_files } = again else { panic!("{again:?}") };
            assert!(on_changed_files.is_empty(), "{on_changed_files:?}");
            run = id;
        }
        assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed), "{:?}", stage.row(run).await);
        let expected: &[&str] = if from == Some("c") { &["a", "b", "c"] } else { &["a", "b", "a", "b", "c"] };
        assert_eq!(stage.printed(run).await, expected, "from {from:?}");
    }

    // The files of a run that completed are removed.
    let whole = stage.run(&steps("cat file"), json!({})).await;
    assert_eq!(stage.drive(&crew, whole).await, Over::Finished(RunStatus::Completed));
    assert_eq!(stage.retry_from(whole, Some("b")).await, Retry::FilesGone);
    assert!(matches!(stage.retry_from(whole, Some("a")).await, Retry::Created { .. }), "it begins with none");
    assert_nothing_left(&crew).await;
}

#[tokio::test]
async fn a_cancelled_step_hears_of_it_before_it_is_killed() {
    let (stage, crew) = scene().await;
    let script = "trap 'echo told; exit 0' TERM; echo up; while true; do sleep 0.1; done";
    let run = stage.run(&plan(vec![shell("a", &[], script)]), json!({})).await;
    let (_, driving) = stage.driving(&crew, run).await;
    while stage.printed(run).await.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let mut tx = stage.store.begin().await.unwrap();
    run::request_cancel(&mut tx, run, "someone", "not needed").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(driving.await.unwrap(), Over::Finished(RunStatus::Cancelled));
    assert_eq!(stage.printed(run).await, ["up", "told"]);
    assert_nothing_left(&crew).await;
}

#[tokio::test]
async fn a_workspace_that_is_too_large_fails_its_step_and_names_the_setting() {
    let (mut stage, crew) = scene().await;
    drop(crew);
    stage.config.worker.max_workspace_bytes = 64 * 1024;
    let engine = Arc::new(DockerEngine::connect(docker::SOCKET).await.unwrap());
    let crew = stage.crew_on(stage.config.clone(), engine, "docker-1").await;
    let steps = vec![shell("a", &[], "head -c 200000 /dev/zero > big"), shell("b", &["a"], "true")];
    let run = stage.run(&plan(steps), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
    assert!(stage.row(run).await.error_message.unwrap().contains("worker.max_workspace_bytes"));
    assert_nothing_left(&crew).await;
}

#[tokio::test]
async fn twenty_steps_in_a_diamond_finish_in_containers() {
    let (stage, crew) = scene().await;
    let middle: Vec<String> = (0..18).map(|number| format!("m{number}")).collect();
    let names: Vec<&str> = middle.iter().map(String::as_str).collect();
    let mut steps = vec![shell("first", &[], "echo base > base")];
    steps.extend(names.iter().map(|name| shell(name, &["first"], "cat base > mine; echo '{\"n\": 1}'")));
    steps.push(shell("last", &names, "ls steps | wc -l; cat steps/*/mine | sort -u"));
    let mut plan = plan(steps);
    plan.max_parallel = 8;
    let run = stage.run(&plan, json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Completed), "{:?}", stage.row(run).await);
    let printed = stage.printed(run).await;
    assert_eq!(printed[printed.len() - 2..], ["18".to_owned(), "base".to_owned()]);
    assert_nothing_left(&crew).await;
}

#[tokio::test]
async fn an_output_file_is_not_followed_out_of_the_workspace_by_links() {
    let (stage, crew) = scene().await;
    let read = |script: &str, path: &str| {
        let mut step = shell("a", &[], script);
        step.output_file = Some(path.into());
        plan(vec![step])
    };
    let plain = read("mkdir -p out; echo n=1 > out/it", "out/it");
    let run = stage.run(&plain, json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Completed));
    assert_eq!(stage.step(run, "a").await.outputs, json!({"n": "1"}));

    let linked_file = read("ln -s /etc/passwd it", "it");
    let run = stage.run(&linked_file, json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Completed));
    assert_eq!(stage.step(run, "a").await.outputs, json!({}), "a link is no plain file");

    let linked_folder = read("ln -s /etc out", "out/passwd");
    let run = stage.run(&linked_folder, json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
    assert!(stage.row(run).await.error_message.unwrap().contains("leads over a link"));
}

#[tokio::test]
async fn a_clean_up_runs_in_a_container_after_the_run_was_cancelled() {
    let (stage, crew) = scene().await;
    let mut tidy = shell("tidy", &[], "echo tidied");
    tidy.finally = true;
    let run = stage.run(&plan(vec![shell("a", &[], "echo up; sleep 60"), tidy]), json!({})).await;
    let (_, driving) = stage.driving(&crew, run).await;
    while stage.printed(run).await.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    stage.cancel(run).await;
    assert_eq!(driving.await.unwrap(), Over::Finished(RunStatus::Cancelled));
    assert_eq!(stage.printed(run).await, ["up", "tidied"]);
    assert_nothing_left(&crew).await;
}
