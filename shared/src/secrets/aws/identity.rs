//! Whether an access key is good, asked in the one way that needs no permission.

use bytes::Bytes;
use object_store::{
    aws::{AwsAuthorizer, AwsCredential},
    client::{HttpRequest, HttpRequestBody},
};

use super::{failure, unsigned};
use crate::{
    outgoing::{Client, Method, Url, header::HeaderValue},
    secrets::{
        SecretError,
        cloud::{self, Failure, Reply},
        credential::{Checked, unanswered},
    },
};

const ASKED: &[u8] = b"Action=GetCallerIdentity&Version=2011-06-15";

/// Asks AWS STS (at `sts`, else the region's) whose an access key is.
///
/// # Errors
/// When it does not answer, or may not be spoken to.
pub(in crate::secrets) async fn check(
    client: &Client,
    sts: Option<&str>,
    region: &str,
    (id, secret): (&str, &str),
) -> Result<Checked, SecretError> {
    if !super::is_region(region) {
        return Ok(Checked::Refused(format!("'region' is one as eu-central-1, not '{region}'")));
    }
    let address = sts.map_or_else(|| format!("https://sts.{region}.{}", super::domain(region)), str::to_owned);
    let url = Url::parse(&address)
        .map_err(|error| SecretError::Configuration(format!("integrations.aws_sts: {address}: {error}")))?;
    let credential = AwsCredential { key_id: id.to_owned(), secret_key: secret.to_owned(), token: None };
    let mut request = HttpRequest::new(HttpRequestBody::from(Bytes::from_static(ASKED)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = url.as_str().parse().map_err(|_| unsigned("its address"))?;
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert("content-type", form);
    AwsAuthorizer::new(&credential, "sts", region)
        .try_authorize(&mut request, None)
        .map_err(|error| unsigned(&error.to_string()))?;
    let headers = std::mem::take(request.headers_mut());
    let answer = client.send(Method::POST, &url, headers, Bytes::from_static(ASKED)).await.map_err(unanswered)?;
    let reply = Reply { status: answer.status, body: Vec::from(answer.body).into() };
    if reply.status.is_success() {
        return Ok(Checked::Good);
    }
    if cloud::is_passing(reply.status) {
        return Err(SecretError::Refused(format!("it could not be tried: AWS STS answers {}", reply.status)));
    }
    Ok(Checked::Refused(match failure(&reply) {
        Failure::Login(said) | Failure::Denied(said) | Failure::Missing(said) | Failure::Unfit(said) => {
            format!("AWS STS does not take the access key {id}: {said}")
        }
        Failure::Other(error) => return Err(error),
    }))
}
