//! What a worker makes of a run: order, retries, outputs, files.

mod stops;

use serde_json::json;
use shared::{
    domain::{
        run::{RunStatus, error_code},
        step::StepStatus,
    },
    store::log,
};
use worker::{
    drive::Over,
    engine::{Engine as _, scripted::Scripted},
};

use crate::stage::{Stage, plan, scripted};

#[tokio::test]
async fn steps_run_in_the_order_of_their_dependencies() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let run = stage
        .run(
            &plan(vec![
                scripted("c", &["b"], json!({"lines": ["third"]})),
                scripted("a", &[], json!({"lines": ["first"]})),
                scripted("b", &["a"], json!({"lines": ["second"]})),
            ]),
            json!({}),
        )
        .await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Completed));
    assert_eq!(stage.printed(run).await, ["first", "second", "third"]);
    assert_eq!(stage.status(run).await, RunStatus::Completed);
    assert_nothing_left(&stage.engine).await;
}

#[tokio::test]
async fn steps_that_need_nothing_of_each_other_run_at_once() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    // Each hangs until the run is cancelled: only if both begin do both have a running attempt.
    let run = stage
        .run(
            &plan(vec![scripted("a", &[], json!({"hang": true})), scripted("b", &[], json!({"hang": true}))]),
            json!({}),
        )
        .await;
    let (_, driving) = stage.driving(&crew, run).await;
    stage.until_running(run, "a").await;
    stage.until_running(run, "b").await;
    stage.cancel(run).await;
    assert_eq!(driving.await.unwrap(), Over::Finished(RunStatus::Cancelled));
}

#[tokio::test]
async fn outputs_travel_from_step_to_step_and_out_of_the_run() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let mut plan = plan(vec![
        scripted("make", &[], json!({"outputs": {"port": 5432, "on": false, "name": "{{ .parameters.name }}"}})),
        scripted(
            "tell-it",
            &["make"],
            json!({"lines": ["OUTPUT_url={{ .steps.make.output.name }}:{{ .steps.make.output.port }}"]}),
        ),
        scripted("json", &["tell-it"], json!({"lines": ["{\"last\": [1, 2]}"]})),
    ]);
    plan.outputs.insert(
        "url".into(),
        serde_json::from_value(json!({"value": "{{ index .steps \"tell-it\" \"output\" \"url\" }}"})).unwrap(),
    );
    plan.outputs.insert(
        "on".into(),
        serde_json::from_value(json!({"value": "{{ .steps.make.output.on }}", "sensitive": true})).unwrap(),
    );
    plan.outputs
        .insert("list".into(), serde_json::from_value(json!({"value": "{{ .steps.json.output.last }}"})).unwrap());
    let run = stage.run(&plan, json!({"name": "db"})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Completed), "{:?}", stage.row(run).await);
    let outputs = stage.row(run).await.outputs;
    assert_eq!(outputs, json!({"url": "db:5432", "on": false, "list": [1, 2]}));
}

#[tokio::test]
async fn a_workflow_that_declares_no_outputs_gives_those_of_its_steps() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let steps = vec![
        scripted("a", &[], json!({"outputs": {"x": 1}})),
        scripted("b", &["a"], json!({"lines": ["::set-output name=y::2"]})),
    ];
    let run = stage.run(&plan(steps), json!({})).await;
    stage.drive(&crew, run).await;
    assert_eq!(stage.row(run).await.outputs, json!({"x": 1, "y": "2"}));
}

#[tokio::test]
async fn a_step_is_tried_again_while_it_has_attempts_and_its_exit_code_is_worth_it() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let mut step = scripted("a", &[], json!({"fail_times": 2, "exit_code": 75}));
    step.retry.attempts = 3;
    step.retry.backoff_s = 0.01;
    step.retry.exit_codes = vec![75];
    let run = stage.run(&plan(vec![step.clone()]), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Completed));
    let row = stage.step(run, "a").await;
    assert_eq!((row.attempts, row.tries), (3, 3));

    step.retry.exit_codes = vec![1];
    let run = stage.run(&plan(vec![step]), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
    assert_eq!(stage.step(run, "a").await.tries, 1);
}

#[tokio::test]
async fn no_try_is_forgotten_that_becomes_due_while_the_worker_decides_what_it_waits_for() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let mut step = scripted("a", &[], json!({"fail_times": 300}));
    step.retry.attempts = 301;
    // About as long as the worker takes to come to its next wait.
    (step.retry.backoff_s, step.retry.max_backoff_s) = (0.0003, 0.0003);
    let run = stage.run(&plan(vec![step]), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Completed));
    assert_eq!(stage.step(run, "a").await.attempts, 301);
}

#[tokio::test]
async fn a_failed_step_fails_the_run_with_its_last_words_and_skips_what_needs_it() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let steps = vec![
        scripted("a", &[], json!({"lines": ["disk is full"], "exit_code": 3})),
        scripted("b", &["a"], json!({"lines": ["never"]})),
    ];
    let run = stage.run(&plan(steps), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
    let row = stage.row(run).await;
    assert_eq!(row.error_code.as_deref(), Some(error_code::STEP_FAILED));
    assert_eq!(row.error_message.as_deref(), Some("step a failed: exit code 3: disk is full"));
    assert_eq!(stage.step(run, "b").await.status, StepStatus::Skipped);
}

#[tokio::test]
async fn what_the_engine_takes_away_is_no_attempt_of_the_step() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let run = stage.run(&plan(vec![scripted("a", &[], json!({"vanish_times": 2}))]), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Completed));
    let row = stage.step(run, "a").await;
    assert_eq!((row.attempts, row.tries), (1, 3));
}

#[tokio::test]
async fn a_run_goes_to_another_worker_when_the_engine_keeps_failing() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let run = stage.run(&plan(vec![scripted("a", &[], json!({"vanish_times": 1000}))]), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::HandedBack);
    assert_eq!(stage.status(run).await, RunStatus::Queued);
    assert_eq!(stage.step(run, "a").await.attempts, 0);
}

#[tokio::test]
async fn an_image_that_is_not_there_fails_the_step_by_name() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let mut step = scripted("a", &[], json!({}));
    step.step_type.image = "missing".into();
    let run = stage.run(&plan(vec![step]), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
    assert!(stage.row(run).await.error_message.unwrap().contains("image missing"));
}

#[tokio::test]
async fn a_configuration_that_does_not_fit_the_step_type_is_never_run() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let mut step = scripted("a", &[], json!({}));
    step.config.clear();
    step.retry.attempts = 5;
    let run = stage.run(&plan(vec![step]), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
    let row = stage.row(run).await;
    assert_eq!(row.error_code.as_deref(), Some(error_code::INVALID_PLAN), "{row:?}");
    assert!(row.error_message.unwrap().contains("script"));
    assert_eq!(stage.step(run, "a").await.tries, 1);
}

#[tokio::test]
async fn a_step_tried_again_begins_from_the_last_checkpoint() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let mut second =
        scripted("b", &["a"], json!({"print": ["from-a", "dirt"], "write": {"dirt": "left"}, "fail_times": 1}));
    second.retry.attempts = 2;
    second.retry.backoff_s = 0.01;
    let steps = vec![
        scripted("a", &[], json!({"write": {"from-a": "1"}})),
        second,
        scripted("c", &["b"], json!({"print": ["dirt"]})),
    ];
    let run = stage.run(&plan(steps), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Completed));
    assert_eq!(stage.printed(run).await, ["from-a: 1", "dirt: missing", "from-a: 1", "dirt: missing", "dirt: left"]);
}

#[tokio::test]
async fn parallel_steps_have_files_of_their_own_and_later_steps_find_them_by_name() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let steps = vec![
        scripted("seed", &[], json!({"write": {"base": "b"}})),
        scripted("left", &["seed"], json!({"print": ["base"], "write": {"mine": "l"}})),
        scripted("right", &["seed"], json!({"print": ["base"], "write": {"mine": "r"}})),
        scripted("join", &["left", "right"], json!({"print": ["base", "mine", "steps/left/mine", "steps/right/mine"]})),
    ];
    let run = stage.run(&plan(steps), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Completed));
    let mut printed = stage.printed(run).await;
    assert_eq!(printed.split_off(2), ["base: b", "mine: missing", "steps/left/mine: l", "steps/right/mine: r"]);
}

#[tokio::test]
async fn the_log_is_numbered_without_holes_sealed_and_bounded() {
    let mut stage = Stage::new().await;
    stage.config.worker.max_log_bytes = 2_000;
    let crew = stage.crew().await;
    let lines: Vec<String> = (0..1_000).map(|n| format!("line {n}")).collect();
    let steps = vec![scripted("a", &[], json!({"lines": lines})), scripted("b", &["a"], json!({"lines": ["end"]}))];
    let run = stage.run(&plan(steps), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Completed));
    let log = stage.log(run).await;
    assert!(log.iter().zip(1..).all(|(line, number)| line.cursor == number));
    let first: Vec<_> = log.iter().filter(|line| line.step == "a").collect();
    assert!(first.iter().zip(1..).all(|(line, number)| line.seq == number));
    assert_eq!(first[0].text, "line 0");
    assert_eq!(first.last().unwrap().stream, log::LogStream::Gap);
    let seals = log::seals(stage.store.pool(), run).await.unwrap();
    assert_eq!(seals[0].lines, i64::try_from(first.len()).unwrap());
    assert_eq!(seals[0].lines - 1 + seals[0].gaps, 1_000);
}

#[tokio::test]
async fn sensitive_outputs_do_not_show_in_the_log_of_later_steps() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let mut first = scripted("a", &[], json!({"outputs": {"password": "hunter2000"}}));
    first.sensitive = vec!["password".into()];
    let second = scripted("b", &["a"], json!({"lines": ["it is {{ .steps.a.output.password }}"], "exit_code": 1}));
    let run = stage.run(&plan(vec![first, second]), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
    assert_eq!(stage.printed(run).await, ["it is ***"]);
    assert!(!stage.row(run).await.error_message.unwrap().contains("hunter"));
}

#[tokio::test]
async fn an_address_that_the_instance_does_not_allow_fails_the_step_and_names_the_setting() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let mut step = scripted("a", &[], json!({}));
    step.step_type.privileges.network = shared::domain::plan::NetworkMode::Egress;
    step.egress = vec!["10.0.0.1:22".into()];
    let run = stage.run(&plan(vec![step]), json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
    let row = stage.row(run).await;
    assert_eq!(row.error_code.as_deref(), Some(error_code::INVALID_PLAN));
    assert!(row.error_message.unwrap().contains("sandbox.egress"));
}

async fn assert_nothing_left(engine: &Scripted) {
    assert!(engine.list("slipway").await.unwrap().is_empty(), "containers are left");
    assert_eq!(engine.leftovers("slipway").await.unwrap(), Vec::new(), "volumes are left");
}
