//! The first process of every container that Slipway starts. A static program of `std` alone, so that it runs in any
//! image: it takes its command over standard input, starts it, and ends it when nobody renews its deadline.
//!
//! `init step WAIT_SECONDS` supervises a step; `init gate …` forwards connections (see `gate.rs`); `init probe …` finds out
//! whether a service is ready (see `probe.rs`).

mod addresses;
mod gate;
mod probe;
#[path = "protocol.rs"]
#[allow(dead_code, reason = "the worker's half of the protocol")]
mod protocol;
mod room;
mod supervise;
mod sys;

use std::process::exit;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let code = match arguments.split_first().map(|(mode, rest)| (mode.as_str(), rest)) {
        Some(("step", [wait])) => supervise::run(wait.parse().unwrap_or(60)),
        Some(("gate", rest)) => gate::run(rest),
        Some(("probe", rest)) => probe::run(rest),
        _ => {
            eprintln!("slipway: this program is started by Slipway");
            protocol::BAD_HAND_OVER
        }
    };
    exit(code);
}
