//! The worker's own clock: it goes on while the machine sleeps and while the process is stopped.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// Time since the machine started, sleep included.
#[must_use]
pub fn boottime() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}
