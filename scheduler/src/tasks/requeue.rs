//! Requeue: tickets that were never sent, or sent long ago and not claimed, go out again, the same as before.

use std::time::Duration;

use shared::store::rescue;

use super::{BATCH, Pass, Scheduler};

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let after = Duration::from_secs(scheduler.config.scheduler.requeue_after_s.into());
    let due = rescue::due_tickets(scheduler.store.pool(), after, BATCH).await?;
    scheduler.send(&due).await;
    Ok(Pass::of(due.len()))
}
