//! Everything at once, by chance.

use std::time::Duration;

use nix::sys::signal::Signal;
use rand::RngExt as _;
use serde_json::json;
use tests::{
    redis::command,
    settled::assert_settled,
    stack::{Options, Stack},
};

use crate::faults::{seeded, submit_many};

#[tokio::test]
async fn whatever_dies_in_whatever_order_every_submission_has_one_outcome() -> anyhow::Result<()> {
    let mut chance = seeded()?;
    let options = Options { private_redis: true, workers: 2, schedulers: 2, lease_ttl_s: 3, ..Options::scripted() };
    let mut stack = Stack::start(options).await?;
    let names = submit_many(&stack, "any", 60, &json!({"sleep_ms": 200})).await?;
    for _ in 0..14 {
        let which = chance.random_range(0..2_usize);
        match chance.random_range(0..6_u32) {
            0 | 1 => {
                stack.workers[which].kill9()?;
                stack.workers[which].restart()?;
            }
            2 => {
                stack.workers[which].signal(Signal::SIGSTOP)?;
                tokio::time::sleep(Duration::from_millis(chance.random_range(500..4_500))).await;
                stack.workers[which].signal(Signal::SIGCONT)?;
            }
            3 => {
                stack.schedulers[which].kill9()?;
                stack.schedulers[which].restart()?;
            }
            4 => {
                let () = command(&stack.config.redis.url, redis::cmd("FLUSHALL")).await?;
            }
            _ => {
                stack.schedulers[which].signal(Signal::SIGSTOP)?;
                tokio::time::sleep(Duration::from_millis(chance.random_range(100..1_500))).await;
                stack.schedulers[which].signal(Signal::SIGCONT)?;
            }
        }
        tokio::time::sleep(Duration::from_millis(chance.random_range(0..300))).await;
    }
    assert_settled(&stack, &names).await?;
    // A run that was lost more often than allowed is failed as poison: an outcome as well, and the only other one.
    let other = stack
        .count("SELECT count(*) FROM run WHERE status <> 'completed' AND error_code IS DISTINCT FROM 'Poison'")
        .await?;
    assert_eq!(other, 0);
    stack.finish().await
}
