//! The whole life of resources: changed, removed, replaced, brought back, kept and let go.

mod changes;
mod databases;
mod keeping;
mod scale;

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};
use shared::config::Config;
use tests::{
    client::Answer,
    score::Score,
    stack::{Options, Stack},
};

/// How long one change of a small application may take.
const MINUTE: Duration = Duration::from_secs(60);

/// Submits what must be accepted.
async fn submit(stack: &Stack, score: &Score) -> anyhow::Result<Value> {
    stack.client.submit(&score.yaml()).await?.ok()
}

/// Submits with a query beside the spec.
async fn submit_with(stack: &Stack, score: &Score, query: &str) -> anyhow::Result<Answer> {
    let path = format!("/api/specs?{query}");
    stack.client.send(Method::POST, &path, &[("content-type", "application/yaml")], Some(score.yaml())).await
}

/// Waits until nothing is to be done about an application any more, and gives it.
async fn settled(stack: &Stack, name: &str) -> anyhow::Result<Value> {
    stack
        .until(&format!("{name} is settled"), Duration::from_secs(180), async || {
            let application = stack.client.get(&format!("/api/specs/{name}")).await?;
            Ok((application["status"] == "active").then_some(application))
        })
        .await
}

/// Deletes an application and waits until it says that it is gone.
async fn torn_down(stack: &Stack, name: &str) -> anyhow::Result<()> {
    let path = format!("/api/specs/{name}");
    stack.client.send(Method::DELETE, &path, &[], None).await?.ok()?;
    stack
        .until(&format!("{name} is terminated"), Duration::from_secs(180), async || {
            Ok((stack.client.get(&path).await?["state"] == "terminated").then_some(()))
        })
        .await
}

/// The live resource of a name.
async fn resource(stack: &Stack, application: &str, name: &str) -> anyhow::Result<Value> {
    let all = stack.client.resources(application).await?;
    let found = all.into_iter().find(|it| it["name"] == name && it["absent"] == false);
    found.with_context(|| format!("{application} has no {name}"))
}

/// How many runs of an operation a resource had.
async fn runs(stack: &Stack, name: &str, operation: &str) -> anyhow::Result<i64> {
    let sql =
        "SELECT count(*) FROM run JOIN resource r ON r.id = run.resource_id WHERE r.name = $1 AND run.operation = $2";
    Ok(sqlx::query_scalar(sql).bind(name).bind(operation).fetch_one(&stack.pool).await?)
}

/// Names of resources in the order in which an event of this kind happened to them.
async fn order_of(stack: &Stack, event: &str) -> anyhow::Result<Vec<String>> {
    let sql =
        "SELECT r.name FROM event e JOIN resource r ON r.id = e.resource_id WHERE e.type = $1 ORDER BY e.xid, e.id";
    Ok(sqlx::query_scalar(sql).bind(event).fetch_all(&stack.pool).await?)
}

/// Fails when two runs of one resource were on at the same time.
async fn never_two_at_once(stack: &Stack) -> anyhow::Result<()> {
    let sql = "SELECT format('%s: %s %s from %s to %s, %s %s from %s to %s', r.name, a.operation, a.status, a.started_at, a.finished_at,
                             b.operation, b.status, b.started_at, b.finished_at)
               FROM run a JOIN run b ON a.resource_id = b.resource_id AND a.id < b.id JOIN resource r ON r.id = a.resource_id
               WHERE a.started_at < b.finished_at AND b.started_at < a.finished_at";
    let overlaps: Vec<String> = sqlx::query_scalar(sql).fetch_all(&stack.pool).await?;
    anyhow::ensure!(overlaps.is_empty(), "runs of one resource overlapped: {overlaps:?}");
    Ok(())
}

/// Params of a scripted resource: its value, and what its change does.
fn value(value: &str) -> Value {
    json!({ "value": value })
}

#[tokio::test]
async fn what_needs_a_step_type_that_is_not_installed_fails_and_says_which() -> anyhow::Result<()> {
    let configure = |config: &mut Config| {
        config.scheduler.providers.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/lacking"));
    };
    let stack = Stack::start(Options { configure, ..Options::scripted() }).await?;
    submit(&stack, &Score::new("abroad").resource("it", "foreign", &json!({}))).await?;
    let failed = stack.resource_becomes("abroad", "it", "failed").await?;
    let message = failed["error_message"].as_str().context("no message")?;
    assert!(message.contains("step 'pulumi-up': the step type 'pulumi' is not installed"), "{failed:#}");
    stack.finish().await
}
