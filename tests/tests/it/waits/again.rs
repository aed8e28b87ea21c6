//! Runs that are retried: what they keep, and what runs again.

use serde_json::{Map, json};
use shared::{
    domain::run::RunStatus,
    store::{
        lease,
        run::{self, Finish, Retry},
    },
};

use super::world::{World, plan};

#[tokio::test]
async fn a_retry_from_a_step_keeps_what_came_before_it() {
    let world = World::new().await;
    let plan = plan(&[("a", &[]), ("b", &["a"]), ("c", &["b"])]);
    let (run, lease) = world.claimed(&plan).await;
    world.execute(
        "UPDATE step SET status = 'completed', finished_at = now(), outputs = '{\"v\": 1}', variables = '{\"x\": 2}' WHERE run_id = $1",
        run.0,
    )
    .await;
    let finish = Finish::completed(Map::new(), Vec::new());
    assert!(lease::finish(&world.database.store, lease, &finish).await.unwrap().is_applied());
    let retry = async |from: Option<&str>| {
        let mut tx = world.database.store.begin().await.unwrap();
        let retry = run::retry(&mut tx, run, from, "me").await.unwrap();
        tx.commit().await.unwrap();
        retry
    };
    assert_eq!(retry(None).await, Retry::NotOver(RunStatus::Completed));
    assert_eq!(retry(Some("x")).await, Retry::UnknownStep(vec!["a".into(), "b".into(), "c".into()]));
    let Retry::Created { id: again, on_changed_files } = retry(Some("b")).await else { panic!("no retry") };
    assert_eq!(on_changed_files, [""; 0], "nothing had left a file");
    let kept: Vec<(String, String, serde_json::Value, bool)> = sqlx::query_as(
        "SELECT s.name, s.status, s.variables, s.idempotency_key = o.idempotency_key FROM step s JOIN step o ON o.run_id = $2 AND o.name = s.name
         WHERE s.run_id = $1 ORDER BY s.position",
    )
    .bind(again.0)
    .bind(run.0)
    .fetch_all(world.pool())
    .await
    .unwrap();
    let row = |name: &str, status: &str, variables, same| (name.to_owned(), status.to_owned(), variables, same);
    assert_eq!(
        kept,
        [
            row("a", "completed", json!({"x": 2}), true),
            row("b", "pending", json!({}), false),
            row("c", "pending", json!({}), false)
        ]
    );
}

#[tokio::test]
async fn a_retry_keeps_the_elements_of_a_loop_that_completed() {
    let world = World::new().await;
    let mut plan = plan(&[("each", &[])]);
    plan.steps[0].for_each = Some(json!(["x", "y"]));
    let (run, lease) = world.claimed(&plan).await;
    let each = world.step(run, "each").await.id;
    assert!(lease::spread(world.pool(), lease, each, &[json!("x"), json!("y")]).await.unwrap().is_applied());
    world
        .execute(
            "UPDATE step SET status = 'completed', finished_at = now() WHERE run_id = $1 AND name = 'each.0'",
            run.0,
        )
        .await;
    world.execute("UPDATE step SET status = 'failed', error_code = 'X', finished_at = now() WHERE run_id = $1 AND name IN ('each', 'each.1')", run.0).await;
    assert!(
        lease::finish(&world.database.store, lease, &Finish::failed("StepFailed", "x")).await.unwrap().is_applied()
    );
    let mut tx = world.database.store.begin().await.unwrap();
    let Retry::Created { id: again, .. } = run::retry(&mut tx, run, None, "me").await.unwrap() else {
        panic!("no retry")
    };
    tx.commit().await.unwrap();
    let statuses: Vec<(String, String, Option<serde_json::Value>)> =
        sqlx::query_as("SELECT name, status, item FROM step WHERE run_id = $1 ORDER BY name")
            .bind(again.0)
            .fetch_all(world.pool())
            .await
            .unwrap();
    let row = |name: &str, status: &str, item| (name.to_owned(), status.to_owned(), item);
    assert_eq!(
        statuses,
        [
            row("each", "pending", None),
            row("each.0", "completed", Some(json!("x"))),
            row("each.1", "pending", Some(json!("y")))
        ]
    );
}
