//! Login by an OpenID provider.

use std::{net::IpAddr, path::PathBuf};

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::{Config, Environment, SecretSource};

/// Where a provider sends browsers back to, below the address that they reach the api by.
pub const CALLBACK: &str = "/login/oidc/callback";

/// Login by an OpenID provider: who it says people are, and what their groups there may do here.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Oidc {
    /// What the provider calls itself, to the letter: `https://id.example.com/realms/acme`. Its discovery document is looked
    /// for below it. `http://` only for a provider on this machine, where `environment` is `development`.
    pub issuer: String,
    /// What the provider calls Slipway.
    pub client_id: String,
    /// What Slipway proves to the provider that it is Slipway with. None: a public client, by PKCE alone.
    pub client_secret: Option<SecretSource>,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that people are called by. Where it is missing, their address or what the provider numbers them by.
    pub name_claim: String,
    /// The claim that lists a person's groups: its name, or a JSON pointer into the claims, as `/realm_access/roles`.
    pub groups_claim: String,
    /// What the members of groups get; of several groups, all of it. Who is in none of them is refused.
    pub groups: Vec<GroupGrant>,
    /// What the login page calls it.
    pub label: String,
    /// Certificates to trust beside the system's, as PEM.
    pub ca_file: Option<PathBuf>,
    /// Seconds that the provider's clock and this one may differ; 300 at most.
    pub leeway_s: u32,
    /// Seconds that the provider may take to answer.
    pub timeout_s: u32,
}

impl Default for Oidc {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            client_id: "slipway".into(),
            client_secret: None,
            scopes: ["profile", "email", "groups"].map(str::to_owned).into(),
            name_claim: "preferred_username".into(),
            groups_claim: "groups".into(),
            groups: Vec::new(),
            label: "single sign-on".into(),
            ca_file: None,
            leeway_s: 60,
            timeout_s: 10,
        }
    }
}

/// What the members of a group get.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GroupGrant {
    /// The group, as the provider names it.
    pub group: String,
    /// Roles: Slipway's own, or those that approvals name.
    pub roles: Vec<String>,
    /// Teams.
    pub teams: Vec<String>,
}

/// Why login by the provider cannot be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OidcConfigError {
    /// An address is none, or not to be trusted.
    #[error("{key} '{value}': {reason}")]
    Address {
        /// The key, as `identity.oidc.issuer`.
        key: &'static str,
        /// What it says.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Browsers cannot be told where to come back to.
    #[error(
        "api.public_url is not set: identity.oidc needs the address that browsers reach the api by, as https://slipway.example.com"
    )]
    PublicUrl,
    /// Nobody could log in.
    #[error("identity.oidc.groups is empty: nobody would get a role, so everybody would be refused")]
    NoGroups,
    /// A key says nothing.
    #[error("{0} is empty")]
    Empty(&'static str),
    /// So much leeway makes the end of a token meaningless.
    #[error("identity.oidc.leeway_s is {0}: 300 at most")]
    Leeway(u32),
}

impl Oidc {
    /// Whether the settings can work at all; nobody is asked.
    ///
    /// # Errors
    /// With the first thing that is wrong, and its key.
    pub fn check(&self, config: &Config) -> Result<(), OidcConfigError> {
        let key = "identity.oidc.issuer";
        let issuer = address(key, &self.issuer, config.environment)?;
        if issuer.query().is_some() || issuer.fragment().is_some() {
            return Err(OidcConfigError::Address {
                key,
                value: self.issuer.clone(),
                reason: "an issuer has neither a query nor a fragment",
            });
        }
        if self.client_id.is_empty() {
            return Err(OidcConfigError::Empty("identity.oidc.client_id"));
        }
        if self.groups.is_empty() {
            return Err(OidcConfigError::NoGroups);
        }
        if self.groups.iter().any(|grant| grant.group.is_empty()) {
            return Err(OidcConfigError::Empty("identity.oidc.groups[].group"));
        }
        if self.leeway_s > 300 {
            return Err(OidcConfigError::Leeway(self.leeway_s));
        }
        redirect_url(config).map(drop)
    }
}

/// Where the provider sends browsers back to: to be registered there, to the letter. Never made from what a request says.
///
/// # Errors
/// When the address that browsers reach the api by is unknown, or anyone on the way could listen.
pub fn redirect_url(config: &Config) -> Result<Url, OidcConfigError> {
    let key = "api.public_url";
    let mut base = match &config.api.public_url {
        Some(given) => address(key, given, config.environment)?,
        None => {
            let local = format!("http://{}", config.api.listen);
            let mut local = address(key, &local, config.environment).map_err(|_| OidcConfigError::PublicUrl)?;
            if config.api.tls.is_some() {
                local.set_scheme("https").map_err(|()| OidcConfigError::PublicUrl)?;
            }
            local
        }
    };
    let path = format!("{}{CALLBACK}", base.path().trim_end_matches('/'));
    base.set_path(&path);
    base.set_query(None);
    base.set_fragment(None);
    Ok(base)
}

/// An address that secrets may travel to: https; in development http on this machine too.
///
/// # Errors
/// When it is no such address.
pub fn address(key: &'static str, value: &str, environment: Environment) -> Result<Url, OidcConfigError> {
    let wrong = |reason| OidcConfigError::Address { key, value: value.to_owned(), reason };
    let url = Url::parse(value).map_err(|_| wrong("this is no address such as https://id.example.com"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("no user or password belongs into it"));
    }
    match (url.scheme(), is_loopback(&url), environment) {
        ("https", _, _) | ("http", true, Environment::Development) => Ok(url),
        ("http", true, Environment::Production) => {
            Err(wrong("http:// on this machine is for `environment: development`; use https://"))
        }
        _ => Err(wrong("it must begin with https://")),
    }
}

/// Whether the address leads to this machine and no further.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(environment: Environment, issuer: &str, public_url: &str) -> (Config, Oidc) {
        let mut config = Config { environment, ..Config::default() };
        config.api.public_url = Some(public_url.to_owned());
        let groups = vec![GroupGrant { group: "all".into(), roles: vec!["viewer".into()], teams: vec![] }];
        (config, Oidc { issuer: issuer.into(), groups, ..Oidc::default() })
    }

    fn error(environment: Environment, issuer: &str, public_url: &str) -> String {
        let (config, oidc) = config(environment, issuer, public_url);
        oidc.check(&config).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_provider_is_spoken_to_over_tls_unless_it_is_on_this_machine_in_development() {
        let (dev, prod) = (Environment::Development, Environment::Production);
        let public = "https://slipway.example.com";
        assert_eq!(error(prod, "https://id.example.com/a", public), "");
        assert_eq!(error(dev, "http://127.0.0.1:3000", "http://localhost:8080/"), "");
        let refused = "identity.oidc.issuer 'http://127.0.0.1:3000': http:// on this machine is for `environment: development`; use https://";
        assert_eq!(error(prod, "http://127.0.0.1:3000", public), refused);
        for issuer in ["http://id.example.com", "http://localhost.example.com", "ftp://127.0.0.1", "http://10.0.0.1"] {
            let expected = format!("identity.oidc.issuer '{issuer}': it must begin with https://");
            assert_eq!(error(dev, issuer, public), expected);
        }
        let expected = "identity.oidc.issuer 'https://me:x@id.example.com': no user or password belongs into it";
        assert_eq!(error(prod, "https://me:x@id.example.com", public), expected);
        let expected =
            "identity.oidc.issuer 'https://id.example.com/?a=b': an issuer has neither a query nor a fragment";
        assert_eq!(error(prod, "https://id.example.com/?a=b", public), expected);
        let expected = "api.public_url 'http://slipway.example.com': it must begin with https://";
        assert_eq!(error(prod, "https://id.example.com", "http://slipway.example.com"), expected);
    }

    #[test]
    fn the_redirect_url_is_made_of_settings_alone() {
        let (mut config, _) = config(Environment::Production, "https://id", "https://slipway.example.com/base/?x#y");
        let made = redirect_url(&config).map(String::from);
        assert_eq!(made.as_deref(), Ok("https://slipway.example.com/base/login/oidc/callback"));
        config.api.public_url = None;
        assert_eq!(redirect_url(&config), Err(OidcConfigError::PublicUrl));
        config.environment = Environment::Development;
        let made = redirect_url(&config).map(String::from);
        assert_eq!(made.as_deref(), Ok("http://127.0.0.1:8080/login/oidc/callback"));
        config.api.listen = "0.0.0.0:8080".into();
        assert_eq!(redirect_url(&config), Err(OidcConfigError::PublicUrl));
    }
}
