//! How many requests one caller may make: counted in Redis, so that several apis share the count.

use std::{
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use redis::Script;
use tokio::time::{Instant, timeout};

use super::connection::Commands;

/// What a request waits for the count at most.
const ANSWER: Duration = Duration::from_millis(100);
/// After a failure nothing is counted for this long, so that a Redis that is away costs one request a second its wait.
const PAUSE: Duration = Duration::from_secs(1);
/// Over what the figures are counted, in microseconds.
const WINDOW_US: u64 = 60_000_000;

/// The generic cell rate algorithm: one number a caller, the time at which all that they asked for would have come at the
/// even rate. By Redis' clock, which all apis share. Answers whether this one may go on, and how many microseconds are spent.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local interval, window = tonumber(ARGV[1]), tonumber(ARGV[2])
         local time = redis.call('TIME')
         local now = time[1] * 1000000 + time[2]
         local due = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
         if due + interval - now > window then return {0, due - now} end
         due = due + interval
         redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', math.ceil((due - now) / 1000))
         return {1, due - now}",
    )
});

/// How many requests of one kind a caller may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// What kind: `reads`, `writes`, `anonymous`.
    pub name: &'static str,
    /// Requests a minute. They may come all at once.
    pub per_minute: u32,
}

/// How a caller stands with one allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Requests that may still come at once.
    pub remaining: u32,
    /// Until all of the allowance is there again.
    pub full_in: Duration,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may go on.
    Allowed(Standing),
    /// It is one too many.
    Refused {
        /// How the caller stands.
        standing: Standing,
        /// When one more may come.
        retry_in: Duration,
    },
    /// Redis did not count it.
    Uncounted,
}

/// The counts of all callers. Cheap to clone.
///
/// While Redis is away requests go on uncounted: it is a doorbell, and an installation whose doorbell is broken must still
/// let people in to see why. What a flood could do meanwhile is bounded by the connections that an api and Postgres take.
#[derive(Clone, Debug)]
pub struct RateLimits {
    commands: Commands,
    prefix: Arc<str>,
    epoch: Instant,
    /// Milliseconds after `epoch` until which nothing is counted; 0: Redis answered last.
    away_until: Arc<AtomicU64>,
}

impl RateLimits {
    pub(super) fn over(commands: Commands, prefix: Arc<str>) -> Self {
        Self { commands, prefix, epoch: Instant::now(), away_until: Arc::default() }
    }

    /// Counts one request of `who` (anything that names one caller). An allowance of 0 is none: it is not counted.
    pub async fn take(&self, allowance: Allowance, who: &str) -> Verdict {
        let now = u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        let away_until = self.away_until.load(Ordering::Relaxed);
        if allowance.per_minute == 0 {
            return Verdict::Uncounted;
        }
        if now < away_until {
            metrics::counter!("slipway_rate_limit_uncounted_total").increment(1);
            return Verdict::Uncounted;
        }
        let interval = (WINDOW_US / u64::from(allowance.per_minute)).max(1);
        let mut call = TAKE.key(format!("{}:rate:{}:{who}", self.prefix, allowance.name));
        call.arg(interval).arg(WINDOW_US);
        let mut commands = self.commands.get();
        let answer = timeout(ANSWER, call.invoke_async::<(u8, u64)>(&mut commands)).await;
        let why = match answer {
            Ok(Ok((allowed, spent))) => {
                if away_until > 0 && self.away_until.swap(0, Ordering::Relaxed) > 0 {
                    tracing::info!("Redis answers again: requests are counted");
                }
                return verdict(allowed == 1, spent, interval);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {ANSWER:?}"),
        };
        metrics::counter!("slipway_rate_limit_uncounted_total").increment(1);
        let until = now + u64::try_from(PAUSE.as_millis()).unwrap_or(u64::MAX);
        if self.away_until.swap(until, Ordering::Relaxed) == 0 {
            tracing::warn!(error = why, "Redis does not answer: requests are let through uncounted until it does");
        }
        Verdict::Uncounted
    }
}

fn verdict(allowed: bool, spent: u64, interval: u64) -> Verdict {
    let left = WINDOW_US.saturating_sub(spent);
    let standing = Standing {
        remaining: u32::try_from(left / interval).unwrap_or(u32::MAX),
        full_in: Duration::from_micros(spent),
    };
    if allowed {
        return Verdict::Allowed(standing);
    }
    Verdict::Refused { standing, retry_in: Duration::from_micros(interval.saturating_sub(left)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_when_one_more_may_come() {
        // Six a minute, all of them just used.
        let (interval, spent) = (10_000_000, WINDOW_US);
        let standing = Standing { remaining: 0, full_in: Duration::from_secs(60) };
        assert_eq!(verdict(false, spent, interval), Verdict::Refused { standing, retry_in: Duration::from_secs(10) });
        let standing = Standing { remaining: 5, full_in: Duration::from_secs(10) };
        assert_eq!(verdict(true, interval, interval), Verdict::Allowed(standing));
    }
}
