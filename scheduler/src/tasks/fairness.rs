//! Keeps what promotion goes by: how runs age, and when freezes are on.

use anyhow::Context as _;
use chrono::Utc;
use shared::store::{StoreError, freeze, notify, promote};

use super::{Pass, Scheduler};

/// Freezes read at a time.
const FREEZES: i64 = 500;

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    promote::set_ageing(scheduler.store.pool(), &scheduler.config.fairness).await.context("settings of `fairness`")?;
    let mut tx = scheduler.store.begin().await?;
    let now = Utc::now();
    let mut changed = false;
    let mut freezes = freeze::page(&mut *tx, None, None, FREEZES).await?;
    while let Some(last) = freezes.last().map(|it| it.name.clone()) {
        for it in freezes {
            let open = it.times.current_or_next(now);
            changed |= open != it.open && freeze::keep(&mut *tx, &it.name, open).await?;
        }
        freezes = freeze::page(&mut *tx, None, Some(&last), FREEZES).await?;
    }
    if changed {
        notify(&mut tx).await?;
    }
    tx.commit().await.map_err(StoreError::from)?;
    // However much there was: what comes next is a matter of time.
    Ok(Pass::Idle)
}
