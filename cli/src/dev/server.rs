//! A server process that `slipway dev` starts, watches and stops.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::Context as _;
use nix::{sys::signal::Signal, unistd::Pid};
use tokio::process::{Child, Command};

use super::account::Account;

/// How often an ending process is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// What to start, again and again if need be.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    /// For messages.
    pub(crate) name: &'static str,
    /// The program.
    pub(crate) program: PathBuf,
    /// Its arguments. No secrets: everyone can see them.
    pub(crate) arguments: Vec<String>,
    /// What it finds in its environment beside what every server does.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// Where it starts.
    pub(crate) folder: PathBuf,
    /// Whom it runs as.
    pub(crate) account: Option<Account>,
    /// What makes it end soon but in order.
    pub(crate) stop: Signal,
    /// Where its output goes.
    pub(crate) log: PathBuf,
}

/// How often a server is started whose port is taken.
const STARTS: u32 = 4;

/// A process that runs.
#[derive(Debug)]
pub(crate) struct Server {
    recipe: Recipe,
    child: Child,
    starts: u32,
}

impl Recipe {
    /// Starts the process. To be called on the program's first thread only: the kernel ends the process when the
    /// thread that started it ends, and that thread lives as long as `slipway dev`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn start(self, log: &File) -> anyhow::Result<Server> {
        let mut command = command(&self.program, self.account.as_ref());
        let output = || log.try_clone().with_context(|| format!("opening {}", self.log.display()));
        command.args(&self.arguments).current_dir(&self.folder);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(output()?).stderr(output()?);
        // Ctrl-C in the terminal is for `slipway dev`, which stops its servers after what uses them.
        command.process_group(0);
        end_with_parent(&mut command, self.stop);
        let child = command.spawn().with_context(|| format!("starting {} ({})", self.name, self.program.display()))?;
        Ok(Server { recipe: self, child, starts: 1 })
    }
}

impl Server {
    /// For messages.
    pub(crate) fn name(&self) -> &'static str {
        self.recipe.name
    }

    /// The process's id; none when it has ended.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Where its output goes.
    pub(crate) fn log(&self) -> &Path {
        &self.recipe.log
    }

    /// Returns when the process has ended by itself. Safe to drop and to call again.
    pub(crate) async fn ended(&mut self) -> anyhow::Result<ExitStatus> {
        self.child.wait().await.with_context(|| format!("waiting for {}", self.recipe.name))
    }

    /// The status of a process that has ended already.
    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Holds that it runs. One that has ended as it started is started again, if another program had its port at that moment:
    /// whoever looks for a free port takes each for an instant.
    ///
    /// # Errors
    /// When it has ended for good; the message holds the end of its log.
    pub(crate) async fn runs(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.has_ended() else { return Ok(()) };
        let (name, words) = (self.recipe.name, self.last_words());
        let taken = words.to_lowercase().contains("address already in use");
        anyhow::ensure!(taken && self.starts < STARTS, "{name} ended as it started ({status}); {words}");
        tokio::time::sleep(Duration::from_millis(300)).await;
        let path = &self.recipe.log;
        let log = File::options().append(true).open(path).with_context(|| format!("opening {}", path.display()))?;
        self.restart(&log)?;
        self.starts += 1;
        Ok(())
    }

    /// Starts it once more, after it ended.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(crate) fn restart(&mut self, log: &File) -> anyhow::Result<()> {
        let Self { child, .. } = self.recipe.clone().start(log)?;
        self.child = child;
        Ok(())
    }

    /// Asks it to end, and ends it by force after `patience`.
    pub(crate) async fn stop(&mut self, patience: Duration) {
        let Some(pid) = self.pid().and_then(|pid| i32::try_from(pid).ok()) else { return };
        // It may have ended in this moment, which is what is wanted.
        let _ = nix::sys::signal::kill(Pid::from_raw(pid), self.recipe.stop);
        if tokio::time::timeout(patience, self.child.wait()).await.is_err() {
            tracing::warn!(server = self.recipe.name, "did not end when asked to; killing it");
            let _ = self.child.kill().await;
        }
    }

    /// The end of its log, for an error message.
    pub(crate) fn last_words(&self) -> String {
        let text = std::fs::read(&self.recipe.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[text.len().saturating_sub(4096)..]).into_owned();
        let lines: Vec<&str> = text.lines().rev().take(8).collect();
        let lines: Vec<String> = lines.into_iter().rev().map(|line| format!("  {line}")).collect();
        format!("{}:\n{}", self.recipe.log.display(), lines.join("\n"))
    }
}

/// A command run as `account`, with nothing of this process's environment but what a server needs.
pub(crate) fn command(program: &Path, account: Option<&Account>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LC_ALL", "C.UTF-8");
    if let Some(account) = account {
        // Setting the user as root drops all supplementary groups as well.
        command.uid(account.uid.as_raw()).gid(account.gid.as_raw());
    }
    command
}

/// Makes the kernel send `signal` to the process when this one ends, even by SIGKILL.
fn end_with_parent(command: &mut Command, signal: Signal) {
    let parent = nix::unistd::getpid();
    // SAFETY: between fork and exec only async-signal-safe calls are made (prctl, getppid), and nothing is allocated.
    // It runs after the change of user, which would clear the setting.
    unsafe {
        command.pre_exec(move || {
            nix::sys::prctl::set_pdeathsig(signal)?;
            // The parent may have ended before the setting was in place.
            if nix::unistd::getppid() == parent {
                Ok(())
            } else {
                Err(std::io::Error::from_raw_os_error(nix::libc::ESRCH))
            }
        });
    }
}

/// Ends the server that an earlier, killed `slipway dev` may have left: the process named in the first line of
/// `pid_file`, if its working folder is `data`. Returns whether there was one.
///
/// # Errors
/// When it does not end.
pub(crate) async fn end_orphan(pid_file: &Path, data: &Path, stop: Signal, force: Signal) -> anyhow::Result<bool> {
    let Ok(text) = std::fs::read_to_string(pid_file) else { return Ok(false) };
    let Some(pid) = text.lines().next().and_then(|line| line.trim().parse::<i32>().ok()) else { return Ok(false) };
    let (pid, data) = (Pid::from_raw(pid), data.canonicalize().with_context(|| format!("finding {}", data.display()))?);
    // Ids are used again: only a process that works in this very folder is ours.
    let is_ours = || std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder == data);
    if !is_ours() {
        return Ok(false);
    }
    for (signal, patience) in
        [(stop, Duration::from_secs(15)), (force, Duration::from_secs(5)), (Signal::SIGKILL, Duration::from_secs(5))]
    {
        let _ = nix::sys::signal::kill(pid, signal);
        let deadline = tokio::time::Instant::now() + patience;
        while tokio::time::Instant::now() < deadline {
            if !is_ours() {
                return Ok(true);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    anyhow::bail!("process {pid}, left by an earlier `slipway dev`, holds {} and does not end", data.display())
}
