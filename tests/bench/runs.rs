//! Runs that do nothing, end to end, beside the jobs of a queue of the same kind.

use std::time::{Duration, Instant};

use serde_json::{Map, json};
use shared::{
    domain::{
        ids::RunId,
        run::{Operation, RunClass, RunKind},
    },
    store::{
        notify,
        plan::{self, NewPlan},
        run::{self, NewRun},
    },
};
use tests::stack::{Options, Stack};

use crate::{
    peer,
    report::{Figure, Report},
};

const RUNS: usize = 4_000;
const WORKERS: usize = 2;
const SLOTS: u32 = 32;

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let options = Options {
        workers: WORKERS,
        slots: SLOTS,
        lease_ttl_s: 30,
        configure: |config| {
            config.scheduler.period_ms = 1_000;
            config.scheduler.requeue_after_s = 30;
            config.log.filter = "warn".to_owned();
        },
        ..Options::scripted()
    };
    let stack = Stack::start(options).await?;
    // One by hand warms the caches and gives the plan.
    let first = stack.client.execute("no-op", &json!({})).await?;
    stack.run_becomes(&first, &["completed"]).await?;
    let began = Instant::now();
    make(&stack, RUNS).await?;
    stack
        .until("all runs are over", Duration::from_secs(180), async || {
            Ok((stack.count("SELECT count(*) FROM run WHERE finished_at IS NULL").await? == 0).then_some(()))
        })
        .await?;
    let rate = RUNS as f64 / began.elapsed().as_secs_f64();
    anyhow::ensure!(
        stack.count("SELECT count(*) FROM run WHERE status <> 'completed'").await? == 0,
        "some runs failed"
    );
    stack.finish().await?;
    let concurrency = WORKERS * usize::try_from(SLOTS)?;
    let peer = peer::measure(20_000, concurrency).await?;
    let name = format!("no-op runs end to end, {WORKERS} workers of {SLOTS} slots");
    report
        .add(Figure::new(name, rate, "1/s").against(format!("graphile-worker jobs, concurrency {concurrency}"), peer));
    Ok(())
}

/// Makes `count` runs of the golden path that was run before, in one transaction.
pub(crate) async fn make(stack: &Stack, count: usize) -> anyhow::Result<()> {
    let digest: Vec<u8> = sqlx::query_scalar("SELECT plan_digest FROM run WHERE workflow = 'no-op' LIMIT 1")
        .fetch_one(&stack.pool)
        .await?;
    let mut transaction = stack.store.begin().await?;
    let definition = plan::load(&mut *transaction, &digest).await?;
    let plan = NewPlan::of(&definition)?;
    let runs: Vec<NewRun> = (0..count)
        .map(|_| {
            Ok(NewRun {
                id: RunId::new(),
                kind: RunKind::GoldenPath,
                operation: Operation::Execute,
                resource_id: None,
                application_id: None,
                team: "default".into(),
                provider: "scripted".into(),
                provider_version: "1.0.0".into(),
                provider_commit: None,
                workflow: "no-op".into(),
                plan: plan.clone(),
                steps: run::steps_of(&definition),
                inputs: Some(Map::new()),
                reason: None,
                requested_by: "bench".into(),
                queue: "default".into(),
                priority: 0,
                class: RunClass::Interactive,
                acts_for: Vec::new(),
            })
        })
        .collect::<anyhow::Result<_>>()?;
    run::create_all(&mut transaction, &runs).await?;
    notify(&mut transaction).await?;
    transaction.commit().await?;
    Ok(())
}
