//! A batch while everything that it stands on is killed, restarted and emptied.

use redis::cmd;
use serde_json::json;
use tests::{
    redis::command,
    stack::{Options, Stack},
};

use super::{
    fleet::{Fleet, scripted, seed},
    number,
};

#[tokio::test]
async fn a_batch_goes_on_though_postgres_and_redis_are_killed_and_emptied_and_does_nothing_twice() -> anyhow::Result<()>
{
    let options =
        Options { workers: 2, schedulers: 2, slots: 8, private_postgres: true, private_redis: true, ..scripted() };
    let mut stack = Stack::start(options).await?;
    seed(&stack, 400).await?;
    let slow = json!({"renew": json!({"sleep_ms": 150}).to_string()});
    sqlx::query("UPDATE resource SET params = $1, resolved_params = $1, applied_params = $1")
        .bind(slow)
        .execute(&stack.pool)
        .await?;
    let batch = Fleet::create(&stack, &json!({"waves": "5%,100%", "max_in_flight": 25, "max_failures": "0"})).await?;
    batch.approve().await?;
    let id = batch.id.clone();
    let reaches = async |stack: &Stack, done: i64| {
        let batch = Fleet { stack, client: stack.client.clone(), id: id.clone() };
        batch.until(&format!("has done {done}"), |it| number(&it["succeeded"]) > done).await
    };

    // Both servers, and a program of each kind.
    reaches(&stack, 30).await?;
    stack.private_postgres()?.kill9().await?;
    stack.private_redis()?.kill9()?;
    stack.api.kill9()?;
    stack.schedulers[0].kill9()?;
    stack.workers[0].kill9()?;
    stack.private_postgres()?.start_again().await?;
    stack.private_redis()?.start_again().await?;
    stack.api.restart()?;
    stack.schedulers[0].restart()?;
    stack.workers[0].restart()?;

    reaches(&stack, 120).await?;
    let () = command(&stack.config.redis.url, cmd("FLUSHALL")).await?;
    reaches(&stack, 180).await?;
    stack.private_redis()?.kill9()?;
    stack.schedulers[1].kill9()?;
    stack.private_redis()?.start_again().await?;
    reaches(&stack, 240).await?;
    stack.private_postgres()?.kill9().await?;
    stack.private_postgres()?.start_again().await?;
    stack.schedulers[1].restart()?;

    let batch = Fleet { stack: &stack, client: stack.client.clone(), id };
    let over = batch.becomes("completed").await?;
    assert_eq!((number(&over["succeeded"]), number(&over["failed"])), (400, 0), "{over:#}");
    batch.assert_once().await?;
    let moved = "SELECT count(*) FROM resource WHERE state = 'active' AND provider_version = '2.0.0'";
    assert_eq!(stack.count(moved).await?, 400);
    for process in stack.workers.iter_mut().chain(&mut stack.schedulers).chain([&mut stack.api]) {
        process.check()?;
    }
    stack.finish().await
}
