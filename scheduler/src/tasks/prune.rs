//! Prune: what is older than the retention is forgotten.

use shared::store::{batch, bulk, log, login_failure, login_request, mark, minute, prune};

use super::{BATCH, Pass, Scheduler};

/// Names and addresses whose failed logins are remembered at most.
const MAX_FAILURES: i64 = 50_000;
/// Logs whose lines are removed at once; one may have a million.
const LOGS: i64 = 20;

/// Batches removed at once; one may have 100,000 resources.
const BATCHES: i64 = 5;

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let pool = scheduler.store.pool();
    let removed = prune::prune(pool, scheduler.config.scheduler.retention_days, BATCH).await?;
    let removed =
        removed + login_request::forget(pool, BATCH).await? + login_failure::forget(pool, MAX_FAILURES).await?;
    let minutes = minute::forget(pool, BATCH).await?;
    mark::forget(pool, scheduler.config.scheduler.retention_days).await?;
    let removed = removed.max(i64::try_from(minutes).unwrap_or(i64::MAX));
    bulk::forget(pool, scheduler.config.scheduler.retention_days, BATCH).await?;
    batch::prune(pool, scheduler.config.scheduler.retention_days, BATCHES).await?;
    if let Some(days) = scheduler.config.scheduler.log_rows_days {
        log::prune_archived(pool, days, LOGS).await?;
    }
    // A full batch is followed by another at once; a few rows wait for the next period.
    Ok(if removed >= BATCH { Pass::Worked } else { Pass::Idle })
}
