//! Where credentials for other systems may be tried.

use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Where credentials for other systems may be tried when they are stored.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Integrations {
    /// Networks that hosts may be in though they are not public, as `10.20.0.0/16`. None: public addresses only.
    pub allow: Vec<IpNet>,
    /// Whether hosts are spoken to over `http://`, where anyone on the way can read the password. For tests.
    pub plain_http: bool,
    /// Certificates to trust instead of the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// Where AWS STS is asked about access keys; none: `https://sts.REGION.amazonaws.com`.
    pub aws_sts: Option<String>,
    /// Where Azure's clients log in; none: `https://login.microsoftonline.com`.
    pub azure_login: Option<String>,
}
