//! Requests to the provider: bounded in time and size, never redirected.

use std::{pin::Pin, time::Duration};

use openidconnect::{
    AsyncHttpClient, HttpRequest, HttpResponse,
    http::{self, StatusCode},
};
use shared::config::{Oidc, is_loopback};

/// Bytes of an answer that are read. Discovery documents and key sets have a few thousand.
const MAX_BODY: usize = 512 * 1024;
/// How long the provider may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Why a request brought no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The system's words.
    #[error("{0}")]
    Failed(String),
    /// Nothing came in time.
    #[error("there was no answer within {0} s")]
    Slow(u64),
    /// More came than is read.
    #[error("the answer is longer than {MAX_BODY} bytes")]
    TooLong,
}

/// A client for requests to one provider.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    limit: Duration,
}

impl Http {
    /// A client that trusts the system's certificates and those of `ca_file`.
    ///
    /// # Errors
    /// When the certificates cannot be used; the text names the key.
    pub(super) fn new(settings: &Oidc) -> Result<Self, String> {
        // A second call finds a provider in place.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("slipway/", env!("CARGO_PKG_VERSION")));
        if url::Url::parse(&settings.issuer).is_ok_and(|issuer| is_loopback(&issuer)) {
            builder = builder.no_proxy();
        }
        if let Some(file) = &settings.ca_file {
            let named = |error: String| format!("identity.oidc.ca_file {}: {error}", file.display());
            let pem = std::fs::read(file).map_err(|error| named(error.to_string()))?;
            let certificates =
                reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| named(root_cause(&error)))?;
            if certificates.is_empty() {
                return Err(named("it holds no certificate".into()));
            }
            builder = builder.tls_certs_merge(certificates);
        }
        let client = builder.build().map_err(|error| format!("setting up HTTP: {}", root_cause(&error)))?;
        Ok(Self { client, limit: Duration::from_secs(settings.timeout_s.clamp(1, 60).into()) })
    }

    /// GET.
    ///
    /// # Errors
    /// When there is no answer. A refusal is an answer.
    pub(super) async fn get(&self, url: &str) -> Result<(StatusCode, Vec<u8>), HttpError> {
        let request = http::Request::get(url).header(http::header::ACCEPT, "application/json").body(Vec::new());
        let answer = self.send(request.map_err(|error| HttpError::Failed(error.to_string()))?).await?;
        Ok((answer.status(), answer.into_body()))
    }

    /// One request.
    ///
    /// # Errors
    /// When there is no answer. A refusal is an answer.
    pub(super) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = tokio::time::timeout(self.limit, self.exchange(request)).await;
        answer.unwrap_or(Err(HttpError::Slow(self.limit.as_secs())))
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let failed = |error: reqwest::Error| HttpError::Failed(root_cause(&error));
        let request = reqwest::Request::try_from(request).map_err(failed)?;
        let mut answer = self.client.execute(request).await.map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(HttpError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        let mut whole = http::Response::new(body);
        *whole.status_mut() = answer.status();
        *whole.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(whole)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
