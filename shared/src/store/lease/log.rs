//! The lines that steps write.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Lease;
use crate::{domain::states::Applied, store::Result};

/// One line of a run's log.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// Its number in the run, over all steps.
    pub cursor: i64,
    /// The step.
    pub step: String,
    /// The try of that step.
    pub attempt: i16,
    /// Its number in that try.
    pub seq: i64,
    /// When it was written.
    pub at: DateTime<Utc>,
    /// `stdout`, `stderr`, `system` or `gap`.
    pub stream: &'static str,
    /// The text, masked, without NUL.
    pub text: String,
}

/// Appends lines in the order of their cursors. One call after the other: readers rely on cursors becoming visible in order.
///
/// # Errors
/// When Postgres cannot be reached; the lines may have been written all the same, and calling again is safe.
pub async fn append_log(executor: impl PgExecutor<'_>, lease: Lease, lines: &[LogLine]) -> Result<Applied> {
    let row = sqlx::query_scalar!(
        "WITH lease AS (SELECT id FROM run WHERE id = $1 AND fence = $2 AND status = 'running' FOR NO KEY UPDATE),
         written AS (INSERT INTO log_line (run_id, cursor, step, attempt, seq, at, stream, text)
                     SELECT lease.id, new.* FROM lease,
                          UNNEST($3::int8[], $4::text[], $5::int2[], $6::int8[], $7::timestamptz[], $8::text[], $9::text[]) AS new
                     ON CONFLICT DO NOTHING)
         SELECT 1 FROM lease",
        lease.run_id.0,
        lease.fence.0,
        &lines.iter().map(|line| line.cursor).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.step.clone()).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.attempt).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.seq).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.at).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.stream).collect::<Vec<_>>() as &[&str],
        &lines.iter().map(|line| line.text.clone()).collect::<Vec<_>>(),
    )
    .fetch_optional(executor)
    .await?;
    Ok(Applied::from_row(row.map(|_| ())))
}

/// The end of one try's log, recorded with the try's outcome.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogEnd<'a> {
    /// Lines of the run that are not stored yet, in the order of their cursors.
    pub rest: &'a [LogLine],
    /// Lines of the try in all.
    pub lines: i64,
    /// Lines known to be missing.
    pub gaps: i64,
}
