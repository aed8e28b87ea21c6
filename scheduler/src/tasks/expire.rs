//! Expire: applications whose time is over are deleted.

use shared::store::{StoreError, application};

use super::{Pass, Scheduler};

/// Applications that one pass looks at, at most.
const MOST: usize = 50;

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    for done in 0..MOST {
        // One transaction each: the locks of one application at a time.
        let mut tx = scheduler.store.begin().await?;
        let Some(expired) = application::expire_one(&mut tx).await? else { return Ok(Pass::of(done)) };
        tx.commit().await.map_err(StoreError::from)?;
        match expired {
            application::Expired::Deleted(name) => {
                tracing::info!(application = name, "its time is over; it is being deleted");
            }
            application::Expired::Kept(name, resources) => {
                tracing::warn!(application = name, ?resources, "its time is over, and its protection keeps it");
            }
        }
    }
    Ok(Pass::Worked)
}
