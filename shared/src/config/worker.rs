//! The worker, and what it runs containers with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ServerTls;

/// The worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Worker {
    /// Shown to people; the host's name when empty.
    pub name: String,
    /// Queues it serves.
    pub queues: Vec<String>,
    /// Shown with it, for people and programs to tell workers apart: `zone: a`. They choose no runs: queues do.
    pub labels: BTreeMap<String, String>,
    /// Runs it drives at once.
    pub slots: u32,
    /// Seconds a lease lasts without renewal. Renewed at a third; at two thirds the worker stops its own containers.
    pub lease_ttl_s: u32,
    /// Seconds that SIGTERM gives running work before it is handed back.
    pub drain_s: u32,
    /// What runs containers.
    pub engine: EngineKind,
    /// The Docker engine's socket.
    pub docker_socket: String,
    /// Bytes of log one attempt may write, each line counted with 64 more; of what comes after, the end is kept and the rest counted.
    pub max_log_bytes: u64,
    /// Bytes a step's workspace may take on disk while the step runs, and a run's may have when it is checkpointed.
    pub max_workspace_bytes: u64,
    /// Seconds a step's wait must reach for the run to give its slot back meanwhile.
    pub suspend_backoff_over_s: u32,
    /// Megabytes that must be free on the engine's disk for a new run to be claimed.
    pub min_free_disk_mib: u64,
    /// Address for `/metrics`, `/livez` and `/readyz`; none: not served.
    pub metrics_listen: Option<String>,
    /// TLS at `metrics_listen`. None: plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_tls: Option<ServerTls>,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            name: String::new(),
            queues: vec!["default".into()],
            labels: BTreeMap::new(),
            slots: 4,
            lease_ttl_s: 30,
            drain_s: 60,
            engine: EngineKind::Docker,
            docker_socket: "/var/run/docker.sock".into(),
            max_log_bytes: 16 * 1024 * 1024,
            max_workspace_bytes: 512 * 1024 * 1024,
            suspend_backoff_over_s: 30,
            min_free_disk_mib: 1024,
            metrics_listen: None,
            metrics_tls: None,
        }
    }
}

/// What runs containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineKind {
    /// A Docker engine, through its API.
    Docker,
    /// No containers: steps do what their config scripts. For tests and benchmarks that count runs by the hundred.
    Scripted,
}
