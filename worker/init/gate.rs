//! The one way out of a step's network: listens on the allowed ports and forwards each to its one target.
//!
//! `gate SECONDS LISTEN_ADDRESS (PORT=HOST:PORT)…`. It ends by itself after so many seconds, in case nobody removes it.

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{addresses, sys};

/// Open connections of one gate. Two threads serve each.
const MAX_CONNECTIONS: usize = 64;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection on which neither side says anything for so long is closed.
const IDLE_MS: u64 = 30 * 60 * 1000;
const TICK: Duration = Duration::from_secs(15);
const STACK: usize = 256 * 1024;

static OPEN: AtomicUsize = AtomicUsize::new(0);

/// Serves until its time is over or it is told to end; returns the exit code.
pub fn run(arguments: &[String]) -> i32 {
    match serve(arguments) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("slipway gate: {error}");
            1
        }
    }
}

fn serve(arguments: &[String]) -> io::Result<()> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    let [seconds, address, routes @ ..] = arguments else { return Err(invalid("arguments missing")) };
    let seconds: u64 = seconds.parse().map_err(|_| invalid("seconds"))?;
    let address: IpAddr = address.parse().map_err(|_| invalid("address"))?;
    let signals = sys::watch_signals()?;
    for route in routes {
        let (port, target) = route.split_once('=').ok_or_else(|| invalid("route"))?;
        let port: u16 = port.parse().map_err(|_| invalid("port"))?;
        let listener = TcpListener::bind((address, port))?;
        let target: Arc<str> = target.into();
        spawn(move || accept(&listener, &target))?;
    }
    // The worker waits for this line before it lets the step begin.
    println!("open");
    let end = sys::boot_ms().saturating_add(seconds.saturating_mul(1000));
    loop {
        let now = sys::boot_ms();
        if now >= end {
            return Ok(());
        }
        let mut fds = [sys::PollFd { fd: signals, events: sys::POLLIN, revents: 0 }];
        sys::poll(&mut fds, (end - now).min(60_000));
        while let Some((signal, _)) = sys::next_signal(signals) {
            if signal == sys::SIGTERM || signal == sys::SIGINT {
                return Ok(());
            }
        }
    }
}

fn spawn(work: impl FnOnce() + Send + 'static) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().stack_size(STACK).spawn(work)
}

fn accept(listener: &TcpListener, target: &Arc<str>) {
    loop {
        let Ok((inner, _)) = listener.accept() else {
            thread::sleep(Duration::from_millis(50));
            continue;
        };
        if OPEN.fetch_add(1, Ordering::SeqCst) >= MAX_CONNECTIONS {
            OPEN.fetch_sub(1, Ordering::SeqCst);
            eprintln!("slipway gate: refused a connection to {target}: {MAX_CONNECTIONS} are open");
            continue;
        }
        let target = Arc::clone(target);
        let work = move || {
            if let Err(error) = forward(inner, &target) {
                eprintln!("slipway gate: {target}: {error}");
            }
            OPEN.fetch_sub(1, Ordering::SeqCst);
        };
        if spawn(work).is_err() {
            OPEN.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// The name is resolved for each connection: an address that moved is followed, unless to where no name may lead.
fn forward(inner: TcpStream, target: &str) -> io::Result<()> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address that a name may have");
    // Written as an address, it is meant.
    let meant = target.parse::<SocketAddr>().is_ok();
    let outer = target
        .to_socket_addrs()?
        .filter(|address| meant || addresses::may_be_named(address.ip()))
        .find_map(|address| TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).map_err(|error| last = error).ok());
    let Some(outer) = outer else { return Err(last) };
    let active = Arc::new(AtomicU64::new(sys::boot_ms()));
    for side in [&inner, &outer] {
        side.set_read_timeout(Some(TICK))?;
        side.set_write_timeout(Some(Duration::from_millis(IDLE_MS)))?;
        side.set_nodelay(true)?;
    }
    let back = {
        let (from, to, active) = (outer.try_clone()?, inner.try_clone()?, Arc::clone(&active));
        spawn(move || copy(&from, &to, &active))?
    };
    copy(&inner, &outer, &active);
    let _ = back.join();
    Ok(())
}

/// Copies one direction and passes its end on, so that a half-closed connection works.
fn copy(mut from: &TcpStream, mut to: &TcpStream, active: &AtomicU64) {
    let mut buffer = vec![0_u8; 32 * 1024];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => {
                let _ = to.shutdown(Shutdown::Write);
                return;
            }
            Ok(count) => {
                active.store(sys::boot_ms(), Ordering::Relaxed);
                if to.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                if sys::boot_ms().saturating_sub(active.load(Ordering::Relaxed)) > IDLE_MS {
                    break;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
