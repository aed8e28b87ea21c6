//! Whatever happens to a waiting step, in whatever order and at the same time: it has one outcome.

use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::json;
use shared::{
    domain::{ids::RunId, states::Applied},
    store::{lease, rescue, run::Finish},
};

use super::{
    told,
    world::{World, admin, plan},
};

#[derive(Clone, Copy, Debug)]
enum Event {
    Approve(bool, usize),
    /// The time to decide is up, and a scheduler looks.
    Expire(usize),
    Cancel,
    /// The deadline passes, and a scheduler looks.
    Deadline,
    /// Its worker dies, and a scheduler looks.
    Rescue,
    /// A worker takes it again, and gives it back when its steps still wait.
    Work,
}

const STEPS: [&str; 2] = ["first", "second"];

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (any::<bool>(), 0..2usize).prop_map(|(yes, step)| Event::Approve(yes, step)),
        2 => (0..2usize).prop_map(Event::Expire),
        1 => Just(Event::Cancel),
        1 => Just(Event::Deadline),
        2 => Just(Event::Rescue),
        3 => Just(Event::Work),
    ]
}

async fn happen(world: &World, run: RunId, event: Event) {
    match event {
        Event::Approve(yes, step) => {
            world.decide(run, STEPS[step], &admin("ada"), yes).await;
        }
        Event::Expire(step) => {
            sqlx::query(
                "UPDATE approval SET expires_at = now() - interval '1 second' FROM step
                 WHERE step.id = approval.step_id AND approval.run_id = $1 AND step.name = $2",
            )
            .bind(run.0)
            .bind(STEPS[step])
            .execute(world.pool())
            .await
            .unwrap();
            world.pass().await;
        }
        Event::Cancel => {
            world.cancel(run).await;
        }
        Event::Deadline => {
            world.execute("UPDATE run SET deadline_at = now() - interval '1 second' WHERE id = $1", run.0).await;
            world.pass().await;
        }
        Event::Rescue => {
            world
                .execute(
                    "UPDATE run SET lease_until = now() - interval '1 second' WHERE id = $1 AND status = 'running'",
                    run.0,
                )
                .await;
            let mut tx = world.database.store.begin().await.unwrap();
            rescue::rescue(&mut tx, std::time::Duration::ZERO, 100, 100).await.unwrap();
            tx.commit().await.unwrap();
        }
        Event::Work => work(world, run).await,
    }
}

/// What a worker does with the run: it ends it when its steps are over, and gives it back when they wait.
async fn work(world: &World, run: RunId) {
    world.promote().await;
    let Some(lease) = world.try_claim(run).await else { return };
    for _ in 0..3 {
        let (mut waiting, mut failed) = (0, false);
        for name in STEPS {
            match world.step(run, name).await.status.as_str() {
                "waiting" => waiting += 1,
                "failed" | "cancelled" => failed = true,
                _ => {}
            }
        }
        let finish = match (waiting, failed) {
            (0, true) => Finish::failed("StepFailed", "a step failed"),
            (0, false) => Finish::completed(serde_json::Map::new(), Vec::new()),
            (waiting, _) => match world.suspend(lease, waiting).await {
                Applied::Applied(false) => continue,
                Applied::Applied(true) | Applied::Stale => return,
            },
        };
        let _ = lease::finish(&world.database.store, lease, &finish).await.unwrap();
        return;
    }
}

/// A step's name, status, error and decision, and how often a decision and an end of its wait were recorded.
type Outcome = (String, String, Option<String>, Option<String>, i64, i64);

/// What must hold however it went.
async fn check(world: &World, run: RunId) -> Result<(), TestCaseError> {
    let rows: Vec<Outcome> = sqlx::query_as(
        "SELECT s.name, s.status, s.error_code, a.decision,
                (SELECT count(*) FROM event e WHERE e.run_id = $1 AND e.step = s.name AND e.type = 'approval.decided'),
                (SELECT count(*) FROM event e WHERE e.run_id = $1 AND e.step = s.name AND e.type = 'step.released')
         FROM step s JOIN approval a ON a.step_id = s.id WHERE s.run_id = $1",
    )
    .bind(run.0)
    .fetch_all(world.pool())
    .await
    .unwrap();
    for (name, status, error, decision, decided, released) in rows {
        let expected = match decision.as_deref() {
            None => ("waiting", None, 0),
            Some("approved") => ("completed", None, 1),
            Some("rejected") => ("failed", Some("Rejected"), 1),
            Some("expired") => ("failed", Some("ApprovalExpired"), 1),
            Some("withdrawn") => ("cancelled", None, 0),
            Some(other) => panic!("{other}"),
        };
        prop_assert_eq!((status.as_str(), error.as_deref(), decided), expected, "{} was {:?}", name, decision);
        prop_assert_eq!(released, expected.2, "{} got one outcome", name);
    }
    let ends: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM event WHERE run_id = $1 AND type IN ('run.completed', 'run.failed', 'run.cancelled')",
    )
    .bind(run.0)
    .fetch_one(world.pool())
    .await
    .unwrap();
    let over = matches!(world.status(run).await.as_str(), "completed" | "failed" | "cancelled");
    prop_assert_eq!(ends, i64::from(over), "a run ends once");
    Ok(())
}

#[test]
fn any_interleaving_of_decisions_times_cancels_and_crashes_ends_in_one_outcome_a_step() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() });
    let plan = plan(&[("first", &[]), ("second", &[])]);
    let lines = prop::collection::vec(prop::collection::vec(event(), 1..5), 1..4);
    runner
        .run(&lines, |lines| {
            runtime.block_on(async {
                let (run, lease) = world.claimed(&plan).await;
                for step in STEPS {
                    world.wait(lease, step, json!({"kind": "approval"}), None).await;
                }
                // Each line of events in its order, the lines at the same time.
                let line = |events: Vec<Event>| {
                    let world = &world;
                    async move {
                        for event in events {
                            happen(world, run, event).await;
                            told::check(world, run).await?;
                        }
                        Ok::<(), TestCaseError>(())
                    }
                };
                let ran = futures::future::join_all(lines.into_iter().map(line)).await;
                ran.into_iter().collect::<Result<(), TestCaseError>>()?;
                check(&world, run).await?;
                // And in the end it is over, exactly once.
                for _ in 0..4 {
                    for step in 0..STEPS.len() {
                        happen(&world, run, Event::Approve(true, step)).await;
                    }
                    happen(&world, run, Event::Rescue).await;
                    work(&world, run).await;
                }
                check(&world, run).await?;
                prop_assert!(matches!(world.status(run).await.as_str(), "completed" | "failed" | "cancelled"));
                Ok(())
            })
        })
        .unwrap();
}
