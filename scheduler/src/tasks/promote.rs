//! Promote: ready runs get tickets, as many as there are free slots.

use std::time::Duration;

use shared::store::promote;

use super::{BATCH, Pass, Scheduler};

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let gone = Duration::from_secs(scheduler.config.scheduler.worker_gone_after_s.into());
    let promoted = promote::promote(scheduler.store.pool(), gone, BATCH).await?;
    // After the commit: a ticket must never be in Redis for a run that is not queued. A crash here is healed by requeue.
    scheduler.send(&promoted).await;
    Ok(Pass::of(promoted.len()))
}
