//! How many runs and resources there are, and how it went: kept beside the rows, and always equal to them.

mod applications;

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use serde_json::{Map, json};
use shared::{
    domain::{ids::RunId, run::error_code, states::Applied},
    formats::score::Mode,
    store::{
        event::{self, NewEvent},
        lease, minute, promote, queue,
        run::{self, Finish, NewRun},
        submit::{self, Submitted},
        tally, worker,
    },
};
use tests::{database::TestDatabase, score::Score, seed, wait};

const GONE: Duration = Duration::from_secs(3600);
const TTL: Duration = Duration::from_secs(30);

struct World {
    database: TestDatabase,
    worker: worker::NewWorker,
}

impl World {
    async fn new() -> Self {
        let database = TestDatabase::create().await.unwrap();
        let worker = seed::new_worker(1000);
        worker::register(&database.pool, &worker).await.unwrap();
        Self { database, worker }
    }

    fn pool(&self) -> &sqlx::PgPool {
        &self.database.pool
    }

    async fn runs(&self, team: &str, count: usize) -> Vec<RunId> {
        let mut tx = self.database.store.begin().await.unwrap();
        let mut new = Vec::new();
        for _ in 0..count {
            let run = seed::new_run(&seed::two_steps()).unwrap();
            new.push(NewRun { team: team.into(), ..run });
        }
        run::create_all(&mut tx, &new).await.unwrap();
        tx.commit().await.unwrap();
        new.into_iter().map(|run| run.id).collect()
    }

    /// Drives everything that is promoted to one of its ends.
    async fn drive(&self) -> usize {
        let promoted = promote::promote(self.pool(), GONE, 20).await.unwrap();
        for due in &promoted {
            let claimed = lease::claim(self.pool(), due.run_id, due.fence, self.worker.id, TTL).await.unwrap();
            let Applied::Applied(claimed) = claimed else { continue };
            let end = if due.run_id.0.as_u128().is_multiple_of(3) {
                Finish::failed(error_code::STEP_FAILED, "no")
            } else {
                Finish::completed(Map::new(), Vec::new())
            };
            assert!(lease::finish(&self.database.store, claimed.lease, &end).await.unwrap().is_applied());
        }
        promoted.len()
    }

    /// By how many kinds of runs the counts differ from the rows, both seen at one moment.
    async fn differences(&self) -> i64 {
        let sql = "WITH real AS (SELECT queue, team, kind, status, coalesce(reason, '') AS reason, count(*) AS runs FROM run GROUP BY 1, 2, 3, 4, 5)
                   SELECT count(*) FROM real FULL JOIN run_count c USING (queue, team, kind, status, reason) WHERE real.runs IS DISTINCT FROM c.runs";
        sqlx::query_scalar(sql).fetch_one(self.pool()).await.unwrap()
    }

    async fn add_up_minutes(&self) -> usize {
        let mut tx = self.database.store.begin().await.unwrap();
        let events = minute::add_up(&mut tx, 1000).await.unwrap();
        tx.commit().await.unwrap();
        events
    }

    /// Adds events up until a look at what they made of the minutes finds what it looks for: those of transactions that began after
    /// one which still runs, in whatever database of the server, are left for later.
    async fn until(&self, wanted: impl Fn(&minute::Tally) -> bool) -> minute::Tally {
        wait::until("the events are counted", Duration::from_secs(60), async || {
            self.add_up_minutes().await;
            let hour = self.hour("default").await;
            Ok(wanted(&hour).then_some(hour))
        })
        .await
        .unwrap()
    }

    /// What is kept by the hour.
    async fn hours(&self, queue: &str) -> minute::Tally {
        let (from, to) = (Utc::now() - TimeDelta::hours(2), Utc::now());
        let mut hours = minute::Tally::default();
        for one in minute::hours_between(self.pool(), &[queue.to_owned()], from, to).await.unwrap() {
            hours.add(&one);
        }
        hours
    }

    async fn hour(&self, queue: &str) -> minute::Tally {
        let (from, to) = (Utc::now() - TimeDelta::hours(1), Utc::now());
        let mut hour = minute::Tally::default();
        for one in minute::between(self.pool(), &[queue.to_owned()], from, to).await.unwrap() {
            hour.add(&one);
        }
        hour
    }
}

#[tokio::test]
async fn counts_equal_the_rows_at_every_moment_while_many_change_them_and_others_add_them_up() {
    let world = World::new().await;
    let making = async {
        for round in 0..8 {
            let ids = world.runs(["shop", "ads"][round % 2], 10).await;
            let mut tx = world.database.store.begin().await.unwrap();
            run::request_cancel(&mut tx, ids[0], "ada", "").await.unwrap();
            tx.commit().await.unwrap();
        }
    };
    let driving = async {
        for _ in 0..40 {
            world.drive().await;
        }
    };
    let adding = async {
        for _ in 0..60 {
            tally::add_up(world.pool(), 7).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let looking = async {
        for _ in 0..60 {
            assert_eq!(world.differences().await, 0);
        }
    };
    tokio::join!(making, driving, adding, looking);
    while world.drive().await > 0 {}
    while tally::add_up(world.pool(), 1000).await.unwrap() > 0 {}
    assert_eq!(world.differences().await, 0);
    let runs = tally::runs(world.pool(), None).await.unwrap();
    assert_eq!(runs.values().sum::<i64>(), 80, "{runs:?}");
    assert!(runs.keys().all(|status| ["completed", "failed", "cancelled"].contains(&status.as_str())), "{runs:?}");
    let shop = tally::runs(world.pool(), Some(&["shop".to_owned()])).await.unwrap();
    assert_eq!(shop.values().sum::<i64>(), 40, "{shop:?}");
    assert_eq!(tally::recount(world.pool()).await.unwrap(), 0);
}

#[tokio::test]
async fn counts_that_were_wrong_are_mended() {
    let world = World::new().await;
    world.runs("shop", 5).await;
    sqlx::raw_sql(
        "ALTER TABLE run DISABLE TRIGGER note_run_moved;
         UPDATE run SET status = 'cancelled', finished_at = now();
         ALTER TABLE run ENABLE TRIGGER note_run_moved",
    )
    .execute(world.pool())
    .await
    .unwrap();
    assert!(world.differences().await > 0);
    assert_eq!(tally::recount(world.pool()).await.unwrap(), 2);
    assert_eq!(world.differences().await, 0);
    assert_eq!(tally::recount(world.pool()).await.unwrap(), 0);
}

#[tokio::test]
async fn ready_runs_are_counted_by_what_limits_and_freezes_tell_apart() {
    let world = World::new().await;
    let ids = world.runs("shop", 6).await;
    let freezable = async || -> (i64, i64) {
        let sql = "SELECT coalesce(sum(runs) FILTER (WHERE freezable), 0)::bigint, coalesce(sum(runs) FILTER (WHERE NOT freezable), 0)::bigint
                   FROM (SELECT freezable, runs FROM run_tally WHERE status = 'pending' AND reason = ''
                         UNION ALL SELECT freezable, runs FROM run_change WHERE status = 'pending' AND reason = '') counted";
        sqlx::query_as(sql).fetch_one(world.pool()).await.unwrap()
    };
    assert_eq!(freezable().await, (6, 0));
    let let_start = "UPDATE run SET freeze_overridden_by = 'ada', freeze_overridden_why = 'now' WHERE id = $1";
    sqlx::query(let_start).bind(ids[0].0).execute(world.pool()).await.unwrap();
    assert_eq!(freezable().await, (5, 1));
    while tally::add_up(world.pool(), 1000).await.unwrap() > 0 {}
    assert_eq!((freezable().await, tally::recount(world.pool()).await.unwrap()), ((5, 1), 0));
    // Both at once, one of which is counted by the other.
    let moved =
        "UPDATE run SET freeze_overridden_by = NULL, freeze_overridden_why = NULL, reason = 'Delayed' WHERE id = $1";
    sqlx::query(moved).bind(ids[0].0).execute(world.pool()).await.unwrap();
    assert_eq!((freezable().await, tally::recount(world.pool()).await.unwrap()), ((5, 0), 0));
    while world.drive().await > 0 {}
    assert_eq!((freezable().await, tally::recount(world.pool()).await.unwrap()), ((0, 0), 0));
}

#[tokio::test]
async fn resources_are_counted_by_state_and_team() {
    let world = World::new().await;
    for (name, team) in [("one", "shop"), ("two", "ads")] {
        let yaml = Score::new(name).resource("it", "scripted", &json!({})).yaml();
        let submission =
            shared::submission::read(yaml.as_bytes(), Mode::Strict, Some(team.into()), "ada".into()).unwrap();
        let mut tx = world.database.store.begin().await.unwrap();
        assert!(matches!(submit::submit(&mut tx, &submission).await.unwrap(), Submitted::Accepted { .. }));
        tx.commit().await.unwrap();
    }
    let count = async |teams: Option<&[String]>| tally::resources(world.pool(), teams).await.unwrap();
    assert_eq!(count(None).await, [("requested".to_owned(), 2)].into());
    sqlx::raw_sql(
        "UPDATE resource SET state = 'failed', error_code = 'x' FROM application a WHERE a.id = application_id AND a.team = 'shop'",
    )
    .execute(world.pool())
    .await
    .unwrap();
    assert_eq!(count(Some(&["shop".to_owned()])).await, [("failed".to_owned(), 1)].into());
    tally::add_up(world.pool(), 100).await.unwrap();
    assert_eq!(count(None).await, [("failed".to_owned(), 1), ("requested".to_owned(), 1)].into());
    assert_eq!(tally::recount(world.pool()).await.unwrap(), 0);
}

#[tokio::test]
async fn each_event_is_counted_in_its_minute_once_also_when_it_is_committed_late() {
    let world = World::new().await;
    world.add_up_minutes().await;
    let run = world.runs("shop", 1).await[0];
    // Its number is lower than those of events that are committed before it.
    let mut late = world.database.store.begin().await.unwrap();
    let created = |run| NewEvent { kind: "run.created".into(), run_id: Some(run), ..NewEvent::default() };
    event::append(&mut *late, &[created(run)]).await.unwrap();
    world.runs("shop", 3).await;
    world.add_up_minutes().await;
    late.commit().await.unwrap();
    world.until(|hour| hour.created >= 5).await;
    world.add_up_minutes().await;
    assert_eq!(world.hour("default").await.created, 5);
    assert_eq!(world.hour(minute::ALL_QUEUES).await.created, 5);
}

#[tokio::test]
async fn minutes_tell_how_many_runs_ended_how_and_how_long_they_waited_and_took() {
    let world = World::new().await;
    let ids = world.runs("shop", 6).await;
    sqlx::query("UPDATE run SET waiting_since = now() - interval '90 seconds'").execute(world.pool()).await.unwrap();
    minute::sample(world.pool()).await.unwrap();
    while world.drive().await > 0 {}
    let hour = world.until(|hour| hour.times.total() >= 6).await;
    let failed = i64::try_from(ids.iter().filter(|id| id.0.as_u128().is_multiple_of(3)).count()).unwrap();
    assert_eq!((hour.created, hour.failed, hour.completed, hour.cancelled), (6, failed, 6 - failed, 0));
    assert_eq!((hour.waits.total(), hour.times.total()), (6, 6));
    let waited = hour.waits.percentiles().unwrap().p50;
    assert!((60.0..=160.0).contains(&waited), "{waited}");
    assert_eq!(hour.waiting, 6, "what was seen to wait");
    for queue in ["default", minute::ALL_QUEUES] {
        assert_eq!(world.hours(queue).await, world.hour(queue).await, "hours are what their minutes are");
    }
    let figures = queue::find(world.pool(), 60, "default").await.unwrap().unwrap();
    assert_eq!((figures.finished_5m, figures.failed_5m), (6.0, failed as f64));
    let earlier = "UPDATE queue_minute SET minute = minute - interval '6 minutes'";
    sqlx::raw_sql(earlier).execute(world.pool()).await.unwrap();
    assert_eq!(queue::find(world.pool(), 60, "default").await.unwrap().unwrap().finished_5m, 0.0);

    sqlx::raw_sql("UPDATE queue_minute SET minute = minute - interval '8 days'").execute(world.pool()).await.unwrap();
    assert!(minute::forget(world.pool(), 100).await.unwrap() >= 2);
}
