//! One trace from a request to the container of each step, as a collector gets it.
use std::{sync::Mutex, time::Duration};

use serde_json::{Value, json};
use shared::config::{Config, SecretSource};
use tests::{
    collector::{Collector, Seen},
    prometheus::value_of,
    receiver::{Receiver, status},
    score::Score,
    stack::{Options, Stack},
};

const MINUTE: Duration = Duration::from_secs(60);

/// Where the next stack's spans go: a stack is configured by a function that captures nothing.
static ENDPOINT: Mutex<String> = Mutex::new(String::new());

fn configure(config: &mut Config) {
    config.traces.endpoint = Some(ENDPOINT.lock().unwrap().clone());
    config.traces.timeout_s = 2;
    // A variable that every process has, in the place of a secret.
    config.traces.headers.insert("x-collector-key".into(), SecretSource::Env("RUST_BACKTRACE".into()));
}

async fn traced(endpoint: String) -> anyhow::Result<Stack> {
    static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _one = ONE.lock().await;
    *ENDPOINT.lock().unwrap() = endpoint;
    Stack::start(Options { configure, ..Options::scripted() }).await
}

/// The span of this name in the trace, once it came.
async fn span(stack: &Stack, collector: &Collector, trace: &str, name: &str) -> anyhow::Result<Seen> {
    stack
        .until(&format!("the span {name} comes"), MINUTE, async || {
            Ok(collector.spans().into_iter().find(|it| it.trace == trace && it.name == name))
        })
        .await
}

#[tokio::test]
async fn a_submission_is_one_trace_from_the_request_to_each_container() -> anyhow::Result<()> {
    let collector = Collector::start().await?;
    let stack = traced(collector.endpoint()).await?;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    let headers = [("content-type", "application/yaml"), ("traceparent", parent.as_str())];
    let yaml = Score::new("shop").resource("db", "scripted", &json!({})).yaml();
    stack.client.send(reqwest::Method::POST, "/api/specs", &headers, Some(yaml)).await?.ok()?;
    stack.resource_becomes("shop", "db", "active").await?;

    let request = span(&stack, &collector, trace, "POST /api/specs").await?;
    assert_eq!((request.service.as_str(), request.parent.as_str()), ("slipway-api", "b7ad6b7169203331"));
    assert_eq!(request.attributes["http.response.status_code"], "201");
    assert_eq!(request.attributes["http.route"], "/api/specs");
    let wait = span(&stack, &collector, trace, "wait default").await?;
    assert_eq!((wait.service.as_str(), &wait.parent), ("slipway-scheduler", &request.id));
    let run = span(&stack, &collector, trace, "RUN create-scripted").await?;
    assert_eq!((run.service.as_str(), &run.parent), ("slipway-worker", &request.id));
    assert_eq!(run.attributes["cicd.pipeline.name"], "create-scripted");
    assert_eq!(run.attributes["cicd.pipeline.result"], "success");
    assert_eq!(run.attributes["slipway.resource"], "db");
    assert_eq!(wait.attributes["cicd.pipeline.run.id"], run.attributes["cicd.pipeline.run.id"]);
    for step in ["first", "second"] {
        let step = span(&stack, &collector, trace, step).await?;
        assert_eq!(step.parent, run.id);
        assert_eq!(step.attributes["cicd.pipeline.task.run.result"], "success");
        let container = stack
            .until("the container's span comes", MINUTE, async || {
                Ok(collector.spans().into_iter().find(|it| it.name == "start container" && it.parent == step.id))
            })
            .await?;
        assert_eq!((container.service.as_str(), container.trace.as_str()), ("slipway-worker", trace));
        assert!(container.nanoseconds <= step.nanoseconds);
    }
    let sent = &collector.requests()[0];
    assert_eq!(sent.line, "POST /v1/traces HTTP/1.1");
    assert_eq!((sent.header("content-type"), sent.header("x-collector-key")), ("application/x-protobuf", "1"));
    // What asks whether the service is well is not traced.
    assert!(!collector.spans().iter().any(|it| it.name.contains("/readyz")));
    stack.finish().await
}

#[tokio::test]
async fn a_run_that_fails_is_marked_and_what_a_caller_does_not_sample_is_not_sent() -> anyhow::Result<()> {
    let collector = Collector::start().await?;
    let stack = traced(collector.endpoint()).await?;
    let unsampled = [
        ("content-type", "application/json"),
        ("traceparent", "00-11111111111111111111111111111111-b7ad6b7169203331-00"),
    ];
    let body = json!({"workflow": "no-op", "inputs": {}}).to_string();
    let silent =
        stack.client.send(reqwest::Method::POST, "/api/workflows/execute", &unsampled, Some(body)).await?.ok()?;
    stack.run_becomes(silent["id"].as_str().unwrap(), &["completed"]).await?;
    let run = stack.client.execute("scripted", &json!({"script": r#"{"exit_code": 3}"#})).await?;
    stack.run_becomes(&run, &["failed"]).await?;
    let failed = stack
        .until("the run's span comes", MINUTE, async || {
            let all = collector.spans();
            Ok(all
                .into_iter()
                .find(|it| it.attributes.get("cicd.pipeline.run.id") == Some(&run) && it.name.starts_with("RUN")))
        })
        .await?;
    assert!(failed.failed);
    assert_eq!(
        (&*failed.attributes["cicd.pipeline.result"], &*failed.attributes["error.type"]),
        ("failure", "failure")
    );
    let step = span(&stack, &collector, &failed.trace, "only").await?;
    assert!(step.failed && step.parent == failed.id, "{step:?}");
    let silent = silent["id"].as_str().unwrap();
    let told = collector.spans().into_iter().filter(|it| it.attributes.values().any(|value| value.contains(silent)));
    assert_eq!(told.collect::<Vec<_>>(), Vec::new());
    stack.finish().await
}

#[tokio::test]
async fn a_collector_that_is_away_or_never_answers_delays_nothing_and_what_it_misses_is_counted() -> anyhow::Result<()>
{
    let silent = Receiver::start(|_, _| String::new()).await?;
    for endpoint in ["http://127.0.0.1:1".to_owned(), format!("http://{}", silent.address)] {
        let stack = traced(endpoint).await?;
        let run = stack.client.execute("no-op", &json!({})).await?;
        stack.run_becomes(&run, &["completed"]).await?;
        stack
            .until("what is missed is counted", MINUTE, async || {
                let Value::String(text) = stack.client.get("/metrics").await? else { return Ok(None) };
                Ok((value_of(&text, "slipway_trace_spans_dropped_total") > Some(0.0)).then_some(()))
            })
            .await?;
        stack.finish().await?;
    }
    let refusing = Receiver::start(|_, _| status(403)).await?;
    let stack = traced(format!("http://{}/otlp/", refusing.address)).await?;
    stack.client.execute("no-op", &json!({})).await?;
    stack
        .until("it is asked at the path that was given", MINUTE, async || {
            let received = refusing.received();
            Ok(received.first().map(|it| it.line.clone()))
        })
        .await
        .map(|line| assert_eq!(line, "POST /otlp/v1/traces HTTP/1.1"))?;
    stack.finish().await
}
