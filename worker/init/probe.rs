//! Whether a service is ready, found out from inside its container.
//!
//! `probe MILLISECONDS tcp PORT` connects, at the address that others reach the container by; `probe MILLISECONDS run PROGRAM
//! ARGUMENT…` gives a program's exit code, and ends it when it takes longer. What stands against it is the last line printed.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    os::unix::process::CommandExt,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{protocol::BAD_HAND_OVER, sys};

/// The exit code for a program that took too long.
const TOO_LONG: i32 = 124;
const TICK: Duration = Duration::from_millis(5);

/// Makes one try; returns the exit code, 0 for ready.
pub fn run(arguments: &[String]) -> i32 {
    let [millis, how, rest @ ..] = arguments else { return BAD_HAND_OVER };
    let Ok(limit) = millis.parse().map(Duration::from_millis) else { return BAD_HAND_OVER };
    match (how.as_str(), rest) {
        ("tcp", [port]) => port.parse().map_or(BAD_HAND_OVER, |port| connect(port, limit)),
        ("run", [program, arguments @ ..]) => execute(program, arguments, limit),
        _ => BAD_HAND_OVER,
    }
}

fn connect(port: u16, limit: Duration) -> i32 {
    match TcpStream::connect_timeout(&SocketAddr::new(own_address(), port), limit) {
        Ok(_) => 0,
        Err(error) => {
            println!("{error}");
            1
        }
    }
}

/// The address that the hosts file has for this container: what listens on the loopback device only is no use to others.
fn own_address() -> IpAddr {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
    let own = hosts.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|word| word == name.trim()).then_some(address)
    });
    own.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

fn execute(program: &str, arguments: &[String], limit: Duration) -> i32 {
    let began = Instant::now();
    // In a group of its own, so that all of it can be ended.
    let started = Command::new(program).args(arguments).stdin(Stdio::null()).process_group(0).spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            println!("{program}: {error}");
            return 127;
        }
    };
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.code().unwrap_or(1),
            Ok(None) if began.elapsed() < limit => thread::sleep(TICK),
            Ok(None) => {
                sys::kill(-i32::try_from(child.id()).unwrap_or(i32::MAX), sys::SIGKILL);
                println!("it took longer than {} ms", limit.as_millis());
                return TOO_LONG;
            }
            Err(error) => {
                println!("{program}: {error}");
                return 1;
            }
        }
    }
}
