//! What becomes of submissions when parts of the system die, freeze or forget, at the worst moments there are. After each
//! fault: one outcome for every acknowledged submission, nothing recorded twice, nothing left on the engine.

use std::time::Duration;

use anyhow::Context as _;
use futures::{StreamExt as _, stream};
use nix::sys::signal::Signal;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use shared::config::EngineKind;
use tests::{
    engine,
    lock::RowLock,
    redis::command,
    score::Score,
    settled::assert_settled,
    stack::{Options, Stack},
};

const MINUTE: Duration = Duration::from_secs(60);

/// Where chance comes from; the same number, the same choices.
fn seeded() -> anyhow::Result<StdRng> {
    let seed = std::env::var("TEST_SEED").map_or(Ok(20_261_121), |text| text.parse())?;
    eprintln!("TEST_SEED={seed}");
    Ok(StdRng::seed_from_u64(seed))
}

/// Without workers at first: what is submitted stays queued until the test starts one.
fn without_workers() -> Options {
    Options { workers: 0, ..Options::scripted() }
}

fn quick() -> Options {
    Options { lease_ttl_s: 4, ..Options::default() }
}

/// Submits one application with one resource and gives the resource's run, once there is one.
async fn submit_one(stack: &Stack, name: &str, kind: &str, params: &Value) -> anyhow::Result<String> {
    stack.client.submit(&Score::new(name).resource("it", kind, params).yaml()).await?.ok()?;
    run_of(stack, name).await
}

async fn run_of(stack: &Stack, name: &str) -> anyhow::Result<String> {
    stack
        .until(&format!("{name} has a run"), MINUTE, async || {
            let resource = stack.client.resource(name, "it").await?;
            Ok(resource.and_then(|resource| {
                resource["current_run_id"].as_str().or(resource["last_run_id"].as_str()).map(str::to_owned)
            }))
        })
        .await
}

/// Submits many applications of one scripted resource each, some at a time, as impatient clients do: each is sent again,
/// under the same key, until it is acknowledged. Gives their names.
async fn submit_many(stack: &Stack, prefix: &str, count: usize, script: &Value) -> anyhow::Result<Vec<String>> {
    let names: Vec<String> = (0..count).map(|number| format!("{prefix}-{number}")).collect();
    let client = &stack.client;
    let acknowledged = stream::iter(&names).map(|name| async move {
        let yaml = Score::new(name).resource("it", "scripted", &json!({"script": script.to_string()})).yaml();
        tests::wait::until(&format!("{name} is acknowledged"), MINUTE, async || {
            // No answer, or one that says to come again: the client does.
            match client.submit_once(&yaml, name).await {
                Ok(answer) if answer.status.is_success() => Ok(Some(())),
                Ok(answer) if answer.status.is_client_error() && answer.status != 409 && answer.status != 408 => {
                    anyhow::bail!("{name} was refused: {:#}", answer.body)
                }
                Ok(_) | Err(_) => Ok(None),
            }
        })
        .await
    });
    acknowledged.buffer_unordered(4).collect::<Vec<_>>().await.into_iter().collect::<anyhow::Result<Vec<()>>>()?;
    Ok(names)
}

async fn all_active(stack: &Stack, names: &[String]) -> anyhow::Result<()> {
    assert_settled(stack, names).await?;
    let active: i64 = stack.count("SELECT count(*) FROM resource WHERE state = 'active'").await?;
    anyhow::ensure!(active == i64::try_from(names.len())?, "{active} of {} resources are active", names.len());
    Ok(())
}

/// Everything that is recorded about a run, to see whether it changes.
async fn recorded(stack: &Stack, run: &str) -> anyhow::Result<Value> {
    Ok(sqlx::query_scalar(
        "SELECT jsonb_build_object(
             'run', (SELECT to_jsonb(run) FROM run WHERE id = $1::uuid),
             'steps', (SELECT jsonb_agg(to_jsonb(step) ORDER BY position) FROM step WHERE run_id = $1::uuid),
             'attempts', (SELECT jsonb_agg(to_jsonb(attempt) ORDER BY step_id, number) FROM attempt WHERE run_id = $1::uuid),
             'resource', (SELECT to_jsonb(resource) FROM resource JOIN run ON run.resource_id = resource.id WHERE run.id = $1::uuid),
             'lines', (SELECT count(*) FROM log_line WHERE run_id = $1::uuid))",
    )
    .bind(run)
    .fetch_one(&stack.pool)
    .await?)
}

const HOLD_FIRST_TRY: &str = "[ $SLIPWAY_ATTEMPT -gt 1 ] || { echo in; sleep 600; }; cat left";

#[tokio::test]
async fn a_worker_killed_in_a_step_loses_no_run_and_repeats_no_step_that_was_over() -> anyhow::Result<()> {
    let mut stack = Stack::start(quick()).await?;
    let params = json!({"first": "echo brought > left", "second": HOLD_FIRST_TRY});
    let run = submit_one(&stack, "killed", "thing", &params).await?;
    stack.step_prints("second", "in").await?;
    stack.workers[0].kill9()?;
    stack.add_worker()?;
    stack.resource_becomes("killed", "it", "active").await?;
    let run = stack.client.run(&run).await?;
    let tries: Vec<usize> = run["steps"]
        .as_array()
        .context("no steps")?
        .iter()
        .map(|step| step["attempts"].as_array().map_or(0, Vec::len))
        .collect();
    assert_eq!(tries, [1, 2], "{run:#}");
    assert_eq!(run["losses"], 1);
    assert_eq!(run["steps"][1]["attempts"][0]["status"], "lost");
    let log = stack.client.logs(run["id"].as_str().context("no id")?).await?;
    assert!(log.contains("brought"), "the second worker did not have the first one's files:\n{log}");
    assert!(log.contains("lines are missing here"), "the log does not say that a worker was lost:\n{log}");
    all_active(&stack, &["killed".into()]).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_worker_killed_with_a_ticket_in_hand_that_it_never_claimed_loses_no_run() -> anyhow::Result<()> {
    let mut stack = Stack::start(without_workers()).await?;
    let run = submit_one(&stack, "unclaimed", "scripted", &json!({})).await?;
    stack.run_becomes(&run, &["queued"]).await?;
    let lock = RowLock::take(&stack.pool, "run", &run).await?;
    stack.add_worker()?;
    let backend = lock.blocks("lease_worker_id = $3").await?;
    stack.workers[0].kill9()?;
    // Its claim does not reach Postgres any more.
    sqlx::query("SELECT pg_terminate_backend($1)").bind(backend).execute(&stack.pool).await?;
    lock.release().await?;
    stack.add_worker()?;
    all_active(&stack, &["unclaimed".into()]).await?;
    assert_eq!(stack.client.run(&run).await?["losses"], 0, "a run that nobody had was counted as lost");
    stack.finish().await
}

#[tokio::test]
async fn a_claim_that_commits_after_its_worker_died_is_rescued() -> anyhow::Result<()> {
    let mut stack = Stack::start(Options { lease_ttl_s: 4, ..without_workers() }).await?;
    let run = submit_one(&stack, "orphan", "scripted", &json!({})).await?;
    stack.run_becomes(&run, &["queued"]).await?;
    let lock = RowLock::take(&stack.pool, "run", &run).await?;
    stack.add_worker()?;
    lock.blocks("lease_worker_id = $3").await?;
    stack.workers[0].kill9()?;
    lock.release().await?;
    stack.run_becomes(&run, &["running"]).await?;
    stack.add_worker()?;
    all_active(&stack, &["orphan".into()]).await?;
    assert_eq!(stack.client.run(&run).await?["losses"], 1);
    stack.finish().await
}

#[tokio::test]
async fn a_worker_killed_between_the_last_step_and_the_end_of_the_run_repeats_nothing() -> anyhow::Result<()> {
    let mut stack = Stack::start(Options { lease_ttl_s: 4, ..Options::scripted() }).await?;
    let run = submit_one(&stack, "almost", "scripted", &json!({"script": r#"{"sleep_ms": 1500}"#})).await?;
    stack.run_becomes(&run, &["running"]).await?;
    let resource = stack.client.resource("almost", "it").await?.context("no resource")?;
    // The end of the run writes the resource; the outcome of a step does not.
    let lock = RowLock::take(&stack.pool, "resource", resource["id"].as_str().context("no id")?).await?;
    lock.blocks("resource").await?;
    assert_eq!(stack.count("SELECT count(*) FROM step WHERE status = 'completed'").await?, 2);
    stack.workers[0].kill9()?;
    lock.release().await?;
    stack.add_worker()?;
    all_active(&stack, &["almost".into()]).await?;
    assert_eq!(stack.count("SELECT count(*) FROM attempt").await?, 2, "a step that was over was tried again");
    stack.finish().await
}

#[tokio::test]
async fn a_worker_frozen_past_its_lease_changes_nothing_when_it_wakes() -> anyhow::Result<()> {
    let mut stack = Stack::start(quick()).await?;
    let params = json!({"first": "echo brought > left", "second": HOLD_FIRST_TRY});
    let run = submit_one(&stack, "frozen", "thing", &params).await?;
    let container = stack.step_prints("second", "in").await?;
    stack.workers[0].signal(Signal::SIGSTOP)?;
    stack.add_worker()?;
    stack.resource_becomes("frozen", "it", "active").await?;
    assert!(
        !engine::running(&stack.instance, "second").await?.contains(&container),
        "the frozen worker's container runs still"
    );

    let before = recorded(&stack, &run).await?;
    stack.workers[0].signal(Signal::SIGCONT)?;
    stack
        .until("the late writes are refused and counted", MINUTE, async || {
            let refused = stack.count("SELECT coalesce(sum(refused_writes), 0)::int8 FROM worker").await?;
            let told = stack.count("SELECT count(*) FROM event WHERE type = 'write.refused'").await?;
            Ok((refused > 0 && told == refused).then_some(()))
        })
        .await?;
    assert_eq!(recorded(&stack, &run).await?, before, "the frozen worker changed something");
    stack.workers[0].check()?;
    // Both go on to work.
    submit_one(&stack, "after", "thing", &json!({})).await?;
    all_active(&stack, &["frozen".into(), "after".into()]).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_write_that_waits_in_postgres_while_its_run_is_rescued_is_refused_and_counted() -> anyhow::Result<()> {
    let mut stack = Stack::start(Options { lease_ttl_s: 3, ..Options::scripted() }).await?;
    let run = submit_one(&stack, "stale", "scripted", &json!({"script": r#"{"sleep_ms": 600}"#})).await?;
    stack
        .until("the last step runs", MINUTE, async || {
            Ok((stack.count("SELECT count(*) FROM step WHERE status = 'running' AND position = 1").await? == 1)
                .then_some(()))
        })
        .await?;
    let mut lock = RowLock::take(&stack.pool, "run", &run).await?;
    // What the worker has to say about the end of the step is on its way and waits for the row; then the worker freezes.
    lock.blocks("WITH lease AS").await?;
    stack.workers[0].signal(Signal::SIGSTOP)?;
    stack
        .until("the lease has ended", MINUTE, async || {
            Ok((stack.count("SELECT count(*) FROM run WHERE lease_until < clock_timestamp()").await? == 1)
                .then_some(()))
        })
        .await?;
    // The rescue happens under the very lock that the write waits for.
    sqlx::query(
        "WITH lost AS (UPDATE attempt SET status = 'lost', finished_at = now() WHERE run_id = $1::uuid AND status = 'running'),
              again AS (UPDATE step SET status = 'pending' WHERE run_id = $1::uuid AND status = 'running')
         UPDATE run SET status = 'queued', fence = fence + 1, losses = losses + 1, lease_worker_id = NULL, lease_until = NULL,
                queued_at = now(), ticket_sent_at = NULL WHERE id = $1::uuid",
    )
    .bind(&run)
    .execute(&mut *lock.transaction)
    .await?;
    lock.release().await?;
    stack.add_worker()?;
    stack.resource_becomes("stale", "it", "active").await?;
    let before = recorded(&stack, &run).await?;
    stack.workers[0].signal(Signal::SIGCONT)?;
    stack
        .until("the stale write is counted", MINUTE, async || {
            Ok((stack.count("SELECT count(*) FROM event WHERE type = 'write.refused'").await? > 0).then_some(()))
        })
        .await?;
    assert_eq!(recorded(&stack, &run).await?, before, "the stale write changed something");
    all_active(&stack, &["stale".into()]).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_worker_killed_in_the_middle_of_an_apply_loses_no_state() -> anyhow::Result<()> {
    let mut stack = Stack::start(Options { lease_ttl_s: 4, ..Options::default() }).await?;
    let params = json!({"label": "half", "items": 3, "hold_seconds": 20});
    submit_one(&stack, "terra", "terraform-demo", &params).await?;
    let made = stack
        .until("a state with the three items is stored while the apply goes on", MINUTE, async || {
            let state: Option<Vec<u8>> =
                sqlx::query_scalar("SELECT content FROM state_version ORDER BY version DESC LIMIT 1")
                    .fetch_optional(&stack.pool)
                    .await?;
            let Some(state) = state else { return Ok(None) };
            let items = item_ids(&serde_json::from_slice(&state)?);
            Ok((items.len() == 3).then_some(items))
        })
        .await?;
    stack.workers[0].kill9()?;
    stack.add_worker()?;
    stack.resource_becomes("terra", "it", "active").await?;
    let state: Vec<u8> = sqlx::query_scalar("SELECT content FROM state_version ORDER BY version DESC LIMIT 1")
        .fetch_one(&stack.pool)
        .await?;
    assert_eq!(
        item_ids(&serde_json::from_slice(&state)?),
        made,
        "what the killed worker's apply had made was made again"
    );
    all_active(&stack, &["terra".into()]).await?;
    stack.finish().await
}

/// Ids of the items in a Terraform state, in their order.
fn item_ids(state: &Value) -> Vec<String> {
    let resources = state["resources"].as_array().cloned().unwrap_or_default();
    let items = resources.iter().filter(|resource| resource["name"] == "item");
    let instances = items.flat_map(|resource| resource["instances"].as_array().cloned().unwrap_or_default());
    instances.filter_map(|instance| instance["attributes"]["id"].as_str().map(str::to_owned)).collect()
}

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
async fn a_worker_asked_to_stop_finishes_or_hands_back_and_counts_nothing_against_the_run() -> anyhow::Result<()> {
    let options = Options { configure: |config| config.worker.drain_s = 3, ..quick() };
    let mut stack = Stack::start(options).await?;
    let long =
        submit_one(&stack, "long", "thing", &json!({"first": "echo brought > left", "second": HOLD_FIRST_TRY})).await?;
    stack.step_prints("second", "in").await?;
    let short = stack.client.execute("script", &json!({"script": "echo up; sleep 1; echo through"})).await?;
    stack.step_prints("only", "up").await?;
    let status = stack.workers[0].stop(Signal::SIGTERM, MINUTE).await?;
    assert!(status.success(), "{status}");
    assert_eq!(stack.client.run(&short).await?["status"], "completed", "there was time for it");
    let back = stack.client.run(&long).await?;
    assert_eq!((&back["status"], &back["losses"]), (&json!("queued"), &json!(0)), "{back:#}");
    stack.add_worker()?;
    all_active(&stack, &["long".into()]).await?;
    let counted = stack.count("SELECT (SELECT sum(losses) FROM run) + (SELECT max(attempts) - 1 FROM step)").await?;
    assert_eq!(counted, 0, "the stop was counted against the run");
    stack.finish().await
}

#[tokio::test]
async fn whatever_dies_in_whatever_order_every_submission_has_one_outcome() -> anyhow::Result<()> {
    let mut chance = seeded()?;
    let options = Options { private_redis: true, workers: 2, schedulers: 2, lease_ttl_s: 3, ..Options::scripted() };
    let mut stack = Stack::start(options).await?;
    assert_eq!(stack.config.worker.engine, EngineKind::Scripted);
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
