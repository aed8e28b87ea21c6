//! Why something waits, in words: what each code means, what ends the wait, and how long that may take.

use std::time::Duration;

use super::run::WaitReason;

impl WaitReason {
    /// What a run with this code waits for.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::WaitingForDependency => "a resource that it needs is not there yet",
            Self::DependencyFailed => "a resource that it needs failed",
            Self::BackingOff => "a step failed and is tried again later",
            Self::WaitingForApproval => "a step waits for a decision",
            Self::WaitingForStart => "a step waits for somebody to start it",
            Self::WaitingForChild => "a step waits for what it started",
            Self::Delayed => "a step waits for a time to come",
            Self::ConcurrencyGroup => "other runs of its concurrency group go first",
            Self::NoWorkerForQueue => "no live worker serves its queue",
            Self::QueueFull => "every slot of its queue is taken",
            Self::Fairness => "every slot of its queue is taken, and teams that have less of them go first",
            Self::QueuePaused => "its queue is paused",
            Self::QueueLimit => "as many runs of its queue go as may at once",
            Self::TeamQuota => "its team uses all that it may",
            Self::TeamLimit => "as many runs of its team go as may at once",
            Self::TypeLimit => "as many runs on resources of its type go as may at once",
            Self::ProviderLimit => "as many runs of its provider go as may at once",
            Self::FreezeWindow => "a freeze is on, and it would change something",
            Self::Promoting => "nothing: it is about to be given to a worker",
        }
    }

    /// What ends such a wait.
    #[must_use]
    pub const fn unblocked_by(self) -> &'static str {
        match self {
            Self::WaitingForDependency => {
                "what it needs becoming active; `slipway explain` says why that waits in turn"
            }
            Self::DependencyFailed => {
                "the failed resource being tried again (`slipway resource retry`), changed or removed"
            }
            Self::BackingOff | Self::Delayed => "the time, when it has come",
            Self::WaitingForApproval => {
                "a person who may decide: `slipway approval approve` or `slipway approval reject`"
            }
            Self::WaitingForStart => "a person who starts the step: `slipway workflow start`",
            Self::WaitingForChild => "the end of what the step started",
            Self::ConcurrencyGroup => {
                "the end of a run that has a turn of the group; a larger `slipway limit set group/NAME`"
            }
            Self::NoWorkerForQueue => "a worker that serves the queue (`slipway worker list` shows who serves what)",
            Self::QueueFull => "a slot that becomes free; more workers, or more slots of theirs",
            Self::Fairness => {
                "a slot that becomes free when its turn has come; more workers; more weight: `slipway team set-weight`"
            }
            Self::QueuePaused => "somebody who resumes the queue: `slipway queue resume`",
            Self::QueueLimit => "the end of a run of the queue; a larger `slipway limit set queue/NAME`",
            Self::TeamQuota => {
                "the team using less, the next month where the quota is one of a month, or a larger quota: `slipway team set-quota`"
            }
            Self::TeamLimit => "the end of a run of the team; a larger `slipway limit set team/NAME`",
            Self::TypeLimit => "the end of a run on a resource of that type; a larger `slipway limit set type/NAME`",
            Self::ProviderLimit => "the end of a run of that provider; a larger `slipway limit set provider/NAME`",
            Self::FreezeWindow => "the end of the freeze; whoever may override it: `slipway freeze override`",
            Self::Promoting => "the scheduler's next pass, within a second or so",
        }
    }
}

/// How long a wait may take.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// From now on.
    pub seconds: f64,
    /// What that rests on, in words.
    pub basis: String,
}

/// What is known of a queue, for a guess when a run in it gets a slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Runs of it that ended lately.
    pub ended: i64,
    /// Over how long.
    pub over: Duration,
    /// The weight of the run's team, as a part of those of all teams that wait: above 0, at most 1.
    pub share: f64,
    /// How many teams wait.
    pub teams: i64,
}

impl Pace {
    /// When the run at this place of its team's line gets a slot, if it goes on like this; none when nothing moved.
    #[must_use]
    pub fn estimate(&self, queue: &str, position: i64) -> Option<Estimate> {
        if self.ended <= 0 || self.share <= 0.0 || self.over.is_zero() {
            return None;
        }
        let rate = self.ended as f64 / self.over.as_secs_f64();
        let minutes = self.over.as_secs() / 60;
        Some(Estimate {
            seconds: position.max(1) as f64 / (rate * self.share.min(1.0)),
            basis: format!(
                "queue '{queue}' ended {:.1} runs a minute in the last {minutes} minutes; {} team(s) wait in it, of which this one gets {:.0} %; it is number {} of its team's",
                rate * 60.0,
                self.teams.max(1),
                self.share.min(1.0) * 100.0,
                position.max(1),
            ),
        })
    }
}

/// How long runs of a workflow took.
#[derive(Clone, Debug, PartialEq)]
pub struct Typical {
    /// The workflow.
    pub workflow: String,
    /// The median, in seconds.
    pub median_s: f64,
    /// Of how many runs.
    pub runs: i64,
}

impl Typical {
    /// When one that began so many seconds ago is over.
    #[must_use]
    pub fn rest(&self, elapsed_s: f64) -> Estimate {
        Estimate {
            seconds: (self.median_s - elapsed_s).max(0.0),
            basis: format!(
                "workflow '{}' takes {:.0} s, by the median of its last {} runs; it began {:.0} s ago",
                self.workflow, self.median_s, self.runs, elapsed_s
            ),
        }
    }

    /// When the one at this place gets one of so many turns.
    #[must_use]
    pub fn turn(&self, position: i64, turns: i64) -> Option<Estimate> {
        (turns > 0).then(|| Estimate {
            seconds: self.median_s * position.max(1) as f64 / turns as f64,
            basis: format!(
                "{} go at once, workflow '{}' takes {:.0} s by the median of its last {} runs, and it is number {} in line",
                turns,
                self.workflow,
                self.median_s,
                self.runs,
                position.max(1)
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_guide_with_what_it_means_and_what_ends_it() {
        let guide = include_str!("../../../docs/guides/reasons.md");
        for reason in WaitReason::ALL {
            let row = format!("| `{reason}` | {} | {} |", reason.meaning(), reason.unblocked_by());
            assert!(guide.contains(&row), "docs/guides/reasons.md lacks the row:\n{row}");
        }
    }

    #[test]
    fn an_estimate_goes_by_the_teams_part_of_what_the_queue_ends() {
        let pace = Pace { ended: 90, over: Duration::from_secs(900), share: 0.25, teams: 3 };
        let estimate = pace.estimate("default", 10).unwrap();
        assert!((estimate.seconds - 400.0).abs() < 1e-9);
        assert_eq!(
            estimate.basis,
            "queue 'default' ended 6.0 runs a minute in the last 15 minutes; 3 team(s) wait in it, of which this one gets 25 %; it is number 10 of its team's"
        );
        assert_eq!(Pace { ended: 0, ..pace }.estimate("default", 1), None, "nothing moved, so nothing is known");
    }

    #[test]
    fn what_takes_longer_than_usual_may_end_at_any_time() {
        let typical = Typical { workflow: "create".into(), median_s: 40.0, runs: 12 };
        assert!((typical.rest(10.0).seconds - 30.0).abs() < 1e-9);
        assert!(typical.rest(100.0).seconds.abs() < 1e-9);
        assert!((typical.turn(3, 2).unwrap().seconds - 60.0).abs() < 1e-9);
        assert_eq!(typical.turn(3, 0), None);
    }
}
