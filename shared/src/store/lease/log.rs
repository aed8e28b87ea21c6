//! The lines that steps write.

use std::time::Instant;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Lease;
use crate::{
    domain::{ids::StepId, states::Applied},
    store::Result,
};

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
    let done = sqlx::query_scalar!(
        r#"SELECT lease_append_log($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS "done!""#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
        &lines.iter().map(|line| line.cursor).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.step.clone()).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.attempt).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.seq).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.at).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.stream).collect::<Vec<_>>() as &[&str],
        &lines.iter().map(|line| line.text.clone()).collect::<Vec<_>>(),
    )
    .fetch_one(executor)
    .await?;
    Ok(Applied::from_row(done.then_some(())))
}

/// A try whose command has begun.
#[derive(Clone, Copy, Debug)]
pub struct Begun {
    /// The step.
    pub step: StepId,
    /// The number of the try.
    pub number: i16,
    /// When, by this process' clock: what is recorded is how long ago that was, by the database's.
    pub at: Instant,
}

impl Begun {
    fn ago_s(&self) -> f64 {
        self.at.elapsed().as_secs_f64()
    }
}

/// Appends lines as [`append_log`] does, and records of tries that their commands have begun.
///
/// # Errors
/// When Postgres cannot be reached; all of it may have been written all the same, and calling again is safe.
pub async fn append_log_and_begun(
    executor: impl PgExecutor<'_>,
    lease: Lease,
    lines: &[LogLine],
    begun: &[Begun],
) -> Result<Applied> {
    let done = sqlx::query_scalar!(
        r#"SELECT lease_append_lines($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS "done!""#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
        &lines.iter().map(|line| line.cursor).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.step.clone()).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.attempt).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.seq).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.at).collect::<Vec<_>>(),
        &lines.iter().map(|line| line.stream).collect::<Vec<_>>() as &[&str],
        &lines.iter().map(|line| line.text.clone()).collect::<Vec<_>>(),
        &begun.iter().map(|begun| begun.step.0).collect::<Vec<_>>(),
        &begun.iter().map(|begun| begun.number).collect::<Vec<_>>(),
        &begun.iter().map(Begun::ago_s).collect::<Vec<_>>(),
    )
    .fetch_one(executor)
    .await?;
    Ok(Applied::from_row(done.then_some(())))
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
    /// When the try's command began, unless it did not or that is recorded.
    pub begun: Option<Begun>,
}

impl LogEnd<'_> {
    /// How many seconds ago the command began.
    pub(super) fn begun_ago_s(&self) -> Option<f64> {
        self.begun.as_ref().map(Begun::ago_s)
    }
}
