//! Clouds whose key services wrap keys, and whose secret managers keep secrets.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::SecretSource;

/// An account at Amazon Web Services.
///
/// Who it is logged in as is said here, or else found where Amazon's own tools find it, in their order: `AWS_ACCESS_KEY_ID` and
/// `AWS_SECRET_ACCESS_KEY` (with `AWS_SESSION_TOKEN`); `AWS_ROLE_ARN` with `AWS_WEB_IDENTITY_TOKEN_FILE` (EKS);
/// `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `…_FULL_URI` (ECS, EKS Pod Identity); the instance's metadata service, version 2.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Aws {
    /// As `eu-central-1`.
    pub region: String,
    /// An access key's id. None: as said above.
    pub access_key_id: Option<String>,
    /// The secret of that access key.
    pub secret_access_key: Option<SecretSource>,
    /// The token that goes with a temporary access key.
    pub session_token: Option<SecretSource>,
    /// What a team's own secrets may be read from, as `slipway/{team}/`: the beginning of their names in Secrets Manager.
    /// None: only the instance's configuration names sources.
    pub team_prefix: Option<String>,
    /// Addresses other than the region's own.
    pub endpoints: AwsEndpoints,
    /// Certificates to trust instead of the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// Seconds that one answer may take, with all that is tried again for it. At most 60.
    pub timeout_s: u64,
}

/// Addresses of Amazon's services: `https://`, or `http://` for a loopback address.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AwsEndpoints {
    /// Key Management Service. None: `https://kms.REGION.amazonaws.com`.
    pub kms: Option<String>,
    /// Secrets Manager. None: `https://secretsmanager.REGION.amazonaws.com`.
    pub secretsmanager: Option<String>,
    /// Security Token Service. None: `https://sts.REGION.amazonaws.com`.
    pub sts: Option<String>,
    /// The instance's metadata service. None: `http://169.254.169.254`.
    pub metadata: Option<String>,
}

impl Default for Aws {
    fn default() -> Self {
        Self {
            region: String::new(),
            access_key_id: None,
            secret_access_key: None,
            session_token: None,
            team_prefix: None,
            endpoints: AwsEndpoints::default(),
            ca_file: None,
            timeout_s: TIMEOUT_S,
        }
    }
}

/// A login at Google Cloud.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gcp {
    /// A service account's key, as the JSON that Google gives out. None: the file that `GOOGLE_APPLICATION_CREDENTIALS` names,
    /// or else the account that the metadata server gives the machine or the pod.
    pub service_account: Option<SecretSource>,
    /// The project of secrets that are named without one.
    pub project: Option<String>,
    /// What a team's own secrets may be read from, as `acme-{team}`: the project that they are in. None: only the instance's
    /// configuration names sources.
    pub team_project: Option<String>,
    /// Addresses other than Google's own.
    pub endpoints: GcpEndpoints,
    /// Certificates to trust instead of the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// Seconds that one answer may take, with all that is tried again for it. At most 60.
    pub timeout_s: u64,
}

/// Addresses of Google's services: `https://`, or `http://` for a loopback address. Tokens are asked for where the service
/// account's key says.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GcpEndpoints {
    /// Cloud KMS. None: `https://cloudkms.googleapis.com`.
    pub kms: Option<String>,
    /// Secret Manager. None: `https://secretmanager.googleapis.com`.
    pub secretmanager: Option<String>,
    /// The metadata server. None: what `GCE_METADATA_HOST` says, or `http://metadata.google.internal`.
    pub metadata: Option<String>,
}

impl Default for Gcp {
    fn default() -> Self {
        Self {
            service_account: None,
            project: None,
            team_project: None,
            endpoints: GcpEndpoints::default(),
            ca_file: None,
            timeout_s: TIMEOUT_S,
        }
    }
}

/// A key vault at Microsoft Azure, and a login for it.
///
/// Who it is logged in as is said here, or else found where Azure's own libraries find it: `AZURE_TENANT_ID` and `AZURE_CLIENT_ID`
/// with `AZURE_CLIENT_SECRET` or `AZURE_FEDERATED_TOKEN_FILE` (AKS workload identity); the managed identity of the machine or,
/// where `IDENTITY_ENDPOINT` is set, of the app.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Azure {
    /// `https://NAME.vault.azure.net`: the vault of keys, and of secrets of the instance's configuration.
    pub vault: String,
    /// The directory that the client belongs to.
    pub tenant_id: Option<String>,
    /// The client (application) that logs in; without `tenant_id`, which of the machine's managed identities.
    pub client_id: Option<String>,
    /// The client's secret.
    pub client_secret: Option<SecretSource>,
    /// A file with a token that proves the client instead of a secret. Read anew for each login.
    pub federated_token_file: Option<PathBuf>,
    /// What a team's own secrets may be read from, as `https://acme-{team}.vault.azure.net`: the vault that they are in. None: only
    /// the instance's configuration names sources.
    pub team_vault: Option<String>,
    /// Whom tokens are for. Another one in clouds of their own: `https://vault.azure.cn`, `https://vault.usgovcloudapi.net`.
    pub audience: String,
    /// Addresses other than Azure's own.
    pub endpoints: AzureEndpoints,
    /// Certificates to trust instead of the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// Seconds that one answer may take, with all that is tried again for it. At most 60.
    pub timeout_s: u64,
}

/// Addresses of Azure's services: `https://`, or `http://` for a loopback address.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AzureEndpoints {
    /// Where clients log in. None: what `AZURE_AUTHORITY_HOST` says, or `https://login.microsoftonline.com`.
    pub login: Option<String>,
    /// The instance's metadata service. None: `http://169.254.169.254`.
    pub metadata: Option<String>,
}

impl Default for Azure {
    fn default() -> Self {
        Self {
            vault: String::new(),
            tenant_id: None,
            client_id: None,
            client_secret: None,
            federated_token_file: None,
            team_vault: None,
            audience: "https://vault.azure.net".into(),
            endpoints: AzureEndpoints::default(),
            ca_file: None,
            timeout_s: TIMEOUT_S,
        }
    }
}

const TIMEOUT_S: u64 = 10;
