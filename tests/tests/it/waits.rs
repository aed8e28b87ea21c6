//! Steps that wait for people, times and other runs, on a real Postgres: each wait ends once, and its run goes on.

mod again;
mod interleaved;
mod told;
mod turns;
mod world;

use serde_json::{Map, json};
use shared::{
    domain::{
        access::Visible,
        approval::{Decider, Decision},
        states::Applied,
        step::StepStatus,
    },
    store::{
        approval::{self, Decided},
        lease::{self, Until},
        run::{self, Cancel, Finish, Retry},
        tally,
        waiting::Started,
    },
};
use world::{World, admin, plan};

#[tokio::test]
async fn an_approval_has_the_run_go_on_with_what_was_said() {
    let world = World::new().await;
    let run = world.waiting(&plan(&[("ask", &[]), ("do", &["ask"])]), "ask", json!({"kind": "approval"}), None).await;
    assert_eq!(world.decide(run, "ask", &admin("ada"), true).await, Decided::Applied);
    assert_eq!((world.status(run).await.as_str(), world.reason(run).await), ("pending", None));
    let step = world.step(run, "ask").await;
    assert_eq!(step.status, StepStatus::Completed);
    assert_eq!((&step.outputs["by"], &step.outputs["reason"]), (&json!("ada"), &json!("because")));
    assert_eq!(world.promoted().await, [run]);
}

#[tokio::test]
async fn a_decision_stands_whoever_comes_after() {
    let world = World::new().await;
    let run = world.waiting(&plan(&[("ask", &[])]), "ask", json!({"kind": "approval"}), None).await;
    assert_eq!(world.decide(run, "ask", &admin("ada"), false).await, Decided::Applied);
    let Decided::Before { decision, by, .. } = world.decide(run, "ask", &admin("bob"), true).await else {
        panic!("decided twice");
    };
    assert_eq!((decision, by.as_str()), (Decision::Rejected, "ada"));
    let code = world.text("SELECT error_code FROM step WHERE run_id = $1", run.0).await;
    assert_eq!(code.as_deref(), Some("Rejected"));
}

#[tokio::test]
async fn who_may_not_decide_is_told_who_may() {
    let world = World::new().await;
    let run = world.waiting(&plan(&[("ask", &[])]), "ask", json!({"kind": "approval"}), None).await;
    world.execute("UPDATE approval SET roles = '{lead}', teams = '{payments}' WHERE run_id = $1", run.0).await;
    let who = Decider { name: "eve".into(), roles: vec!["lead".into()], teams: vec!["other".into()] };
    let refused = Decided::NotAllowed { roles: vec!["lead".into()], teams: vec!["payments".into()] };
    assert_eq!(world.decide(run, "ask", &who, true).await, refused);
    assert_eq!(world.decide(run, "none", &who, true).await, Decided::Unknown);
    let who = Decider { teams: vec!["payments".into()], ..who };
    assert_eq!(world.decide(run, "ask", &who, true).await, Decided::Applied);
}

#[tokio::test]
async fn open_questions_are_counted_for_those_whose_runs_ask_and_those_who_are_asked() {
    let world = World::new().await;
    let plan = plan(&[("ask", &[])]);
    let mut runs = Vec::new();
    for _ in 0..4 {
        runs.push(world.waiting(&plan, "ask", json!({"kind": "approval"}), None).await);
    }
    let team = world.text("SELECT team FROM run WHERE id = $1", runs[0].0).await.unwrap();
    let open = async |team: &str| approval::count_open(world.pool(), Some(&[team.to_owned()])).await.unwrap();
    world.execute("UPDATE approval SET teams = '{payments}' WHERE run_id = $1", runs[0].0).await;
    world.execute("UPDATE approval SET teams = '{payments,ads}' WHERE run_id = $1", runs[1].0).await;
    assert_eq!((open(&team).await, open("payments").await, open("ads").await, open("other").await), (4, 2, 1, 0));
    while tally::add_up(world.pool(), 1).await.unwrap() > 0 {}
    assert_eq!((open(&team).await, open("payments").await, open("ads").await, open("other").await), (4, 2, 1, 0));
    assert_eq!(world.decide(runs[0], "ask", &admin("ada"), true).await, Decided::Applied);
    world.cancel(runs[2]).await;
    world.pass().await;
    assert_eq!((open(&team).await, open("payments").await, open("ads").await), (2, 1, 1));
    assert_eq!(approval::count_open(world.pool(), None).await.unwrap(), 2);
    assert_eq!(tally::recount(world.pool()).await.unwrap(), 0);
}

#[tokio::test]
async fn an_approval_whose_time_is_up_cannot_be_given_any_more() {
    let world = World::new().await;
    let plan = plan(&[("ask", &[])]);
    let run = world.waiting(&plan, "ask", json!({"kind": "approval"}), Some(Until::After(-1.0))).await;
    // Nobody looked yet: the one who comes too late finds out.
    let Decided::Before { decision, .. } = world.decide(run, "ask", &admin("ada"), true).await else { panic!("late") };
    assert_eq!(decision, Decision::Expired);
    let silent = world.waiting(&plan, "ask", json!({"kind": "approval"}), Some(Until::After(-1.0))).await;
    world.pass().await;
    for run in [run, silent] {
        assert_ne!(world.status(run).await, "suspended");
        let code = world.text("SELECT error_code FROM step WHERE run_id = $1", run.0).await;
        assert_eq!(code.as_deref(), Some("ApprovalExpired"));
    }
}

#[tokio::test]
async fn silence_means_yes_where_the_step_says_so() {
    let world = World::new().await;
    let run = world.waiting(&plan(&[("ask", &[])]), "ask", json!({"kind": "approval"}), Some(Until::After(-1.0))).await;
    world.execute("UPDATE approval SET on_timeout = 'approve' WHERE run_id = $1", run.0).await;
    world.pass().await;
    assert_eq!(world.step(run, "ask").await.status, StepStatus::Completed);
}

#[tokio::test]
async fn an_answer_that_comes_before_the_run_is_suspended_is_not_lost() {
    let world = World::new().await;
    let (run, lease) = world.claimed(&plan(&[("ask", &[]), ("do", &["ask"])])).await;
    world.wait(lease, "ask", json!({"kind": "approval"}), None).await;
    assert_eq!(world.decide(run, "ask", &admin("ada"), true).await, Decided::Applied);
    assert_eq!(world.suspend(lease, 1).await, Applied::Applied(false), "nothing waits any more");
    assert_eq!(world.status(run).await, "running");
}

#[tokio::test]
async fn a_delay_ends_by_itself_and_a_step_begins_when_it_is_told_to() {
    let world = World::new().await;
    let plan = plan(&[("one", &[])]);
    let delayed = world.waiting(&plan, "one", json!({"kind": "delay"}), Some(Until::After(-0.1))).await;
    let manual = world.waiting(&plan, "one", json!({"kind": "start"}), None).await;
    world.pass().await;
    assert_eq!(world.step(delayed, "one").await.status, StepStatus::Completed);
    assert_eq!(world.step(manual, "one").await.status, StepStatus::Waiting);
    assert_eq!(world.start(delayed, "one").await, Started::NotWaiting(StepStatus::Completed));
    assert_eq!(world.start(manual, "one").await, Started::Started);
    assert_eq!(world.start(manual, "one").await, Started::NotWaiting(StepStatus::Pending));
    assert_eq!(world.step(manual, "one").await.status, StepStatus::Pending);
    let by = world.text("SELECT released_by FROM step WHERE run_id = $1", manual.0).await;
    assert_eq!(by.as_deref(), Some("me"));
}

#[tokio::test]
async fn a_cancelled_run_takes_its_questions_back() {
    let world = World::new().await;
    let run = world.waiting(&plan(&[("ask", &[])]), "ask", json!({"kind": "approval"}), None).await;
    assert_eq!(world.cancel(run).await, Cancel::Cancelled);
    let Decided::Before { decision, .. } = world.decide(run, "ask", &admin("ada"), true).await else {
        panic!("decided")
    };
    assert_eq!(decision, Decision::Withdrawn);
    assert_eq!(world.step(run, "ask").await.status, StepStatus::Cancelled);
}

#[tokio::test]
async fn a_run_does_not_wait_past_its_deadline() {
    let world = World::new().await;
    let run = world.waiting(&plan(&[("ask", &[])]), "ask", json!({"kind": "approval"}), None).await;
    world.execute("UPDATE run SET deadline_at = now() - interval '1 second' WHERE id = $1", run.0).await;
    world.pass().await;
    assert_eq!(world.status(run).await, "failed");
    let message = world.text("SELECT error_code || ': ' || error_message FROM run WHERE id = $1", run.0).await.unwrap();
    assert!(message.starts_with("TimedOut: ") && message.contains("ask (approval)"), "{message}");
}

fn tidying() -> shared::domain::plan::Plan {
    let mut plan = plan(&[("make", &[]), ("ask", &["make"]), ("tidy", &[])]);
    plan.steps[2].finally = true;
    plan
}

/// A run with a `finally` step that is suspended after its first step has begun.
async fn begun(world: &World) -> shared::domain::ids::RunId {
    let run = world.waiting(&tidying(), "ask", json!({"kind": "approval"}), None).await;
    world
        .execute(
            "UPDATE step SET status = 'completed', finished_at = now(), tries = 1 WHERE run_id = $1 AND name = 'make'",
            run.0,
        )
        .await;
    run
}

#[tokio::test]
async fn a_cancelled_run_that_has_something_to_tidy_up_goes_to_a_worker_first() {
    let world = World::new().await;
    let run = begun(&world).await;
    assert_eq!(world.cancel(run).await, Cancel::Requested);
    assert_eq!(
        (world.status(run).await.as_str(), world.step(run, "ask").await.status),
        ("pending", StepStatus::Cancelled)
    );
    world.pass().await;
    assert_eq!(world.promoted().await, [run]);
    let lease = world.claim(run).await;
    let finish = Finish::cancelled("not wanted", "me");
    assert!(lease::finish(&world.database.store, lease, &finish).await.unwrap().is_applied());
    assert_eq!(world.status(run).await, "cancelled");

    let again = begun(&world).await;
    assert_eq!((world.cancel(again).await, world.cancel(again).await), (Cancel::Requested, Cancel::Cancelled));
    let fresh = world.run(&tidying()).await;
    assert_eq!(world.cancel(fresh).await, Cancel::Cancelled, "nothing has begun");
}

#[tokio::test]
async fn a_run_that_missed_its_deadline_tidies_up_and_fails_for_that() {
    let world = World::new().await;
    let run = begun(&world).await;
    world.execute("UPDATE run SET deadline_at = now() - interval '1 second' WHERE id = $1", run.0).await;
    world.pass().await;
    assert_eq!(world.promoted().await, [run]);
    let lease = world.claim(run).await;
    let finish = Finish::cancelled("told to stop", "system");
    assert!(lease::finish(&world.database.store, lease, &finish).await.unwrap().is_applied());
    let ended = world.text("SELECT status || ' ' || error_code FROM run WHERE id = $1", run.0).await;
    assert_eq!(ended.as_deref(), Some("failed TimedOut"));
}

fn child(workflow: &str) -> serde_json::Value {
    json!({"kind": "child", "workflow": workflow, "inputs": {"n": 1}})
}

#[tokio::test]
async fn a_step_gets_the_outputs_of_the_run_that_it_started() {
    let world = World::new().await;
    let (outer, inner) = (plan(&[("build", &[])]), plan(&[("one", &[])]));
    let run = world.waiting(&outer, "build", child("w"), None).await;
    let made = world.start_children(&inner).await;
    assert_eq!((made.len(), world.start_children(&inner).await.len()), (1, 0), "once");
    let at = world.text("SELECT depth || ' ' || root_run_id FROM run WHERE id = $1", made[0].0).await;
    assert_eq!(at, Some(format!("1 {run}")));
    world.pass().await;
    assert_eq!(world.status(run).await, "suspended");

    assert_eq!(world.promoted().await, made);
    let lease = world.claim(made[0]).await;
    let outputs = Map::from_iter([("url".to_owned(), json!("x")), ("key".to_owned(), json!("s"))]);
    let finish = Finish::completed(outputs, vec!["key".into()]);
    assert!(lease::finish(&world.database.store, lease, &finish).await.unwrap().is_applied());
    world.pass().await;
    world.pass().await;
    let step = world.step(run, "build").await;
    assert_eq!(
        (step.status, &step.outputs["url"], step.sensitive_outputs),
        (StepStatus::Completed, &json!("x"), vec!["key".to_owned()])
    );
    assert_eq!(world.status(run).await, "pending");
    let told: i64 = sqlx::query_scalar("SELECT count(*) FROM event WHERE run_id = $1 AND type = 'step.released'")
        .bind(run.0)
        .fetch_one(world.pool())
        .await
        .unwrap();
    assert_eq!(told, 1);
}

#[tokio::test]
async fn a_run_that_fails_fails_the_step_that_started_it_and_a_retry_goes_on_with_it() {
    let world = World::new().await;
    let (outer, inner) = (plan(&[("build", &[])]), plan(&[("one", &[]), ("two", &["one"])]));
    let run = world.waiting(&outer, "build", child("w"), None).await;
    let made = world.start_children(&inner).await[0];
    world.promoted().await;
    let lease = world.claim(made).await;
    world.execute("UPDATE step SET status = 'completed', finished_at = now(), outputs = '{\"a\": 1}' WHERE run_id = $1 AND name = 'one'", made.0).await;
    assert!(
        lease::finish(&world.database.store, lease, &Finish::failed("StepFailed", "two broke"))
            .await
            .unwrap()
            .is_applied()
    );
    world.pass().await;
    let why = world.text("SELECT error_code || ' ' || error_message FROM step WHERE run_id = $1", run.0).await.unwrap();
    assert!(why.starts_with("ChildFailed ") && why.contains(&made.to_string()) && why.contains("two broke"), "{why}");

    world.promoted().await;
    let lease = world.claim(run).await;
    assert!(
        lease::finish(&world.database.store, lease, &Finish::failed("StepFailed", why)).await.unwrap().is_applied()
    );
    let mut tx = world.database.store.begin().await.unwrap();
    let Retry::Created { id: again, .. } = run::retry(&mut tx, run, None, "me").await.unwrap() else {
        panic!("no retry")
    };
    tx.commit().await.unwrap();
    world.promoted().await;
    let lease = world.claim(again).await;
    world.wait(lease, "build", child("w"), None).await;
    let anew = world.start_children(&inner).await[0];
    assert_eq!(
        (world.step(anew, "one").await.status, world.step(anew, "two").await.status),
        (StepStatus::Completed, StepStatus::Pending)
    );
    let keys: (String, String) = sqlx::query_as(
        "SELECT a.idempotency_key, b.idempotency_key FROM step a, step b WHERE a.run_id = $1 AND b.run_id = $2 AND a.name = 'two' AND b.name = 'two'",
    )
    .bind(made.0)
    .bind(anew.0)
    .fetch_one(world.pool())
    .await
    .unwrap();
    assert_eq!(keys.0, keys.1);
}

#[tokio::test]
async fn the_runs_of_a_cancelled_run_are_stopped_too() {
    let world = World::new().await;
    let (outer, inner) = (plan(&[("build", &[])]), plan(&[("one", &[])]));
    let run = world.waiting(&outer, "build", child("w"), None).await;
    let made = world.start_children(&inner).await[0];
    assert_eq!(world.cancel(run).await, Cancel::Cancelled);
    world.pass().await;
    world.pass().await;
    assert_eq!(world.status(made).await, "cancelled");
    let left: bool = sqlx::query_scalar("SELECT has_children FROM run WHERE id = $1")
        .bind(run.0)
        .fetch_one(world.pool())
        .await
        .unwrap();
    assert!(!left, "nothing is looked for any more");
}

#[tokio::test]
async fn open_approvals_are_listed_with_what_they_are_about() {
    let world = World::new().await;
    let plan = plan(&[("ask", &[])]);
    let open = world.waiting(&plan, "ask", json!({"kind": "approval"}), None).await;
    let decided = world.waiting(&plan, "ask", json!({"kind": "approval"}), None).await;
    assert_eq!(world.decide(decided, "ask", &admin("ada"), true).await, Decided::Applied);
    let list = async |filter: approval::Filter| {
        let filter = approval::Filter { visible: Visible::All, ..filter };
        let rows = approval::page(world.pool(), &filter, None, 10).await.unwrap();
        rows.into_iter().map(|row| (row.run_id, row.message, row.decision)).collect::<Vec<_>>()
    };
    let filter = approval::Filter { open: true, ..approval::Filter::default() };
    assert_eq!(list(filter).await, [(open, "go on?".to_owned(), None)]);
    let filter = approval::Filter { decision: Some(Decision::Approved), ..approval::Filter::default() };
    assert_eq!(list(filter).await, [(decided, "go on?".to_owned(), Some(Decision::Approved))]);
    let filter = approval::Filter { run_id: Some(open), ..approval::Filter::default() };
    assert_eq!(list(filter).await.len(), 1);
}
