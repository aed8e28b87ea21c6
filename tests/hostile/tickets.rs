//! Who can write to Redis can ring the bell, and that is all: nothing runs that was not due, nothing runs twice, and what is no
//! ticket is thrown away.

use std::time::Duration;

use serde_json::json;
use tests::{
    redis::command,
    stack::{Options, Stack},
};

/// Fields of a stream entry, which need not be text.
type Fields<'a> = &'a [(&'a [u8], &'a [u8])];

fn stream(stack: &Stack) -> String {
    format!("{}:queue:default", stack.config.redis.prefix)
}

async fn add(stack: &Stack, fields: Fields<'_>) -> anyhow::Result<()> {
    let mut entry = redis::cmd("XADD");
    entry.arg(stream(stack)).arg("*");
    for (name, value) in fields {
        entry.arg(*name).arg(*value);
    }
    command::<String>(&stack.config.redis.url, entry).await.map(drop)
}

async fn ticket(stack: &Stack, run: &str, fence: i64) -> anyhow::Result<()> {
    add(stack, &[(b"run", run.as_bytes()), (b"fence", fence.to_string().as_bytes())]).await
}

/// Waits until no entry is left, read or unread.
async fn drained(stack: &Stack) -> anyhow::Result<()> {
    stack
        .until("the stream is empty", Duration::from_secs(30), async || {
            let mut length = redis::cmd("XLEN");
            length.arg(stream(stack));
            let left: u64 = command(&stack.config.redis.url, length).await?;
            Ok((left == 0).then_some(()))
        })
        .await
}

/// Everything that a ticket could have changed, as one text.
async fn picture(stack: &Stack) -> anyhow::Result<String> {
    let sql = "SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
        SELECT format('run %s %s fence=%s losses=%s started=%s', id, status, fence, losses, started_at) AS line FROM run
        UNION ALL SELECT format('step %s %s %s tries=%s', run_id, name, status, tries) FROM step
        UNION ALL SELECT format('attempts %s', count(*)) FROM attempt) lines";
    Ok(sqlx::query_scalar(sql).fetch_one(&stack.pool).await?)
}

async fn fence(stack: &Stack, run: &str) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar("SELECT fence FROM run WHERE id = $1::uuid").bind(run).fetch_one(&stack.pool).await?)
}

/// The worker is the one it was, and does what is due.
async fn goes_on(stack: &mut Stack, worker: u32) -> anyhow::Result<()> {
    let run = stack.client.execute("scripted", &json!({})).await?;
    stack.run_becomes(&run, &["completed"]).await?;
    stack.workers[0].check()?;
    assert_eq!(stack.workers[0].pid(), worker);
    Ok(())
}

#[tokio::test]
async fn a_ticket_for_a_run_that_is_not_due_runs_nothing() -> anyhow::Result<()> {
    let mut stack = Stack::start(Options::scripted()).await?;
    let worker = stack.workers[0].pid();
    let completed = stack.client.execute("scripted", &json!({})).await?;
    stack.run_becomes(&completed, &["completed"]).await?;
    let failed = stack.client.execute("scripted", &json!({"script": "{\"exit_code\": 1}"})).await?;
    stack.run_becomes(&failed, &["failed"]).await?;
    let suspended = stack.client.execute("asks", &json!({})).await?;
    stack.run_becomes(&suspended, &["suspended"]).await?;
    let cancelled = stack.client.execute("asks", &json!({})).await?;
    stack.run_becomes(&cancelled, &["suspended"]).await?;
    stack.client.post(&format!("/api/workflows/{cancelled}/cancel"), &json!({})).await?.ok()?;
    stack.run_becomes(&cancelled, &["cancelled"]).await?;

    let before = picture(&stack).await?;
    for run in [&completed, &failed, &suspended, &cancelled] {
        let now = fence(&stack, run).await?;
        // As it is, as it was, as it may be next, and as it can never be.
        for forged in [now, now - 1, 0, now + 1, -1, i64::MIN, i64::MAX] {
            ticket(&stack, run, forged).await?;
        }
    }
    drained(&stack).await?;
    assert_eq!(picture(&stack).await?, before);
    goes_on(&mut stack, worker).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_ticket_that_was_edited_does_not_run_what_runs_already() -> anyhow::Result<()> {
    let mut stack = Stack::start(Options::scripted()).await?;
    let worker = stack.workers[0].pid();
    let run = stack.client.execute("scripted", &json!({"script": "{\"hang\": true}"})).await?;
    stack
        .until("its step runs", Duration::from_secs(30), async || {
            Ok((stack.count("SELECT count(*) FROM step WHERE status = 'running'").await? == 1).then_some(()))
        })
        .await?;
    let now = fence(&stack, &run).await?;
    for forged in [now - 1, now, now + 1, now + 2] {
        for _ in 0..5 {
            ticket(&stack, &run, forged).await?;
        }
    }
    drained(&stack).await?;
    assert_eq!(fence(&stack, &run).await?, now, "nobody else has claimed it");
    assert_eq!(stack.count("SELECT count(*) FROM attempt").await?, 1);
    stack.client.post(&format!("/api/workflows/{run}/cancel"), &json!({})).await?.ok()?;
    stack.run_becomes(&run, &["cancelled"]).await?;
    goes_on(&mut stack, worker).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_ticket_of_another_installation_or_of_nothing_runs_nothing() -> anyhow::Result<()> {
    let (mut stack, other) = (Stack::start(Options::scripted()).await?, Stack::start(Options::scripted()).await?);
    let worker = stack.workers[0].pid();
    let foreign = other.client.execute("asks", &json!({})).await?;
    other.run_becomes(&foreign, &["suspended"]).await?;
    let (here, there) = (picture(&stack).await?, picture(&other).await?);
    for run in [foreign.as_str(), "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"] {
        for fence in 0..4 {
            ticket(&stack, run, fence).await?;
        }
    }
    drained(&stack).await?;
    assert_eq!(picture(&stack).await?, here);
    assert_eq!(picture(&other).await?, there);
    goes_on(&mut stack, worker).await?;
    other.finish().await?;
    stack.finish().await
}

#[tokio::test]
async fn a_ticket_that_is_replayed_a_thousand_times_runs_once() -> anyhow::Result<()> {
    let mut stack = Stack::start(Options::scripted()).await?;
    let worker = stack.workers[0].pid();
    let run = stack.client.execute("scripted", &json!({"script": "{\"sleep_ms\": 300}"})).await?;
    let mut batch = redis::pipe();
    for number in 0..1_000 {
        batch.cmd("XADD").arg(stream(&stack)).arg("*").arg("run").arg(&run).arg("fence").arg(number % 3).ignore();
    }
    let mut connection =
        redis::Client::open(stack.config.redis.url.as_str())?.get_multiplexed_async_connection().await?;
    let () = batch.query_async(&mut connection).await?;
    stack.run_becomes(&run, &["completed"]).await?;
    drained(&stack).await?;
    assert_eq!(stack.count("SELECT count(*) FROM attempt").await?, 1);
    assert_eq!(stack.count("SELECT count(*) FROM event WHERE type = 'run.completed'").await?, 1);
    goes_on(&mut stack, worker).await?;
    stack.finish().await
}

#[tokio::test]
async fn what_is_no_ticket_is_thrown_away_and_holds_up_nothing() -> anyhow::Result<()> {
    let mut stack = Stack::start(Options::scripted()).await?;
    let worker = stack.workers[0].pid();
    let run = stack.client.execute("asks", &json!({})).await?;
    stack.run_becomes(&run, &["suspended"]).await?;
    let before = picture(&stack).await?;
    let (id, huge) = (run.as_bytes(), vec![b'9'; 8 * 1024 * 1024]);
    let bracketed = format!("{{{run}}}");
    let injected = format!("{run}' OR true --");
    let entries: [Fields<'_>; 14] = [
        &[(b"run", id)],
        &[(b"fence", b"1")],
        &[(b"", b"")],
        &[(b"run", b""), (b"fence", b"")],
        &[(b"run", b"\xff\xfe\x00"), (b"fence", b"\xc0\xaf")],
        &[(b"\xff\xfe", id), (b"fence\x00", b"1")],
        &[(b"run", id), (b"fence", b"1.5")],
        &[(b"run", id), (b"fence", b"0x1")],
        &[(b"run", id), (b"fence", b"99999999999999999999999999")],
        &[(b"run", id), (b"fence", &huge)],
        &[(b"run", &huge), (b"fence", b"1")],
        &[(b"run", bracketed.as_bytes()), (b"fence", b"0")],
        &[(b"run", injected.as_bytes()), (b"fence", b"0")],
        &[(b"RUN", id), (b"FENCE", b"0"), (b"command", b"id")],
    ];
    for fields in entries {
        add(&stack, fields).await?;
    }
    drained(&stack).await?;
    assert_eq!(picture(&stack).await?, before);
    goes_on(&mut stack, worker).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_stream_that_is_something_else_by_now_is_told_and_does_not_end_a_worker() -> anyhow::Result<()> {
    let mut stack = Stack::start(Options { private_redis: true, ..Options::scripted() }).await?;
    let worker = stack.workers[0].pid();
    let key = stream(&stack);
    for poison in [redis::cmd("SET").arg(&key).arg("x"), redis::cmd("LPUSH").arg(&key).arg("x")] {
        let () = command(&stack.config.redis.url, redis::cmd("DEL").arg(&key).clone()).await?;
        // The worker may have made it again in between.
        let _ = command::<redis::Value>(&stack.config.redis.url, poison.clone()).await;
        let () = command(&stack.config.redis.url, redis::cmd("DEL").arg(&key).clone()).await?;
    }
    goes_on(&mut stack, worker).await?;
    stack.finish().await
}
