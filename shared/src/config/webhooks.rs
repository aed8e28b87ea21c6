//! Announcements of events to others.

use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Announcements of events to others: where they may go, and how often they are tried.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Webhooks {
    /// Networks that endpoints may be in though they are not public, as `10.20.0.0/16`. None: public addresses only.
    pub allow: Vec<IpNet>,
    /// Whether endpoints may be `http://`, where anyone on the way can read and change what is sent.
    pub plain_http: bool,
    /// Certificates to trust instead of the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// What stands in front of paths in what is announced, as `https://slipway.example.org`. None: the instance's name does.
    pub source: Option<String>,
    /// Seconds that one delivery may take, from the look-up of the name to the last byte of the answer.
    pub timeout_s: u32,
    /// Deliveries under way at once, in one scheduler.
    pub concurrency: u32,
    /// Deliveries under way at once to one endpoint, so that a slow one delays no other.
    pub endpoint_concurrency: u32,
    /// Seconds before the second try; it doubles with each further one, up to an hour, give or take a quarter.
    pub backoff_s: u32,
    /// Seconds after which a delivery is given up.
    pub give_up_after_s: u32,
    /// Seconds without a single success after which an endpoint is disabled.
    pub disable_after_s: u32,
    /// Days that finished deliveries are kept.
    pub keep_days: u32,
    /// Endpoints that a team may have; the instance too.
    pub max_endpoints: u32,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            plain_http: false,
            ca_file: None,
            source: None,
            timeout_s: 15,
            concurrency: 32,
            endpoint_concurrency: 4,
            backoff_s: 5,
            give_up_after_s: 86_400,
            disable_after_s: 172_800,
            keep_days: 14,
            max_endpoints: 20,
        }
    }
}
