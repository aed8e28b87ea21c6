//! Waiting for conditions: never for a time alone, and never for ever.

use std::time::{Duration, Instant};

/// What every wait gets beyond what its test allows: a wait ends what hangs, and a machine that others use too may stand
/// still for seconds at a time.
const MOST_GRACE: Duration = Duration::from_secs(120);

/// Asks `probe` again and again until it gives something.
///
/// # Errors
/// When the probe fails, or gives nothing within three times `limit` (and at most [`MOST_GRACE`] beyond it); the message
/// says `what` was waited for.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut probe: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let limit = limit + (2 * limit).min(MOST_GRACE);
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(10);
    loop {
        // A probe that hangs is cut off as well.
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_secs(1));
        match tokio::time::timeout(left, probe()).await {
            Ok(Ok(Some(found))) => return Ok(found),
            Ok(Ok(None)) if Instant::now() < deadline => {}
            Ok(Ok(None)) | Err(_) => anyhow::bail!("waited {limit:?} in vain until {what}"),
            Ok(Err(error)) => return Err(error.context(format!("while waiting until {what}"))),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(Duration::from_millis(150));
    }
}
