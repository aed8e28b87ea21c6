//! Tries a credential where it is for, if that can be done without doing anything.

use std::time::Duration;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::Value;
use zeroize::Zeroizing;

use super::Credential;
use crate::{
    config::Integrations,
    outgoing::{
        Answer, Client, HeaderMap, Method, OutgoingError, Policy, StatusCode, Url,
        header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE},
    },
    secrets::{SecretError, aws, azure, gcp},
};

/// How long one request of a check may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer that are read.
const ANSWER: usize = 64 * 1024;

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// It was tried, and is good.
    Good,
    /// It could not be tried, for this reason; its fields are as they should be.
    NotTried(&'static str),
    /// It was tried, and is refused.
    Refused(String),
}

/// What checks are made with: public addresses, and those that the configuration allows beside them.
///
/// # Errors
/// When there are no certificates to trust.
pub fn client(config: &Integrations) -> Result<Client, SecretError> {
    let policy = Policy::public_and(&config.allow, config.plain_http, "integrations.allow");
    Client::new(policy, config.ca_file.as_deref(), PATIENCE, ANSWER)
        .map_err(|error| SecretError::Configuration(format!("integrations: {error}")))
}

/// Tries a credential.
///
/// # Errors
/// When its host does not answer, or may not be spoken to.
pub async fn check(client: &Client, config: &Integrations, credential: &Credential) -> Result<Checked, SecretError> {
    let scheme = if config.plain_http { "http" } else { "https" };
    match credential {
        Credential::Git { repository: None, .. } => Ok(Checked::NotTried("no `repository` to try it with is named")),
        Credential::Git { host, username, repository: Some(repository), password } => {
            let path = repository.trim_matches('/');
            let url = url(&format!("{scheme}://{host}/{path}/info/refs?service=git-upload-pack"))?;
            let answer = get(client, &url, Some(basic(username, password.reveal())?)).await?;
            let is_git = answer
                .headers
                .get("content-type")
                .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-git-"));
            Ok(match answer.status {
                StatusCode::OK if is_git => Checked::Good,
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    Checked::Refused(format!("{host} refuses the user or the password"))
                }
                StatusCode::NOT_FOUND => {
                    Checked::Refused(format!("{host} has no repository {path}, or does not show it to this user"))
                }
                status => Checked::Refused(format!("{host} does not answer as a Git host does: {status}")),
            })
        }
        Credential::Registry { host, username, password } => {
            registry(client, &url(&format!("{scheme}://{host}/v2/"))?, host, basic(username, password.reveal())?).await
        }
        Credential::Aws { region, access_key_id, secret_access_key } => {
            aws::check(client, config.aws_sts.as_deref(), region, (access_key_id, secret_access_key.reveal())).await
        }
        Credential::Gcp { key } => gcp::check(client, key.reveal()).await,
        Credential::Azure { tenant_id, client_id, client_secret } => {
            azure::check(client, config.azure_login.as_deref(), tenant_id, (client_id, client_secret.reveal())).await
        }
        Credential::Chat { .. } => {
            Ok(Checked::NotTried("a try would post a message; the form of the address is as it should be"))
        }
    }
}

/// The registry itself takes the password, or names who gives tokens for it.
async fn registry(client: &Client, base: &Url, host: &str, login: HeaderValue) -> Result<Checked, SecretError> {
    let first = get(client, base, None).await?;
    let refused = || Checked::Refused(format!("{host} refuses the user or the password"));
    match first.status {
        StatusCode::UNAUTHORIZED => {}
        StatusCode::OK => {
            return Ok(Checked::NotTried("the registry lets everybody in, so the password was not looked at"));
        }
        status => return Ok(Checked::Refused(format!("{host} does not answer as a registry does: {status}"))),
    }
    let challenge = first.headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (scheme, rest) = challenge.split_once(' ').unwrap_or((challenge, ""));
    let answer = if scheme.eq_ignore_ascii_case("bearer") {
        let mut realm = url(&parameter(rest, "realm").unwrap_or_default())?;
        // The password is sent there: never where anyone can listen who could not before.
        if realm.scheme() != base.scheme() && realm.scheme() != "https" {
            return Ok(Checked::Refused(format!("{host} wants the password sent over {}", realm.scheme())));
        }
        if let Some(service) = parameter(rest, "service") {
            realm.query_pairs_mut().append_pair("service", &service);
        }
        get(client, &realm, Some(login)).await?
    } else {
        get(client, base, Some(login)).await?
    };
    let token = || {
        serde_json::from_slice::<Value>(&answer.body)
            .is_ok_and(|it| it.get("token").or(it.get("access_token")).is_some())
    };
    Ok(match answer.status {
        StatusCode::OK if !scheme.eq_ignore_ascii_case("bearer") || token() => Checked::Good,
        _ => refused(),
    })
}

/// `name="value"` of a challenge.
fn parameter(challenge: &str, name: &str) -> Option<String> {
    let at = challenge.find(&format!("{name}=\""))? + name.len() + 2;
    let rest = challenge.get(at..)?;
    Some(rest[..rest.find('"')?].to_owned())
}

fn url(text: &str) -> Result<Url, SecretError> {
    Url::parse(text).map_err(|_| SecretError::Refused("the host names no address to try it at".to_owned()))
}

fn basic(username: &str, password: &str) -> Result<HeaderValue, SecretError> {
    let pair = Zeroizing::new(format!("{username}:{password}"));
    let text = Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(&*pair)));
    let mut value = HeaderValue::from_str(&text).map_err(|_| SecretError::Refused("it cannot be sent".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

async fn get(client: &Client, url: &Url, login: Option<HeaderValue>) -> Result<Answer, SecretError> {
    let mut headers = HeaderMap::new();
    headers.extend(login.map(|login| (AUTHORIZATION, login)));
    client.send(Method::GET, url, headers, Bytes::new()).await.map_err(unanswered)
}

/// Why a credential could not be tried. Nobody says whether what is wrong is ours or theirs: whoever stores it hears the reason.
pub(in crate::secrets) fn unanswered(error: OutgoingError) -> SecretError {
    match error {
        error @ (OutgoingError::Url(_) | OutgoingError::Private { .. }) => SecretError::Refused(error.to_string()),
        error => SecretError::Refused(format!("it could not be tried: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read() {
        let challenge = r#"realm="https://auth.example/token",service="registry.example",scope="x""#;
        assert_eq!(parameter(challenge, "realm").as_deref(), Some("https://auth.example/token"));
        assert_eq!(parameter(challenge, "service").as_deref(), Some("registry.example"));
        assert_eq!(parameter(challenge, "other"), None);
        assert_eq!(parameter("realm=\"open", "realm"), None);
    }
}
