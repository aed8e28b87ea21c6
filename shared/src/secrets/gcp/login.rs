//! Who Google Cloud is spoken to as.

use std::{fmt, path::PathBuf};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use ring::{rand::SystemRandom, signature};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};
use serde::Deserialize;
use serde_json::json;
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

/// What tokens are good for: all that the account may do, which its roles say.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Seconds that a grant lasts; what Google admits at most.
const GRANT_S: i64 = 3600;

/// A way to a token.
#[derive(Debug)]
pub(super) struct Login {
    http: Http,
    origin: Origin,
}

#[derive(Debug)]
enum Origin {
    /// A service account's key, read anew for each login.
    Key(SecretSource),
    /// The metadata server of the machine.
    Metadata(Url),
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.origin {
            Origin::Key(SecretSource::File(path)) => write!(f, "the service account in {}", path.display()),
            Origin::Key(_) => f.write_str("the service account"),
            Origin::Metadata(url) => write!(f, "the metadata server at {}", url.as_str().trim_end_matches('/')),
        }
    }
}

/// A key as Google gives it out.
#[derive(Deserialize)]
struct Account {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    private_key: Zeroizing<String>,
    #[serde(default)]
    private_key_id: String,
    #[serde(default)]
    token_uri: String,
}

#[derive(Deserialize)]
struct Token {
    access_token: Zeroizing<String>,
    expires_in: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    error: String,
    error_description: String,
}

impl Login {
    /// What the configuration says, or else the environment.
    ///
    /// # Errors
    /// When it cannot be used.
    pub(super) fn of(config: &config::Gcp, variables: Variables<'_>, http: Http) -> Result<Self, String> {
        let of = |name: &str| variables(name).filter(|value| !value.is_empty());
        let file = || of("GOOGLE_APPLICATION_CREDENTIALS").map(|path| SecretSource::File(PathBuf::from(path)));
        let key = cloud::local("service_account", config.service_account.as_ref())?.cloned().or_else(file);
        let origin = match key {
            Some(key) => Origin::Key(key),
            None => {
                let named = of("GCE_METADATA_HOST").map(|host| format!("http://{host}"));
                let address = config.endpoints.metadata.clone().or(named);
                let address = address.unwrap_or_else(|| "http://metadata.google.internal".to_owned());
                Origin::Metadata(cloud::plain_endpoint("endpoints.metadata", &address)?)
            }
        };
        Ok(Self { http, origin })
    }

    /// A token as a header, and the seconds that it lasts.
    ///
    /// # Errors
    /// When there is none.
    pub(super) async fn now(&self) -> Result<(HeaderValue, Option<u64>), SecretError> {
        let token = match &self.origin {
            Origin::Key(source) => self.grant(source).await?,
            Origin::Metadata(url) => self.metadata(url).await?,
        };
        let text = Zeroizing::new(format!("Bearer {}", &*token.access_token));
        let mut header = HeaderValue::from_str(&text)
            .map_err(|_| SecretError::Refused(format!("the token of {self} cannot be sent as a header")))?;
        header.set_sensitive(true);
        Ok((header, Some(token.expires_in)))
    }

    async fn grant(&self, source: &SecretSource) -> Result<Token, SecretError> {
        let text = cloud::read("Google's service account", source)?;
        let wrong = |why: String| SecretError::Refused(format!("{self}: {why}"));
        let Grant { account, url, body, who } = Grant::of(&text).map_err(wrong)?;
        let make = || Ok(Request { method: Method::POST, url: &url, headers: form(), body: body.clone() });
        let again = |reply: &Reply| cloud::is_passing(reply.status).then(|| said(reply));
        let reply = self.http.send(&who, make, again).await?;
        if !reply.status.is_success() {
            return Err(SecretError::Refused(format!(
                "{who} does not take {}: {}",
                account.client_email,
                said(&reply)
            )));
        }
        reply.json().ok_or_else(|| SecretError::Unavailable(format!("{who}: its answer holds no token")))
    }

    async fn metadata(&self, metadata: &Url) -> Result<Token, SecretError> {
        let url = cloud::below(metadata, "/computeMetadata/v1/instance/service-accounts/default/token")?;
        let make = || {
            let mut headers = HeaderMap::new();
            headers.insert("metadata-flavor", HeaderValue::from_static("Google"));
            Ok(Request { method: Method::GET, url: &url, headers, body: Bytes::new() })
        };
        let who = self.to_string();
        let again = |reply: &Reply| cloud::is_passing(reply.status).then(|| reply.status.to_string());
        let reply = self.http.send(&who, make, again).await?;
        if !reply.status.is_success() {
            return Err(SecretError::Refused(format!(
                "{who} gives no token: {}: is this machine or pod given a service account?",
                reply.status
            )));
        }
        reply.json().ok_or_else(|| SecretError::Unavailable(format!("{who}: its answer holds no token")))
    }
}

/// A request for a token.
struct Grant {
    account: Account,
    url: Url,
    body: Bytes,
    /// Whom it is for.
    who: String,
}

impl Grant {
    fn of(text: &str) -> Result<Self, String> {
        let account: Account = serde_json::from_str(text)
            .map_err(|error| format!("it is no key as Google gives it out (line {})", error.line()))?;
        if account.kind != "service_account" {
            return Err(format!("it is of type '{}', and a 'service_account' is needed", account.kind));
        }
        let url = cloud::endpoint("token_uri", &account.token_uri)?;
        let assertion = assertion(&account, chrono::Utc::now().timestamp())?;
        let body = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
            .append_pair("assertion", &assertion)
            .finish();
        let who = format!("Google's login at {}", url.origin().ascii_serialization());
        Ok(Self { account, url, body: cloud::wiped(body.into_bytes()), who })
    }
}

fn form() -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"))])
}

fn said(reply: &Reply) -> String {
    let Refusal { error, error_description } = reply.json().unwrap_or_default();
    cloud::said(reply.status, &error, &error_description)
}

/// Asks for a token with a service account's key, given as Google gives it out.
///
/// # Errors
/// When Google does not answer, or the address that the key names may not be spoken to.
pub(in crate::secrets) async fn check(client: &Client, key: &str) -> Result<Checked, SecretError> {
    let Grant { account, url, body, who } = match Grant::of(key) {
        Ok(grant) => grant,
        Err(why) => return Ok(Checked::Refused(format!("key: {why}"))),
    };
    let answer = client.send(Method::POST, &url, form(), body).await.map_err(unanswered)?;
    let reply = Reply { status: answer.status, body: Vec::from(answer.body).into() };
    match reply.json::<Token>() {
        Some(_) if reply.status.is_success() => Ok(Checked::Good),
        _ if cloud::is_passing(reply.status) => {
            Err(SecretError::Refused(format!("it could not be tried: {who} answers {}", reply.status)))
        }
        _ => Ok(Checked::Refused(format!("{who} does not take {}: {}", account.client_email, said(&reply)))),
    }
}

/// The grant, signed by the account's key (RS256).
fn assertion(account: &Account, now: i64) -> Result<Zeroizing<String>, String> {
    let wrong = |_| "its 'private_key' is no RSA key in PEM (PKCS #8)".to_owned();
    let der =
        PrivateKeyDer::from_pem_slice(account.private_key.as_bytes()).map_err(|error| wrong(error.to_string()))?;
    let key = match &der {
        PrivateKeyDer::Pkcs8(der) => signature::RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => signature::RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => return Err(wrong(String::new())),
    };
    let key = key.map_err(|error| wrong(error.to_string()))?;
    let mut header = json!({"alg": "RS256", "typ": "JWT"});
    if !account.private_key_id.is_empty() {
        header["kid"] = account.private_key_id.as_str().into();
    }
    let claims = json!({
        "iss": account.client_email,
        "scope": SCOPE,
        "aud": account.token_uri,
        "iat": now,
        "exp": now + GRANT_S,
    });
    let part = |value: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let mut text = Zeroizing::new(format!("{}.{}", part(&header), part(&claims)));
    let mut signed = vec![0; key.public().modulus_len()];
    key.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signed)
        .map_err(|_| "its 'private_key' does not sign".to_owned())?;
    text.push('.');
    text.push_str(&BASE64_URL_SAFE_NO_PAD.encode(&signed));
    Ok(text)
}
