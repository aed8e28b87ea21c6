//! Freezes: times in which nothing of a team, an environment or at all is to be changed. Held in `promote`.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Result;
use crate::domain::{freeze::FreezeTimes, ids::RunId};

/// A freeze.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// Its name.
    pub name: String,
    /// The team whose runs it is about; none: all.
    pub team: Option<String>,
    /// The environment that it is about; none: all.
    pub environment: Option<String>,
    /// When it is on.
    pub times: FreezeTimes,
    /// Why, for whoever wonders.
    pub reason: String,
    /// Who made it.
    pub made_by: String,
    /// When they did.
    pub made_at: DateTime<Utc>,
    /// The time that is on, or else the next one.
    pub open: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

/// Makes a freeze. False when there is one of its name.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn create(executor: impl PgExecutor<'_>, new: &Freeze) -> Result<bool> {
    let (cron, zone, duration_s, from, until) = match &new.times {
        FreezeTimes::Again { cron, time_zone, duration_s } => {
            (Some(cron.as_str()), Some(time_zone.as_str()), Some(*duration_s), None, None)
        }
        FreezeTimes::Once { from, until } => (None, None, None, Some(*from), Some(*until)),
    };
    let (open_from, open_until) = new.open.unzip();
    let made = sqlx::query!(
        "INSERT INTO freeze_window (id, name, team, environment, cron, time_zone, duration_s, starts_at, ends_at, reason, made_by, made_at,
                                    open_from, open_until)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (name) DO NOTHING",
        Uuid::now_v7(),
        new.name,
        new.team,
        new.environment,
        cron,
        zone,
        duration_s,
        from,
        until,
        new.reason,
        new.made_by,
        new.made_at,
        open_from,
        open_until,
    );
    Ok(made.execute(executor).await?.rows_affected() > 0)
}

struct Row {
    name: String,
    team: Option<String>,
    environment: Option<String>,
    cron: Option<String>,
    time_zone: Option<String>,
    duration_s: Option<i32>,
    starts_at: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
    reason: String,
    made_by: String,
    made_at: DateTime<Utc>,
    open_from: Option<DateTime<Utc>>,
    open_until: Option<DateTime<Utc>>,
}

impl Row {
    /// None is never: the table's checks hold that it is one of the two.
    fn read(self) -> Option<Freeze> {
        let times = match (self.cron, self.time_zone, self.duration_s, self.starts_at.zip(self.ends_at)) {
            (Some(cron), Some(time_zone), Some(duration_s), None) => FreezeTimes::Again { cron, time_zone, duration_s },
            (None, None, None, Some((from, until))) => FreezeTimes::Once { from, until },
            _ => return None,
        };
        Some(Freeze {
            name: self.name,
            team: self.team,
            environment: self.environment,
            times,
            reason: self.reason,
            made_by: self.made_by,
            made_at: self.made_at,
            open: self.open_from.zip(self.open_until),
        })
    }
}

/// One freeze.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(executor: impl PgExecutor<'_>, name: &str) -> Result<Option<Freeze>> {
    Ok(select(executor, Some(name), None, None, 1).await?.pop())
}

/// Freezes by name, those after this one; of teams only these (none: of all).
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    teams: Option<&[String]>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Freeze>> {
    select(executor, None, teams, after, limit).await
}

async fn select(
    executor: impl PgExecutor<'_>,
    only: Option<&str>,
    teams: Option<&[String]>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Freeze>> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT name, team, environment, cron, time_zone, duration_s, starts_at, ends_at, reason, made_by, made_at, open_from, open_until
         FROM freeze_window
         WHERE ($1::text IS NULL OR name = $1) AND ($2::text[] IS NULL OR team IS NULL OR team = ANY ($2))
           AND ($3::text IS NULL OR name > $3)
         ORDER BY name LIMIT $4",
        only,
        teams,
        after,
        limit,
    )
    .fetch_all(executor)
    .await?;
    Ok(rows.into_iter().filter_map(Row::read).collect())
}

/// Removes a freeze; what it held may begin. False when there is none of that name.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn remove(executor: impl PgExecutor<'_>, name: &str) -> Result<bool> {
    let removed = sqlx::query!("DELETE FROM freeze_window WHERE name = $1", name);
    Ok(removed.execute(executor).await?.rows_affected() > 0)
}

/// Notes the time of a freeze that is on or comes next. While one is on, its beginning stays. False when that was noted already.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn keep(
    executor: impl PgExecutor<'_>,
    name: &str,
    open: Option<(DateTime<Utc>, DateTime<Utc>)>,
) -> Result<bool> {
    let (from, until) = open.unzip();
    let kept = sqlx::query!(
        "UPDATE freeze_window
         SET open_from = CASE WHEN open_from <= now() AND open_until > now() AND $2::timestamptz IS NOT NULL THEN open_from ELSE $2 END,
             open_until = $3
         WHERE name = $1 AND open_until IS DISTINCT FROM $3",
        name,
        from,
        until,
    );
    Ok(kept.execute(executor).await?.rows_affected() > 0)
}

/// What became of the wish to let a run begin in spite of freezes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overridden {
    /// No freeze holds it any more.
    Overridden,
    /// It is over.
    Over,
    /// There is no such run.
    Unknown,
}

/// Lets a run begin, and go on, in spite of freezes.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn override_for(executor: impl PgExecutor<'_>, run: RunId, by: &str, why: &str) -> Result<Overridden> {
    let row = sqlx::query!(
        r#"WITH done AS (
               UPDATE run SET freeze_overridden_by = $2, freeze_overridden_why = $3 WHERE id = $1 AND finished_at IS NULL RETURNING id)
           SELECT EXISTS (SELECT FROM done) AS "done!", EXISTS (SELECT FROM run WHERE id = $1) AS "known!""#,
        run.0,
        by,
        why,
    )
    .fetch_one(executor)
    .await?;
    Ok(match (row.done, row.known) {
        (true, _) => Overridden::Overridden,
        (false, true) => Overridden::Over,
        (false, false) => Overridden::Unknown,
    })
}
