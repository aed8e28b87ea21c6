//! How many workers there should be, and what to do about it. No I/O, and the same answer to the same question.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// What the operator set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Workers there are always.
    pub(super) min: u32,
    /// Workers there are at most, those included that are on their way out.
    pub(super) max: u32,
    /// Runs that one worker drives at once.
    pub(super) slots: u32,
}

impl Bounds {
    /// Workers that this many runs ask for.
    pub(super) fn workers_for(self, demand: u64) -> u32 {
        let workers = demand.div_ceil(u64::from(self.slots.max(1)));
        u32::try_from(workers).unwrap_or(u32::MAX).clamp(self.min, self.max)
    }
}

/// How many workers were asked for lately: the most within the cooldown counts, so that a pause between two bursts ends none.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Window {
    /// When a number was asked for last, the largest first; each later one is smaller.
    asked: VecDeque<(DateTime<Utc>, u32)>,
}

impl Window {
    /// Notes what is asked for now, and forgets what is older than `cooldown`.
    pub(super) fn note(&mut self, now: DateTime<Utc>, workers: u32, cooldown: TimeDelta) {
        while self.asked.back().is_some_and(|(_, earlier)| *earlier <= workers) {
            self.asked.pop_back();
        }
        self.asked.push_back((now, workers));
        // What claims to be of the future was noted by a clock that has been put right since.
        self.asked.retain(|(at, _)| *at <= now && now - *at < cooldown || *at == now);
    }

    /// The most that was asked for.
    pub(super) fn most(&self) -> u32 {
        self.asked.front().map_or(0, |(_, workers)| *workers)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }
}

/// What a worker of ours does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was started, and the server does not know it yet.
    Starting,
    /// It takes runs.
    Serving {
        /// Runs that it drives.
        running: u64,
    },
    /// It was told by us to take no more.
    Retiring {
        /// Runs that it drives still.
        running: u64,
        /// Whether it has heard of that: then it takes none any more.
        heard: bool,
    },
    /// It takes no runs, and that is not our doing: a person holds it back, or the server has not heard of it for long.
    Held,
    /// It ends.
    Ending,
}

/// A worker of ours.
#[derive(Clone, Debug)]
pub(super) struct Member {
    /// What it is called by whoever started it.
    pub(super) key: String,
    /// Since when.
    pub(super) started_at: DateTime<Utc>,
    /// What it does.
    pub(super) standing: Standing,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// To start this many workers.
    Start(u32),
    /// To let this one take runs again.
    Uncordon(String),
    /// To have this one take no more.
    Cordon(String),
    /// To end this one: it drives nothing, and takes nothing.
    Stop(String),
}

/// What is to be done where `now` workers are asked for, and `lately` were at most.
///
/// More are there at once; fewer only when nothing has asked for them for the cooldown. Who is to go is told to take no
/// more runs first, and is ended when it has heard of that and drives none: a busy worker is never ended.
pub(super) fn decide(bounds: Bounds, now: u32, lately: u32, members: &[Member]) -> Vec<Action> {
    let taking =
        members.iter().filter(|member| matches!(member.standing, Standing::Starting | Standing::Serving { .. }));
    let taking = u32::try_from(taking.count()).unwrap_or(u32::MAX);
    let all = u32::try_from(members.len()).unwrap_or(u32::MAX);
    let mut actions = Vec::new();
    let mut retiring: BTreeMap<&str, (u64, bool)> = BTreeMap::new();
    for member in members {
        if let Standing::Retiring { running, heard } = member.standing {
            retiring.insert(&member.key, (running, heard));
        }
    }
    if now > taking {
        let mut missing = now - taking;
        // One that is there still is there at once. The busiest first: the idle ones may go on going.
        let mut back: Vec<_> = retiring.iter().map(|(key, (running, _))| (*running, *key)).collect();
        back.sort_by(|a, b| b.cmp(a));
        for (_, key) in back.into_iter().take(missing as usize) {
            retiring.remove(key);
            actions.push(Action::Uncordon(key.to_owned()));
            missing -= 1;
        }
        let starts = missing.min(bounds.max.saturating_sub(all));
        if starts > 0 {
            actions.push(Action::Start(starts));
        }
    } else if lately < taking {
        let mut serving: Vec<_> = members
            .iter()
            .filter_map(|member| match member.standing {
                Standing::Serving { running } => Some((running, std::cmp::Reverse(member.started_at), &member.key)),
                Standing::Starting | Standing::Retiring { .. } | Standing::Held | Standing::Ending => None,
            })
            .collect();
        serving.sort();
        let surplus = serving.into_iter().take((taking - lately) as usize);
        actions.extend(surplus.map(|(_, _, key)| Action::Cordon(key.clone())));
    }
    let idle = retiring.iter().filter(|(_, (running, heard))| *running == 0 && *heard);
    actions.extend(idle.map(|(key, _)| Action::Stop((*key).to_owned())));
    actions
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { min: 0, max: 8, slots: 4 };

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap()
    }

    fn members(standings: &[Standing]) -> Vec<Member> {
        let member = |(number, standing): (usize, &Standing)| Member {
            key: format!("w{number}"),
            started_at: at(number as i64),
            standing: *standing,
        };
        standings.iter().enumerate().map(member).collect()
    }

    const IDLE: Standing = Standing::Serving { running: 0 };
    const BUSY: Standing = Standing::Serving { running: 1 };

    #[test]
    fn workers_are_asked_for_by_the_slot_and_within_bounds() {
        let asked: Vec<u32> = [0, 1, 4, 5, 32, 33, u64::MAX].into_iter().map(|runs| BOUNDS.workers_for(runs)).collect();
        assert_eq!(asked, [0, 1, 1, 2, 8, 8, 8]);
        assert_eq!(Bounds { min: 2, ..BOUNDS }.workers_for(0), 2);
    }

    #[test]
    fn what_is_missing_is_started_at_once_and_what_starts_counts() {
        assert_eq!(decide(BOUNDS, 3, 3, &[]), [Action::Start(3)]);
        assert_eq!(decide(BOUNDS, 3, 3, &members(&[Standing::Starting, BUSY])), [Action::Start(1)]);
        assert_eq!(decide(BOUNDS, 2, 2, &members(&[Standing::Starting, BUSY])), []);
    }

    #[test]
    fn there_are_never_more_than_the_most_whatever_they_do() {
        let all = members(&[Standing::Ending, Standing::Held, Standing::Ending, Standing::Held, BUSY, BUSY, BUSY]);
        assert_eq!(decide(BOUNDS, 8, 8, &all), [Action::Start(1)]);
    }

    #[test]
    fn who_is_to_go_takes_no_more_first_the_idle_and_youngest_before_the_others() {
        let all = members(&[IDLE, BUSY, IDLE, BUSY]);
        assert_eq!(decide(BOUNDS, 1, 2, &all), [Action::Cordon("w2".into()), Action::Cordon("w0".into())]);
        assert_eq!(decide(BOUNDS, 1, 4, &all), [], "the cooldown is not over");
    }

    #[test]
    fn only_who_has_heard_and_drives_nothing_is_ended() {
        let retiring = |running, heard| Standing::Retiring { running, heard };
        let all = members(&[retiring(0, false), retiring(1, true), retiring(0, true)]);
        assert_eq!(decide(BOUNDS, 0, 0, &all), [Action::Stop("w2".into())]);
    }

    #[test]
    fn who_was_to_go_is_called_back_before_another_is_started() {
        let all = members(&[
            Standing::Retiring { running: 0, heard: true },
            Standing::Retiring { running: 2, heard: true },
            Standing::Held,
        ]);
        assert_eq!(decide(BOUNDS, 1, 1, &all), [Action::Uncordon("w1".into()), Action::Stop("w0".into())]);
        let three = [Action::Uncordon("w1".into()), Action::Uncordon("w0".into()), Action::Start(1)];
        assert_eq!(decide(BOUNDS, 3, 3, &all), three);
    }

    #[test]
    fn the_most_of_the_cooldown_counts() {
        let (mut window, cooldown) = (Window::default(), TimeDelta::seconds(60));
        assert!(window.is_empty());
        for (second, workers, most) in
            [(0, 3, 3), (10, 8, 8), (20, 1, 8), (50, 2, 8), (69, 0, 8), (70, 0, 2), (109, 1, 2), (110, 0, 1)]
        {
            window.note(at(second), workers, cooldown);
            assert_eq!(window.most(), most, "after {second} s");
        }
    }

    #[test]
    fn a_clock_that_was_put_back_does_not_keep_workers_for_ever() {
        let (mut window, cooldown) = (Window::default(), TimeDelta::seconds(60));
        window.note(at(10_000), 8, cooldown);
        window.note(at(0), 1, cooldown);
        assert_eq!(window.most(), 1);
    }

    #[test]
    fn without_a_cooldown_what_is_asked_for_now_counts() {
        let mut window = Window::default();
        window.note(at(0), 8, TimeDelta::zero());
        window.note(at(0), 1, TimeDelta::zero());
        assert_eq!(window.most(), 8, "at the same moment");
        window.note(at(1), 1, TimeDelta::zero());
        assert_eq!(window.most(), 1);
    }

    /// A fleet that follows demand: whatever comes, no busy worker is ended, the bounds hold, and rest comes at last.
    #[test]
    fn whatever_the_demand_no_busy_worker_is_ended_and_all_go_at_last() {
        let (mut fleet, mut window, mut random) = (Vec::<Member>::new(), Window::default(), 7_u64);
        let cooldown = TimeDelta::seconds(5);
        let mut made = 0;
        for tick in 0..2_000_i64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let demand = if tick < 1_900 { (random >> 33) % 50 } else { 0 };
            let wanted = BOUNDS.workers_for(demand);
            window.note(at(tick), wanted, cooldown);
            for action in decide(BOUNDS, wanted, window.most(), &fleet) {
                let of = |key: &str| fleet.iter().position(|member| member.key == key).unwrap();
                match action {
                    Action::Start(count) => {
                        for _ in 0..count {
                            made += 1;
                            fleet.push(Member {
                                key: format!("m{made}"),
                                started_at: at(tick),
                                standing: Standing::Starting,
                            });
                        }
                    }
                    Action::Uncordon(key) => {
                        let place = of(&key);
                        fleet[place].standing = BUSY;
                    }
                    Action::Cordon(key) => {
                        let place = of(&key);
                        let Standing::Serving { running } = fleet[place].standing else {
                            panic!("{key} did not serve")
                        };
                        fleet[place].standing = Standing::Retiring { running, heard: false };
                    }
                    Action::Stop(key) => {
                        let place = of(&key);
                        assert_eq!(fleet[place].standing, Standing::Retiring { running: 0, heard: true });
                        fleet.remove(place);
                    }
                }
            }
            assert!(fleet.len() <= 8);
            for (place, member) in fleet.iter_mut().enumerate() {
                let busy = u64::from(demand > 0 && (random >> place) & 1 == 1);
                member.standing = match member.standing {
                    Standing::Starting | Standing::Serving { .. } => Standing::Serving { running: busy },
                    Standing::Retiring { running, .. } => {
                        Standing::Retiring { running: running.min(busy), heard: true }
                    }
                    other => other,
                };
            }
        }
        assert_eq!(fleet.len(), 0);
        assert!(made > 20, "{made}");
    }
}
