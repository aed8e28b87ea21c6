//! How many others begin before one run of a team does, when another team has very many waiting: through the api, a scheduler and
//! a worker, by the order in which runs are claimed and by no clock.

use std::time::Duration;

use serde_json::json;
use tests::{
    crowd::crowd,
    stack::{Options, Stack},
};

use super::world::World;

const SLOTS: u32 = 4;
/// Two step times: every slot was given twice.
const MOST_BEFORE: i64 = 2 * SLOTS as i64;

#[tokio::test]
async fn one_run_is_among_the_next_two_turns_of_the_slots_while_another_team_has_twenty_thousand_waiting()
-> anyhow::Result<()> {
    let stack = Stack::start(Options { slots: SLOTS, lease_ttl_s: 30, ..Options::scripted() }).await?;
    let inputs = json!({"script": json!({"sleep_ms": 300}).to_string()});
    let like = stack.client.execute("scripted", &inputs).await?;
    stack.run_becomes(&like, &["completed"]).await?;
    crowd(&stack.pool, &like, "many", 20_000).await?;
    for _ in 0..5 {
        stack
            .until("all slots are taken", Duration::from_secs(60), async || {
                let running =
                    stack.count("SELECT count(*) FROM run WHERE status = 'running' AND team = 'many'").await?;
                Ok((running == i64::from(SLOTS)).then_some(()))
            })
            .await?;
        let wish = json!({"workflow": "scripted", "team": "few", "inputs": inputs});
        let run = stack.client.post("/api/workflows/execute", &wish).await?.ok()?;
        let run = run["id"].as_str().expect("a run has an id").to_owned();
        stack.run_becomes(&run, &["completed"]).await?;
        let before = "SELECT count(*) FROM event other WHERE other.type = 'run.claimed'
                        AND other.id > (SELECT id FROM event WHERE run_id = $1::uuid AND type = 'run.created')
                        AND other.id < (SELECT id FROM event WHERE run_id = $1::uuid AND type = 'run.claimed')";
        let before: i64 = sqlx::query_scalar(before).bind(&run).fetch_one(&stack.pool).await?;
        assert!(before <= MOST_BEFORE, "{before} runs began before it");
    }
    assert!(stack.count("SELECT count(*) FROM run WHERE status = 'pending'").await? > 10_000, "the others wait still");
    // At no time were more tickets out than there are slots: no run of the crowd was queued in front of one of the few.
    assert!(stack.count("SELECT count(*) FROM run WHERE status = 'queued'").await? <= i64::from(SLOTS));
    stack.finish().await
}

/// Passes over the lines of ready runs that one promotion makes.
async fn walks(world: &World) -> i64 {
    let mut tx = world.pool().begin().await.unwrap();
    for statement in ["SET LOCAL track_functions = 'all'", "SELECT promote(interval '1 hour', 500)"] {
        sqlx::query(statement).execute(&mut *tx).await.unwrap();
    }
    let calls =
        "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_xact_user_functions WHERE funcname = 'ready_lines'";
    let calls = sqlx::query_scalar(calls).fetch_one(&mut *tx).await.unwrap();
    tx.rollback().await.unwrap();
    calls
}

#[tokio::test]
async fn what_waits_where_no_slot_is_free_is_not_walked_through() {
    let world = World::with_slots(4).await;
    world.many("many", "p", 100).await;
    assert_eq!(walks(&world).await, 1, "more are ready than there are slots: somebody is chosen");
    world.settle().await;
    world.run(|new| "nobodys".clone_into(&mut new.queue)).await;
    let unserved = world.run(|new| "nobodys".clone_into(&mut new.queue)).await;
    // One ticket where there is no worker, so that a scaler sees the work.
    assert_eq!(world.settle().await, 1);
    assert_eq!(walks(&world).await, 0, "the one queue is full, and nobody serves the other");
    assert_eq!(world.reason(unserved).await.as_deref(), Some("NoWorkerForQueue"));
}
