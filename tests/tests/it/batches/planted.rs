//! Failures in real containers, at places that the test chose.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    score::Score,
    stack::{Options, Stack},
};

use super::{
    fleet::{Fleet, plant_in, with_fleet},
    number,
};

#[tokio::test]
async fn forty_in_containers_stop_at_the_failure_that_is_one_too_many_and_go_on_and_back_from_there()
-> anyhow::Result<()> {
    let stack = Stack::start(Options { slots: 8, configure: with_fleet, ..Options::default() }).await?;
    for application in 0..4 {
        let score = (0..10).fold(Score::new(&format!("dock-{application}")), |score, hull| {
            score.resource(&format!("hull-{hull}"), "hull", &json!({}))
        });
        stack.client.submit(&score.yaml()).await?.ok()?;
    }
    stack
        .until("all are there", Duration::from_secs(180), async || {
            Ok((stack.count("SELECT count(*) FROM resource WHERE state = 'active'").await? == 40).then_some(()))
        })
        .await?;
    // A tenth may fail of the 10, the 30 and the 40 that have begun with each wave: one, three, four.
    plant_in(&stack, "hull", &json!({"change": "false"}), &[4, 13, 17, 20, 35]).await?;
    let wish = json!({
        "select": "type=hull", "provider_version": "1.0.0", "waves": "25%,75%,100%", "max_in_flight": 4, "max_failures": "10%",
    });
    let batch = Fleet::create(&stack, &wish).await?;
    assert_eq!(batch.approve().await?["preview"]["waves"], json!([10, 20, 10]));
    let stopped = batch.becomes("stopped").await?;
    assert_eq!(number(&stopped["failed"]), 4, "{stopped:#}");
    assert!(stopped["detail"].as_str().unwrap().contains("10% (3 of the 30"), "{stopped:#}");
    let stages = stopped["stages"].as_array().unwrap();
    assert_eq!((&stages[0]["failed"], &stages[0]["succeeded"]), (&json!(1), &json!(9)), "{stages:#?}");
    assert!(!stages[0]["passed_at"].is_null() && stages[1]["passed_at"].is_null(), "{stages:#?}");
    assert_eq!((&stages[1]["failed"], &stages[2]["open"]), (&json!(3), &json!(10)), "{stages:#?}");
    assert_eq!(stages[2]["started_at"], Value::Null, "nothing of the last wave is begun");
    let failed =
        "SELECT count(*) FROM batch_item WHERE batch_id = $1 AND status = 'failed' AND position = ANY ('{4,13,17,20}')";
    assert_eq!(batch.count(failed).await?, 4, "{stopped:#}");
    let begun = batch.count("SELECT count(*) FROM batch_item WHERE batch_id = $1 AND run_id IS NOT NULL").await?;
    assert_eq!(number(&stopped["succeeded"]), begun - 4, "what ran ended, and nothing runs");
    batch.assert_once().await?;

    // Who lets it go on takes those four for granted, and one more is borne.
    batch.act("resume", &json!({})).await?;
    let over = batch.becomes("completed").await?;
    assert_eq!((number(&over["succeeded"]), number(&over["failed"])), (35, 5), "{over:#}");
    batch.assert_once().await?;
    let moved = "SELECT count(*) FROM resource WHERE outputs ->> 'made_by' = '1.0.0' AND state = 'active'";
    assert_eq!(stack.count(moved).await?, 35);

    batch.act("rollback", &json!({"reason": "five of them failed"})).await?;
    let back = batch.becomes("rolled_back").await?;
    assert_eq!(number(&back["rolled_back"]), 40, "those that failed are made right too: {back:#}");
    let as_before = "SELECT count(*) FROM resource WHERE outputs ->> 'made_by' = '2.0.0' AND provider_version = '2.0.0' AND state = 'active'";
    assert_eq!(stack.count(as_before).await?, 40);
    batch.assert_once().await?;
    stack.finish().await
}
