//! In worlds made at random, every run that waits has a code, and the code is true: worked out anew from the rows, by other means
//! than those of the program.

mod noted;

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use shared::{
    domain::{
        access::Visible,
        ids::RunId,
        quota::Quotas,
        run::{Operation, RunClass, RunKind},
    },
    store::{
        explain, figures,
        limits::{self, LimitKind},
        queue::{self, Hold},
        team,
    },
};
use sqlx::FromRow;
use uuid::Uuid;

use self::noted::Noted;
use super::{holds, world::World};

const QUEUES: [&str; 3] = ["default", "gpu", "eu"];
const TEAMS: [&str; 4] = ["a", "b", "c", "d"];
const PROVIDERS: [&str; 3] = ["p", "q", "r"];
const TYPES: [&str; 2] = ["postgres", "bucket"];

#[derive(Clone, Debug, FromRow)]
struct Row {
    id: Uuid,
    queue: String,
    team: String,
    provider: String,
    resource_type: Option<String>,
    operation: String,
    kind: String,
    status: String,
    reason: Option<String>,
    concurrency_group: Option<String>,
    freeze_overridden_by: Option<String>,
    lease_worker_id: Option<Uuid>,
}

impl Row {
    fn flies(&self) -> bool {
        self.status == "queued" || self.status == "running"
    }

    fn is_ready(&self) -> bool {
        self.status == "pending" && self.reason.is_none()
    }
}

/// All that decides, as it is in the rows.
struct Facts {
    runs: Vec<Row>,
    paused: BTreeSet<String>,
    /// By team: runs at once, and weight.
    teams: BTreeMap<String, (Option<i32>, i16)>,
    limits: BTreeMap<(String, String), i32>,
    frozen_teams: BTreeSet<String>,
    workers: Vec<(Uuid, Vec<String>, i32)>,
}

impl Facts {
    async fn read(world: &World) -> Self {
        let pool = world.pool();
        let runs = "SELECT id, queue, team, provider, resource_type, operation, kind, status, reason, concurrency_group, freeze_overridden_by, lease_worker_id
                    FROM run";
        let teams: Vec<(String, Option<i32>, i16)> =
            sqlx::query_as("SELECT name, max_runs, weight FROM team").fetch_all(pool).await.unwrap();
        let limits: Vec<(String, String, i32)> =
            sqlx::query_as("SELECT kind, name, most FROM run_limit").fetch_all(pool).await.unwrap();
        let paused: Vec<String> =
            sqlx::query_scalar("SELECT name FROM queue WHERE paused_at IS NOT NULL").fetch_all(pool).await.unwrap();
        let frozen = "SELECT team FROM freeze_window WHERE now() BETWEEN open_from AND open_until";
        let frozen: Vec<String> = sqlx::query_scalar(frozen).fetch_all(pool).await.unwrap();
        Self {
            runs: sqlx::query_as(runs).fetch_all(pool).await.unwrap(),
            paused: paused.into_iter().collect(),
            teams: teams.into_iter().map(|(name, most, weight)| (name, (most, weight))).collect(),
            limits: limits.into_iter().map(|(kind, name, most)| ((kind, name), most)).collect(),
            frozen_teams: frozen.into_iter().collect(),
            workers: sqlx::query_as("SELECT id, queues, slots FROM worker").fetch_all(pool).await.unwrap(),
        }
    }

    fn flying(&self, which: impl Fn(&Row) -> bool) -> i32 {
        self.runs.iter().filter(|row| row.flies() && which(row)).count().try_into().unwrap()
    }

    fn reached(&self, kind: &str, name: &str, which: impl Fn(&Row) -> bool) -> bool {
        self.limits.get(&(kind.to_owned(), name.to_owned())).is_some_and(|most| self.flying(which) >= *most)
    }

    /// The code of what holds a ready run from the moment on that somebody wished it.
    fn held_at_once(&self, run: &Row) -> Option<&'static str> {
        let changes = run.operation != "read" && run.kind != "preview" && run.freeze_overridden_by.is_none();
        if self.paused.contains(&run.queue) {
            return Some("QueuePaused");
        }
        (changes && self.frozen_teams.contains(&run.team)).then_some("FreezeWindow")
    }

    /// The codes of what holds a ready run, whatever slots there are; several when it does not matter which is told.
    fn held(&self, run: &Row) -> Vec<&'static str> {
        if let Some(code) = self.held_at_once(run) {
            return vec![code];
        }
        if let Some((Some(most), _)) = self.teams.get(&run.team)
            && self.flying(|it| it.team == run.team) >= *most
        {
            return vec!["TeamQuota"];
        }
        let mut limits = Vec::new();
        if self.reached("team", &run.team, |it| it.team == run.team) {
            limits.push("TeamLimit");
        }
        if self.reached("provider", &run.provider, |it| it.provider == run.provider) {
            limits.push("ProviderLimit");
        }
        if let Some(kind) = &run.resource_type
            && self.reached("type", kind, |it| it.resource_type.as_ref() == Some(kind))
        {
            limits.push("TypeLimit");
        }
        limits
    }

    fn share(&self, queue: &str, team: &str) -> f64 {
        let weight = self.teams.get(team).map_or(1, |(_, weight)| *weight);
        f64::from(self.flying(|it| it.queue == queue && it.team == team)) / f64::from(weight)
    }

    /// The codes that are true of a run that waits.
    fn expected(&self, run: &Row) -> Vec<&'static str> {
        match run.reason.as_deref() {
            Some("ConcurrencyGroup") => {
                let group = run.concurrency_group.clone().unwrap();
                let has_turn = |it: &&Row| {
                    it.concurrency_group.as_ref() == Some(&group)
                        && (it.flies() || it.status == "pending" || it.status == "suspended")
                        && it.reason.as_deref() != Some("ConcurrencyGroup")
                };
                let most = self.limits.get(&("group".to_owned(), group.clone())).copied().unwrap_or(1);
                let turns: i32 = self.runs.iter().filter(has_turn).count().try_into().unwrap();
                assert!(turns >= most, "a turn of {group} is free, and {} waits for one", run.id);
                return vec!["ConcurrencyGroup"];
            }
            Some("BackingOff") => return vec!["BackingOff"],
            Some("WaitingForDependency") => return vec!["WaitingForDependency"],
            Some(other) => panic!("{other}"),
            None => assert_eq!(run.status, "pending", "a suspended run has a reason of its own"),
        }
        let held = self.held(run);
        if !held.is_empty() {
            return held;
        }
        if self.reached("queue", &run.queue, |it| it.queue == run.queue) {
            return vec!["QueueLimit"];
        }
        let serving: Vec<_> = self.workers.iter().filter(|(_, queues, _)| queues.contains(&run.queue)).collect();
        if serving.is_empty() {
            return vec!["NoWorkerForQueue"];
        }
        let slots: i32 = serving.iter().map(|(.., slots)| slots).sum();
        let driven =
            self.flying(|it| it.status == "running" && serving.iter().any(|(id, ..)| it.lease_worker_id == Some(*id)));
        let queued = self.flying(|it| it.status == "queued" && it.queue == run.queue);
        assert!(slots - driven - queued <= 0, "{} waits, and a slot is free", run.id);
        let waiting = self.runs.iter().filter(|it| it.is_ready() && it.queue == run.queue && self.held(it).is_empty());
        let least = waiting.map(|it| self.share(&run.queue, &it.team)).fold(f64::INFINITY, f64::min);
        vec![if self.share(&run.queue, &run.team) > least { "Fairness" } else { "QueueFull" }]
    }
}

async fn change_something(world: &World, rng: &mut StdRng) {
    match rng.random_range(0..13) {
        0..4 => {
            for _ in 0..rng.random_range(1..8) {
                let (queue, team, provider) =
                    (*QUEUES.choose(rng).unwrap(), *TEAMS.choose(rng).unwrap(), *PROVIDERS.choose(rng).unwrap());
                let class = *[RunClass::Interactive, RunClass::Batch, RunClass::Drift].choose(rng).unwrap();
                let on = if rng.random_bool(0.5) {
                    Some(holds::resource(world, TYPES.choose(rng).unwrap(), None).await)
                } else {
                    None
                };
                let run = world
                    .run(|new| {
                        (new.queue, new.team, new.provider) = (queue.into(), team.into(), provider.into());
                        new.class = class;
                        if let Some((application, resource)) = on {
                            (new.kind, new.operation) = (RunKind::Resource, Operation::Update);
                            (new.application_id, new.resource_id) = (Some(application), Some(resource));
                        }
                    })
                    .await;
                if rng.random_bool(0.2) {
                    let group = format!(
                        "UPDATE run SET concurrency_group = 'g', reason = 'ConcurrencyGroup' WHERE id = '{run}'"
                    );
                    world.sql(&group).await;
                } else if rng.random_bool(0.1) {
                    world.sql(&format!("UPDATE run SET reason = 'WaitingForDependency' WHERE id = '{run}'")).await;
                }
            }
        }
        4..6 => {
            let some = "SELECT id FROM run WHERE status IN ('queued', 'running') ORDER BY md5(id::text || $1) LIMIT 4";
            let ids: Vec<Uuid> =
                sqlx::query_scalar(some).bind(rng.random::<u32>().to_string()).fetch_all(world.pool()).await.unwrap();
            world.end(&ids.into_iter().map(RunId).collect::<Vec<_>>()).await;
        }
        6 => {
            world
                .sql(
                    "UPDATE run SET status = 'suspended', reason = 'BackingOff', suspended_until = now() + interval '1 hour'
                     WHERE id = (SELECT id FROM run WHERE status = 'queued' ORDER BY md5(id::text) LIMIT 1)",
                )
                .await;
        }
        11..13 => {
            let kinds = [LimitKind::Team, LimitKind::Provider, LimitKind::Type, LimitKind::Queue, LimitKind::Group];
            let kind = *kinds.choose(rng).unwrap();
            let name = match kind {
                LimitKind::Team => *TEAMS.choose(rng).unwrap(),
                LimitKind::Provider => *PROVIDERS.choose(rng).unwrap(),
                LimitKind::Type => *TYPES.choose(rng).unwrap(),
                LimitKind::Queue => *QUEUES.choose(rng).unwrap(),
                LimitKind::Group => "g",
            };
            if rng.random_bool(0.3) {
                limits::remove(world.pool(), (kind, name)).await.unwrap();
            } else {
                limits::set(world.pool(), (kind, name), rng.random_range(0..4), "", "ada").await.unwrap();
            }
        }
        7 => {
            let queue = *QUEUES.choose(rng).unwrap();
            let mut tx = world.database.store.begin().await.unwrap();
            if !queue::resume(&mut tx, queue, "ada").await.unwrap() {
                queue::pause(&mut tx, queue, Hold { by: "ada", why: "", drain: false }).await.unwrap();
            }
            tx.commit().await.unwrap();
        }
        8 => {
            let team = *TEAMS.choose(rng).unwrap();
            if world.sql(&format!("DELETE FROM freeze_window WHERE team = '{team}'")).await == 0 {
                world
                    .sql(&format!(
                        "INSERT INTO freeze_window (id, name, team, starts_at, ends_at, made_by, open_from, open_until)
                         VALUES (gen_random_uuid(), '{team}', '{team}', now(), now() + interval '1 hour', 'ada', now(), now() + interval '1 hour')"
                    ))
                    .await;
            }
        }
        9 => {
            let team = *TEAMS.choose(rng).unwrap();
            let runs = rng.random_bool(0.6).then(|| rng.random_range(0..5));
            team::set_quotas(world.pool(), team, &Quotas { runs, ..Quotas::default() }).await.unwrap();
            team::set_weight(world.pool(), team, rng.random_range(1..4)).await.unwrap();
        }
        _ => {
            let queue = *QUEUES.choose(rng).unwrap();
            if rng.random_bool(0.5) {
                world.worker(queue, rng.random_range(1..5)).await;
            } else {
                let one = "DELETE FROM worker WHERE id = (SELECT id FROM worker w
                           WHERE NOT EXISTS (SELECT FROM run WHERE lease_worker_id = w.id) ORDER BY id LIMIT 1)";
                world.sql(one).await;
            }
        }
    }
}

/// Compares what the program says of every run that waits with what is true of it, when nobody can get a ticket. Returns the codes
/// that were seen.
async fn compare(world: &World, seed: u64) -> BTreeSet<String> {
    let facts = Facts::read(world).await;
    let told = told(world, &facts, seed).await;
    for (run, code) in &told {
        let expected = facts.expected(run);
        assert!(expected.contains(&code.as_str()), "seed {seed}: {run:?} says {code}, and {expected:?} is true");
    }
    told.into_iter().map(|(_, code)| code).collect()
}

/// Compares likewise when nobody has looked at what was changed yet: a pause and a freeze hold from then on, what is ready and held by
/// nothing of the last pass is about to be promoted, and the others say what that pass found. Says whether one is about to be.
async fn compare_before_pass(world: &World, seed: u64) -> bool {
    let facts = Facts::read(world).await;
    let noted = Noted::read(world).await;
    let mut soon = false;
    for (run, code) in told(world, &facts, seed).await.into_iter().filter(|(run, _)| run.is_ready()) {
        let held = facts.held_at_once(&run).or_else(|| noted.has_found(&run).then_some("found"));
        match (held, code.as_str()) {
            (None, "Promoting") => soon = true,
            (Some("found"), code) => assert!(
                !["Promoting", "QueuePaused", "FreezeWindow"].contains(&code),
                "seed {seed}: {run:?} says {code}, and {noted:?}"
            ),
            (held, code) => assert_eq!(held, Some(code), "seed {seed}: {run:?}"),
        }
    }
    soon
}

/// What the program says of every run that waits; the same wherever it is asked.
async fn told(world: &World, facts: &Facts, seed: u64) -> Vec<(Row, String)> {
    let mut counted: BTreeMap<(String, String), i64> = BTreeMap::new();
    let mut all = Vec::new();
    for run in facts.runs.iter().filter(|run| run.status == "pending" || run.status == "suspended") {
        let told = world.reason(RunId(run.id)).await.unwrap_or_else(|| panic!("seed {seed}: {} has no code", run.id));
        let mut tx = world.database.store.begin().await.unwrap();
        let why = explain::of_run(&mut tx, RunId(run.id), &Visible::All).await.unwrap().unwrap();
        assert_eq!(why.code.map(|code| code.to_string()), Some(told.clone()), "seed {seed}: {run:?}");
        assert!(!why.what.is_empty() && why.unblocked_by.is_some() && why.since.is_some(), "seed {seed}: {why:?}");
        *counted.entry((run.queue.clone(), told.clone())).or_default() += 1;
        all.push((run.clone(), told));
    }
    let told = figures::waiting(world.pool()).await.unwrap();
    let told: BTreeMap<_, _> = told.into_iter().map(|it| ((it.queue, it.reason), it.runs)).collect();
    assert_eq!(told, counted, "seed {seed}: the metric counts by the same codes");
    for queue in QUEUES {
        let of_queue = queue::waiting_by_reason(world.pool(), queue).await.unwrap();
        let expected: BTreeMap<_, _> = counted
            .iter()
            .filter(|((name, _), _)| name == queue)
            .map(|((_, code), runs)| (code.clone(), *runs))
            .collect();
        assert_eq!(of_queue, expected, "seed {seed}: queue {queue}");
    }
    all
}

/// So many worlds at least, and more until every code was seen: what comes about is chance, for ids are.
const WORLDS: usize = 6;
const MOST_WORLDS: u64 = 24;

#[tokio::test]
async fn no_run_waits_without_a_code_and_the_code_is_true() {
    let all: BTreeSet<String> = [
        "BackingOff",
        "ConcurrencyGroup",
        "Fairness",
        "FreezeWindow",
        "NoWorkerForQueue",
        "Promoting",
        "ProviderLimit",
        "QueueFull",
        "QueueLimit",
        "QueuePaused",
        "TeamLimit",
        "TeamQuota",
        "TypeLimit",
        "WaitingForDependency",
    ]
    .map(String::from)
    .into();
    let mut seen = BTreeSet::new();
    // One more, for who looks for others.
    let given = std::env::var("TEST_SEED").ok().map(|text| text.parse().expect("TEST_SEED is a number"));
    for (number, seed) in given.into_iter().chain(0..MOST_WORLDS).enumerate() {
        if number >= WORLDS && seen == all {
            break;
        }
        let world = World::new().await;
        let mut rng = StdRng::seed_from_u64(seed);
        for queue in QUEUES {
            world.sql(&format!("INSERT INTO queue (name) VALUES ('{queue}') ON CONFLICT DO NOTHING")).await;
        }
        world.worker("default", 3).await;
        world.worker("gpu", 4).await;
        for round in 0..15 {
            for _ in 0..rng.random_range(1..5) {
                change_something(&world, &mut rng).await;
            }
            if round % 3 == 0 && compare_before_pass(&world, seed).await {
                seen.insert("Promoting".to_owned());
            }
            world.settle().await;
            let codes = compare(&world, seed).await;
            assert!(!codes.contains("Promoting"), "seed {seed}: what was about to be promoted is still");
            seen.extend(codes);
        }
    }
    assert_eq!(seen, all, "the worlds are such that every code is seen");
}
