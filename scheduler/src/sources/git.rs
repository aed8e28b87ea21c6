//! The git program in a process that can do little: no settings of the host or the user, no hooks, no prompts, one
//! protocol, bounded in time, memory and disk.

use std::{
    io,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use nix::{
    sys::{
        resource::{Resource, setrlimit},
        signal::{Signal, killpg},
    },
    unistd::{Pid, Uid},
};
use shared::config::Git as Settings;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, Command},
    time::{Instant, interval, timeout_at},
};

use super::address::Address;

/// Address space of one process of git's.
const MEMORY_BYTES: u64 = 1024 * 1024 * 1024;
/// Open files of one process of git's.
const OPEN_FILES: u64 = 256;
/// What git says about a failure, at most.
const MAX_SAID: usize = 8 * 1024;
/// How often the disk is looked at.
const DISK_PERIOD: Duration = Duration::from_millis(100);
/// Whoever this is owns nothing.
const NOBODY: u32 = 65_534;

/// The first version of git that connects to the addresses it is told to.
const LEAST: (u32, u32) = (2, 37);

/// Why git did not do it.
#[derive(Debug, thiserror::Error)]
pub(super) enum GitError {
    #[error("git cannot be started: {program}: {error}; install it, or set git.program")]
    Missing { program: PathBuf, error: io::Error },
    #[error("'{0}' is too old: 2.37 is needed; install a newer git, or set git.program")]
    TooOld(String),
    #[error("it took longer than {0} s")]
    TooLong(u32),
    #[error("it is larger than {0} bytes (git.max_fetch_bytes)")]
    TooLarge(u64),
    #[error("git answered more than {0} bytes")]
    TooTalkative(usize),
    #[error("git: {0}")]
    Failed(String),
    #[error("a folder for git: {0}")]
    Folder(#[from] io::Error),
}

/// A folder of git's own, gone with this.
#[derive(Debug)]
pub(super) struct Sandbox<'a> {
    folder: tempfile::TempDir,
    settings: &'a Settings,
    address: &'a Address,
    deadline: Instant,
    /// Whether git runs as nobody, as it can when this is root and it needs nothing of this machine.
    as_nobody: bool,
}

impl<'a> Sandbox<'a> {
    pub(super) fn new(settings: &'a Settings, address: &'a Address) -> Result<Self, GitError> {
        let folder = tempfile::Builder::new().prefix("slipway-git-").tempdir()?;
        let as_nobody = Uid::effective().is_root() && address.is_http();
        // The other end of a file:// URL is a git of its own, which would not read what belongs to someone else.
        std::fs::write(folder.path().join("settings"), "[safe]\n\tdirectory = *\n")?;
        for name in ["home", "repository"] {
            std::fs::create_dir(folder.path().join(name))?;
        }
        if as_nobody {
            for path in ["", "home", "repository"] {
                chown(folder.path().join(path), Some(NOBODY), Some(NOBODY))?;
            }
        }
        let deadline = Instant::now() + Duration::from_secs(settings.timeout_s.into());
        Ok(Self { folder, settings, address, deadline, as_nobody })
    }

    /// Refuses a git that would pass over the settings it is confined by.
    pub(super) async fn check_version(&self) -> Result<(), GitError> {
        let said = String::from_utf8_lossy(&self.run(&["version"], &[], 1024).await?).trim().to_owned();
        let version = said.strip_prefix("git version ").unwrap_or_default();
        let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
        let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if found < LEAST { Err(GitError::TooOld(said)) } else { Ok(()) }
    }

    /// Runs one command of git's in its repository, gives it `input`, and gives what it prints, which may be `most` bytes.
    pub(super) async fn run(&self, arguments: &[&str], input: &[u8], most: usize) -> Result<Vec<u8>, GitError> {
        let mut child = self
            .command(arguments)
            .spawn()
            .map_err(|error| GitError::Missing { program: self.settings.program.clone(), error })?;
        let mut group = Group(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw));
        let done = timeout_at(self.deadline, async {
            tokio::select! {
                done = talk(&mut child, input, most) => done,
                error = self.watch_disk() => Err(error),
            }
        });
        let (status, printed, said) = match done.await {
            Ok(done) => done?,
            Err(_) => return Err(GitError::TooLong(self.settings.timeout_s)),
        };
        group.0 = None;
        if status.success() {
            return Ok(printed);
        }
        // A file that reaches its limit ends the process that writes it, and git tells of that in many ways.
        if size_of(self.folder.path()) >= self.settings.max_fetch_bytes {
            return Err(GitError::TooLarge(self.settings.max_fetch_bytes));
        }
        let said = said.trim();
        Err(GitError::Failed(if said.is_empty() { status.to_string() } else { said.to_owned() }))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let path = |name: &str| self.folder.path().join(name);
        let mut command = Command::new(&self.settings.program);
        command.args(arguments).current_dir(path("repository")).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        // Without a repository yet, none above this folder is taken for one.
        command.env("GIT_CEILING_DIRECTORIES", self.folder.path());
        for name in ["HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "TMPDIR"] {
            command.env(name, path("home"));
        }
        command.env("GIT_CONFIG_GLOBAL", path("settings"));
        for (name, value) in ENVIRONMENT {
            command.env(name, value);
        }
        command.env("GIT_ALLOW_PROTOCOL", self.address.url.scheme());
        if let Some(ssh) = &self.address.ssh {
            command.env("GIT_SSH_COMMAND", ssh);
        }
        let own = SETTINGS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let own = own.chain([(format!("protocol.{}.allow", self.address.url.scheme()), "always".to_owned())]);
        let ca = self.settings.ca_file.iter().map(|path| ("http.sslCAInfo".to_owned(), path.display().to_string()));
        let mut count = 0;
        for (name, value) in own.chain(ca).chain(self.address.settings.iter().cloned()) {
            command.env(format!("GIT_CONFIG_KEY_{count}"), name).env(format!("GIT_CONFIG_VALUE_{count}"), value);
            count += 1;
        }
        command.env("GIT_CONFIG_COUNT", count.to_string());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        if self.as_nobody {
            command.uid(NOBODY).gid(NOBODY);
        }
        let (bytes, seconds) = (self.settings.max_fetch_bytes, u64::from(self.settings.timeout_s));
        // SAFETY: between fork and exec only system calls are made, no memory is allocated and no lock is taken.
        #[allow(unsafe_code, reason = "limits are set by the process that they are for")]
        unsafe {
            command.pre_exec(move || confine(bytes, seconds));
        }
        command
    }

    async fn watch_disk(&self) -> GitError {
        let mut ticks = interval(DISK_PERIOD);
        loop {
            ticks.tick().await;
            if size_of(self.folder.path()) > self.settings.max_fetch_bytes {
                return GitError::TooLarge(self.settings.max_fetch_bytes);
            }
        }
    }
}

const ENVIRONMENT: [(&str, &str); 13] = [
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_SYSTEM", "/dev/null"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", "/bin/false"),
    ("SSH_ASKPASS", "/bin/false"),
    ("GIT_PROTOCOL_FROM_USER", "0"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_LITERAL_PATHSPECS", "1"),
    ("GIT_SSH_VARIANT", "ssh"),
    ("LC_ALL", "C"),
];

const SETTINGS: [(&str, &str); 19] = [
    ("protocol.allow", "never"),
    ("protocol.version", "2"),
    ("core.hooksPath", "/dev/null"),
    ("core.fsmonitor", "false"),
    ("core.symlinks", "false"),
    ("core.askPass", "/bin/false"),
    ("credential.helper", ""),
    ("http.followRedirects", "false"),
    ("http.lowSpeedLimit", "1024"),
    ("http.lowSpeedTime", "20"),
    ("fetch.fsckObjects", "true"),
    ("fetch.recurseSubmodules", "false"),
    ("submodule.recurse", "false"),
    ("transfer.bundleURI", "false"),
    // One pack, not thousands of loose objects: the limit of a file's size then limits the whole.
    ("fetch.unpackLimit", "1"),
    ("pack.threads", "1"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("advice.detachedHead", "false"),
];

/// Processes of git's, ended with this unless they are known to have ended.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        // An error means that none is left.
        let _ = self.0.map(|group| killpg(group, Signal::SIGKILL));
    }
}

fn confine(file_bytes: u64, seconds: u64) -> io::Result<()> {
    nix::sys::prctl::set_no_new_privs()?;
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    setrlimit(Resource::RLIMIT_FSIZE, file_bytes, file_bytes)?;
    setrlimit(Resource::RLIMIT_AS, MEMORY_BYTES, MEMORY_BYTES)?;
    setrlimit(Resource::RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES)?;
    setrlimit(Resource::RLIMIT_CPU, seconds, seconds)?;
    Ok(())
}

async fn talk(
    child: &mut Child,
    input: &[u8],
    most: usize,
) -> Result<(std::process::ExitStatus, Vec<u8>, String), GitError> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A git that does not read any more says why itself.
            let _ = stdin.write_all(input).await;
        }
    };
    let ((), printed, said) = tokio::try_join!(
        async {
            write.await;
            Ok(())
        },
        printed(stdout, most),
        said(stderr)
    )?;
    Ok((child.wait().await?, printed, said))
}

async fn printed(from: Option<impl AsyncRead + Unpin>, most: usize) -> Result<Vec<u8>, GitError> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(most as u64 + 1).read_to_end(&mut bytes).await?;
    }
    if bytes.len() > most { Err(GitError::TooTalkative(most)) } else { Ok(bytes) }
}

/// The beginning of what git says; the rest is read too, for it waits otherwise.
async fn said(from: Option<impl AsyncRead + Unpin>) -> Result<String, GitError> {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        (&mut from).take(MAX_SAID as u64).read_to_end(&mut bytes).await?;
        tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Bytes of the files below a folder; what is gone meanwhile counts nothing.
fn size_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size_of(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}
