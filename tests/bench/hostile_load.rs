//! What others notice of steps that mean harm: the api's answers while a log flood and a fork bomb run, beside those while nothing does.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;
use tests::{
    engine,
    stack::{Options, Stack},
};

use crate::report::{Figure, Report, percentile};

/// How long each side is measured.
const MEASURED: Duration = Duration::from_secs(15);
/// Between two requests: a few people and a dashboard.
const PAUSE: Duration = Duration::from_millis(10);
const MOST: f64 = 2.0;

/// Floods its log and forks as fast as it can, until it is told to end.
const FLOOD: &str = "while :; do yes 'a line of the flood that nobody will ever read'; done";
const BOMB: &str = "echo lit; bomb() { bomb | bomb & }; while :; do bomb 2> /dev/null; done";

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let options =
        Options { lease_ttl_s: 60, configure: |config| config.log.filter = "warn".into(), ..Options::default() };
    let stack = Stack::start(options).await?;
    answers(&stack, Duration::from_secs(2)).await?;
    let mut idle = answers(&stack, MEASURED).await?;
    let flood = stack.client.execute("script", &json!({"script": FLOOD})).await?;
    let bomb = stack.client.execute("script", &json!({"script": BOMB})).await?;
    stack
        .until("both are at work", Duration::from_secs(60), async || {
            Ok((engine::running(&stack.instance, "only").await?.len() == 2).then_some(()))
        })
        .await?;
    let mut under = answers(&stack, MEASURED).await?;
    for run in [&flood, &bomb] {
        let now = stack.client.run(run).await?;
        ensure!(now["status"] == "running", "it ended meanwhile: {now:#}");
        stack.client.post(&format!("/api/workflows/{run}/cancel"), &json!({})).await?.ok()?;
    }
    for run in [&flood, &bomb] {
        stack.run_becomes(run, &["cancelled"]).await?;
    }
    for (share, name) in [(0.5, "p50"), (0.99, "p99")] {
        let (idle, under) = (percentile(&mut idle, share), percentile(&mut under, share));
        let figure = Figure::new(format!("api {name} under a log flood and a fork bomb"), under, "ms");
        let figure = figure.against(format!("api {name} while nothing runs"), idle);
        report.add(if name == "p99" { figure.goal("within 2x of idle", under <= MOST * idle) } else { figure });
    }
    stack.finish().await
}

/// Milliseconds that each answer took: reads of lists and of one thing, and submissions that change nothing.
async fn answers(stack: &Stack, during: Duration) -> anyhow::Result<Vec<f64>> {
    let until = Instant::now() + during;
    let mut taken = Vec::new();
    let score = "apiVersion: score.dev/v1b1\nmetadata: {name: steady}\ncontainers: {main: {image: none}}\n";
    while Instant::now() < until {
        for path in ["/api/workflows?limit=20", "/api/resources?limit=20", "/api/specs", "/readyz", "submit"] {
            let began = Instant::now();
            if path == "submit" {
                stack.client.submit(score).await?.ok()?;
            } else {
                stack.client.get(path).await?;
            }
            taken.push(began.elapsed().as_secs_f64() * 1e3);
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(taken)
}
