//! What the engine itself costs a step: time in Postgres, and round trips to it.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;
use shared::{
    domain::plan::{Plan, PlannedStep},
    store::{notify, plan, run},
};
use tests::{
    seed,
    stack::{Options, Stack},
};

use crate::report::{Figure, Report};

const RUNS: usize = 5;
const STEPS: usize = 200;
const GOAL_MS: f64 = 2.0;
const GOAL_TRIPS: f64 = 3.0;
/// Postgres' backends hand in their figures at the latest so long after they fall idle.
const HANDED_IN: Duration = Duration::from_secs(12);

/// What Postgres has done for this database so far.
#[derive(Clone, Copy)]
struct Work {
    /// Milliseconds in which a statement was at work, waiting for locks and for the disk included.
    active_ms: f64,
    /// Each statement about a step is a transaction of its own, so these are round trips.
    transactions: f64,
}

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let options = Options {
        workers: 1,
        // One statement after the other: time spent waiting for another's lock is no work.
        slots: 1,
        lease_ttl_s: 30,
        configure: |config| {
            config.scheduler.period_ms = 1_000;
            config.log.filter = "warn".to_owned();
        },
        ..Options::scripted()
    };
    let stack = Stack::start(options).await?;
    // One by hand warms the caches and gives the step type.
    let first = stack.client.execute("no-op", &json!({})).await?;
    stack.run_becomes(&first, &["completed"]).await?;
    let diamond = diamond(&stack).await?;

    let before = work(&stack).await?;
    let began = Instant::now();
    make(&stack, &diamond).await?;
    stack
        .until("all runs are over", Duration::from_secs(180), async || {
            Ok((stack.count("SELECT count(*) FROM run WHERE finished_at IS NULL").await? == 0).then_some(()))
        })
        .await?;
    let busy = began.elapsed();
    let after = work(&stack).await?;
    // The schedulers look around meanwhile: what that costs is no step's.
    tokio::time::sleep(busy).await;
    let idle = work(&stack).await?;
    anyhow::ensure!(
        stack.count("SELECT count(*) FROM step WHERE status <> 'completed'").await? == 0,
        "some steps did not complete"
    );
    stack.finish().await?;

    let steps = (RUNS * STEPS) as f64;
    // Both stretches are as long.
    let share = |figure: fn(&Work) -> f64| {
        let at_rest = figure(&idle) - figure(&after);
        (figure(&after) - figure(&before) - at_rest) / steps
    };
    let (ms, trips) = (share(|work| work.active_ms), share(|work| work.transactions));
    let of = format!("{RUNS} runs of {STEPS} steps in a diamond");
    report.add(
        Figure::new("engine overhead per step, database time", ms, "ms")
            .goal(format!("< {GOAL_MS} ms ({of})"), ms < GOAL_MS),
    );
    report.add(
        Figure::new("engine overhead per step, round trips", trips, "")
            .goal(format!("<= {GOAL_TRIPS} ({of})"), trips <= GOAL_TRIPS),
    );
    report.add(Figure::new("steps in a diamond, scripted engine, one at a time", steps / busy.as_secs_f64(), "1/s"));
    Ok(())
}

/// A plan of one step, many beside each other, and one: each prints a line, as real ones do.
async fn diamond(stack: &Stack) -> anyhow::Result<Plan> {
    let digest: Vec<u8> = sqlx::query_scalar("SELECT plan_digest FROM run WHERE workflow = 'no-op' LIMIT 1")
        .fetch_one(&stack.pool)
        .await?;
    let known = plan::load(stack.store.pool(), &digest).await?;
    let one = known.steps.first().context("the plan has no step")?;
    let middle: Vec<String> = (0..STEPS - 2).map(|number| format!("middle-{number}")).collect();
    let step = |name: &str, depends_on: Vec<String>| {
        let mut step = PlannedStep { name: name.to_owned(), depends_on, ..one.clone() };
        let script = json!({"lines": ["working"], "outputs": {"made": name}});
        step.config.insert("script".to_owned(), json!(script.to_string()));
        step
    };
    let mut steps = vec![step("first", vec![])];
    steps.extend(middle.iter().map(|name| step(name, vec!["first".to_owned()])));
    steps.push(step("last", middle.clone()));
    Ok(Plan { steps, max_parallel: 1, ..known })
}

async fn make(stack: &Stack, diamond: &Plan) -> anyhow::Result<()> {
    let mut transaction = stack.store.begin().await?;
    let mut runs = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        runs.push(seed::new_run(diamond)?);
    }
    run::create_all(&mut transaction, &runs).await?;
    notify(&mut transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// Once all backends have handed in what they did.
async fn work(stack: &Stack) -> anyhow::Result<Work> {
    tokio::time::sleep(HANDED_IN).await;
    let (active_ms, transactions): (f64, i64) = sqlx::query_as(
        "SELECT active_time, xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()",
    )
    .fetch_one(&stack.pool)
    .await
    .context("pg_stat_database needs Postgres 14")?;
    Ok(Work { active_ms, transactions: transactions as f64 })
}
