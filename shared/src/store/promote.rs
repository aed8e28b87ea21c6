//! Choosing which ready runs get a ticket.

use std::time::Duration;

use sqlx::PgExecutor;

use super::{Result, rescue::DueTicket};
use crate::domain::ids::{Fence, RunId};

/// Promotes, in every queue, as many ready runs as its live workers have free slots (one, when it has no worker, so that
/// a scaler sees the work), at most `limit` a queue: by priority, then by fair share between teams, then oldest first.
/// Before that, gives the turn of each concurrency group that nobody has to the oldest of its runs.
/// Notes why the others wait. One round trip; decided under a lock a queue (and one for all groups), which another
/// scheduler's pass skips.
///
/// Send the tickets once this has committed.
///
/// # Errors
/// When Postgres cannot be reached; runs may have been promoted all the same, and requeue sends their tickets.
pub async fn promote(executor: impl PgExecutor<'_>, worker_gone_after: Duration, limit: i64) -> Result<Vec<DueTicket>> {
    Ok(sqlx::query_as!(
        DueTicket,
        r#"SELECT queue_name AS "queue!", run_id AS "run_id!: RunId", fence AS "fence!: Fence"
           FROM promote(make_interval(secs => $1), $2)"#,
        worker_gone_after.as_secs_f64(),
        limit,
    )
    .fetch_all(executor)
    .await?)
}
