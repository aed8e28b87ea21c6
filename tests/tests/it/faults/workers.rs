//! Workers that die, freeze or stop.

use anyhow::Context as _;
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{
    engine,
    lock::RowLock,
    settled::assert_settled,
    stack::{Options, Stack},
};

use crate::faults::{MINUTE, all_active, quick, recorded, submit_one, without_workers};

/// A script that holds its first try for ever; any later one shows what it finds.
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
    let backend = lock.blocks("(claimed).fence").await?;
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
    lock.blocks("(claimed).fence").await?;
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
    lock.blocks("lease_finish").await?;
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
    // Nobody is there to end the container but the init inside it.
    stack
        .until("the frozen worker's container has ended by itself", MINUTE, async || {
            Ok((!engine::running(&stack.instance, "second").await?.contains(&container)).then_some(()))
        })
        .await?;
    stack.add_worker()?;
    stack.resource_becomes("frozen", "it", "active").await?;

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
    lock.blocks("lease_step_ended").await?;
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
    let resource: uuid::Uuid = sqlx::query_scalar("SELECT id FROM resource").fetch_one(&stack.pool).await?;
    let state = format!("/api/resources/{resource}/state");
    let made = stack
        .until("a state with the three items is stored while the apply goes on", MINUTE, async || {
            let answer = stack.client.send(Method::GET, &state, &[], None).await?;
            // Not there yet, or all there is of it is an empty one.
            let items = item_ids(&answer.body);
            Ok((answer.status.is_success() && items.len() == 3).then_some(items))
        })
        .await?;
    stack.workers[0].kill9()?;
    stack.add_worker()?;
    stack.resource_becomes("terra", "it", "active").await?;
    assert_eq!(
        item_ids(&stack.client.get(&state).await?),
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
async fn a_run_that_takes_its_workers_with_it_ends_as_poison() -> anyhow::Result<()> {
    let options =
        Options { lease_ttl_s: 3, configure: |config| config.scheduler.max_losses = 1, ..Options::scripted() };
    let mut stack = Stack::start(options).await?;
    let run = submit_one(&stack, "poison", "scripted", &json!({"script": r#"{"hang": true}"#})).await?;
    for worker in 0..2 {
        stack.run_becomes(&run, &["running"]).await?;
        stack.workers[worker].kill9()?;
        stack.add_worker()?;
        stack
            .until("the loss is noticed", MINUTE, async || {
                Ok((stack.client.run(&run).await?["losses"] == worker + 1).then_some(()))
            })
            .await?;
    }
    let failed = stack.resource_becomes("poison", "it", "failed").await?;
    assert_eq!(failed["error_code"], "Poison", "{failed:#}");
    // The third worker is spared, and works.
    submit_one(&stack, "after", "scripted", &json!({})).await?;
    assert_settled(&stack, &["poison".into(), "after".into()]).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_run_cancelled_while_its_worker_is_dead_ends_as_cancelled() -> anyhow::Result<()> {
    let mut stack = Stack::start(Options { lease_ttl_s: 3, ..Options::scripted() }).await?;
    let run = submit_one(&stack, "unwanted", "scripted", &json!({"script": r#"{"hang": true}"#})).await?;
    stack.run_becomes(&run, &["running"]).await?;
    stack.workers[0].kill9()?;
    let answer = stack.client.post(&format!("/api/workflows/{run}/cancel"), &json!({})).await?;
    assert!(answer.status.is_success(), "{:#}", answer.body);
    stack.run_becomes(&run, &["cancelled"]).await?;
    assert_settled(&stack, &["unwanted".into()]).await?;
    stack.finish().await
}
