//! Who an account is spoken to as.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::aws::AwsCredential;
use serde::Deserialize;

use super::{Refusal, refusal};
use crate::{
    config::{self, SecretSource},
    outgoing::{HeaderMap, Method, Url, header::HeaderValue},
    secrets::{
        SecretError,
        cloud::{self, Http, Reply, Request, Variables},
    },
};

/// Where credentials come from.
#[derive(Debug)]
pub(super) struct Credentials {
    http: Http,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    /// An access key, read anew when it is refused.
    Key { place: &'static str, id: String, secret: SecretSource, token: Option<SecretSource> },
    /// A role that a token proves.
    Role { sts: Url, arn: String, session: String, token: PathBuf },
    /// The service beside a container.
    Container { url: Url, token: Option<SecretSource> },
    /// The machine's metadata service.
    Instance { metadata: Url },
}

impl fmt::Display for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Key { place, id, .. } => write!(f, "{place} (access key {id})"),
            Origin::Role { arn, .. } => write!(f, "the role {arn} by web identity"),
            Origin::Container { url, .. } => write!(f, "the container's service at {url}"),
            Origin::Instance { metadata } => write!(f, "the metadata service at {metadata}"),
        }
    }
}

/// As services beside containers and metadata services give them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Given {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Assumed {
    assume_role_with_web_identity_result: AssumedResult,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedResult {
    credentials: AssumedCredentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedCredentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: DateTime<Utc>,
}

type Lasting = (AwsCredential, Option<u64>);

impl Credentials {
    /// What the configuration says, or else the environment.
    ///
    /// # Errors
    /// When that is half of something, or leads to a place that credentials are not asked for.
    pub(super) fn of(config: &config::Aws, variables: Variables<'_>, http: Http, sts: Url) -> Result<Self, String> {
        let origin = match (&config.access_key_id, &config.secret_access_key) {
            (Some(id), Some(secret)) => {
                cloud::local("secret_access_key", Some(secret))?;
                let token = cloud::local("session_token", config.session_token.as_ref())?.cloned();
                Origin::Key { place: "the configuration", id: id.clone(), secret: secret.clone(), token }
            }
            (None, None) => found(config, variables, sts)?,
            _ => return Err("'access_key_id' and 'secret_access_key' go together".to_owned()),
        };
        Ok(Self { http, origin })
    }

    /// Credentials, and the seconds that they last.
    ///
    /// # Errors
    /// When there are none.
    pub(super) async fn now(&self) -> Result<Lasting, SecretError> {
        match &self.origin {
            Origin::Key { place: _, id, secret, token } => {
                let secret = cloud::read("the secret access key of AWS", secret)?;
                let token = token.as_ref().map(|token| cloud::read("the session token of AWS", token)).transpose()?;
                let token = token.map(|token| token.trim().to_owned());
                Ok((credential(id.clone(), secret.trim().to_owned(), token)?, None))
            }
            Origin::Role { sts, arn, session, token } => self.assume(sts, arn, session, token).await,
            Origin::Container { url, token } => {
                let mut headers = HeaderMap::new();
                if let Some(token) = token {
                    let text = cloud::read("the authorization token of the container's credentials", token)?;
                    headers.insert("authorization", header(&text)?);
                }
                let who = format!("the container's credentials at {url}");
                given(&who, &self.get(&who, url, &headers).await?)
            }
            Origin::Instance { metadata } => self.instance(metadata).await,
        }
    }

    async fn assume(&self, sts: &Url, arn: &str, session: &str, token: &Path) -> Result<Lasting, SecretError> {
        let proof = cloud::read("the web identity's token", &SecretSource::File(token.to_path_buf()))?;
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", "AssumeRoleWithWebIdentity")
            .append_pair("Version", "2011-06-15")
            .append_pair("RoleArn", arn)
            .append_pair("RoleSessionName", session)
            .append_pair("WebIdentityToken", &proof)
            .finish();
        let body = cloud::wiped(body.into_bytes());
        let who = format!("AWS STS at {}", sts.as_str().trim_end_matches('/'));
        let make = || {
            let headers = HeaderMap::from_iter([(
                crate::outgoing::header::CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            )]);
            Ok(Request { method: Method::POST, url: sts, headers, body: body.clone() })
        };
        let said = |reply: &Reply| {
            let Refusal { code, message } = refusal(reply);
            (cloud::said(reply.status, &code, &message), code)
        };
        let again = |reply: &Reply| {
            let (said, code) = said(reply);
            let passing = matches!(code.as_str(), "Throttling" | "IDPCommunicationError") && !reply.status.is_success();
            (passing || cloud::is_passing(reply.status)).then_some(said)
        };
        let reply = self.http.send(&who, make, again).await?;
        if !reply.status.is_success() {
            return Err(SecretError::Refused(format!(
                "{who} does not give the role {arn} for the token in {}: {}",
                token.display(),
                said(&reply).0
            )));
        }
        let found: Option<Assumed> = quick_xml::de::from_reader(&reply.body[..]).ok();
        let found = found.ok_or_else(|| SecretError::Unavailable(format!("{who}: its answer cannot be read")))?;
        let it = found.assume_role_with_web_identity_result.credentials;
        let credential = credential(it.access_key_id, it.secret_access_key, Some(it.session_token))?;
        Ok((credential, Some(seconds_until(it.expiration))))
    }

    /// By the second version of the protocol alone, in which a token is asked for first.
    async fn instance(&self, metadata: &Url) -> Result<Lasting, SecretError> {
        let who = format!("the metadata service at {}", metadata.as_str().trim_end_matches('/'));
        let url = cloud::below(metadata, "/latest/api/token")?;
        let ttl = HeaderMap::from_iter([(
            crate::outgoing::header::HeaderName::from_static("x-aws-ec2-metadata-token-ttl-seconds"),
            HeaderValue::from_static("300"),
        )]);
        let token = self.ask(&who, Method::PUT, &url, &ttl).await?;
        let mut headers = HeaderMap::new();
        headers.insert("x-aws-ec2-metadata-token", header(&String::from_utf8_lossy(&token.body))?);
        let folder = cloud::below(metadata, "/latest/meta-data/iam/security-credentials/")?;
        let roles = self.get(&who, &folder, &headers).await?;
        let role = String::from_utf8_lossy(&roles.body).lines().next().unwrap_or_default().trim().to_owned();
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '=' | ',' | '.' | '@' | '-' | '_');
        if role.is_empty() || !role.chars().all(legal) {
            return Err(SecretError::Refused(format!("{who}: this machine is given no role")));
        }
        let url = cloud::below(metadata, &format!("/latest/meta-data/iam/security-credentials/{role}"))?;
        given(&who, &self.get(&who, &url, &headers).await?)
    }

    async fn get(&self, who: &str, url: &Url, headers: &HeaderMap) -> Result<Reply, SecretError> {
        self.ask(who, Method::GET, url, headers).await
    }

    async fn ask(&self, who: &str, method: Method, url: &Url, headers: &HeaderMap) -> Result<Reply, SecretError> {
        let make = || Ok(Request { method: method.clone(), url, headers: headers.clone(), body: Bytes::new() });
        let again = |reply: &Reply| cloud::is_passing(reply.status).then(|| reply.status.to_string());
        let reply = self.http.send(who, make, again).await?;
        if reply.status.is_success() {
            return Ok(reply);
        }
        let why =
            if reply.status.as_u16() == 404 { "no role is given here".to_owned() } else { reply.status.to_string() };
        Err(SecretError::Refused(format!("AWS credentials: {who} gives none: {why}")))
    }
}

/// What the environment says, in the order of Amazon's own tools.
fn found(config: &config::Aws, variables: Variables<'_>, sts: Url) -> Result<Origin, String> {
    let of = |name: &str| variables(name).filter(|value| !value.is_empty());
    if let Some(id) = of("AWS_ACCESS_KEY_ID") {
        if of("AWS_SECRET_ACCESS_KEY").is_none() {
            return Err("AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not".to_owned());
        }
        let token = of("AWS_SESSION_TOKEN").map(|_| SecretSource::Env("AWS_SESSION_TOKEN".to_owned()));
        let secret = SecretSource::Env("AWS_SECRET_ACCESS_KEY".to_owned());
        return Ok(Origin::Key { place: "the environment", id, secret, token });
    }
    if let (Some(arn), Some(token)) = (of("AWS_ROLE_ARN"), of("AWS_WEB_IDENTITY_TOKEN_FILE")) {
        let session = of("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "slipway".to_owned());
        return Ok(Origin::Role { sts, arn, session, token: token.into() });
    }
    if let Some(path) = of("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        let base = cloud::plain_endpoint("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "http://169.254.170.2")?;
        let url = base.join(&path).ok().filter(|url| url.host_str() == base.host_str());
        let url = url.ok_or_else(|| format!("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is a path, not '{path}'"))?;
        return Ok(Origin::Container { url, token: None });
    }
    if let Some(address) = of("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
        let url = Url::parse(&address).ok().filter(is_container_service).ok_or_else(|| {
            format!(
                "AWS_CONTAINER_CREDENTIALS_FULL_URI is https, or an address of this machine or of a container's service, not '{address}'"
            )
        })?;
        let token = of("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(|path| SecretSource::File(path.into()));
        let other = of("AWS_CONTAINER_AUTHORIZATION_TOKEN")
            .map(|_| SecretSource::Env("AWS_CONTAINER_AUTHORIZATION_TOKEN".to_owned()));
        return Ok(Origin::Container { url, token: token.or(other) });
    }
    let metadata = config.endpoints.metadata.as_deref().unwrap_or("http://169.254.169.254");
    Ok(Origin::Instance { metadata: cloud::plain_endpoint("endpoints.metadata", metadata)? })
}

/// The only places that a variable may send this process to for credentials, as Amazon has it.
fn is_container_service(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let beside =
        matches!(host, "localhost" | "127.0.0.1" | "[::1]" | "169.254.170.2" | "169.254.170.23" | "[fd00:ec2::23]");
    url.scheme() == "https" && !host.is_empty() || url.scheme() == "http" && beside
}

fn given(who: &str, reply: &Reply) -> Result<Lasting, SecretError> {
    let given: Option<Given> = reply.json();
    let given = given.ok_or_else(|| SecretError::Unavailable(format!("{who}: its answer cannot be read")))?;
    let credential = credential(given.access_key_id, given.secret_access_key, given.token)?;
    Ok((credential, given.expiration.map(seconds_until)))
}

fn seconds_until(expiration: DateTime<Utc>) -> u64 {
    u64::try_from((expiration - Utc::now()).num_seconds()).unwrap_or_default()
}

fn header(text: &str) -> Result<HeaderValue, SecretError> {
    let mut header = HeaderValue::from_str(text.trim())
        .map_err(|_| SecretError::Refused("a token of AWS cannot be sent as a header".to_owned()))?;
    header.set_sensitive(true);
    Ok(header)
}

/// Made of what can stand in headers, where requests are signed with it.
fn credential(key_id: String, secret_key: String, token: Option<String>) -> Result<AwsCredential, SecretError> {
    let legal = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
    if !legal(&key_id) || !legal(&secret_key) || !token.as_deref().is_none_or(legal) {
        return Err(SecretError::Refused("the credentials of AWS hold what none of them does".to_owned()));
    }
    Ok(AwsCredential { key_id, secret_key, token })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(set: &[(&str, &str)]) -> Result<String, String> {
        let config = config::Aws { region: "eu-central-1".into(), ..config::Aws::default() };
        let variables = |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
        let sts = cloud::endpoint("sts", "https://sts.eu-central-1.amazonaws.com")?;
        Credentials::of(&config, &variables, Http::new(None, 5)?, sts).map(|credentials| credentials.to_string())
    }

    #[test]
    fn credentials_are_found_where_amazons_own_tools_find_them() {
        let key = [("AWS_ACCESS_KEY_ID", "AKIAX"), ("AWS_SECRET_ACCESS_KEY", "s")];
        let role = [("AWS_ROLE_ARN", "arn:aws:iam::1:role/x"), ("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")];
        let task = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/credentials/x")];
        let pod = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials")];
        let all = [&key[..], &role[..], &task[..], &pod[..]].concat();
        assert_eq!(from(&all), Ok("the environment (access key AKIAX)".into()));
        assert_eq!(from(&all[2..]), Ok("the role arn:aws:iam::1:role/x by web identity".into()));
        assert_eq!(from(&all[4..]), Ok("the container's service at http://169.254.170.2/v2/credentials/x".into()));
        assert_eq!(from(&all[5..]), Ok("the container's service at http://169.254.170.23/v1/credentials".into()));
        assert_eq!(from(&[]), Ok("the metadata service at http://169.254.169.254/".into()));
        assert!(from(&key[..1]).unwrap_err().contains("AWS_SECRET_ACCESS_KEY is not"));
    }

    #[test]
    fn a_variable_sends_nobody_elsewhere_for_credentials() {
        for wrong in ["http://example.org/", "http://169.254.169.254/", "ftp://localhost/", "x"] {
            let refused = from(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", wrong)]).unwrap_err();
            assert!(refused.contains("AWS_CONTAINER_CREDENTIALS_FULL_URI"), "{refused}");
        }
        for wrong in ["//example.org/x", "http://example.org/x"] {
            let refused = from(&[("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", wrong)]).unwrap_err();
            assert!(refused.contains("is a path"), "{refused}");
        }
    }

    #[test]
    fn what_cannot_stand_in_a_header_is_no_credential() {
        assert!(credential("AKIA\n".into(), "s".into(), None).is_err());
        assert!(credential("AKIA".into(), "s".into(), Some("a\r\nb: c".into())).is_err());
        assert!(credential("AKIA".into(), "s/+=".into(), Some("t==".into())).is_ok());
    }
}
