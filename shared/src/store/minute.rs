//! How it went, minute by minute: made from the events behind whoever appends them, and kept for a week.

use std::collections::BTreeMap;

use chrono::{DateTime, DurationRound as _, TimeDelta, Utc};
use sqlx::{PgConnection, PgExecutor, PgPool};

use super::Result;
use crate::domain::{event as events, histogram::Histogram, run::RunStatus};

/// Days that minutes are kept.
pub const KEPT_DAYS: i32 = 7;
/// The name under which all queues are counted together.
pub const ALL_QUEUES: &str = "";

/// What happened in a stretch of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Runs that were made.
    pub created: i64,
    /// Runs that completed.
    pub completed: i64,
    /// Runs that failed.
    pub failed: i64,
    /// Runs that were cancelled.
    pub cancelled: i64,
    /// How long runs waited until a worker took them.
    pub waits: Histogram,
    /// How long runs took, from the first claim to the end.
    pub times: Histogram,
    /// The most that were seen to wait for a slot.
    pub waiting: i64,
    /// The most that were seen queued or running.
    pub in_flight: i64,
}

impl Tally {
    /// Takes another stretch of time into this one.
    pub fn add(&mut self, minute: &Minute) {
        self.created += i64::from(minute.created);
        self.completed += i64::from(minute.completed);
        self.failed += i64::from(minute.failed);
        self.cancelled += i64::from(minute.cancelled);
        self.waits.add(minute.waits.as_deref().unwrap_or_default());
        self.times.add(minute.times.as_deref().unwrap_or_default());
        self.waiting = self.waiting.max(minute.waiting.into());
        self.in_flight = self.in_flight.max(minute.in_flight.into());
    }
}

/// One minute of one queue, as it is stored.
#[derive(Clone, Debug)]
pub struct Minute {
    /// The queue.
    pub queue: String,
    /// When it began.
    pub minute: DateTime<Utc>,
    /// Runs that were made.
    pub created: i32,
    /// Runs that completed.
    pub completed: i32,
    /// Runs that failed.
    pub failed: i32,
    /// Runs that were cancelled.
    pub cancelled: i32,
    /// Waits, by bucket.
    pub waits: Option<Vec<i32>>,
    /// Durations, by bucket.
    pub times: Option<Vec<i32>>,
    /// The most that were seen to wait for a slot.
    pub waiting: i32,
    /// The most that were seen queued or running.
    pub in_flight: i32,
}

/// The minutes of these queues from `from` on and before `to`, in order. Minutes in which nothing happened are left out.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn between(
    executor: impl PgExecutor<'_>,
    queues: &[String],
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<Minute>> {
    Ok(sqlx::query_as!(
        Minute,
        "SELECT queue, minute, created, completed, failed, cancelled, waits, times, waiting, in_flight FROM queue_minute
         WHERE queue = ANY ($1) AND minute >= $2 AND minute < $3 ORDER BY minute, queue LIMIT 200000",
        queues,
        from,
        to,
    )
    .fetch_all(executor)
    .await?)
}

/// The same by the hour, which is what `minute` of each says the beginning of.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn hours_between(
    executor: impl PgExecutor<'_>,
    queues: &[String],
    from: DateTime<Utc>,
    to: DateTime<Utc>,
) -> Result<Vec<Minute>> {
    Ok(sqlx::query_as!(
        Minute,
        "SELECT queue, hour AS minute, created, completed, failed, cancelled, waits, times, waiting, in_flight FROM queue_hour
         WHERE queue = ANY ($1) AND hour >= $2 AND hour < $3 ORDER BY hour, queue LIMIT 200000",
        queues,
        from,
        to,
    )
    .fetch_all(executor)
    .await?)
}

/// Adds the next `limit` events to the minutes in which they happened, and moves the cursor behind them. Returns how many there
/// were. One process at a time; another gets 0.
///
/// # Errors
/// When Postgres cannot be reached; what was not committed is added by a later pass.
pub async fn add_up(conn: &mut PgConnection, limit: i64) -> Result<usize> {
    let cursor = sqlx::query!(
        r#"SELECT xid::text AS "xid!", id, xid > pg_snapshot_xmax(pg_current_snapshot()) AS "ahead!"
           FROM minute_cursor FOR UPDATE SKIP LOCKED"#
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(cursor) = cursor else { return Ok(0) };
    if cursor.ahead {
        // The database was restored under a server that counts transactions from lower numbers.
        sqlx::query!("UPDATE minute_cursor SET xid = pg_snapshot_xmin(pg_current_snapshot()), id = 0")
            .execute(conn)
            .await?;
        return Ok(0);
    }
    let rows = sqlx::query!(
        r#"SELECT e.xid::text AS "xid!", e.id, e.type AS kind, e.at, run.queue AS "queue?",
                  extract(epoch FROM e.at - run.waiting_since)::float8 AS waited_s,
                  extract(epoch FROM run.finished_at - run.started_at)::float8 AS took_s
           FROM event e LEFT JOIN run ON run.id = e.run_id AND run.kind <> 'preview' AND e.type = ANY ($4)
           WHERE (e.xid, e.id) > ($1::text::xid8, $2) AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
           ORDER BY e.xid, e.id LIMIT $3"#,
        cursor.xid,
        cursor.id,
        limit,
        &counted(),
    )
    .fetch_all(&mut *conn)
    .await?;
    let Some(last) = rows.last() else { return Ok(0) };
    sqlx::query!("UPDATE minute_cursor SET xid = $1::text::xid8, id = $2", last.xid, last.id)
        .execute(&mut *conn)
        .await?;
    let mut minutes: BTreeMap<(&str, DateTime<Utc>), Tally> = BTreeMap::new();
    for row in &rows {
        let (Some(queue), Ok(minute)) = (&row.queue, row.at.duration_trunc(TimeDelta::minutes(1))) else { continue };
        for queue in [queue.as_str(), ALL_QUEUES] {
            let tally = minutes.entry((queue, minute)).or_default();
            tally.count(&row.kind, row.waited_s, row.took_s);
        }
    }
    for ((queue, minute), tally) in &minutes {
        store(&mut *conn, queue, *minute, tally).await?;
    }
    Ok(rows.len())
}

/// Names of the events that are counted.
fn counted() -> Vec<String> {
    let ends = [RunStatus::Completed, RunStatus::Failed, RunStatus::Cancelled].map(events::run_became);
    [events::RUN_CREATED, events::RUN_CLAIMED].into_iter().map(str::to_owned).chain(ends).collect()
}

impl Tally {
    fn count(&mut self, kind: &str, waited_s: Option<f64>, took_s: Option<f64>) {
        match kind {
            events::RUN_CREATED => self.created += 1,
            // Of one that waits again meanwhile it is not known how long it had waited.
            events::RUN_CLAIMED => self.waits.record(waited_s.unwrap_or(-1.0)),
            end => {
                self.times.record(took_s.unwrap_or(-1.0));
                match end.strip_prefix("run.").and_then(|status| status.parse().ok()) {
                    Some(RunStatus::Completed) => self.completed += 1,
                    Some(RunStatus::Failed) => self.failed += 1,
                    Some(RunStatus::Cancelled) => self.cancelled += 1,
                    Some(RunStatus::Pending | RunStatus::Queued | RunStatus::Running | RunStatus::Suspended) | None => {
                    }
                }
            }
        }
    }
}

async fn store(executor: impl PgExecutor<'_>, queue: &str, minute: DateTime<Utc>, tally: &Tally) -> Result<()> {
    let (waits, times) = (tally.waits.stored(), tally.times.stored());
    sqlx::query!(
        "INSERT INTO queue_minute AS m (queue, minute, created, completed, failed, cancelled, waits, times)
         VALUES ($1, $2, $3::bigint::int, $4::bigint::int, $5::bigint::int, $6::bigint::int, $7, $8)
         ON CONFLICT (queue, minute) DO UPDATE SET
                created = m.created + excluded.created, completed = m.completed + excluded.completed,
                failed = m.failed + excluded.failed, cancelled = m.cancelled + excluded.cancelled,
                waits = CASE WHEN m.waits IS NULL OR excluded.waits IS NULL THEN coalesce(m.waits, excluded.waits)
                             ELSE ARRAY(SELECT coalesce(a, 0) + coalesce(b, 0) FROM UNNEST(m.waits, excluded.waits) WITH ORDINALITY AS summed (a, b, place) ORDER BY place) END,
                times = CASE WHEN m.times IS NULL OR excluded.times IS NULL THEN coalesce(m.times, excluded.times)
                             ELSE ARRAY(SELECT coalesce(a, 0) + coalesce(b, 0) FROM UNNEST(m.times, excluded.times) WITH ORDINALITY AS summed (a, b, place) ORDER BY place) END",
        queue,
        minute,
        tally.created,
        tally.completed,
        tally.failed,
        tally.cancelled,
        waits.as_deref(),
        times.as_deref(),
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// Notes how many runs wait for a slot now, and how many are queued or running, when that is more than was seen in this minute.
/// In the order in which [`add_up`] writes, so that neither waits for the other for ever.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn sample(executor: impl PgExecutor<'_>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO queue_minute AS m (queue, minute, waiting, in_flight)
         SELECT coalesce(queue, ''), date_trunc('minute', now()),
                coalesce(sum(runs) FILTER (WHERE status = 'queued' OR status = 'pending' AND reason = ''), 0)::int,
                coalesce(sum(runs) FILTER (WHERE status IN ('queued', 'running')), 0)::int
         FROM run_count WHERE status IN ('pending', 'queued', 'running')
         GROUP BY GROUPING SETS ((queue), ())
         HAVING sum(runs) FILTER (WHERE status <> 'pending' OR reason = '') > 0
         ORDER BY coalesce(queue, '') COLLATE \"C\"
         ON CONFLICT (queue, minute) DO UPDATE SET waiting = greatest(m.waiting, excluded.waiting),
                in_flight = greatest(m.in_flight, excluded.in_flight)
         WHERE excluded.waiting > m.waiting OR excluded.in_flight > m.in_flight"
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// Forgets up to `limit` minutes that are older than a week, and as many hours. Returns how many minutes.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn forget(pool: &PgPool, limit: i64) -> Result<u64> {
    sqlx::query!(
        "DELETE FROM queue_hour WHERE (queue, hour) IN (
             SELECT queue, hour FROM queue_hour WHERE hour < now() - make_interval(days => $1, hours => 1) ORDER BY hour LIMIT $2)",
        KEPT_DAYS,
        limit,
    )
    .execute(pool)
    .await?;
    let done = sqlx::query!(
        "DELETE FROM queue_minute WHERE (queue, minute) IN (
             SELECT queue, minute FROM queue_minute WHERE minute < now() - make_interval(days => $1) ORDER BY minute LIMIT $2)",
        KEPT_DAYS,
        limit,
    )
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}
