//! The keys that secrets are sealed with, and where else secrets come from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Aws, Azure, Gcp, SecretSource};

/// How secrets are kept. Every binary of an instance needs the same.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Secrets {
    /// Keys that wrap the keys of secrets. The first wraps what is new, the others only open; a rotation puts a new one first
    /// and keeps the old one until `slipway secret rotate-keys` has gone through. None: no secret can be stored, and workers start only where `environment` is `development`; they store sensitive outputs as they are.
    pub keys: Vec<SecretKey>,
    /// HashiCorp Vault or OpenBao: for keys with `vault_transit` and for sources `vault:`.
    pub vault: Option<Vault>,
    /// Amazon Web Services: for keys with `aws_kms` and for sources `aws:` in Secrets Manager.
    pub aws: Option<Aws>,
    /// Google Cloud: for keys with `gcp_kms` and for sources `gcp:` in Secret Manager.
    pub gcp: Option<Gcp>,
    /// Microsoft Azure: for keys with `azure_key_vault` and for sources `azure:` in Key Vault.
    pub azure: Option<Azure>,
}

/// A key of the keyring: an id, and exactly one place.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SecretKey {
    /// Written beside all that it wraps: never give it to another key. Letters, digits, `-`, `_` and `.`, at most 64.
    pub id: String,
    /// A file with 32 bytes in base64 or hex.
    pub file: Option<PathBuf>,
    /// An environment variable with 32 bytes in base64 or hex.
    pub env: Option<String>,
    /// A key of Vault's transit engine, which never leaves it. Of type `aes256-gcm96` or `chacha20-poly1305`.
    pub vault_transit: Option<String>,
    /// A symmetric key of AWS KMS, which never leaves it: its ARN, its id, or `alias/NAME`.
    pub aws_kms: Option<String>,
    /// A symmetric key of Google's Cloud KMS, which never leaves it: `projects/P/locations/L/keyRings/R/cryptoKeys/K`.
    pub gcp_kms: Option<String>,
    /// The name of an RSA key in Azure's Key Vault, which never leaves it.
    pub azure_key_vault: Option<String>,
}

/// A Vault server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Vault {
    /// `https://host:port`. `http://` for a loopback address only.
    pub address: String,
    /// Vault Enterprise's namespace.
    pub namespace: Option<String>,
    /// Certificates to trust instead of the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// A token. Either this or `app_role`.
    pub token: Option<SecretSource>,
    /// A login by AppRole, repeated before its token ends.
    pub app_role: Option<AppRole>,
    /// Where the transit engine is mounted.
    pub transit_mount: String,
    /// What a team's own secrets may be read from, as `kv/teams/{team}`: the mount of a KV engine (version 2), and a folder
    /// in it. None: only the instance's configuration names sources.
    pub team_path: Option<String>,
    /// Seconds that one request may take.
    pub timeout_s: u64,
}

impl Default for Vault {
    fn default() -> Self {
        Self {
            address: String::new(),
            namespace: None,
            ca_file: None,
            token: None,
            app_role: None,
            transit_mount: "transit".into(),
            team_path: None,
            timeout_s: 5,
        }
    }
}

/// A login to Vault for programs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppRole {
    /// Where it is mounted.
    #[serde(default = "app_role_mount")]
    pub mount: String,
    /// The role's id.
    pub role_id: String,
    /// Its secret id.
    pub secret_id: SecretSource,
}

fn app_role_mount() -> String {
    "approle".into()
}
