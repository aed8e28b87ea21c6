//! Who goes first, what may not go, and why the others wait.

mod holds;
mod truth;
mod turns;
mod world;

use shared::{
    config::Fairness,
    domain::{
        ids::{ApplicationId, RunId},
        run::RunClass,
    },
    store::{promote, team},
};
use world::World;

#[tokio::test]
async fn one_run_gets_the_next_slot_that_becomes_free_while_another_team_has_a_hundred_thousand_waiting() {
    let world = World::with_slots(4).await;
    world.many("many", "p", 100_000).await;
    assert_eq!(world.promote().await.len(), 4);
    let one = world.run_of("few").await;
    assert!(world.promote().await.is_empty(), "no slot is free");
    assert_eq!(world.reason(one).await.as_deref(), Some("QueueFull"));
    // One step time: one of the four is over.
    let first = world.ids_in_flight("many").await[0];
    world.end(&[first]).await;
    let given = world.promote().await;
    assert_eq!(given.iter().map(|(run, _)| *run).collect::<Vec<_>>(), [one]);
}

#[tokio::test]
async fn slots_are_shared_by_weight_also_while_runs_come_and_go() {
    let world = World::with_slots(40).await;
    team::set_weight(world.pool(), "heavy", 3).await.unwrap();
    world.many("heavy", "p", 500).await;
    world.many("light", "p", 500).await;
    world.settle().await;
    for round in 0..20_usize {
        let shares = world.in_flight("team").await;
        assert!((29..=31).contains(&shares["heavy"]), "round {round}: {shares:?}");
        assert_eq!(shares["heavy"] + shares["light"], 40);
        // Those that end are any of them.
        let (heavy, light) = (world.ids_in_flight("heavy").await, world.ids_in_flight("light").await);
        let ends: Vec<_> = heavy.into_iter().take(round % 7).chain(light.into_iter().take(round % 5)).collect();
        world.end(&ends).await;
        assert_eq!(world.settle().await, ends.len());
    }
}

#[tokio::test]
async fn a_team_that_has_its_share_waits_for_fairness_and_the_others_for_a_slot() {
    let world = World::with_slots(4).await;
    world.many("many", "p", 20).await;
    world.settle().await;
    let (mine, other) = (world.run_of("many").await, world.run_of("few").await);
    world.settle().await;
    let waits = world.find(mine).await;
    assert_eq!(waits.reason.as_deref(), Some("Fairness"));
    assert_eq!(
        waits.reason_detail.as_deref(),
        Some("team 'many' has 4 of the slots of queue 'default', and teams that have less go first")
    );
    assert_eq!(world.reason(other).await.as_deref(), Some("QueueFull"));
}

#[tokio::test]
async fn of_a_team_the_application_goes_first_that_has_fewest_slots() {
    let world = World::with_slots(4).await;
    let busy = application(&world, "busy").await;
    for _ in 0..30 {
        world.run(|new| new.application_id = Some(busy)).await;
    }
    world.settle().await;
    for _ in 0..30 {
        world.run(|new| new.application_id = Some(busy)).await;
    }
    let quiet = application(&world, "quiet").await;
    let one = world.run(|new| new.application_id = Some(quiet)).await;
    let first = world.ids_in_flight("default").await[0];
    world.end(&[first]).await;
    let given = world.promote().await;
    assert_eq!(given.iter().map(|(run, _)| *run).collect::<Vec<_>>(), [one]);
}

#[tokio::test]
async fn what_people_wait_for_goes_before_batches_and_those_before_drift_checks() {
    let world = World::with_slots(1).await;
    let drift = world.run(|new| new.class = RunClass::Drift).await;
    let batch = world.run(|new| new.class = RunClass::Batch).await;
    let later = world.run(|new| new.priority = -1).await;
    let wanted = world.run(|_| {}).await;
    for expected in [wanted, later, batch, drift] {
        let given = world.promote().await;
        assert_eq!(given.iter().map(|(run, _)| *run).collect::<Vec<_>>(), [expected]);
        world.end(&[expected]).await;
    }
}

#[tokio::test]
async fn a_batch_is_not_in_the_way_of_another_team_and_rises_by_waiting() {
    let world = World::with_slots(2).await;
    world.many("people", "p", 50).await;
    let batch = world.run(|new| (new.class, new.team) = (RunClass::Batch, "platform".to_owned())).await;
    assert_eq!(world.settle().await, 2);
    assert_eq!(world.reason(batch).await.as_deref(), Some("QueueFull"), "others go first, though its team has no slot");
    world.age(batch, 599.0).await;
    let first = world.ids_in_flight("people").await[0];
    world.end(&[first]).await;
    assert!(world.promote().await.iter().all(|(run, _)| *run != batch), "it has not waited long enough");
    world.age(batch, 2.0).await;
    let first = world.ids_in_flight("people").await[0];
    world.end(&[first]).await;
    assert_eq!(world.promote().await.iter().map(|(run, _)| *run).collect::<Vec<_>>(), [batch]);
}

#[tokio::test]
async fn a_drift_check_becomes_as_a_batch_and_then_as_what_people_wait_for() {
    let world = World::with_slots(1).await;
    let batch = world.run(|new| (new.class, new.team) = (RunClass::Batch, "b".to_owned())).await;
    let drift = world.run(|new| (new.class, new.team) = (RunClass::Drift, "d".to_owned())).await;
    let give = async |expected: RunId| {
        let given = world.promote().await;
        assert_eq!(given.iter().map(|(run, _)| *run).collect::<Vec<_>>(), [expected]);
        world
            .sql("UPDATE run SET status = 'pending', queued_at = NULL, ticket_sent_at = NULL WHERE status = 'queued'")
            .await;
    };
    give(batch).await;
    // As a batch it goes first by the time it is due at, which is sooner now.
    world.age(drift, 3100.0).await;
    give(drift).await;
    world.age(batch, 700.0).await;
    give(batch).await;
    world.age(drift, 601.0).await;
    give(drift).await;
}

#[tokio::test]
async fn how_runs_age_is_a_setting_of_the_runs_that_are_made_after_it() {
    let world = World::with_slots(1).await;
    let order_at = async |run: RunId| {
        let sql = "SELECT extract(epoch FROM order_at - created_at)::float8 FROM run WHERE id = $1";
        sqlx::query_scalar::<_, f64>(sql).bind(run.0).fetch_one(world.pool()).await.unwrap()
    };
    let before = world.run(|new| new.class = RunClass::Batch).await;
    let ageing = Fairness { batch_after_s: 60, drift_after_s: 120, priority_step_s: 1 };
    assert!(promote::set_ageing(world.pool(), &ageing).await.unwrap());
    assert!(!promote::set_ageing(world.pool(), &ageing).await.unwrap(), "it is so already");
    let after = world.run(|new| (new.class, new.priority) = (RunClass::Batch, 20)).await;
    let drift = world.run(|new| new.class = RunClass::Drift).await;
    assert_eq!((order_at(before).await, order_at(after).await, order_at(drift).await), (600.0, 40.0, 120.0));
    let wrong = Fairness { batch_after_s: 200, ..ageing };
    assert!(promote::set_ageing(world.pool(), &wrong).await.is_err());
}

#[tokio::test]
async fn of_very_many_applications_of_a_team_all_come_to_their_turn() {
    let world = World::with_slots(10).await;
    world.many("t", "p", 2).await;
    world
        .sql(
            "INSERT INTO application (id, name, team, generation) SELECT gen_random_uuid(), 'app-' || n, 't', 1 FROM generate_series(1, 300) n;",
        )
        .await;
    world
        .sql(
            "INSERT INTO run (id, root_run_id, kind, operation, application_id, team, provider, provider_version, workflow, plan_digest, inputs)
             SELECT new.id, new.id, kind, operation, new.app, team, provider, provider_version, workflow, plan_digest, inputs
             FROM (SELECT * FROM run LIMIT 1) one CROSS JOIN (SELECT gen_random_uuid() AS id, a.id AS app FROM application a) new",
        )
        .await;
    let mut ended = 0;
    while ended < 302 {
        let given: Vec<_> = world.promote().await.into_iter().map(|(run, _)| run).collect();
        assert!(!given.is_empty(), "{ended} had their turn, and nobody else gets one");
        world.end(&given).await;
        ended += given.len();
    }
}

#[tokio::test]
async fn runs_that_were_made_before_there_were_lanes_are_given_theirs() {
    let world = World::with_slots(10).await;
    let run = world.run(|_| {}).await;
    world.sql("ALTER TABLE run DISABLE TRIGGER place_run").await;
    world.sql("UPDATE run SET lane = '00000000-0000-0000-0000-000000000000'").await;
    world.sql("ALTER TABLE run ENABLE TRIGGER place_run").await;
    assert_eq!(world.promote().await.iter().map(|(run, _)| *run).collect::<Vec<_>>(), [run]);
    let lanes = "SELECT count(*) FROM run WHERE lane = '00000000-0000-0000-0000-000000000000'";
    assert_eq!(sqlx::query_scalar::<_, i64>(lanes).fetch_one(world.pool()).await.unwrap(), 0);
}

async fn application(world: &World, name: &str) -> ApplicationId {
    let id = ApplicationId::new();
    let sql = "INSERT INTO application (id, name, team, generation) VALUES ($1, $2, 'default', 1)";
    sqlx::query(sql).bind(id.0).bind(name).execute(world.pool()).await.unwrap();
    id
}
