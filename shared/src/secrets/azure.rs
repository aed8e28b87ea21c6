//! Azure's Key Vault over HTTP: its keys and its secrets.

mod keys;
mod login;
mod manager;

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, de::DeserializeOwned};

pub use self::keys::AzureKey;
use self::login::Login;
pub(super) use self::login::check;
use super::{
    SecretError,
    cloud::{self, Failure, Http, Kept, Reply, Request},
};
use crate::{
    config,
    outgoing::{HeaderMap, Method, StatusCode, Url, header, header::HeaderValue},
};

/// The version of the interface that is spoken.
const VERSION: &str = "7.4";

/// A key vault, with a login for it. Nothing is sent before something is needed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Azure(Arc<Account>);

#[derive(Debug)]
struct Account {
    http: Http,
    vault: Url,
    login: Login,
    /// `Bearer …`.
    kept: Kept<HeaderValue>,
    team_vault: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: RefusalError,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RefusalError {
    code: String,
    message: String,
}

impl Azure {
    /// The vault of the configuration; `variables` are the environment's.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub fn of(config: &config::Azure, variables: &dyn Fn(&str) -> Option<String>) -> Result<Self, SecretError> {
        Self::account(config, variables)
            .map(|account| Self(Arc::new(account)))
            .map_err(|why| SecretError::Configuration(format!("azure: {why}")))
    }

    fn account(config: &config::Azure, variables: cloud::Variables<'_>) -> Result<Account, String> {
        let vault = cloud::endpoint("vault", &config.vault)?;
        cloud::endpoint("audience", &config.audience)?;
        if let Some(template) = &config.team_vault
            && !is_team_vault(template)?
        {
            return Err(format!(
                "'team_vault' is an address with '{{team}}' in the name of the vault, as https://acme-{{team}}.vault.azure.net, not '{template}'"
            ));
        }
        let http = Http::new(config.ca_file.as_deref(), config.timeout_s)?;
        Ok(Account {
            login: Login::of(config, variables, http.clone())?,
            http,
            vault,
            kept: Kept::default(),
            team_vault: config.team_vault.clone(),
        })
    }

    /// One request to a vault; once more with a new token when this one is refused.
    async fn call<T: DeserializeOwned>(
        &self,
        vault: &Url,
        path: &str,
        method: Method,
        body: Vec<u8>,
    ) -> Result<T, Failure> {
        let mut url = cloud::below(vault, path)?;
        url.query_pairs_mut().append_pair("api-version", VERSION);
        let body = cloud::wiped(body);
        let token = self.0.kept.get(None, self.0.login.now()).await?;
        let answer = match self.send(&url, &method, &body, &token).await {
            Err(Failure::Login(_)) => {
                let token = self.0.kept.get(Some(&token), self.0.login.now()).await?;
                self.send(&url, &method, &body, &token).await
            }
            answer => answer,
        };
        answer.map_err(|failure| match failure {
            Failure::Login(said) => Failure::Other(SecretError::Refused(format!(
                "Azure Key Vault at {} does not take the token of {}: {said}",
                url.origin().ascii_serialization(),
                self.0.login
            ))),
            other => other,
        })
    }

    async fn send<T: DeserializeOwned>(
        &self,
        url: &Url,
        method: &Method,
        body: &Bytes,
        token: &HeaderValue,
    ) -> Result<T, Failure> {
        let make = || {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, token.clone());
            if !body.is_empty() {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            }
            Ok(Request { method: method.clone(), url, headers, body: body.clone() })
        };
        let again = |reply: &Reply| cloud::is_passing(reply.status).then(|| said(reply));
        let place = format!("Azure Key Vault at {}", url.origin().ascii_serialization());
        let reply = self.0.http.send(&place, make, again).await?;
        if reply.status.is_success() {
            let read =
                reply.json().ok_or_else(|| SecretError::Unavailable(format!("{place}: its answer cannot be read")));
            return Ok(read?);
        }
        let said = said(&reply);
        Err(match reply.status {
            StatusCode::UNAUTHORIZED => Failure::Login(said),
            StatusCode::FORBIDDEN => Failure::Denied(said),
            StatusCode::NOT_FOUND => Failure::Missing(said),
            _ => Failure::Unfit(said),
        })
    }
}

/// Whether `{team}` is in it once, in the first label of the host or in the path: a domain that others could own it is not.
fn is_team_vault(template: &str) -> Result<bool, String> {
    let url = cloud::endpoint("team_vault", &template.replacen("{team}", "team", 1))?;
    let rest = template.split_once("://").map_or("", |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let first = host.split_once('.').is_some_and(|(label, _)| label.contains("{team}"));
    let once = template.matches("{team}").count() == 1;
    Ok(once && url.username().is_empty() && (first || path.contains("{team}")))
}

fn said(reply: &Reply) -> String {
    let RefusalError { code, message } = reply.json::<Refusal>().unwrap_or_default().error;
    cloud::said(reply.status, &code, &message)
}

/// The name of a key or a secret.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 127 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// A version, which Key Vault names by 32 digits.
fn is_version(version: &str) -> bool {
    !version.is_empty() && version.len() <= 64 && version.chars().all(|c| c.is_ascii_alphanumeric())
}
