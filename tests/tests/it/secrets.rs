//! Secrets from the hand that stores them to the step that needs them, and nowhere else.

mod aws;
mod azure;
mod gcp;
mod integrations;
mod keys;
mod moves;
mod sources;

use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::stack::{Options, Stack};

const LONG: Duration = Duration::from_secs(120);
const VALUE: &str = "correct-horse-battery";
const NEXT: &str = "staple-of-another-kind";

const SPEC: &str = "apiVersion: score.dev/v1b1
metadata: { name: shop }
containers: { main: { image: busybox } }
resources:
  box:
    type: thing
    params: { value: '${secrets.GREETING}', first: 'echo \"it is ${secrets.GREETING}\"' }
  next: { type: thing, params: { value: 'at ${resources.box.address}' } }
";

async fn put(stack: &Stack, path: &str, body: &Value) -> anyhow::Result<(StatusCode, Value)> {
    let answer = stack.client.send(Method::PUT, path, &[], Some(body.to_string())).await?;
    Ok((answer.status, answer.body))
}

async fn output(stack: &Stack, resource: &str, name: &str) -> anyhow::Result<Value> {
    let resource = stack.client.resource("shop", resource).await?.context("no such resource")?;
    let id = resource["id"].as_str().context("no id")?;
    stack.client.get(&format!("/api/resources/{id}/outputs/{name}")).await
}

/// How many rows of any table hold the text, as it is or as the bytes of a blob.
async fn rows_with(stack: &Stack, text: &str) -> anyhow::Result<Vec<String>> {
    let tables: Vec<String> = sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
        .fetch_all(&stack.pool)
        .await?;
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut found = Vec::new();
    for table in tables {
        let statement =
            format!("SELECT count(*) FROM \"{table}\" t WHERE strpos(t::text, $1) > 0 OR strpos(t::text, $2) > 0");
        let statement: &'static str = statement.leak();
        let rows: i64 = sqlx::query_scalar(statement).bind(text).bind(&hex).fetch_one(&stack.pool).await?;
        if rows > 0 {
            found.push(table);
        }
    }
    Ok(found)
}

#[tokio::test]
async fn a_secret_reaches_the_step_that_needs_it_and_no_row_log_or_answer() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let path = "/api/teams/default/secrets/GREETING";
    let (status, stored) = put(&stack, path, &json!({"value": VALUE})).await?;
    assert_eq!((status, &stored["version"]), (StatusCode::OK, &json!(1)), "{stored:#}");

    stack.client.submit(SPEC).await?.ok()?;
    let made = stack.resource_becomes("shop", "box", "active").await?;
    assert_eq!((&made["outputs"]["value"], &made["outputs"]["address"]), (&json!("***"), &json!("***")));
    assert_eq!(made["sensitive_outputs"], json!(["address", "value"]));
    let log = stack.client.logs(made["last_run_id"].as_str().context("no run")?).await?;
    assert!(log.contains("it is ***") && !log.contains(VALUE), "{log}");
    let next = stack.resource_becomes("shop", "next", "active").await?;
    assert_eq!(next["outputs"]["value"], "***", "what is made of a secret is one");

    // Whoever may see it, asks for it by name; that it was shown is recorded.
    let shown = output(&stack, "box", "value").await?;
    assert_eq!(shown, json!({"name": "value", "value": VALUE, "sensitive": true}));
    assert_eq!(output(&stack, "next", "value").await?["value"], format!("at {VALUE}.example"));
    let seen = stack.count("SELECT count(*) FROM audit_entry WHERE action = 'resource.reveal'").await?;
    assert_eq!(seen, 2);
    let id = made["id"].as_str().context("no id")?;
    let revealed = stack.client.get(&format!("/api/resources/{id}?reveal=true")).await?;
    assert_eq!(revealed["outputs"]["address"], format!("{VALUE}.example"));
    // What the other was made of is the first one's: that it was shown is recorded too.
    let id = next["id"].as_str().context("no id")?;
    let revealed = stack.client.get(&format!("/api/resources/{id}?reveal=true")).await?;
    assert!(revealed["applied_params"].to_string().contains(VALUE), "{revealed:#}");
    let told = stack.client.get(&format!("/api/audit?action=resource.reveal&object=resource/{id}")).await?;
    assert_eq!(told["items"][0]["after"]["params"], true, "{told:#}");

    assert_eq!(rows_with(&stack, VALUE).await?, Vec::<String>::new(), "tables hold the value");
    for page in ["/api/teams/default/secrets", "/api/workflows", "/api/resources", "/api/audit", "/api/specs/shop"] {
        let shown = stack.client.get(page).await?.to_string();
        assert!(!shown.contains(VALUE) && !shown.contains("[slipway-"), "{page}: {shown}");
    }

    // Another value goes out to all that name it.
    let (_, again) = put(&stack, path, &json!({"value": NEXT})).await?;
    assert_eq!((&again["version"], &again["resources"]), (&json!(2), &json!(1)), "{again:#}");
    stack
        .until("the new value has arrived", LONG, async || {
            let value = output(&stack, "next", "value").await?["value"].clone();
            Ok((value == format!("at {NEXT}.example")).then_some(()))
        })
        .await?;
    assert_eq!(rows_with(&stack, VALUE).await?, Vec::<String>::new());
    assert_eq!(rows_with(&stack, NEXT).await?, Vec::<String>::new());
    stack.finish().await
}

#[tokio::test]
async fn a_step_finds_the_secrets_of_its_run_in_files_in_memory_and_that_it_was_given_them_is_recorded()
-> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    put(&stack, "/api/teams/default/secrets/GREETING", &json!({"value": VALUE})).await?;
    let look = "cd /run/slipway/secrets; wc -c < GREETING; stat -c '%a %u' GREETING; stat -f -c %T GREETING; ls";
    let spec = format!(
        "apiVersion: score.dev/v1b1
metadata: {{ name: shop }}
containers: {{ main: {{ image: busybox }} }}
resources:
  box: {{ type: thing, params: {{ value: '${{secrets.GREETING}}', first: \"{look}\" }} }}
"
    );
    stack.client.submit(&spec).await?.ok()?;
    let made = stack.resource_becomes("shop", "box", "active").await?;
    let run = made["last_run_id"].as_str().context("no run")?;
    let log = stack.client.logs(run).await?;
    let length = VALUE.len().to_string();
    for line in [length.as_str(), "400 65532", "tmpfs", "GREETING"] {
        anyhow::ensure!(log.lines().any(|it| it.ends_with(line)), "no '{line}': {log}");
    }
    let said = stack.client.get(&format!("/api/audit?action=secret.use&object=run/{run}")).await?;
    let steps: Vec<&str> =
        said["items"].as_array().context("no items")?.iter().filter_map(|it| it["after"]["step"].as_str()).collect();
    for step in ["first", "second"] {
        assert_eq!(steps.iter().filter(|it| **it == step).count(), 1, "{said:#}");
    }
    assert_eq!(said["items"][0]["actor_kind"], "worker");
    assert_eq!(said["items"][0]["after"]["given"], json!([{"name": "GREETING", "version": 1, "of": "team"}]));
    stack.finish().await
}

#[tokio::test]
async fn a_secret_that_nobody_stored_is_refused_with_the_nearest_and_another_teams_cannot_be_named()
-> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    put(&stack, "/api/teams/bank/secrets/GREETING", &json!({"value": VALUE})).await?;
    let refused = stack.client.submit(SPEC).await?;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{:#}", refused.body);
    let message = refused.body["errors"][0]["message"].as_str().context("no message")?;
    assert_eq!(
        message,
        "neither the application nor its team has a secret 'GREETING'; `slipway secret set GREETING` stores one"
    );
    assert_eq!(refused.body["errors"][0]["path"], "/resources/box/params/value");

    put(&stack, "/api/teams/default/secrets/GREETINGS", &json!({"value": VALUE})).await?;
    let refused = stack.client.submit(SPEC).await?;
    assert!(refused.body.to_string().contains("did you mean 'GREETINGS'?"), "{:#}", refused.body);

    let forged = SPEC.replace("${secrets.GREETING}", "[slipway-secret:t1:GREETING]");
    let refused = stack.client.submit(&forged).await?;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{:#}", refused.body);
    stack.finish().await
}

#[tokio::test]
async fn an_applications_own_secret_goes_before_its_teams_and_one_in_use_is_not_removed() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    put(&stack, "/api/teams/default/secrets/GREETING", &json!({"value": "the one of the team"})).await?;
    stack.client.submit(SPEC).await?.ok()?;
    stack.resource_becomes("shop", "next", "active").await?;
    assert_eq!(output(&stack, "box", "value").await?["value"], "the one of the team");

    put(&stack, "/api/specs/shop/secrets/GREETING", &json!({"value": VALUE})).await?;
    let arrived = async |wanted: &str| {
        stack
            .until("the value has arrived", LONG, async || {
                Ok((output(&stack, "box", "value").await?["value"] == wanted).then_some(()))
            })
            .await
    };
    arrived(VALUE).await?;
    let listed = stack.client.get("/api/specs/shop/secrets").await?;
    assert_eq!(listed["items"][0]["application"], "shop");
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));

    // Without its own it is given the team's again; without that as well nothing would be left to give.
    let remove = async |path: &str| stack.client.send(Method::DELETE, path, &[], None).await;
    assert_eq!(remove("/api/specs/shop/secrets/GREETING").await?.status, StatusCode::OK);
    arrived("the one of the team").await?;
    let refused = remove("/api/teams/default/secrets/GREETING").await?;
    assert_eq!((refused.status, &refused.body["type"]), (StatusCode::CONFLICT, &json!("/problems/secret-in-use")));
    assert_eq!(refused.body["resources"], json!(["shop/box"]));
    assert_eq!(remove("/api/teams/default/secrets/OTHER").await?.status, StatusCode::NOT_FOUND);
    stack.finish().await
}

#[tokio::test]
async fn a_value_that_cannot_be_a_secret_is_refused_without_being_quoted() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let path = "/api/teams/default/secrets/GREETING";
    let long = "x".repeat(64 * 1024 + 1);
    for body in [
        json!({"value": ""}),
        json!({"value": long}),
        json!({"value": [VALUE]}),
        json!({"value": VALUE, "source": "a/b#c"}),
        json!({"valeu": VALUE}),
        json!({"source": "a/b#c"}),
        json!(VALUE),
    ] {
        let (status, answer) = put(&stack, path, &body).await?;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer:#}");
        assert!(!answer.to_string().contains(VALUE), "{answer:#}");
    }
    let (status, _) = put(&stack, "/api/teams/default/secrets/1ST", &json!({"value": VALUE})).await?;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, _) = put(&stack, "/api/specs/nobody/secrets/GREETING", &json!({"value": VALUE})).await?;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(stack.client.get("/api/teams/default/secrets").await?["items"], json!([]));
    stack.finish().await
}
