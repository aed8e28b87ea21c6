//! A client of the api, as a person's program would be one.

use std::{sync::Once, time::Duration};

use anyhow::Context as _;
use futures::StreamExt as _;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// Speaks to one api with one key.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    key: String,
}

/// An answer that was not a stream.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body; null when it is empty.
    pub body: Value,
    /// Where the answer says the thing is.
    pub location: Option<String>,
}

impl Answer {
    /// The body, when the request was carried out.
    ///
    /// # Errors
    /// With the problem, when it was not.
    pub fn ok(self) -> anyhow::Result<Value> {
        anyhow::ensure!(self.status.is_success(), "{}: {:#}", self.status, self.body);
        Ok(self.body)
    }
}

/// One server-sent event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentEvent {
    /// Its name.
    pub name: String,
    /// Its id, when it has one.
    pub id: Option<String>,
    /// Its data.
    pub data: Value,
}

impl Client {
    /// A client of the api at `base`.
    ///
    /// # Errors
    /// When there is no source of randomness for TLS.
    pub fn new(base: &str, key: &str) -> anyhow::Result<Self> {
        Self::built(base, key, Ok)
    }

    /// A client of the api at `base` that trusts these authorities (PEM) and nobody else.
    ///
    /// # Errors
    /// When they are none.
    pub fn trusting(base: &str, key: &str, authorities: &[u8]) -> anyhow::Result<Self> {
        Self::built(
            base,
            key,
            |builder| Ok(builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(authorities)?)),
        )
    }

    fn built(
        base: &str,
        key: &str,
        more: impl FnOnce(reqwest::ClientBuilder) -> anyhow::Result<reqwest::ClientBuilder>,
    ) -> anyhow::Result<Self> {
        static PROVIDER: Once = Once::new();
        // Another part of the process may have installed one already, which serves as well.
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let http = more(reqwest::Client::builder().connect_timeout(Duration::from_secs(2)))?.build()?;
        Ok(Self { http, base: base.to_owned(), key: key.to_owned() })
    }

    /// Where the api is.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The key it shows.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The same key for another api.
    #[must_use]
    pub fn with_base(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// Sends one request and waits at most twenty seconds for the whole answer.
    ///
    /// # Errors
    /// When there is no answer. A refusal is an answer.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> anyhow::Result<Answer> {
        let what = format!("{method} {path}");
        let mut request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.key);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.timeout(Duration::from_secs(20)).send().await.with_context(|| what.clone())?;
        let status = response.status();
        let location = response.headers().get("location").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let text = response.text().await.with_context(|| what.clone())?;
        let body =
            if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap_or(Value::String(text)) };
        Ok(Answer { status, body, location })
    }

    /// Reads something.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.send(Method::GET, path, &[], None).await?;
        answer.ok().with_context(|| format!("GET {path}"))
    }

    /// Sends JSON.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send(Method::POST, path, &[("content-type", "application/json")], Some(body.to_string())).await
    }

    /// Submits a Score file.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn submit(&self, yaml: &str) -> anyhow::Result<Answer> {
        self.send(Method::POST, "/api/specs", &[("content-type", "application/yaml")], Some(yaml.to_owned())).await
    }

    /// Submits a Score file under an idempotency key, so that sending it again does no harm.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn submit_once(&self, yaml: &str, key: &str) -> anyhow::Result<Answer> {
        let headers = [("content-type", "application/yaml"), ("idempotency-key", key)];
        self.send(Method::POST, "/api/specs", &headers, Some(yaml.to_owned())).await
    }

    /// Starts a golden path; gives the run's id.
    ///
    /// # Errors
    /// When there is no answer, or a refusal.
    pub async fn execute(&self, workflow: &str, inputs: &Value) -> anyhow::Result<String> {
        let answer = self.post("/api/workflows/execute", &json!({"workflow": workflow, "inputs": inputs})).await?;
        let status = answer.status;
        let body = answer.ok().with_context(|| format!("executing {workflow}"))?;
        anyhow::ensure!(status == StatusCode::ACCEPTED, "executing {workflow} was answered {status}");
        body["id"].as_str().map(str::to_owned).context("the answer names no run")
    }

    /// One run with its steps.
    ///
    /// # Errors
    /// When there is no answer, or no such run.
    pub async fn run(&self, id: &str) -> anyhow::Result<Value> {
        self.get(&format!("/api/workflows/{id}")).await
    }

    /// Every live resource of an application, by name.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn resources(&self, application: &str) -> anyhow::Result<Vec<Value>> {
        let page = self.get(&format!("/api/resources?application={application}&limit=100")).await?;
        page["items"].as_array().cloned().context("a page without items")
    }

    /// One resource of an application, by name; none while there is none.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn resource(&self, application: &str, name: &str) -> anyhow::Result<Option<Value>> {
        Ok(self.resources(application).await?.into_iter().find(|resource| resource["name"] == name))
    }

    /// The whole text log of a run as it is now.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn logs(&self, run: &str) -> anyhow::Result<String> {
        match self.get(&format!("/api/workflows/{run}/logs")).await? {
            Value::String(text) => Ok(text),
            Value::Null => Ok(String::new()),
            // A log that happens to be JSON.
            other => Ok(other.to_string()),
        }
    }

    /// Follows the log of a run after `last_id`, until its end or until `enough` says so.
    ///
    /// # Errors
    /// When the stream breaks, or is not over within a minute.
    pub async fn follow(
        &self,
        run: &str,
        last_id: Option<&str>,
        enough: impl FnMut(&SentEvent) -> bool,
    ) -> anyhow::Result<Vec<SentEvent>> {
        self.events(&format!("/api/workflows/{run}/logs"), last_id, enough).await.context("the log of the run")
    }

    /// Reads the events at `path` after `last_id`, until their end or until `enough` says so.
    ///
    /// # Errors
    /// When the stream breaks, or is not over within a minute.
    pub async fn events(
        &self,
        path: &str,
        last_id: Option<&str>,
        mut enough: impl FnMut(&SentEvent) -> bool,
    ) -> anyhow::Result<Vec<SentEvent>> {
        let mut request = self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.key);
        request = request.header("accept", "text/event-stream");
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let read = async {
            let mut body = request.send().await?.error_for_status()?.bytes_stream();
            let (mut events, mut buffer) = (Vec::new(), String::new());
            while let Some(chunk) = body.next().await {
                buffer.push_str(&String::from_utf8_lossy(&chunk?));
                while let Some((block, rest)) = buffer.split_once("\n\n") {
                    let event = parse(block)?;
                    buffer = rest.to_owned();
                    let Some(event) = event else { continue };
                    let last = event.name == "end" || enough(&event);
                    events.push(event);
                    if last {
                        return anyhow::Ok(events);
                    }
                }
            }
            Ok(events)
        };
        tokio::time::timeout(Duration::from_secs(60), read).await.context("the events do not end")?
    }
}

fn parse(block: &str) -> anyhow::Result<Option<SentEvent>> {
    let field = |name: &str| {
        let lines = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let values: Vec<&str> = lines.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect();
        (!values.is_empty()).then(|| values.join("\n"))
    };
    let Some(data) = field("data") else { return Ok(None) };
    Ok(Some(SentEvent {
        name: field("event").unwrap_or_default(),
        id: field("id"),
        data: serde_json::from_str(&data)?,
    }))
}
