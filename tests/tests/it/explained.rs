//! `slipway explain`, of a run and of a resource, by id and by name.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tests::{
    command_line,
    score::Score,
    stack::{Options, Stack},
};

const PATIENCE: Duration = Duration::from_secs(30);

async fn explain(stack: &Stack, arguments: &[&str]) -> anyhow::Result<String> {
    let environment = [("SLIPWAY_URL", stack.client.base()), ("SLIPWAY_API_KEY", stack.client.key())];
    let arguments = [&["explain"][..], arguments].concat();
    command_line::run(command_line::program()?, &arguments, &environment, PATIENCE).await?.ok()
}

#[tokio::test]
async fn why_something_waits_is_told_of_a_run_and_of_a_resource_by_id_and_by_name() -> anyhow::Result<()> {
    let stack = Stack::start(Options { workers: 0, ..Options::scripted() }).await?;
    let score = Score::new("shop").resource("base", "scripted", &json!({})).resource(
        "top",
        "scripted",
        &json!({"value": "${resources.base.value}"}),
    );
    stack.client.submit(&score.yaml()).await?.ok()?;
    let (base, run) = stack
        .until("both wait", Duration::from_secs(60), async || {
            let (base, top) =
                (stack.client.resource("shop", "base").await?, stack.client.resource("shop", "top").await?);
            let reasons = [&base, &top].map(|it| it.as_ref().map(|it| it["waiting_reason"].clone()));
            // The one ticket of a queue without workers is out: it is for `base`.
            let waits = reasons[1] == Some(json!("WaitingForDependency"));
            Ok(base.filter(|base| waits && base["current_run_id"].is_string()).zip(top))
        })
        .await?;
    let text = |value: &Value| value.as_str().map(str::to_owned).context("no text");
    let (base, top, run) = (text(&base["id"])?, text(&run["id"])?, text(&run["current_run_id"])?);
    for given in [top.as_str(), run.as_str(), "shop/top"] {
        let told: Value = serde_json::from_str(&explain(&stack, &[given, "-o", "json"]).await?)?;
        assert_eq!((&told["code"], &told["run"]), (&json!("WaitingForDependency"), &json!(run)), "{given}: {told:#}");
        assert_eq!((&told["blocked_by"][0]["id"], &told["blocked_by"][0]["name"]), (&json!(base), &json!("base")));
    }
    let told = explain(&stack, &["shop/top"]).await?;
    assert!(told.contains("waits         WaitingForDependency: "), "{told}");
    assert!(told.contains(&format!("blocked by    resource base ({base})\n")), "{told}");

    // A second run in the queue waits for a worker, which there is none of.
    let other = stack.client.execute("no-op", &json!({})).await?;
    let told = stack
        .until("the other says why it waits", Duration::from_secs(60), async || {
            let told = explain(&stack, &[other.as_str()]).await?;
            Ok(told.contains("NoWorkerForQueue").then_some(told))
        })
        .await?;
    assert!(told.contains("blocked by    queue default\n"), "{told}");
    stack.finish().await
}
