//! What a batch would run can be looked at before it begins.

use anyhow::Context as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use shared::store::prune::prune;
use tests::stack::{Options, Stack};

use super::fleet::{Fleet, scripted, seed};

/// Where the plan of each way stands.
fn statuses(batch: &Value) -> Vec<&str> {
    let groups = batch["preview"]["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
    groups.iter().map(|group| group["plan"]["status"].as_str().unwrap_or("nothing")).collect()
}

/// Has every vessel say what its update prints.
async fn renewing(stack: &Stack) -> anyhow::Result<()> {
    let params = json!({"renew": json!({"lines": ["scraped"]}).to_string()});
    sqlx::query("UPDATE resource SET params = $1, resolved_params = $1, applied_params = $1")
        .bind(params)
        .execute(&stack.pool)
        .await?;
    Ok(())
}

#[tokio::test]
async fn each_way_is_planned_as_the_batch_would_do_it_before_it_begins() -> anyhow::Result<()> {
    let stack = Stack::start(scripted()).await?;
    seed(&stack, 30).await?;
    renewing(&stack).await?;
    sqlx::query("UPDATE resource SET tags = '{old}' WHERE name = 'vessel-7'").execute(&stack.pool).await?;
    let batch = Fleet::create(&stack, &json!({"params": {"renew": r#"{"lines": ["painted"]}"#}})).await?;
    let seen = batch.until("is planned", |it| statuses(it) == ["ready", "ready"]).await?;
    let groups = seen["preview"]["groups"].as_array().context("no groups")?;
    assert_eq!([&groups[0]["resources"], &groups[1]["resources"]], [&json!(29), &json!(1)]);
    assert_eq!(groups[0]["plan"]["steps"], json!(["change"]));

    let sample = groups[0]["sample"].as_str().context("no sample")?;
    let item = stack.client.get(&format!("/api/batches/{}/items/{sample}", batch.id)).await?;
    assert_eq!((&item["from_version"], &item["to_version"]), (&json!("1.0.0"), &json!("2.0.0")), "{item:#}");
    assert_eq!((&item["from_workflow"], &item["workflow"]), (&Value::Null, &json!("update-vessel")));
    assert_eq!(
        item["changes"],
        json!([{"path": "/renew", "before": r#"{"lines":["scraped"]}"#, "after": r#"{"lines": ["painted"]}"#}]),
        "{item:#}"
    );
    let preview = &item["preview"];
    assert_eq!(
        [&preview["provider_version"], &preview["workflow"], &preview["operation"]],
        [&json!("2.0.0"), &json!("update-vessel"), &json!("update")]
    );
    let script = preview["plan"]["steps"][0]["config"]["script"].as_str().context("no script")?;
    assert!(script.contains("painted"), "rendered with the params of the batch: {preview:#}");

    // Any other of them, when somebody asks.
    let other = sqlx::query_scalar::<_, uuid::Uuid>("SELECT id FROM resource WHERE name = 'vessel-9'");
    let other = other.fetch_one(&stack.pool).await?;
    let asked = stack.client.post(&format!("/api/batches/{}/items/{other}/plan", batch.id), &json!({})).await?;
    assert_eq!((asked.status, &asked.body["provider_version"]), (StatusCode::OK, &json!("2.0.0")), "{:#}", asked.body);
    assert_eq!(stack.count("SELECT count(*) FROM run WHERE kind <> 'preview'").await?, 0, "plans change nothing");
    let strange = uuid::Uuid::now_v7();
    let unknown = stack.client.post(&format!("/api/batches/{}/items/{strange}/plan", batch.id), &json!({})).await?;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND, "{:#}", unknown.body);

    batch.approve().await?;
    batch.becomes("completed").await?;
    let late = stack.client.post(&format!("/api/batches/{}/items/{other}/plan", batch.id), &json!({})).await?;
    assert_eq!((late.status, &late.body["type"]), (StatusCode::CONFLICT, &json!("/problems/batch-state")));
    batch.assert_once().await?;
    stack.finish().await
}

#[tokio::test]
async fn a_preview_waits_for_no_worker_and_is_kept_until_the_batch_is_over() -> anyhow::Result<()> {
    let mut stack = Stack::start(Options { workers: 0, ..scripted() }).await?;
    seed(&stack, 5).await?;
    renewing(&stack).await?;
    let batch = Fleet::create(&stack, &json!({})).await?;
    assert_eq!(statuses(&batch.look().await?), ["pending"]);
    let id = batch.id.clone();
    drop(batch);
    stack.add_worker()?;
    let batch = Fleet { client: stack.client.clone(), stack: &stack, id };
    batch.until("is planned", |it| statuses(it) == ["ready"]).await?;
    let old =
        "UPDATE run SET finished_at = finished_at - interval '2 hours', started_at = started_at - interval '2 hours',
                              created_at = created_at - interval '2 hours'";
    sqlx::query(old).execute(&stack.pool).await?;
    prune(&stack.pool, 30, 100).await?;
    assert_eq!(statuses(&batch.look().await?), ["ready"]);
    batch.act("abort", &json!({})).await?;
    prune(&stack.pool, 30, 100).await?;
    assert_eq!(statuses(&batch.look().await?), ["gone"]);
    stack.finish().await
}

#[tokio::test]
async fn where_nothing_would_be_run_the_plan_says_why() -> anyhow::Result<()> {
    let stack = Stack::start(Options { workers: 0, ..scripted() }).await?;
    seed(&stack, 5).await?;
    let planned = async |wish: Value| {
        let batch = Fleet::create(&stack, &wish).await?;
        let plan = batch.look().await?["preview"]["groups"][0]["plan"].clone();
        anyhow::Ok((plan["status"].clone(), plan["detail"].as_str().unwrap_or_default().to_owned()))
    };
    let same = planned(json!({"provider_version": null})).await?;
    assert_eq!(same, (json!("none"), "it is as it should be already: nothing would be run".to_owned()));
    sqlx::query("UPDATE resource SET protected = true").execute(&stack.pool).await?;
    let kept = planned(json!({"provider_version": null, "operation": "delete"})).await?;
    assert_eq!(kept, (json!("none"), "it is protected from deletion: it would be left out".to_owned()));
    sqlx::query("UPDATE resource SET state = 'failed', error_code = 'StepFailed'").execute(&stack.pool).await?;
    let again = planned(json!({"provider_version": null, "operation": "retry"})).await?;
    assert!(again.0 == "none" && again.1.contains("goes on with what its last run ran"), "{again:?}");
    stack.finish().await
}

#[tokio::test]
async fn another_preview_has_other_plans() -> anyhow::Result<()> {
    let stack = Stack::start(Options { workers: 0, ..scripted() }).await?;
    seed(&stack, 5).await?;
    let batch = Fleet::create(&stack, &json!({})).await?;
    let first = batch.look().await?;
    let alter = "UPDATE resource SET params = '{\"size\": 1}', tags = '{new}'";
    sqlx::query(alter).execute(&stack.pool).await?;
    let path = format!("/api/batches/{}/approve", batch.id);
    let refused = stack.client.post(&path, &json!({"digest": first["digest"]})).await?;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    let second = batch.look().await?;
    let run = |batch: &Value| batch["preview"]["groups"][0]["plan"]["run_id"].clone();
    assert!(run(&second).is_string() && run(&second) != run(&first), "{second:#}");
    stack.finish().await
}

#[tokio::test]
async fn a_secret_that_only_the_batch_names_is_known_to_its_plan_and_to_its_runs() -> anyhow::Result<()> {
    let stack = Stack::start(scripted()).await?;
    seed(&stack, 3).await?;
    let secret = json!({"value": "ultramarine"}).to_string();
    let put = stack.client.send(Method::PUT, "/api/teams/team-0/secrets/PAINT", &[], Some(secret)).await?;
    assert_eq!(put.status, StatusCode::OK, "{:#}", put.body);
    let batch = Fleet::create(&stack, &json!({"params": {"paint": "${secrets.PAINT}"}})).await?;
    batch.until("is planned", |it| statuses(it) == ["ready"]).await?;
    batch.approve().await?;
    let over = batch.becomes("completed").await?;
    assert_eq!((&over["succeeded"], &over["failed"]), (&json!(3), &json!(0)), "{over:#}");
    let sealed = "SELECT count(*) FROM resource WHERE applied_params ->> 'paint' LIKE '%[slipway-%'";
    assert_eq!(stack.count(sealed).await?, 3, "what was applied names the secret by a token");
    let open = "SELECT count(*) FROM run WHERE inputs::text LIKE '%ultramarine%'";
    assert_eq!(stack.count(open).await?, 0);

    // And the way back from params that name none to those that name one.
    let plain = Fleet::create(
        &stack,
        &json!({"select": "type=vessel", "provider_version": null, "params": {"paint": "white"}}),
    )
    .await?;
    plain.approve().await?;
    plain.becomes("completed").await?;
    plain.act("rollback", &json!({})).await?;
    plain.becomes("rolled_back").await?;
    assert_eq!(stack.count(sealed).await?, 3, "they name it again");
    batch.assert_once().await?;
    stack.finish().await
}
