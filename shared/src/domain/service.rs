//! What runs beside the steps of a run while they need it: a database to test against, a broker, a stand-in for something else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Services that a workflow may have.
pub const MAX_SERVICES: usize = 8;

/// One service of a workflow: a container in the network of its run, known there by its name.
///
/// Strings in `image`, `command`, `env` and `ready` may hold templates over `.parameters`, `.settings` and `.run`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Unique in its workflow, also among steps: the name that steps connect to.
    pub name: String,
    /// Image; the instance's `sandbox.images` must admit it.
    pub image: String,
    /// The program and its arguments. What the image would run is not used.
    pub command: Vec<String>,
    /// Laid over the environment of the image.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Secrets of the provider that reach it as files, by the name in its settings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// Where it may write, all of it memory: folder → MiB.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tmpfs: BTreeMap<String, u32>,
    /// MiB of memory; 0 means the instance's default.
    #[serde(default)]
    pub memory_mib: u32,
    /// Thousandths of a processor; 0 means the instance's default.
    #[serde(default)]
    pub cpu_millis: u32,
    /// When steps may begin that use it; without it, as soon as it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Readiness>,
}

/// How it is found out that a service is ready.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Readiness {
    /// What is tried, inside its container.
    pub check: Check,
    /// Seconds from one try to the next. One may take as long, or five seconds.
    pub interval_s: f64,
    /// Seconds after which it is given up.
    pub timeout_s: u32,
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Something takes connections on this port, at the address that steps reach it by.
    Tcp(u16),
    /// This program ends with exit code 0.
    Command(Vec<String>),
}

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(port) => write!(f, "TCP port {port}"),
            Self::Command(argv) => write!(f, "command '{}'", argv.join(" ")),
        }
    }
}
