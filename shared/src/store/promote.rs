//! Choosing which ready runs get a ticket.

use std::time::Duration;

use sqlx::PgExecutor;

use super::{Result, rescue::DueTicket};
use crate::{
    config::Fairness,
    domain::ids::{Fence, RunId},
};

/// Promotes, in every queue, as many ready runs as its live workers have free slots (one, when it has no worker, so that
/// a scaler sees the work), at most `limit` a queue: by class, then between teams by the slots that they have for their weight,
/// then between the applications of a team by theirs, then who has waited longest. A run that a quota, a limit or a freeze holds
/// is in nobody's way. Before that, gives the turns of concurrency groups that nobody has to the oldest of their runs.
/// Notes why the others wait. One round trip; decided under a lock a queue (one for all groups, and one for what is bounded over
/// all queues), which another scheduler's pass skips.
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

/// Sets how runs age. Those that are made already keep their place. False when it was so already.
///
/// # Errors
/// When Postgres cannot be reached, or drift checks would go before batches.
pub async fn set_ageing(executor: impl PgExecutor<'_>, ageing: &Fairness) -> Result<bool> {
    let set = sqlx::query!(
        "UPDATE ageing SET batch_after = its.batch, drift_after = its.drift, priority_step = its.step
         FROM (SELECT make_interval(secs => $1) AS batch, make_interval(secs => $2) AS drift, make_interval(secs => $3) AS step) its
         WHERE (batch_after, drift_after, priority_step) IS DISTINCT FROM (its.batch, its.drift, its.step)",
        f64::from(ageing.batch_after_s),
        f64::from(ageing.drift_after_s),
        f64::from(ageing.priority_step_s),
    );
    Ok(set.execute(executor).await?.rows_affected() > 0)
}
