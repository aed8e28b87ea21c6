//! What teams may use: runs at once, resources, processor, log, storage. Decided in Postgres, so that it holds however many
//! schedulers and apis there are.

mod processes;

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;
use shared::{
    domain::{
        ids::RunId,
        quota::{Exceeded, Quotas},
    },
    formats::score::Mode,
    store::{
        promote, queue, quota, run, run_list,
        submit::{self, Refusal, Submission, Submitted},
        team, worker,
    },
};
use tests::{database::TestDatabase, score::Score, seed, wait};

const GONE: Duration = Duration::from_secs(3600);

/// A database with a worker that has room for everything.
struct World {
    database: TestDatabase,
}

impl World {
    async fn new() -> Self {
        let database = TestDatabase::create().await.unwrap();
        let worker = worker::NewWorker { queues: vec!["default".into(), "gpu".into()], ..seed::new_worker(1000) };
        worker::register(&database.pool, &worker).await.unwrap();
        Self { database }
    }

    /// Ready runs of a team, in a queue.
    async fn runs(&self, team: &str, queue: &str, count: usize) -> Vec<RunId> {
        let mut tx = self.database.store.begin().await.unwrap();
        let mut new = Vec::new();
        for _ in 0..count {
            let run = seed::new_run(&seed::two_steps()).unwrap();
            new.push(run::NewRun { team: team.into(), queue: queue.into(), ..run });
        }
        run::create_all(&mut tx, &new).await.unwrap();
        tx.commit().await.unwrap();
        new.into_iter().map(|run| run.id).collect()
    }

    async fn allow(&self, team: &str, quotas: Quotas) {
        team::set_quotas(&self.database.pool, team, &quotas).await.unwrap();
    }

    /// How many runs of each team a pass starts.
    async fn promoted(&self) -> BTreeMap<String, usize> {
        let promoted = promote::promote(&self.database.pool, GONE, 500).await.unwrap();
        let mut teams = BTreeMap::new();
        for due in promoted {
            *teams.entry(self.run(due.run_id).await.team).or_default() += 1;
        }
        teams
    }

    async fn run(&self, id: RunId) -> run_list::Run {
        run_list::find(&self.database.pool, id).await.unwrap().unwrap()
    }

    async fn execute(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&self.database.pool).await.unwrap();
    }
}

fn teams<const N: usize>(counts: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counts.into_iter().map(|(team, count)| (team.to_owned(), count)).collect()
}

fn runs(most: i32) -> Quotas {
    Quotas { runs: Some(most), ..Quotas::default() }
}

#[tokio::test]
async fn runs_beyond_a_teams_quota_wait_for_it_and_take_no_room_from_others() {
    let world = World::new().await;
    world.allow("narrow", runs(3)).await;
    let here = world.runs("narrow", "default", 5).await;
    world.runs("narrow", "gpu", 5).await;
    world.runs("wide", "default", 20).await;
    assert_eq!(world.promoted().await, teams([("narrow", 3), ("wide", 20)]));

    let waits = world.run(here[4]).await;
    assert_eq!(waits.reason.as_deref(), Some("TeamQuota"));
    assert_eq!(waits.reason_detail.as_deref(), Some("team 'narrow' runs 3 of the 3 that it may at once"));
    assert!(world.promoted().await.is_empty());

    // No autoscaler makes room for what does not wait for room.
    let figures = queue::figures(&world.database.pool, 3600).await.unwrap();
    let of = |name: &str| figures.iter().find(|queue| queue.name == name).unwrap();
    assert_eq!(figures.iter().map(|queue| queue.ready).sum::<i64>(), 0);
    assert_eq!(of("default").blocked + of("gpu").blocked, 7);
    assert_eq!(of("default").wait_reason, None);
    let used = team::usage(&world.database.pool, "narrow").await.unwrap();
    assert_eq!((used.runs, used.ready), (3, 7));
    assert!(used.waits_for.is_some());
}

#[tokio::test]
async fn one_more_run_starts_when_one_ends_and_all_when_the_quota_goes() {
    let world = World::new().await;
    world.allow("narrow", runs(2)).await;
    let all = world.runs("narrow", "default", 6).await;
    assert_eq!(world.promoted().await, teams([("narrow", 2)]));
    let mut tx = world.database.store.begin().await.unwrap();
    assert!(matches!(run::request_cancel(&mut tx, all[0], "ada", "").await.unwrap(), run::Cancel::Cancelled));
    tx.commit().await.unwrap();
    assert_eq!(world.promoted().await, teams([("narrow", 1)]));
    world.allow("narrow", Quotas::default()).await;
    assert_eq!(world.promoted().await, teams([("narrow", 3)]));
    assert_eq!(team::usage(&world.database.pool, "narrow").await.unwrap().waits_for, None);
}

#[tokio::test]
async fn two_schedulers_at_once_start_no_more_than_one_would() {
    let world = World::new().await;
    world.allow("narrow", runs(3)).await;
    world.runs("narrow", "default", 5).await;
    world.runs("narrow", "gpu", 5).await;
    world.runs("wide", "gpu", 2).await;
    // One scheduler is in the middle of its pass: it has given the quota's room to runs of one queue.
    let mut first = world.database.pool.begin().await.unwrap();
    let given = "SELECT count(*) FROM promote_queue('default', interval '1 hour', 500)";
    let given: i64 = sqlx::query_scalar(given).fetch_one(&mut *first).await.unwrap();
    assert_eq!(given, 3);
    assert_eq!(world.promoted().await, teams([("wide", 2)]), "the other takes what has no quota");
    first.commit().await.unwrap();
    assert!(world.promoted().await.is_empty());
}

#[tokio::test]
async fn a_team_that_used_up_its_month_waits_and_is_told_when_that_ends() {
    let world = World::new().await;
    let run = world.runs("busy", "default", 1).await[0];
    assert_eq!(world.promoted().await, teams([("busy", 1)]));
    // Two attempts of ten minutes; the second step has half a processor. A lost one is nobody's doing.
    sqlx::raw_sql(
        "UPDATE plan SET body = jsonb_set(body, '{steps,1,step_type,privileges}', '{\"cpu_millis\": 500}');
         INSERT INTO attempt (step_id, number, run_id, fence, worker_id, started_at)
         SELECT id, n, run_id, 1, gen_random_uuid(), now() - interval '10 minutes' FROM step, generate_series(1, 2) n;
         UPDATE attempt SET status = CASE WHEN number = 1 THEN 'lost' ELSE 'completed' END, finished_at = now();
         INSERT INTO log_line SELECT id, 1, 'one', 1, 1, now(), 'stdout', repeat('x', 1000) FROM run",
    )
    .execute(&world.database.pool)
    .await
    .unwrap();
    assert!(quota::add_up(&world.database.pool, 100).await.unwrap() > 0);
    assert_eq!(quota::add_up(&world.database.pool, 100).await.unwrap(), 0, "each note counts once");
    let used = team::usage(&world.database.pool, "busy").await.unwrap();
    assert_eq!((used.cpu_ms / 60_000, used.log_bytes), (15, 1000));

    let next = world.runs("busy", "default", 1).await[0];
    world.allow("busy", Quotas { cpu_minutes: Some(15), ..Quotas::default() }).await;
    assert!(world.promoted().await.is_empty());
    let waits = world.run(next).await;
    assert_eq!(waits.reason.as_deref(), Some("TeamQuota"));
    let detail = waits.reason_detail.unwrap();
    let told = "team 'busy' has used 15 of the 15 cpu-minutes of its month; the month ends at ";
    assert!(detail.starts_with(told) && detail.ends_with("-01T00:00:00Z"), "{detail}");
    assert_eq!(world.run(run).await.status.as_str(), "queued", "what was started goes on");

    world.allow("busy", Quotas { cpu_minutes: Some(16), log_bytes: Some(1000), ..Quotas::default() }).await;
    assert!(world.promoted().await.is_empty());
    let detail = world.run(next).await.reason_detail.unwrap();
    assert!(detail.starts_with("team 'busy' has written 1000 of the 1000 bytes of log of its month"), "{detail}");

    // Another month begins.
    world.execute("UPDATE team_month SET month = month - interval '1 month'").await;
    assert_eq!(world.promoted().await, teams([("busy", 1)]));
}

#[tokio::test]
async fn what_is_kept_for_a_team_counts_until_it_is_gone() {
    let world = World::new().await;
    let made = world.runs("keeper", "default", 2).await;
    assert_eq!(world.promoted().await.len(), 1);
    let checkpoint =
        |run: RunId| json!({"key": format!("workspaces/{run}/a"), "sha256": "", "bytes": 600, "shared": true});
    let statement = async |sql: &'static str, run: RunId| {
        sqlx::query(sql).bind(run.0).execute(&world.database.pool).await.unwrap();
    };
    let take = "UPDATE run SET status = 'running', reason = NULL, started_at = now(), lease_until = now(),
                       lease_worker_id = (SELECT id FROM worker) WHERE id = $1";
    let leave = "UPDATE run SET status = 'suspended', reason = 'Delayed', lease_worker_id = NULL, lease_until = NULL WHERE id = $1";
    for (run, kept) in [(made[0], checkpoint(made[0])), (made[1], checkpoint(made[0]))] {
        statement(take, run).await;
        // The second goes on from the first one's files, which are counted once.
        let sql = "UPDATE step SET checkpoint = $2 WHERE run_id = $1 AND name = 'one'";
        sqlx::query(sql).bind(run.0).bind(kept).execute(&world.database.pool).await.unwrap();
        statement("INSERT INTO log_archive (run_id, key, sha256, bytes, lines) VALUES ($1, 'k', '', 50, 1)", run).await;
        statement(leave, run).await;
    }
    quota::add_up(&world.database.pool, 100).await.unwrap();
    let kept = async || {
        quota::add_up(&world.database.pool, 100).await.unwrap();
        let used = team::usage(&world.database.pool, "keeper").await.unwrap();
        (used.workspace_bytes, used.kept_log_bytes)
    };
    assert_eq!(kept().await, (600, 100));
    let waiting = world.runs("keeper", "default", 1).await[0];
    world.allow("keeper", Quotas { storage_bytes: Some(700), ..Quotas::default() }).await;
    assert!(world.promoted().await.is_empty());
    let detail = world.run(waiting).await.reason_detail;
    assert_eq!(detail.as_deref(), Some("what is kept for team 'keeper' takes 700 of its 700 bytes"));

    for run in &made {
        statement(take, *run).await;
    }
    let end = "UPDATE run SET status = 'completed', finished_at = now(), lease_worker_id = NULL, lease_until = NULL WHERE id = $1";
    statement(end, made[1]).await;
    assert_eq!(kept().await, (600, 100), "it had no files of its own");
    statement(leave, made[0]).await;
    assert_eq!(kept().await, (600, 100), "what goes on later keeps its files, which are counted once");
    statement("DELETE FROM run WHERE id = $1", made[0]).await;
    assert_eq!(kept().await, (0, 50));
    assert_eq!(world.promoted().await, teams([("keeper", 1)]));
}

#[tokio::test]
async fn every_version_of_a_state_is_kept_for_the_team_of_its_application() {
    let world = World::new().await;
    accept(&world, &submission("shop", "keeper", &[("db", "terraform")])).await;
    world
        .execute(
            "INSERT INTO state_version (resource_id, version, serial, lineage, content, md5, written_by)
             SELECT id, n, n, 'l', convert_to(repeat('x', 100), 'UTF8'), 'm', 'test' FROM resource, generate_series(1, 3) n",
        )
        .await;
    quota::add_up(&world.database.pool, 100).await.unwrap();
    assert_eq!(team::usage(&world.database.pool, "keeper").await.unwrap().state_bytes, 300);
}

fn submission(name: &str, team: &str, resources: &[(&str, &str)]) -> Submission {
    let score = resources.iter().fold(Score::new(name), |score, (name, kind)| score.resource(name, kind, &json!({})));
    shared::submission::read(score.yaml().as_bytes(), Mode::Strict, Some(team.into()), "ada".into()).unwrap()
}

fn read(yaml: &str) -> Submission {
    shared::submission::read(yaml.as_bytes(), Mode::Strict, None, "ada".into()).unwrap()
}

async fn submit(world: &World, submission: &Submission) -> Submitted {
    let mut tx = world.database.store.begin().await.unwrap();
    let submitted = submit::submit(&mut tx, submission).await.unwrap();
    if !matches!(submitted, Submitted::Refused(_)) {
        tx.commit().await.unwrap();
    }
    submitted
}

async fn accept(world: &World, submission: &Submission) {
    let submitted = submit(world, submission).await;
    assert!(matches!(submitted, Submitted::Accepted { .. }), "{submitted:?}");
}

fn of_type(kind: &str, most: i32) -> Quotas {
    Quotas { resources: BTreeMap::from([(kind.to_owned(), most)]), ..Quotas::default() }
}

#[tokio::test]
async fn a_submission_beyond_the_teams_resources_is_refused_by_the_name_of_the_quota() {
    let world = World::new().await;
    world.allow("shop", of_type("postgres", 2)).await;
    accept(&world, &submission("one", "shop", &[("db", "postgres"), ("cache", "redis")])).await;
    let two_more = submission("two", "shop", &[("d1", "postgres"), ("d2", "postgres"), ("cache", "redis")]);
    let exceeded = vec![Exceeded { quota: "resources.postgres".into(), limit: 2, used: 1, asked: 2 }];
    let refused = Refusal::Quota { team: "shop".into(), exceeded };
    assert_eq!(submit(&world, &two_more).await, Submitted::Refused(refused.clone()));
    // A dry run says the same.
    let mut tx = world.database.store.begin().await.unwrap();
    assert_eq!(submit::preview(&mut tx, &two_more).await.unwrap().unwrap_err(), refused);
    drop(tx);
    // Others have their own quotas, and other types have none.
    accept(&world, &submission("three", "bank", &[("d1", "postgres"), ("d2", "postgres"), ("d3", "postgres")])).await;
    accept(&world, &submission("four", "shop", &[("c1", "redis"), ("c2", "redis"), ("db", "postgres")])).await;
}

#[tokio::test]
async fn a_team_at_its_quota_goes_on_changing_and_replacing_what_it_has() {
    let world = World::new().await;
    world.allow("shop", of_type("postgres", 1)).await;
    accept(&world, &submission("one", "shop", &[("db", "postgres")])).await;
    let changed = Score::new("one").resource("db", "postgres", &json!({"size": "large"})).yaml();
    accept(&world, &read(&changed)).await;
    // Of another class it is another one, made when this one is gone: never two at once.
    let replaced = "apiVersion: score.dev/v1b1\nmetadata: { name: one }\ncontainers: { main: { image: busybox } }\n\
                    resources: { db: { type: postgres, class: large } }\n";
    accept(&world, &read(replaced)).await;
    // Under another name it would be there beside the one that is still being removed.
    let beside = submission("one", "shop", &[("other", "postgres")]);
    assert!(matches!(submit(&world, &beside).await, Submitted::Refused(Refusal::Quota { .. })));
}

#[tokio::test]
async fn two_submissions_at_once_do_not_both_take_the_last_one() {
    let world = World::new().await;
    world.allow("shop", of_type("postgres", 1)).await;
    let mut first = world.database.store.begin().await.unwrap();
    let taken = submit::submit(&mut first, &submission("one", "shop", &[("db", "postgres")])).await.unwrap();
    assert!(matches!(taken, Submitted::Accepted { .. }));
    let store = world.database.store.clone();
    let second = tokio::spawn(async move {
        let mut tx = store.begin().await.unwrap();
        submit::submit(&mut tx, &submission("two", "shop", &[("db", "postgres")])).await.unwrap()
    });
    wait::until("the second waits for the first", Duration::from_secs(20), async || {
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
             WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT l.granted",
        )
        .fetch_one(&world.database.pool)
        .await?;
        Ok((waiting > 0).then_some(()))
    })
    .await
    .unwrap();
    first.commit().await.unwrap();
    let exceeded = vec![Exceeded { quota: "resources.postgres".into(), limit: 1, used: 1, asked: 1 }];
    let refused = Submitted::Refused(Refusal::Quota { team: "shop".into(), exceeded });
    assert_eq!(second.await.unwrap(), refused);
}

#[tokio::test]
async fn a_team_is_known_from_the_first_time_it_is_named() {
    let world = World::new().await;
    accept(&world, &submission("one", "by-application", &[])).await;
    world.runs("by-run", "default", 1).await;
    let known = team::page(&world.database.pool, None, None, 10).await.unwrap();
    let names: Vec<&str> = known.iter().map(|team| team.name.as_str()).collect();
    assert_eq!(names, ["by-application", "by-run"]);
}
