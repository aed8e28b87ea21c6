//! Times in which nothing is to be changed.

use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use croner::Cron;

/// Occurrences that are taken together when each begins before the one before it has ended.
const MOST_JOINED: usize = 1000;

/// When a freeze is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FreezeTimes {
    /// Again and again.
    Again {
        /// When it begins: five fields of cron.
        cron: String,
        /// The time zone in which that is meant, by its IANA name.
        time_zone: String,
        /// Seconds that it lasts.
        duration_s: i32,
    },
    /// Once.
    Once {
        /// When it begins.
        from: DateTime<Utc>,
        /// When it is over.
        until: DateTime<Utc>,
    },
}

/// What is wrong with the times of a freeze.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongTimes {
    /// No such pattern.
    #[error("cron: '{0}' {1}; five fields say when it begins, as '0 18 * * fri'")]
    Cron(String, String),
    /// No such zone.
    #[error("time_zone: there is no '{0}'; it is a name as Europe/Berlin or UTC")]
    Zone(String),
    /// Too short or too long.
    #[error("duration_s: from 60 seconds to 31 days, and not {0}")]
    Duration(i32),
    /// It ends before it begins.
    #[error("ends_at: it must be after starts_at")]
    Order,
    /// It is over.
    #[error("ends_at: that was before now")]
    Over,
}

impl FreezeTimes {
    /// Says what is wrong with them, if anything.
    ///
    /// # Errors
    /// With what cannot be.
    pub fn check(&self, now: DateTime<Utc>) -> Result<(), WrongTimes> {
        match self {
            Self::Again { cron, time_zone, duration_s } => {
                let (pattern, zone) = parsed(cron, time_zone)?;
                if !(60..=2_678_400).contains(duration_s) {
                    return Err(WrongTimes::Duration(*duration_s));
                }
                pattern
                    .find_next_occurrence(&now.with_timezone(&zone), false)
                    .map(|_| ())
                    .map_err(|_| WrongTimes::Cron(shown(cron), "never comes".into()))
            }
            Self::Once { from, until } if until <= from => Err(WrongTimes::Order),
            Self::Once { until, .. } if *until <= now => Err(WrongTimes::Over),
            Self::Once { .. } => Ok(()),
        }
    }

    /// The time that is on, or else the next one; none when there is none any more. Occurrences that reach into each other are
    /// one.
    #[must_use]
    pub fn current_or_next(&self, now: DateTime<Utc>) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        match self {
            Self::Once { from, until } => (*until > now).then_some((*from, *until)),
            Self::Again { cron, time_zone, duration_s } => {
                let (pattern, zone) = parsed(cron, time_zone).ok()?;
                let length = TimeDelta::seconds(i64::from(*duration_s));
                let next = |after: DateTime<Utc>| {
                    let found =
                        pattern.find_next_occurrence(&zone.from_utc_datetime(&after.naive_utc()), false).ok()?;
                    Some(found.with_timezone(&Utc))
                };
                // The first one that is not over yet.
                let from = next(now - length)?;
                let mut last = from;
                for _ in 0..MOST_JOINED {
                    match next(last) {
                        Some(start) if start <= last + length => last = start,
                        _ => break,
                    }
                }
                Some((from, last + length))
            }
        }
    }
}

fn parsed(cron: &str, time_zone: &str) -> Result<(Cron, Tz), WrongTimes> {
    if cron.split_whitespace().count() != 5 {
        return Err(WrongTimes::Cron(shown(cron), "has not five fields".into()));
    }
    let pattern: Cron =
        cron.parse().map_err(|error: croner::errors::CronError| WrongTimes::Cron(shown(cron), error.to_string()))?;
    let zone: Tz = time_zone.parse().map_err(|_| WrongTimes::Zone(shown(time_zone)))?;
    Ok((pattern, zone))
}

fn shown(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn again(cron: &str, time_zone: &str, duration_s: i32) -> FreezeTimes {
        FreezeTimes::Again { cron: cron.into(), time_zone: time_zone.into(), duration_s }
    }

    #[test]
    fn the_time_that_is_on_is_found_and_else_the_next_one() {
        let weekend = again("0 18 * * fri", "UTC", 62 * 3600);
        let one = (at("2026-11-20T18:00:00Z"), at("2026-11-23T08:00:00Z"));
        assert_eq!(weekend.current_or_next(at("2026-11-19T00:00:00Z")), Some(one));
        assert_eq!(weekend.current_or_next(at("2026-11-20T18:00:00Z")), Some(one));
        assert_eq!(weekend.current_or_next(at("2026-11-23T07:59:59Z")), Some(one));
        assert_eq!(weekend.current_or_next(at("2026-11-23T08:00:00Z")).unwrap().0, at("2026-11-27T18:00:00Z"));
    }

    #[test]
    fn a_time_is_meant_in_its_zone_also_when_the_clocks_change() {
        let night = again("0 22 * * *", "Europe/Berlin", 3600);
        assert_eq!(night.current_or_next(at("2026-10-24T12:00:00Z")).unwrap().0, at("2026-10-24T20:00:00Z"));
        assert_eq!(night.current_or_next(at("2026-10-25T12:00:00Z")).unwrap().0, at("2026-10-25T21:00:00Z"));
    }

    #[test]
    fn times_that_reach_into_each_other_are_one() {
        let every_hour = again("0 8-10 * * *", "UTC", 2 * 3600);
        let day = (at("2026-11-20T08:00:00Z"), at("2026-11-20T12:00:00Z"));
        assert_eq!(every_hour.current_or_next(at("2026-11-20T07:00:00Z")), Some(day));
    }

    #[test]
    fn what_is_once_is_over_when_it_is_over() {
        let once = FreezeTimes::Once { from: at("2026-12-24T00:00:00Z"), until: at("2026-12-27T00:00:00Z") };
        assert!(once.current_or_next(at("2026-12-26T23:59:59Z")).is_some());
        assert_eq!(once.current_or_next(at("2026-12-27T00:00:00Z")), None);
    }

    #[test]
    fn what_cannot_be_is_told() {
        let now = at("2026-11-20T08:00:00Z");
        let told = |times: FreezeTimes| times.check(now).map_err(|wrong| wrong.to_string()).unwrap_err();
        assert!(told(again("0 18 * *", "UTC", 3600)).contains("has not five fields"));
        assert!(told(again("0 99 * * *", "UTC", 3600)).starts_with("cron: '0 99 * * *' "));
        assert!(told(again("0 0 31 2 *", "UTC", 3600)).contains("never comes"));
        assert!(told(again("0 18 * * *", "Berlin", 3600)).starts_with("time_zone: there is no 'Berlin'"));
        assert!(told(again("0 18 * * *", "UTC", 5)).starts_with("duration_s: "));
        assert!(told(FreezeTimes::Once { from: now, until: now }).starts_with("ends_at: it must be after"));
        let past = FreezeTimes::Once { from: now - TimeDelta::hours(2), until: now - TimeDelta::hours(1) };
        assert!(told(past).starts_with("ends_at: that was before now"));
    }
}
