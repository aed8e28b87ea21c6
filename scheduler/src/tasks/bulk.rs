//! Bulk: what was asked for of many runs is done to one after the other.
//!
//! Apart from the other tasks, so that fifty thousand runs delay none of them. Each run is a transaction of its own, with the
//! mark that it is done: whoever comes after a crash goes on with the next.

use std::time::Duration;

use shared::store::{StoreError, bulk};

use super::Scheduler;

/// Runs done before others get their turn on this thread.
const PIECE: usize = 100;
/// Between two tries when Postgres does not answer, or a run is held by somebody else.
const PAUSE: Duration = Duration::from_secs(1);
/// Tries of one run when transactions stand in each other's way.
const TRIES: u32 = 3;

/// Runs until it is dropped.
pub(crate) async fn run(scheduler: &Scheduler) {
    let period = Duration::from_millis(scheduler.config.scheduler.period_ms);
    loop {
        match piece(scheduler).await {
            Ok(true) => tokio::task::yield_now().await,
            Ok(false) => tokio::time::sleep(period).await,
            Err(error) => {
                metrics::counter!("slipway_scheduler_task_errors_total", "task" => "bulk").increment(1);
                tracing::warn!(%error, "bulk operations wait; a later pass goes on");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Does the next runs; whether there were any.
async fn piece(scheduler: &Scheduler) -> Result<bool, StoreError> {
    for done in 0..PIECE {
        if !one(scheduler).await? {
            return Ok(done > 0);
        }
    }
    Ok(true)
}

/// Does the next run; false: there is none.
async fn one(scheduler: &Scheduler) -> Result<bool, StoreError> {
    let mut tries = 0;
    loop {
        let mut tx = scheduler.store.begin().await?;
        let Some(turn) = bulk::next(&mut tx).await? else { return Ok(false) };
        let error = match bulk::carry_out(&mut tx, &turn).await {
            Ok(()) => {
                tx.commit().await?;
                return Ok(true);
            }
            Err(error) => error,
        };
        tx.rollback().await?;
        tries += 1;
        if error.is_unavailable() || (error.is_conflict() && tries >= TRIES) {
            return Err(error);
        }
        if error.is_conflict() {
            continue;
        }
        // It would fail for ever, and keep all others waiting.
        tracing::error!(%error, run.id = %turn.run, bulk = %turn.bulk, "a run of a bulk operation could not be done");
        let mut tx = scheduler.store.begin().await?;
        bulk::refuse(&mut tx, turn.bulk, turn.run, "something went wrong inside Slipway; the scheduler's log has more")
            .await?;
        tx.commit().await?;
        return Ok(true);
    }
}
