//! A database with workers, in which runs are made by the thousand and moved by what the programs use.

use std::{collections::BTreeMap, time::Duration};

use shared::{
    domain::ids::{Fence, RunId, WorkerId},
    store::{
        promote,
        run::{self, NewRun},
        run_list,
        worker::{self, NewWorker},
    },
};
use sqlx::{AssertSqlSafe, PgPool};
use tests::{database::TestDatabase, seed};

pub(crate) const GONE: Duration = Duration::from_secs(3600);

pub(crate) struct World {
    pub(crate) database: TestDatabase,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self { database: TestDatabase::create().await.unwrap() }
    }

    /// With one worker of so many slots.
    pub(crate) async fn with_slots(slots: i32) -> Self {
        let world = Self::new().await;
        world.worker("default", slots).await;
        world
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.database.pool
    }

    pub(crate) async fn worker(&self, queue: &str, slots: i32) -> WorkerId {
        let new = NewWorker { queues: vec![queue.to_owned()], ..seed::new_worker(slots) };
        worker::register(self.pool(), &new).await.unwrap();
        new.id
    }

    pub(crate) async fn run(&self, change: impl FnOnce(&mut NewRun)) -> RunId {
        let mut tx = self.database.store.begin().await.unwrap();
        let mut new = seed::new_run(&seed::two_steps()).unwrap();
        change(&mut new);
        let id = new.id;
        run::create_all(&mut tx, &[new]).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    pub(crate) async fn run_of(&self, team: &str) -> RunId {
        self.run(|new| new.team = team.to_owned()).await
    }

    /// Very many runs of a team at once, made behind the program's back.
    pub(crate) async fn many(&self, team: &str, provider: &str, count: i32) {
        let one = self.run(|new| (new.team, new.provider) = (team.to_owned(), provider.to_owned())).await;
        let sql = "INSERT INTO run (id, root_run_id, kind, operation, team, provider, provider_version, workflow, plan_digest, inputs)
                   SELECT new.id, new.id, kind, operation, team, provider, provider_version, workflow, plan_digest, inputs
                   FROM run CROSS JOIN (SELECT gen_random_uuid() AS id FROM generate_series(2, $2)) new WHERE run.id = $1";
        sqlx::query(sql).bind(one.0).bind(count).execute(self.pool()).await.unwrap();
    }

    pub(crate) async fn promote(&self) -> Vec<(RunId, Fence)> {
        let promoted = promote::promote(self.pool(), GONE, 500).await.unwrap();
        promoted.into_iter().map(|due| (due.run_id, due.fence)).collect()
    }

    /// Promotes until nobody gets a ticket any more, and says how many did.
    pub(crate) async fn settle(&self) -> usize {
        let mut given = 0;
        for _ in 0..100 {
            let more = self.promote().await.len();
            given += more;
            if more == 0 {
                return given;
            }
        }
        panic!("promotion does not come to rest");
    }

    /// Ends runs that are queued, as a worker would in time.
    pub(crate) async fn end(&self, runs: &[RunId]) {
        let ids: Vec<uuid::Uuid> = runs.iter().map(|run| run.0).collect();
        let sql = "UPDATE run SET status = 'completed', finished_at = now(), started_at = now(), lease_worker_id = NULL, lease_until = NULL,
                          lease_hash = NULL
                   WHERE id = ANY ($1) AND status IN ('queued', 'running')";
        sqlx::query(sql).bind(ids).execute(self.pool()).await.unwrap();
    }

    /// Runs in flight by what this says of each.
    pub(crate) async fn in_flight(&self, by: &str) -> BTreeMap<String, i64> {
        let sql = format!("SELECT {by}, count(*) FROM run WHERE status IN ('queued', 'running') GROUP BY 1");
        let rows: Vec<(String, i64)> = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(self.pool()).await.unwrap();
        rows.into_iter().collect()
    }

    pub(crate) async fn ids_in_flight(&self, team: &str) -> Vec<RunId> {
        let sql = "SELECT id FROM run WHERE status IN ('queued', 'running') AND team = $1 ORDER BY id";
        let ids: Vec<uuid::Uuid> = sqlx::query_scalar(sql).bind(team).fetch_all(self.pool()).await.unwrap();
        ids.into_iter().map(RunId).collect()
    }

    /// As if a run had waited so much longer.
    pub(crate) async fn age(&self, run: RunId, seconds: f64) {
        let sql = "UPDATE run SET order_at = order_at - make_interval(secs => $2) WHERE id = $1";
        sqlx::query(sql).bind(run.0).bind(seconds).execute(self.pool()).await.unwrap();
    }

    pub(crate) async fn find(&self, run: RunId) -> run_list::Run {
        run_list::find(self.pool(), run).await.unwrap().unwrap()
    }

    pub(crate) async fn reason(&self, run: RunId) -> Option<String> {
        self.find(run).await.reason
    }

    pub(crate) async fn sql(&self, statement: &str) -> u64 {
        sqlx::query(AssertSqlSafe(statement.to_owned())).execute(self.pool()).await.unwrap().rows_affected()
    }
}
