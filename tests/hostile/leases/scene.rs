//! A database with the rights that it has anywhere, and a worker's login to it.

use std::time::{Duration, Instant};

use serde_json::{Map, json};
use shared::{
    config,
    domain::{
        ids::{Fence, ResourceId, RunId, StepId, WorkerId},
        run::WaitReason,
        states::Applied,
        step::{AttemptStatus, StepStatus},
    },
    secrets::keyring::Wrapped,
    store::{
        Store,
        data_key::{self, WrappedDataKey},
        lease::{self, Lease, LogLine, LoopOutcome, StepOutcome, Suspension, Wait},
        promote,
        roles::Program,
        run::{self, Finish, NewRun},
        secret, step, worker,
    },
};
use sqlx::PgPool;
use tests::{database::TestDatabase, logins, seed};
use uuid::Uuid;

pub(super) const TTL: Duration = Duration::from_secs(60);
/// "Insufficient privilege".
pub(super) const REFUSED: &str = "42501";

/// A database, and what a worker's login sees of it.
pub(super) struct Scene {
    pub(super) database: TestDatabase,
    pub(super) worker: Store,
    pub(super) id: WorkerId,
}

impl Scene {
    pub(super) async fn new() -> Self {
        let database = TestDatabase::create().await.unwrap();
        logins::ensure(&database.config()).await.unwrap();
        let worker = store_of(&database, Program::Worker);
        let new = seed::new_worker(8);
        worker::register(worker.pool(), &new).await.unwrap();
        Self { database, worker, id: new.id }
    }

    pub(super) fn owner(&self) -> &PgPool {
        &self.database.pool
    }

    pub(super) fn pool(&self) -> &PgPool {
        self.worker.pool()
    }

    /// A run that is pending.
    pub(super) async fn pending(&self) -> RunId {
        let mut tx = self.database.store.begin().await.unwrap();
        let new: NewRun = seed::new_run(&seed::two_steps()).unwrap();
        let id = new.id;
        run::create_all(&mut tx, &[new]).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    pub(super) async fn queued(&self) -> (RunId, Fence) {
        let run = self.pending().await;
        let due = promote::promote(self.owner(), TTL, 100).await.unwrap();
        let due = due.into_iter().find(|due| due.run_id == run).unwrap();
        (run, due.fence)
    }

    /// A run that this worker holds.
    pub(super) async fn held(&self) -> Lease {
        let (run, fence) = self.queued().await;
        let Applied::Applied(claimed) = lease::claim(self.pool(), run, fence, self.id, TTL).await.unwrap() else {
            panic!("a run that is due was not given")
        };
        claimed.lease
    }

    /// The SQLSTATE that a statement of the worker's login is refused with.
    pub(super) async fn refusal(&self, statement: &str) -> String {
        refusal(self.pool(), statement).await
    }

    /// Everything that a write could have changed, as one text.
    pub(super) async fn picture(&self) -> String {
        let sql = "SELECT string_agg(line, E'\\n' ORDER BY line) FROM (
            SELECT 'run ' || to_jsonb(run)::text AS line FROM run UNION ALL SELECT 'step ' || to_jsonb(step)::text FROM step
            UNION ALL SELECT 'attempt ' || to_jsonb(attempt)::text FROM attempt
            UNION ALL SELECT 'log ' || to_jsonb(log_line)::text FROM log_line UNION ALL SELECT 'seal ' || to_jsonb(log_seal)::text FROM log_seal
            UNION ALL SELECT 'approval ' || to_jsonb(approval)::text FROM approval UNION ALL SELECT 'event ' || to_jsonb(event)::text FROM event
            UNION ALL SELECT 'state ' || to_jsonb(state_version)::text FROM state_version
            UNION ALL SELECT 'lock ' || to_jsonb(state_lock)::text FROM state_lock
            UNION ALL SELECT 'resource ' || to_jsonb(resource)::text FROM resource
            UNION ALL SELECT 'key ' || to_jsonb(data_key)::text FROM data_key
            UNION ALL SELECT 'archive ' || to_jsonb(log_archive)::text FROM log_archive) lines";
        sqlx::query_scalar::<_, Option<String>>(sql).fetch_one(self.owner()).await.unwrap().unwrap_or_default()
    }
}

pub(super) fn store_of(database: &TestDatabase, program: Program) -> Store {
    let url = logins::url_of(&database.url, program).unwrap();
    let config = config::Database { url, max_connections: 3, ..config::Database::default() };
    Store::connect(&config, "slipway-test").unwrap()
}

pub(super) async fn refusal(pool: &PgPool, statement: &str) -> String {
    match sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).execute(pool).await {
        Err(sqlx::Error::Database(error)) => error.code().unwrap().into_owned(),
        other => panic!("{statement}: {other:?}"),
    }
}

pub(super) fn line(text: &str) -> LogLine {
    LogLine {
        cursor: 1,
        step: "one".into(),
        attempt: 1,
        seq: 1,
        at: chrono::Utc::now(),
        stream: "stdout",
        text: text.into(),
    }
}

pub(super) fn outcome() -> StepOutcome {
    StepOutcome {
        attempt: AttemptStatus::Completed,
        step: StepStatus::Completed,
        retry_in_s: None,
        exit_code: Some(0),
        oom_killed: false,
        error: None,
        outputs: Map::from_iter([("stolen".to_owned(), json!(true))]),
        sensitive: vec![],
        variables: Map::new(),
        checkpoint: Some(json!({"key": "workspaces/stolen", "sha256": "", "bytes": 1})),
        shared_workspace: true,
    }
}

/// Makes every write there is under the lease; gives the names of those that were taken.
pub(super) async fn all_writes(store: &Store, lease: Lease, step: StepId) -> Vec<&'static str> {
    let (pool, resource) = (store.pool(), ResourceId::new());
    let wait = Wait { what: json!({"kind": "delay"}), until: None, approval: None };
    let suspension = Suspension {
        reason: WaitReason::Delayed,
        detail: String::new(),
        until_s: None,
        waiting: 0,
        cancel_heeded: false,
    };
    let ended = LoopOutcome { status: StepStatus::Completed, error: None, outputs: Map::new(), sensitive: vec![] };
    let (empty, key) = (Map::new(), new_key());
    let applied = [
        ("started", lease::step_started(pool, lease, step, 1, "image").await.unwrap().is_applied()),
        ("image", lease::image_fetched(pool, lease, step, 1, "sha256:0").await.unwrap().is_applied()),
        ("log", lease::append_log(pool, lease, &[line("stolen")]).await.unwrap().is_applied()),
        (
            "begun",
            lease::append_log_and_begun(
                pool,
                lease,
                &[line("stolen")],
                &[lease::Begun { step, number: 1, at: Instant::now() }],
            )
            .await
            .unwrap()
            .is_applied(),
        ),
        (
            "finished",
            lease::step_finished(pool, lease, step, 1, &outcome(), &lease::LogEnd::default())
                .await
                .unwrap()
                .is_applied(),
        ),
        (
            "closed",
            lease::close_steps(pool, lease, StepStatus::Skipped, &[(step, "stolen".into())])
                .await
                .unwrap()
                .is_applied(),
        ),
        ("spread", lease::spread(pool, lease, step, &[json!(1)]).await.unwrap().is_applied()),
        ("loop", lease::loop_finished(pool, lease, step, &ended).await.unwrap().is_applied()),
        ("derived", lease::step_derived(pool, lease, step, &empty, &[], &empty).await.unwrap().is_applied()),
        ("waiting", lease::step_waiting(pool, lease, step, &wait).await.unwrap().is_applied()),
        ("service", lease::service_ended(pool, lease, "s", 1, 0).await.unwrap().is_applied()),
        ("state", lease::store_state(pool, lease, resource, 1, "l", "m", b"{}").await.unwrap().is_applied()),
        ("lock", lease::lock_state(pool, lease, resource).await.unwrap().is_applied()),
        ("uncertain", lease::mark_state_uncertain(pool, lease, resource).await.unwrap().is_applied()),
        ("read state", lease::latest_state(pool, lease, resource).await.unwrap().is_applied()),
        ("steps", !lease::steps(pool, lease, None).await.unwrap().is_empty()),
        ("images", !lease::images(pool, lease).await.unwrap().is_empty()),
        ("data key", data_key::add_of_run(pool, lease, &key).await.is_err()),
        ("read data key", data_key::of_run(pool, lease, None).await.unwrap().is_some()),
        ("read secret", !secret::of_run(pool, lease, &["password".into()], "one").await.unwrap().is_empty()),
        ("suspended", lease::suspend(store, lease, &suspension).await.unwrap().is_applied()),
        ("renewed", !lease::renew(pool, &[lease], TTL).await.unwrap().is_empty()),
        ("handed back", lease::hand_back(store, lease).await.unwrap().is_applied()),
        ("ended", lease::finish(store, lease, &Finish::completed(Map::new(), vec![])).await.unwrap().is_applied()),
    ];
    applied.into_iter().filter_map(|(name, done)| done.then_some(name)).collect()
}

pub(super) fn new_key() -> WrappedDataKey {
    let key = Wrapped { key_id: "test".into(), bytes: vec![1; 32] };
    WrappedDataKey { id: Uuid::now_v7(), team: "default".into(), key }
}

pub(super) async fn step_of(scene: &Scene, run: RunId) -> StepId {
    step::list(scene.owner(), run).await.unwrap().remove(0).id
}
