//! Runs one command as the container's first process: reaps, forwards signals, and minds the deadline.

use std::{
    ffi::c_int,
    fs,
    io::{self, Write},
    os::unix::{
        fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Component, Path},
    process,
};

use crate::{
    protocol::{self, Command, Message, Report},
    room::Room,
    sys,
};

/// The longest single wait: a machine that slept is noticed this late at most, since `poll` counts waking time only.
const TICK_MS: u64 = 1_000;
/// The wait when a command never said how long it may take to end.
const DEFAULT_GRACE_MS: u64 = 10_000;

struct Supervisor {
    input: Option<Vec<u8>>,
    signals: c_int,
    command: Option<Box<Command>>,
    expires_at: u64,
    kill_at: Option<u64>,
    expired: bool,
    told: bool,
    room: Option<Room>,
    full: bool,
    main: Option<(c_int, Option<i32>)>,
}

/// Waits at most `wait_s` seconds for a command, runs it to its end, and returns the exit code.
pub fn run(wait_s: u64) -> i32 {
    if let Err(error) = sys::set_dumpable(false) {
        eprintln!("slipway: cannot shield the init: {error}");
        return protocol::BAD_HAND_OVER;
    }
    let signals = match sys::watch_signals() {
        Ok(fd) => fd,
        Err(error) => {
            eprintln!("slipway: cannot watch signals: {error}");
            return protocol::BAD_HAND_OVER;
        }
    };
    let mut supervisor = Supervisor {
        input: Some(Vec::new()),
        signals,
        command: None,
        expires_at: sys::boot_ms() + wait_s * 1000,
        kill_at: None,
        expired: false,
        told: false,
        room: None,
        full: false,
        main: None,
    };
    let code = supervisor.turn_until_ended();
    supervisor.end_leftovers();
    let Supervisor { expired, told, full, .. } = supervisor;
    let report = Report { code, oom: oom_killed(), expired, told, full };
    if let Some(command) = &supervisor.command {
        let _ = io::stderr().write_all(&report.encode(&command.nonce));
    }
    code
}

impl Supervisor {
    fn turn_until_ended(&mut self) -> i32 {
        loop {
            if let Some((_, Some(code))) = self.main {
                return code;
            }
            let now = sys::boot_ms();
            if let Some(code) = self.mind_the_clock(now) {
                return code;
            }
            let mut next = self.kill_at.unwrap_or(self.expires_at);
            if let Some(room) = self.room.as_mut().filter(|_| !self.full) {
                if room.is_exceeded(now) {
                    // At once: what it writes during a grace is what there is no room for.
                    self.full = true;
                    eprintln!("slipway: the files of this step take more room than they may; ending it");
                    sys::kill(-1, sys::SIGKILL);
                } else {
                    next = next.min(room.next_look());
                }
            }
            let mut fds = [
                sys::PollFd { fd: self.signals, events: sys::POLLIN, revents: 0 },
                sys::PollFd { fd: if self.input.is_some() { 0 } else { -1 }, events: sys::POLLIN, revents: 0 },
            ];
            sys::poll(&mut fds, next.saturating_sub(now).clamp(1, TICK_MS));
            if fds[0].revents != 0
                && let Some(code) = self.take_signals()
            {
                return code;
            }
            if fds[1].revents != 0
                && let Err((code, reason)) = self.take_input()
            {
                eprintln!("slipway: {reason}");
                return code;
            }
        }
    }

    /// Ends what is overdue. `Some` when there is no command to wait for.
    fn mind_the_clock(&mut self, now: u64) -> Option<i32> {
        if self.kill_at.is_some_and(|at| now >= at) {
            sys::kill(-1, sys::SIGKILL);
            self.kill_at = Some(now + TICK_MS);
        } else if self.kill_at.is_none() && now >= self.expires_at {
            let Some((pid, _)) = self.main else {
                eprintln!("slipway: no command came");
                return Some(protocol::BAD_HAND_OVER);
            };
            eprintln!("slipway: the worker no longer renews this step; ending it");
            self.expired = true;
            sys::kill(-pid, sys::SIGTERM);
            self.kill_at = Some(now + self.command.as_ref().map_or(DEFAULT_GRACE_MS, |command| command.grace_ms));
        }
        None
    }

    fn take_signals(&mut self) -> Option<i32> {
        while let Some((signal, from_outside)) = sys::next_signal(self.signals) {
            match (signal, self.main) {
                (sys::SIGCHLD, _) => {
                    while let Some((pid, code)) = sys::reap() {
                        if let Some((main, ended)) = &mut self.main
                            && *main == pid
                        {
                            *ended = Some(code);
                        }
                    }
                }
                (signal, Some((pid, _))) => {
                    self.told |= from_outside && matches!(signal, sys::SIGTERM | sys::SIGINT | sys::SIGQUIT);
                    sys::kill(-pid, signal);
                }
                (signal, None) => return Some(128 + signal),
            }
        }
        None
    }

    fn take_input(&mut self) -> Result<(), (i32, String)> {
        let Some(pending) = &mut self.input else { return Ok(()) };
        let mut chunk = [0_u8; 64 * 1024];
        match sys::read(0, &mut chunk) {
            Ok(0) => self.input = None,
            Ok(count) => pending.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.input = None,
        }
        while let Some(pending) = &mut self.input {
            match Message::take(pending) {
                Ok(None) => break,
                Ok(Some(message)) => self.obey(message)?,
                // A worker that came back may be cut off in the middle of a frame: the deadline then decides.
                Err(_) if self.main.is_some() => self.input = None,
                Err(error) => return Err((protocol::BAD_HAND_OVER, format!("hand-over not understood: {error}"))),
            }
        }
        Ok(())
    }

    fn obey(&mut self, message: Message) -> Result<(), (i32, String)> {
        match message {
            Message::Renew(ms) if self.main.is_some() => self.expires_at = sys::boot_ms().saturating_add(ms),
            Message::Command(command) if self.main.is_none() => {
                self.expires_at = sys::boot_ms().saturating_add(command.deadline_ms);
                let command = self.command.insert(command);
                for file in &mut command.files {
                    put_file(file)
                        .map_err(|error| (protocol::BAD_HAND_OVER, format!("cannot write {}: {error}", file.path)))?;
                    file.content = Vec::new();
                }
                self.main = Some((start(command)?, None));
                self.room = (command.max_disk > 0).then(|| Room::new(command.max_disk));
                command.env.clear();
                command.argv.clear();
            }
            Message::Renew(_) | Message::Command(_) => {}
        }
        Ok(())
    }

    fn end_leftovers(&self) {
        if self.main.is_some() {
            sys::kill(-1, sys::SIGKILL);
            while sys::reap_blocking().is_some() {}
        }
    }
}

fn put_file(file: &protocol::File) -> io::Result<()> {
    let path = Path::new(&file.path);
    let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if !plain || !path.starts_with(protocol::FILES_ROOT) || path == Path::new(protocol::FILES_ROOT) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not under /run/slipway"));
    }
    if let Some(parent) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
    }
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    out.write_all(&file.content)?;
    out.set_permissions(fs::Permissions::from_mode(file.mode & 0o777))
}

fn start(command: &Command) -> Result<c_int, (i32, String)> {
    let Some((program, arguments)) = command.argv.split_first() else {
        return Err((protocol::BAD_HAND_OVER, "the command is empty".into()));
    };
    if !Path::new(&command.cwd).is_dir() {
        return Err((126, format!("the working directory {} does not exist in the image", command.cwd)));
    }
    let mut child = process::Command::new(program);
    child
        .args(arguments)
        .envs(command.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&command.cwd)
        .stdin(process::Stdio::null());
    // SAFETY: the hook makes system calls only; it neither allocates nor takes a lock.
    unsafe { child.pre_exec(prepare_child) };
    match child.spawn() {
        Ok(started) => c_int::try_from(started.id()).map_err(|_| (126, "process id out of range".into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err((127, format!("{program}: not found in the image (nor is the interpreter it may name)")))
        }
        Err(error) => Err((126, format!("{program}: cannot be executed: {error}"))),
    }
}

/// Runs in the child between fork and exec.
fn prepare_child() -> io::Result<()> {
    sys::unblock_signals()?;
    sys::setsid()?;
    // Whoever answers people on this machine need not wait for a step's turn to be over.
    sys::be_work();
    // When memory runs out the kernel should choose the step, never the init, which has to report it.
    sys::set_dumpable(true)?;
    if let Ok(mut score) = fs::OpenOptions::new().write(true).open("/proc/self/oom_score_adj") {
        let _ = score.write_all(b"900");
    }
    sys::set_dumpable(false)
}

fn oom_killed() -> bool {
    ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"].iter().any(|path| {
        fs::read_to_string(path).is_ok_and(|text| {
            text.lines().any(|line| line.strip_prefix("oom_kill ").is_some_and(|count| count.trim() != "0"))
        })
    })
}
