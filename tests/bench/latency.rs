//! From a submission to the start of its first step, on a stack that does nothing else.

use std::time::Duration;

use serde_json::json;
use tests::{
    score::Score,
    stack::{Options, Stack},
};

use crate::report::{Figure, Report, percentile};

const ROUNDS: usize = 200;
const GOAL_MS: f64 = 10.0;

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let options = Options {
        lease_ttl_s: 30,
        configure: |config| {
            config.scheduler.period_ms = 1_000;
            config.log.filter = "warn".to_owned();
        },
        ..Options::scripted()
    };
    let stack = Stack::start(options).await?;
    let (mut applications, mut paths) = rounds(&stack).await?;
    for (what, values) in [("Score file", &mut applications), ("golden path", &mut paths)] {
        let half = percentile(values, 0.5);
        let goal = format!("p50 < {GOAL_MS} ms");
        report
            .add(Figure::new(format!("{what} submitted to step started, p50"), half, "ms").goal(goal, half < GOAL_MS));
        report.add(Figure::new(format!("{what} submitted to step started, p99"), percentile(values, 0.99), "ms"));
    }
    report.add(Figure::new("  beside: one question to Postgres and its answer, p50", round_trip(&stack).await?, "ms"));
    for (name, phase) in PHASES {
        let sql = format!(
            "SELECT (1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM {phase})))::float8 FROM run r WHERE kind = 'golden_path'"
        );
        let half: f64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&stack.pool).await?;
        report.add(Figure::new(format!("  golden path, {name}, p50"), half, "ms"));
    }
    stack.finish().await
}

/// How long it took each time, in ms: of a Score file, of a golden path.
async fn rounds(stack: &Stack) -> anyhow::Result<(Vec<f64>, Vec<f64>)> {
    let (mut applications, mut paths) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS + 10 {
        let name = format!("latency-{round}");
        let yaml = Score::new(&name).resource("it", "scripted", &json!({})).yaml();
        let client = stack.client.clone();
        let (sent, answer) = timed(async move { client.submit(&yaml).await }).await?;
        answer.ok()?;
        let application = started(stack, "SELECT min(a.started_at) FROM attempt a JOIN run r ON r.id = a.run_id JOIN application p ON p.id = r.application_id WHERE p.name = $1", &name).await?;
        quiet(stack).await?;
        let client = stack.client.clone();
        let (sent_path, run) = timed(async move { client.execute("no-op", &json!({})).await }).await?;
        let path = started(stack, "SELECT min(started_at) FROM attempt WHERE run_id = $1::uuid", &run).await?;
        quiet(stack).await?;
        // The first ones fill caches and open connections.
        if round >= 10 {
            applications.push((application - sent).as_seconds_f64() * 1e3);
            paths.push((path - sent_path).as_seconds_f64() * 1e3);
        }
    }
    Ok((applications, paths))
}

/// Sends a request in a task, and tells when it began: whoever waits outside of one is woken by way of another thread.
async fn timed<T: Send + 'static>(
    request: impl Future<Output = anyhow::Result<T>> + Send + 'static,
) -> anyhow::Result<(chrono::DateTime<chrono::Utc>, T)> {
    tokio::spawn(async move { Ok((chrono::Utc::now(), request.await?)) }).await?
}

/// What the smallest question to Postgres takes here, in ms: some thirty of them are on the way.
async fn round_trip(stack: &Stack) -> anyhow::Result<f64> {
    let mut conn = stack.pool.acquire().await?;
    let mut taken = Vec::new();
    for _ in 0..ROUNDS {
        let began = std::time::Instant::now();
        sqlx::query("SELECT 1").execute(&mut *conn).await?;
        taken.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(percentile(&mut taken, 0.5))
}

/// The way of a run, as its row tells it.
const PHASES: [(&str, &str); 3] = [
    ("accepted to queued", "queued_at - created_at"),
    ("queued to claimed", "started_at - queued_at"),
    ("claimed to step started", "(SELECT min(a.started_at) FROM attempt a WHERE a.run_id = r.id) - started_at"),
];

/// When the first attempt began, by Postgres, whose clock is this machine's. Nobody asks while it is about to: who asks too early
/// takes time away from what is measured.
pub(crate) async fn started(
    stack: &Stack,
    sql: &'static str,
    of: &str,
) -> anyhow::Result<chrono::DateTime<chrono::Utc>> {
    tokio::time::sleep(Duration::from_millis(50)).await;
    stack
        .until("the step has started", Duration::from_secs(20), async || {
            Ok(sqlx::query_scalar::<_, Option<chrono::DateTime<chrono::Utc>>>(sql)
                .bind(of)
                .fetch_one(&stack.pool)
                .await?)
        })
        .await
}

/// Until nothing is under way, nor what follows a run: what tells others of its end, counts it and chains its entries.
async fn quiet(stack: &Stack) -> anyhow::Result<()> {
    idle(stack).await?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    Ok(())
}

pub(crate) async fn idle(stack: &Stack) -> anyhow::Result<()> {
    stack
        .until("nothing is under way", Duration::from_secs(20), async || {
            Ok((stack.count("SELECT count(*) FROM run WHERE finished_at IS NULL").await? == 0).then_some(()))
        })
        .await
}
