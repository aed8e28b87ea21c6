//! How long one run of a team waits while another team has very many waiting: from its submission to the start of its first
//! step, through the api, a scheduler and a worker whose slots are all taken.

use std::time::Duration;

use anyhow::Context as _;
use chrono::Utc;
use serde_json::{Value, json};
use tests::{
    crowd::crowd,
    stack::{Options, Stack},
};

use crate::{
    latency::{idle, started},
    report::{Figure, Report, percentile},
};

const CROWD: i32 = 100_000;
const SLOTS: u32 = 4;
/// How long the one step of every run takes.
const STEP_MS: u32 = 500;
const ROUNDS: usize = 40;
/// Step times that a run may wait.
const GOAL: u32 = 2;

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let options = Options {
        slots: SLOTS,
        lease_ttl_s: 30,
        configure: |config| {
            config.scheduler.period_ms = 1_000;
            config.log.filter = "warn".to_owned();
        },
        ..Options::scripted()
    };
    let stack = Stack::start(options).await?;
    let mut alone = Vec::new();
    let mut like = String::new();
    for _ in 0..10 {
        let (run, ms) = one(&stack).await?;
        idle(&stack).await?;
        alone.push(ms);
        like = run;
    }
    crowd(&stack.pool, &like, "many", CROWD).await?;
    stack
        .until("all slots are taken", Duration::from_secs(60), async || {
            let running = stack.count("SELECT count(*) FROM run WHERE status = 'running'").await?;
            Ok((running == i64::from(SLOTS)).then_some(()))
        })
        .await?;
    let mut beside = Vec::new();
    for _ in 0..ROUNDS {
        let (run, ms) = one(&stack).await?;
        stack.run_becomes(&run, &["completed"]).await?;
        beside.push(ms);
    }
    let waiting = stack.count("SELECT count(*) FROM run WHERE status = 'pending'").await?;
    anyhow::ensure!(waiting > i64::from(CROWD / 2), "only {waiting} were waiting in the end");
    let (half, most) = (percentile(&mut beside, 0.5), percentile(&mut beside, 1.0));
    let name =
        format!("one run to its first step, another team has {CROWD} waiting for {SLOTS} slots, worst of {ROUNDS}");
    let bound = f64::from(GOAL * STEP_MS);
    report.add(
        Figure::new(name, most, "ms")
            .against("with nobody waiting, p50", percentile(&mut alone, 0.5))
            .beside("p50", half)
            .goal(format!("at most {GOAL} step times of {STEP_MS} ms"), most <= bound),
    );
    stack.finish().await
}

/// One run of a team that has no other; its id, and the milliseconds from before it was submitted to the start of its step.
async fn one(stack: &Stack) -> anyhow::Result<(String, f64)> {
    let inputs = json!({"script": json!({"sleep_ms": STEP_MS}).to_string()});
    let wish: Value = json!({"workflow": "scripted", "team": "few", "inputs": inputs});
    let sent = Utc::now();
    let run = stack.client.post("/api/workflows/execute", &wish).await?.ok()?;
    let run = run["id"].as_str().context("the answer names no run")?.to_owned();
    let began = started(stack, "SELECT min(started_at) FROM attempt WHERE run_id = $1::uuid", &run).await?;
    Ok((run, (began - sent).as_seconds_f64() * 1e3))
}
