//! Google Cloud over HTTP: keys of Cloud KMS, and secrets of Secret Manager.

mod kms;
mod login;
mod manager;

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, de::DeserializeOwned};

pub use self::kms::GcpKms;
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

/// A login at Google Cloud. Nothing is sent before something is needed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gcp(Arc<Project>);

#[derive(Debug)]
struct Project {
    http: Http,
    kms: Url,
    secretmanager: Url,
    login: Login,
    /// `Bearer …`.
    kept: Kept<HeaderValue>,
    project: Option<String>,
    team_project: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: RefusalError,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RefusalError {
    message: String,
    status: String,
}

impl Gcp {
    /// The login of the configuration; `variables` are the environment's.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub fn of(config: &config::Gcp, variables: &dyn Fn(&str) -> Option<String>) -> Result<Self, SecretError> {
        Self::project(config, variables)
            .map(|project| Self(Arc::new(project)))
            .map_err(|why| SecretError::Configuration(format!("gcp: {why}")))
    }

    fn project(config: &config::Gcp, variables: cloud::Variables<'_>) -> Result<Project, String> {
        let endpoints = &config.endpoints;
        let of = |name: &str, given: Option<&String>, own: &str| match given {
            Some(address) => cloud::endpoint(&format!("endpoints.{name}"), address),
            None => cloud::endpoint(name, own),
        };
        if let Some(project) = &config.project
            && !manager::is_project(project)
        {
            return Err(format!("'project' is a project's id as acme-prod, not '{project}'"));
        }
        if let Some(template) = &config.team_project
            && (template.matches("{team}").count() != 1
                || !manager::is_project(&template.replacen("{team}", "team", 1)))
        {
            return Err(format!(
                "'team_project' is a project's id with '{{team}}' in it, as acme-{{team}}, not '{template}'"
            ));
        }
        let http = Http::new(config.ca_file.as_deref(), config.timeout_s)?;
        Ok(Project {
            login: Login::of(config, variables, http.clone())?,
            http,
            kms: of("kms", endpoints.kms.as_ref(), "https://cloudkms.googleapis.com")?,
            secretmanager: of(
                "secretmanager",
                endpoints.secretmanager.as_ref(),
                "https://secretmanager.googleapis.com",
            )?,
            kept: Kept::default(),
            project: config.project.clone(),
            team_project: config.team_project.clone(),
        })
    }

    /// One request; once more with a new token when this one is refused. `who` is how messages call the service.
    async fn call<T: DeserializeOwned>(
        &self,
        who: &str,
        url: &Url,
        method: Method,
        body: Vec<u8>,
    ) -> Result<T, Failure> {
        let body = cloud::wiped(body);
        let token = self.0.kept.get(None, self.0.login.now()).await?;
        let answer = match self.send(who, url, &method, &body, &token).await {
            Err(Failure::Login(_)) => {
                let token = self.0.kept.get(Some(&token), self.0.login.now()).await?;
                self.send(who, url, &method, &body, &token).await
            }
            answer => answer,
        };
        answer.map_err(|failure| match failure {
            Failure::Login(said) => Failure::Other(SecretError::Refused(format!(
                "{who} does not take the token of {}: {said}",
                self.0.login
            ))),
            other => other,
        })
    }

    async fn send<T: DeserializeOwned>(
        &self,
        who: &str,
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
        let place = format!("{who} at {}", url.origin().ascii_serialization());
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

fn said(reply: &Reply) -> String {
    let RefusalError { message, status } = reply.json::<Refusal>().unwrap_or_default().error;
    cloud::said(reply.status, &status, &message)
}

/// Google's checksum over what it was sent and what it sends: CRC-32C.
fn checksum(bytes: &[u8]) -> i64 {
    // 32 bits in 64.
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes) as i64
}

/// A number of 64 bits, which JSON of Google's has as a text.
fn is_checksum(text: &str, bytes: &[u8]) -> bool {
    text.parse() == Ok(checksum(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_the_one_that_google_computes() {
        assert_eq!(checksum(b"123456789"), 0xe306_9283);
        assert!(is_checksum("3808858755", b"123456789"));
    }
}
