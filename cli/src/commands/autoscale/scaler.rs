//! The loop: look, decide, do. Everything but the window of demand is found anew at each look.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};

use super::{
    decide::{self, Action, Bounds, Member, Standing, Window},
    fleet::{Ended, Fleet, Present, Unit},
    server::{Look, Server, standing},
    told::{Figures, News, Teller},
};
use crate::views::Worker;

/// How long a worker may take until the server knows it; then it is ended, and another may try.
const TO_REGISTER: TimeDelta = TimeDelta::seconds(120);
/// The longest pause after workers that ended without ever taking a run.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What the operator wants.
#[derive(Clone, Debug)]
pub(super) struct Wishes {
    pub(super) queue: String,
    pub(super) bounds: Bounds,
    /// How long less must be asked for before workers go.
    pub(super) cooldown: TimeDelta,
    /// How long an idle worker may take to end before it is killed.
    pub(super) grace: Duration,
    pub(super) dry: bool,
}

/// Keeps a queue's workers.
pub(super) struct Scaler {
    wishes: Wishes,
    fleet: Fleet,
    server: Server,
    teller: Teller,
    window: Window,
    /// The window's file, so that the next life of this program knows what was asked for in this one.
    window_file: PathBuf,
    /// Since when those were wanted that do not take runs yet.
    awaited: BTreeMap<String, Instant>,
    /// When those were told to end that have not.
    told_to_end: BTreeMap<String, Instant>,
    /// Workers in a row that ended before they took a run, and when the next one may be tried.
    failures: u32,
    not_before: Option<Instant>,
    last: Option<(u32, usize, usize, usize)>,
    /// What does not work, told once, and whether it did not in this pass.
    trouble: Option<String>,
    troubled: bool,
    /// What was remarked once.
    remarks: BTreeSet<String>,
    first: bool,
}

impl Scaler {
    /// One that has not looked yet.
    pub(super) fn new(wishes: Wishes, fleet: Fleet, server: Server, teller: Teller, window_file: PathBuf) -> Self {
        // A file that is torn or of another version is as good as none.
        let kept = std::fs::read(&window_file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Self {
            wishes,
            fleet,
            server,
            teller,
            window: kept.unwrap_or_default(),
            window_file,
            awaited: BTreeMap::new(),
            told_to_end: BTreeMap::new(),
            failures: 0,
            not_before: None,
            last: None,
            trouble: None,
            troubled: false,
            remarks: BTreeSet::new(),
            first: true,
        }
    }

    /// Looks once, and does what is to be done. What does not work is told, and tried again by the next call.
    ///
    /// # Errors
    /// When the first look fails for a reason that will not pass by itself.
    pub(super) async fn pass(&mut self) -> anyhow::Result<()> {
        self.troubled = false;
        self.look_and_act().await?;
        if !self.troubled && self.trouble.take().is_some() {
            self.teller.tell(&News::Mended { detail: "it works again" });
        }
        Ok(())
    }

    async fn look_and_act(&mut self) -> anyhow::Result<()> {
        let wanted_since = Instant::now();
        let present = match self.fleet.look().await {
            Ok(present) => present,
            Err(error) if self.first => return Err(error),
            Err(error) => {
                self.say_trouble(&format!("{error:#}"));
                return Ok(());
            }
        };
        self.tell_ended(&present.ended);
        let look = match self.server.look().await {
            Ok(look) => look,
            Err(error) if self.first && !crate::client::is_passing(&error) => return Err(error),
            Err(error) => {
                let there = present.units.len();
                self.say_trouble(&format!("{error:#}; {there} worker(s) go on as they are"));
                return Ok(());
            }
        };
        let workers = self.matched(&present, &look);
        let members = self.members(&present, &workers);
        if std::mem::take(&mut self.first) {
            for unit in &present.units {
                self.teller.tell(&News::Adopted { worker: &unit.key, place: &unit.place });
            }
        }
        let figures = self.note(&look, &members);
        for action in decide::decide(self.wishes.bounds, figures.wanted, figures.lately, &members) {
            if let Err(error) = self.act(&action, &members, &workers, wanted_since).await {
                self.say_trouble(&format!("{error:#}"));
            }
        }
        self.end_overdue(&present, &workers);
        Ok(())
    }

    /// The server's worker for each unit that it knows.
    fn matched(&self, present: &Present, look: &Look) -> BTreeMap<String, Worker> {
        let of = |unit: &Unit| look.workers.iter().find(|it| self.fleet.is(unit, &it.name, &it.host)).cloned();
        present.units.iter().filter_map(|unit| Some((unit.key.clone(), of(unit)?))).collect()
    }

    fn members(&mut self, present: &Present, workers: &BTreeMap<String, Worker>) -> Vec<Member> {
        let mut members = Vec::new();
        for Unit { key, started_at, ending, .. } in present.units.iter().cloned() {
            let standing = match workers.get(&key) {
                _ if ending => Standing::Ending,
                Some(worker) => standing(worker),
                None if Utc::now() - started_at < TO_REGISTER => Standing::Starting,
                None => Standing::Held,
            };
            if matches!(standing, Standing::Serving { .. }) {
                self.failures = 0;
                self.not_before = None;
                if let Some(since) = self.awaited.remove(&key) {
                    self.teller.tell(&News::Serves { worker: &key, after_s: since.elapsed().as_secs_f64() });
                }
                self.remark(workers.get(&key));
            }
            members.push(Member { key, started_at, standing });
        }
        members
    }

    /// Says once where the workers are not what is reckoned with.
    fn remark(&mut self, worker: Option<&Worker>) {
        let (Some(worker), queue) = (worker, &self.wishes.queue) else { return };
        let remark = if !worker.queues.contains(queue) {
            let served = worker.queues.join(", ");
            format!("the workers do not serve queue '{queue}' but {served}: set worker.queues in their configuration")
        } else if worker.slots != i64::from(self.wishes.bounds.slots) {
            format!("the workers have {0} slots each: reckon with them by --slots-per-worker {0}", worker.slots)
        } else {
            return;
        };
        if !self.remarks.contains(&remark) {
            self.teller.tell(&News::Trouble { detail: &remark });
            self.remarks.insert(remark);
        }
    }

    fn note(&mut self, look: &Look, members: &[Member]) -> Figures {
        let count = |of: fn(&Standing) -> bool| members.iter().filter(|member| of(&member.standing)).count();
        let serving = count(|standing| matches!(standing, Standing::Serving { .. }));
        let starting = count(|standing| matches!(standing, Standing::Starting));
        let leaving = count(|standing| matches!(standing, Standing::Retiring { .. } | Standing::Ending));
        let wanted = self.wishes.bounds.workers_for(look.demand.demand);
        let now = Utc::now();
        if self.window.is_empty() {
            // Nobody knows what was asked for before: those that are there were.
            let there = u32::try_from(serving + starting).unwrap_or(u32::MAX);
            self.window.note(now, there, self.wishes.cooldown);
        }
        self.window.note(now, wanted, self.wishes.cooldown);
        self.keep_window();
        let lately = self.window.most();
        let figures = Figures { demand: look.demand, wanted, lately, serving, starting, leaving };
        // Runs come and go all the time; what is told is what that comes to.
        let told = (lately, serving, starting, leaving);
        if self.last != Some(told) {
            self.teller.tell(&News::Look { figures });
            self.last = Some(told);
        }
        figures
    }

    /// Losing the file costs a cooldown, so that a disk which does not take it is no reason to end.
    fn keep_window(&self) {
        if let Ok(text) = serde_json::to_vec(&self.window)
            && !self.wishes.dry
        {
            let fresh = self.window_file.with_extension("new");
            let _ = std::fs::write(&fresh, text).and_then(|()| std::fs::rename(&fresh, &self.window_file));
        }
    }

    async fn act(
        &mut self,
        action: &Action,
        members: &[Member],
        workers: &BTreeMap<String, Worker>,
        since: Instant,
    ) -> anyhow::Result<()> {
        let id = |key: &str| workers.get(key).map(|worker| worker.id.clone()).context("the server does not know it");
        match action {
            Action::Start(count) => self.start(*count, since).await,
            Action::Uncordon(key) => {
                if !self.wishes.dry {
                    self.server.uncordon(&id(key)?).await.with_context(|| format!("uncordoning {key}"))?;
                }
                self.teller.tell(&News::Uncordoned { worker: key });
                Ok(())
            }
            Action::Cordon(key) => {
                if !self.wishes.dry {
                    self.server.cordon(&id(key)?).await.with_context(|| format!("cordoning {key}"))?;
                }
                let standing = members.iter().find(|member| member.key == *key).map(|member| member.standing);
                let running = if let Some(Standing::Serving { running }) = standing { running } else { 0 };
                self.teller.tell(&News::Cordoned { worker: key, running });
                Ok(())
            }
            Action::Stop(key) => {
                if !self.wishes.dry {
                    self.fleet.stop(key, self.wishes.grace).with_context(|| format!("ending {key}"))?;
                    self.told_to_end.insert(key.clone(), Instant::now());
                }
                self.teller.tell(&News::Stopped { worker: key });
                Ok(())
            }
        }
    }

    async fn start(&mut self, count: u32, since: Instant) -> anyhow::Result<()> {
        if self.not_before.is_some_and(|moment| Instant::now() < moment) {
            self.troubled = true;
            return Ok(());
        }
        if self.wishes.dry {
            self.teller.tell(&News::Started { worker: &format!("{count} more worker(s)"), place: "" });
            return Ok(());
        }
        // After failures one is tried, and not all at once.
        let count = if self.failures > 0 { 1 } else { count };
        match self.fleet.start(count).await {
            Ok(started) => {
                for unit in started {
                    self.teller.tell(&News::Started { worker: &unit.key, place: &unit.place });
                    self.awaited.insert(unit.key, since);
                }
                Ok(())
            }
            Err(error) => {
                self.failed();
                Err(error)
            }
        }
    }

    fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
        let pause = Duration::from_secs(1 << self.failures.min(6)).min(LONGEST_PAUSE);
        self.not_before = Some(Instant::now() + pause);
    }

    fn tell_ended(&mut self, ended: &[Ended]) {
        let mut failed = false;
        for Ended { key, how, told } in ended {
            self.told_to_end.remove(key);
            let mut how = how.clone();
            if self.awaited.remove(key).is_some() && !told {
                failed = true;
                how = format!("{how} before it took runs{}", self.last_words(key));
            }
            self.teller.tell(&News::Ended { worker: key, how: &how, told: *told });
        }
        if failed {
            self.failed();
        }
    }

    fn last_words(&self, key: &str) -> String {
        let Some(file) = self.fleet.log_of(key) else { return format!("; see `docker logs {key}`") };
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        format!("; its log {} ends with: {}", file.display(), crate::output::short(last, 300))
    }

    /// Ends workers that do not end or never come up; none of which the server says, or may think, that it drives something.
    fn end_overdue(&mut self, present: &Present, workers: &BTreeMap<String, Worker>) {
        if self.wishes.dry {
            return;
        }
        for unit in &present.units {
            let worker = workers.get(&unit.key);
            let drives_nothing = worker.is_none_or(|worker| worker.running == 0);
            let told = self.told_to_end.get(&unit.key).copied();
            let outcome = if unit.ending && drives_nothing && told.is_some_and(|at| at.elapsed() > self.wishes.grace) {
                self.say_trouble(&format!("{} did not end within {} s: killed", unit.key, self.wishes.grace.as_secs()));
                self.fleet.kill(&unit.key)
            } else if unit.ending && told.is_none() {
                // Told by an earlier life of this program.
                self.told_to_end.insert(unit.key.clone(), Instant::now());
                Ok(())
            } else if worker.is_none() && !unit.ending && is_overdue(unit.started_at) {
                let waited = TO_REGISTER.num_seconds();
                self.say_trouble(&format!("the server has not heard of {} within {waited} s: it is ended", unit.key));
                self.failed();
                self.told_to_end.insert(unit.key.clone(), Instant::now());
                self.fleet.stop(&unit.key, self.wishes.grace)
            } else {
                Ok(())
            };
            if let Err(error) = outcome {
                self.say_trouble(&format!("{error:#}"));
            }
        }
    }

    /// The same trouble is told once.
    fn say_trouble(&mut self, detail: &str) {
        self.troubled = true;
        if self.trouble.as_deref() != Some(detail) {
            self.teller.tell(&News::Trouble { detail });
            self.trouble = Some(detail.to_owned());
        }
    }

    /// Ends all workers as SIGTERM does and waits until they have: what they drive may finish within their own drain, the rest
    /// goes back to the queue.
    ///
    /// # Errors
    /// When it cannot be found out who is there.
    pub(super) async fn end_all(&mut self) -> anyhow::Result<()> {
        loop {
            let present = self.fleet.look().await?;
            self.tell_ended(&present.ended);
            if present.units.is_empty() {
                return Ok(());
            }
            for unit in present.units.iter().filter(|unit| !unit.ending) {
                self.fleet.stop(&unit.key, self.wishes.grace).with_context(|| format!("ending {}", unit.key))?;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Looks once, and sees what was begun to its end.
    ///
    /// # Errors
    /// As [`Self::pass`].
    pub(super) async fn pass_once(&mut self) -> anyhow::Result<()> {
        self.pass().await?;
        self.fleet.settle().await;
        Ok(())
    }

    /// How many there are.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub(super) async fn count(&mut self) -> anyhow::Result<usize> {
        Ok(self.fleet.look().await?.units.len())
    }
}

fn is_overdue(started_at: DateTime<Utc>) -> bool {
    Utc::now() - started_at > TO_REGISTER
}
