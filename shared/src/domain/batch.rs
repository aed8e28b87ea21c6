//! One operation on very many resources: in which waves, when, and how much may go wrong.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Timelike as _, Utc};
use croner::Cron;
use serde_json::Value;

use super::{run::Operation, states::states};

states! {
    /// What a batch does to each of its resources.
    BatchOperation {
        /// An update run, where it is not as it should be already.
        Update = "update",
        /// An update run in any case; a create run where nothing was made.
        Reprovision = "reprovision",
        /// A look at it.
        Read = "read",
        /// It is removed, though its spec asks for it.
        Delete = "delete",
        /// What failed goes on where it stopped.
        Retry = "retry",
    }
}

impl BatchOperation {
    /// What its runs do to a resource that was `made`; none: what the last run did.
    #[must_use]
    pub const fn run(self, made: bool) -> Option<Operation> {
        match (self, made) {
            (Self::Update, _) | (Self::Reprovision, true) => Some(Operation::Update),
            (Self::Reprovision, false) => Some(Operation::Create),
            (Self::Read, _) => Some(Operation::Read),
            (Self::Delete, _) => Some(Operation::Delete),
            (Self::Retry, _) => None,
        }
    }

    /// Whether it may be given a version of the provider and params, and be rolled back.
    #[must_use]
    pub const fn changes(self) -> bool {
        matches!(self, Self::Update | Self::Reprovision)
    }
}

states! {
    /// Where a batch stands.
    BatchStatus {
        /// A person is to look at what would be done, and say that it may.
        AwaitingApproval = "awaiting_approval",
        /// What would be done is not any more what was approved: a person is asked anew.
        ApprovalVoid = "approval_void",
        /// It goes on by itself.
        Running = "running",
        /// A person held it; what runs goes on.
        Paused = "paused",
        /// More failed than may; what runs goes on.
        Stopped = "stopped",
        /// A person ended it; what runs goes on. Final, but for a rollback.
        Aborted = "aborted",
        /// Every resource was done. Final, but for a rollback.
        Completed = "completed",
        /// What was done is taken back.
        RollingBack = "rolling_back",
        /// It is. Final.
        RolledBack = "rolled_back",
    }
}

impl BatchStatus {
    /// Whether the state machine has an arrow from `self` to `next`.
    #[must_use]
    pub const fn may_become(self, next: Self) -> bool {
        use BatchStatus as S;
        match self {
            S::AwaitingApproval | S::ApprovalVoid => matches!(next, S::Running | S::ApprovalVoid | S::Aborted),
            S::Running => {
                matches!(next, S::ApprovalVoid | S::Paused | S::Stopped | S::Aborted | S::Completed | S::RollingBack)
            }
            S::Paused | S::Stopped => matches!(next, S::Running | S::Aborted | S::RollingBack),
            S::Aborted | S::Completed => matches!(next, S::RollingBack),
            S::RollingBack => matches!(next, S::RolledBack),
            S::RolledBack => false,
        }
    }

    /// The statuses that may become `next`, by name, as a compare-and-set asks for them.
    #[must_use]
    pub fn before(next: Self) -> Vec<String> {
        Self::ALL.iter().filter(|status| status.may_become(next)).map(ToString::to_string).collect()
    }
}

states! {
    /// Where one resource of a batch stands.
    ItemStatus {
        /// Its turn has not come, or something else works on it.
        Open = "open",
        /// A run of the batch works on it.
        Running = "running",
        /// That run completed.
        Succeeded = "succeeded",
        /// It did not, or none could be made.
        Failed = "failed",
        /// There was nothing to do, or nothing that may be done.
        Skipped = "skipped",
    }
}

/// What batches have set of a resource's params, once one sets these too; null takes one back.
#[must_use]
pub fn overridden(overrides: &Value, params: &Value) -> Value {
    let mut overrides = overrides.as_object().cloned().unwrap_or_default();
    for (name, value) in params.as_object().into_iter().flatten() {
        match value {
            Value::Null => drop(overrides.remove(name)),
            value => drop(overrides.insert(name.clone(), value.clone())),
        }
    }
    Value::Object(overrides)
}

/// The params that a resource is made with: those of its spec, and in their place what batches have set.
#[must_use]
pub fn effective(params: &Value, overrides: &Value) -> Value {
    let mut params = params.as_object().cloned().unwrap_or_default();
    params.extend(overrides.as_object().cloned().unwrap_or_default());
    Value::Object(params)
}

/// A text that says nothing about a batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPlan(String);

fn shortened(text: &str) -> String {
    text.chars().take(64).collect()
}

/// Where one wave ends, counted from the beginning.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    After(u32),
    Percent(f64),
}

/// `1,10%,50%,100%`: how many resources have begun when each wave has. The last wave is all of them, said or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Waves(Vec<End>);

/// Waves that a batch has at most.
const MOST_WAVES: usize = 50;

impl Waves {
    /// As the statement takes them that fixes the set: numbers, and percentages as negative numbers.
    #[must_use]
    pub fn ends(&self) -> Vec<f64> {
        let end = |end: &End| match end {
            End::After(count) => f64::from(*count),
            End::Percent(percent) => -percent,
        };
        self.0.iter().map(end).collect()
    }
}

impl FromStr for Waves {
    type Err = InvalidPlan;

    fn from_str(text: &str) -> Result<Self, InvalidPlan> {
        let invalid = |part: &str| {
            InvalidPlan(format!(
                "waves: '{}' is neither a number of resources nor a percentage up to 100%; write them as '1,10%,50%,100%'",
                shortened(part)
            ))
        };
        let mut ends = Vec::new();
        for part in text.split(',').map(str::trim) {
            ends.push(match part.strip_suffix('%') {
                Some(percent) => match percent.trim().parse::<f64>() {
                    Ok(percent) if percent > 0.0 && percent <= 100.0 => End::Percent(percent),
                    _ => return Err(invalid(part)),
                },
                None => match part.parse::<u32>() {
                    Ok(count) if count > 0 => End::After(count),
                    _ => return Err(invalid(part)),
                },
            });
        }
        if ends.last() != Some(&End::Percent(100.0)) {
            ends.push(End::Percent(100.0));
        }
        if ends.len() > MOST_WAVES {
            return Err(InvalidPlan(format!("waves: at most {MOST_WAVES}")));
        }
        let falls = |pair: &[End]| match pair {
            [End::After(one), End::After(next)] => next < one,
            [End::Percent(one), End::Percent(next)] => next < one,
            _ => false,
        };
        if ends.windows(2).any(falls) {
            return Err(InvalidPlan("waves: each ends later than the one before, counted from the beginning".into()));
        }
        Ok(Self(ends))
    }
}

impl fmt::Display for Waves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, end) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            match end {
                End::After(count) => write!(f, "{comma}{count}")?,
                End::Percent(percent) => write!(f, "{comma}{percent}%")?,
            }
        }
        Ok(())
    }
}

/// How many may fail: `5`, or `2%` of the resources of the waves that have begun.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget(End);

impl Budget {
    /// How many failures are borne when this many resources are of waves that have begun. One more stops the batch.
    #[must_use]
    pub fn of(self, begun: u32) -> u32 {
        match self.0 {
            End::After(count) => count,
            // Below a whole number, whatever the fraction; the product of numbers from 0 to 100 and u32 fits.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to `begun`")]
            End::Percent(percent) => (f64::from(begun) * percent / 100.0 + 1e-9).floor() as u32,
        }
    }
}

impl FromStr for Budget {
    type Err = InvalidPlan;

    fn from_str(text: &str) -> Result<Self, InvalidPlan> {
        let text = text.trim();
        let end = match text.strip_suffix('%') {
            Some(percent) => {
                percent.trim().parse().ok().filter(|percent| (0.0..=100.0).contains(percent)).map(End::Percent)
            }
            None => text.parse().ok().map(End::After),
        };
        let invalid = || {
            InvalidPlan(format!(
                "max_failures: '{}' is neither a number of resources nor a percentage up to 100%",
                shortened(text)
            ))
        };
        end.map(Self).ok_or_else(invalid)
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            End::After(count) => write!(f, "{count}"),
            End::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// The minutes in which runs may begin: five fields of cron, in UTC.
#[derive(Clone, Debug)]
pub struct Window(Cron);

impl Window {
    /// Whether runs may begin in the minute of `now`.
    #[must_use]
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        let minute = now.with_second(0).and_then(|now| now.with_nanosecond(0)).unwrap_or(now);
        // A date beyond the calendar is in no window.
        self.0.is_time_matching(&minute).unwrap_or(false)
    }

    /// When it opens next; none: never again.
    #[must_use]
    pub fn opens(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.0.find_next_occurrence(&now, false).ok()
    }
}

impl FromStr for Window {
    type Err = InvalidPlan;

    fn from_str(text: &str) -> Result<Self, InvalidPlan> {
        let invalid = |why: &str| {
            InvalidPlan(format!(
                "window: '{}' {why}; five fields of cron in UTC name the minutes in which runs may begin, as '* 22-23,0-5 * * *' for the night",
                shortened(text)
            ))
        };
        if text.split_whitespace().count() != 5 {
            return Err(invalid("has not five fields"));
        }
        let window = Self(text.parse::<Cron>().map_err(|error| invalid(&format!("is no schedule ({error})")))?);
        window.opens(Utc::now()).ok_or_else(|| invalid("never comes"))?;
        Ok(window)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn waves_end_where_they_say_and_the_last_is_all() {
        let waves: Waves = "1, 10%,50%".parse().unwrap();
        assert_eq!((waves.to_string().as_str(), waves.ends()), ("1,10%,50%,100%", vec![1.0, -10.0, -50.0, -100.0]));
        assert_eq!("100%".parse::<Waves>().unwrap().ends(), [-100.0]);
        for wrong in ["", "0", "-1", "101%", "0%", "ten", "10%,5%", "5,3", "1,,2"] {
            let told = wrong.parse::<Waves>().unwrap_err().to_string();
            assert!(told.starts_with("waves: "), "{wrong}: {told}");
        }
    }

    #[test]
    fn a_percentage_of_failures_is_of_what_has_begun() {
        let budget: Budget = "2%".parse().unwrap();
        assert_eq!([1, 49, 50, 2000].map(|begun| budget.of(begun)), [0, 0, 1, 40]);
        assert_eq!("3".parse::<Budget>().unwrap().of(1), 3);
        assert_eq!("10%".parse::<Budget>().unwrap().of(30), 3, "no rounding error takes one away");
        for wrong in ["", "-1", "101%", "NaN%", "some"] {
            assert!(wrong.parse::<Budget>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_window_is_open_in_the_minutes_that_it_names() {
        let night: Window = "* 22-23,0-5 * * *".parse().unwrap();
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        assert!(night.is_open(at("2026-11-21T22:00:31Z")) && night.is_open(at("2026-11-21T05:59:59Z")));
        assert!(!night.is_open(at("2026-11-21T06:00:00Z")));
        assert_eq!(night.opens(at("2026-11-21T06:00:00Z")), Some(at("2026-11-21T22:00:00Z")));
        for wrong in ["", "every night", "* * * * * *", "0 0 30 2 *", "61 * * * *"] {
            let told = wrong.parse::<Window>().map(|_| ()).unwrap_err().to_string();
            assert!(told.starts_with("window: "), "{wrong}: {told}");
        }
    }

    #[test]
    fn a_batch_sets_params_in_place_of_the_spec_s_until_one_takes_them_back() {
        let spec = json!({"size": 1, "zone": "a"});
        let set = overridden(&json!({}), &json!({"size": 2, "more": [1]}));
        assert_eq!(effective(&spec, &set), json!({"size": 2, "zone": "a", "more": [1]}));
        let back = overridden(&set, &json!({"size": null, "unknown": null}));
        assert_eq!(effective(&spec, &back), json!({"size": 1, "zone": "a", "more": [1]}));
    }

    #[test]
    fn what_was_rolled_back_stays_so_and_everything_else_can_be_ended() {
        use BatchStatus as S;
        assert!(S::ALL.iter().all(|&next| !S::RolledBack.may_become(next)));
        for &status in S::ALL {
            let ends = [S::Aborted, S::RolledBack, S::RollingBack].iter().any(|&end| status.may_become(end));
            assert!(ends || status == S::RolledBack, "{status} never ends");
        }
        assert_eq!(S::before(S::RolledBack), ["rolling_back"]);
    }
}
