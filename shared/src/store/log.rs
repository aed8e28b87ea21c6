//! Log lines of runs: what was written, where it ends, and where it was archived.

pub mod range;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;
use crate::domain::{ids::RunId, states::states};

states! {
    /// Where a log line came from.
    LogStream {
        /// Standard output of the step.
        Stdout = "stdout",
        /// Standard error of the step.
        Stderr = "stderr",
        /// Slipway itself.
        System = "system",
        /// Lines are missing here; the text says why.
        Gap = "gap",
    }
}

/// One line of a run's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its place in the log of the whole run; rises, without holes.
    pub cursor: i64,
    /// The step's name.
    pub step: String,
    /// The number of the try.
    pub attempt: i16,
    /// Its place in the log of that attempt.
    pub seq: i64,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// Where it came from.
    pub stream: LogStream,
    /// The line, without its newline.
    pub text: String,
}

/// Which lines of a run to read.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only this step's.
    pub step: Option<String>,
    /// Only this attempt's.
    pub attempt: Option<i16>,
}

/// Lines after a cursor (0: from the first), at most `limit`, in order.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn lines_after(
    executor: impl PgExecutor<'_>,
    run: RunId,
    cursor: i64,
    selection: &Selection,
    limit: i64,
) -> Result<Vec<Line>> {
    Ok(sqlx::query_as!(
        Line,
        r#"SELECT cursor, step, attempt, seq, at, stream AS "stream: LogStream", text
           FROM log_line
           WHERE run_id = $1 AND cursor > $2 AND ($3::text IS NULL OR step = $3) AND ($4::int2 IS NULL OR attempt = $4)
           ORDER BY cursor LIMIT $5"#,
        run.0,
        cursor,
        selection.step.as_deref(),
        selection.attempt,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// The end of one attempt's log: how many lines it has, and how many are known to be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The step's name.
    pub step: String,
    /// The number of the try.
    pub attempt: i16,
    /// Lines kept.
    pub lines: i64,
    /// Lines known to be missing.
    pub gaps: i64,
    /// When it was sealed.
    pub sealed_at: DateTime<Utc>,
}

/// The seals of a run, in the order they were set.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn seals(executor: impl PgExecutor<'_>, run: RunId) -> Result<Vec<Seal>> {
    Ok(sqlx::query_as!(
        Seal,
        "SELECT step, attempt, lines, gaps, sealed_at FROM log_seal WHERE run_id = $1 ORDER BY sealed_at, step, attempt",
        run.0
    )
    .fetch_all(executor)
    .await?)
}

/// Where a run's log was archived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// Key in the archive.
    pub key: String,
    /// SHA-256 of what is stored there.
    pub sha256: Vec<u8>,
    /// Its size in bytes.
    pub bytes: i64,
    /// Lines it holds.
    pub lines: i64,
    /// When its lines were removed from Postgres, so that they are in the archive alone.
    pub pruned_at: Option<DateTime<Utc>>,
}

/// The archived log of a run, if there is one.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn archived(executor: impl PgExecutor<'_>, run: RunId) -> Result<Option<Archived>> {
    Ok(sqlx::query_as!(
        Archived,
        "SELECT key, sha256, bytes, lines, pruned_at FROM log_archive WHERE run_id = $1",
        run.0
    )
    .fetch_optional(executor)
    .await?)
}

/// What was found by one look for logs that are not archived yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unarchived {
    /// Finished runs with such a log, the longest finished first.
    pub runs: Vec<RunId>,
    /// When the last of the runs that were looked at finished; none when there was none.
    pub until: Option<DateTime<Utc>>,
    /// Whether all runs that finished since were looked at.
    pub all: bool,
}

/// Looks at up to `looks` runs that finished at `since` or later, and gives those whose log is not archived yet, at most
/// `limit`. A look from the beginning each time would cost more the more runs there are.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn unarchived(
    executor: impl PgExecutor<'_>,
    since: DateTime<Utc>,
    looks: i64,
    limit: i64,
) -> Result<Unarchived> {
    let row = sqlx::query!(
        r#"WITH looked AS MATERIALIZED (SELECT id, finished_at FROM run WHERE finished_at >= $1 ORDER BY finished_at LIMIT $2),
                open AS (SELECT id, finished_at FROM looked
                         WHERE EXISTS (SELECT FROM log_line l WHERE l.run_id = looked.id)
                           AND NOT EXISTS (SELECT FROM log_archive a WHERE a.run_id = looked.id)
                         ORDER BY finished_at LIMIT $3)
           SELECT coalesce((SELECT array_agg(id ORDER BY finished_at) FROM open), '{}') AS "runs!: Vec<RunId>",
                  (SELECT max(finished_at) FROM looked) AS until,
                  (SELECT count(*) FROM looked) < $2 AND (SELECT count(*) FROM open) < $3 AS "all!""#,
        since,
        looks,
        limit,
    )
    .fetch_one(executor)
    .await?;
    Ok(Unarchived { runs: row.runs, until: row.until, all: row.all })
}

/// Records that the whole log of a run that is over is in the archive. Recording it twice changes nothing, nor does recording
/// another number of lines than there are.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn record_archived(executor: impl PgExecutor<'_>, run: RunId, archived: &Archived) -> Result<()> {
    sqlx::query_scalar!(
        "SELECT lease_log_archived($1, $2, $3, $4, $5)",
        run.0,
        archived.key,
        archived.sha256,
        archived.bytes,
        archived.lines,
    )
    .fetch_one(executor)
    .await?;
    Ok(())
}

/// Removes the lines of up to `runs` logs that have been in the archive for `days`. Returns how many logs that were.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn prune_archived(executor: impl PgExecutor<'_>, days: u32, runs: i64) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"WITH due AS (SELECT run_id FROM log_archive WHERE pruned_at IS NULL AND archived_at < now() - make_interval(days => $1)
                        ORDER BY archived_at LIMIT $2 FOR UPDATE SKIP LOCKED),
                gone AS (DELETE FROM log_line USING due WHERE log_line.run_id = due.run_id),
                noted AS (UPDATE log_archive SET pruned_at = now() FROM due WHERE log_archive.run_id = due.run_id RETURNING 1)
           SELECT count(*) AS "pruned!" FROM noted"#,
        i32::try_from(days).unwrap_or(i32::MAX),
        runs,
    )
    .fetch_one(executor)
    .await?)
}
