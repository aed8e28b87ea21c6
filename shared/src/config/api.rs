//! The HTTP service: where it listens, and what it takes.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::ServerTls;

/// The HTTP service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// Address and port to listen on.
    pub listen: String,
    /// Bytes a request body may have.
    pub max_body_bytes: usize,
    /// Seconds a request may take (streams excepted).
    pub request_timeout_s: u64,
    /// The address that browsers reach it by, as `https://slipway.example.com`. None: the one that each request was sent to.
    pub public_url: Option<String>,
    /// Networks (`10.1.0.0/16`) of the proxies in front of it, whose `X-Forwarded-For` is believed. All others' is not read.
    pub trusted_proxies: Vec<IpNet>,
    /// TLS at `listen`. None: plain HTTP, for a proxy that ends TLS in front of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ServerTls>,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".into(),
            max_body_bytes: 1024 * 1024,
            request_timeout_s: 30,
            public_url: None,
            trusted_proxies: Vec::new(),
            tls: None,
        }
    }
}
