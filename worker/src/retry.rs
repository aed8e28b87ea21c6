//! How long to wait before another try.

use std::time::Duration;

use rand::RngExt as _;
use shared::domain::plan::Retry;

/// Whether a step that has `attempts` behind it, the last of which ended with `exit_code`, gets another.
/// A try that ended without an exit code (a timeout) counts as any code does when the list of codes is empty.
#[must_use]
pub fn another(retry: &Retry, attempts: u16, exit_code: Option<i64>) -> bool {
    attempts < retry.attempts
        && (retry.exit_codes.is_empty() || exit_code.is_some_and(|code| retry.exit_codes.contains(&code)))
}

/// The wait after `attempts` tries: doubled each time, capped, and spread over its upper half so that steps which
/// failed together do not come back together.
#[must_use]
pub fn backoff(retry: &Retry, attempts: u16) -> Duration {
    let doublings = i32::from(attempts.saturating_sub(1)).min(62);
    let longest = (retry.backoff_s.max(0.0) * 2f64.powi(doublings)).min(retry.max_backoff_s.max(0.0));
    Duration::try_from_secs_f64(longest * rand::rng().random_range(0.5..=1.0)).unwrap_or(Duration::from_secs(86_400))
}

/// Waits between tries of something outside (an engine, an archive, Postgres): 50 ms, doubled up to `longest`.
#[derive(Debug)]
pub struct Pause {
    next: Duration,
    longest: Duration,
}

impl Pause {
    /// Waits that grow up to `longest`.
    #[must_use]
    pub fn up_to(longest: Duration) -> Self {
        Self { next: Duration::from_millis(50), longest }
    }

    /// Waits, and makes the next wait longer.
    pub async fn wait(&mut self) {
        let wait = self.next.mul_f64(rand::rng().random_range(0.5..=1.0));
        tokio::time::sleep(wait).await;
        self.next = (self.next * 2).min(self.longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_cap() {
        let retry = Retry { attempts: 9, backoff_s: 2.0, max_backoff_s: 10.0, exit_codes: vec![] };
        for (attempts, longest) in [(1, 2.0), (2, 4.0), (3, 8.0), (4, 10.0), (500, 10.0)] {
            let wait = backoff(&retry, attempts).as_secs_f64();
            assert!((longest / 2.0..=longest).contains(&wait), "after {attempts}: {wait}");
        }
    }

    #[test]
    fn only_the_listed_exit_codes_are_worth_another_try() {
        let retry = Retry { attempts: 3, exit_codes: vec![75], ..Retry::default() };
        assert!(another(&retry, 1, Some(75)));
        assert!(!another(&retry, 1, Some(1)));
        assert!(!another(&retry, 3, Some(75)));
        assert!(!another(&retry, 1, None));
        assert!(another(&Retry { attempts: 2, ..Retry::default() }, 1, None));
    }

    #[test]
    fn absurd_settings_do_not_panic() {
        let retry = Retry { attempts: 9, backoff_s: f64::INFINITY, max_backoff_s: f64::INFINITY, exit_codes: vec![] };
        assert!(backoff(&retry, 3) > Duration::ZERO);
        assert_eq!(backoff(&Retry { backoff_s: -1.0, ..retry }, 3), Duration::ZERO);
    }
}
