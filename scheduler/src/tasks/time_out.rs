//! Time out: waiting runs past their deadline end, and so do those asked to stop that no worker holds; waits that are
//! over end too.

use shared::store::{StoreError, rescue};

use super::{BATCH, Pass, Scheduler};

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let mut tx = scheduler.store.begin().await?;
    let ended = rescue::end_overdue(&mut tx, BATCH).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(Pass::of(ended))
}
