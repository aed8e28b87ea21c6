//! Rescue: runs are taken back from workers that stopped renewing.

use std::time::Duration;

use shared::store::{StoreError, rescue, worker};

use super::{BATCH, Pass, Scheduler};

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let config = &scheduler.config;
    let ttl = Duration::from_secs(config.worker.lease_ttl_s.into());
    let gone = Duration::from_secs(config.scheduler.worker_gone_after_s.into());
    worker::retire_silent(scheduler.store.pool(), gone).await?;
    let mut tx = scheduler.store.begin().await?;
    let rescued = rescue::rescue(&mut tx, ttl, config.scheduler.max_losses, BATCH).await?;
    tx.commit().await.map_err(StoreError::from)?;
    if rescued.queued + rescued.ended > 0 {
        tracing::warn!(queued = rescued.queued, ended = rescued.ended, "took runs back whose leases had ended");
        metrics::counter!("slipway_runs_rescued_total").increment(rescued.queued as u64);
        metrics::counter!("slipway_runs_lost_total").increment(rescued.ended as u64);
    }
    // Their tickets have never been sent: requeue finds them at once.
    if rescued.queued > 0 {
        super::requeue::run(scheduler).await?;
    }
    Ok(Pass::of(rescued.queued + rescued.ended))
}
