//! A login that lasts a while.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

use crate::secrets::SecretError;

/// How much of a login's life must be left for it to be used without a look for a new one.
const MARGIN: Duration = Duration::from_secs(120);
/// How long the old one is used on when a new one cannot be had, before that is tried again.
const PAUSE: Duration = Duration::from_secs(10);

/// A login, had by one for all when there is none that lasts.
pub(in crate::secrets) struct Kept<T> {
    held: Mutex<Option<Held<T>>>,
}

struct Held<T> {
    it: Arc<T>,
    /// When to look for a new one; none: never.
    renew: Option<Instant>,
    until: Option<Instant>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { held: Mutex::new(None) }
    }
}

impl<T> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

impl<T> Kept<T> {
    /// The login that is there, unless it is `refused` or ends soon; else the one that `have` gives, with the seconds that it
    /// lasts. Others wait for the one that asks. One that still lasts is used on while no new one can be had.
    ///
    /// # Errors
    /// When there is none and none can be had.
    pub(in crate::secrets) async fn get(
        &self,
        refused: Option<&Arc<T>>,
        have: impl Future<Output = Result<(T, Option<u64>), SecretError>>,
    ) -> Result<Arc<T>, SecretError> {
        let mut held = self.held.lock().await;
        let now = Instant::now();
        let usable = held.as_mut().filter(|held| refused.is_none_or(|refused| !Arc::ptr_eq(refused, &held.it)));
        if let Some(held) = &usable
            && held.renew.is_none_or(|renew| now < renew)
        {
            return Ok(Arc::clone(&held.it));
        }
        match have.await {
            Ok((it, seconds)) => {
                let it = Arc::new(it);
                let until = seconds.and_then(|seconds| now.checked_add(Duration::from_secs(seconds)));
                let renew = until.map(|until| until.checked_sub(MARGIN).unwrap_or(now).max(now));
                *held = Some(Held { it: Arc::clone(&it), renew, until });
                Ok(it)
            }
            Err(error) => match usable {
                Some(held) if error.is_passing() && held.until.is_none_or(|until| Instant::now() < until) => {
                    tracing::warn!(error = %error, "a login could not be renewed; the old one is used while it lasts");
                    held.renew = Some(Instant::now() + PAUSE);
                    Ok(Arc::clone(&held.it))
                }
                _ => Err(error),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away() -> SecretError {
        SecretError::Unavailable("away".to_owned())
    }

    #[tokio::test]
    async fn a_login_is_used_while_it_lasts_and_had_anew_when_it_is_refused() {
        let kept = Kept::default();
        let first = kept.get(None, async { Ok((1, Some(3600))) }).await.unwrap();
        assert_eq!(*kept.get(None, async { Err(away()) }).await.unwrap(), 1);
        assert_eq!(*kept.get(Some(&first), async { Ok((2, None)) }).await.unwrap(), 2);
        // Somebody else has had a new one since.
        assert_eq!(*kept.get(Some(&first), async { Err(away()) }).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn one_that_ends_soon_is_renewed_and_serves_on_while_that_fails() {
        let kept = Kept::default();
        kept.get(None, async { Ok((1, Some(60))) }).await.unwrap();
        assert_eq!(*kept.get(None, async { Err(away()) }).await.unwrap(), 1);
        assert_eq!(*kept.get(None, async { Ok((9, None)) }).await.unwrap(), 1, "asked again within its pause");
        let ended = Kept::default();
        ended.get(None, async { Ok((1, Some(0))) }).await.unwrap();
        assert!(ended.get(None, async { Err(away()) }).await.is_err());
        let refused = Kept::default();
        refused.get(None, async { Ok((1, Some(60))) }).await.unwrap();
        let no = SecretError::Refused("no".to_owned());
        assert!(refused.get(None, async { Err(no) }).await.is_err(), "a refusal was passed over");
    }
}
