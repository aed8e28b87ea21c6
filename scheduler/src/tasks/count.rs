//! Count: how many runs and resources stand where is added up, and how it went is told by the minute.

use shared::store::{StoreError, minute, tally};

use super::{Pass, Scheduler};

/// Notes, and events, taken at once.
const NOTES: i64 = 5_000;

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let pool = scheduler.store.pool();
    let counted = tally::add_up(pool, NOTES).await?;
    let mut tx = scheduler.store.begin().await?;
    let events = minute::add_up(&mut tx, NOTES).await?;
    tx.commit().await.map_err(StoreError::from)?;
    minute::sample(pool).await?;
    // A full batch is followed by another at once; fewer wait for the next period.
    let more = counted >= NOTES || i64::try_from(events).unwrap_or(i64::MAX) >= NOTES;
    Ok(if more { Pass::Worked } else { Pass::Idle })
}

/// Compares the figures with what is there.
pub(super) async fn check(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let wrong = tally::recount(scheduler.store.pool()).await?;
    if wrong > 0 {
        metrics::counter!("slipway_counts_mended_total").increment(u64::try_from(wrong).unwrap_or(0));
        tracing::warn!(wrong, "counts of runs or resources differed from what is there, and were mended");
    }
    Ok(Pass::Idle)
}
