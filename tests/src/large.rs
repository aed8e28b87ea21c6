//! An installation as it is after a month of much use: written to the database directly, as the programs would have left it.

use anyhow::Context as _;
use shared::store::tally;
use sqlx::{Connection as _, Executor as _, PgConnection};
use uuid::Uuid;

use crate::seed;

/// Runs that an installation may have for it to be filled: one that has more is in use, or was filled already.
const MOST_BEFORE: i64 = 10_000;
/// What is written reaches back so many milliseconds.
const SPAN_MS: i64 = 30 * 24 * 3_600_000;
/// The youngest run is as old, so that those that are over are.
const AGE_MS: i64 = 15 * 60_000;
/// Views that one person may have.
const VIEWS: i64 = 200;

/// How much of everything. Two hundred runs have one application with twenty resources.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Runs, 1000 at least.
    pub runs: i64,
    /// Lines of log, ten for each run at least; a tenth of them is in the log of one run.
    pub lines: i64,
}

impl Size {
    /// Applications.
    #[must_use]
    pub const fn applications(self) -> i64 {
        self.runs / 200
    }

    /// Resources.
    #[must_use]
    pub const fn resources(self) -> i64 {
        self.applications() * 20
    }

    /// Teams.
    #[must_use]
    pub const fn teams(self) -> i64 {
        if self.applications() < 200 { self.applications() } else { 200 }
    }

    /// Entries of the record of changes.
    #[must_use]
    pub const fn records(self) -> i64 {
        self.runs / 10
    }

    /// People.
    #[must_use]
    pub const fn people(self) -> i64 {
        self.runs / 200
    }

    /// Service accounts.
    #[must_use]
    pub const fn accounts(self) -> i64 {
        at_least(1, self.runs / 2000)
    }

    /// API keys.
    #[must_use]
    pub const fn keys(self) -> i64 {
        self.runs / 100
    }

    /// Logins, a hundred of each who has any; twenty of those are good.
    #[must_use]
    pub const fn sessions(self) -> i64 {
        at_least(100, self.runs / 20)
    }

    /// Workers that have stopped, marks, and resources of the largest batch.
    #[must_use]
    pub const fn many(self) -> i64 {
        self.runs / 50
    }

    /// Batches beside the largest, and sources of providers.
    #[must_use]
    pub const fn batches(self) -> i64 {
        1 + self.runs / 5000
    }

    /// Actions on many runs, versions of one state, and generations of one application.
    #[must_use]
    pub const fn actions(self) -> i64 {
        1 + self.runs / 500
    }

    /// What people set up: limits, freezes, webhooks and rules of notifications, and saved views of teams.
    #[must_use]
    pub const fn settings(self) -> i64 {
        1 + self.runs / 1000
    }

    /// Deliveries to one webhook.
    #[must_use]
    pub const fn deliveries(self) -> i64 {
        self.runs / 20
    }

    /// Secrets; half of them are of one application and of its team.
    #[must_use]
    pub const fn secrets(self) -> i64 {
        self.runs / 200
    }

    /// Resources whose state is kept: those of one type of five.
    #[must_use]
    pub const fn states(self) -> i64 {
        self.applications() * 4
    }

    /// Applications that share one resource, the one that it is of perhaps among them.
    #[must_use]
    pub const fn sharers(self) -> i64 {
        self.applications() * 2 / 5
    }

    /// Queues in which nothing is, workers that live, and credentials.
    #[must_use]
    pub const fn places(self) -> i64 {
        1 + self.runs / 2000
    }

    /// Providers.
    #[must_use]
    pub const fn providers(self) -> i64 {
        at_least(10, self.runs / 1000)
    }

    const fn lines_of_each(self) -> i64 {
        self.lines * 9 / 10 / self.runs
    }
}

const fn at_least(least: i64, count: i64) -> i64 {
    if count < least { least } else { count }
}

/// What there is to look at.
#[derive(Clone, Debug)]
pub struct Filled {
    /// The run with the longest log.
    pub longest: Uuid,
    /// How many lines that has.
    pub lines: i64,
    /// A resource with runs.
    pub resource: Uuid,
    /// The name of its application.
    pub application: String,
    /// That application's team.
    pub team: String,
    /// A person with logins, views, and rules of notifications.
    pub person: Uuid,
    /// The name of a service account with keys.
    pub account: String,
    /// The largest batch.
    pub batch: Uuid,
    /// The webhook with deliveries.
    pub webhook: Uuid,
    /// The rule of notifications with messages; it is a team's.
    pub rule: Uuid,
    /// A resource that many applications use.
    pub shared: Uuid,
}

/// What is being written, and how much of the whole is done.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// For people.
    pub what: &'static str,
    /// From 0 to 1, by the time that it takes.
    pub done: f64,
}

/// What one statement writes, which has a number to begin with and one to end before.
struct Part {
    what: &'static str,
    statement: &'static str,
    numbers: std::ops::Range<i64>,
    /// So many in a transaction.
    chunk: i64,
    /// Microseconds that one takes, measured on two cores.
    cost: f64,
}

/// Fills the database of an installation, which may be running: nobody is told of anything, and nothing begins. The URL is that
/// of a superuser, for triggers are passed over. `told` hears of each step.
///
/// # Errors
/// When the installation has more than ten thousand runs, or Postgres refuses something: what was written by then stays.
pub async fn fill(url: &str, size: Size, told: impl FnMut(Progress)) -> anyhow::Result<Filled> {
    write_all(url, size, parts(size), told).await
}

/// The same where an api is and neither scheduler nor worker: with what a scheduler would act on, or take away again.
///
/// # Errors
/// As [`fill`].
pub async fn fill_alone(url: &str, size: Size, told: impl FnMut(Progress)) -> anyhow::Result<Filled> {
    let parts = parts(size).into_iter().chain(parts_alone(size)).collect();
    write_all(url, size, parts, told).await
}

async fn write_all(url: &str, size: Size, parts: Vec<Part>, mut told: impl FnMut(Progress)) -> anyhow::Result<Filled> {
    anyhow::ensure!(size.runs >= 1000, "{} runs are too few: 1000 at least", size.runs);
    anyhow::ensure!(size.lines_of_each() > 1, "{} lines are too few for {} runs: ten each", size.lines, size.runs);
    let mut conn = PgConnection::connect(url).await.context("connecting to Postgres")?;
    let there: i64 = sqlx::query_scalar("SELECT count(*) FROM (SELECT FROM run LIMIT $1) first")
        .bind(MOST_BEFORE + 1)
        .fetch_one(&mut conn)
        .await?;
    anyhow::ensure!(
        there <= MOST_BEFORE,
        "the installation has more than {MOST_BEFORE} runs: it is in use, or was filled before"
    );
    let longest = prepare(&mut conn, size).await?;
    // The rest is for what comes behind.
    let whole: f64 =
        1.15 * parts.iter().map(|part| part.cost * (part.numbers.end - part.numbers.start) as f64).sum::<f64>();
    let mut done = 0.0;
    for part in parts {
        sqlx::query("UPDATE pg_temp.seeding SET whole = $1").bind(part.numbers.end).execute(&mut conn).await?;
        let mut from = part.numbers.start;
        while from < part.numbers.end {
            told(Progress { what: part.what, done: done / whole });
            let to = part.numbers.end.min(from.saturating_add(part.chunk));
            write(&mut conn, part.statement, from, to).await.with_context(|| format!("writing {}", part.what))?;
            done += part.cost * (to - from) as f64;
            from = to;
        }
    }
    told(Progress { what: "figures", done: done / whole });
    settle(&mut conn).await?;
    let filled = look(&mut conn, longest).await?;
    conn.close().await?;
    Ok(filled)
}

/// Finds what there is to look at.
async fn look(conn: &mut PgConnection, longest: Uuid) -> anyhow::Result<Filled> {
    let (resource, application, team) = sqlx::query_as(
        "SELECT resource.id, application.name, application.team FROM run JOIN resource ON resource.id = run.resource_id
         JOIN application ON application.id = resource.application_id WHERE run.id = $1",
    )
    .bind(longest)
    .fetch_one(&mut *conn)
    .await?;
    let lines: i64 = sqlx::query_scalar("SELECT max(cursor) FROM log_line WHERE run_id = $1")
        .bind(longest)
        .fetch_one(&mut *conn)
        .await?;
    // Of their kinds the first ones, whose ids are known by their numbers.
    let (person, webhook, rule, account, batch, shared) = sqlx::query_as(
        "SELECT pg_temp.known(16, 0), pg_temp.known(18, 0), pg_temp.known(19, 0),
                (SELECT name FROM service_account WHERE id = pg_temp.known(17, 0)), (SELECT id FROM batch WHERE name = 'seed-large'),
                (SELECT id FROM resource WHERE shared AND identity LIKE '%.default#seed-shared')",
    )
    .fetch_one(conn)
    .await?;
    Ok(Filled { longest, lines, resource, application, team, person, account, batch, webhook, rule, shared })
}

/// In the order in which one refers to another, though nothing looks at that. Logins come last: they are good for an hour.
fn parts(size: Size) -> Vec<Part> {
    let (runs, more_than_a_week) = (0..size.runs, size.runs - size.runs / 4..size.runs);
    let last_of_each = size.runs - size.resources()..size.runs;
    vec![
        part("applications", include_str!("large/owners.sql"), 0..size.applications(), 1_000, 200.0),
        part("resources", include_str!("large/resources.sql"), last_of_each, 10_000, 100.0),
        part("runs", include_str!("large/runs.sql"), runs.clone(), 20_000, 90.0),
        part("steps", include_str!("large/steps.sql"), runs.clone(), 20_000, 110.0),
        part("events", include_str!("large/events.sql"), runs.clone(), 20_000, 105.0),
        part("logs", include_str!("large/logs.sql"), runs.clone(), 20_000, 200.0),
        part("a long log", include_str!("large/longest_log.sql"), 1..size.lines / 10 + 1, 100_000, 25.0),
        part("records", include_str!("large/records.sql"), 0..size.records(), 20_000, 30.0),
        part("minutes", include_str!("large/minutes.sql"), more_than_a_week, i64::MAX, 80.0),
        part("approvals", include_str!("large/approvals.sql"), runs, 20_000, 2.0),
        part("generations", include_str!("large/generations.sql"), 2..2 + size.actions(), i64::MAX, 40.0),
        part("a shared resource", include_str!("large/shared.sql"), 0..size.sharers(), 1_000, 20.0),
        part("states", include_str!("large/states.sql"), 0..size.states(), 5_000, 85.0),
        part("versions of a state", include_str!("large/versions.sql"), 1..1 + size.actions(), 1_000, 30.0),
        part("batches", include_str!("large/batches.sql"), 0..size.batches(), 20, 5_000.0),
        part("a large batch", include_str!("large/large_batch.sql"), 0..size.many(), 5_000, 50.0),
        part("bulk actions", include_str!("large/bulk.sql"), 0..size.actions(), 1_000, 190.0),
        part("workers", include_str!("large/workers.sql"), 0..size.many(), 10_000, 30.0),
        part("marks", include_str!("large/marks.sql"), 0..size.many(), 10_000, 35.0),
        part("limits", include_str!("large/limits.sql"), 0..size.settings(), 1_000, 35.0),
        part("freezes", include_str!("large/freezes.sql"), 0..size.settings(), 1_000, 30.0),
        part("views", include_str!("large/views.sql"), 0..VIEWS + size.settings(), 1_000, 40.0),
        part("webhooks", include_str!("large/webhooks.sql"), 0..size.settings(), 1_000, 45.0),
        part("deliveries", include_str!("large/deliveries.sql"), 0..size.deliveries(), 10_000, 50.0),
        part("rules", include_str!("large/rules.sql"), 0..10 + size.settings(), 1_000, 50.0),
        part("messages", include_str!("large/messages.sql"), 0..size.keys(), 5_000, 45.0),
        part("secrets", include_str!("large/secrets.sql"), 0..size.secrets(), 5_000, 40.0),
        part("people", include_str!("large/people.sql"), 0..size.people(), 5_000, 50.0),
        part("service accounts", include_str!("large/accounts.sql"), 0..size.accounts(), 5_000, 40.0),
        part("keys", include_str!("large/keys.sql"), 0..size.keys(), 5_000, 50.0),
        part("logins", include_str!("large/sessions.sql"), 0..size.sessions(), 10_000, 45.0),
    ]
}

/// What a scheduler would act on, take away again, or be slower for.
fn parts_alone(size: Size) -> Vec<Part> {
    vec![
        part("live workers", include_str!("large/alone/workers.sql"), 0..size.places(), 1_000, 35.0),
        part("empty queues", include_str!("large/alone/queues.sql"), 0..size.places(), 1_000, 15.0),
        part("limits over all queues", include_str!("large/alone/limits.sql"), 0..size.settings(), 1_000, 15.0),
        part("credentials", include_str!("large/alone/integrations.sql"), 0..size.places(), 1_000, 30.0),
        part("own views", include_str!("large/alone/views.sql"), 0..VIEWS, VIEWS, 35.0),
        part("sources", include_str!("large/alone/sources.sql"), 0..size.batches(), 1_000, 50.0),
        part("providers", include_str!("large/alone/providers.sql"), 0..size.providers(), 100, 125.0),
    ]
}

const fn part(
    what: &'static str,
    statement: &'static str,
    numbers: std::ops::Range<i64>,
    chunk: i64,
    cost: f64,
) -> Part {
    Part { what, statement, numbers, chunk, cost }
}

/// Makes what the statements share, gone with the connection, and what all runs refer to. Gives the run with the longest log.
async fn prepare(conn: &mut PgConnection, size: Size) -> anyhow::Result<Uuid> {
    conn.execute(include_str!("large/session.sql")).await?;
    let digest = seed::store_plan(conn, &seed::two_steps()).await?;
    let youngest = chrono::Utc::now().timestamp_millis() - AGE_MS;
    sqlx::query("INSERT INTO pg_temp.seeding VALUES ($1, $2, $3, $4, $5, $6, $7, $8)")
        .bind(size.runs)
        .bind(size.applications())
        .bind(size.resources())
        .bind(size.teams())
        .bind(size.lines_of_each())
        .bind(youngest - SPAN_MS)
        .bind(SPAN_MS as f64 / size.runs as f64)
        .bind(&digest[..])
        .execute(&mut *conn)
        .await?;
    conn.execute(include_str!("large/plan.sql")).await.context("preparing the statements")?;
    Ok(sqlx::query_scalar(
        "UPDATE pg_temp.seeding s SET longest = (
             SELECT id FROM pg_temp.planned(s.runs - s.runs / 10, s.runs) WHERE status = 'completed' AND resource IS NOT NULL ORDER BY n DESC LIMIT 1)
         RETURNING longest",
    )
    .fetch_one(conn)
    .await?)
}

/// One transaction, without triggers: each would look up what is known, and add up what [`settle`] counts.
async fn write(conn: &mut PgConnection, statement: &'static str, from: i64, to: i64) -> sqlx::Result<()> {
    let mut tx = conn.begin().await?;
    tx.execute("SET LOCAL session_replication_role = replica").await?;
    sqlx::query(statement).bind(from).bind(to).execute(&mut *tx).await?;
    tx.commit().await
}

/// Counts what triggers would have, and lets Postgres know its tables anew.
async fn settle(conn: &mut PgConnection) -> anyhow::Result<()> {
    tally::recount(&mut *conn).await?;
    while tally::add_up(&mut *conn, 100_000).await? > 0 {}
    conn.execute("VACUUM ANALYZE").await?;
    Ok(())
}
