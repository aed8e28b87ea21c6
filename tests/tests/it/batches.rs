//! One operation on very many resources: in waves, with a budget of failures, approved as it was looked at, and with a way back.

mod approvals;
mod environments;
mod fleet;
mod killed;
mod people;
mod plans;
mod planted;

use anyhow::Context as _;
use fleet::{Fleet, plant, scripted, seed, with_fleet};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tests::{
    score::Score,
    stack::{Options, Stack},
};

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(-1)
}

#[tokio::test]
async fn a_batch_of_two_thousand_stops_where_its_budget_says_and_only_there() -> anyhow::Result<()> {
    let stack = Stack::start(Options { workers: 2, ..scripted() }).await?;
    seed(&stack, 2000).await?;
    // As many as the first waves bear, to the last one: 2% of 1, 200, 1000; and one in twelve of the last.
    let planted: Vec<i32> = (0..4).map(|n| 20 + n * 40).chain((0..16).map(|n| 210 + n * 45)).collect();
    let last: Vec<i32> = (1005..=2000).step_by(12).collect();
    plant(&stack, &[planted, last.clone()].concat()).await?;
    let wish = json!({"waves": "1,10%,50%,100%", "max_in_flight": 40, "max_failures": "2%"});
    let batch = Fleet::create(&stack, &wish).await?;
    let seen = batch.look().await?;
    assert_eq!((&seen["status"], &seen["total"]), (&json!("awaiting_approval"), &json!(2000)), "{seen:#}");
    assert_eq!(seen["preview"]["waves"], json!([1, 199, 800, 1000]));
    assert_eq!(seen["preview"]["by_team"].as_array().map(Vec::len), Some(10));
    assert_eq!(stack.count("SELECT count(*) FROM run WHERE kind <> 'preview'").await?, 0, "nothing begins unapproved");

    batch.approve().await?;
    let stopped = batch.becomes("stopped").await?;
    let failed = number(&stopped["failed"]);
    assert!((41..=41 + 40).contains(&failed), "41 failures stop it, and what ran then may fail: {stopped:#}");
    assert!(stopped["detail"].as_str().unwrap().contains("2% (40 of the 2000"), "{stopped:#}");
    let stages = stopped["stages"].as_array().context("no waves")?;
    assert!(stages[..3].iter().all(|it| !it["passed_at"].is_null() && it["open"] == 0), "{stages:#?}");
    assert_eq!([&stages[1]["failed"], &stages[2]["failed"]], [&json!(4), &json!(16)]);
    assert!(stages[3]["passed_at"].is_null() && number(&stages[3]["open"]) > 0, "{stages:#?}");
    // Nothing begins far behind the failure that stopped it: what was in flight, and one pass.
    let begun =
        batch.count("SELECT max(position)::bigint FROM batch_item WHERE batch_id = $1 AND run_id IS NOT NULL").await?;
    let fatal = i64::from(last[20]);
    assert!((fatal..=fatal + 40 + 100).contains(&begun), "the failure at {fatal} stopped it, and {begun} had begun");
    batch.assert_once().await?;

    // Whoever lets it go on takes what failed for granted.
    batch.act("resume", &json!({"max_failures": "100"})).await?;
    let over = batch.becomes("completed").await?;
    assert_eq!(
        (number(&over["failed"]), number(&over["succeeded"])),
        (20 + i64::try_from(last.len())?, 2000 - 20 - i64::try_from(last.len())?)
    );
    batch.assert_once().await?;
    let moved =
        stack.count("SELECT count(*) FROM resource WHERE state = 'active' AND provider_version = '2.0.0'").await?;
    assert_eq!(moved, number(&over["succeeded"]));
    stack.finish().await
}

#[tokio::test]
async fn a_batch_goes_on_whatever_is_killed_and_does_nothing_twice() -> anyhow::Result<()> {
    let mut stack = Stack::start(Options { workers: 2, schedulers: 2, slots: 8, ..scripted() }).await?;
    seed(&stack, 300).await?;
    let slow = json!({"renew": json!({"sleep_ms": 100}).to_string()});
    sqlx::query("UPDATE resource SET params = $1, resolved_params = $1, applied_params = $1")
        .bind(slow)
        .execute(&stack.pool)
        .await?;
    let other = stack.add_api().await?;
    let wish = json!({"waves": "5%,100%", "max_in_flight": 25, "max_failures": "0"});
    let id = {
        let batch = Fleet::create(&stack, &wish).await?;
        batch.approve().await?;
        batch.until("is at it", |it| number(&it["succeeded"]) > 20).await?;
        batch.id
    };
    stack.schedulers[0].kill9()?;
    stack.workers[0].kill9()?;
    stack.api.kill9()?;
    stack.add_worker()?;
    stack.schedulers[0].restart()?;
    let client = stack.client.with_base(&other);
    let batch = Fleet { client: client.clone(), stack: &stack, id };
    batch.until("goes on", |it| number(&it["succeeded"]) > 100).await?;
    let batch = {
        let id = batch.id;
        stack.schedulers[1].kill9()?;
        stack.api.restart()?;
        Fleet { client, stack: &stack, id }
    };
    let over = batch.becomes("completed").await?;
    assert_eq!((number(&over["succeeded"]), number(&over["failed"])), (300, 0), "{over:#}");
    batch.assert_once().await?;
    stack.schedulers[1].restart()?;
    stack.finish().await
}

#[tokio::test]
async fn an_approval_is_void_once_something_else_would_be_done() -> anyhow::Result<()> {
    let stack = Stack::start(scripted()).await?;
    seed(&stack, 20).await?;
    let batch = Fleet::create(&stack, &json!({"max_failures": "0", "window": "0 0 1 1 *"})).await?;
    let first = batch.look().await?["digest"].clone();
    let alter = |size: i32| {
        let sql = "UPDATE resource SET params = jsonb_build_object('size', $1::int) WHERE name = 'vessel-7'";
        sqlx::query(sql).bind(size).execute(&stack.pool)
    };
    alter(1).await?;
    let refused = stack.client.post(&format!("/api/batches/{}/approve", batch.id), &json!({"digest": first})).await?;
    assert_eq!(
        (refused.status, refused.body["type"].as_str()),
        (StatusCode::CONFLICT, Some("/problems/preview-changed"))
    );
    let second = batch.look().await?;
    assert_eq!(second["status"], "approval_void");
    assert_ne!(second["digest"], first);
    assert_eq!(refused.body["digest"], second["digest"]);

    // The window is closed, so that what was approved can change before it begins.
    batch.approve().await?;
    let waits = batch
        .until("waits for its window", |it| it["detail"].as_str().unwrap().contains("waits for its window"))
        .await?;
    assert_eq!((number(&waits["in_flight"]), &waits["started_at"]), (0, &Value::Null));
    alter(2).await?;
    sqlx::query("UPDATE batch SET window_cron = NULL").execute(&stack.pool).await?;
    let void = batch.becomes("approval_void").await?;
    assert_eq!((&void["approved_by"], number(&void["succeeded"])), (&Value::Null, 0), "{void:#}");
    assert_eq!(stack.count("SELECT count(*) FROM run WHERE kind <> 'preview'").await?, 0);
    let told = stack.count("SELECT count(*) FROM event WHERE type = 'batch.approval_void'").await?;
    assert_eq!(told, 2);
    batch.approve().await?;
    let over = batch.becomes("completed").await?;
    assert_eq!(number(&over["succeeded"]), 20);
    stack.finish().await
}

#[tokio::test]
async fn a_batch_is_paused_resumed_aborted_and_what_it_did_is_taken_back() -> anyhow::Result<()> {
    let stack = Stack::start(Options { slots: 4, ..scripted() }).await?;
    seed(&stack, 60).await?;
    let slow = json!({"renew": json!({"sleep_ms": 150}).to_string()});
    sqlx::query("UPDATE resource SET params = $1, resolved_params = $1, applied_params = $1")
        .bind(slow)
        .execute(&stack.pool)
        .await?;
    let wish = json!({"waves": "100%", "max_in_flight": 4, "params": {"size": 3}});
    let batch = Fleet::create(&stack, &wish).await?;
    let seen = batch.look().await?;
    assert_eq!(seen["preview"]["params"], json!([{"name": "size", "value": 3, "differs": 60}]));
    batch.approve().await?;
    batch.until("is at it", |it| number(&it["succeeded"]) > 4).await?;
    batch.act("pause", &json!({"reason": "look at it"})).await?;
    let paused = batch.becomes("paused").await?;
    assert!(paused["detail"].as_str().unwrap().ends_with("look at it"), "{paused:#}");
    let before = batch.count("SELECT count(*) FROM run WHERE batch_id = $1").await?;
    assert!(number(&paused["remaining"]) > 0);
    batch.act("resume", &json!({})).await?;
    batch.until("goes on", |it| number(&it["succeeded"]) > before).await?;
    batch.act("abort", &json!({})).await?;
    let aborted = batch.becomes("aborted").await?;
    let done = number(&aborted["succeeded"]);
    assert!(done < 60 && number(&aborted["remaining"]) == 60 - done, "{aborted:#}");
    let moved = "SELECT count(*) FROM resource WHERE provider_version = '2.0.0' AND applied_params ->> 'size' = '3'";
    assert_eq!(stack.count(moved).await?, done);

    // One of them was changed by others since, and is left as it is.
    sqlx::query("UPDATE resource SET overrides = '{\"size\": 4}' WHERE id = (SELECT resource_id FROM batch_item WHERE status = 'succeeded' LIMIT 1)")
        .execute(&stack.pool)
        .await?;
    batch.act("rollback", &json!({"reason": "connections are refused"})).await?;
    let back = batch.becomes("rolled_back").await?;
    assert_eq!(number(&back["rolled_back"]), done - 1, "{back:#}");
    assert_eq!(stack.count(moved).await?, 1);
    let as_before = "SELECT count(*) FROM resource WHERE provider_version = '1.0.0' AND NOT applied_params ? 'size' AND overrides = '{}' AND state = 'active'";
    assert_eq!(stack.count(as_before).await?, 60 - 1);
    assert_eq!(batch.count("SELECT count(*) FROM batch_item WHERE batch_id = $1 AND undo = 'skipped'").await?, 1);
    batch.assert_once().await?;
    let refused = stack.client.post(&format!("/api/batches/{}/resume", batch.id), &json!({})).await?;
    assert_eq!((refused.status, refused.body["type"].as_str()), (StatusCode::CONFLICT, Some("/problems/batch-state")));
    let acts = "SELECT count(*) FROM audit_entry WHERE action IN ('batch.create', 'batch.approve', 'batch.act')";
    assert_eq!(stack.count(acts).await?, 6);
    stack.finish().await
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_done_and_makes_nothing() -> anyhow::Result<()> {
    let stack = Stack::start(Options { workers: 0, ..scripted() }).await?;
    seed(&stack, 250).await?;
    let wish = json!({"select": "type=vessel,team=team-1|team-2", "operation": "update", "provider_version": "2.0.0", "waves": "1,50%",
                      "dry_run": true});
    let answer = stack.client.post("/api/batches", &wish).await?;
    assert_eq!(answer.status, StatusCode::OK, "{:#}", answer.body);
    let preview = answer.body;
    assert_eq!(preview["total"], 150, "a hundred of the second application, fifty of the third");
    assert_eq!(preview["waves"], json!([1, 74, 75]));
    assert_eq!(preview["by_team"], json!([{"name": "team-1", "count": 100}, {"name": "team-2", "count": 50}]));
    let group = &preview["groups"][0];
    assert_eq!(
        (&group["from_version"], &group["to_version"], &group["workflow"]),
        (&json!("1.0.0"), &json!("2.0.0"), &json!("update-vessel"))
    );
    assert_eq!(
        stack.count("SELECT count(*) FROM batch").await? + stack.count("SELECT count(*) FROM batch_item").await?,
        0
    );
    // The same again is the same digest; and with it the batch is made, or with another it is not.
    let mut real = wish.clone();
    (real["dry_run"], real["digest"]) = (json!(false), json!("00"));
    let other = stack.client.post("/api/batches", &real).await?;
    assert_eq!((other.status, other.body["type"].as_str()), (StatusCode::CONFLICT, Some("/problems/preview-changed")));
    real["digest"] = preview["digest"].clone();
    let made = stack.client.post("/api/batches", &real).await?;
    assert_eq!(made.status, StatusCode::CREATED, "{:#}", made.body);
    assert_eq!(made.body["digest"], preview["digest"]);

    for (wish, status, kind) in [
        (json!({"select": "type=unheard-of", "operation": "update"}), 422, "nothing-selected"),
        (
            json!({"select": "type=vessel,provider=fleet", "operation": "update", "provider_version": "9.0.0"}),
            422,
            "no-version",
        ),
        (json!({"select": "state=fine", "operation": "update"}), 400, "bad-request"),
        (json!({"select": "*", "operation": "read", "params": {"a": 1}}), 400, "bad-request"),
        (json!({"select": "*", "operation": "update", "waves": "10%,5%"}), 400, "bad-request"),
        (json!({"select": "*", "operation": "update", "window": "at night"}), 400, "bad-request"),
    ] {
        let answer = stack.client.post("/api/batches", &wish).await?;
        assert_eq!(answer.status.as_u16(), status, "{wish}: {:#}", answer.body);
        assert_eq!(answer.body["type"], format!("/problems/{kind}"), "{wish}: {:#}", answer.body);
    }
    stack.finish().await
}

#[tokio::test]
async fn what_is_busy_waits_and_holds_nobody_up_and_what_is_gone_is_left_out() -> anyhow::Result<()> {
    let stack = Stack::start(scripted()).await?;
    seed(&stack, 10).await?;
    let batch = Fleet::create(&stack, &json!({"waves": "100%", "max_in_flight": 2, "window": "0 0 1 1 *"})).await?;
    batch.approve().await?;
    // One has a run of somebody else's that does not end; one is being removed.
    let hanging = json!({"change": json!({"hang": true}).to_string()});
    sqlx::query("UPDATE resource SET overrides = $1, reconcile_requested_at = now() WHERE name = 'vessel-3'")
        .bind(&hanging)
        .execute(&stack.pool)
        .await?;
    sqlx::raw_sql("NOTIFY slipway").execute(&stack.pool).await?;
    stack
        .until("the other run hangs", std::time::Duration::from_secs(30), async || {
            let running =
                "SELECT count(*) FROM run WHERE status = 'running' AND batch_id IS NULL AND kind <> 'preview'";
            Ok((stack.count(running).await? == 1).then_some(()))
        })
        .await?;
    // What was looked at is as it was, but for the one that is gone.
    sqlx::query("UPDATE batch SET window_cron = NULL, started_at = now(), digest = approved_digest")
        .execute(&stack.pool)
        .await?;
    sqlx::query("UPDATE batch_wave SET started_at = now()").execute(&stack.pool).await?;
    sqlx::query("UPDATE resource SET desired = 'absent', state = 'terminated' WHERE name = 'vessel-5'")
        .execute(&stack.pool)
        .await?;
    let left =
        batch.until("waits for one", |it| number(&it["succeeded"]) == 8 && number(&it["remaining"]) == 1).await?;
    assert_eq!((number(&left["skipped"]), &left["status"]), (1, &json!("running")), "{left:#}");
    let open = batch.items("open").await?;
    assert_eq!(open[0]["resource"], "vessel-3");
    assert!(batch.items("skipped").await?[0]["detail"].as_str().unwrap().contains("removed"));
    let busy = open[0]["resource_id"].as_str().context("no id")?.to_owned();
    let run: uuid::Uuid = sqlx::query_scalar("SELECT current_run_id FROM resource WHERE id = $1::uuid")
        .bind(&busy)
        .fetch_one(&stack.pool)
        .await?;
    stack.client.post(&format!("/api/workflows/{run}/cancel"), &json!({})).await?.ok()?;
    let over = batch.becomes("completed").await?;
    // It has other params now than those that were approved.
    assert_eq!((number(&over["succeeded"]), number(&over["skipped"])), (8, 2), "{over:#}");
    batch.assert_once().await?;
    stack.finish().await
}

#[tokio::test]
async fn a_wave_that_is_not_well_after_its_bake_time_stops_the_batch() -> anyhow::Result<()> {
    let stack = Stack::start(scripted()).await?;
    seed(&stack, 30).await?;
    let drifting = json!({"look": json!({"outputs": {"drift": "its mast is gone"}}).to_string()});
    sqlx::query("UPDATE resource SET params = $1, resolved_params = $1, applied_params = $1 WHERE id = (SELECT id FROM resource ORDER BY md5(id::text) LIMIT 1)")
        .bind(drifting)
        .execute(&stack.pool)
        .await?;
    let batch = Fleet::create(&stack, &json!({"waves": "3,100%", "verify": true, "bake": "1s"})).await?;
    batch.approve().await?;
    let stopped = batch.becomes("stopped").await?;
    assert_eq!(
        (number(&stopped["succeeded"]), number(&stopped["failed"]), number(&stopped["remaining"])),
        (2, 1, 27),
        "{stopped:#}"
    );
    assert!(stopped["failures"][0]["detail"].as_str().unwrap().contains("degraded after the bake time"), "{stopped:#}");
    batch.assert_once().await?;
    stack.finish().await
}

#[tokio::test]
async fn what_failed_in_a_batch_is_retried_and_read_and_removed_by_others() -> anyhow::Result<()> {
    let stack = Stack::start(scripted()).await?;
    seed(&stack, 12).await?;
    plant(&stack, &[2, 5]).await?;
    let batch = Fleet::create(&stack, &json!({"waves": "100%", "max_failures": "50%"})).await?;
    batch.approve().await?;
    let over = batch.becomes("completed").await?;
    assert_eq!(number(&over["failed"]), 2, "{over:#}");
    let of = async |select: String, operation: &str| {
        let wish = json!({"select": select, "operation": operation, "waves": "100%", "max_failures": "100%", "provider_version": null});
        let batch = Fleet::create(&stack, &wish).await?;
        batch.approve().await?;
        let over = batch.becomes("completed").await?;
        batch.assert_once().await?;
        anyhow::Ok(over)
    };
    // They fail again, as they must.
    let again = of(format!("failed-in={}", batch.id), "retry").await?;
    assert_eq!((number(&again["total"]), number(&again["failed"])), (2, 2), "{again:#}");
    let read = of("type=vessel,state=active".into(), "read").await?;
    assert_eq!((number(&read["total"]), number(&read["succeeded"])), (10, 10), "{read:#}");
    let anew = of("type=vessel,state=active".into(), "reprovision").await?;
    assert_eq!((number(&anew["succeeded"]), number(&anew["skipped"])), (10, 0), "{anew:#}");
    let same = of("type=vessel,state=active".into(), "update").await?;
    assert_eq!((number(&same["succeeded"]), number(&same["skipped"])), (0, 10), "{same:#}");
    sqlx::query("UPDATE resource SET protected = true WHERE name = 'vessel-1'").execute(&stack.pool).await?;
    let gone = of("type=vessel,state=active".into(), "delete").await?;
    assert_eq!(
        number(&gone["skipped"]),
        i64::from(number(&gone["total"]) == 10 && number(&gone["succeeded"]) == 9),
        "{gone:#}"
    );
    stack.finish().await
}

#[tokio::test]
async fn forty_resources_in_containers_are_changed_in_waves_and_taken_back() -> anyhow::Result<()> {
    let stack = Stack::start(Options { slots: 8, configure: with_fleet, ..Options::default() }).await?;
    for application in 0..4 {
        let mut score = Score::new(&format!("dock-{application}"));
        for hull in 0..10 {
            score = score.resource(&format!("hull-{hull}"), "hull", &json!({}));
        }
        stack.client.submit(&score.yaml()).await?.ok()?;
    }
    stack
        .until("all are there", std::time::Duration::from_secs(180), async || {
            Ok((stack.count("SELECT count(*) FROM resource WHERE state = 'active'").await? == 40).then_some(()))
        })
        .await?;
    let wish = json!({"select": "type=hull", "provider_version": "1.0.0", "params": {"colour": "red"}, "waves": "1,10%,100%", "max_in_flight": 8});
    let batch = Fleet::create(&stack, &wish).await?;
    let seen = batch.approve().await?;
    assert_eq!(seen["preview"]["waves"], json!([1, 3, 36]));
    assert!(number(&seen["preview"]["expected"]["seconds"]) >= 0 || seen["preview"]["expected"].is_null());
    let over = batch.becomes("completed").await?;
    assert_eq!((number(&over["succeeded"]), number(&over["failed"])), (40, 0), "{over:#}");
    let red = "SELECT count(*) FROM resource WHERE outputs ->> 'colour' = 'red' AND outputs ->> 'made_by' = '1.0.0' AND state = 'active'";
    assert_eq!(stack.count(red).await?, 40);
    batch.act("rollback", &json!({})).await?;
    let back = batch.becomes("rolled_back").await?;
    assert_eq!(number(&back["rolled_back"]), 40, "{back:#}");
    let grey = "SELECT count(*) FROM resource WHERE outputs ->> 'colour' = 'grey' AND outputs ->> 'made_by' = '2.0.0' AND state = 'active'";
    assert_eq!(stack.count(grey).await?, 40);
    batch.assert_once().await?;
    stack.finish().await
}
