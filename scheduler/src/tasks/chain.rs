//! Chain: entries of the audit log are numbered and linked by hashes, and where the chain ends is told now and then.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use shared::{
    formats::audit_log::{SignedHead, SigningKey},
    store::{
        StoreError,
        audit::chain::{self, Head},
    },
};

use super::{BATCH, Pass, Scheduler};

/// The last head that was written to the log, and when.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<Option<(Instant, i64)>>);

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let mut tx = scheduler.store.begin().await?;
    let Some((head, chained)) = chain::extend(&mut tx, BATCH).await? else { return Ok(Pass::Idle) };
    if chained > 0 {
        tx.commit().await.map_err(StoreError::from)?;
        metrics::counter!("slipway_audit_entries_chained_total").increment(chained as u64);
    }
    tell(scheduler, head)?;
    Ok(Pass::of(chained))
}

/// Writes the end of the chain to the log when it has moved and the last time is long enough ago: whoever keeps the log
/// elsewhere sees later whether what was the end then is still there.
fn tell(scheduler: &Scheduler, head: Head) -> anyhow::Result<()> {
    let config = &scheduler.config.audit;
    {
        let mut told = scheduler.told.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let period = Duration::from_secs(config.head_every_s.into());
        if head.seq == 0 || told.is_some_and(|(at, seq)| seq == head.seq || at.elapsed() < period) {
            return Ok(());
        }
        *told = Some((Instant::now(), head.seq));
    }
    let key = config.signing_key.as_ref().map(|source| source.read().map_err(anyhow::Error::msg)).transpose();
    let key = key.and_then(|seed| Ok(seed.map(|seed| SigningKey::from_hex(&seed)).transpose()?));
    let key = key.context("audit.signing_key")?;
    let signed = SignedHead::now(&scheduler.config.instance.0, head.seq, &head.hash, key.as_ref());
    tracing::info!(seq = head.seq, "audit head {}", serde_json::to_string(&signed)?);
    Ok(())
}
