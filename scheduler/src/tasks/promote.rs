//! Promote: ready runs get tickets, as many as there are free slots.

use std::time::Duration;

use shared::store::{promote, trace};

use super::{BATCH, Pass, Scheduler};

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let gone = Duration::from_secs(scheduler.config.scheduler.worker_gone_after_s.into());
    let promoted = promote::promote(scheduler.store.pool(), gone, BATCH).await?;
    // After the commit: a ticket must never be in Redis for a run that is not queued. A crash here is healed by requeue.
    scheduler.send(&promoted).await;
    if scheduler.traces.is_on() && !promoted.is_empty() {
        let runs: Vec<_> = promoted.iter().map(|due| due.run_id).collect();
        for run in trace::waited(scheduler.store.pool(), &runs).await? {
            let about = [
                ("slipway.queue", run.queue.clone()),
                ("cicd.pipeline.name", run.workflow),
                ("cicd.pipeline.run.id", run.id.to_string()),
                ("cicd.pipeline.run.state", "pending".to_owned()),
            ];
            scheduler.traces.past(format!("wait {}", run.queue), run.trace_parent.parse().ok(), run.since, &about);
        }
    }
    Ok(Pass::of(promoted.len()))
}
