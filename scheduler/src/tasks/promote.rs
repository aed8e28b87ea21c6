//! Promote: ready runs get tickets, as many as there are free slots.

use std::time::Duration;

use shared::{
    queue::Ticket,
    store::{StoreError, promote},
};

use super::{BATCH, Pass, Scheduler};

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let gone = Duration::from_secs(scheduler.config.scheduler.worker_gone_after_s.into());
    let mut queues = scheduler.store.begin().await?;
    let names = promote::queues(&mut queues).await?;
    queues.commit().await.map_err(StoreError::from)?;
    let mut promoted = Vec::new();
    for queue in names {
        let mut tx = scheduler.store.begin().await?;
        let promotion = promote::promote(&mut tx, &queue, gone, BATCH).await?;
        tx.commit().await.map_err(StoreError::from)?;
        promoted.extend(promotion.tickets.into_iter().map(|(run_id, fence)| (queue.clone(), Ticket { run_id, fence })));
    }
    // After the commit: a ticket must never be in Redis for a run that is not queued. A crash here is healed by requeue.
    scheduler.send(&promoted).await;
    Ok(Pass::of(promoted.len()))
}
