//! Real databases on a real server: changed, removed, and refused to those who knew the old password.

use anyhow::Context as _;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection};
use tests::{
    score::Score,
    settled::nothing_is_left,
    stack::{Options, Stack},
};

use super::{MINUTE, resource, runs, settled, submit, torn_down};

async fn outputs(stack: &Stack, name: &str) -> anyhow::Result<Value> {
    let id = resource(stack, "shop", name).await?["id"].as_str().context("no id")?.to_owned();
    Ok(stack.client.get(&format!("/api/resources/{id}?reveal=true")).await?["outputs"].clone())
}

fn uri(outputs: &Value) -> anyhow::Result<&str> {
    outputs["uri"].as_str().context("no uri")
}

#[tokio::test]
async fn an_update_changes_a_real_database_and_a_delete_removes_it() -> anyhow::Result<()> {
    let stack = Stack::start(Options { tenants: true, ..Options::default() }).await?;
    let spec = |params: Value, reader: bool| {
        let score = Score::new("shop").resource("db", "postgres", &params);
        if !reader {
            return score;
        }
        score.resource("reports", "postgres-reader", &json!({"database": "${resources.db.name}"}))
    };
    submit(&stack, &spec(json!({"connection_limit": 5}), true)).await?;
    settled(&stack, "shop").await?;
    let first = outputs(&stack, "db").await?;
    let mut owner = PgConnection::connect(uri(&first)?).await?;
    let limit = "SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user";
    assert_eq!(sqlx::query_scalar::<_, i32>(limit).fetch_one(&mut owner).await?, 5);
    owner.execute("CREATE TABLE orders (id int); INSERT INTO orders VALUES (7)").await?;

    // Another limit and an extension: the same database, the same password.
    submit(&stack, &spec(json!({"connection_limit": 7, "extensions": "citext, pg_trgm"}), true)).await?;
    settled(&stack, "shop").await?;
    assert_eq!(outputs(&stack, "db").await?["password"], first["password"]);
    assert_eq!(sqlx::query_scalar::<_, i32>(limit).fetch_one(&mut owner).await?, 7);
    let added = "SELECT count(*) FROM pg_extension WHERE extname IN ('citext', 'pg_trgm')";
    assert_eq!(sqlx::query_scalar::<_, i64>(added).fetch_one(&mut owner).await?, 2);
    assert_eq!(runs(&stack, "reports", "update").await?, 0, "what it names has not changed");

    // Another version of the password: the old one is of no use any more, and what was in the database still is.
    let rotated = json!({"connection_limit": 7, "extensions": "citext, pg_trgm", "password_version": "2"});
    submit(&stack, &spec(rotated.clone(), true)).await?;
    settled(&stack, "shop").await?;
    let second = outputs(&stack, "db").await?;
    assert_ne!(second["password"], first["password"]);
    assert!(PgConnection::connect(uri(&first)?).await.is_err(), "the old password still opens the database");
    let mut owner = PgConnection::connect(uri(&second)?).await?;
    assert_eq!(sqlx::query_scalar::<_, i32>("SELECT id FROM orders").fetch_one(&mut owner).await?, 7);

    // One that is asked for no more is removed; the other stays.
    let reader = outputs(&stack, "reports").await?;
    PgConnection::connect(uri(&reader)?).await?;
    submit(&stack, &spec(rotated, false)).await?;
    stack
        .until("the login is gone", MINUTE, async || {
            Ok((stack.client.resources("shop").await?.len() == 1).then_some(()))
        })
        .await?;
    assert!(PgConnection::connect(uri(&reader)?).await.is_err(), "the login is still there");
    assert_eq!(sqlx::query_scalar::<_, i32>("SELECT id FROM orders").fetch_one(&mut owner).await?, 7);

    // A limit that Postgres cannot have fails the update, and the database stays as it was.
    submit(&stack, &spec(json!({"connection_limit": 70000}), false)).await?;
    let failed = stack.resource_becomes("shop", "db", "failed").await?;
    assert_eq!(failed["error_code"], "StepFailed");
    assert_eq!(sqlx::query_scalar::<_, i32>(limit).fetch_one(&mut owner).await?, 7);

    torn_down(&stack, "shop").await?;
    assert!(PgConnection::connect(uri(&second)?).await.is_err(), "the database is still there");
    nothing_is_left(&stack).await?;
    stack.finish().await
}
