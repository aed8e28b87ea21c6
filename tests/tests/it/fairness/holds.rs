//! Limits and freezes: what they hold, and that it is in nobody's way.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use shared::{
    domain::{
        access::Visible,
        freeze::FreezeTimes,
        ids::{ApplicationId, ResourceId, RunId},
        run::{Operation, RunKind, WaitReason},
    },
    store::{
        explain::{self, Blocker, Explanation},
        figures,
        freeze::{self, Freeze, Overridden},
        limits::{self, LimitKind},
        queue,
    },
};

use super::world::World;

async fn limit(world: &World, kind: LimitKind, name: &str, most: i32) {
    limits::set(world.pool(), (kind, name), most, "", "ada").await.unwrap();
}

async fn explained(world: &World, run: RunId) -> Explanation {
    let mut tx = world.database.store.begin().await.unwrap();
    explain::of_run(&mut tx, run, &Visible::All).await.unwrap().unwrap()
}

/// A resource of a type and an environment, in an application of its own.
pub(super) async fn resource(world: &World, kind: &str, env: Option<&str>) -> (ApplicationId, ResourceId) {
    let (application, resource) = (ApplicationId::new(), ResourceId::new());
    let labels = env.map_or_else(|| json!({}), |env| json!({"env": env}));
    let sql = "INSERT INTO application (id, name, team, generation, labels) VALUES ($1, $1::text, 'default', 1, $2)";
    sqlx::query(sql).bind(application.0).bind(labels).execute(world.pool()).await.unwrap();
    let sql = "INSERT INTO resource (id, application_id, name, type, identity, shared) VALUES ($1, $2, 'db', $3, $1::text, false)";
    sqlx::query(sql).bind(resource.0).bind(application.0).bind(kind).execute(world.pool()).await.unwrap();
    (application, resource)
}

/// A run on such a resource.
async fn on_resource(world: &World, kind: &str, env: Option<&str>, operation: Operation) -> RunId {
    let (application, resource) = resource(world, kind, env).await;
    world
        .run(|new| {
            (new.kind, new.operation) = (RunKind::Resource, operation);
            (new.application_id, new.resource_id) = (Some(application), Some(resource));
        })
        .await
}

#[tokio::test]
async fn no_more_runs_of_a_provider_go_than_may_and_those_that_wait_are_in_nobodys_way() {
    let world = World::with_slots(10).await;
    limit(&world, LimitKind::Provider, "slow", 2).await;
    world.many("default", "slow", 3000).await;
    let last = world.run(|new| new.provider = "slow".into()).await;
    world.many("default", "quick", 3).await;
    assert_eq!(world.settle().await, 5);
    assert_eq!(world.in_flight("provider").await, BTreeMap::from([("quick".into(), 3), ("slow".into(), 2)]));
    let why = explained(&world, last).await;
    assert_eq!(why.code, Some(WaitReason::ProviderLimit));
    assert_eq!(why.what, "at most 2 run(s) of provider 'slow' go at once, and as many do");
    assert_eq!(why.blocked_by, [Blocker::Limit("provider/slow".into())]);
    assert_eq!(why.position, Some(2999));
    // No scaler makes room for what more room would not help.
    let figures = queue::find(world.pool(), 3600, "default").await.unwrap().unwrap();
    assert_eq!((figures.ready, figures.blocked, figures.queued), (0, 2999, 5));
    let told = figures::waiting(world.pool()).await.unwrap();
    assert_eq!(told.iter().map(|it| (it.reason.as_str(), it.runs)).collect::<Vec<_>>(), [("ProviderLimit", 2999)]);

    limit(&world, LimitKind::Provider, "slow", 4).await;
    assert_eq!(world.settle().await, 2);
    assert!(limits::remove(world.pool(), (LimitKind::Provider, "slow")).await.unwrap());
    assert_eq!(world.settle().await, 3, "as many as there are slots");
    assert_eq!(world.reason(last).await.as_deref(), Some("QueueFull"));
}

#[tokio::test]
async fn limits_of_types_and_teams_hold_over_all_queues() {
    let world = World::with_slots(10).await;
    world.worker("other", 10).await;
    limit(&world, LimitKind::Type, "postgres", 1).await;
    limit(&world, LimitKind::Team, "shop", 3).await;
    let first = on_resource(&world, "postgres", None, Operation::Create).await;
    let second = on_resource(&world, "postgres", None, Operation::Create).await;
    on_resource(&world, "redis", None, Operation::Create).await;
    for queue in ["default", "other", "default", "other", "default"] {
        world.run(|new| (new.team, new.queue) = ("shop".into(), queue.into())).await;
    }
    assert_eq!(world.settle().await, 5);
    assert_eq!(world.in_flight("team").await, BTreeMap::from([("default".into(), 2), ("shop".into(), 3)]));
    assert_eq!(world.reason(second).await.as_deref(), Some("TypeLimit"));
    world.end(&[first]).await;
    assert_eq!(world.promote().await.iter().map(|(run, _)| *run).collect::<Vec<_>>(), [second]);
    let list = limits::page(world.pool(), None, None, 100).await.unwrap();
    let used: Vec<_> = list.iter().map(|it| (it.kind.as_str(), it.most, it.used)).collect();
    assert_eq!(used, [("team", 3, 3), ("type", 1, 1)]);
}

#[tokio::test]
async fn a_run_that_two_limits_bound_does_not_take_the_place_of_one_that_one_bounds() {
    let world = World::with_slots(10).await;
    limit(&world, LimitKind::Provider, "p", 1).await;
    limit(&world, LimitKind::Team, "a", 1).await;
    let first = world.run(|new| new.team = "b".into()).await;
    let second = world.run(|new| new.team = "a".into()).await;
    let third = world.run(|new| (new.team, new.provider) = ("a".into(), "q".into())).await;
    assert_eq!(world.settle().await, 2);
    let mut given = world.ids_in_flight("a").await;
    given.extend(world.ids_in_flight("b").await);
    assert!(given.len() == 2 && !(given.contains(&first) && given.contains(&second)), "{given:?}: one of provider p");
    assert!(given.contains(&third) || given.contains(&second), "team a has its turn");
}

#[tokio::test]
async fn a_queue_has_a_limit_below_its_slots_and_a_limit_of_nothing_lets_nothing_begin() {
    let world = World::with_slots(10).await;
    limit(&world, LimitKind::Queue, "default", 2).await;
    for _ in 0..4 {
        world.run(|_| {}).await;
    }
    let last = world.run(|_| {}).await;
    assert_eq!(world.settle().await, 2);
    let why = explained(&world, last).await;
    assert_eq!(
        (why.code, why.what.as_str()),
        (Some(WaitReason::QueueLimit), "queue 'default' runs the 2 that it may at once")
    );
    assert_eq!(why.blocked_by, [Blocker::Limit("queue/default".into())]);
    limit(&world, LimitKind::Queue, "default", 0).await;
    assert_eq!(world.settle().await, 0);
    assert_eq!(world.reason(last).await.as_deref(), Some("QueueLimit"));
}

#[tokio::test]
async fn a_group_has_as_many_turns_as_its_limit_says() {
    let world = World::with_slots(10).await;
    let mut runs = Vec::new();
    for _ in 0..6 {
        runs.push(world.run(|_| {}).await);
    }
    world.sql("UPDATE run SET concurrency_group = 'g', reason = 'ConcurrencyGroup'").await;
    assert_eq!(world.settle().await, 1);
    limit(&world, LimitKind::Group, "g", 3).await;
    assert_eq!(world.settle().await, 2);
    let why = explained(&world, runs[5]).await;
    assert_eq!((why.code, why.position), (Some(WaitReason::ConcurrencyGroup), Some(3)));
    assert_eq!(why.blocked_by, runs[..3].iter().map(|run| Blocker::Run(Some(*run))).collect::<Vec<_>>());
    assert!(why.what.starts_with("3 runs of the group 'g' go at a time"), "{}", why.what);
    // Fewer turns than are had: nobody gets one until fewer are.
    limit(&world, LimitKind::Group, "g", 1).await;
    world.end(&runs[..2]).await;
    assert_eq!(world.settle().await, 0);
    world.end(&runs[2..3]).await;
    assert_eq!(world.settle().await, 1);
}

#[tokio::test]
async fn two_schedulers_at_once_never_go_beyond_a_limit() {
    let world = World::with_slots(50).await;
    world.worker("other", 50).await;
    limit(&world, LimitKind::Provider, "p", 7).await;
    limit(&world, LimitKind::Queue, "other", 5).await;
    for number in 0..60 {
        world
            .run(|new| {
                new.queue = if number % 2 == 0 { "default" } else { "other" }.into();
                new.provider = if number % 3 == 0 { "q" } else { "p" }.into();
            })
            .await;
    }
    for _ in 0..10 {
        futures::future::join_all((0..6).map(|_| world.promote())).await;
        let by_provider = world.in_flight("provider").await;
        assert!(by_provider["p"] <= 7, "{by_provider:?}");
        let by_queue = world.in_flight("queue").await;
        assert!(by_queue.get("other").copied().unwrap_or(0) <= 5, "{by_queue:?}");
        let ends = world.ids_in_flight("default").await;
        world.end(&ends[..ends.len() / 3]).await;
    }
}

fn freeze_of(
    name: &str,
    team: Option<&str>,
    environment: Option<&str>,
    open: (DateTime<Utc>, DateTime<Utc>),
) -> Freeze {
    Freeze {
        name: name.into(),
        team: team.map(Into::into),
        environment: environment.map(Into::into),
        times: FreezeTimes::Once { from: open.0, until: open.1 },
        reason: "we sell".into(),
        made_by: "ada".into(),
        made_at: Utc::now(),
        open: Some(open),
    }
}

#[tokio::test]
async fn while_a_freeze_is_on_nothing_of_its_environment_is_changed_and_looking_goes_on() {
    let world = World::with_slots(10).await;
    let now = Utc::now();
    let (hour, open) = (TimeDelta::hours(1), (now - TimeDelta::minutes(1), now + TimeDelta::hours(1)));
    assert!(freeze::create(world.pool(), &freeze_of("peak", None, Some("prod"), open)).await.unwrap());
    assert!(!freeze::create(world.pool(), &freeze_of("peak", None, None, open)).await.unwrap(), "the name is taken");
    let past = freeze_of("past", None, None, (now - hour * 2, now - hour));
    assert!(freeze::create(world.pool(), &past).await.unwrap());
    assert!(freeze::create(world.pool(), &freeze_of("later", None, None, (now + hour, now + hour * 2))).await.unwrap());
    let change = on_resource(&world, "db", Some("prod"), Operation::Create).await;
    let look = on_resource(&world, "db", Some("prod"), Operation::Read).await;
    let test = on_resource(&world, "db", Some("test"), Operation::Create).await;
    let mut given: Vec<_> = world.promote().await.iter().map(|(run, _)| *run).collect();
    given.sort();
    assert_eq!(given, [look, test]);
    let why = explained(&world, change).await;
    assert_eq!(why.code, Some(WaitReason::FreezeWindow));
    assert!(why.what.starts_with("freeze 'peak' is on until ") && why.what.ends_with(": we sell"), "{}", why.what);
    assert_eq!(why.blocked_by, [Blocker::Freeze("peak".into())]);
    let estimate = why.estimate.unwrap();
    assert!((3500.0..=3600.0).contains(&estimate.seconds), "{estimate:?}");

    assert_eq!(freeze::override_for(world.pool(), change, "ada", "it burns").await.unwrap(), Overridden::Overridden);
    assert_eq!(world.promote().await.iter().map(|(run, _)| *run).collect::<Vec<_>>(), [change]);
    world.end(&[change]).await;
    assert_eq!(freeze::override_for(world.pool(), change, "ada", "").await.unwrap(), Overridden::Over);
    assert_eq!(freeze::override_for(world.pool(), RunId::new(), "ada", "").await.unwrap(), Overridden::Unknown);
}

#[tokio::test]
async fn a_freeze_of_a_team_ends_by_itself_or_when_it_is_removed() {
    let world = World::with_slots(10).await;
    let now = Utc::now();
    let soon = now + TimeDelta::hours(1);
    freeze::create(world.pool(), &freeze_of("shop", Some("shop"), None, (now, soon))).await.unwrap();
    let (held, other) = (world.run_of("shop").await, world.run_of("ads").await);
    assert_eq!(world.promote().await.iter().map(|(run, _)| *run).collect::<Vec<_>>(), [other]);
    world.sql("UPDATE freeze_window SET open_until = now()").await;
    assert_eq!(world.promote().await.iter().map(|(run, _)| *run).collect::<Vec<_>>(), [held]);

    freeze::create(world.pool(), &freeze_of("again", Some("shop"), None, (now, soon))).await.unwrap();
    let held = world.run_of("shop").await;
    assert_eq!(world.settle().await, 0);
    assert!(freeze::remove(world.pool(), "again").await.unwrap());
    assert_eq!(world.promote().await.iter().map(|(run, _)| *run).collect::<Vec<_>>(), [held]);
    assert!(!freeze::remove(world.pool(), "again").await.unwrap());
}
