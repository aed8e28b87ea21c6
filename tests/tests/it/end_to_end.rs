//! The whole system as its users meet it: real programs, real Postgres and Redis, real containers, the providers that ship.

mod containers;

use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection};
use tests::{
    score::Score,
    settled::{assert_settled, nothing_is_left},
    stack::{Options, Stack},
};

const MINUTE: Duration = Duration::from_secs(60);

fn with_tenants() -> Options {
    Options { tenants: true, ..Options::default() }
}

fn example(name: &str) -> anyhow::Result<String> {
    Ok(std::fs::read_to_string(format!("{}/../examples/{name}", env!("CARGO_MANIFEST_DIR")))?)
}

/// A resource with its secrets shown.
async fn revealed(stack: &Stack, resource: &Value) -> anyhow::Result<Value> {
    let id = resource["id"].as_str().context("a resource without an id")?;
    stack.client.get(&format!("/api/resources/{id}?reveal=true")).await
}

fn text<'a>(value: &'a Value, name: &str) -> anyhow::Result<&'a str> {
    value[name].as_str().with_context(|| format!("no text '{name}' in {value:#}"))
}

/// The last run of a resource, with its steps.
async fn last_run(stack: &Stack, resource: &Value) -> anyhow::Result<Value> {
    stack.client.run(text(resource, "last_run_id")?).await
}

fn step<'a>(run: &'a Value, name: &str) -> anyhow::Result<&'a Value> {
    let steps = run["steps"].as_array().context("a run without steps")?;
    steps.iter().find(|step| step["name"] == name).with_context(|| format!("no step {name} in {run:#}"))
}

#[tokio::test]
async fn a_submitted_application_becomes_active_and_its_database_is_really_there() -> anyhow::Result<()> {
    let stack = Stack::start(with_tenants()).await?;
    let answer = stack.client.submit(&example("shop-v1.yaml")?).await?;
    assert_eq!(answer.status, StatusCode::CREATED, "{:#}", answer.body);
    assert_eq!(answer.body["generation"], 1);

    let database = stack.resource_becomes("shop", "db", "active").await?;
    assert_eq!(database["outputs"]["password"], "***", "secrets are shown to no one who does not ask");
    let outputs = revealed(&stack, &database).await?["outputs"].clone();
    let mut tenant = PgConnection::connect(text(&outputs, "uri")?).await?;
    tenant.execute("CREATE TABLE orders (id int); INSERT INTO orders VALUES (7)").await?;
    let made: i32 = sqlx::query_scalar("SELECT id FROM orders").fetch_one(&mut tenant).await?;
    assert_eq!(made, 7);

    // The secret is in no log and in no row but the outputs themselves.
    let password = text(&outputs, "password")?.to_owned();
    let run = text(&database, "last_run_id")?;
    assert!(!stack.client.logs(run).await?.contains(&password));
    let told: i64 = sqlx::query_scalar("SELECT count(*) FROM event WHERE data::text LIKE '%' || $1 || '%'")
        .bind(&password)
        .fetch_one(&stack.pool)
        .await?;
    assert_eq!(told, 0);

    let again = stack.client.submit(&example("shop-v1.yaml")?).await?;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(again.body["unchanged"], true);
    assert_settled(&stack, &["shop".into()]).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_second_version_makes_only_what_is_new_from_the_outputs_of_what_is_there() -> anyhow::Result<()> {
    let stack = Stack::start(with_tenants()).await?;
    stack.client.submit(&example("shop-v1.yaml")?).await?.ok()?;
    let before = stack.resource_becomes("shop", "db", "active").await?;

    let answer = stack.client.submit(&example("shop-v2.yaml")?).await?.ok()?;
    assert_eq!(answer["generation"], 2);
    let reports = stack.resource_becomes("shop", "reports", "active").await?;
    let after = stack.client.resource("shop", "db").await?.context("the database is gone")?;
    assert_eq!(after["last_run_id"], before["last_run_id"], "the database was worked on again");
    assert_eq!(after["state_since"], before["state_since"]);
    assert_eq!(stack.count("SELECT count(*) FROM run").await?, 2);

    let owner = revealed(&stack, &after).await?["outputs"].clone();
    let reader = revealed(&stack, &reports).await?["outputs"].clone();
    assert_eq!(reader["name"], owner["name"], "the login is for another database");
    let mut owner = PgConnection::connect(text(&owner, "uri")?).await?;
    owner.execute("CREATE TABLE sales (id int); INSERT INTO sales VALUES (3)").await?;
    let mut reader = PgConnection::connect(text(&reader, "uri")?).await?;
    let read: i32 = sqlx::query_scalar("SELECT id FROM sales").fetch_one(&mut reader).await?;
    assert_eq!(read, 3);
    assert!(reader.execute("INSERT INTO sales VALUES (4)").await.is_err(), "a reader can write");

    // The other way round takes the login away, and leaves the database alone.
    let smaller = stack.client.submit(&example("shop-v1.yaml")?).await?.ok()?;
    assert_eq!(smaller["changes"]["remove"], json!(["reports"]));
    stack
        .until("the login is gone", MINUTE, async || {
            Ok(stack.client.resource("shop", "reports").await?.is_none().then_some(()))
        })
        .await?;
    assert_eq!(text(&stack.client.get("/api/specs/shop").await?, "status")?, "active");
    assert_settled(&stack, &["shop".into()]).await?;
    stack.finish().await
}

#[tokio::test]
async fn terraform_destroys_by_the_state_that_its_creation_left() -> anyhow::Result<()> {
    let stack = Stack::start(Options { buckets: true, ..Options::default() }).await?;
    stack.client.submit(&example("inventory.yaml")?).await?.ok()?;
    let shelf = stack.resource_becomes("inventory", "shelf", "active").await?;
    assert_eq!(shelf["outputs"]["items"], json!(["shelf-0", "shelf-1", "shelf-2"]));
    assert!(stack.count("SELECT count(*) FROM state_version").await? > 0, "no state was kept");

    let id = text(&shelf, "id")?;
    let state = stack.client.get(&format!("/api/resources/{id}/state")).await?;
    assert_eq!(
        state["outputs"]["items"]["value"], shelf["outputs"]["items"],
        "the state that people read is another one"
    );

    let deleted = stack.client.send(Method::DELETE, "/api/specs/inventory", &[], None).await?;
    assert!(deleted.status.is_success(), "{:#}", deleted.body);
    let gone = stack
        .until("the shelf is terminated", MINUTE, async || {
            let gone = stack.client.get(&format!("/api/resources/{id}")).await?;
            Ok((gone["state"] == "terminated").then_some(gone))
        })
        .await?;
    let log = stack.client.logs(text(&gone, "last_run_id")?).await?;
    assert!(log.contains("4 destroyed"), "the delete did not find what the create made:\n{log}");
    assert_eq!(stack.client.get(&format!("/api/resources/{id}/state")).await?["resources"], json!([]));
    assert_settled(&stack, &[]).await?;
    stack.finish().await
}

#[tokio::test]
async fn an_unknown_type_fails_only_its_own_resource_and_names_the_nearest() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let score = Score::new("mixed").resource("good", "thing", &json!({})).resource("bad", "postgress", &json!({}));
    stack.client.submit(&score.yaml()).await?.ok()?;
    let bad = stack.resource_becomes("mixed", "bad", "failed").await?;
    assert_eq!(bad["error_code"], "UnknownResourceType");
    let message = text(&bad, "error_message")?;
    assert!(message.contains("postgress") && message.contains("postgres"), "{message}");
    stack.resource_becomes("mixed", "good", "active").await?;
    assert_settled(&stack, &["mixed".into()]).await?;
    stack.finish().await
}

#[tokio::test]
async fn resources_are_made_in_the_order_of_what_they_need_and_a_cycle_is_refused() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let score = Score::new("chain")
        .resource("last", "thing", &json!({"value": "${resources.middle.address}!"}))
        .resource("middle", "thing", &json!({"value": "${resources.first.value}-b"}))
        .resource("first", "thing", &json!({"value": "a"}));
    stack.client.submit(&score.yaml()).await?.ok()?;
    let last = stack.resource_becomes("chain", "last", "active").await?;
    assert_eq!(last["outputs"]["value"], "a-b.example!");

    let score = Score::new("round")
        .resource("one", "thing", &json!({"value": "${resources.two.value}"}))
        .resource("two", "thing", &json!({"value": "${resources.three.value}"}))
        .resource("three", "thing", &json!({"value": "${resources.one.value}"}));
    let refused = stack.client.submit(&score.yaml()).await?;
    assert!(refused.status.is_client_error(), "{}", refused.status);
    let words = refused.body.to_string();
    let circle = ["one", "two", "three", "one", "two", "three"];
    assert!((0..3).any(|at| words.contains(&circle[at..at + 3].join(" -> "))), "{words}");
    assert_settled(&stack, &["chain".into()]).await?;
    assert_eq!(stack.count("SELECT count(*) FROM application WHERE name = 'round'").await?, 0);
    stack.finish().await
}

#[tokio::test]
async fn a_failing_step_fails_its_resource_with_the_reason_and_a_retry_goes_on_at_that_step() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    // The key of a step is made from the run that it was first in: a retried run knows by it that it is one.
    let second =
        "case $SLIPWAY_IDEMPOTENCY_KEY in $SLIPWAY_RUN_ID:*) echo 'the disk is full' >&2; exit 7;; esac; cat left";
    let score = Score::new("moody").resource("it", "thing", &json!({"first": "echo brought > left", "second": second}));
    stack.client.submit(&score.yaml()).await?.ok()?;
    let failed = stack.resource_becomes("moody", "it", "failed").await?;
    assert_eq!(failed["error_code"], "StepFailed");
    assert!(text(&failed, "error_message")?.contains("second"), "{failed:#}");
    let run = last_run(&stack, &failed).await?;
    assert_eq!((&run["status"], &step(&run, "second")?["exit_code"]), (&json!("failed"), &json!(7)));
    let first_run = text(&run, "id")?;
    assert!(stack.client.logs(first_run).await?.contains("the disk is full"));

    let retried = stack.client.post(&format!("/api/workflows/{first_run}/retry"), &json!({})).await?;
    assert_eq!(retried.status, StatusCode::ACCEPTED, "{:#}", retried.body);
    let active = stack.resource_becomes("moody", "it", "active").await?;
    let run = last_run(&stack, &active).await?;
    assert_eq!(run["retry_of"], first_run);
    assert_eq!((&step(&run, "first")?["inherited"], &step(&run, "first")?["attempts"]), (&json!(true), &json!([])));
    let second_log = stack.client.logs(text(&run, "id")?).await?;
    assert!(second_log.contains("brought"), "the files of the first try did not come along:\n{second_log}");
    assert_eq!(
        stack.count("SELECT count(*) FROM attempt JOIN step ON step.id = step_id WHERE name = 'first'").await?,
        1
    );
    assert_settled(&stack, &["moody".into()]).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_cancelled_step_gets_sigterm_and_the_run_ends_as_cancelled() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let script = "trap 'echo caught; exit 0' TERM; echo up; while :; do sleep 0.1; done";
    let run = stack.client.execute("script", &json!({"script": script})).await?;
    stack.step_prints("only", "up").await?;
    let answer =
        stack.client.post(&format!("/api/workflows/{run}/cancel"), &json!({"reason": "changed my mind"})).await?;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{:#}", answer.body);
    let over = stack.run_becomes(&run, &["cancelled", "completed", "failed"]).await?;
    assert_eq!((&over["status"], &over["cancel_reason"]), (&json!("cancelled"), &json!("changed my mind")));
    assert_eq!(step(&over, "only")?["status"], "cancelled");
    let log = stack.client.logs(&run).await?;
    assert!(log.contains("caught"), "SIGTERM did not reach the step:\n{log}");
    assert_settled(&stack, &[]).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_deleted_application_is_taken_down_in_reverse_and_its_name_is_free_again() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let score = Score::new("brief").resource("base", "thing", &json!({"value": "base"})).resource(
        "top",
        "thing",
        &json!({"value": "${resources.base.value}"}),
    );
    let first = stack.client.submit(&score.yaml()).await?.ok()?;
    stack.resource_becomes("brief", "top", "active").await?;
    let answer = stack.client.send(Method::DELETE, "/api/specs/brief", &[], None).await?;
    assert!(answer.status.is_success(), "{:#}", answer.body);
    stack
        .until("the application is deleted", MINUTE, async || {
            let gone = stack.client.send(Method::GET, "/api/specs/brief", &[], None).await?;
            Ok((gone.status == StatusCode::NOT_FOUND || gone.body["status"] == "deleted").then_some(()))
        })
        .await?;
    let order: Vec<String> = sqlx::query_scalar(
        "SELECT r.name FROM event e JOIN resource r ON r.id = e.resource_id WHERE e.type = 'resource.terminated' ORDER BY e.xid, e.id",
    )
    .fetch_all(&stack.pool)
    .await?;
    assert_eq!(order, ["top", "base"]);

    let second = stack.client.submit(&score.yaml()).await?;
    assert_eq!(second.status, StatusCode::CREATED);
    assert_eq!(second.body["generation"], 1);
    assert_ne!(second.body["application"]["id"], first["application"]["id"]);
    stack.resource_becomes("brief", "top", "active").await?;
    assert_eq!(stack.count("SELECT count(*) FROM run WHERE status = 'completed'").await?, 6);
    nothing_is_left(&stack).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_log_can_be_followed_and_taken_up_again_where_it_was_left() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let script = "for i in $(seq 1 40); do echo line-$i; sleep 0.05; done";
    let run = stack.client.execute("script", &json!({"script": script})).await?;
    let begun = stack.client.follow(&run, None, |event| event.data["text"] == "line-7").await?;
    let left_at = begun.last().and_then(|event| event.id.clone()).context("no id")?;
    let rest = stack.client.follow(&run, Some(&left_at), |_| false).await?;
    let lines = |events: &[tests::client::SentEvent]| {
        let lines = events.iter().filter(|event| event.name == "line" && event.data["stream"] == "stdout");
        lines.map(|event| event.data["text"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let all = [lines(&begun), lines(&rest)].concat();
    assert_eq!(all, (1..=40).map(|number| format!("line-{number}")).collect::<Vec<_>>());
    let end = rest.last().context("nothing came")?;
    assert_eq!((end.name.as_str(), &end.data["status"]), ("end", &json!("completed")));
    let seal = rest.iter().find(|event| event.name == "seal").context("the log was not sealed")?;
    assert!(seal.data["lines"].as_i64() >= Some(40) && seal.data["gaps"] == 0, "{seal:?}");
    stack.finish().await
}

#[tokio::test]
async fn a_golden_path_takes_inputs_and_gives_outputs() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let answer = stack
        .client
        .post("/api/workflows/execute", &json!({"workflow": "hello", "inputs": {"name": "Ada; id"}}))
        .await?;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{:#}", answer.body);
    let location = answer.location.context("no Location")?;
    let run = text(&answer.body, "id")?;
    assert_eq!(location, format!("/api/workflows/{run}"));
    let over = stack.run_becomes(run, &["completed", "failed"]).await?;
    assert_eq!(over["outputs"]["greeting"], "Hello, Ada; id.", "{over:#}");

    let wrong =
        stack.client.post("/api/workflows/execute", &json!({"workflow": "hello", "inputs": {"nmae": "x"}})).await?;
    assert!(wrong.status.is_client_error(), "{}", wrong.status);
    assert!(wrong.body.to_string().contains("nmae"), "{:#}", wrong.body);
    assert_settled(&stack, &[]).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_run_says_why_it_waits_and_a_long_wait_gives_its_slot_back() -> anyhow::Result<()> {
    let stack = Stack::start(Options { slots: 1, ..Options::scripted() }).await?;
    let elsewhere = json!({"workflow": "no-op", "inputs": {}, "queue": "gpu"});
    let elsewhere = stack.client.post("/api/workflows/execute", &elsewhere).await?.ok()?;
    let elsewhere = text(&elsewhere, "id")?.to_owned();
    stack
        .until("it waits for a worker of its queue", MINUTE, async || {
            let run = stack.client.run(&elsewhere).await?;
            Ok((run["reason"] == "NoWorkerForQueue" || run["status"] == "queued").then_some(()))
        })
        .await?;

    let retried = stack.client.execute("retried", &json!({})).await?;
    let waiting = stack.run_becomes(&retried, &["suspended"]).await?;
    assert_eq!(waiting["reason"], "BackingOff", "{waiting:#}");
    // The only slot is free meanwhile.
    let other = stack.client.execute("no-op", &json!({})).await?;
    stack.run_becomes(&other, &["completed"]).await?;
    assert_eq!(stack.client.run(&retried).await?["status"], "suspended");
    let over = stack.run_becomes(&retried, &["completed", "failed"]).await?;
    assert_eq!(
        (&over["status"], over["steps"][0]["attempts"].as_array().map(Vec::len)),
        (&json!("completed"), Some(2))
    );
    let cancelled = stack.client.post(&format!("/api/workflows/{elsewhere}/cancel"), &json!({})).await?;
    assert!(cancelled.status.is_success(), "{:#}", cancelled.body);
    assert_settled(&stack, &[]).await?;
    stack.finish().await
}
