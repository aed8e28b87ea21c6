//! The workers that are ours: how they are started, found again and ended.

use std::{path::PathBuf, time::Duration};

use chrono::{DateTime, Utc};

use super::{compose::Compose, processes::Processes};

/// A worker that was started here and has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// What it is called: the name of a process' worker, the short id of a container.
    pub(super) key: String,
    /// For people: where it is, as `process 4711`.
    pub(super) place: String,
    /// When it was started.
    pub(super) started_at: DateTime<Utc>,
    /// Whether it was told to end.
    pub(super) ending: bool,
}

/// One that has ended since the last look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// What it was called.
    pub(super) key: String,
    /// How, for people.
    pub(super) how: String,
    /// Whether it was told to.
    pub(super) told: bool,
}

/// What is there.
#[derive(Clone, Debug, Default)]
pub(super) struct Present {
    /// The workers, oldest first.
    pub(super) units: Vec<Unit>,
    /// Those that are no more.
    pub(super) ended: Vec<Ended>,
}

/// Where workers come from.
#[derive(Debug)]
pub(super) enum Fleet {
    /// Processes of this machine.
    Processes(Processes),
    /// Containers of a compose service.
    Compose(Compose),
}

impl Fleet {
    /// What is there now.
    ///
    /// # Errors
    /// When that cannot be found out; then nothing is known.
    pub(super) async fn look(&mut self) -> anyhow::Result<Present> {
        match self {
            Self::Processes(processes) => Ok(processes.look()),
            Self::Compose(compose) => compose.look().await,
        }
    }

    /// Starts `count` more; gives those that it could.
    ///
    /// # Errors
    /// When none could be started.
    pub(super) async fn start(&mut self, count: u32) -> anyhow::Result<Vec<Unit>> {
        match self {
            Self::Processes(processes) => processes.start(count),
            Self::Compose(compose) => compose.start(count).await,
        }
    }

    /// Tells one to end as SIGTERM does, and does not wait for it. Told twice, it is told once.
    ///
    /// # Errors
    /// When it cannot be told.
    pub(super) fn stop(&mut self, key: &str, grace: Duration) -> anyhow::Result<()> {
        match self {
            Self::Processes(processes) => processes.stop(key),
            Self::Compose(compose) => {
                compose.stop(key, grace);
                Ok(())
            }
        }
    }

    /// Waits for what was told to end where nobody else would see to that.
    pub(super) async fn settle(&mut self) {
        match self {
            Self::Processes(_) => {}
            Self::Compose(compose) => compose.settle().await,
        }
    }

    /// Ends one that SIGTERM did not, whatever it does.
    ///
    /// # Errors
    /// When it cannot be ended.
    pub(super) fn kill(&mut self, key: &str) -> anyhow::Result<()> {
        match self {
            Self::Processes(processes) => processes.kill(key),
            // The engine does that itself at the end of the grace.
            Self::Compose(_) => Ok(()),
        }
    }

    /// Whether the server's worker of this name on this host is the unit.
    pub(super) fn is(&self, unit: &Unit, name: &str, host: &str) -> bool {
        match self {
            Self::Processes(_) => name == unit.key,
            // A container's host name is its short id.
            Self::Compose(_) => host == unit.key,
        }
    }

    /// Where a worker's log is, where it is a file.
    pub(super) fn log_of(&self, key: &str) -> Option<PathBuf> {
        match self {
            Self::Processes(processes) => Some(processes.log_of(key)),
            Self::Compose(_) => None,
        }
    }
}
