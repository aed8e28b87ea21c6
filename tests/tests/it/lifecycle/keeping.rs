//! Ways back, protection, time to live, and the choice of workflows.

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{
    score::Score,
    stack::{Options, Stack},
};

use super::{MINUTE, resource, runs, settled, submit, submit_with, torn_down, value};

async fn put(stack: &Stack, path: &str, body: &Value) -> anyhow::Result<Value> {
    let headers = [("content-type", "application/json")];
    stack.client.send(Method::PUT, path, &headers, Some(body.to_string())).await?.ok()
}

#[tokio::test]
async fn a_rollback_makes_everything_as_it_was_by_a_new_generation() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let first = Score::new("back").resource("aa", "scripted", &value("1")).resource("bb", "scripted", &value("b"));
    submit(&stack, &first).await?;
    settled(&stack, "back").await?;
    let second = Score::new("back").resource("aa", "scripted", &value("2")).resource("cc", "scripted", &value("c"));
    submit(&stack, &second).await?;
    settled(&stack, "back").await?;

    let answer = stack.client.post("/api/specs/back/rollback", &json!({"generation": 1})).await?.ok()?;
    assert_eq!(answer["generation"], 3);
    stack
        .until("cc is gone and bb is there", MINUTE, async || {
            let application = stack.client.get("/api/specs/back").await?;
            let names: Vec<&str> = application["items"]
                .as_array()
                .context("no items")?
                .iter()
                .filter_map(|it| it["name"].as_str())
                .collect();
            Ok((application["status"] == "active" && !names.contains(&"cc") && names.contains(&"bb")).then_some(()))
        })
        .await?;
    assert_eq!(resource(&stack, "back", "aa").await?["outputs"]["value"], "1");
    let history = stack.client.get("/api/specs/back/generations").await?;
    assert_eq!((&history["items"][0]["restores"], &history["items"][0]["number"]), (&json!(1), &json!(3)));
    stack.finish().await
}

#[tokio::test]
async fn an_application_is_deleted_when_its_time_is_over_unless_it_is_protected() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    for name in ["brief", "guarded"] {
        submit(&stack, &Score::new(name).resource("it", "scripted", &value("1"))).await?;
        settled(&stack, name).await?;
    }
    put(&stack, "/api/specs/guarded/protection", &json!({"protected": true})).await?;
    put(&stack, "/api/specs/brief/ttl", &json!({"ttl": "1h"})).await?;
    for name in ["brief", "guarded"] {
        put(&stack, &format!("/api/specs/{name}/ttl"), &json!({"ttl": "1s"})).await?;
    }
    stack
        .until("the first is terminated", MINUTE, async || {
            Ok((stack.client.get("/api/specs/brief").await?["state"] == "terminated").then_some(()))
        })
        .await?;
    assert_eq!(runs(&stack, "it", "delete").await?, 1);
    let kept = stack
        .until("the other says what keeps it", MINUTE, async || {
            let kept = stack.client.get("/api/specs/guarded").await?;
            Ok((!kept["expiry_blocked_at"].is_null()).then_some(kept))
        })
        .await?;
    assert_eq!(kept["state"], "active");
    // Without protection, its time is over at once.
    put(&stack, "/api/specs/guarded/protection", &json!({"protected": false})).await?;
    stack
        .until("the other is terminated too", MINUTE, async || {
            Ok((stack.client.get("/api/specs/guarded").await?["state"] == "terminated").then_some(()))
        })
        .await?;
    stack.finish().await
}

#[tokio::test]
async fn a_protected_resource_survives_specs_that_drop_it_and_deletions() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let both = Score::new("safe").resource("aa", "scripted", &value("1")).resource("bb", "scripted", &value("2"));
    let one = Score::new("safe").resource("bb", "scripted", &value("2"));
    submit(&stack, &both).await?;
    settled(&stack, "safe").await?;
    put(&stack, "/api/specs/safe/protection", &json!({"protected": true, "resource": "aa"})).await?;
    for refused in [
        stack.client.submit(&one.yaml()).await?,
        stack.client.send(Method::DELETE, "/api/specs/safe", &[], None).await?,
    ] {
        assert_eq!((refused.status.as_u16(), &refused.body["resources"]), (409, &json!(["aa"])), "{:#}", refused.body);
        assert!(
            refused.body["detail"].as_str().is_some_and(|it| it.contains("slipway app unprotect safe/aa")),
            "{:#}",
            refused.body
        );
    }
    assert_eq!(stack.count("SELECT count(*) FROM run WHERE operation = 'delete'").await?, 0);
    put(&stack, "/api/specs/safe/protection", &json!({"protected": false, "resource": "aa"})).await?;
    torn_down(&stack, "safe").await?;
    stack.finish().await
}

#[tokio::test]
async fn tags_and_a_named_workflow_choose_how_a_resource_is_made() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let spec = |name: &str| Score::new(name).resource("it", "scripted", &value("1"));
    submit(&stack, &spec("plain")).await?;
    submit_with(&stack, &spec("tagged"), "tags=fast").await?.ok()?;
    submit_with(&stack, &spec("named"), "workflow_override=it=create-quickly").await?.ok()?;
    for (name, workflow) in [("plain", "create-scripted"), ("tagged", "create-quickly"), ("named", "create-quickly")] {
        settled(&stack, name).await?;
        assert_eq!(resource(&stack, name, "it").await?["outputs"]["made_by"], workflow, "{name}");
    }
    submit_with(&stack, &spec("wrong"), "workflow_override=it=create-quikly").await?.ok()?;
    let failed = stack.resource_becomes("wrong", "it", "failed").await?;
    let message = failed["error_message"].as_str().context("no message")?;
    assert!(message.contains("did you mean 'create-quickly'") && message.contains("create-scripted"), "{message}");
    // Named rightly, it is tried again at once.
    submit_with(&stack, &spec("wrong"), "workflow_override=it=create-quickly").await?.ok()?;
    settled(&stack, "wrong").await?;
    // The workflow that made it is none to remove it by: that goes by the type.
    torn_down(&stack, "named").await?;
    stack.finish().await
}

#[tokio::test]
async fn a_dry_run_names_providers_workflows_and_what_cannot_be_done() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let first = Score::new("dry")
        .resource("aa", "scripted", &value("1"))
        .resource("bb", "scripted", &value("${resources.aa.value}"))
        .resource("hard", "unchangeable", &value("1"))
        .resource("old", "scripted", &value("1"));
    submit(&stack, &first).await?;
    settled(&stack, "dry").await?;
    let next = Score::new("dry")
        .resource("aa", "scripted", &value("2"))
        .resource("bb", "scripted", &value("${resources.aa.value}"))
        .resource("hard", "unchangeable", &value("2"))
        .resource("new", "scripted", &value("1"));
    let before = stack.count("SELECT count(*) FROM event").await?;
    let answer = submit_with(&stack, &next, "dry_run=true").await?.ok()?;
    let told: Vec<String> = answer["changes"]
        .as_array()
        .context("no changes")?
        .iter()
        .map(|it| {
            format!(
                "{} {} {} {}",
                it["action"].as_str().unwrap_or_default(),
                it["name"].as_str().unwrap_or_default(),
                it["workflow"].as_str().unwrap_or("-"),
                it["problem"].is_null()
            )
        })
        .collect();
    let expected = [
        "delete old delete-scripted true",
        "update aa update-scripted true",
        "update hard - false",
        "create new create-scripted true",
        "compare bb update-scripted true",
    ];
    assert_eq!(told, expected);
    assert_eq!((&answer["problems"], &answer["changes"][1]["params"][0]["before"]), (&json!(1), &json!("1")));
    assert_eq!(stack.count("SELECT count(*) FROM event").await?, before, "a dry run left something");
    stack.finish().await
}
