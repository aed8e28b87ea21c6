//! Queues that are paused and drained, workers that are to take no more, and priorities.

use std::time::Duration;

use serde_json::{Map, json};
use shared::{
    domain::{
        ids::{Fence, RunId, WorkerId},
        quota::Quotas,
        states::Applied,
    },
    store::{
        lease::{self, Lease},
        promote,
        queue::{self, Figures, Hold},
        run::{self, Finish, NewRun},
        run_list, team,
        worker::{self, WorkerAsked, WorkerState},
        worker_list,
    },
};
use tests::{database::TestDatabase, seed};

const GONE: Duration = Duration::from_secs(3600);
const TTL: Duration = Duration::from_secs(30);

struct World {
    database: TestDatabase,
    worker: WorkerId,
}

impl World {
    async fn new() -> Self {
        let database = TestDatabase::create().await.unwrap();
        let new = seed::new_worker(100);
        let worker = new.id;
        worker::register(&database.pool, &new).await.unwrap();
        Self { database, worker }
    }

    fn pool(&self) -> &sqlx::PgPool {
        &self.database.pool
    }

    async fn run(&self) -> RunId {
        self.run_with(|_| {}).await
    }

    async fn run_with(&self, change: impl FnOnce(&mut NewRun)) -> RunId {
        let mut tx = self.database.store.begin().await.unwrap();
        let mut new = seed::new_run(&seed::two_steps()).unwrap();
        change(&mut new);
        let id = new.id;
        run::create_all(&mut tx, &[new]).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    async fn promote(&self) -> Vec<(RunId, Fence)> {
        let promoted = promote::promote(self.pool(), GONE, 100).await.unwrap();
        promoted.into_iter().map(|due| (due.run_id, due.fence)).collect()
    }

    async fn claim(&self, (run, fence): (RunId, Fence)) -> Option<Lease> {
        match lease::claim(self.pool(), run, fence, self.worker, TTL).await.unwrap() {
            Applied::Applied(claimed) => Some(claimed.lease),
            Applied::Stale => None,
        }
    }

    async fn complete(&self, lease: Lease) {
        let end = Finish::completed(Map::new(), Vec::new());
        assert!(lease::finish(&self.database.store, lease, &end).await.unwrap().is_applied());
    }

    async fn pause(&self, drain: bool) {
        let mut tx = self.database.store.begin().await.unwrap();
        let hold = Hold { by: "ada", why: "the registry is down", drain };
        assert!(queue::pause(&mut tx, "default", hold).await.unwrap());
        tx.commit().await.unwrap();
    }

    async fn resume(&self) {
        let mut tx = self.database.store.begin().await.unwrap();
        assert!(queue::resume(&mut tx, "default", "ada").await.unwrap());
        tx.commit().await.unwrap();
    }

    async fn find(&self, run: RunId) -> run_list::Run {
        run_list::find(self.pool(), run).await.unwrap().unwrap()
    }

    async fn figures(&self) -> Figures {
        queue::find(self.pool(), 3600, "default").await.unwrap().unwrap()
    }

    async fn ask(&self, asked: WorkerAsked) -> Option<Applied> {
        worker::ask(self.pool(), self.worker, asked, "ada", "its disk is replaced").await.unwrap()
    }
}

#[tokio::test]
async fn nothing_of_a_paused_queue_begins_and_its_runs_say_who_paused_it_and_why() {
    let world = World::new().await;
    world.run().await;
    world.pause(false).await;
    let later = world.run().await;
    assert!(world.promote().await.is_empty());
    let waits = world.find(later).await;
    assert_eq!(waits.reason.as_deref(), Some("QueuePaused"));
    assert_eq!(waits.reason_detail.as_deref(), Some("queue 'default' was paused by ada: the registry is down"));
    // No scaler makes room for what may not begin.
    let figures = world.figures().await;
    assert_eq!((figures.ready, figures.blocked, figures.queued), (0, 2, 0));
    assert_eq!(
        queue::waiting_by_reason(world.pool(), "default").await.unwrap(),
        [("QueuePaused".to_owned(), 2)].into()
    );

    world.resume().await;
    assert_eq!(world.promote().await.len(), 2);
    assert_eq!(world.figures().await.paused_at, None);
}

#[tokio::test]
async fn a_pause_takes_back_the_tickets_that_nobody_claimed_and_leaves_alone_what_runs() {
    let world = World::new().await;
    let (running, unclaimed) = (world.run().await, world.run().await);
    let tickets = world.promote().await;
    let of = |run: RunId| *tickets.iter().find(|(id, _)| *id == run).unwrap();
    let lease = world.claim(of(running)).await.unwrap();
    world.pause(false).await;
    assert_eq!(world.claim(of(unclaimed)).await, None, "the ticket is stale");
    let waits = world.find(unclaimed).await;
    assert_eq!((waits.status.as_str(), waits.reason.as_deref()), ("pending", Some("QueuePaused")));

    // What a worker had goes on, also with another one.
    assert!(lease::hand_back(&world.database.store, lease).await.unwrap().is_applied());
    world.pause(false).await;
    let fence = world.find(running).await.fence;
    let lease = world.claim((running, fence)).await.unwrap();
    world.complete(lease).await;

    world.resume().await;
    let again = world.promote().await;
    assert_eq!(again.iter().map(|(run, _)| *run).collect::<Vec<_>>(), [unclaimed]);
    assert!(world.claim(again[0]).await.is_some());
}

#[tokio::test]
async fn a_drain_is_told_of_once_when_nothing_of_the_queue_runs_any_more() {
    let world = World::new().await;
    world.run().await;
    let ticket = world.promote().await[0];
    let lease = world.claim(ticket).await.unwrap();
    world.pause(true).await;
    world.promote().await;
    assert!(world.figures().await.drained_at.is_none(), "it still runs");
    world.complete(lease).await;
    world.promote().await;
    world.promote().await;
    assert!(world.figures().await.drained_at.is_some());
    assert_eq!(world.database.events("queue.drained").await.unwrap(), [json!({"queue": "default"})]);
    world.resume().await;
    let figures = world.figures().await;
    assert_eq!((figures.draining, figures.drained_at), (false, None));
}

#[tokio::test]
async fn of_a_queue_that_is_not_paused_nothing_can_be_resumed_and_of_one_that_is_not_there_nothing_paused() {
    let world = World::new().await;
    let mut tx = world.database.store.begin().await.unwrap();
    assert!(!queue::resume(&mut tx, "default", "ada").await.unwrap());
    let hold = Hold { by: "ada", why: "", drain: false };
    assert!(!queue::pause(&mut tx, "nowhere", hold).await.unwrap());
}

#[tokio::test]
async fn a_pause_during_a_pass_of_promotion_waits_for_it_and_takes_back_what_it_gave() {
    let world = World::new().await;
    world.run().await;
    let mut pass = world.pool().begin().await.unwrap();
    let given = "SELECT count(*) FROM promote_queue('default', interval '1 hour', 10)";
    let given: i64 = sqlx::query_scalar(given).fetch_one(&mut *pass).await.unwrap();
    assert_eq!(given, 1);
    let (store, blocked) = (world.database.store.clone(), world.pool().clone());
    let pausing = tokio::spawn(async move {
        let mut tx = store.begin().await.unwrap();
        let hold = Hold { by: "ada", why: "", drain: false };
        assert!(queue::pause(&mut tx, "default", hold).await.unwrap());
        tx.commit().await.unwrap();
    });
    tests::wait::until("the pause waits", Duration::from_secs(20), async || {
        let waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let waits: i64 = sqlx::query_scalar(waits).fetch_one(&blocked).await?;
        Ok((waits > 0).then_some(()))
    })
    .await
    .unwrap();
    pass.commit().await.unwrap();
    pausing.await.unwrap();
    let figures = world.figures().await;
    assert_eq!((figures.queued, figures.blocked), (0, 1));
}

#[tokio::test]
async fn a_runs_priority_is_counted_from_its_queues() {
    let world = World::new().await;
    queue::set_priority(world.pool(), "default", 20).await.unwrap();
    let plain = world.run().await;
    let asked = world.run_with(|new| new.priority = -30).await;
    assert_eq!((world.find(plain).await.priority, world.find(asked).await.priority), (20, -10));
    assert_eq!(world.figures().await.priority, 20);
}

#[tokio::test]
async fn who_waits_for_what_is_told_by_team() {
    let world = World::new().await;
    team::set_quotas(world.pool(), "narrow", &Quotas { runs: Some(1), ..Quotas::default() }).await.unwrap();
    for name in ["narrow", "narrow", "narrow", "wide"] {
        world.run_with(|new| new.team = name.into()).await;
    }
    world.promote().await;
    let teams = queue::waiting_by_team(world.pool(), "default", None, 10).await.unwrap();
    let told: Vec<_> = teams.iter().map(|it| (it.team.as_str(), it.waiting, it.in_flight)).collect();
    assert_eq!(told, [("narrow", 2, 1), ("wide", 0, 1)]);
    assert_eq!(teams[0].reasons, [("TeamQuota".to_owned(), 2)].into());
    let only = queue::waiting_by_team(world.pool(), "default", Some(&["wide".to_owned()]), 10).await.unwrap();
    assert_eq!(only.len(), 1);
}

#[tokio::test]
async fn a_cordoned_worker_is_not_counted_on_until_it_is_uncordoned() {
    let world = World::new().await;
    let (one, two) = (world.run().await, world.run().await);
    assert_eq!(world.ask(WorkerAsked::Cordon).await, Some(Applied::Applied(())));
    assert_eq!(worker::heartbeat(world.pool(), world.worker).await.unwrap(), Some(WorkerAsked::Cordon));
    // As without any worker: one ticket, so that a scaler sees the work.
    assert_eq!(world.promote().await.len(), 1);
    let left = if world.find(one).await.status.as_str() == "pending" { one } else { two };
    assert_eq!(world.find(left).await.reason.as_deref(), Some("NoWorkerForQueue"));
    let summary = worker_list::summary(world.pool(), 3600).await.unwrap();
    assert_eq!((summary.serving, summary.cordoned, summary.slots), (0, 1, 0));

    assert_eq!(world.ask(WorkerAsked::Serve).await, Some(Applied::Applied(())));
    assert_eq!(world.promote().await.len(), 1);
    let shown = worker_list::find(world.pool(), 3600, world.worker).await.unwrap().unwrap();
    assert_eq!((shown.asked, shown.asked_by.as_deref()), (WorkerAsked::Serve, Some("ada")));
}

#[tokio::test]
async fn nothing_else_can_be_asked_of_a_worker_that_ends() {
    let world = World::new().await;
    worker::set_state(world.pool(), world.worker, WorkerState::Draining).await.unwrap();
    assert_eq!(world.ask(WorkerAsked::Serve).await, Some(Applied::Stale));
    assert_eq!(world.ask(WorkerAsked::Drain).await, Some(Applied::Applied(())));
    worker::set_state(world.pool(), world.worker, WorkerState::Stopped).await.unwrap();
    assert_eq!(world.ask(WorkerAsked::Drain).await, Some(Applied::Stale));
    assert_eq!(worker::heartbeat(world.pool(), world.worker).await.unwrap(), None);
    assert_eq!(worker::ask(world.pool(), WorkerId::new(), WorkerAsked::Drain, "ada", "").await.unwrap(), None);
}
