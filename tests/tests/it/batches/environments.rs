//! What environment something is in is one rule, for batches and for freezes.

use serde_json::json;
use tests::stack::Stack;

use super::fleet::{Fleet, scripted, seed};

#[tokio::test]
async fn a_batch_and_a_freeze_mean_the_same_by_an_environment_and_production_comes_last() -> anyhow::Result<()> {
    let stack = Stack::start(scripted()).await?;
    seed(&stack, 6).await?;
    // A resource's own before its application's, `env` before `environment`, and an empty one is none.
    sqlx::raw_sql(
        r#"UPDATE application SET labels = '{"environment": "staging"}';
           UPDATE resource SET labels = '{"env": "prod"}' WHERE name = 'vessel-1';
           UPDATE resource SET labels = '{"environment": "prod"}' WHERE name = 'vessel-2';
           UPDATE resource SET labels = '{"env": "", "environment": "prod"}' WHERE name = 'vessel-3';
           UPDATE resource SET labels = '{"env": "dev", "environment": "prod"}' WHERE name = 'vessel-4'"#,
    )
    .execute(&stack.pool)
    .await?;
    for (select, total) in [("env=prod", 3), ("environment=prod", 3), ("env=dev", 1), ("env=staging", 2)] {
        let wish = json!({"select": select, "operation": "update", "provider_version": "2.0.0", "dry_run": true});
        let seen = stack.client.post("/api/batches", &wish).await?.ok()?;
        assert_eq!(seen["total"], total, "{select}");
    }
    let batch = Fleet::create(&stack, &json!({"waves": "100%"})).await?;
    let seen = batch.look().await?;
    assert_eq!(
        seen["preview"]["by_environment"],
        json!([{"name": "prod", "count": 3}, {"name": "staging", "count": 2}, {"name": "dev", "count": 1}])
    );
    let last: Vec<_> = batch.items("open").await?.iter().map(|it| it["environment"].clone()).skip(3).collect();
    assert_eq!(last, ["prod", "prod", "prod"]);
    // What freezes go by is what the runs are given.
    batch.approve().await?;
    batch.becomes("completed").await?;
    let told = "SELECT count(*) FROM run JOIN batch_candidate c ON c.id = run.resource_id WHERE run.batch_id = $1 AND run.environment = c.environment";
    assert_eq!(batch.count(told).await?, 6);
    stack.finish().await
}
