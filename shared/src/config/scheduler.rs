//! The scheduler: how often it looks, and how long things are kept.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ServerTls;

/// The scheduler.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scheduler {
    /// Folders that hold providers, each in a folder of its own.
    pub providers: Vec<PathBuf>,
    /// Milliseconds between passes when no NOTIFY comes.
    pub period_ms: u64,
    /// Seconds after which a ticket that nobody claimed is sent again.
    pub requeue_after_s: u32,
    /// Times a run may be lost with its worker before it is failed as poison.
    pub max_losses: u16,
    /// Seconds without a heartbeat after which a worker counts as gone.
    pub worker_gone_after_s: u32,
    /// Days that finished runs, events and logs are kept.
    pub retention_days: u32,
    /// Days that the lines of a log stay in Postgres once it is in the archive, from where it is shown then: `archive.url` must
    /// lead apis and workers to the same place. None: as long as the run.
    pub log_rows_days: Option<u32>,
    /// Address for `/metrics`, `/livez` and `/readyz`; none: not served.
    pub metrics_listen: Option<String>,
    /// TLS at `metrics_listen`. None: plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_tls: Option<ServerTls>,
}

impl Default for Scheduler {
    fn default() -> Self {
        Self {
            providers: vec!["providers".into()],
            period_ms: 1_000,
            requeue_after_s: 30,
            max_losses: 5,
            worker_gone_after_s: 30,
            retention_days: 90,
            log_rows_days: None,
            metrics_listen: None,
            metrics_tls: None,
        }
    }
}
