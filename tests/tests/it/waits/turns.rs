//! Groups of runs that go one at a time.

use serde_json::{Map, json};
use shared::{
    domain::states::Applied,
    store::{
        approval::Decided,
        lease,
        run::{Cancel, Finish},
    },
};

use super::{
    child,
    world::{self, World, admin, plan},
};

fn grouped(pattern: &str) -> shared::domain::plan::Plan {
    shared::domain::plan::Plan { concurrency_group: Some(pattern.into()), ..plan(&[("one", &[])]) }
}

#[tokio::test]
async fn runs_of_a_group_go_one_at_a_time_and_delay_nobody_else() {
    let world = World::new().await;
    let env = |env: &str| Some(Map::from_iter([("env".to_owned(), json!(env))]));
    let plan = grouped("deploy-{{ .parameters.env }}");
    let first = world.run_with(&plan, |new| new.inputs = env("prod")).await;
    let second = world.run_with(&plan, |new| new.inputs = env("prod")).await;
    let third = world.run_with(&plan, |new| (new.inputs, new.priority) = (env("prod"), 100)).await;
    let other = world.run_with(&plan, |new| new.inputs = env("test")).await;
    let free = world.run(&world::plan(&[("one", &[])])).await;
    let mut promoted = world.promoted().await;
    promoted.sort();
    assert_eq!(promoted, [first, other, free]);
    assert_eq!(world.reason(second).await.as_deref(), Some("ConcurrencyGroup"));
    let shown = shared::store::run_list::find(world.pool(), second).await.unwrap().unwrap();
    assert_eq!((shown.blocked_by, shown.concurrency_group.as_deref()), (Some(first), Some("deploy-prod")));
    assert!(shown.reason_detail.unwrap().contains(&first.to_string()));

    // Suspended and going on again, it keeps its turn.
    let lease = world.claim(first).await;
    world.wait(lease, "one", json!({"kind": "approval"}), None).await;
    assert_eq!(world.suspend(lease, 1).await, Applied::Applied(true));
    assert!(world.promoted().await.is_empty());
    assert_eq!(world.decide(first, "one", &admin("ada"), true).await, Decided::Applied);
    assert_eq!(world.promoted().await, [first]);
    let lease = world.claim(first).await;
    let finish = Finish::completed(Map::new(), Vec::new());
    assert!(lease::finish(&world.database.store, lease, &finish).await.unwrap().is_applied());
    assert_eq!(world.promoted().await, [second], "the oldest, whatever its priority");
    assert_eq!(world.cancel(second).await, Cancel::Cancelled);
    assert_eq!(world.promoted().await, [third]);
}

#[tokio::test]
async fn a_run_that_a_grouped_run_started_does_not_wait_for_its_own_parent() {
    let world = World::new().await;
    let run = world.waiting(&grouped("g"), "one", child("w"), None).await;
    let made = world.start_children(&grouped("g")).await;
    assert_eq!(world.promoted().await, made, "{run} has the turn for both");
}
