//! Requeue: tickets that were never sent, or sent long ago and not claimed, go out again, the same as before.

use std::time::Duration;

use shared::store::{StoreError, rescue};

use super::{BATCH, Pass, Scheduler};

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let after = Duration::from_secs(scheduler.config.scheduler.requeue_after_s.into());
    let mut tx = scheduler.store.begin().await?;
    let due = rescue::due_tickets(&mut tx, after, BATCH).await?;
    tx.commit().await.map_err(StoreError::from)?;
    scheduler.send(&due).await;
    Ok(Pass::of(due.len()))
}
