//! Durable submissions through HTTP, beside plain inserts of one row.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use futures::future::try_join_all;
use nix::sys::signal::Signal;
use serde_json::json;
use tests::{
    score::Score,
    stack::{Options, Stack},
};

use crate::report::{Figure, Report};

const CLIENTS: usize = 16;
const TIME: Duration = Duration::from_secs(8);

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let mut stack = Stack::start(Options { workers: 0, ..Options::scripted() }).await?;
    // What is measured is the taking, not what comes after it.
    stack.schedulers[0].signal(Signal::SIGSTOP)?;
    let inserts = inserts(&stack).await?;
    // Postgres plans for tables that have rows, as its autovacuum sees to within a minute of a start.
    submissions(&stack, "warm", Duration::from_secs(2)).await?;
    sqlx::raw_sql("VACUUM ANALYZE").execute(&stack.pool).await?;
    let submissions = submissions(&stack, "bench", TIME).await?;
    let name = format!("submissions over HTTP, {CLIENTS} clients");
    report.add(Figure::new(name, submissions, "1/s").against("one-row INSERTs", inserts));
    stack.schedulers[0].signal(Signal::SIGCONT)?;
    stack.finish().await
}

async fn submissions(stack: &Stack, named: &str, time: Duration) -> anyhow::Result<f64> {
    let number = AtomicUsize::new(0);
    let began = Instant::now();
    let clients = (0..CLIENTS).map(|_| async {
        while began.elapsed() < time {
            let name = format!("{named}-{}", number.fetch_add(1, Ordering::Relaxed));
            let yaml = Score::new(&name).resource("it", "scripted", &json!({})).yaml();
            stack.client.submit(&yaml).await?.ok()?;
        }
        anyhow::Ok(())
    });
    try_join_all(clients).await?;
    Ok(number.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}

async fn inserts(stack: &Stack) -> anyhow::Result<f64> {
    let pool = sqlx::postgres::PgPoolOptions::new()
        .max_connections(u32::try_from(CLIENTS)?)
        .connect(&stack.config.database.url)
        .await?;
    sqlx::raw_sql("CREATE TABLE bench_row (id uuid PRIMARY KEY, body jsonb NOT NULL)").execute(&pool).await?;
    let body = json!({"name": "bench", "resources": {"it": {"type": "scripted"}}});
    let number = AtomicUsize::new(0);
    let began = Instant::now();
    let clients = (0..CLIENTS).map(|_| async {
        while began.elapsed() < TIME {
            number.fetch_add(1, Ordering::Relaxed);
            sqlx::query("INSERT INTO bench_row VALUES ($1, $2)")
                .bind(uuid::Uuid::now_v7())
                .bind(&body)
                .execute(&pool)
                .await?;
        }
        anyhow::Ok(())
    });
    try_join_all(clients).await?;
    Ok(number.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}
