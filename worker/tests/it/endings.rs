//! How things end when two of them end at once, or when what would have ended them broke.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use serde_json::json;
use shared::{
    domain::{
        access::Visible,
        ids::{ApplicationId, ResourceId, RunId},
        resource::ResourceState,
        run::{Operation, RunKind, RunStatus, WaitReason},
    },
    store::{
        advance, application, lease, log, prune,
        resource::{self, Attachment},
        resource_list,
        run::{self, Finish, NewRun},
        run_list, state, submit,
    },
};
use tests::seed;
use worker::{drive::Over, held::Held, janitor};

use crate::stage::{Stage, plan, scripted};

/// Long enough for a statement that was sent to come to the lock it waits for.
const A_MOMENT: Duration = Duration::from_millis(300);

/// An application with the resources `base` and `above`, which names outputs of `base`.
async fn two_resources(stage: &Stage) -> (ApplicationId, ResourceId, ResourceId) {
    let wanted = |name: &str, depends_on: &[&str]| submit::Wanted {
        kind: "thing".into(),
        class: None,
        identity: format!("thing.default#app.{name}"),
        shared: false,
        params: json!({}),
        annotations: json!({}),
        labels: json!({}),
        depends_on: depends_on.iter().map(ToString::to_string).collect::<BTreeSet<_>>(),
        ..submit::Wanted::default()
    };
    let submission = submit::Submission {
        name: "app".into(),
        team: None,
        labels: json!({}),
        spec: json!({}),
        digest: [0; 32],
        warnings: json!([]),
        resources: BTreeMap::from([
            ("base".to_owned(), wanted("base", &[])),
            ("above".to_owned(), wanted("above", &["base"])),
        ]),
        choices: submit::Choices::default(),
        ttl_s: None,
        requested_ttl_s: None,
        restores: None,
        workload: None,
        actor: "test".into(),
    };
    let mut tx = stage.store.begin().await.unwrap();
    let submit::Submitted::Accepted { id, .. } = submit::submit(&mut tx, &submission).await.unwrap() else {
        panic!("not accepted")
    };
    tx.commit().await.unwrap();
    let every = resource_list::Filter { visible: Visible::All, ..resource_list::Filter::default() };
    let found = resource_list::page(stage.store.pool(), &every, None, 10).await.unwrap();
    let named = |name: &str| found.iter().find(|one| one.name == name).unwrap().id;
    (id, named("base"), named("above"))
}

async fn delete_application(stage: &Stage) {
    let mut tx = stage.store.begin().await.unwrap();
    application::delete(&mut tx, "app", "someone").await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn an_application_whose_last_two_resources_go_at_the_same_moment_is_deleted() {
    let stage = Stage::new().await;
    let (app, base, above) = two_resources(&stage).await;
    delete_application(&stage).await;
    let mut first = stage.store.begin().await.unwrap();
    resource::terminate(&mut first, base, app, "gone").await.unwrap();
    let store = stage.store.clone();
    let second = tokio::spawn(async move {
        let mut second = store.begin().await.unwrap();
        resource::terminate(&mut second, above, app, "gone").await.unwrap();
        second.commit().await.unwrap();
    });
    tokio::time::sleep(A_MOMENT).await;
    first.commit().await.unwrap();
    second.await.unwrap();
    let found = application::find(stage.store.pool(), "app").await.unwrap().unwrap();
    assert!(found.deleted_at.is_some(), "both resources are gone and the application is not");
}

#[tokio::test]
async fn a_run_that_is_over_holds_no_lock_on_a_state() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let of = stage.resource().await;
    let run = stage.run_for(&plan(vec![scripted("one", &[], json!({}))]), json!({}), Some(of)).await;
    let fence = stage.ticket(run).await;
    let (claimed, _) = stage.claim(&crew, run, fence).await;
    assert!(lease::lock_state(stage.store.pool(), claimed.lease, of.1).await.unwrap().is_applied());
    assert!(lease::finish(&stage.store, claimed.lease, &Finish::failed("Poison", "lost")).await.unwrap().is_applied());
    // Else nobody could write the right state after a run that lost it.
    assert_eq!(state::lock_of(stage.store.pool(), of.1).await.unwrap(), None);
}

#[tokio::test]
async fn a_look_that_failed_is_retried_and_not_once_the_resource_failed_too() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let of = stage.resource().await;
    let made = stage.run_for(&plan(vec![scripted("one", &[], json!({}))]), json!({}), Some(of)).await;
    assert_eq!(stage.drive(&crew, made).await, Over::Finished(RunStatus::Completed));
    let broken = plan(vec![scripted("look", &[], json!({"exit_code": 1}))]);
    let look = stage.run_to(Operation::Read, &broken, json!({}), Some(of)).await;
    assert_eq!(stage.drive(&crew, look).await, Over::Finished(RunStatus::Failed));
    let stands = async || {
        let row = resource_list::find(stage.store.pool(), of.1).await.unwrap().unwrap();
        (row.state, row.error_code, row.failed_run_id)
    };
    let degraded = (ResourceState::Degraded, Some("StepFailed".to_owned()), None);
    assert_eq!(stands().await, degraded);

    let run::Retry::Created { id: again, .. } = stage.retry(look).await else { panic!("no retry") };
    assert_eq!(stands().await, degraded, "why it is degraded is still known");
    assert_eq!(stage.drive(&crew, again).await, Over::Finished(RunStatus::Failed));

    let mut tx = stage.store.begin().await.unwrap();
    resource::fail(&mut tx, of.1, of.0, "NoWorkflow", "cannot become that").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(stage.retry(again).await, run::Retry::Superseded);
    assert_eq!(stands().await, (ResourceState::Failed, Some("NoWorkflow".to_owned()), None), "no run would mend it");
}

#[tokio::test]
async fn a_run_that_was_made_while_its_application_was_deleted_does_not_wait_for_ever() {
    let stage = Stage::new().await;
    let (app, base, above) = two_resources(&stage).await;
    let id = RunId::new();
    let mut making = stage.store.begin().await.unwrap();
    let new = NewRun {
        id,
        kind: RunKind::Resource,
        operation: Operation::Create,
        resource_id: Some(above),
        application_id: Some(app),
        inputs: None,
        reason: Some((WaitReason::WaitingForDependency, "waits".into())),
        ..seed::new_run(&plan(vec![scripted("one", &[], json!({}))])).unwrap()
    };
    run::create_all(&mut making, &[new]).await.unwrap();
    resource::attach_all(&mut making, &[attachment(app, above, id)]).await.unwrap();
    let store = stage.store.clone();
    let deleting = tokio::spawn(async move {
        let mut tx = store.begin().await.unwrap();
        application::delete(&mut tx, "app", "someone").await.unwrap();
        tx.commit().await.unwrap();
    });
    tokio::time::sleep(A_MOMENT).await;
    making.commit().await.unwrap();
    deleting.await.unwrap();

    let mut tx = stage.store.begin().await.unwrap();
    // What it would wait for is gone.
    resource::terminate(&mut tx, base, app, "never made").await.unwrap();
    for waiting in advance::lock_ready(&mut tx, 10).await.unwrap() {
        assert!(waiting.unwanted);
        advance::cancel(&mut tx, waiting.run_id).await.unwrap();
    }
    let unresolved = resource::lock_unresolved(&mut tx, 10).await.unwrap();
    assert!(unresolved.iter().any(|one| one.id == above && one.absent && !one.touched), "its removal goes on");
    tx.commit().await.unwrap();
    assert_eq!(stage.status(id).await, RunStatus::Cancelled);
}

#[tokio::test]
async fn the_run_that_may_have_made_something_is_kept_until_its_resource_is_gone() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let one_step = plan(vec![scripted("one", &[], json!({"exit_code": 1}))]);
    let of = stage.resource().await;
    let began = stage.run_for(&one_step, json!({}), Some(of)).await;
    stage.drive(&crew, began).await;
    let mut tx = stage.store.begin().await.unwrap();
    assert!(resource::request_retry(&mut tx, of.1).await.unwrap());
    tx.commit().await.unwrap();
    let never = stage.run_for(&one_step, json!({}), Some(of)).await;
    let mut tx = stage.store.begin().await.unwrap();
    run::request_cancel(&mut tx, never, "someone", "why not").await.unwrap();
    tx.commit().await.unwrap();
    let other = stage.run(&one_step, json!({})).await;
    stage.drive(&crew, other).await;

    prune::prune(stage.store.pool(), 0, 100).await.unwrap();
    let find = |run| run_list::find(stage.store.pool(), run);
    assert!(find(other).await.unwrap().is_none(), "what nobody needs is forgotten");
    assert!(find(never).await.unwrap().is_some());
    assert!(find(began).await.unwrap().is_some(), "nothing would say any more that there is something to remove");
}

#[tokio::test]
async fn the_lease_of_a_run_whose_driver_broke_is_not_renewed() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let run = stage.run(&plan(vec![scripted("one", &[], json!({}))]), json!({})).await;
    let fence = stage.ticket(run).await;
    let (claimed, sent) = stage.claim(&crew, run, fence).await;
    let held = Arc::new(Held::new(stage.store.clone(), claimed.lease, crew.cx.ttl(), sent));
    let keeper = Arc::clone(&crew.cx.keeper);
    let broke = tokio::spawn(async move {
        let _keeping = keeper.keep(held);
        panic!("on purpose");
    });
    assert!(broke.await.is_err());
    assert_eq!(crew.cx.keeper.count(), 0);
}

#[tokio::test]
async fn the_janitor_archives_a_log_that_the_runs_own_worker_left_behind() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let step = |line: &str| plan(vec![scripted("one", &[], json!({"lines": [line]}))]);
    // Driving alone archives nothing: that is the process's part, which died here.
    for line in ["first", "second"] {
        let run = stage.run(&step(line), json!({})).await;
        stage.drive(&crew, run).await;
        assert!(!stage.log(run).await.is_empty());
        assert_eq!(log::archived(stage.store.pool(), run).await.unwrap(), None);
        janitor::pass(&crew.cx).await.unwrap();
        let archived = log::archived(stage.store.pool(), run).await.unwrap().expect("the log is archived");
        assert_eq!(archived.lines, i64::try_from(stage.log(run).await.len()).unwrap());
    }
}

#[tokio::test]
async fn what_a_forgotten_run_left_in_the_archive_is_removed_and_nothing_else() {
    let stage = Stage::new().await;
    let crew = stage.crew().await;
    let archive = &crew.cx.archive;
    let step = plan(vec![scripted("one", &[], json!({"lines": ["here"]}))]);
    let (forgotten, kept) = (stage.run(&step, json!({})).await, RunId::new());
    stage.drive(&crew, forgotten).await;
    let left = |run: RunId| [format!("workspaces/{run}/one.tar"), format!("logs/{run}.ndjson.gz")];
    for key in [left(forgotten), left(kept)].concat() {
        archive.put(&key, "x".into()).await.unwrap();
    }
    prune::prune(stage.store.pool(), 0, 100).await.unwrap();
    assert!(run_list::find(stage.store.pool(), forgotten).await.unwrap().is_none());
    janitor::pass(&crew.cx).await.unwrap();
    for (run, there) in [(forgotten, false), (kept, true)] {
        for key in left(run) {
            assert_eq!(archive.get(&key, 10).await.is_ok(), there, "{key}");
        }
    }
    assert!(prune::pruned_runs(stage.store.pool(), 10).await.unwrap().is_empty(), "once");
}

fn attachment(application_id: ApplicationId, resource_id: ResourceId, run_id: RunId) -> Attachment {
    Attachment {
        resource_id,
        application_id,
        run_id,
        operation: Operation::Create,
        provider: "p".into(),
        provider_version: "1.0.0".into(),
        resolved_params: None,
    }
}
