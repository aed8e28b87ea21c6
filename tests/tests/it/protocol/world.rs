//! Runs, workers and schedulers to play the protocol with.

use std::time::Duration;

use serde_json::{Value, json};
use shared::{
    domain::{
        ids::{ApplicationId, Fence, ResourceId, RunId, WorkerId},
        run::{Operation, RunKind},
        states::Applied,
        step::{AttemptStatus, StepStatus},
    },
    store::{
        lease::{self, Claimed, Lease, StepOutcome},
        promote, rescue,
        run::{self, NewRun},
        step, worker,
    },
};
use tests::{database::TestDatabase, seed};

pub(crate) const TTL: Duration = Duration::from_secs(30);
const GONE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) database: TestDatabase,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self { database: TestDatabase::create().await.unwrap() }
    }

    pub(crate) fn pool(&self) -> &sqlx::PgPool {
        &self.database.pool
    }

    /// A resource of a new application with a pending create run.
    pub(crate) async fn run(&self) -> RunId {
        self.run_of("team-a").await
    }

    pub(crate) async fn run_of(&self, team: &str) -> RunId {
        let (application, resource, id) = (ApplicationId::new(), ResourceId::new(), RunId::new());
        let mut tx = self.database.store.begin().await.unwrap();
        sqlx::query("INSERT INTO application (id, name, team, generation) VALUES ($1, $2, $3, 1)")
            .bind(application.0)
            .bind(application.to_string())
            .bind(team)
            .execute(&mut *tx)
            .await
            .unwrap();
        sqlx::query("INSERT INTO resource (id, application_id, name, type, identity, shared) VALUES ($1, $2, 'db', 'postgres', $3, false)")
            .bind(resource.0)
            .bind(application.0)
            .bind(resource.to_string())
            .execute(&mut *tx)
            .await
            .unwrap();
        let new = NewRun {
            id,
            kind: RunKind::Resource,
            operation: Operation::Create,
            resource_id: Some(resource),
            application_id: Some(application),
            team: team.into(),
            ..seed::new_run(&seed::two_steps()).unwrap()
        };
        run::create_all(&mut tx, &[new]).await.unwrap();
        let attachment = shared::store::resource::Attachment {
            resource_id: resource,
            application_id: application,
            run_id: id,
            operation: Operation::Create,
            provider: "p".into(),
            provider_version: "1.0.0".into(),
            resolved_params: Some(json!({})),
        };
        shared::store::resource::attach_all(&mut tx, &[attachment]).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    pub(crate) async fn worker(&self, slots: i32) -> WorkerId {
        let new = seed::new_worker(slots);
        let id = new.id;
        worker::register(self.pool(), &new).await.unwrap();
        id
    }

    pub(crate) async fn promote(&self) -> Vec<(RunId, Fence)> {
        let promoted = promote::promote(self.pool(), GONE, 100).await.unwrap();
        promoted.into_iter().map(|due| (due.run_id, due.fence)).collect()
    }

    pub(crate) async fn claim(&self, run: RunId, fence: Fence, worker: WorkerId) -> Applied<Claimed> {
        lease::claim(self.pool(), run, fence, worker, TTL).await.unwrap()
    }

    /// A run that a worker has just claimed.
    pub(crate) async fn claimed(&self) -> (RunId, Lease) {
        let run = self.run().await;
        let worker = self.worker(8).await;
        let ticket = self.promote().await.into_iter().find(|(id, _)| *id == run).expect("promoted");
        let Applied::Applied(claimed) = self.claim(run, ticket.1, worker).await else { panic!("stale") };
        (run, claimed.lease)
    }

    pub(crate) async fn expire(&self, run: RunId) {
        sqlx::query("UPDATE run SET lease_until = now() - interval '1 second' WHERE id = $1")
            .bind(run.0)
            .execute(self.pool())
            .await
            .unwrap();
    }

    pub(crate) async fn rescue(&self, max_losses: u16) -> rescue::Rescued {
        let mut tx = self.database.store.begin().await.unwrap();
        let rescued = rescue::rescue(&mut tx, Duration::ZERO, max_losses, 100).await.unwrap();
        tx.commit().await.unwrap();
        rescued
    }

    pub(crate) async fn retry(&self, run: RunId) -> run::Retry {
        let mut tx = self.database.store.begin().await.unwrap();
        let retry = run::retry(&mut tx, run, None, "me").await.unwrap();
        tx.commit().await.unwrap();
        retry
    }

    pub(crate) async fn step(&self, run: RunId, name: &str) -> step::Step {
        step::list(self.pool(), run).await.unwrap().into_iter().find(|step| step.name == name).unwrap()
    }

    pub(crate) async fn text(&self, sql: &'static str, id: uuid::Uuid) -> Option<String> {
        sqlx::query_scalar(sql).bind(id).fetch_one(self.pool()).await.unwrap()
    }

    pub(crate) async fn status(&self, run: RunId) -> String {
        self.text("SELECT status FROM run WHERE id = $1", run.0).await.unwrap()
    }

    pub(crate) async fn resource_state(&self, run: RunId) -> String {
        self.text("SELECT state FROM resource WHERE last_run_id = $1", run.0).await.unwrap()
    }
}

pub(crate) fn completed(outputs: Value) -> StepOutcome {
    StepOutcome {
        attempt: AttemptStatus::Completed,
        step: StepStatus::Completed,
        retry_in_s: None,
        exit_code: Some(0),
        oom_killed: false,
        error: None,
        outputs: outputs.as_object().cloned().unwrap(),
        sensitive: vec![],
        variables: serde_json::Map::new(),
        checkpoint: None,
        shared_workspace: true,
    }
}
