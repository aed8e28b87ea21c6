//! Providers that come from Git.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::SecretSource;

/// Providers that come from Git: what may be fetched, and how much of it. Without any of this, repositories of public
/// hosts over https.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Git {
    /// A list of sources, `providers.yaml`. What it says is not changed through the API.
    pub sources: Option<PathBuf>,
    /// The program: a name on `PATH`, or a path.
    pub program: PathBuf,
    /// Folders below which `file://` repositories may be. None: no `file://`.
    pub folders: Vec<PathBuf>,
    /// `host` or `host:port` that may have private addresses. All others must have public ones.
    pub private_hosts: Vec<String>,
    /// `host` or `host:port` that may be spoken to over `http://`, where anyone on the way can change what is fetched.
    pub plain_http_hosts: Vec<String>,
    /// Certificates to trust instead of the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// How `ssh://` repositories are reached. None: no `ssh://`.
    pub ssh: Option<GitSsh>,
    /// Passwords and tokens for https, by the name that a source gives.
    pub credentials: BTreeMap<String, GitCredential>,
    /// Secrets that pushes are announced with, by the name that a source gives, or else by the source's own name.
    pub webhook_secrets: BTreeMap<String, SecretSource>,
    /// Seconds between two looks at a source that does not say; 0: only when asked.
    pub interval_s: u32,
    /// Seconds that one look may take.
    pub timeout_s: u32,
    /// Bytes that one fetch may write to disk.
    pub max_fetch_bytes: u64,
    /// Bytes that the files of a source may have together.
    pub max_tree_bytes: u64,
    /// Files that a source may have.
    pub max_files: u32,
}

impl Default for Git {
    fn default() -> Self {
        Self {
            sources: None,
            program: "git".into(),
            folders: Vec::new(),
            private_hosts: Vec::new(),
            plain_http_hosts: Vec::new(),
            ca_file: None,
            ssh: None,
            credentials: BTreeMap::new(),
            webhook_secrets: BTreeMap::new(),
            interval_s: 300,
            timeout_s: 60,
            max_fetch_bytes: 64 * 1024 * 1024,
            max_tree_bytes: 16 * 1024 * 1024,
            max_files: 5_000,
        }
    }
}

/// How repositories are reached over ssh.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitSsh {
    /// The private key, without a passphrase.
    pub key: PathBuf,
    /// Keys of the hosts, as `known_hosts` has them. A host that is not in it is not spoken to.
    pub known_hosts: PathBuf,
}

/// A password or token, for one host only.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitCredential {
    /// The host that it is sent to, and no other.
    pub host: String,
    /// The user's name; tokens mostly take any.
    #[serde(default = "any_user")]
    pub username: String,
    /// The password or token.
    pub password: SecretSource,
}

fn any_user() -> String {
    "git".into()
}
