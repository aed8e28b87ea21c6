//! Requests to the server.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::{Method, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};

use crate::{
    connection::{self, Access},
    failure::{Failure, Problem},
};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(60);
/// Bytes of an answer that are read.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;
/// How often a request is made again that never left: a server that turns a client away at the end of TLS' handshake may be gone
/// before it could say why.
const UNTOLD: usize = 3;
/// Items asked for at once.
const PAGE: usize = 200;

/// A server and a key.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    access: Access,
}

/// The body of a request.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// JSON.
    Json(Value),
    /// YAML, as it stands in a file.
    Yaml(String),
}

/// Items of a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listed {
    /// The items.
    pub(crate) items: Vec<Value>,
    /// Whether the server has more of them.
    pub(crate) more: bool,
}

impl Listed {
    /// As the server would have sent it in one page.
    pub(crate) fn to_value(&self) -> Value {
        json!({ "items": self.items })
    }
}

impl Client {
    /// A client that makes no request yet.
    ///
    /// # Errors
    /// When HTTP cannot be set up.
    pub(crate) fn new(access: Access) -> anyhow::Result<Self> {
        Ok(Self { http: connection::http_client(&access.url, &access.tls)?, access })
    }

    /// The server's address.
    pub(crate) fn server(&self) -> &str {
        &self.access.url
    }

    /// GET, for a JSON answer.
    ///
    /// # Errors
    /// When the server cannot be reached or says no.
    pub(crate) async fn get(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<Value> {
        let request = self.request(Method::GET, path).query(query).timeout(ANSWER);
        read_json(self.send(request).await?).await
    }

    /// GET, for an answer that is a text.
    ///
    /// # Errors
    /// When the server cannot be reached or says no.
    pub(crate) async fn text(&self, path: &str, query: &[(&str, String)]) -> anyhow::Result<String> {
        let request = self.request(Method::GET, path).query(query).timeout(ANSWER);
        let body = read_body(self.send(request).await?).await?;
        String::from_utf8(body).context("the server's answer is not UTF-8")
    }

    /// GET, for an answer that comes bit by bit and has no end of its own.
    ///
    /// # Errors
    /// When the server cannot be reached or says no.
    pub(crate) async fn stream(
        &self,
        path: &str,
        query: &[(&str, String)],
        after: Option<&str>,
    ) -> anyhow::Result<Response> {
        let mut request = self.request(Method::GET, path).query(query).header(header::ACCEPT, "text/event-stream");
        if let Some(after) = after {
            request = request.header("Last-Event-ID", after);
        }
        self.send(request).await
    }

    /// All items of a list, page by page, up to `limit`.
    ///
    /// # Errors
    /// When the server cannot be reached or says no.
    pub(crate) async fn list(&self, path: &str, query: &[(&str, String)], limit: usize) -> anyhow::Result<Listed> {
        let mut listed = Listed::default();
        let mut cursor: Option<String> = None;
        loop {
            let mut query = query.to_vec();
            query.push(("limit", PAGE.min(limit - listed.items.len()).to_string()));
            if let Some(cursor) = cursor.take() {
                query.push(("cursor", cursor));
            }
            let mut page = self.get(path, &query).await?;
            let items = page.get_mut("items").map(Value::take);
            let Some(Value::Array(items)) = items else { anyhow::bail!("the answer of {path} holds no list") };
            let empty = items.is_empty();
            listed.items.extend(items);
            cursor = page.get("next_cursor").and_then(Value::as_str).map(str::to_owned);
            listed.more = cursor.is_some() || listed.items.len() > limit;
            listed.items.truncate(limit);
            if cursor.is_none() || empty || listed.items.len() >= limit {
                return Ok(listed);
            }
        }
    }

    /// POST; with an `Idempotency-Key` of its own, so that it is tried again safely when the answer is lost.
    ///
    /// # Errors
    /// When the server cannot be reached or says no.
    pub(crate) async fn post(
        &self,
        path: &str,
        query: &[(&str, String)],
        body: Option<Body>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let key = format!("cli-{}", hex::encode(rand::random::<[u8; 16]>()));
        self.change(Method::POST, path, query, body, Some(key)).await
    }

    /// POST of what is not to be sent twice, or where an answer that was lost does no harm.
    ///
    /// # Errors
    /// When the server cannot be reached or says no.
    pub(crate) async fn post_once(&self, path: &str, body: Value) -> anyhow::Result<(StatusCode, Value)> {
        let body = (!body.is_null()).then_some(Body::Json(body));
        self.change(Method::POST, path, &[], body, None).await
    }

    /// PUT; says how something should be, so that it may be sent again.
    ///
    /// # Errors
    /// When the server cannot be reached or says no.
    pub(crate) async fn put(&self, path: &str, body: Value) -> anyhow::Result<(StatusCode, Value)> {
        self.change(Method::PUT, path, &[], Some(Body::Json(body)), None).await
    }

    /// PATCH; says how parts of something should be, so that it may be sent again.
    ///
    /// # Errors
    /// When the server cannot be reached or says no.
    pub(crate) async fn patch(&self, path: &str, body: Value) -> anyhow::Result<(StatusCode, Value)> {
        self.change(Method::PATCH, path, &[], Some(Body::Json(body)), None).await
    }

    /// DELETE.
    ///
    /// # Errors
    /// When the server cannot be reached or says no.
    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<(StatusCode, Value)> {
        self.change(Method::DELETE, path, &[], None, None).await
    }

    async fn change(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, String)],
        body: Option<Body>,
        key: Option<String>,
    ) -> anyhow::Result<(StatusCode, Value)> {
        let mut tries_left = if key.is_some() { 3 } else { 1 };
        loop {
            let mut request = self.request(method.clone(), path).query(query).timeout(ANSWER);
            if let Some(key) = &key {
                request = request.header("Idempotency-Key", key);
            }
            request = match &body {
                Some(Body::Json(value)) => request.json(value),
                Some(Body::Yaml(text)) => request.header(header::CONTENT_TYPE, "application/yaml").body(text.clone()),
                None => request,
            };
            tries_left -= 1;
            match self.send(request).await {
                Ok(answer) => {
                    let status = answer.status();
                    return Ok((status, read_json(answer).await?));
                }
                Err(error) if tries_left > 0 && is_passing(&error) => {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.access.url));
        // Without a key yet, to get one.
        if self.access.api_key.is_empty() { request } else { request.bearer_auth(&self.access.api_key) }
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let mut again = (0..UNTOLD).filter_map(|_| request.try_clone()).collect::<Vec<_>>();
        let mut answer = request.send().await.map_err(|error| root_cause(&error));
        while answer.as_ref().is_err_and(|reason| reason.contains("connection was not ready"))
            && let Some(request) = again.pop()
        {
            answer = request.send().await.map_err(|error| root_cause(&error));
        }
        let answer = answer.map_err(|reason| {
            let (url, source_of_url) = (self.access.url.clone(), self.access.url_source.clone());
            match connection::tls_advice(&reason) {
                Some(advice) => Failure::Insecure { url, source_of_url, reason, advice },
                None => Failure::Unreachable { url, source_of_url, reason },
            }
        })?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let problem = read_json(answer).await.ok().and_then(|body| serde_json::from_value::<Problem>(body).ok());
        let mut problem = problem.unwrap_or_default();
        if problem.title.is_empty() {
            problem.title = status.canonical_reason().unwrap_or("Error").to_owned();
            problem.detail = format!("{} answered {status}, and not in the words of Slipway", self.access.url);
        }
        problem.status = status.as_u16();
        if status == StatusCode::UNAUTHORIZED {
            return Err(Failure::Unauthorized { problem, source_of_key: self.access.key_source.clone() }.into());
        }
        Err(Failure::Problem(problem).into())
    }
}

/// Whether the same request may well succeed in a moment.
pub(crate) fn is_passing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Failure>().is_some_and(Failure::is_passing)
}

/// A part of a path, with what has a meaning in paths escaped.
pub(crate) fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let escaped =
        text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") });
    // A part of dots alone would mean another path.
    if text.chars().all(|c| c == '.') { text.replace('.', "%2E") } else { escaped.collect() }
}

async fn read_json(answer: Response) -> anyhow::Result<Value> {
    let body = read_body(answer).await?;
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&body).context("the server's answer is not JSON")
}

async fn read_body(mut answer: Response) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.context("reading the server's answer")? {
        anyhow::ensure!(
            body.len() + chunk.len() <= ANSWER_BYTES,
            "the server's answer is larger than {ANSWER_BYTES} bytes"
        );
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    if error.is_timeout() { "no answer in time".into() } else { cause.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_lead_to_another_path() {
        assert_eq!(segment("shop"), "shop");
        assert_eq!(segment("a/../b?c#d"), "a%2F..%2Fb%3Fc%23d");
        assert_eq!(segment(".."), "%2E%2E");
    }
}
