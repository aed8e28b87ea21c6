//! Runs that are larger than one value may be.

use serde_json::Value;
use shared::{
    domain::{ids::Fence, states::Applied},
    store::lease,
};

use super::world::World;

#[tokio::test]
async fn a_run_whose_steps_gave_back_more_than_one_value_of_postgres_can_be_is_given_again() -> anyhow::Result<()> {
    let world = World::new().await;
    let (run, lease) = world.claimed().await;
    let elements = 4_800;
    // As a loop's elements have them: 64 KiB each, 300 MB together.
    sqlx::query(
        "INSERT INTO step (id, run_id, name, position, type, idempotency_key, status, tries, started_at, finished_at, parent, item,
                           item_index, outputs)
         SELECT gen_random_uuid(), $1, 'one.' || i, 0, 'scripted', $1::text || i, 'completed', 1, now(), now(), 'one', 'null', i,
                jsonb_build_object('text', repeat('x', 65000))
         FROM generate_series(1, $2) i",
    )
    .bind(run.0)
    .bind(elements)
    .execute(world.pool())
    .await?;
    world.expire(run).await;
    assert_eq!(world.rescue(5).await.queued, 1);
    let fence = Fence(lease.fence.0 + 1);
    let Applied::Applied(again) = world.claim(run, fence, lease.worker_id).await else { panic!("not given") };
    assert!(again.steps.is_none(), "with the lease come the steps of a run that was not begun, and of no other");
    let steps = lease::steps(world.pool(), again.lease, None).await?;
    assert_eq!(steps.len(), 2 + usize::try_from(elements)?);
    assert_eq!(steps[1].item, Some(Value::Null), "an element may be null");
    Ok(())
}
