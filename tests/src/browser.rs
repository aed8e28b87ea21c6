//! A browser at one site, which a test steers by hand: it keeps cookies, follows nothing by itself, and says where its
//! requests come from. One that goes where pages lead it is in [`crate::visitor`].

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context as _;
use reqwest::{
    Method,
    header::{self, HeaderMap},
};
use serde_json::Value;

/// What browsers say with a request that a page of the same site makes.
pub const OWN_PAGE: (&str, &str) = ("sec-fetch-site", "same-origin");

/// A browser at one site.
#[derive(Clone, Debug)]
pub struct Browser {
    http: reqwest::Client,
    base: String,
    /// Its cookies for the site, by name.
    pub cookies: BTreeMap<String, String>,
}

/// What it was answered.
#[derive(Clone, Debug)]
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Page {
    /// A header, empty when it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Where it sends the browser.
    #[must_use]
    pub fn location(&self) -> &str {
        self.header("location")
    }

    /// The body as JSON; null when it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The last part of a problem's type.
    #[must_use]
    pub fn problem(&self) -> String {
        let body = self.json();
        body["type"].as_str().and_then(|kind| kind.strip_prefix("/problems/")).unwrap_or_default().to_owned()
    }
}

impl Browser {
    /// One without cookies.
    ///
    /// # Errors
    /// When there is no source of randomness for TLS.
    pub fn new(base: &str) -> anyhow::Result<Self> {
        // A second call finds a provider in place.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(2))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), cookies: BTreeMap::new() })
    }

    /// Sends a request with its cookies, and keeps those that come back.
    ///
    /// # Errors
    /// When there is no answer within twenty seconds.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> anyhow::Result<Page> {
        let what = format!("{method} {path}");
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if !self.cookies.is_empty() {
            let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, pairs.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = request.timeout(Duration::from_secs(20)).send().await.with_context(|| what.clone())?;
        for value in answer.headers().get_all(header::SET_COOKIE) {
            let value = value.to_str()?;
            let (pair, attributes) = value.split_once(';').unwrap_or((value, ""));
            let (name, value) = pair.split_once('=').context("a cookie without a name")?;
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Page { status, headers, text: answer.text().await.context(what)? })
    }

    /// Opens a page, as if its address had been typed.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn open(&mut self, path: &str) -> anyhow::Result<Page> {
        self.send(Method::GET, path, &[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")], None).await
    }

    /// Sends a form of one of the site's own pages.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> anyhow::Result<Page> {
        self.submit_from(path, fields, &[OWN_PAGE]).await
    }

    /// Sends a form with these headers.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn submit_from(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> anyhow::Result<Page> {
        let mut headers = headers.to_vec();
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
        }
        self.send(Method::POST, path, &headers, Some(encode(fields))).await
    }

    /// Sends JSON without any cookie, as a program does.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn program(&self, path: &str, body: &Value, key: Option<&str>) -> anyhow::Result<Page> {
        let mut program = Self { cookies: BTreeMap::new(), ..self.clone() };
        let bearer = key.map(|key| format!("Bearer {key}"));
        let mut headers = vec![("content-type", "application/json")];
        if let Some(bearer) = &bearer {
            headers.push(("authorization", bearer));
        }
        program.send(Method::POST, path, &headers, Some(body.to_string())).await
    }

    /// Logs in by name and password.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn log_in(&mut self, name: &str, password: &str) -> anyhow::Result<Page> {
        self.submit("/login", &[("name", name), ("password", password)]).await
    }
}

/// The fields as a form sends them.
fn encode(fields: &[(&str, &str)]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect()
    };
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    pairs.join("&")
}
