//! Usage: what steps took and what is kept is added to the figures of teams, which their quotas are compared with.

use shared::store::quota;

use super::{Pass, Scheduler};

/// Notes added up at once.
const NOTES: i64 = 5_000;

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let counted = quota::add_up(scheduler.store.pool(), NOTES).await?;
    // A full batch is followed by another at once; fewer wait for the next period.
    Ok(if counted >= NOTES { Pass::Worked } else { Pass::Idle })
}
