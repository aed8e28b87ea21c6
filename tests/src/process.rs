//! A program that a test starts, hurts, and ends; by its id alone.

use std::{
    fs::File,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use nix::{sys::signal::Signal, unistd::Pid};

/// Lines of a log that are shown when a test fails.
const SHOWN_LINES: usize = 120;

/// How to start a program; kept, so that it can be started again.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// For messages.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its whole environment, beside `PATH`.
    pub environment: Vec<(String, String)>,
    /// User and group that it runs as, when not those of the test.
    pub account: Option<(u32, u32)>,
    /// Gets what it prints, appended.
    pub log: PathBuf,
    /// Sent by the kernel when the test's thread ends, however it ends.
    pub end_with: Signal,
}

/// A started program. Killed when dropped.
#[derive(Debug)]
pub struct Process {
    recipe: Recipe,
    child: Child,
}

impl Process {
    /// Starts it. To be called on the thread of the test: the program does not outlive that thread.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(recipe: Recipe) -> anyhow::Result<Self> {
        let log = File::options().create(true).append(true).open(&recipe.log)?;
        let mut command = Command::new(&recipe.program);
        command.args(&recipe.arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(recipe.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir("/").stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        if let Some((uid, gid)) = recipe.account {
            command.uid(uid).gid(gid);
        }
        let (parent, signal) = (nix::unistd::getpid(), recipe.end_with);
        // SAFETY: prctl and getppid are async-signal-safe and allocate nothing.
        unsafe {
            command.pre_exec(move || {
                nix::sys::prctl::set_pdeathsig(signal)?;
                if nix::unistd::getppid() == parent { Ok(()) } else { Err(nix::errno::Errno::ESRCH.into()) }
            });
        }
        let child =
            command.spawn().with_context(|| format!("starting {} ({})", recipe.name, recipe.program.display()))?;
        Ok(Self { recipe, child })
    }

    /// For messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.recipe.name
    }

    /// What it was started by.
    #[must_use]
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Its id; it may have ended.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal. One that has ended gets none.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        if self.child.try_wait()?.is_none() {
            nix::sys::signal::kill(Pid::from_raw(i32::try_from(self.pid())?), signal)
                .with_context(|| format!("sending {signal} to {}", self.name()))?;
        }
        Ok(())
    }

    /// Ends it at once, and waits until it has.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn kill9(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Whether it has ended, and how.
    ///
    /// # Errors
    /// When the kernel does not know it.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Sends `signal` and waits until it has ended.
    ///
    /// # Errors
    /// When it has not ended after `patience`.
    pub async fn stop(&mut self, signal: Signal, patience: Duration) -> anyhow::Result<ExitStatus> {
        self.signal(signal)?;
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            anyhow::ensure!(Instant::now() < deadline, "{} did not end within {patience:?} of {signal}", self.name());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Starts the same program again, after the old one has ended.
    ///
    /// # Errors
    /// When the old one runs still, or the new one cannot be started.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        anyhow::ensure!(self.child.try_wait()?.is_some(), "{} runs still", self.name());
        *self = Self::start(self.recipe.clone())?;
        Ok(())
    }

    /// Bytes of memory that are its own or shared with others, now.
    ///
    /// # Errors
    /// When it has ended.
    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("it has ended")?;
        let kib: u64 = line.split_whitespace().nth(1).context("VmRSS without a figure")?.parse()?;
        Ok(kib * 1024)
    }

    /// Fails, with the end of the log, when it has ended.
    ///
    /// # Errors
    /// See above.
    pub fn check(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.ended()? {
            let how = status.signal().map_or_else(|| status.to_string(), |signal| format!("signal {signal}"));
            anyhow::bail!("{} has ended ({how}):\n{}", self.name(), self.last_words());
        }
        Ok(())
    }

    /// The end of its log.
    #[must_use]
    pub fn last_words(&self) -> String {
        last_lines(&self.recipe.log, SHOWN_LINES)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A stopped process is killed all the same. Errors mean that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last lines of a file; what cannot be read is said.
#[must_use]
pub fn last_lines(path: &Path, count: usize) -> String {
    let text = match std::fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return format!("({}: {error})", path.display()),
    };
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Finds a program in `folders` or on `PATH`.
#[must_use]
pub fn find(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(folders.iter().cloned())
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// A port of this machine that nobody listens on. Below the range that the kernel takes for outgoing connections, so
/// that none of those takes it in the meantime.
///
/// # Errors
/// When a thousand tries find none.
pub fn free_port() -> anyhow::Result<u16> {
    for _ in 0..1000 {
        let port = 18_000 + (uuid::Uuid::now_v7().as_u128() % 13_000) as u16;
        if std::net::TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return Ok(port);
        }
    }
    anyhow::bail!("no free port found")
}

/// The account that servers run as which refuse root: user and group.
///
/// # Errors
/// When this is root and there is no such account.
pub fn unprivileged() -> anyhow::Result<Option<(u32, u32)>> {
    if !nix::unistd::Uid::effective().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = nix::unistd::User::from_name(name)? {
            return Ok(Some((user.uid.as_raw(), user.gid.as_raw())));
        }
    }
    anyhow::bail!("Postgres refuses to run as root, and there is neither a user 'postgres' nor 'nobody' to run it as")
}
