//! An installation as it is after a month of much use: written to the database directly, as the programs would have left it.

use anyhow::Context as _;
use shared::store::{plan, tally};
use sqlx::{Connection as _, Executor as _, PgConnection};
use uuid::Uuid;

use crate::seed;

/// Runs that an installation may have for it to be filled: one that has more is in use, or was filled already.
const MOST_BEFORE: i64 = 10_000;
/// What is written reaches back so many milliseconds.
const SPAN_MS: i64 = 30 * 24 * 3_600_000;
/// The youngest run is as old, so that those that are over are.
const AGE_MS: i64 = 15 * 60_000;

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

    const fn lines_of_each(self) -> i64 {
        self.lines * 9 / 10 / self.runs
    }
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
pub async fn fill(url: &str, size: Size, mut told: impl FnMut(Progress)) -> anyhow::Result<Filled> {
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
    let parts = parts(size);
    // The rest is for what comes behind.
    let whole: f64 =
        1.15 * parts.iter().map(|part| part.cost * (part.numbers.end - part.numbers.start) as f64).sum::<f64>();
    let mut done = 0.0;
    for part in parts {
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
    let (resource, application, team) = sqlx::query_as(
        "SELECT resource.id, application.name, application.team FROM run JOIN resource ON resource.id = run.resource_id
         JOIN application ON application.id = resource.application_id WHERE run.id = $1",
    )
    .bind(longest)
    .fetch_one(&mut conn)
    .await?;
    let lines: i64 = sqlx::query_scalar("SELECT max(cursor) FROM log_line WHERE run_id = $1")
        .bind(longest)
        .fetch_one(&mut conn)
        .await?;
    conn.close().await?;
    Ok(Filled { longest, lines, resource, application, team })
}

/// In the order in which one refers to another, though nothing looks at that.
fn parts(size: Size) -> [Part; 9] {
    let part = |what, statement, numbers, chunk, cost| Part { what, statement, numbers, chunk, cost };
    let (runs, more_than_a_week) = (0..size.runs, size.runs - size.runs / 4..size.runs);
    let last_of_each = size.runs - size.resources()..size.runs;
    [
        part("applications", include_str!("large/owners.sql"), 0..size.applications(), 1_000, 200.0),
        part("resources", include_str!("large/resources.sql"), last_of_each, 10_000, 100.0),
        part("runs", include_str!("large/runs.sql"), runs.clone(), 20_000, 90.0),
        part("steps", include_str!("large/steps.sql"), runs.clone(), 20_000, 110.0),
        part("events", include_str!("large/events.sql"), runs.clone(), 20_000, 105.0),
        part("logs", include_str!("large/logs.sql"), runs, 20_000, 200.0),
        part("a long log", include_str!("large/longest_log.sql"), 1..size.lines / 10 + 1, 100_000, 25.0),
        part("records", include_str!("large/records.sql"), 0..size.records(), 20_000, 30.0),
        part("minutes", include_str!("large/minutes.sql"), more_than_a_week, i64::MAX, 80.0),
    ]
}

/// Makes what the statements share, gone with the connection, and what all runs refer to. Gives the run with the longest log.
async fn prepare(conn: &mut PgConnection, size: Size) -> anyhow::Result<Uuid> {
    conn.execute(include_str!("large/session.sql")).await?;
    let digest = plan::store(conn, &seed::two_steps()).await?;
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
