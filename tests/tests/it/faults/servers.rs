//! Servers and the programs around them that die, restart or forget.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use rand::RngExt as _;
use serde_json::json;
use tests::{
    redis::command,
    score::Score,
    settled::assert_settled,
    stack::{Options, Stack},
};

use crate::faults::{MINUTE, all_active, seeded, submit_many};

#[tokio::test]
async fn a_scheduler_killed_between_commit_and_push_loses_no_ticket() -> anyhow::Result<()> {
    let mut stack = Stack::start(Options { private_redis: true, ..Options::scripted() }).await?;
    // Frozen, Redis takes no ticket; Postgres has the runs as queued.
    stack.private_redis()?.freeze()?;
    let names = submit_many(&stack, "pushed", 6, &json!({})).await?;
    stack
        .until("runs are queued in Postgres", MINUTE, async || {
            Ok((stack.count("SELECT count(*) FROM run WHERE status = 'queued'").await? > 0).then_some(()))
        })
        .await?;
    stack.schedulers[0].kill9()?;
    let redis = stack.private_redis()?;
    redis.kill9()?;
    redis.start_again().await?;
    stack.schedulers[0].restart()?;
    all_active(&stack, &names).await?;
    stack.finish().await
}

#[tokio::test]
async fn an_emptied_redis_loses_no_run() -> anyhow::Result<()> {
    let mut chance = seeded()?;
    let stack = Stack::start(Options { private_redis: true, slots: 3, ..Options::scripted() }).await?;
    let names = submit_many(&stack, "flushed", 24, &json!({"sleep_ms": 250})).await?;
    for _ in 0..6 {
        let () = command(&stack.config.redis.url, redis::cmd("FLUSHALL")).await?;
        tokio::time::sleep(Duration::from_millis(chance.random_range(50..400))).await;
    }
    all_active(&stack, &names).await?;
    assert_eq!(stack.count("SELECT coalesce(sum(losses), 0)::int8 FROM run").await?, 0, "a running step was given up");
    stack.finish().await
}

#[tokio::test]
async fn a_redis_that_restarts_and_stalls_stops_no_worker_and_no_running_step() -> anyhow::Result<()> {
    let mut chance = seeded()?;
    let mut stack = Stack::start(Options { private_redis: true, slots: 3, ..Options::scripted() }).await?;
    let names = submit_many(&stack, "restarted", 18, &json!({"sleep_ms": 300})).await?;
    for _ in 0..2 {
        let redis = stack.private_redis()?;
        redis.kill9()?;
        tokio::time::sleep(Duration::from_millis(chance.random_range(100..600))).await;
        redis.start_again().await?;
        tokio::time::sleep(Duration::from_millis(chance.random_range(50..300))).await;
        redis.freeze()?;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        redis.thaw()?;
    }
    all_active(&stack, &names).await?;
    stack.workers[0].check()?;
    assert_eq!(stack.count("SELECT coalesce(sum(losses), 0)::int8 FROM run").await?, 0, "a running step was given up");
    stack.finish().await
}

#[tokio::test]
async fn a_postgres_restarted_without_warning_under_load_loses_nothing_acknowledged() -> anyhow::Result<()> {
    let mut chance = seeded()?;
    let mut stack = Stack::start(Options { private_postgres: true, lease_ttl_s: 4, ..Options::scripted() }).await?;
    let early = submit_many(&stack, "early", 10, &json!({"sleep_ms": 400})).await?;
    tokio::time::sleep(Duration::from_millis(chance.random_range(0..400))).await;
    let client = stack.client.clone();
    let postgres = stack.private_postgres()?;
    let during = async {
        let yaml = Score::new("during").resource("it", "scripted", &json!({})).yaml();
        tests::wait::until("the one submitted meanwhile is acknowledged", MINUTE, async || {
            Ok(client.submit_once(&yaml, "during").await.ok().filter(|answer| answer.status.is_success()).map(drop))
        })
        .await
    };
    let restart = async {
        postgres.stop_immediately().await?;
        postgres.start_again().await
    };
    let (restarted, acknowledged) = tokio::join!(restart, during);
    restarted?;
    acknowledged?;
    let names = [early, vec!["during".to_owned()], submit_many(&stack, "late", 4, &json!({})).await?].concat();
    all_active(&stack, &names).await?;
    for process in stack.workers.iter_mut().chain(&mut stack.schedulers).chain([&mut stack.api]) {
        process.check()?;
    }
    stack.finish().await
}

#[tokio::test]
async fn an_api_killed_in_the_middle_of_submissions_keeps_each_acknowledged_one_once() -> anyhow::Result<()> {
    let mut chance = seeded()?;
    let mut stack = Stack::start(Options::scripted()).await?;
    let (client, names): (_, Vec<String>) =
        (stack.client.clone(), (0..40).map(|number| format!("kept-{number}")).collect());
    let submitting = stream::iter(names.clone())
        .map(|name| {
            let client = client.clone();
            async move {
                let yaml = Score::new(&name).resource("it", "scripted", &json!({})).yaml();
                tests::wait::until(&format!("{name} is acknowledged"), MINUTE, async || {
                    Ok(client
                        .submit_once(&yaml, &name)
                        .await
                        .ok()
                        .filter(|answer| answer.status.is_success())
                        .map(drop))
                })
                .await
            }
        })
        .buffer_unordered(8)
        .collect::<Vec<_>>();
    let killing = async {
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(chance.random_range(20..120))).await;
            stack.api.kill9()?;
            stack.api.restart()?;
        }
        anyhow::Ok(())
    };
    let (acknowledged, killed) = tokio::join!(submitting, killing);
    killed?;
    acknowledged.into_iter().collect::<anyhow::Result<Vec<()>>>()?;
    stack.until("the api answers again", MINUTE, async || Ok(stack.client.get("/readyz").await.ok().map(drop))).await?;
    assert_eq!(stack.count("SELECT count(*) FROM generation").await?, 40, "one was taken twice");
    all_active(&stack, &names).await?;
    stack.finish().await
}

#[tokio::test]
async fn with_containers_at_work_postgres_and_redis_are_killed_and_nothing_of_them_is_left() -> anyhow::Result<()> {
    let mut stack =
        Stack::start(Options { private_postgres: true, private_redis: true, lease_ttl_s: 10, ..Options::default() })
            .await?;
    let mut runs = Vec::new();
    for number in 0..4 {
        let script = format!("echo up; sleep 4; echo done-{number}");
        runs.push(stack.client.execute("script", &json!({"script": script})).await?);
    }
    stack
        .until("a step is at work", MINUTE, async || {
            Ok((stack.count("SELECT count(*) FROM attempt WHERE status = 'running'").await? > 0).then_some(()))
        })
        .await?;
    stack.private_postgres()?.stop_immediately().await?;
    stack.private_redis()?.kill9()?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    stack.private_redis()?.start_again().await?;
    stack.private_postgres()?.start_again().await?;
    for run in &runs {
        stack.run_becomes(run, &["completed"]).await?;
    }
    assert_settled(&stack, &[]).await?;
    stack.finish().await
}
