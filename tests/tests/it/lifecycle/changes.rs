//! What becomes of resources when another spec is submitted.

use anyhow::Context as _;
use serde_json::json;
use tests::{
    score::Score,
    stack::{Options, Stack},
};

use super::{MINUTE, never_two_at_once, order_of, resource, runs, settled, submit, torn_down, value};

#[tokio::test]
async fn a_changed_param_is_an_update_and_an_output_that_changes_updates_what_names_it() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let spec = |base: &str| {
        Score::new("chain")
            .resource("base", "scripted", &value(base))
            .resource("middle", "scripted", &value("${resources.base.value}-m"))
            .resource("top", "scripted", &value("${resources.middle.value}-t"))
            .resource("aside", "scripted", &value("${resources.base.made_by}"))
    };
    submit(&stack, &spec("a")).await?;
    settled(&stack, "chain").await?;
    assert_eq!(resource(&stack, "chain", "top").await?["outputs"]["value"], "a-m-t");

    submit(&stack, &spec("b")).await?;
    settled(&stack, "chain").await?;
    assert_eq!(resource(&stack, "chain", "top").await?["outputs"]["value"], "b-m-t");
    for (name, updates) in [("base", 1), ("middle", 1), ("top", 1), ("aside", 0)] {
        assert_eq!((runs(&stack, name, "create").await?, runs(&stack, name, "update").await?), (1, updates), "{name}");
    }
    // What the update did not give back is still there.
    assert_eq!(resource(&stack, "chain", "base").await?["outputs"]["made_by"], "create-scripted");
    stack.finish().await
}

#[tokio::test]
async fn submissions_during_a_run_come_down_to_one_update_to_the_last() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let spec = |value: &str| {
        Score::new("quick").resource("it", "scripted", &json!({"value": value, "script": "{\"sleep_ms\": 3000}"}))
    };
    submit(&stack, &spec("1")).await?;
    stack.resource_becomes("quick", "it", "provisioning").await?;
    submit(&stack, &spec("2")).await?;
    submit(&stack, &spec("3")).await?;
    submit(&stack, &spec("4")).await?;
    let application = settled(&stack, "quick").await?;
    assert_eq!(application["generation"], 4);
    assert_eq!(resource(&stack, "quick", "it").await?["outputs"]["value"], "4");
    assert_eq!((runs(&stack, "it", "create").await?, runs(&stack, "it", "update").await?), (1, 1));
    never_two_at_once(&stack).await?;
    stack.finish().await
}

#[tokio::test]
async fn what_is_dropped_from_a_spec_goes_after_what_rested_on_it_was_changed_over() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let first = Score::new("drop")
        .resource("old", "scripted", &value("o"))
        .resource("gone", "scripted", &value("${resources.old.value}"))
        .resource("kept", "scripted", &value("${resources.old.value}"));
    submit(&stack, &first).await?;
    settled(&stack, "drop").await?;
    let second =
        Score::new("drop").resource("kept", "scripted", &json!({"value": "alone", "change": "{\"sleep_ms\": 1500}"}));
    submit(&stack, &second).await?;
    let ended = order_of(&stack, "resource.terminated").await?;
    assert!(!ended.contains(&"old".to_owned()), "it went while another rested on it");
    stack
        .until("only what is kept is left", MINUTE, async || {
            Ok((stack.client.resources("drop").await?.len() == 1).then_some(()))
        })
        .await?;
    assert_eq!(order_of(&stack, "resource.terminated").await?, ["gone", "old"]);
    let changed: bool = sqlx::query_scalar(
        "SELECT (SELECT max(e.at) FROM event e JOIN resource r ON r.id = e.resource_id WHERE r.name = 'kept' AND e.type = 'resource.active')
              < (SELECT min(run.started_at) FROM run JOIN resource r ON r.id = run.resource_id WHERE r.name = 'old' AND run.operation = 'delete')",
    )
    .fetch_one(&stack.pool)
    .await?;
    assert!(changed, "it was removed before what rested on it was changed over");
    stack.finish().await
}

#[tokio::test]
async fn a_provider_that_cannot_update_fails_the_resource_which_is_still_as_it_was() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let spec = |base: &str| {
        Score::new("stone").resource("it", "unchangeable", &value(base)).resource(
            "user",
            "scripted",
            &value("${resources.it.value}"),
        )
    };
    submit(&stack, &spec("a")).await?;
    settled(&stack, "stone").await?;
    submit(&stack, &spec("b")).await?;
    let failed = stack.resource_becomes("stone", "it", "failed").await?;
    assert_eq!(failed["error_code"], "NoWorkflow");
    let message = failed["error_message"].as_str().context("no message")?;
    assert!(message.contains("no workflow to update") && message.contains("/value"), "{message}");
    assert_eq!(failed["outputs"]["value"], "a");
    assert_eq!(stack.client.get("/api/specs/stone").await?["status"], "failed");

    // As it was submitted first, it is as it should be: nothing is run for that.
    submit(&stack, &spec("a")).await?;
    settled(&stack, "stone").await?;
    assert_eq!(stack.count("SELECT count(*) FROM run").await?, 2);
    stack.finish().await
}

#[tokio::test]
async fn a_failed_update_keeps_its_dependants_waiting_until_it_is_mended() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let spec = |base: &str, change: &str, user: &str| {
        Score::new("mend").resource("base", "scripted", &json!({"value": base, "change": change})).resource(
            "user",
            "scripted",
            &value(&format!("{user}-${{resources.base.value}}")),
        )
    };
    submit(&stack, &spec("a", "{}", "1")).await?;
    settled(&stack, "mend").await?;
    submit(&stack, &spec("b", "{\"exit_code\": 3}", "2")).await?;
    let failed = stack.resource_becomes("mend", "base", "failed").await?;
    assert_eq!(failed["error_code"], "StepFailed");
    let waiting = stack
        .until("its dependant says why it waits", MINUTE, async || {
            let user = resource(&stack, "mend", "user").await?;
            Ok((user["waiting_reason"] == "DependencyFailed").then_some(user))
        })
        .await?;
    assert_eq!((&waiting["reconciling"], &waiting["outputs"]["value"]), (&json!(true), &json!("1-a")));

    // The update that failed may have changed it: going back is a run of its own.
    submit(&stack, &spec("a", "{}", "2")).await?;
    settled(&stack, "mend").await?;
    assert_eq!(runs(&stack, "base", "update").await?, 2);
    assert_eq!(resource(&stack, "mend", "user").await?["outputs"]["value"], "2-a");
    stack.finish().await
}

#[tokio::test]
async fn another_type_replaces_the_first_once_it_is_gone_and_dependants_follow() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let spec = |kind: &str| {
        Score::new("swap").resource("it", kind, &json!({"value": kind, "remove": "{\"sleep_ms\": 1000}"})).resource(
            "user",
            "scripted",
            &value("${resources.it.value}"),
        )
    };
    submit(&stack, &spec("scripted")).await?;
    settled(&stack, "swap").await?;
    submit(&stack, &spec("other-scripted")).await?;
    stack
        .until("the dependant is made of the new one", MINUTE, async || {
            let user = resource(&stack, "swap", "user").await?;
            Ok((user["outputs"]["value"] == "other-scripted").then_some(()))
        })
        .await?;
    settled(&stack, "swap").await?;
    let one_by_one: bool = sqlx::query_scalar(
        "SELECT (SELECT max(finished_at) FROM run JOIN resource r ON r.id = run.resource_id WHERE r.name = 'it' AND operation = 'delete')
              <= (SELECT min(started_at) FROM run JOIN resource r ON r.id = run.resource_id
                  WHERE r.type = 'other-scripted' AND operation = 'create')",
    )
    .fetch_one(&stack.pool)
    .await?;
    assert!(one_by_one, "the new one was made beside the old one");
    stack.finish().await
}

#[tokio::test]
async fn what_is_submitted_again_during_its_deletion_is_made_anew_when_it_is_gone() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let spec = Score::new("again").resource("it", "scripted", &json!({"value": "1", "remove": "{\"sleep_ms\": 2000}"}));
    let first = submit(&stack, &spec).await?;
    settled(&stack, "again").await?;
    stack.client.send(reqwest::Method::DELETE, "/api/specs/again", &[], None).await?.ok()?;
    stack.resource_becomes("again", "it", "terminating").await?;
    let second = submit(&stack, &spec).await?;
    assert_eq!((&second["generation"], second["application"]["id"] == first["application"]["id"]), (&json!(1), false));
    let waits = stack
        .until("the new one waits for the old one", MINUTE, async || {
            let it = resource(&stack, "again", "it").await?;
            Ok((it["state"] == "provisioning").then_some(it))
        })
        .await?;
    assert_eq!(waits["waiting_reason"], "WaitingForDependency");
    settled(&stack, "again").await?;
    assert_eq!(order_of(&stack, "resource.terminated").await?, ["it"], "a tombstone is left");
    torn_down(&stack, "again").await?;
    stack.finish().await
}

#[tokio::test]
async fn a_shared_resource_goes_with_its_last_user() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let spec = |name: &str, shared: &str| {
        format!(
            "apiVersion: score.dev/v1b1\nmetadata: {{ name: {name} }}\ncontainers: {{ main: {{ image: busybox }} }}\n\
             resources:\n  own: {{ type: scripted }}\n{shared}"
        )
    };
    let shared = |value: &str| format!("  hub: {{ type: scripted, id: main, params: {{ value: {value} }} }}\n");
    for name in ["one", "two"] {
        stack.client.submit(&spec(name, &shared("a"))).await?.ok()?;
        settled(&stack, name).await?;
    }
    let refused = stack.client.submit(&spec("one", &shared("b"))).await?;
    assert_eq!(refused.status, 409);
    assert!(refused.body.to_string().contains("hub"), "{:#}", refused.body);

    let released = stack.client.submit(&spec("one", "")).await?.ok()?;
    assert_eq!(released["changes"]["release"], json!(["hub"]));
    settled(&stack, "one").await?;
    assert_eq!(resource(&stack, "two", "hub").await?["state"], "active");
    // Its only user may change it now, and its last one takes it along.
    stack.client.submit(&spec("two", &shared("b"))).await?.ok()?;
    settled(&stack, "two").await?;
    assert_eq!(resource(&stack, "two", "hub").await?["outputs"]["value"], "b");
    torn_down(&stack, "two").await?;
    assert_eq!(runs(&stack, "hub", "delete").await?, 1);
    stack.finish().await
}
