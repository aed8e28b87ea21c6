//! The child's side.

use std::io::{self, Read, Write};

use nix::sys::resource::{RLIM_INFINITY, Resource, UsageWho, getrusage, setrlimit};

use super::{
    RenderRequest,
    template::{self, Limits},
    wire::{Answer, CHILD_VARIABLE, MAX_REQUEST_BYTES},
};

/// Memory a child may use beyond what it is started with.
const MEMORY_BYTES: u64 = 256 * 1024 * 1024;
/// Seconds of processor time a request may use, at least; the worker's own limit comes first.
const CPU_SECONDS: u64 = 3;

/// Becomes a child that renders, and never returns, if the process was started as one; else does nothing. Every binary
/// that drives runs calls this first thing in `main`, before it starts threads.
pub fn run_child_if_asked() {
    if std::env::var_os(CHILD_VARIABLE).is_none() {
        return;
    }
    let code = match confine().and_then(|()| serve(&mut io::stdin().lock(), &mut io::stdout().lock())) {
        Ok(()) => 0,
        Err(_) => 1,
    };
    std::process::exit(code);
}

/// Gives up all that rendering does not need.
fn confine() -> io::Result<()> {
    // The exec closed what was marked so; a library of the worker may have opened something without.
    let open: Vec<i32> = std::fs::read_dir("/proc/self/fd")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|fd| *fd > 2)
        .collect();
    for fd in open {
        // One of them was the folder itself.
        let _ = nix::unistd::close(fd);
    }
    let pages = std::fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = pages.split(' ').next().and_then(|pages| pages.parse().ok()).unwrap_or(0);
    let memory = pages * 4096 + MEMORY_BYTES;
    setrlimit(Resource::RLIMIT_AS, memory, memory)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    setrlimit(Resource::RLIMIT_FSIZE, 0, 0)?;
    setrlimit(Resource::RLIMIT_NOFILE, 3, 3)?;
    Ok(())
}

/// Lets the process use a few seconds more of the processor than it has.
fn allow_time() -> io::Result<()> {
    let used = getrusage(UsageWho::RUSAGE_SELF)?;
    let seconds = u64::try_from(used.user_time().tv_sec() + used.system_time().tv_sec()).unwrap_or(0);
    Ok(setrlimit(Resource::RLIMIT_CPU, seconds + CPU_SECONDS, RLIM_INFINITY)?)
}

/// Answers requests until the worker closes its end.
fn serve(requests: &mut impl Read, answers: &mut impl Write) -> io::Result<()> {
    loop {
        let mut length = [0; 4];
        match requests.read_exact(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            other => other?,
        }
        let length = u32::from_be_bytes(length) as usize;
        if length > MAX_REQUEST_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut request = vec![0; length];
        requests.read_exact(&mut request)?;
        allow_time()?;
        let request: RenderRequest = serde_json::from_slice(&request)?;
        let answer = Answer::of(template::render(request, Limits::from_now()));
        let answer = serde_json::to_vec(&answer)?;
        answers.write_all(&u32::try_from(answer.len()).unwrap_or(u32::MAX).to_be_bytes())?;
        answers.write_all(&answer)?;
        answers.flush()?;
    }
}
