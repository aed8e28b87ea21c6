//! Memory of what does nothing, and bytes of what waits.

use std::time::Duration;

use serde_json::json;
use tests::{
    redis::command,
    stack::{Options, Stack},
};

use crate::{
    report::{Figure, Report},
    runs,
};

const THOUSANDS: usize = 5;

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let mut stack = Stack::start(Options { private_redis: true, ..Options::scripted() }).await?;
    let first = stack.client.execute("no-op", &json!({})).await?;
    stack.run_becomes(&first, &["completed"]).await?;
    let programs = [("worker", &stack.workers[0]), ("scheduler", &stack.schedulers[0]), ("api", &stack.api)];
    for (name, process) in programs {
        report.add(Figure::new(
            format!("resident memory of an idle {name}"),
            process.resident_bytes()? as f64 / 1048576.0,
            "MiB",
        ));
    }
    // Without a worker, all wait; with one that takes none, a thousand tickets are out.
    stack.workers[0].kill9()?;
    sqlx::query("UPDATE worker SET state = 'stopped', stopped_at = now()").execute(&stack.pool).await?;
    let (postgres, redis) = (rows(&stack).await?, used(&stack).await?);
    runs::make(&stack, THOUSANDS * 1000).await?;
    stack
        .until("one ticket is out", Duration::from_secs(30), async || {
            Ok((stack.count("SELECT count(*) FROM run WHERE status = 'queued'").await? == 1).then_some(()))
        })
        .await?;
    let per = |now: i64, before: i64| (now - before) as f64 / THOUSANDS as f64 / 1024.0;
    report.add(Figure::new("Postgres for 1000 waiting runs", per(rows(&stack).await?, postgres), "KiB"));
    report.add(Figure::new(
        "Redis for 1000 waiting runs (their tickets are not out)",
        per(used(&stack).await?, redis),
        "KiB",
    ));
    let before = used(&stack).await?;
    sqlx::query(
        "INSERT INTO worker (id, name, host, version, queues, slots, heartbeat_at)
         VALUES (gen_random_uuid(), 'bench', 'bench', '0', '{default}', 1001, now() + interval '1 hour')",
    )
    .execute(&stack.pool)
    .await?;
    stack
        .until("a thousand more tickets are out", Duration::from_secs(30), async || {
            Ok((stack.count("SELECT count(*) FROM run WHERE status = 'queued'").await? == 1001).then_some(()))
        })
        .await?;
    report.add(Figure::new(
        "Redis for 1000 tickets that are out",
        (used(&stack).await? - before) as f64 / 1024.0,
        "KiB",
    ));
    stack.finish().await
}

async fn rows(stack: &Stack) -> anyhow::Result<i64> {
    stack.count("SELECT (pg_total_relation_size('run') + pg_total_relation_size('step') + pg_total_relation_size('event'))::int8").await
}

async fn used(stack: &Stack) -> anyhow::Result<i64> {
    let text: String = command(&stack.config.redis.url, redis::cmd("INFO").arg("memory").to_owned()).await?;
    let line =
        text.lines().find_map(|line| line.strip_prefix("used_memory_dataset:").or(line.strip_prefix("used_memory:")));
    Ok(line.unwrap_or_default().trim().parse()?)
}
