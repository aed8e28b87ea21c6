//! What is changed behind Slipway's back is found, told and mended; what no workflow can mend, a person decides.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection};
use tests::{
    score::Score,
    settled::assert_settled,
    stack::{Options, Stack},
};

const MINUTE: Duration = Duration::from_secs(60);

fn id(resource: &Value) -> anyhow::Result<&str> {
    resource["id"].as_str().context("a resource without an id")
}

async fn ask(stack: &Stack, resource: &Value, what: &str, body: &Value) -> anyhow::Result<(StatusCode, Value)> {
    let answer = stack.client.post(&format!("/api/resources/{}/{what}", id(resource)?), body).await?;
    Ok((answer.status, answer.body))
}

/// Waits until the resource was looked at after `before` and is idle.
async fn looked_at(stack: &Stack, application: &str, name: &str, state: &str) -> anyhow::Result<Value> {
    stack
        .until("a look at the resource", MINUTE, async || {
            let found = stack.client.resource(application, name).await?;
            Ok(found.filter(|it| it["state"] == state && it["current_run_id"].is_null() && !it["read_at"].is_null()))
        })
        .await
}

#[tokio::test]
async fn a_database_altered_by_hand_is_found_told_and_mended() -> anyhow::Result<()> {
    let stack = Stack::start(Options { tenants: true, ..Options::default() }).await?;
    let yaml = Score::new("ledger").resource("db", "postgres", &json!({"connection_limit": 9})).yaml();
    stack.client.submit(&yaml).await?.ok()?;
    let made = stack.resource_becomes("ledger", "db", "active").await?;
    let before = chrono::Utc::now();

    let (status, _) = ask(&stack, &made, "read", &json!({})).await?;
    assert_eq!(status, StatusCode::ACCEPTED);
    let same = looked_at(&stack, "ledger", "db", "active").await?;
    assert!(same["drift"].is_null(), "{same:#}");
    assert!(same["outputs"]["size_bytes"].is_number(), "a look refreshes the outputs: {same:#}");
    assert!(!same["outputs"]["uri"].is_null(), "and takes none away");

    let name = same["outputs"]["username"].as_str().context("a database without a role")?.to_owned();
    let tenants = stack.tenants.as_ref().context("no server for tenants")?;
    let mut admin = PgConnection::connect(&tenants.url("postgres")).await?;
    admin.execute(sqlx::AssertSqlSafe(format!("ALTER ROLE \"{name}\" CONNECTION LIMIT 3"))).await?;
    ask(&stack, &made, "read", &json!({})).await?;
    let drifted = stack.resource_becomes("ledger", "db", "degraded").await?;
    assert_eq!(drifted["error_code"], "Drift");
    assert!(drifted["drift"].to_string().contains("connection limit of its role is 3, not 9"), "{drifted:#}");

    ask(&stack, &made, "reconcile", &json!({})).await?;
    let mended = stack.resource_becomes("ledger", "db", "active").await?;
    assert!(mended["drift"].is_null(), "{mended:#}");
    let limit: i32 = sqlx::query_scalar("SELECT rolconnlimit FROM pg_roles WHERE rolname = $1")
        .bind(&name)
        .fetch_one(&mut admin)
        .await?;
    assert_eq!(limit, 9);

    // What it looked like before anyone altered it.
    let path = format!("/api/resources/{}/snapshot?at={}", id(&made)?, before.format("%Y-%m-%dT%H:%M:%S%.6fZ"));
    let then = stack.client.get(&path).await?;
    assert_eq!((&then["state"], &then["generation"]), (&json!("active"), &json!(1)), "{then:#}");
    assert_eq!(then["outputs"]["password"], "***");
    assert_settled(&stack, &["ledger".into()]).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_schedule_finds_drift_that_nobody_asked_for() -> anyhow::Result<()> {
    let options = Options { tenants: true, drift_check: Some("* * * * * *"), ..Options::default() };
    let stack = Stack::start(options).await?;
    let yaml = Score::new("ledger").resource("db", "postgres", &json!({})).yaml();
    stack.client.submit(&yaml).await?.ok()?;
    let made = stack.resource_becomes("ledger", "db", "active").await?;
    let name = made["outputs"]["name"].as_str().context("a database without a name")?.to_owned();
    let tenants = stack.tenants.as_ref().context("no server for tenants")?;
    let mut admin = PgConnection::connect(&tenants.url("postgres")).await?;
    admin.execute(sqlx::AssertSqlSafe(format!("ALTER ROLE \"{name}\" CREATEDB"))).await?;
    let drifted = stack.resource_becomes("ledger", "db", "degraded").await?;
    assert!(drifted["drift"].to_string().contains("create databases"), "{drifted:#}");
    stack.finish().await
}

#[tokio::test]
async fn a_person_adopts_imports_and_forgets_what_no_workflow_can_mend() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let yaml = Score::new("old").resource("queue", "unheard-of", &json!({"size": 3})).yaml();
    stack.client.submit(&yaml).await?.ok()?;
    let failed = stack.resource_becomes("old", "queue", "failed").await?;

    let wrong = json!({"outputs": {"host": "q.example"}, "sensitive": ["token"]});
    assert_eq!(ask(&stack, &failed, "import", &wrong).await?.0, StatusCode::BAD_REQUEST);
    let outputs =
        json!({"outputs": {"host": "q.example", "token": "s3cret"}, "sensitive": ["token"], "reason": "made by hand"});
    let (status, imported) = ask(&stack, &failed, "import", &outputs).await?;
    assert_eq!((status, &imported["state"]), (StatusCode::OK, &json!("active")), "{imported:#}");
    assert_eq!(imported["outputs"], json!({"host": "q.example", "token": "***"}));
    let (status, adopted) = ask(&stack, &failed, "adopt", &json!({"reason": "it is fine"})).await?;
    assert_eq!((status, &adopted["state"]), (StatusCode::OK, &json!("active")));

    let (status, forgotten) = ask(&stack, &failed, "forget", &json!({})).await?;
    assert_eq!((status, &forgotten["state"]), (StatusCode::OK, &json!("terminated")), "{forgotten:#}");
    assert_eq!(ask(&stack, &failed, "forget", &json!({})).await?.0, StatusCode::CONFLICT);
    // The same content asks for it anew.
    let again = stack.client.submit(&yaml).await?.ok()?;
    assert_eq!(again["generation"], 2, "{again:#}");
    let new = stack.resource_becomes("old", "queue", "failed").await?;
    assert_ne!(new["id"], failed["id"]);
    stack.finish().await
}

#[tokio::test]
async fn what_a_terraform_module_made_and_has_lost_is_found_and_named() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let yaml = Score::new("site").resource("tf", "terraform-demo", &json!({"label": "kept", "items": 2})).yaml();
    stack.client.submit(&yaml).await?.ok()?;
    let made = stack.resource_becomes("site", "tf", "active").await?;
    ask(&stack, &made, "read", &json!({})).await?;
    let same = looked_at(&stack, "site", "tf", "active").await?;
    assert!(same["drift"].is_null(), "{same:#}");

    let path = format!("/api/resources/{}/state", id(&made)?);
    let mut state = stack.client.get(&path).await?;
    let resources = state["resources"].as_array_mut().context("a state without resources")?;
    for resource in resources.iter_mut().filter(|it| it["name"] == "item") {
        let instances = resource["instances"].as_array_mut().context("a resource without instances")?;
        instances.retain(|instance| instance["index_key"] == 0);
    }
    state["serial"] = json!(state["serial"].as_i64().context("a state without a serial")? + 1);
    stack.client.post(&path, &state).await?.ok()?;
    ask(&stack, &made, "read", &json!({})).await?;
    let drifted = stack.resource_becomes("site", "tf", "degraded").await?;
    assert_eq!(drifted["error_code"], "Drift");
    assert!(drifted["drift"].to_string().contains("terraform_data.item[1]"), "{drifted:#}");
    stack.finish().await
}
