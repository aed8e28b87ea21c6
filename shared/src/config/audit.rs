//! The record of changes: what signs it, and where it is kept as well.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::SecretSource;

/// The record of changes: what signs it, and where it is kept as well.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// An Ed25519 seed, 32 bytes in hexadecimal (`openssl rand -hex 32`), that heads of the record are signed with. None: they
    /// are written to the log unsigned.
    pub signing_key: Option<SecretSource>,
    /// Seconds between two heads in the log, while entries come.
    pub head_every_s: u32,
    /// Every entry is posted there.
    pub webhook: Option<AuditWebhook>,
    /// Every entry is sent there.
    pub syslog: Option<AuditSyslog>,
}

impl Default for Audit {
    fn default() -> Self {
        Self { signing_key: None, head_every_s: 300, webhook: None, syslog: None }
    }
}

/// A place that takes the record by HTTP: JSON lines, a batch a request, signed as Standard Webhooks have it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditWebhook {
    /// `https://…`, or `http://…`. Private addresses are allowed: who writes this file may send it where they like.
    pub url: String,
    /// What requests are signed with: `whsec_` and base64.
    pub secret: SecretSource,
    /// Certificates to trust instead of the system's, as PEM.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// A place that takes the record as syslog (RFC 5424).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditSyslog {
    /// `host:port`.
    pub address: String,
    /// How.
    #[serde(default)]
    pub transport: SyslogTransport,
    /// Certificates to trust instead of the system's, as PEM; with `tls`.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// How syslog is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyslogTransport {
    /// RFC 5425.
    #[default]
    Tls,
    /// RFC 6587, with the length in front of each message. Whoever is on the way can read it.
    Tcp,
    /// RFC 5426. Messages may be lost, and nobody is told.
    Udp,
}
