//! What is said of a run that waits for its steps or for other resources is true after every move, whatever the moves were.

use std::collections::BTreeSet;

use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Map, json};
use shared::{
    domain::{
        access::Visible,
        ids::{ApplicationId, ResourceId, RunId},
        run::{Operation, RunKind, WaitReason},
        states::Applied,
    },
    store::{
        advance,
        explain::{self, Blocker, Explanation},
        lease,
        run::Finish,
    },
};

use super::world::{World, admin, plan};

/// What a step waits for, and what is said of its run. What needs people most comes first.
const KINDS: [(&str, WaitReason); 4] = [
    ("approval", WaitReason::WaitingForApproval),
    ("start", WaitReason::WaitingForStart),
    ("child", WaitReason::WaitingForChild),
    ("delay", WaitReason::Delayed),
];

/// What is said of a run whose steps wait for these.
pub(super) fn by_need(kinds: &[String]) -> Option<WaitReason> {
    KINDS.iter().find(|(kind, _)| kinds.iter().any(|it| it == kind)).map(|(_, reason)| *reason)
}

/// One look at a run: where it stands, why it waits, and for what its steps do.
async fn look(world: &World, run: RunId) -> (String, Option<String>, Vec<String>) {
    let sql = "SELECT status, reason, ARRAY(SELECT wait ->> 'kind' FROM step WHERE run_id = run.id AND status = 'waiting' ORDER BY position)
               FROM run WHERE id = $1";
    sqlx::query_as(sql).bind(run.0).fetch_one(world.pool()).await.unwrap()
}

/// Holds that a run without a slot says what its steps wait for, and any other run does not. True at every moment, whoever else is at
/// the run.
pub(super) async fn check(world: &World, run: RunId) -> Result<(), TestCaseError> {
    let (status, reason, kinds) = look(world, run).await;
    let expected = if status == "suspended" { by_need(&kinds) } else { None };
    let of_steps = reason.as_deref().and_then(|code| code.parse::<WaitReason>().ok());
    let of_steps = of_steps.filter(|code| KINDS.iter().any(|(_, reason)| reason == code));
    prop_assert_eq!(of_steps, expected, "{} with {:?}, and steps wait for {:?}", status, reason, kinds);
    prop_assert!(status != "suspended" || expected.is_some(), "suspended for {:?}, and no step waits", reason);
    Ok(())
}

async fn explained(world: &World, run: RunId) -> Explanation {
    let mut tx = world.database.store.begin().await.unwrap();
    explain::of_run(&mut tx, run, &Visible::All).await.unwrap().unwrap()
}

#[derive(Clone, Copy, Debug)]
enum Move {
    Approve(bool),
    Start,
    /// The run that a step started is made, or else it ends.
    Child,
    /// The delay is over, and a scheduler looks.
    Time,
    Cancel,
    Work,
}

fn any_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        2 => any::<bool>().prop_map(Move::Approve),
        2 => Just(Move::Start),
        3 => Just(Move::Child),
        2 => Just(Move::Time),
        1 => Just(Move::Cancel),
        4 => Just(Move::Work),
    ]
}

async fn make(world: &World, run: RunId, what: Move) {
    match what {
        Move::Approve(yes) => {
            world.decide(run, "approval", &admin("ada"), yes).await;
        }
        Move::Start => {
            world.start(run, "start").await;
        }
        Move::Child => {
            if world.start_children(&plan(&[("one", &[])])).await.is_empty() {
                end_child(world, run).await;
            }
        }
        Move::Time => {
            world
                .execute(
                    "UPDATE step SET wait_until = now() WHERE run_id = $1 AND status = 'waiting' AND name = 'delay'",
                    run.0,
                )
                .await;
            world.pass().await;
        }
        Move::Cancel => {
            world.cancel(run).await;
        }
        Move::Work => work(world, run).await,
    }
}

async fn end_child(world: &World, run: RunId) {
    let sql = "SELECT id FROM run WHERE parent_run_id = $1 AND finished_at IS NULL";
    let child: Option<uuid::Uuid> = sqlx::query_scalar(sql).bind(run.0).fetch_optional(world.pool()).await.unwrap();
    let Some(child) = child.map(RunId) else { return };
    world.promote().await;
    if let Some(lease) = world.try_claim(child).await {
        let finish = Finish::completed(Map::new(), Vec::new());
        let _ = lease::finish(&world.database.store, lease, &finish).await.unwrap();
    }
    world.pass().await;
}

/// A worker takes the run, gives it back while steps of it wait, and ends it when none does.
async fn work(world: &World, run: RunId) {
    world.promote().await;
    let Some(lease) = world.try_claim(run).await else { return };
    let waiting = look(world, run).await.2.len();
    if waiting > 0 {
        assert_ne!(world.suspend(lease, waiting).await, Applied::Stale);
    } else {
        let finish = Finish::completed(Map::new(), Vec::new());
        let _ = lease::finish(&world.database.store, lease, &finish).await.unwrap();
    }
}

#[test]
fn a_run_without_a_slot_says_what_its_steps_wait_for_after_every_move() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() });
    let plan = plan(&KINDS.map(|(kind, _)| (kind, &[][..])));
    let alone = (0..KINDS.len()).prop_map(|one| (0..KINDS.len()).map(|kind| kind == one).collect::<Vec<_>>());
    let waits = prop_oneof![alone, prop::collection::vec(any::<bool>(), KINDS.len())];
    let cases = (waits, prop::collection::vec(any_move(), 1..12));
    let ran = runner.run(&cases, |(waits, moves)| {
        runtime.block_on(async {
            let (run, lease) = world.claimed(&plan).await;
            for ((kind, _), _) in KINDS.iter().zip(&waits).filter(|(_, waits)| **waits) {
                let what =
                    if *kind == "child" { json!({"kind": kind, "workflow": "w"}) } else { json!({"kind": kind}) };
                let until = (*kind == "delay").then_some(lease::Until::After(3600.0));
                world.wait(lease, kind, what, until).await;
            }
            let waiting = waits.iter().filter(|waits| **waits).count();
            if waiting > 0 {
                prop_assert_eq!(world.suspend(lease, waiting).await, Applied::Applied(true));
            }
            check(&world, run).await?;
            for what in moves {
                make(&world, run, what).await;
                check(&world, run).await?;
                // Nobody else is at it: what people are told is the same, and names the steps.
                let (status, _, kinds) = look(&world, run).await;
                if status == "suspended" {
                    let why = explained(&world, run).await;
                    prop_assert_eq!(why.code, by_need(&kinds), "{:?}", why);
                    let named = why.blocked_by.iter().filter_map(|blocker| match blocker {
                        Blocker::Step(name, _) => Some(name.clone()),
                        _ => None,
                    });
                    prop_assert_eq!(named.collect::<Vec<_>>(), kinds, "{:?}", why);
                }
            }
            Ok(())
        })
    });
    ran.unwrap();
    // Each kind of step was the only one that waited, so every code was said.
    let sql = "SELECT DISTINCT data ->> 'reason' FROM event WHERE type = 'run.suspended'";
    let codes: Vec<String> = runtime.block_on(sqlx::query_scalar(sql).fetch_all(world.pool())).unwrap();
    let all: BTreeSet<String> = KINDS.map(|(_, reason)| reason.to_string()).into();
    assert_eq!(BTreeSet::from_iter(codes), all);
}

/// Where a resource stands that others need.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stands {
    state: &'static str,
    /// Whether it is to be compared with what is asked for.
    due: bool,
}

fn stands() -> impl Strategy<Value = Stands> {
    (prop::sample::select(vec!["requested", "active", "degraded", "failed"]), any::<bool>())
        .prop_map(|(state, due)| Stands { state, due })
}

/// `top` needs `base`, which needs `root`; only `top` has a run.
struct Chain {
    ids: [ResourceId; 3],
    run: RunId,
}

const NAMES: [&str; 3] = ["root", "base", "top"];

async fn chain(world: &World) -> Chain {
    let application = ApplicationId::new();
    let sql = "INSERT INTO application (id, name, team, generation) VALUES ($1, $1::text, 'default', 1)";
    sqlx::query(sql).bind(application.0).execute(world.pool()).await.unwrap();
    let ids = NAMES.map(|_| ResourceId::new());
    for (id, name) in ids.iter().zip(NAMES) {
        let sql = "INSERT INTO resource (id, application_id, name, type, identity, shared) VALUES ($1, $2, $3, 'db', $1::text, false)";
        sqlx::query(sql).bind(id.0).bind(application.0).bind(name).execute(world.pool()).await.unwrap();
    }
    for (id, needs) in [(ids[1], ids[0]), (ids[2], ids[1])] {
        let sql = "INSERT INTO resource_dependency (resource_id, depends_on_id) VALUES ($1, $2)";
        sqlx::query(sql).bind(id.0).bind(needs.0).execute(world.pool()).await.unwrap();
    }
    let run = world
        .run_with(&plan(&[("one", &[])]), |new| {
            (new.kind, new.operation, new.inputs) = (RunKind::Resource, Operation::Create, None);
            (new.application_id, new.resource_id) = (Some(application), Some(ids[2]));
            new.reason = Some((WaitReason::WaitingForDependency, "waits for other resources".into()));
        })
        .await;
    Chain { ids, run }
}

/// A scheduler looks; what may go on does.
async fn advance(world: &World) {
    let mut tx = world.database.store.begin().await.unwrap();
    for ready in advance::lock_ready(&mut tx, 100).await.unwrap() {
        advance::release(&mut tx, &ready, &Map::new(), &json!({})).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// What is true of `top`'s run; none: nothing keeps it.
fn kept_by(root: Stands, base: Stands) -> Option<WaitReason> {
    let is_there = ["active", "degraded"].contains(&base.state) && !base.due;
    // What waits for something that failed cannot be there before that is mended.
    let is_hopeless = base.state == "failed" || base.due && root.state == "failed";
    match (is_there, is_hopeless) {
        (true, _) => None,
        (false, true) => Some(WaitReason::DependencyFailed),
        (false, false) => Some(WaitReason::WaitingForDependency),
    }
}

#[test]
fn a_run_that_needs_other_resources_says_whether_one_failed_or_is_only_not_there_yet() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() });
    let cases = prop::collection::vec((0..2usize, stands()), 1..10);
    runner
        .run(&cases, |moves| {
            runtime.block_on(async {
                let Chain { ids, run } = chain(&world).await;
                let mut now = [Stands { state: "requested", due: false }; 2];
                for (which, stands) in moves {
                    now[which] = stands;
                    let sql =
                        "UPDATE resource SET state = $2, error_code = CASE WHEN $2 = 'failed' THEN 'StepFailed' END,
                                      reconcile_requested_at = CASE WHEN $3 THEN now() END WHERE id = $1";
                    sqlx::query(sql)
                        .bind(ids[which].0)
                        .bind(stands.state)
                        .bind(stands.due)
                        .execute(world.pool())
                        .await
                        .unwrap();
                    advance(&world).await;
                    let (expected, why) = (kept_by(now[0], now[1]), explained(&world, run).await);
                    let Some(expected) = expected else {
                        let code = world.reason(run).await;
                        prop_assert_eq!(code, None, "nothing keeps it: {:?}", now);
                        return Ok(());
                    };
                    prop_assert_eq!(why.code, Some(expected), "{:?}: {:?}", now, why);
                    prop_assert_eq!(
                        why.blocked_by,
                        [Blocker::Resource(Some((ids[1], "base".to_owned())))],
                        "{:?}",
                        now
                    );
                    let words = match (expected, now[1].state) {
                        (WaitReason::DependencyFailed, "failed") => "base failed",
                        (WaitReason::DependencyFailed, _) => "base waits for what failed",
                        _ => "waits for base",
                    };
                    prop_assert_eq!(why.what, words, "{:?}", now);
                }
                Ok(())
            })
        })
        .unwrap();
}
