//! What the configuration names for TLS, all of it, as it stands.

use std::path::{Path, PathBuf};

use super::{TlsError, Validity, authorities, optional_identity};
use crate::config::{Config, ServerTls};

/// A certificate with its key, or a file of authorities, that the configuration names.
#[derive(Debug)]
pub struct Seen {
    /// What names it (`api.tls.cert`).
    pub setting: String,
    /// The file.
    pub path: PathBuf,
    /// When it may be used, or why it cannot be.
    pub outcome: Result<Validity, TlsError>,
}

/// Looks at every file that `database.tls`, `redis.tls`, `api.tls` and the listeners for figures name.
#[must_use]
pub fn survey(config: &Config) -> Vec<Seen> {
    let mut seen = Vec::new();
    if let Some(tls) = &config.database.tls {
        pair(&mut seen, "database.tls", tls.cert.as_deref(), tls.key.as_deref());
        trusted(&mut seen, "database.tls.ca", tls.ca.as_deref());
    }
    if let Some(tls) = &config.redis.tls {
        pair(&mut seen, "redis.tls", tls.cert.as_deref(), tls.key.as_deref());
        trusted(&mut seen, "redis.tls.ca", tls.ca.as_deref());
    }
    let listeners: [(&str, &Option<ServerTls>); 3] = [
        ("api.tls", &config.api.tls),
        ("scheduler.metrics_tls", &config.scheduler.metrics_tls),
        ("worker.metrics_tls", &config.worker.metrics_tls),
    ];
    for (section, tls) in listeners {
        let Some(tls) = tls else { continue };
        pair(&mut seen, section, Some(&tls.cert), Some(&tls.key));
        trusted(&mut seen, &format!("{section}.client_ca"), tls.client_ca.as_deref());
    }
    seen
}

fn pair(seen: &mut Vec<Seen>, section: &str, cert: Option<&Path>, key: Option<&Path>) {
    let Some(path) = cert.or(key) else { return };
    let [of_cert, of_key] = ["cert", "key"].map(|name| format!("{section}.{name}"));
    let outcome = optional_identity([&of_cert, &of_key], cert, key);
    // With a certificate or a key there is an identity, or a reason why not.
    let Some(outcome) = outcome.map(|found| found.map(|found| found.validity)).transpose() else { return };
    seen.push(Seen { setting: of_cert, path: path.to_path_buf(), outcome });
}

fn trusted(seen: &mut Vec<Seen>, setting: &str, path: Option<&Path>) {
    let Some(path) = path else { return };
    let outcome = authorities(setting, path).map(|found| found.validity);
    seen.push(Seen { setting: setting.to_owned(), path: path.to_path_buf(), outcome });
}
