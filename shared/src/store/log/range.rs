//! Parts of a log: a screenful in the middle, the lines that hold a text, and how long it is.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::{Line, LogStream, Selection};
use crate::{domain::ids::RunId, store::Result};

/// Lines at the end of a log that are looked at to see how far the attempts are whose logs are not sealed.
const RECENT: i64 = 20_000;

/// The last lines before a cursor, at most `limit`, in order.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn lines_before(
    executor: impl PgExecutor<'_>,
    run: RunId,
    cursor: i64,
    selection: &Selection,
    limit: i64,
) -> Result<Vec<Line>> {
    let mut lines = sqlx::query_as!(
        Line,
        r#"SELECT cursor, step, attempt, seq, at, stream AS "stream: LogStream", text
           FROM log_line
           WHERE run_id = $1 AND cursor < $2 AND ($3::text IS NULL OR step = $3) AND ($4::int2 IS NULL OR attempt = $4)
           ORDER BY cursor DESC LIMIT $5"#,
        run.0,
        cursor,
        selection.step.as_deref(),
        selection.attempt,
        limit,
    )
    .fetch_all(executor)
    .await?;
    lines.reverse();
    Ok(lines)
}

/// The cursor after which the last `count` of the selected lines come, by now; 0 when there are no more than that.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn before_last(executor: impl PgExecutor<'_>, run: RunId, selection: &Selection, count: i64) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT coalesce(min(cursor), 1) - 1 AS "cursor!" FROM (
               SELECT cursor FROM log_line
               WHERE run_id = $1 AND ($2::text IS NULL OR step = $2) AND ($3::int2 IS NULL OR attempt = $3)
               ORDER BY cursor DESC LIMIT $4) last"#,
        run.0,
        selection.step.as_deref(),
        selection.attempt,
        count,
    )
    .fetch_one(executor)
    .await?)
}

/// The next lines after a cursor that hold this text as it is written, at most `limit`, in order.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn lines_with(
    executor: impl PgExecutor<'_>,
    run: RunId,
    cursor: i64,
    selection: &Selection,
    text: &str,
    limit: i64,
) -> Result<Vec<Line>> {
    Ok(sqlx::query_as!(
        Line,
        r#"SELECT cursor, step, attempt, seq, at, stream AS "stream: LogStream", text
           FROM log_line
           WHERE run_id = $1 AND cursor > $2 AND ($3::text IS NULL OR step = $3) AND ($4::int2 IS NULL OR attempt = $4)
             AND strpos(text, $6) > 0
           ORDER BY cursor LIMIT $5"#,
        run.0,
        cursor,
        selection.step.as_deref(),
        selection.attempt,
        limit,
        text,
    )
    .fetch_all(executor)
    .await?)
}

/// How long the log of one attempt is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The step's name.
    pub step: String,
    /// The number of the try.
    pub attempt: i16,
    /// Lines it has so far.
    pub lines: i64,
    /// Lines known to be missing.
    pub gaps: i64,
    /// When it was complete; none: it may grow.
    pub sealed_at: Option<DateTime<Utc>>,
}

/// How long a log is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// The cursor of its last line, which is the number of its lines too, since cursors have no holes.
    pub last: i64,
    /// Its attempts that are sealed, or have written lately.
    pub parts: Vec<Part>,
}

/// How long a run's log is by now.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn extent(executor: impl PgExecutor<'_>, run: RunId) -> Result<Extent> {
    let rows = sqlx::query!(
        r#"WITH recent AS (
             SELECT step, attempt, max(seq) AS lines, max(cursor) AS last FROM (
                 SELECT step, attempt, seq, cursor FROM log_line WHERE run_id = $1 ORDER BY cursor DESC LIMIT $2) line
             GROUP BY step, attempt)
           SELECT coalesce(s.step, r.step) AS "step!", coalesce(s.attempt, r.attempt) AS "attempt!",
                  coalesce(s.lines, r.lines, 0) AS "lines!", coalesce(s.gaps, 0) AS "gaps!", s.sealed_at AS "sealed_at?",
                  coalesce(r.last, 0) AS "last!"
           FROM (SELECT * FROM log_seal WHERE run_id = $1) s FULL JOIN recent r ON r.step = s.step AND r.attempt = s.attempt
           ORDER BY s.sealed_at NULLS LAST, 1, 2"#,
        run.0,
        RECENT,
    )
    .fetch_all(executor)
    .await?;
    let last = rows.iter().map(|row| row.last).max().unwrap_or_default();
    let parts = rows.into_iter().map(|row| Part {
        step: row.step,
        attempt: row.attempt,
        lines: row.lines,
        gaps: row.gaps,
        sealed_at: row.sealed_at,
    });
    Ok(Extent { last, parts: parts.collect() })
}
