//! The protocol of leases and fences, on a real Postgres: what design and model promise, the SQL keeps.

mod cancelled;
mod large;
mod woken;
mod world;

use std::time::Duration;

use serde_json::{Map, json};
use shared::{
    domain::{
        ids::{Fence, ResourceId, RunId},
        run::RunStatus,
        states::Applied,
        step::{AttemptStatus, StepStatus},
    },
    store::{
        lease::{self, StepOutcome},
        rescue,
        run::{self, Cancel, Finish},
    },
};
use world::{TTL, World, completed};

#[tokio::test]
async fn a_ticket_can_be_claimed_once() {
    let world = World::new().await;
    let run = world.run().await;
    let (first, second) = (world.worker(1).await, world.worker(1).await);
    let tickets = world.promote().await;
    assert_eq!(tickets, vec![(run, Fence(0))]);
    assert!(world.claim(run, Fence(0), first).await.is_applied());
    assert!(!world.claim(run, Fence(0), second).await.is_applied(), "the same ticket again is stale");
    assert_eq!(world.status(run).await, "running");
}

#[tokio::test]
async fn a_forged_ticket_runs_nothing_that_was_not_due() {
    let world = World::new().await;
    let run = world.run().await;
    let worker = world.worker(1).await;
    assert!(!world.claim(run, Fence(0), worker).await.is_applied(), "pending, not queued");
    world.promote().await;
    assert!(!world.claim(run, Fence(7), worker).await.is_applied(), "another fence");
    assert!(!world.claim(RunId::new(), Fence(0), worker).await.is_applied(), "no such run");
}

#[tokio::test]
async fn every_write_of_a_worker_that_lost_its_lease_is_refused() {
    let world = World::new().await;
    let (run, stale) = world.claimed().await;
    let one = world.step(run, "one").await;
    assert!(lease::step_started(world.pool(), stale, one.id, 1, "image").await.unwrap().is_applied());
    world.expire(run).await;
    assert_eq!(world.rescue(5).await.queued, 1);

    let pool = world.pool();
    let outcome = completed(json!({"stolen": true}));
    assert_eq!(
        lease::step_finished(pool, stale, one.id, 1, &outcome, &lease::LogEnd::default()).await.unwrap(),
        Applied::Stale
    );
    assert_eq!(lease::step_started(pool, stale, one.id, 2, "image").await.unwrap(), Applied::Stale);
    assert_eq!(lease::hand_back(&world.database.store, stale).await.unwrap(), Applied::Stale);
    assert_eq!(
        lease::finish(&world.database.store, stale, &Finish::completed(Map::new(), vec![])).await.unwrap(),
        Applied::Stale
    );
    let line = lease::LogLine {
        cursor: 1,
        step: "one".into(),
        attempt: 1,
        seq: 1,
        at: chrono::Utc::now(),
        stream: "stdout",
        text: "late".into(),
    };
    assert_eq!(lease::append_log(pool, stale, &[line]).await.unwrap(), Applied::Stale);
    assert!(lease::renew(pool, &[stale], TTL).await.unwrap().is_empty());

    let one = world.step(run, "one").await;
    assert_eq!((one.status, one.attempts, one.tries), (StepStatus::Pending, 0, 1), "a loss is not an attempt");
    assert_eq!(one.outputs, json!({}));
    assert_eq!(world.status(run).await, "queued");
}

/// The race that a join on the fence would lose: the stale write begins first and waits for the rescue's row lock.
#[tokio::test]
async fn a_stale_write_that_waited_for_the_rescue_to_commit_changes_nothing() {
    let world = World::new().await;
    let (run, stale) = world.claimed().await;
    let one = world.step(run, "one").await;
    assert!(lease::step_started(world.pool(), stale, one.id, 1, "image").await.unwrap().is_applied());
    world.expire(run).await;

    let mut rescuer = world.database.store.begin().await.unwrap();
    assert_eq!(rescue::rescue(&mut rescuer, Duration::ZERO, 5, 100).await.unwrap().queued, 1);
    let pool = world.pool().clone();
    let late = tokio::spawn(async move {
        lease::step_finished(&pool, stale, one.id, 1, &completed(json!({"late": true})), &lease::LogEnd::default())
            .await
    });
    // The late write is seen waiting for the lock before the rescue commits.
    loop {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .fetch_one(world.pool())
        .await
        .unwrap();
        if waiting > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    rescuer.commit().await.unwrap();
    assert_eq!(late.await.unwrap().unwrap(), Applied::Stale);
    assert_eq!(world.step(run, "one").await.outputs, json!({}));
}

#[tokio::test]
async fn a_recorded_outcome_survives_the_loss_of_its_worker() {
    let world = World::new().await;
    let (run, first) = world.claimed().await;
    let one = world.step(run, "one").await;
    assert!(lease::step_started(world.pool(), first, one.id, 1, "image").await.unwrap().is_applied());
    let outcome = completed(json!({"answer": 42}));
    assert!(
        lease::step_finished(world.pool(), first, one.id, 1, &outcome, &lease::LogEnd::default())
            .await
            .unwrap()
            .is_applied()
    );
    assert!(
        lease::step_finished(world.pool(), first, one.id, 1, &outcome, &lease::LogEnd::default())
            .await
            .unwrap()
            .is_applied(),
        "saying it twice is safe"
    );
    world.expire(run).await;
    world.rescue(5).await;
    let other = world.worker(1).await;
    let Applied::Applied(claimed) = world.claim(run, Fence(2), other).await else { panic!("stale") };
    assert_eq!(claimed.losses, 1);
    let one = world.step(run, "one").await;
    assert_eq!((one.status, one.attempts, one.outputs), (StepStatus::Completed, 1, json!({"answer": 42})));
}

#[tokio::test]
async fn a_run_that_is_lost_too_often_fails_as_poison() {
    let world = World::new().await;
    let (run, _) = world.claimed().await;
    for fence in [2, 4] {
        world.expire(run).await;
        assert_eq!(world.rescue(2).await.queued, 1);
        let worker = world.worker(1).await;
        assert!(world.claim(run, Fence(fence), worker).await.is_applied());
    }
    world.expire(run).await;
    assert_eq!(world.rescue(2).await.ended, 1);
    assert_eq!(world.status(run).await, "failed");
    assert_eq!(world.text("SELECT error_code FROM run WHERE id = $1", run.0).await.as_deref(), Some("Poison"));
    assert_eq!(world.resource_state(run).await, "failed");
}

#[tokio::test]
async fn handing_back_counts_neither_as_an_attempt_nor_as_a_loss() {
    let world = World::new().await;
    let (run, lease) = world.claimed().await;
    let one = world.step(run, "one").await;
    assert!(lease::step_started(world.pool(), lease, one.id, 1, "image").await.unwrap().is_applied());
    assert!(lease::hand_back(&world.database.store, lease).await.unwrap().is_applied());
    let due = rescue::due_tickets(world.pool(), Duration::from_secs(3600), 10).await.unwrap();
    assert_eq!(due.len(), 1, "its ticket is due at once");
    let Applied::Applied(claimed) = world.claim(run, due[0].fence, lease.worker_id).await else { panic!("stale") };
    assert_eq!(claimed.losses, 0);
    assert_eq!(world.step(run, "one").await.attempts, 0);
}

#[tokio::test]
async fn a_ticket_sent_again_is_the_same_ticket() {
    let world = World::new().await;
    let run = world.run().await;
    let worker = world.worker(1).await;
    let first = world.promote().await;
    let again = rescue::due_tickets(world.pool(), Duration::ZERO, 10).await.unwrap();
    assert_eq!((again[0].run_id, again[0].fence), first[0]);
    assert!(world.claim(run, first[0].1, worker).await.is_applied(), "the ticket that waited is still good");
}

#[tokio::test]
async fn cancelling_makes_waiting_tickets_stale_and_asks_running_workers() {
    let world = World::new().await;
    let (running, lease) = world.claimed().await;
    let queued = world.run().await;
    let ticket = world.promote().await;
    let mut tx = world.database.store.begin().await.unwrap();
    assert_eq!(run::request_cancel(&mut tx, queued, "me", "no").await.unwrap(), Cancel::Cancelled);
    assert_eq!(run::request_cancel(&mut tx, running, "me", "no").await.unwrap(), Cancel::Requested);
    tx.commit().await.unwrap();
    assert!(!world.claim(queued, ticket[0].1, lease.worker_id).await.is_applied());
    assert_eq!(world.status(queued).await, "cancelled");
    assert_eq!(world.resource_state(queued).await, "failed");
    let renewed = lease::renew(world.pool(), &[lease], TTL).await.unwrap();
    assert_eq!(renewed[0].cancel.as_deref(), Some("no"));
    let end = Finish::cancelled("no", "me");
    assert!(lease::finish(&world.database.store, lease, &end).await.unwrap().is_applied());
    assert!(!lease::finish(&world.database.store, lease, &end).await.unwrap().is_applied(), "the first to commit wins");
}

#[tokio::test]
async fn a_cancelled_run_whose_worker_died_ends_as_cancelled() {
    let world = World::new().await;
    let (run, _) = world.claimed().await;
    let mut tx = world.database.store.begin().await.unwrap();
    let _ = run::request_cancel(&mut tx, run, "me", "no").await.unwrap();
    tx.commit().await.unwrap();
    world.expire(run).await;
    assert_eq!(world.rescue(5).await.ended, 1);
    assert_eq!(world.status(run).await, "cancelled");
}

#[tokio::test]
async fn a_retry_goes_on_where_the_failed_run_stopped() {
    let world = World::new().await;
    let (run, lease) = world.claimed().await;
    let (one, two) = (world.step(run, "one").await, world.step(run, "two").await);
    for (step, outcome) in [
        (one.id, completed(json!({"kept": 1}))),
        (
            two.id,
            StepOutcome {
                attempt: AttemptStatus::Failed,
                step: StepStatus::Failed,
                error: Some(("StepFailed".into(), "exit 3".into())),
                exit_code: Some(3),
                ..completed(json!({}))
            },
        ),
    ] {
        assert!(lease::step_started(world.pool(), lease, step, 1, "image").await.unwrap().is_applied());
        assert!(
            lease::step_finished(world.pool(), lease, step, 1, &outcome, &lease::LogEnd::default())
                .await
                .unwrap()
                .is_applied()
        );
    }
    let store = &world.database.store;
    assert_eq!(world.retry(run).await, run::Retry::NotOver(RunStatus::Running));
    assert!(lease::finish(store, lease, &Finish::failed("StepFailed", "step two")).await.unwrap().is_applied());
    assert_eq!(world.resource_state(run).await, "failed");
    let run::Retry::Created { id: new, .. } = world.retry(run).await else { panic!("not retried") };
    assert_eq!(world.retry(run).await, run::Retry::Superseded, "one live run a resource");
    let (new_one, new_two) = (world.step(new, "one").await, world.step(new, "two").await);
    assert_eq!((new_one.status, new_one.outputs), (StepStatus::Completed, json!({"kept": 1})));
    assert_eq!(new_two.status, StepStatus::Pending);
    assert_eq!(new_two.idempotency_key, two.idempotency_key);
    assert_eq!(world.resource_state(new).await, "provisioning");
}

#[tokio::test]
async fn no_more_tickets_are_out_than_there_are_free_slots() {
    let world = World::new().await;
    for _ in 0..10 {
        world.run().await;
    }
    assert_eq!(world.promote().await.len(), 1, "one, so that a scaler sees the work");
    assert_eq!(world.promote().await.len(), 0);
    let reason =
        "SELECT wait_reason FROM queue WHERE name = 'default' AND $1 <> '00000000-0000-0000-0000-000000000000'";
    assert_eq!(world.text(reason, uuid::Uuid::now_v7()).await.as_deref(), Some("NoWorkerForQueue"));
    world.worker(3).await;
    assert_eq!(world.promote().await.len(), 2, "one is out already");
    assert_eq!(world.promote().await.len(), 0);
    assert_eq!(world.text(reason, uuid::Uuid::now_v7()).await.as_deref(), Some("QueueFull"));
}

#[tokio::test]
async fn a_team_with_many_runs_does_not_keep_another_team_waiting() {
    let world = World::new().await;
    for _ in 0..20 {
        world.run_of("many").await;
    }
    let one = world.run_of("few").await;
    world.worker(4).await;
    let promoted = world.promote().await;
    assert_eq!(promoted.len(), 4);
    assert!(promoted.iter().any(|(id, _)| *id == one));
}

#[tokio::test]
async fn two_schedulers_never_give_a_slot_twice() {
    let world = World::new().await;
    for _ in 0..40 {
        world.run().await;
    }
    world.worker(10).await;
    let passes = futures::future::join_all((0..8).map(|_| world.promote())).await;
    let total: usize = passes.iter().map(Vec::len).sum();
    assert!(total <= 10, "{total} tickets for 10 slots");
    assert_eq!(total + world.promote().await.len(), 10);
}

#[tokio::test]
async fn a_suspended_run_holds_no_lease_and_resumes_by_way_of_pending() {
    let world = World::new().await;
    let (run, lease) = world.claimed().await;
    let one = world.step(run, "one").await;
    assert!(lease::step_started(world.pool(), lease, one.id, 1, "image").await.unwrap().is_applied());
    let store = &world.database.store;
    let suspension = lease::Suspension {
        reason: shared::domain::run::WaitReason::BackingOff,
        detail: "later".into(),
        until_s: Some(0.0),
        waiting: 0,
        cancel_heeded: false,
    };
    let busy = lease::suspend(store, lease, &suspension).await.unwrap();
    assert_eq!(busy, Applied::Applied(false), "a step of it runs");
    let again = StepOutcome {
        attempt: AttemptStatus::Failed,
        step: StepStatus::Pending,
        retry_in_s: Some(0.0),
        error: Some(("StepFailed".into(), "exit 1".into())),
        ..completed(json!({}))
    };
    assert!(
        lease::step_finished(world.pool(), lease, one.id, 1, &again, &lease::LogEnd::default())
            .await
            .unwrap()
            .is_applied()
    );
    assert_eq!(lease::suspend(store, lease, &suspension).await.unwrap(), Applied::Applied(true));
    assert_eq!(world.status(run).await, "suspended");
    assert_eq!(lease::suspend(store, lease, &suspension).await.unwrap(), Applied::Stale, "the lease is given back");
    assert_eq!(rescue::resume(world.pool(), 10).await.unwrap(), 1);
    assert_eq!(world.status(run).await, "pending");
    assert_eq!(world.promote().await.len(), 1);
}

#[tokio::test]
async fn kept_state_is_versioned_and_never_goes_back() {
    let world = World::new().await;
    let (run, lease) = world.claimed().await;
    let resource: uuid::Uuid = sqlx::query_scalar("SELECT resource_id FROM run WHERE id = $1")
        .bind(run.0)
        .fetch_one(world.pool())
        .await
        .unwrap();
    let resource = ResourceId(resource);
    assert!(lease::lock_state(world.pool(), lease, resource).await.unwrap().is_applied());
    for (serial, md5) in [(1, "a"), (2, "b"), (2, "b"), (1, "old")] {
        let stored = lease::store_state(world.pool(), lease, resource, serial, "l", md5, md5.as_bytes()).await.unwrap();
        assert!(stored.is_applied());
    }
    let Applied::Applied((newest, uncertain)) = lease::latest_state(world.pool(), lease, resource).await.unwrap()
    else {
        panic!("the run does not have its own resource")
    };
    let newest = newest.unwrap();
    assert_eq!((newest.version, newest.serial, newest.content.as_slice()), (2, 2, b"b".as_slice()));
    assert!(uncertain.is_none());
}

#[tokio::test]
async fn a_fence_only_rises() {
    let world = World::new().await;
    let (run, lease) = world.claimed().await;
    let mut seen = vec![lease.fence];
    world.expire(run).await;
    world.rescue(5).await;
    let fence: i64 =
        sqlx::query_scalar("SELECT fence FROM run WHERE id = $1").bind(run.0).fetch_one(world.pool()).await.unwrap();
    seen.push(Fence(fence));
    let Applied::Applied(claimed) = world.claim(run, Fence(fence), lease.worker_id).await else { panic!("stale") };
    seen.push(claimed.lease.fence);
    assert!(lease::hand_back(&world.database.store, claimed.lease).await.unwrap().is_applied());
    let fence: i64 =
        sqlx::query_scalar("SELECT fence FROM run WHERE id = $1").bind(run.0).fetch_one(world.pool()).await.unwrap();
    seen.push(Fence(fence));
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
}
