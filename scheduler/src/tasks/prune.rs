//! Prune: what is older than the retention is forgotten.

use shared::store::prune;

use super::{BATCH, Pass, Scheduler};

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let removed = prune::prune(scheduler.store.pool(), scheduler.config.scheduler.retention_days, BATCH).await?;
    // A full batch is followed by another at once; a few rows wait for the next period.
    Ok(if removed >= BATCH { Pass::Worked } else { Pass::Idle })
}
