//! The few system calls that `std` has no words for. Linux, 64 bit; the C library is linked statically all the same.

use std::{ffi::c_int, io, mem::MaybeUninit};

pub const SIGHUP: c_int = 1;
pub const SIGINT: c_int = 2;
pub const SIGQUIT: c_int = 3;
pub const SIGKILL: c_int = 9;
pub const SIGUSR1: c_int = 10;
pub const SIGUSR2: c_int = 12;
pub const SIGTERM: c_int = 15;
pub const SIGCHLD: c_int = 17;

/// Signals that the init takes from a file descriptor, one after another, instead of in handlers.
pub const WATCHED: [c_int; 7] = [SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTERM, SIGCHLD];

const SIG_BLOCK: c_int = 0;
const SIG_SETMASK: c_int = 2;
const SFD_FLAGS: c_int = 0o2000000 | 0o4000;
const WNOHANG: c_int = 1;
const PR_SET_DUMPABLE: c_int = 4;
const CLOCK_BOOTTIME: c_int = 7;
const SCHED_BATCH: c_int = 3;
pub const POLLIN: i16 = 1;

#[repr(C)]
#[derive(Clone, Copy)]
struct SigSet([u64; 16]);

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanos: i64,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct PollFd {
    pub fd: c_int,
    pub events: i16,
    pub revents: i16,
}

unsafe extern "C" {
    fn sigemptyset(set: *mut SigSet) -> c_int;
    fn sigaddset(set: *mut SigSet, signal: c_int) -> c_int;
    fn sigprocmask(how: c_int, set: *const SigSet, old: *mut SigSet) -> c_int;
    fn signalfd(fd: c_int, set: *const SigSet, flags: c_int) -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    #[link_name = "kill"]
    fn c_kill(pid: c_int, signal: c_int) -> c_int;
    fn prctl(option: c_int, ...) -> c_int;
    fn clock_gettime(clock: c_int, at: *mut Timespec) -> c_int;
    #[link_name = "poll"]
    fn c_poll(fds: *mut PollFd, count: u64, timeout_ms: c_int) -> c_int;
    fn getuid() -> u32;
    #[link_name = "setsid"]
    fn c_setsid() -> c_int;
    fn sched_setscheduler(pid: c_int, policy: c_int, priority: *const c_int) -> c_int;
    #[link_name = "read"]
    fn c_read(fd: c_int, buffer: *mut u8, count: usize) -> isize;
}

fn checked(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Blocks the watched signals and returns a descriptor that gives them. Children inherit what is blocked.
pub fn watch_signals() -> io::Result<c_int> {
    let mut set = MaybeUninit::<SigSet>::zeroed();
    // SAFETY: `set` is as large as the C library's sigset_t and is initialised by sigemptyset before it is read.
    unsafe {
        checked(sigemptyset(set.as_mut_ptr()))?;
        for signal in WATCHED {
            checked(sigaddset(set.as_mut_ptr(), signal))?;
        }
        checked(sigprocmask(SIG_BLOCK, set.as_ptr(), std::ptr::null_mut()))?;
        checked(signalfd(-1, set.as_ptr(), SFD_FLAGS))
    }
}

/// Takes all blocks back, in a child that is about to become another program.
pub fn unblock_signals() -> io::Result<()> {
    let mut set = MaybeUninit::<SigSet>::zeroed();
    // SAFETY: `set` is as large as the C library's sigset_t and is initialised by sigemptyset before it is read.
    unsafe {
        checked(sigemptyset(set.as_mut_ptr()))?;
        checked(sigprocmask(SIG_SETMASK, set.as_ptr(), std::ptr::null_mut())).map(|_| ())
    }
}

/// The next signal that waits at the descriptor, if one does, and whether it came from outside the container.
pub fn next_signal(fd: c_int) -> Option<(c_int, bool)> {
    let mut info = [0_u8; 128];
    // SAFETY: the buffer is exactly one signalfd_siginfo long, and the kernel writes whole ones only.
    let got = unsafe { c_read(fd, info.as_mut_ptr(), info.len()) };
    let number = |at: usize| c_int::from_ne_bytes([info[at], info[at + 1], info[at + 2], info[at + 3]]);
    // A sender in another process namespace has no number in this one: it shows as 0.
    (got == 128).then(|| (number(0), number(12) == 0))
}

/// Reads what is there; 0 at the end.
pub fn read(fd: c_int, buffer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the pointer and the length are of one live slice.
    let got = unsafe { c_read(fd, buffer.as_mut_ptr(), buffer.len()) };
    usize::try_from(got).map_err(|_| io::Error::last_os_error())
}

/// Waits for one of the descriptors, at most so long.
pub fn poll(fds: &mut [PollFd], timeout_ms: u64) {
    let timeout = c_int::try_from(timeout_ms).unwrap_or(c_int::MAX);
    // SAFETY: the pointer and the count are of one live slice. An error or an interruption is a wake-up like any other.
    unsafe { c_poll(fds.as_mut_ptr(), fds.len() as u64, timeout) };
}

/// Collects one ended child: its id, and its exit code or 128 + the signal that ended it.
pub fn reap() -> Option<(c_int, i32)> {
    collect(WNOHANG)
}

/// Collects the next child to end; `None` when there are no children left.
pub fn reap_blocking() -> Option<(c_int, i32)> {
    collect(0)
}

fn collect(options: c_int) -> Option<(c_int, i32)> {
    let mut status = 0;
    // SAFETY: `status` lives across the call.
    let pid = unsafe { waitpid(-1, &raw mut status, options) };
    let signal = status & 0x7f;
    (pid > 0).then_some((pid, if signal == 0 { (status >> 8) & 0xff } else { 128 + signal }))
}

/// Sends a signal; nobody there is no error.
pub fn kill(pid: c_int, signal: c_int) {
    // SAFETY: takes two numbers.
    unsafe { c_kill(pid, signal) };
}

/// Whether processes of the same user may look into this one's memory and descriptors.
pub fn set_dumpable(yes: bool) -> io::Result<()> {
    // SAFETY: this option takes one number.
    checked(unsafe { prctl(PR_SET_DUMPABLE, u64::from(yes), 0_u64, 0_u64, 0_u64) }).map(|_| ())
}

/// The user that the calling process runs as.
pub fn own_user() -> u32 {
    // SAFETY: takes nothing and cannot fail.
    unsafe { getuid() }
}

/// Makes the calling process the leader of a session and of a process group of its own.
pub fn setsid() -> io::Result<()> {
    // SAFETY: takes nothing.
    checked(unsafe { c_setsid() }).map(|_| ())
}

/// Has the kernel take the calling process, and all that it starts, for work that nobody looks at: it gets as much of the
/// processors as before, and takes no other's place in the middle of its turn. Where that may not be asked for, nothing changes.
pub fn be_work() {
    let priority = 0;
    // SAFETY: one number is read, the priority, which lives across the call.
    unsafe { sched_setscheduler(0, SCHED_BATCH, &raw const priority) };
}

/// Milliseconds since the machine started, those it slept through too.
pub fn boot_ms() -> u64 {
    let mut at = Timespec { seconds: 0, nanos: 0 };
    // SAFETY: `at` has the layout of the C library's timespec on 64-bit Linux.
    unsafe { clock_gettime(CLOCK_BOOTTIME, &raw mut at) };
    u64::try_from(at.seconds * 1000 + at.nanos / 1_000_000).unwrap_or(0)
}
