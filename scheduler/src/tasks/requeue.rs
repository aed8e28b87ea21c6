//! Requeue: tickets that were never sent, or sent long ago and not claimed, go out again, the same as before.

use std::time::Duration;

use shared::{
    queue::Ticket,
    store::{StoreError, rescue},
};

use super::{BATCH, Pass, Scheduler};

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let after = Duration::from_secs(scheduler.config.scheduler.requeue_after_s.into());
    let mut tx = scheduler.store.begin().await?;
    let due = rescue::due_tickets(&mut tx, after, BATCH).await?;
    tx.commit().await.map_err(StoreError::from)?;
    let tickets: Vec<_> =
        due.into_iter().map(|due| (due.queue, Ticket { run_id: due.run_id, fence: due.fence })).collect();
    scheduler.send(&tickets).await;
    Ok(Pass::of(tickets.len()))
}
