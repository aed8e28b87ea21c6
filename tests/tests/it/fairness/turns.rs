//! How many others begin before one run of a team does, when another team has very many waiting: through the api, a scheduler and
//! a worker, by the order in which runs are claimed and by no clock.

use std::time::Duration;

use serde_json::json;
use tests::{
    crowd::crowd,
    stack::{Options, Stack},
};

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
