//! Where spans are sent.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::SecretSource;

/// Where spans are sent: traces from a request to the containers of its steps.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Traces {
    /// A collector that takes OTLP over HTTP as protobuf, as `http://collector:4318`; `/v1/traces` is added. None: nothing is traced.
    pub endpoint: Option<String>,
    /// Headers sent along, by name, as `authorization`. Read at the start.
    pub headers: BTreeMap<String, SecretSource>,
    /// The part of new traces that is kept, from 0 to 1. What a caller decided about theirs is heeded.
    pub sample: f64,
    /// Certificates to trust instead of the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// Seconds that one batch may take.
    pub timeout_s: u32,
    /// Spans that may wait to be sent; more are dropped, and counted.
    pub queue: u32,
}

impl Default for Traces {
    fn default() -> Self {
        Self { endpoint: None, headers: BTreeMap::new(), sample: 1.0, ca_file: None, timeout_s: 10, queue: 4096 }
    }
}
