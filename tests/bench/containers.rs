//! What a step costs in a container, beside `docker run` with the same hardening.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use serde_json::json;
use tests::{
    engine::docker,
    stack::{Options, Stack},
};

use crate::report::{Figure, Report, percentile};

const ROUNDS: usize = 25;
const CANCELS: usize = 10;

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let stack = Stack::start(Options { lease_ttl_s: 30, ..Options::default() }).await?;
    let (mut steps, mut runs, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS + 2 {
        // Turn about, so that both meet the same machine.
        let began = Instant::now();
        let run = stack.client.execute("script", &json!({"script": "true"})).await?;
        let over = stack.run_becomes(&run, &["completed", "failed"]).await?;
        let whole = over["duration_s"].as_f64().context("no duration")?;
        let step = over["steps"][0]["duration_s"].as_f64().context("no duration")?;
        anyhow::ensure!(over["status"] == "completed", "{over:#}");
        let hardened = hardened_run().await?;
        if round >= 2 {
            steps.push(step * 1e3);
            runs.push(whole * 1e3);
            plain.push(hardened);
        }
        anyhow::ensure!(began.elapsed().as_secs() < 60, "a container takes a minute");
    }
    let plain = percentile(&mut plain, 0.5);
    let against = "docker run with the same hardening, p50";
    report.add(Figure::new("one step in a container, p50", percentile(&mut steps, 0.5), "ms").against(against, plain));
    report.add(Figure::new("one run of one such step, p50", percentile(&mut runs, 0.5), "ms").against(against, plain));
    let mut heard = Vec::new();
    for _ in 0..CANCELS {
        heard.push(cancelled(&stack).await?);
    }
    let slowest = percentile(&mut heard, 1.0);
    report.add(
        Figure::new("a run is cancelled -> SIGTERM is in its container, slowest", slowest, "ms")
            .goal("within 2,000", slowest <= 2e3),
    );
    stack.finish().await
}

/// Milliseconds from a wish to cancel until the step says that it was told, by the clock of this machine.
async fn cancelled(stack: &Stack) -> anyhow::Result<f64> {
    let script = "trap 'date +%s%3N; exit 0' TERM; echo up; while :; do sleep 0.01; done";
    let run = stack.client.execute("script", &json!({"script": script})).await?;
    stack.step_prints("only", "up").await?;
    let began = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() * 1e3;
    stack.client.post(&format!("/api/workflows/{run}/cancel"), &json!({})).await?.ok()?;
    stack.run_becomes(&run, &["cancelled"]).await?;
    let log = stack.client.logs(&run).await?;
    let told = log.split_whitespace().filter_map(|word| word.parse::<f64>().ok()).find(|at| *at > 1e12);
    Ok(told.with_context(|| format!("the step was not told:\n{log}"))? - began)
}

/// Milliseconds.
async fn hardened_run() -> anyhow::Result<f64> {
    let began = Instant::now();
    docker(&[
        "run",
        "--rm",
        "--network=none",
        "--read-only",
        "--user=65532:65532",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--ipc=private",
        "--cgroupns=private",
        "--pids-limit=256",
        "--memory=512m",
        "--memory-swap=512m",
        "--cpus=1",
        "--oom-score-adj=500",
        "--init",
        "--tmpfs=/tmp:rw,nosuid,nodev,noexec,size=64m",
        "--ulimit=nofile=1024:4096",
        "--ulimit=core=0",
        "--log-driver=local",
        "slipway/shell:1",
        "/bin/bash",
        "-c",
        "true",
    ])
    .await?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}
