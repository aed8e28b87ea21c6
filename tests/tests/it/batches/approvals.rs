//! What an approval is worth: it is for the workflows as they were looked at, and for a next wave only once the one before was watched.

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use serde_json::{Value, json};
use shared::config::Config;
use tests::stack::{Options, Stack};

use super::{
    fleet::{Fleet, scripted, seed},
    number,
};

/// As [`super::fleet::with_fleet`], from a copy in the stack's own folder, which the test may change.
fn with_copied_fleet(config: &mut Config) {
    let copy = copied_fleet(config);
    copy_tree(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/fleet"), &copy).expect("the fixture can be copied");
    config.scheduler.providers.push(copy);
}

fn copied_fleet(config: &Config) -> PathBuf {
    Path::new(config.archive.url.trim_start_matches("file://")).with_file_name("fleet")
}

fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Has the workflow that brings vessels to 2.0.0 say another `made_by`, and returns when the scheduler plans with it.
async fn change_workflow(stack: &Stack, made_by: &str) -> anyhow::Result<()> {
    let file = copied_fleet(&stack.config).join("two/workflows/update-vessel.yaml");
    let text = std::fs::read_to_string(&file)?;
    let (kept, _) = text.rsplit_once("made_by: ").expect("the workflow gives made_by");
    std::fs::write(&file, format!("{kept}made_by: {made_by}\n"))?;
    // A scheduler answers, and then takes over what it stored: before it answers again.
    for _ in 0..2 {
        let answer = stack.client.post("/api/admin/providers/reload", &json!({})).await?;
        assert_eq!((answer.status, &answer.body["valid"]), (StatusCode::OK, &json!(true)), "{:#}", answer.body);
    }
    Ok(())
}

#[tokio::test]
async fn a_workflow_that_changes_voids_the_approval_before_the_batch_begins_and_in_the_middle_of_it()
-> anyhow::Result<()> {
    let stack = Stack::start(Options { slots: 4, configure: with_copied_fleet, ..Options::scripted() }).await?;
    seed(&stack, 100).await?;
    let slow = json!({"renew": json!({"sleep_ms": 200}).to_string()});
    sqlx::query("UPDATE resource SET params = $1, resolved_params = $1, applied_params = $1")
        .bind(slow)
        .execute(&stack.pool)
        .await?;
    let wish = json!({"waves": "100%", "max_in_flight": 4, "max_failures": "0", "window": "0 0 1 1 *"});
    let batch = Fleet::create(&stack, &wish).await?;
    let looked_at = batch.approve().await?["digest"].clone();
    batch.until("waits for its window", |it| it["detail"].as_str().unwrap().contains("waits for its window")).await?;

    // Before it begins.
    change_workflow(&stack, "another").await?;
    sqlx::query("UPDATE batch SET window_cron = NULL").execute(&stack.pool).await?;
    let void = batch.becomes("approval_void").await?;
    assert!(void["detail"].as_str().unwrap().contains("workflows have changed since it was approved"), "{void:#}");
    assert_ne!(void["digest"], looked_at);
    assert_eq!(void["started_at"], Value::Null);
    assert_eq!(batch.count("SELECT count(*) FROM run WHERE batch_id = $1").await?, 0);

    // In the middle.
    batch.approve().await?;
    batch.until("is at it", |it| number(&it["succeeded"]) > 4).await?;
    change_workflow(&stack, "a-third").await?;
    let void = batch.becomes("approval_void").await?;
    let why = "the workflow update-vessel of fleet@2.0.0 is not the one that was approved: look at the new preview, and approve it anew";
    assert_eq!((&void["detail"], &void["approved_by"]), (&json!(why), &Value::Null), "{void:#}");
    let done = number(&void["succeeded"]);
    assert!((5..100).contains(&done) && number(&void["remaining"]) == 100 - done, "{void:#}");
    assert_eq!(batch.count("SELECT count(*) FROM run WHERE batch_id = $1").await?, done, "nothing of it is begun");
    assert_eq!(stack.count("SELECT count(*) FROM event WHERE type = 'batch.approval_void'").await?, 2);

    // Approved anew it goes on with what was looked at then, and does not again what was done.
    batch.approve().await?;
    let over = batch.becomes("completed").await?;
    assert_eq!((number(&over["succeeded"]), number(&over["failed"])), (100, 0), "{over:#}");
    batch.assert_once().await?;
    for (made_by, expected) in [("2.0.0", 0), ("another", done), ("a-third", 100 - done)] {
        let sql = "SELECT count(*) FROM resource WHERE outputs ->> 'made_by' = $1";
        let made: i64 = sqlx::query_scalar(sql).bind(made_by).fetch_one(&stack.pool).await?;
        assert_eq!(made, expected, "by the workflow that says {made_by}");
    }
    stack.finish().await
}

#[tokio::test]
async fn a_wave_that_is_well_is_watched_for_the_bake_time_and_looked_at_before_the_next_begins() -> anyhow::Result<()> {
    let stack = Stack::start(scripted()).await?;
    seed(&stack, 30).await?;
    let batch = Fleet::create(&stack, &json!({"waves": "3,100%", "bake": "2s", "verify": true})).await?;
    batch.approve().await?;
    let over = batch.becomes("completed").await?;
    assert_eq!((number(&over["succeeded"]), number(&over["failed"])), (30, 0), "{over:#}");
    let moment = |wave: usize, what: &str| -> DateTime<Utc> {
        over["stages"][wave][what]
            .as_str()
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| panic!("{what}: {over:#}"))
    };
    let baked = moment(0, "bake_until");
    assert_eq!((baked - moment(0, "ended_at")).num_seconds(), 2, "{over:#}");
    assert!(moment(0, "passed_at") >= baked && moment(1, "started_at") >= baked, "{over:#}");
    let early = "SELECT count(*) FROM batch_item i JOIN batch_wave w ON w.batch_id = i.batch_id AND w.number = 0
                 WHERE i.batch_id = $1 AND i.wave = 1 AND i.started_at < w.bake_until";
    assert_eq!(batch.count(early).await?, 0, "one of the second wave began too early");
    // Each was looked at after it was done, those of the first wave before the second began.
    assert_eq!(stack.count("SELECT count(*) FROM run WHERE operation = 'read' AND status = 'completed'").await?, 30);
    let late =
        "SELECT count(*) FROM batch_item i JOIN run ON run.resource_id = i.resource_id AND run.operation = 'read'
                JOIN batch_wave w ON w.batch_id = i.batch_id AND w.number = 1
                WHERE i.batch_id = $1 AND i.wave = 0 AND run.finished_at > w.started_at";
    assert_eq!(batch.count(late).await?, 0, "one of the first wave was looked at too late");
    batch.assert_once().await?;
    stack.finish().await
}
