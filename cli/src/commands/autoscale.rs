//! `slipway autoscale`: as many workers on this machine as a queue asks for.
//!
//! ```text
//! scaler: server (demand, workers) ─► decide ─► server (cordon) and fleet (processes | compose) ─► told
//! ```

mod compose;
mod decide;
mod fleet;
mod processes;
mod scaler;
mod server;
mod told;

use std::{ffi::OsString, fs::File, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use chrono::TimeDelta;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
    time::Instant,
};

use self::{
    compose::{Compose, Service},
    decide::Bounds,
    fleet::Fleet,
    processes::{Processes, Recipe},
    scaler::{Scaler, Wishes},
    server::Server,
    told::{News, Teller},
};
use super::Globals;
use crate::failure::{Failure, INTERRUPTED};

/// The shortest time between two looks, however much happens.
const NO_SOONER: Duration = Duration::from_millis(200);

/// Keeps as many workers on this machine as a queue asks for
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  slipway autoscale --queue default --max 8                       processes of this program, by SLIPWAY_CONFIG
  slipway autoscale --queue gpu --max 2 --slots-per-worker 1 --cooldown 10m
  slipway autoscale --max 4 --command /usr/local/bin/slipway-worker
  slipway autoscale --max 8 --compose-service worker --compose-file deploy/compose/compose.yaml
  slipway autoscale --once --dry-run -o json                      what would be done now
  slipway autoscale --once                                        for cron: one look, and what follows from it

A worker that is to go takes no more runs first (it is cordoned), and is ended when it drives none: a busy worker is never ended.
On Ctrl-C or SIGTERM processes are ended in order, once more leaves them; killed, the next start finds them again.
The key needs queue.read, worker.read and worker.write, and event.read to be quicker than --interval.")]
pub(crate) struct Arguments {
    /// The queue whose demand is followed
    #[arg(long, value_name = "QUEUE", default_value = "default", value_parser = name)]
    queue: String,
    /// Workers that there are always
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1000))]
    min: u32,
    /// Workers that there are at most
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    max: u32,
    /// Runs that one worker drives at once
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    slots_per_worker: u32,
    /// How long less must be asked for before workers go, as 60s, 10m
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = super::wait::duration)]
    cooldown: Duration,
    /// Between two looks when nothing is heard, as 2s, 1m
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = super::wait::duration)]
    interval: Duration,
    /// How long an idle worker may take to end before it is killed
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = super::wait::duration)]
    grace: Duration,
    /// The command that is a worker, without a shell; {name}, {queue} and {slots} are filled in
    #[arg(long, value_name = "COMMAND", conflicts_with = "compose_service")]
    command: Option<String>,
    /// Workers are the containers of this service of compose
    #[arg(long, value_name = "SERVICE")]
    compose_service: Option<String>,
    /// The service's file, as compose's -f; may be given several times
    #[arg(long, value_name = "FILE", requires = "compose_service")]
    compose_file: Vec<PathBuf>,
    /// The service's project, as compose's -p
    #[arg(long, value_name = "NAME", requires = "compose_service")]
    compose_project: Option<String>,
    /// A file with compose's variables, as its --env-file
    #[arg(long, value_name = "FILE", requires = "compose_service")]
    compose_env_file: Option<PathBuf>,
    /// What becomes of the workers when this program is asked to end; containers are left by default
    #[arg(long, value_name = "WHAT", value_enum)]
    on_exit: Option<OnExit>,
    /// Where it keeps what it knows of its workers, and their logs [default: slipway/autoscale/QUEUE in the user's state folder]
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// Looks once, does what is to be done, and leaves the workers
    #[arg(long)]
    once: bool,
    /// Only says what it would do
    #[arg(long)]
    dry_run: bool,
}

/// What becomes of the workers at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum OnExit {
    /// Ended, as SIGTERM does: what they drive may finish within worker.drain_s, the rest goes back to the queue
    Stop,
    /// Left; the next start finds them again
    Leave,
}

/// Carries it out.
///
/// # Errors
/// When another one keeps the same workers, the first look fails, or nothing can be started at all.
pub(crate) async fn run(globals: &Globals, arguments: Arguments) -> anyhow::Result<()> {
    anyhow::ensure!(
        arguments.min <= arguments.max,
        "--min {} is more than --max {}: there would be no number of workers to have",
        arguments.min,
        arguments.max
    );
    let folder = match &arguments.dir {
        Some(folder) => folder.clone(),
        None => state_folder()?.join(&arguments.queue),
    };
    std::fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
    let folder = folder.canonicalize().with_context(|| format!("looking at {}", folder.display()))?;
    // Held until the end. A dry run changes nothing, and may look on beside another.
    let _lock = if arguments.dry_run { None } else { Some(lock(&folder)?) };

    let server = Server::new(globals.client()?, &arguments.queue);
    let teller = Teller::new(globals.printer(), &arguments.queue, arguments.dry_run);
    let bounds = Bounds { min: arguments.min, max: arguments.max, slots: arguments.slots_per_worker };
    let wishes = Wishes {
        queue: arguments.queue.clone(),
        bounds,
        cooldown: TimeDelta::from_std(arguments.cooldown).context("--cooldown")?,
        grace: arguments.grace,
        dry: arguments.dry_run,
    };
    let fleet = fleet(&arguments, &folder).await?;
    let leave = match (arguments.on_exit, &fleet) {
        (Some(wish), _) => wish == OnExit::Leave,
        (None, Fleet::Compose(_)) => true,
        (None, Fleet::Processes(_)) => false,
    };
    let mut scaler = Scaler::new(wishes, fleet, server.clone(), teller.clone(), folder.join("asked.json"));
    if arguments.once {
        return scaler.pass_once().await;
    }
    keep(&mut scaler, server, arguments.interval).await?;
    let leave = leave || arguments.dry_run;
    let what =
        if leave { "they go on, and the next start finds them" } else { "they are ended; once more leaves them" };
    teller.tell(&News::Leaving { workers: scaler.count().await?, what });
    if leave {
        return Ok(());
    }
    let mut signals = Signals::new()?;
    tokio::select! {
        ended = scaler.end_all() => ended,
        () = signals.any() => Err(Failure::Said(INTERRUPTED).into()),
    }
}

/// Looks again and again, until this process is asked to end.
async fn keep(scaler: &mut Scaler, server: Server, interval: Duration) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let bell = Arc::new(Notify::new());
    let listener = tokio::spawn(server.wake(Arc::clone(&bell)));
    let outcome = loop {
        let began = Instant::now();
        // A look that has begun is ended: it may just be starting workers.
        if let Err(error) = scaler.pass().await {
            break Err(error);
        }
        let wait = async {
            tokio::time::sleep_until(began + NO_SOONER).await;
            let _ = tokio::time::timeout_at(began + interval, bell.notified()).await;
        };
        tokio::select! {
            () = signals.any() => break Ok(()),
            () = wait => {}
        }
    };
    listener.abort();
    outcome
}

async fn fleet(arguments: &Arguments, folder: &std::path::Path) -> anyhow::Result<Fleet> {
    if let Some(service) = &arguments.compose_service {
        let service = Service {
            name: service.clone(),
            files: arguments.compose_file.clone(),
            project: arguments.compose_project.clone(),
            env_file: arguments.compose_env_file.clone(),
        };
        return Ok(Fleet::Compose(Compose::find(service).await?));
    }
    let command: Vec<OsString> = match &arguments.command {
        Some(text) => {
            let words = shlex::split(text).filter(|words| !words.is_empty());
            let words = words.with_context(|| format!("--command '{text}' is no command: is a quote missing?"))?;
            words.into_iter().map(OsString::from).collect()
        }
        None => {
            let program = std::env::current_exe().context("where this program is")?;
            let arguments = ["worker", "run", "--name", "{name}", "--queue", "{queue}", "--slots", "{slots}"];
            std::iter::once(program.into_os_string()).chain(arguments.map(OsString::from)).collect()
        }
    };
    let recipe = Recipe { command, queue: arguments.queue.clone(), slots: arguments.slots_per_worker };
    Ok(Fleet::Processes(Processes::open(folder, recipe)?))
}

/// Where programs of this user keep what should outlive them.
fn state_folder() -> anyhow::Result<PathBuf> {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
    Ok(folder.context("this user has no home: give --dir")?.join("slipway/autoscale"))
}

/// A lock that goes with this process.
fn lock(folder: &std::path::Path) -> anyhow::Result<File> {
    let path = folder.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.with_context(|| format!("writing {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => anyhow::bail!(
            "another `slipway autoscale` keeps the workers of {}: end it, or give this one another --dir",
            folder.display()
        ),
        Err(std::fs::TryLockError::Error(error)) => Err(error).with_context(|| format!("locking {}", path.display())),
    }
}

/// A queue's name, which becomes part of names and paths here.
fn name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !text.is_empty()
        && text.len() <= 63
        && text.chars().all(plain)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
    {
        Ok(text.to_owned())
    } else {
        Err("a queue is named by letters, digits, '-', '_' and '.', at most 63".to_owned())
    }
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be handled")?;
        let interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be handled")?;
        Ok(Self { terminate, interrupt })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_cannot_lead_to_another_folder() {
        assert_eq!(name("eu-prod"), Ok("eu-prod".into()));
        for bad in ["", "..", "../x", "a/b", ".x", "-x", "a b"] {
            assert!(name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn two_do_not_keep_the_same_workers() {
        let folder = tempfile::tempdir().unwrap();
        let first = lock(folder.path()).unwrap();
        let said = lock(folder.path()).unwrap_err().to_string();
        assert!(said.starts_with("another `slipway autoscale` keeps the workers of "), "{said}");
        drop(first);
        lock(folder.path()).unwrap();
    }
}
