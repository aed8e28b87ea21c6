//! Amazon Web Services over HTTP: keys of KMS, and secrets of Secrets Manager.

mod credentials;
mod identity;
mod kms;
mod manager;

use std::sync::Arc;

use bytes::Bytes;
use object_store::{
    aws::{AwsAuthorizer, AwsCredential},
    client::{HttpRequest, HttpRequestBody},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use self::credentials::Credentials;
pub(super) use self::identity::check;
pub use self::kms::AwsKms;
use super::{
    SecretError,
    cloud::{self, Failure, Http, Kept, Reply, Request},
};
use crate::{
    config,
    outgoing::{Method, Url, header::HeaderValue},
};

/// An account. Nothing is sent before something is needed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Aws(Arc<Account>);

#[derive(Debug)]
struct Account {
    http: Http,
    region: String,
    kms: Url,
    secretsmanager: Url,
    credentials: Credentials,
    kept: Kept<AwsCredential>,
    team_prefix: Option<String>,
}

/// A service, as requests name it.
#[derive(Clone, Copy)]
enum Service {
    Kms,
    SecretsManager,
}

/// What services say when they refuse.
#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "__type", default)]
    code: String,
    #[serde(default, alias = "Message")]
    message: String,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::Kms => "AWS KMS",
            Self::SecretsManager => "AWS Secrets Manager",
        }
    }

    /// In signatures, and in front of operations.
    fn signed_and_target(self) -> (&'static str, &'static str) {
        match self {
            Self::Kms => ("kms", "TrentService"),
            Self::SecretsManager => ("secretsmanager", "secretsmanager"),
        }
    }
}

impl Aws {
    /// The account of the configuration; `variables` are the environment's.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub fn of(config: &config::Aws, variables: &dyn Fn(&str) -> Option<String>) -> Result<Self, SecretError> {
        Self::account(config, variables)
            .map(|account| Self(Arc::new(account)))
            .map_err(|why| SecretError::Configuration(format!("aws: {why}")))
    }

    fn account(config: &config::Aws, variables: cloud::Variables<'_>) -> Result<Account, String> {
        let region = config.region.as_str();
        if !is_region(region) {
            return Err(format!("'region' is one as eu-central-1, not '{region}'"));
        }
        let domain = domain(region);
        let of = |name: &str, given: Option<&String>| match given {
            Some(address) => cloud::endpoint(&format!("endpoints.{name}"), address),
            None => cloud::endpoint(name, &format!("https://{name}.{region}.{domain}")),
        };
        if let Some(prefix) = &config.team_prefix
            && !manager::is_team_prefix(prefix)
        {
            return Err(format!(
                "'team_prefix' is the beginning of names as slipway/{{team}}/, with '{{team}}' as its last part, not '{prefix}'"
            ));
        }
        let http = Http::new(config.ca_file.as_deref(), config.timeout_s)?;
        let credentials = Credentials::of(config, variables, http.clone(), of("sts", config.endpoints.sts.as_ref())?)?;
        Ok(Account {
            http,
            region: region.to_owned(),
            kms: of("kms", config.endpoints.kms.as_ref())?,
            secretsmanager: of("secretsmanager", config.endpoints.secretsmanager.as_ref())?,
            credentials,
            kept: Kept::default(),
            team_prefix: config.team_prefix.clone(),
        })
    }

    /// One operation, signed; once more with new credentials when these are refused.
    async fn call<T: DeserializeOwned>(
        &self,
        service: Service,
        operation: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).map_err(|error| SecretError::Refused(error.to_string()))?;
        let body = cloud::wiped(body);
        let credential = self.0.kept.get(None, self.0.credentials.now()).await?;
        let answer = match self.send(service, operation, &body, &credential).await {
            Err(Failure::Login(_)) => {
                let credential = self.0.kept.get(Some(&credential), self.0.credentials.now()).await?;
                self.send(service, operation, &body, &credential).await
            }
            answer => answer,
        };
        answer.map_err(|failure| match failure {
            Failure::Login(said) => Failure::Other(SecretError::Refused(format!(
                "{} does not take the credentials that come from {}: {said}",
                service.name(),
                self.0.credentials
            ))),
            other => other,
        })
    }

    async fn send<T: DeserializeOwned>(
        &self,
        service: Service,
        operation: &str,
        body: &Bytes,
        credential: &AwsCredential,
    ) -> Result<T, Failure> {
        let endpoint = match service {
            Service::Kms => &self.0.kms,
            Service::SecretsManager => &self.0.secretsmanager,
        };
        let (signed, target) = service.signed_and_target();
        let make = || {
            let mut request = HttpRequest::new(HttpRequestBody::from(body.clone()));
            *request.method_mut() = Method::POST;
            *request.uri_mut() = endpoint.as_str().parse().map_err(|_| unsigned("its address"))?;
            let headers = request.headers_mut();
            headers.insert("content-type", HeaderValue::from_static("application/x-amz-json-1.1"));
            let target = HeaderValue::from_str(&format!("{target}.{operation}"));
            headers.insert("x-amz-target", target.map_err(|_| unsigned("its operation"))?);
            AwsAuthorizer::new(credential, signed, &self.0.region)
                .try_authorize(&mut request, None)
                .map_err(|error| unsigned(&error.to_string()))?;
            Ok(Request {
                method: Method::POST,
                url: endpoint,
                headers: std::mem::take(request.headers_mut()),
                body: body.clone(),
            })
        };
        let who = format!("{} at {}", service.name(), endpoint.as_str().trim_end_matches('/'));
        let reply = self.0.http.send(&who, make, again).await?;
        if reply.status.is_success() {
            let read =
                reply.json().ok_or_else(|| SecretError::Unavailable(format!("{who}: its answer cannot be read")));
            return Ok(read?);
        }
        Err(failure(&reply))
    }
}

fn is_region(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// What the names of a region's services end in.
fn domain(region: &str) -> &'static str {
    if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
}

fn unsigned(why: &str) -> SecretError {
    SecretError::Refused(format!("a request to AWS cannot be signed: {why}"))
}

/// What services say when they refuse, in XML. What is compatible with them, or stands before them, says it so too where they speak JSON.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct XmlRefusal {
    error: Option<XmlError>,
    errors: Option<XmlErrors>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct XmlErrors {
    error: XmlError,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct XmlError {
    code: String,
    message: String,
}

/// The error's name, without what services write around it: `com.amazonaws.kms#NotFoundException`.
fn refusal(reply: &Reply) -> Refusal {
    let in_xml = || {
        let found: XmlRefusal = quick_xml::de::from_reader(&reply.body[..]).ok()?;
        found.error.or(found.errors.map(|errors| errors.error))
    };
    let mut refusal = reply.json().unwrap_or_else(|| {
        let XmlError { code, message } = in_xml().unwrap_or_default();
        Refusal { code, message }
    });
    if let Some((_, name)) = refusal.code.rsplit_once('#') {
        refusal.code = name.to_owned();
    }
    refusal
}

fn again(reply: &Reply) -> Option<String> {
    let Refusal { code, message } = refusal(reply);
    let throttled = matches!(
        code.as_str(),
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "DependencyTimeoutException"
            | "KeyUnavailableException"
            | "KMSInternalException"
            | "InternalServiceError"
    );
    (throttled && !reply.status.is_success() || cloud::is_passing(reply.status))
        .then(|| cloud::said(reply.status, &code, &message))
}

fn failure(reply: &Reply) -> Failure {
    let Refusal { code, message } = refusal(reply);
    let said = cloud::said(reply.status, &code, &message);
    match code.as_str() {
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidToken"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "RequestExpired" => Failure::Login(said),
        "AccessDenied" | "AccessDeniedException" | "OptInRequired" => Failure::Denied(said),
        "NotFoundException" | "ResourceNotFoundException" => Failure::Missing(said),
        _ => Failure::Unfit(said),
    }
}
