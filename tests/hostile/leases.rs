//! Who has a worker's login to the database can take work that is due, as any worker can, and that is all: it writes nothing of a
//! run that it does not hold, reads no secret of it, and nothing of people, keys, policies and the record of changes.

use std::time::Duration;

use shared::{
    domain::{
        ids::{Fence, RunId, WorkerId},
        states::Applied,
    },
    store::{
        lease::{self, Lease, LeaseToken},
        log::{self, Archived},
        rescue,
        roles::Program,
        run::Finish,
        secret, worker,
    },
};
use sqlx::PgPool;
use tests::{logins, seed};
use uuid::Uuid;

mod privileges;
mod scene;

use scene::{REFUSED, Scene, TTL, all_writes, line, outcome, step_of, store_of};

#[tokio::test]
async fn a_forged_absent_or_foreign_token_writes_nothing_of_a_run_and_reads_nothing() {
    let scene = Scene::new().await;
    sqlx::query(
        "INSERT INTO secret (id, team, name, version, source, created_by, updated_by)
         VALUES (gen_random_uuid(), 'default', 'password', 1, 'env:X', 'a', 'a')",
    )
    .execute(scene.owner())
    .await
    .unwrap();
    let (held, other) = (scene.held().await, scene.held().await);
    let step = step_of(&scene, held.run_id).await;
    let before = scene.picture().await;
    let stolen = [
        ("a random token", Lease { token: LeaseToken(Uuid::from_bytes(rand::random())), ..held }),
        ("no token", Lease { token: LeaseToken(Uuid::nil()), ..held }),
        ("the token of another run", Lease { token: other.token, ..held }),
        ("the fence before", Lease { fence: Fence(held.fence.0 - 1), ..held }),
        ("the fence after", Lease { fence: Fence(held.fence.0 + 1), ..held }),
        ("another worker's name", Lease { worker_id: WorkerId::new(), token: other.token, ..held }),
    ];
    for (what, lease) in stolen {
        assert_eq!(all_writes(&scene.worker, lease, step).await, Vec::<&str>::new(), "{what}");
        assert_eq!(scene.picture().await, before, "{what}");
    }
    // And the right one: what it may read is there, and what it may write is taken.
    // However often it is asked for, it is recorded once: who, for which step, which version, and no value.
    for step in ["one", "one", ""] {
        let given = secret::of_run(scene.pool(), held, &["password".into(), "none".into()], step).await.unwrap();
        assert_eq!(given.len(), 1);
    }
    let said: Vec<(String, Option<Uuid>, String, String, serde_json::Value)> = sqlx::query_as(
        "SELECT actor_kind, actor_id, object, team, after FROM audit_entry WHERE action = 'secret.use' ORDER BY id",
    )
    .fetch_all(scene.owner())
    .await
    .unwrap();
    let entry = |step: &str| {
        let given = serde_json::json!([{"name": "password", "version": 1, "of": "team"}]);
        let after = serde_json::json!({"step": step, "given": given});
        ("worker".to_owned(), Some(held.worker_id.0), format!("run/{}", held.run_id), "default".to_owned(), after)
    };
    assert_eq!(said, [entry("one"), entry("")]);
    assert_eq!(lease::steps(scene.pool(), held, None).await.unwrap().len(), 2);
    assert!(lease::step_started(scene.pool(), held, step, 1, "image").await.unwrap().is_applied());
    assert!(lease::append_log(scene.pool(), held, &[line("mine")]).await.unwrap().is_applied());
    let ended = lease::step_finished(scene.pool(), held, step, 1, &outcome(), &lease::LogEnd::default()).await.unwrap();
    assert!(ended.is_applied());
    assert!(lease::finish(&scene.worker, held, &Finish::failed("StepFailed", "x")).await.unwrap().is_applied());
}

#[tokio::test]
async fn the_token_of_a_lease_that_was_lost_is_worth_nothing_though_the_same_worker_has_the_run_again() {
    let scene = Scene::new().await;
    let lost = scene.held().await;
    let step = step_of(&scene, lost.run_id).await;
    sqlx::query("UPDATE run SET lease_until = now() - interval '1 second'").execute(scene.owner()).await.unwrap();
    let mut tx = scene.database.store.begin().await.unwrap();
    assert_eq!(rescue::rescue(&mut tx, Duration::ZERO, 5, 10).await.unwrap().queued, 1);
    tx.commit().await.unwrap();
    let before = scene.picture().await;
    assert_eq!(all_writes(&scene.worker, lost, step).await, Vec::<&str>::new(), "while nobody has it");
    assert_eq!(scene.picture().await, before);

    let fence = Fence(lost.fence.0 + 1);
    let Applied::Applied(again) = lease::claim(scene.pool(), lost.run_id, fence, scene.id, TTL).await.unwrap() else {
        panic!("the run was not given")
    };
    assert_ne!(again.lease.token, lost.token);
    let before = scene.picture().await;
    let mixed = Lease { token: lost.token, ..again.lease };
    assert_eq!(all_writes(&scene.worker, lost, step).await, Vec::<&str>::new());
    assert_eq!(all_writes(&scene.worker, mixed, step).await, Vec::<&str>::new(), "the new fence is no secret");
    assert_eq!(scene.picture().await, before);
}

#[tokio::test]
async fn only_a_run_that_is_queued_is_given_and_only_under_the_fence_of_its_ticket() {
    let scene = Scene::new().await;
    let (running, over) = (scene.held().await, scene.held().await);
    assert!(lease::finish(&scene.worker, over, &Finish::failed("StepFailed", "x")).await.unwrap().is_applied());
    let (queued, fence) = scene.queued().await;
    let pending = scene.pending().await;
    let before = scene.picture().await;
    for (run, now) in
        [(running.run_id, running.fence), (over.run_id, over.fence), (pending, Fence(0)), (RunId::new(), Fence(0))]
    {
        for fence in [now.0 - 1, now.0, now.0 + 1, i64::MIN, i64::MAX] {
            assert!(!lease::claim(scene.pool(), run, Fence(fence), scene.id, TTL).await.unwrap().is_applied());
        }
    }
    for fence in [fence.0 - 1, fence.0 + 1, i64::MAX] {
        assert!(!lease::claim(scene.pool(), queued, Fence(fence), scene.id, TTL).await.unwrap().is_applied());
    }
    assert_eq!(scene.picture().await, before);
}

#[tokio::test]
async fn a_worker_cannot_speak_for_another() {
    let scene = Scene::new().await;
    let other = store_of(&scene.database, Program::Worker);
    let victim = seed::new_worker(4);
    worker::register(other.pool(), &victim).await.unwrap();
    let row = "SELECT to_jsonb(worker)::text FROM worker WHERE id = $1";
    let row = async || sqlx::query_scalar::<_, String>(row).bind(victim.id.0).fetch_one(scene.owner()).await.unwrap();
    let (before, events) = (row().await, scene.picture().await);

    assert!(worker::heartbeat(scene.pool(), victim.id).await.unwrap().is_none(), "as if it were gone");
    worker::set_state(scene.pool(), victim.id, worker::WorkerState::Stopped).await.unwrap();
    let registered = worker::register(scene.pool(), &victim).await;
    assert!(registered.is_err_and(|error| error.to_string().contains("row-level security")));
    let lease = Lease { run_id: RunId::new(), fence: Fence(1), worker_id: victim.id, token: LeaseToken(Uuid::nil()) };
    lease::count_refusal(scene.pool(), lease, "stolen").await.unwrap();
    let taken = format!("UPDATE worker SET id = '{}' WHERE id = '{}'", victim.id, scene.id);
    assert_eq!(scene.refusal(&taken).await, REFUSED);
    let everybody = sqlx::query("UPDATE worker SET state = 'draining'").execute(scene.pool()).await.unwrap();
    assert_eq!(everybody.rows_affected(), 1, "its own");
    assert_eq!(row().await, before);
    assert_eq!(scene.picture().await, events);

    // The process that announced it may.
    assert!(worker::heartbeat(other.pool(), victim.id).await.unwrap().is_some());
    lease::count_refusal(other.pool(), lease, "late").await.unwrap();
    let counted = "SELECT refused_writes FROM worker WHERE id = $1";
    let counted: i64 = sqlx::query_scalar(counted).bind(victim.id.0).fetch_one(scene.owner()).await.unwrap();
    assert_eq!(counted, 1);
}

#[tokio::test]
async fn a_connection_that_shows_no_process_announces_no_worker() {
    let scene = Scene::new().await;
    let url = logins::url_of(&scene.database.url, Program::Worker).unwrap();
    let bare = PgPool::connect(&url).await.unwrap();
    for shown in ["", "SET slipway.process = '';"] {
        sqlx::raw_sql(shown).execute(&bare).await.unwrap();
        let refused = worker::register(&bare, &seed::new_worker(1)).await;
        assert!(refused.is_err_and(|error| error.to_string().contains("row-level security")));
    }
}

#[tokio::test]
async fn a_log_is_recorded_as_archived_only_when_its_run_is_over_and_all_of_it_is_there() {
    let scene = Scene::new().await;
    let held = scene.held().await;
    assert!(lease::append_log(scene.pool(), held, &[line("one")]).await.unwrap().is_applied());
    let archived = |key: String, lines| Archived { key, sha256: vec![0; 32], bytes: 1, lines, pruned_at: None };
    let right = format!("logs/{}.ndjson.gz", held.run_id);
    let record = async |archived: Archived| {
        log::record_archived(scene.pool(), held.run_id, &archived).await.unwrap();
        log::archived(scene.owner(), held.run_id).await.unwrap().is_some()
    };
    assert!(!record(archived(right.clone(), 1)).await, "it is not over");
    assert!(lease::finish(&scene.worker, held, &Finish::failed("StepFailed", "x")).await.unwrap().is_applied());
    assert!(!record(archived(right.clone(), 0)).await, "a line is missing");
    assert!(!record(archived("logs/another".into(), 1)).await, "it is another run's");
    assert!(record(archived(right, 1)).await);
}
