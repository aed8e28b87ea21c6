//! Which steps of a run begin, which are skipped, and how the run ends: `when`, `if`, `for_each`, `continue_on_error`, `finally`.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use shared::domain::{
    event as events,
    ids::RunId,
    plan::{PlannedStep, When},
    run::{RunStatus, error_code},
    step::StepStatus::{self, Cancelled, Completed, Failed, Skipped},
};
use worker::drive::Over;

use crate::stage::{Crew, Stage, plan, scripted};

/// A step that does nothing, or fails.
fn step(name: &str, after: &[&str], fails: bool) -> PlannedStep {
    scripted(name, after, json!({"exit_code": i64::from(fails), "outputs": {"from": name}}))
}

fn conditional(name: &str, after: &[&str], condition: &str) -> PlannedStep {
    PlannedStep { condition: Some(condition.into()), ..step(name, after, false) }
}

fn looped(name: &str, after: &[&str], over: Value, script: Value) -> PlannedStep {
    PlannedStep { for_each: Some(over), ..scripted(name, after, script) }
}

async fn scene() -> (Stage, Crew) {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    (stage, crew)
}

/// Drives a run of these steps to its end.
async fn drive(stage: &Stage, crew: &Crew, steps: Vec<PlannedStep>, inputs: Value) -> (RunId, RunStatus) {
    let run = stage.run(&plan(steps), inputs).await;
    let Over::Finished(status) = stage.drive(crew, run).await else { panic!("not over: {:?}", stage.row(run).await) };
    (run, status)
}

async fn stand(stage: &Stage, run: RunId, expected: &[(&str, StepStatus)]) {
    let expected: BTreeMap<String, StepStatus> =
        expected.iter().map(|(name, status)| ((*name).to_owned(), *status)).collect();
    assert_eq!(stage.statuses(run).await, expected, "{:?}", stage.row(run).await);
}

#[tokio::test]
async fn a_step_whose_condition_is_false_is_skipped_and_what_comes_after_it_runs() {
    let (stage, crew) = scene().await;
    let steps = vec![
        step("a", &[], false),
        conditional("b", &["a"], "parameters.size > 3 && steps.a.output.from == 'a'"),
        step("c", &["b"], false),
        conditional("d", &["c"], "steps.b.skipped && steps['c'].success"),
    ];
    let (run, status) = drive(&stage, &crew, steps, json!({"size": 3})).await;
    assert_eq!(status, RunStatus::Completed);
    stand(&stage, run, &[("a", Completed), ("b", Skipped), ("c", Completed), ("d", Completed)]).await;
    assert_eq!(stage.step(run, "b").await.error_message.as_deref(), Some("its condition is false"));
    assert_eq!(stage.step(run, "b").await.tries, 0);
    let told = shared::store::event::of_run(stage.store.pool(), run, 1_000).await.unwrap();
    let told: Vec<_> = told.iter().filter(|event| event.kind == events::STEP_SKIPPED).collect();
    assert_eq!((told.len(), told[0].step.as_deref()), (1, Some("b")));
}

#[tokio::test]
async fn a_condition_that_cannot_be_looked_at_fails_its_step_and_says_why() {
    let (stage, crew) = scene().await;
    let steps = vec![conditional("a", &[], "parameters.missing == 1")];
    let (run, status) = drive(&stage, &crew, steps, json!({})).await;
    assert_eq!(status, RunStatus::Failed);
    let row = stage.row(run).await;
    assert_eq!(row.error_code.as_deref(), Some(error_code::INVALID_PLAN));
    assert!(row.error_message.unwrap().contains("missing"));
}

#[tokio::test]
async fn a_failure_skips_what_comes_after_it_and_nothing_else() {
    let (stage, crew) = scene().await;
    let steps = vec![
        step("a", &[], true),
        step("b", &["a"], false),
        step("c", &["b"], false),
        step("beside", &[], false),
        step("after-beside", &["beside"], false),
    ];
    let (run, status) = drive(&stage, &crew, steps, json!({})).await;
    assert_eq!(status, RunStatus::Failed);
    let expected = [("a", Failed), ("b", Skipped), ("c", Skipped), ("beside", Completed), ("after-beside", Completed)];
    stand(&stage, run, &expected).await;
    assert_eq!(stage.step(run, "c").await.error_message.as_deref(), Some("step a failed"));
}

#[tokio::test]
async fn a_step_that_may_fail_neither_fails_the_run_nor_stops_it() {
    let (stage, crew) = scene().await;
    let steps = vec![
        PlannedStep { continue_on_error: true, ..step("a", &[], true) },
        conditional("b", &["a"], "steps.a.failed"),
    ];
    let (run, status) = drive(&stage, &crew, steps, json!({})).await;
    assert_eq!(status, RunStatus::Completed);
    stand(&stage, run, &[("a", Failed), ("b", Completed)]).await;
}

#[tokio::test]
async fn steps_for_failures_run_when_something_failed_and_are_skipped_when_nothing_did() {
    for fails in [true, false] {
        let (stage, crew) = scene().await;
        let steps = vec![
            step("a", &[], fails),
            PlannedStep { when: When::OnFailure, ..step("mend", &["a"], false) },
            PlannedStep { when: When::Always, ..step("tell", &["mend"], false) },
            step("last", &["tell"], false),
        ];
        let (run, status) = drive(&stage, &crew, steps, json!({})).await;
        if fails {
            assert_eq!(status, RunStatus::Failed);
            stand(&stage, run, &[("a", Failed), ("mend", Completed), ("tell", Completed), ("last", Skipped)]).await;
        } else {
            assert_eq!(status, RunStatus::Completed);
            stand(&stage, run, &[("a", Completed), ("mend", Skipped), ("tell", Completed), ("last", Completed)]).await;
        }
    }
}

#[tokio::test]
async fn what_runs_at_the_end_runs_after_a_failure_and_each_of_it_whatever_the_other_did() {
    let (stage, crew) = scene().await;
    let finally = |name: &str, after: &[&str], fails| PlannedStep { finally: true, ..step(name, after, fails) };
    let steps = vec![
        finally("tidy", &[], true),
        finally("report", &["tidy"], false),
        step("a", &[], true),
        step("b", &["a"], false),
    ];
    let (run, status) = drive(&stage, &crew, steps, json!({})).await;
    assert_eq!(status, RunStatus::Failed);
    stand(&stage, run, &[("a", Failed), ("b", Skipped), ("tidy", Failed), ("report", Completed)]).await;
    assert!(stage.row(run).await.error_message.unwrap().starts_with("step a failed"));
}

#[tokio::test]
async fn what_runs_at_the_end_runs_after_a_cancel_and_is_not_cancelled_itself() {
    let (stage, crew) = scene().await;
    let mut tidy = scripted("tidy", &[], json!({"sleep_ms": 600, "lines": ["{{ .steps.a.status }}"]}));
    tidy.finally = true;
    let steps = vec![scripted("a", &[], json!({"hang": true})), step("b", &["a"], false), tidy];
    let run = stage.run(&plan(steps), json!({})).await;
    let (_, driving) = stage.driving(&crew, run).await;
    stage.until_running(run, "a").await;
    stage.cancel(run).await;
    assert_eq!(driving.await.unwrap(), Over::Finished(RunStatus::Cancelled));
    stand(&stage, run, &[("a", Cancelled), ("b", Cancelled), ("tidy", Completed)]).await;
    assert_eq!(stage.printed(run).await, ["cancelled"]);
}

#[tokio::test]
async fn the_end_of_a_runs_time_ends_what_runs_and_then_its_clean_up_runs() {
    let (stage, crew) = scene().await;
    let tidy = PlannedStep { finally: true, ..step("tidy", &[], false) };
    let mut plan = plan(vec![scripted("a", &[], json!({"hang": true})), step("b", &["a"], false), tidy]);
    plan.timeout_s = 1;
    let run = stage.run(&plan, json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Failed));
    assert_eq!(stage.row(run).await.error_code.as_deref(), Some(error_code::TIMED_OUT));
    let after = stage.statuses(run).await;
    assert_eq!((after["a"], after["b"], after["tidy"]), (Failed, Skipped, Completed));
}

#[tokio::test]
async fn a_run_that_never_began_has_nothing_to_clean_up() {
    let (stage, crew) = scene().await;
    let tidy = PlannedStep { finally: true, ..step("tidy", &[], false) };
    let run = stage.run(&plan(vec![step("a", &[], false), tidy]), json!({})).await;
    let fence = stage.ticket(run).await;
    let (mut claimed, sent) = stage.claim(&crew, run, fence).await;
    // As when the wish to cancel came between the promotion and the claim.
    claimed.cancel = Some("no longer".into());
    let over = worker::drive::drive(std::sync::Arc::clone(&crew.cx), claimed, sent).await;
    assert_eq!(over, Over::Finished(RunStatus::Cancelled));
    stand(&stage, run, &[("a", Cancelled), ("tidy", Cancelled)]).await;
}

#[tokio::test]
async fn a_loop_runs_once_for_each_element_and_gives_their_outputs_in_order() {
    let (stage, crew) = scene().await;
    let script = json!({"lines": ["{{ .index }}:{{ .item.name }}"], "outputs": {"size": "{{ .item.size }}"}, "write": {"mine": "{{ .item.name }}"}});
    let steps = vec![
        scripted("list", &[], json!({"outputs": {"all": [{"name": "x", "size": 1}, {"name": "y", "size": 2}]}})),
        looped("each", &["list"], json!("{{ .steps.list.output.all }}"), script),
        scripted(
            "sum",
            &["each"],
            json!({"lines": ["{{ toJson .steps.each.output.items }}"], "print": ["steps/each.0/mine", "steps/each.1/mine"]}),
        ),
    ];
    let (run, status) = drive(&stage, &crew, steps, json!({})).await;
    assert_eq!(status, RunStatus::Completed);
    stand(
        &stage,
        run,
        &[("list", Completed), ("each", Completed), ("each.0", Completed), ("each.1", Completed), ("sum", Completed)],
    )
    .await;
    assert_eq!(stage.step(run, "each").await.outputs, json!({"items": [{"size": 1}, {"size": 2}]}));
    let mut printed = stage.printed(run).await;
    assert_eq!(printed.split_off(2), [r#"[{"size":1},{"size":2}]"#, "steps/each.0/mine: x", "steps/each.1/mine: y"]);
    printed.sort_unstable();
    assert_eq!(printed, ["0:x", "1:y"]);
    assert_eq!(stage.step(run, "each.1").await.idempotency_key, format!("{run}:each.1"));
}

#[tokio::test]
async fn a_loops_condition_may_speak_of_the_element_or_of_what_there_is_a_list_for() {
    let (stage, crew) = scene().await;
    let by_element = PlannedStep {
        condition: Some("item > 1".into()),
        ..looped("some", &[], json!([1, 2, 3]), json!({"outputs": {"n": "{{ .item }}"}}))
    };
    let never = PlannedStep {
        condition: Some("parameters.wanted".into()),
        ..looped("never", &[], json!("{{ .parameters.missing }}"), json!({}))
    };
    let (run, status) = drive(&stage, &crew, vec![by_element, never], json!({"wanted": false})).await;
    assert_eq!(status, RunStatus::Completed);
    let expected =
        [("some", Completed), ("some.0", Skipped), ("some.1", Completed), ("some.2", Completed), ("never", Skipped)];
    stand(&stage, run, &expected).await;
    assert_eq!(stage.step(run, "some").await.outputs, json!({"items": [{}, {"n": 2}, {"n": 3}]}));
}

#[tokio::test]
async fn a_loop_fails_with_an_element_that_fails_once_all_are_over_unless_it_may_fail() {
    for may_fail in [false, true] {
        let (stage, crew) = scene().await;
        let each = PlannedStep {
            continue_on_error: may_fail,
            ..looped("each", &[], json!([0, 7, 0]), json!({"exit_code": "{{ .item }}"}))
        };
        let (run, status) = drive(&stage, &crew, vec![each, step("next", &["each"], false)], json!({})).await;
        let after = stage.statuses(run).await;
        assert_eq!((after["each.0"], after["each.1"], after["each.2"]), (Completed, Failed, Completed));
        if may_fail {
            assert_eq!((status, after["each"], after["next"]), (RunStatus::Completed, Completed, Completed));
        } else {
            assert_eq!((status, after["each"], after["next"]), (RunStatus::Failed, Failed, Skipped));
            let why = stage.row(run).await.error_message.unwrap();
            assert_eq!(why, "step each failed: 1 of 3 elements failed; number 1: exit code 7");
        }
    }
}

#[tokio::test]
async fn a_loop_over_nothing_completes_and_one_over_what_is_no_list_fails() {
    let (stage, crew) = scene().await;
    let (run, status) = drive(&stage, &crew, vec![looped("each", &[], json!([]), json!({}))], json!({})).await;
    assert_eq!(status, RunStatus::Completed);
    assert_eq!(stage.step(run, "each").await.outputs, json!({"items": []}));
    let over_text = vec![looped("each", &[], json!("{{ .parameters.names }}"), json!({}))];
    let (run, status) = drive(&stage, &crew, over_text, json!({"names": "a, b"})).await;
    assert_eq!(status, RunStatus::Failed);
    assert!(stage.row(run).await.error_message.unwrap().contains("for_each gives a text, not a list"));
}

#[tokio::test]
async fn what_a_step_makes_of_its_outputs_and_sets_for_others_keeps_its_type() {
    let (stage, crew) = scene().await;
    let mut make = scripted("make", &[], json!({"outputs": {"host": "db", "port": 5432, "password": "hunter2000"}}));
    make.sensitive = vec!["password".into()];
    make.outputs.insert("url".into(), json!("pg://{{ .output.host }}:{{ .output.port }}"));
    make.outputs.insert("dsn".into(), json!("{{ .output.password }}@{{ .output.host }}"));
    make.set_variables.insert("port".into(), json!("{{ .output.port }}"));
    let mut again = step("again", &["make"], false);
    again.set_variables.insert("tier".into(), json!("gold"));
    let steps = vec![
        make,
        again,
        scripted(
            "use",
            &["again"],
            json!({"outputs": {"port": "{{ .variables.port }}", "tier": "{{ .variables.tier }}"}}),
        ),
        conditional(
            "check",
            &["use"],
            "variables.port == 5432 && variables.tier == 'gold' && run.operation == 'execute'",
        ),
    ];
    let mut plan = plan(steps);
    plan.variables.insert("tier".into(), json!("{{ .parameters.tier }}"));
    let run = stage.run(&plan, json!({"tier": "tin"})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Completed), "{:?}", stage.row(run).await);
    assert_eq!(stage.step(run, "use").await.outputs, json!({"port": 5432, "tier": "gold"}));
    assert_eq!(stage.step(run, "check").await.status, Completed);
    let made = stage.step(run, "make").await;
    assert_eq!((&made.outputs["url"], &made.variables), (&json!("pg://db:5432"), &json!({"port": 5432})));
    assert!(made.sensitive_outputs.contains(&"dsn".to_owned()), "what holds a secret is one");
}

#[tokio::test]
async fn an_output_file_is_read_below_the_workspace_and_nowhere_else() {
    let (stage, crew) = scene().await;
    let mut reads = scripted("a", &[], json!({"write": {"out/it.json": "{\"n\": 1}"}}));
    reads.output_file = Some("/workspace/out/it.json".into());
    let (run, _) = drive(&stage, &crew, vec![reads.clone()], json!({})).await;
    assert_eq!(stage.step(run, "a").await.outputs, json!({"n": 1}));
    for outside in ["../etc/passwd", "/etc/passwd", "out/../../x"] {
        reads.output_file = Some(outside.into());
        let (run, status) = drive(&stage, &crew, vec![reads.clone()], json!({})).await;
        assert_eq!(status, RunStatus::Failed);
        assert!(stage.row(run).await.error_message.unwrap().contains("not below the workspace"));
    }
}

#[tokio::test]
async fn no_more_steps_run_at_once_than_the_plan_allows() {
    let (stage, crew) = scene().await;
    let steps: Vec<PlannedStep> = (0..6).map(|n| scripted(&format!("s{n}"), &[], json!({"sleep_ms": 80}))).collect();
    let mut plan = plan(steps);
    plan.max_parallel = 2;
    let run = stage.run(&plan, json!({})).await;
    let (_, driving) = stage.driving(&crew, run).await;
    let mut most = 0;
    while !driving.is_finished() {
        let running = stage.statuses(run).await.values().filter(|status| **status == StepStatus::Running).count();
        most = most.max(running);
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    assert_eq!(driving.await.unwrap(), Over::Finished(RunStatus::Completed));
    assert_eq!(most, 2);
}

#[tokio::test]
async fn two_hundred_steps_in_a_diamond_finish() {
    let (stage, crew) = scene().await;
    let middle: Vec<String> = (0..198).map(|n| format!("m{n}")).collect();
    let names: Vec<&str> = middle.iter().map(String::as_str).collect();
    let mut steps = vec![step("first", &[], false)];
    steps.extend(names.iter().map(|name| step(name, &["first"], false)));
    steps.push(scripted("last", &names, json!({"lines": ["{{ len .steps }}"]})));
    let mut plan = plan(steps);
    plan.max_parallel = 16;
    let run = stage.run(&plan, json!({})).await;
    assert_eq!(stage.drive(&crew, run).await, Over::Finished(RunStatus::Completed), "{:?}", stage.row(run).await);
    assert!(stage.statuses(run).await.values().all(|status| *status == Completed));
    assert_eq!(stage.printed(run).await, ["200"]);
}
