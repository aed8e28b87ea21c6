//! Workers as processes of this machine. Each has a file with its id, so that whoever comes after a crash finds it again.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use nix::{errno::Errno, sys::signal::Signal, unistd::Pid};
use serde::{Deserialize, Serialize};

use super::fleet::{Ended, Present, Unit};

/// Logs of workers that are no more which are kept: the newest.
const LOGS: usize = 20;

/// How a worker is started.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    /// The program and its arguments; `{name}`, `{queue}` and `{slots}` stand for what they say.
    pub(super) command: Vec<OsString>,
    /// The queue, which is part of the names.
    pub(super) queue: String,
    /// Runs at once.
    pub(super) slots: u32,
}

/// A process, as its file remembers it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Record {
    pid: i32,
    /// The moment of its start in the kernel's words, by which it is told from a later process of the same id.
    born: String,
    started_at: DateTime<Utc>,
    #[serde(default)]
    ending: bool,
}

/// The processes.
#[derive(Debug)]
pub(super) struct Processes {
    folder: PathBuf,
    recipe: Recipe,
    records: BTreeMap<String, Record>,
    /// Those that are this process' own children, and are to be waited for.
    children: BTreeMap<String, Child>,
}

impl Processes {
    /// Takes over what an earlier life of this program has left in `folder`.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(super) fn open(folder: &Path, recipe: Recipe) -> anyhow::Result<Self> {
        let mut records = BTreeMap::new();
        for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
            let path = entry.with_context(|| format!("reading {}", folder.display()))?.path();
            if path.extension().is_some_and(|extension| extension == "pid")
                && let Some(name) = path.file_stem().and_then(|name| name.to_str())
            {
                match std::fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok()) {
                    Some(record) => drop(records.insert(name.to_owned(), record)),
                    None => drop(std::fs::remove_file(&path)),
                }
            }
        }
        Ok(Self { folder: folder.to_owned(), recipe, records, children: BTreeMap::new() })
    }

    pub(super) fn look(&mut self) -> Present {
        let mut present = Present::default();
        for (key, record) in std::mem::take(&mut self.records) {
            let exit = match self.children.get_mut(&key) {
                Some(child) => match child.try_wait() {
                    Ok(status) => status.map(told),
                    Err(_) => Some("nobody knows how it ended".to_owned()),
                },
                None if born(record.pid).is_some_and(|born| born == record.born) => None,
                None => Some("it has ended".to_owned()),
            };
            match exit {
                None => {
                    present.units.push(unit(&key, &record));
                    self.records.insert(key, record);
                }
                Some(how) => {
                    self.children.remove(&key);
                    // A file that stays is found to be of no process next time.
                    let _ = std::fs::remove_file(self.file(&key));
                    present.ended.push(Ended { key, how, told: record.ending });
                }
            }
        }
        present.units.sort_by_key(|unit| unit.started_at);
        if !present.ended.is_empty() {
            self.forget_old_logs();
        }
        present
    }

    pub(super) fn start(&mut self, count: u32) -> anyhow::Result<Vec<Unit>> {
        let mut started = Vec::new();
        for _ in 0..count {
            match self.start_one() {
                Ok(unit) => started.push(unit),
                Err(error) if started.is_empty() => return Err(error),
                // The next look finds that one is missing, and tries again.
                Err(_) => break,
            }
        }
        Ok(started)
    }

    fn start_one(&mut self) -> anyhow::Result<Unit> {
        let key = format!("{}-{}", self.recipe.queue, hex::encode(rand::random::<[u8; 4]>()));
        let mut words = self.recipe.command.iter().map(|word| self.filled(word, &key));
        let program = words.next().context("the command is empty")?;
        let log = File::options().create(true).append(true).open(self.log_of(&key));
        let log = log.with_context(|| format!("writing {}", self.log_of(&key).display()))?;
        let mut command = Command::new(&program);
        command
            .args(words)
            .env("SLIPWAY__WORKER__NAME", &key)
            .env("SLIPWAY__WORKER__SLOTS", self.recipe.slots.to_string());
        command.stdin(Stdio::null()).stdout(log.try_clone().context("the log")?).stderr(log);
        // A group of its own: Ctrl-C is meant for who asked for the workers, who then ends them in order.
        command.process_group(0);
        let mut child = command.spawn().with_context(|| format!("starting {}", program.display()))?;
        let pid = i32::try_from(child.id()).context("the process' id")?;
        let record = Record { pid, born: born(pid).unwrap_or_default(), started_at: Utc::now(), ending: false };
        if let Err(error) = self.remember(&key, &record) {
            // Nobody would find it again.
            let _ = child.kill();
            let _ = child.wait();
            return Err(error);
        }
        let unit = unit(&key, &record);
        self.records.insert(key.clone(), record);
        self.children.insert(key, child);
        Ok(unit)
    }

    pub(super) fn stop(&mut self, key: &str) -> anyhow::Result<()> {
        let Some(record) = self.records.get_mut(key).filter(|record| !record.ending) else { return Ok(()) };
        record.ending = true;
        let record = record.clone();
        self.remember(key, &record)?;
        self.signal(key, Signal::SIGTERM)
    }

    pub(super) fn kill(&mut self, key: &str) -> anyhow::Result<()> {
        self.signal(key, Signal::SIGKILL)
    }

    fn signal(&self, key: &str, signal: Signal) -> anyhow::Result<()> {
        let Some(record) = self.records.get(key) else { return Ok(()) };
        // The number may be another process' by now, unless this is a child that nobody has waited for.
        if !self.children.contains_key(key) && born(record.pid).is_none_or(|born| born != record.born) {
            return Ok(());
        }
        match nix::sys::signal::kill(Pid::from_raw(record.pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("sending {signal} to process {}", record.pid)),
        }
    }

    pub(super) fn log_of(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.log"))
    }

    fn file(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.pid"))
    }

    fn remember(&self, key: &str, record: &Record) -> anyhow::Result<()> {
        let (file, fresh) = (self.file(key), self.folder.join(format!("{key}.pid.new")));
        std::fs::write(&fresh, serde_json::to_vec(record)?)
            .and_then(|()| std::fs::rename(&fresh, &file))
            .with_context(|| format!("writing {}", file.display()))
    }

    fn filled(&self, word: &OsString, key: &str) -> OsString {
        let Some(text) = word.to_str() else { return word.clone() };
        let slots = self.recipe.slots.to_string();
        text.replace("{name}", key).replace("{queue}", &self.recipe.queue).replace("{slots}", &slots).into()
    }

    /// Keeps the newest logs of those that are no more.
    fn forget_old_logs(&self) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return };
        let mut logs: Vec<_> = entries
            .flatten()
            .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "log"))
            .filter(|entry| {
                let path = entry.path();
                path.file_stem().and_then(|name| name.to_str()).is_some_and(|name| !self.records.contains_key(name))
            })
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        logs.sort();
        for (_, path) in logs.iter().take(logs.len().saturating_sub(LOGS)) {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn unit(key: &str, record: &Record) -> Unit {
    Unit {
        key: key.to_owned(),
        place: format!("process {}", record.pid),
        started_at: record.started_at,
        ending: record.ending,
    }
}

fn told(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "it has ended".to_owned(),
        (Some(code), _) => format!("it ended with {code}"),
        (None, Some(signal)) => format!("signal {signal} ended it"),
        (None, None) => "it has ended".to_owned(),
    }
}

/// When the process began, in the kernel's words and together with which start of the machine that was; none when there is no
/// such process, or it has ended and nobody has waited for it.
fn born(pid: i32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program may hold anything, but nothing after it holds a parenthesis.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let (state, start) = (fields.first()?, fields.get(19)?);
    if matches!(*state, "Z" | "X") {
        return None;
    }
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Some(format!("{start}@{}", boot.trim()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn recipe(words: &[&str]) -> Recipe {
        Recipe { command: words.iter().map(OsString::from).collect(), queue: "default".into(), slots: 3 }
    }

    fn wait_for(processes: &mut Processes, done: impl Fn(&Present) -> bool) -> Present {
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        loop {
            let present = processes.look();
            if done(&present) {
                return present;
            }
            assert!(std::time::Instant::now() < deadline, "{present:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn a_process_that_outlived_its_starter_is_found_again_and_ended_by_its_id() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = Processes::open(folder.path(), recipe(&["sleep", "600"])).unwrap();
        let started = first.start(2).unwrap();
        // As after a crash: nobody has waited for them.
        let mut children = std::mem::take(&mut first.children);
        drop(first);
        let mut second = Processes::open(folder.path(), recipe(&["sleep", "600"])).unwrap();
        let present = second.look();
        assert_eq!((present.units.len(), &present.ended), (2, &Vec::new()));
        second.stop(&started[0].key).unwrap();
        let present = wait_for(&mut second, |present| present.units.len() == 1);
        assert_eq!(present.units[0].key, started[1].key);
        assert!(present.ended[0].told, "{present:?}");
        second.kill(&started[1].key).unwrap();
        wait_for(&mut second, |present| present.units.is_empty());
        for child in children.values_mut() {
            child.wait().unwrap();
        }
        let left =
            std::fs::read_dir(folder.path()).unwrap().flatten().filter(|it| it.path().extension().unwrap() == "pid");
        assert_eq!(left.count(), 0);
    }

    #[test]
    fn another_process_of_the_same_id_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mut bystander = Command::new("sleep").arg("600").spawn().unwrap();
        let pid = i32::try_from(bystander.id()).unwrap();
        let record = Record { pid, born: "1@another-boot".into(), started_at: Utc::now(), ending: false };
        std::fs::write(folder.path().join("default-1.pid"), serde_json::to_vec(&record).unwrap()).unwrap();
        std::fs::write(folder.path().join("default-2.pid"), "torn").unwrap();
        let mut processes = Processes::open(folder.path(), recipe(&["sleep", "600"])).unwrap();
        processes.kill("default-1").unwrap();
        let present = processes.look();
        assert_eq!((present.units.len(), present.ended.len()), (0, 1));
        assert_eq!(bystander.try_wait().unwrap(), None, "it runs still");
        bystander.kill().unwrap();
        bystander.wait().unwrap();
    }

    #[test]
    fn a_command_is_told_the_name_and_the_slots_and_how_it_ended_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let words = ["sh", "-c", "echo {name} {slots} $SLIPWAY__WORKER__NAME $SLIPWAY__WORKER__SLOTS; exit 3"];
        let mut processes = Processes::open(folder.path(), recipe(&words)).unwrap();
        let key = processes.start(1).unwrap().remove(0).key;
        let present = wait_for(&mut processes, |present| present.units.is_empty());
        assert_eq!(present.ended[0].how, "it ended with 3");
        assert!(!present.ended[0].told);
        let log = std::fs::read_to_string(processes.log_of(&key)).unwrap();
        assert_eq!(log, format!("{key} 3 {key} 3\n"));
    }

    #[test]
    fn a_command_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut processes = Processes::open(folder.path(), recipe(&["/nowhere/slipway-worker"])).unwrap();
        let said = format!("{:#}", processes.start(1).unwrap_err());
        assert!(said.starts_with("starting /nowhere/slipway-worker: "), "{said}");
        assert!(processes.look().units.is_empty());
    }
}
