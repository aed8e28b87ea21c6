//! TLS: towards Postgres and Redis, and where Slipway listens itself.
//!
//! Files are PEM. They are looked at when a process starts, which refuses what cannot work, and read again when they change.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// TLS to Postgres. It takes the place of what `database.url` says by `sslmode` and the like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseTls {
    /// How much the server has to prove.
    pub mode: DatabaseTlsMode,
    /// File with the authorities that may have signed the server's certificate, beside those that the system trusts.
    pub ca: Option<PathBuf>,
    /// File with the certificate to show to the server, and those between it and its authority. It goes with `key`.
    pub cert: Option<PathBuf>,
    /// File with the private key of `cert`.
    pub key: Option<PathBuf>,
}

/// How much Postgres has to prove, by the names that its own programs have for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseTlsMode {
    /// No TLS.
    Disable,
    /// TLS with whoever answers. It keeps out who only listens.
    Require,
    /// TLS with who shows a certificate of an authority that is trusted, for whatever name.
    VerifyCa,
    /// The certificate must be for the host that `database.url` names as well.
    #[default]
    VerifyFull,
}

/// TLS to Redis, whose `redis.url` begins with `rediss://`. The certificate must be for the host of that address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisTls {
    /// File with the authorities that may have signed the server's certificate. None: those that the system trusts.
    pub ca: Option<PathBuf>,
    /// File with the certificate to show to the server, and those between it and its authority. It goes with `key`.
    pub cert: Option<PathBuf>,
    /// File with the private key of `cert`.
    pub key: Option<PathBuf>,
}

/// TLS (1.2 and 1.3) at an address that a process listens on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// File with the certificate to show, and those between it and its authority.
    pub cert: PathBuf,
    /// File with the private key of `cert`.
    pub key: PathBuf,
    /// File with the authorities of which every client has to show a certificate, probes included. None: none is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,
}
