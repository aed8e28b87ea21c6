//! Who Key Vault is spoken to as.

use std::{fmt, path::PathBuf};

use bytes::Bytes;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{
    config::{self, SecretSource},
    outgoing::{Client, HeaderMap, Method, Url, header, header::HeaderValue},
    secrets::{
        SecretError,
        cloud::{self, Http, Reply, Request, Variables},
        credential::{Checked, unanswered},
    },
};

/// Where clients log in.
const LOGIN: &str = "https://login.microsoftonline.com";

/// A way to a token.
#[derive(Debug)]
pub(super) struct Login {
    http: Http,
    audience: String,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    /// A client that proves itself, with what is read anew for each login.
    Client { authority: Url, tenant: String, client: String, proof: Proof },
    /// The identity that a machine is given.
    Machine { metadata: Url, client: Option<String> },
    /// The identity that an app (App Service, Container Apps, Functions) is given.
    App { endpoint: Url, key: SecretSource, client: Option<String> },
}

#[derive(Debug)]
enum Proof {
    Secret(SecretSource),
    Token(PathBuf),
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Client { client, .. } => write!(f, "the client {client}"),
            Origin::Machine { client: None, .. } | Origin::App { client: None, .. } => {
                f.write_str("the managed identity")
            }
            Origin::Machine { client: Some(client), .. } | Origin::App { client: Some(client), .. } => {
                write!(f, "the managed identity {client}")
            }
        }
    }
}

#[derive(Deserialize)]
struct Token {
    access_token: Zeroizing<String>,
    /// Seconds: a number from a login, a text from a metadata service.
    #[serde(default)]
    expires_in: Option<Number>,
    /// Seconds since 1970.
    #[serde(default)]
    expires_on: Option<Number>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(i64),
    Text(String),
}

impl Number {
    fn get(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: serde_json::Value,
    error_description: String,
}

impl Login {
    /// What the configuration says, or else the environment.
    ///
    /// # Errors
    /// When that is half of something, or cannot be used.
    pub(super) fn of(config: &config::Azure, variables: Variables<'_>, http: Http) -> Result<Self, String> {
        let of = |name: &str| variables(name).filter(|value| !value.is_empty());
        let secret = cloud::local("client_secret", config.client_secret.as_ref())?.cloned();
        let proof = match (secret, &config.federated_token_file) {
            (Some(_), Some(_)) => return Err("'client_secret' and 'federated_token_file' are one too many".to_owned()),
            (Some(secret), None) => Some(Proof::Secret(secret)),
            (None, Some(path)) => Some(Proof::Token(path.clone())),
            (None, None) => None,
        };
        let given = match (&config.tenant_id, &config.client_id, proof) {
            (Some(tenant), Some(client), Some(proof)) => Some((tenant.clone(), client.clone(), proof)),
            (None, _, None) => environment(&of),
            _ => {
                return Err(
                    "'tenant_id', 'client_id' and one of 'client_secret' and 'federated_token_file' go together"
                        .to_owned(),
                );
            }
        };
        let client = config.client_id.clone();
        let origin = match (given, of("IDENTITY_ENDPOINT"), of("IDENTITY_HEADER")) {
            (Some((tenant, client, proof)), _, _) => {
                let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
                if tenant.is_empty() || !tenant.chars().all(legal) {
                    return Err(format!("the tenant is an id or a domain, not '{tenant}'"));
                }
                let address = config.endpoints.login.clone().or_else(|| of("AZURE_AUTHORITY_HOST"));
                let address = address.unwrap_or_else(|| LOGIN.to_owned());
                Origin::Client { authority: cloud::endpoint("endpoints.login", &address)?, tenant, client, proof }
            }
            (None, Some(address), Some(_)) if config.endpoints.metadata.is_none() => Origin::App {
                endpoint: cloud::plain_endpoint("IDENTITY_ENDPOINT", &address)?,
                key: SecretSource::Env("IDENTITY_HEADER".to_owned()),
                client,
            },
            _ => {
                let address = config.endpoints.metadata.as_deref().unwrap_or("http://169.254.169.254");
                Origin::Machine { metadata: cloud::plain_endpoint("endpoints.metadata", address)?, client }
            }
        };
        Ok(Self { http, audience: config.audience.trim_end_matches('/').to_owned(), origin })
    }

    /// A token as a header, and the seconds that it lasts.
    ///
    /// # Errors
    /// When there is none.
    pub(super) async fn now(&self) -> Result<(HeaderValue, Option<u64>), SecretError> {
        let (who, reply) = match &self.origin {
            Origin::Client { authority, tenant, client, proof } => {
                let url = cloud::below(authority, &format!("/{tenant}/oauth2/v2.0/token"))?;
                let body = self.form(client, proof)?;
                let mut headers = HeaderMap::new();
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
                let who = format!("Azure's login at {}", authority.origin().ascii_serialization());
                self.ask(who, Method::POST, &url, &headers, body).await?
            }
            Origin::Machine { metadata, client } => {
                let mut url = cloud::below(metadata, "/metadata/identity/oauth2/token")?;
                self.query(&mut url, "2018-02-01", client.as_deref());
                let mut headers = HeaderMap::new();
                headers.insert("metadata", HeaderValue::from_static("true"));
                let who = format!("the metadata service at {}", metadata.origin().ascii_serialization());
                self.ask(who, Method::GET, &url, &headers, Bytes::new()).await?
            }
            Origin::App { endpoint, key, client } => {
                let mut url = endpoint.clone();
                self.query(&mut url, "2019-08-01", client.as_deref());
                let key = cloud::read("the app's identity", key)?;
                let mut headers = HeaderMap::new();
                headers.insert("x-identity-header", self.header(&key)?);
                let who = format!("the app's identity service at {}", endpoint.origin().ascii_serialization());
                self.ask(who, Method::GET, &url, &headers, Bytes::new()).await?
            }
        };
        let token: Option<Token> = reply.json();
        let token = token.ok_or_else(|| SecretError::Unavailable(format!("{who}: its answer holds no token")))?;
        let on = token.expires_on.and_then(|on| on.get()).map(|on| on - chrono::Utc::now().timestamp());
        let seconds = token.expires_in.and_then(|seconds| seconds.get()).or(on);
        let text = Zeroizing::new(format!("Bearer {}", &*token.access_token));
        Ok((self.header(&text)?, seconds.map(|seconds| u64::try_from(seconds).unwrap_or_default())))
    }

    fn form(&self, client: &str, proof: &Proof) -> Result<Bytes, SecretError> {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials")
            .append_pair("client_id", client)
            .append_pair("scope", &format!("{}/.default", self.audience));
        match proof {
            Proof::Secret(source) => {
                form.append_pair("client_secret", &cloud::read("the secret of Azure's client", source)?);
            }
            Proof::Token(path) => {
                let token = cloud::read("the federated token of Azure's client", &SecretSource::File(path.clone()))?;
                form.append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
                    .append_pair("client_assertion", token.trim());
            }
        }
        Ok(cloud::wiped(form.finish().into_bytes()))
    }

    fn query(&self, url: &mut Url, version: &str, client: Option<&str>) {
        let mut query = url.query_pairs_mut();
        query.append_pair("api-version", version).append_pair("resource", &self.audience);
        if let Some(client) = client {
            query.append_pair("client_id", client);
        }
    }

    fn header(&self, text: &str) -> Result<HeaderValue, SecretError> {
        let mut header = HeaderValue::from_str(text)
            .map_err(|_| SecretError::Refused(format!("the token of {self} cannot be sent as a header")))?;
        header.set_sensitive(true);
        Ok(header)
    }

    async fn ask(
        &self,
        who: String,
        method: Method,
        url: &Url,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<(String, Reply), SecretError> {
        let make = || Ok(Request { method: method.clone(), url, headers: headers.clone(), body: body.clone() });
        let again = |reply: &Reply| {
            // 410 is a metadata service that is being renewed.
            (cloud::is_passing(reply.status) || reply.status.as_u16() == 410).then(|| said(reply))
        };
        let reply = self.http.send(&who, make, again).await?;
        if reply.status.is_success() {
            return Ok((who, reply));
        }
        Err(SecretError::Refused(format!("{who} gives {self} no token: {}", said(&reply))))
    }
}

/// Asks for a token with a client's secret, at `authority`, else Azure's own login.
///
/// # Errors
/// When it does not answer, or may not be spoken to.
pub(in crate::secrets) async fn check(
    client: &Client,
    authority: Option<&str>,
    tenant: &str,
    (id, secret): (&str, &str),
) -> Result<Checked, SecretError> {
    let authority = Url::parse(authority.unwrap_or(LOGIN))
        .map_err(|error| SecretError::Configuration(format!("integrations.azure_login: {error}")))?;
    let url = cloud::below(&authority, &format!("/{tenant}/oauth2/v2.0/token"))?;
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_id", id)
        .append_pair("scope", "https://management.azure.com/.default")
        .append_pair("client_secret", secret)
        .finish();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, form)]);
    let answer = client.send(Method::POST, &url, headers, cloud::wiped(body.into_bytes())).await.map_err(unanswered)?;
    let reply = Reply { status: answer.status, body: Vec::from(answer.body).into() };
    let who = format!("Azure's login at {}", authority.origin().ascii_serialization());
    match reply.json::<Token>() {
        Some(_) if reply.status.is_success() => Ok(Checked::Good),
        _ if cloud::is_passing(reply.status) => {
            Err(SecretError::Refused(format!("it could not be tried: {who} answers {}", reply.status)))
        }
        _ => Ok(Checked::Refused(format!("{who} gives the client {id} no token: {}", said(&reply)))),
    }
}

/// The status, and Azure's own words.
fn said(reply: &Reply) -> String {
    let Refusal { error, error_description } = reply.json().unwrap_or_default();
    // Only the first line says what is wrong; the others are traces.
    let description = error_description.lines().next().unwrap_or_default();
    cloud::said(reply.status, error.as_str().unwrap_or_default(), description)
}

/// A client, as Azure's own libraries find it.
fn environment(of: &dyn Fn(&str) -> Option<String>) -> Option<(String, String, Proof)> {
    let (tenant, client) = (of("AZURE_TENANT_ID")?, of("AZURE_CLIENT_ID")?);
    let proof = match of("AZURE_CLIENT_SECRET") {
        Some(_) => Proof::Secret(SecretSource::Env("AZURE_CLIENT_SECRET".to_owned())),
        None => Proof::Token(of("AZURE_FEDERATED_TOKEN_FILE")?.into()),
    };
    Some((tenant, client, proof))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(config: config::Azure, set: &[(&str, &str)]) -> Result<String, String> {
        let variables = |name: &str| set.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
        Login::of(&config, &variables, Http::new(None, 5)?).map(|login| format!("{login}: {:?}", login.origin))
    }

    #[test]
    fn a_login_is_found_where_azures_own_libraries_find_it() {
        let none = config::Azure::default;
        let ids = [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c")];
        let secret = [&ids[..], &[("AZURE_CLIENT_SECRET", "s")]].concat();
        assert!(from(none(), &secret).unwrap().starts_with("the client c"));
        let federated = [&ids[..], &[("AZURE_FEDERATED_TOKEN_FILE", "/t")]].concat();
        assert!(from(none(), &federated).unwrap().contains("Token(\"/t\")"));
        let app = [("IDENTITY_ENDPOINT", "http://127.0.0.1:1/msi/token"), ("IDENTITY_HEADER", "x")];
        assert!(from(none(), &app).unwrap().contains("App"));
        assert!(from(none(), &ids).unwrap().contains("Machine"));
        let named = config::Azure { client_id: Some("c".into()), ..none() };
        assert!(from(named, &[]).unwrap().starts_with("the managed identity c"));
    }

    #[test]
    fn half_a_client_is_refused() {
        let half = config::Azure { tenant_id: Some("t".into()), ..config::Azure::default() };
        assert!(from(half, &[]).unwrap_err().contains("go together"));
        let circle = SecretSource::Azure("x".into());
        let circle = config::Azure { client_secret: Some(circle), ..config::Azure::default() };
        assert!(from(circle, &[]).unwrap_err().contains("before the login"));
    }
}
