//! A browser without a screen: cookies, redirects and forms.

use std::{sync::Mutex, time::Duration};

use anyhow::Context as _;
use reqwest::{
    Method, StatusCode, Url,
    header::{self, HeaderMap},
};

/// Redirects that are followed in a row.
const HOPS: usize = 20;

/// One browser with its cookies.
#[derive(Debug)]
pub struct Browser {
    http: reqwest::Client,
    cookies: Mutex<Vec<Cookie>>,
}

#[derive(Clone, Debug)]
struct Cookie {
    site: String,
    path: String,
    name: String,
    value: String,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Visit {
    /// Where it is.
    pub url: Url,
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl Visit {
    /// Where it leads on to, if it does.
    #[must_use]
    pub fn leads_to(&self) -> Option<Url> {
        self.url.join(self.headers.get(header::LOCATION)?.to_str().ok()?).ok()
    }

    /// The address that the page's form is sent to.
    ///
    /// # Errors
    /// When there is none.
    pub fn form(&self) -> anyhow::Result<Url> {
        let form = self.body.split("<form").nth(1).context("there is no form")?;
        let action =
            form.split("action=\"").nth(1).and_then(|rest| rest.split('"').next()).context("a form for nothing")?;
        Ok(self.url.join(action)?)
    }
}

impl Browser {
    /// One without cookies.
    ///
    /// # Errors
    /// When HTTP cannot be set up.
    pub fn new() -> anyhow::Result<Self> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()?;
        Ok(Self { http, cookies: Mutex::default() })
    }

    /// Opens a page and follows where it leads, to the end.
    ///
    /// # Errors
    /// When there is no answer, or no end.
    pub async fn open(&self, url: &str) -> anyhow::Result<Visit> {
        let first = self.get(url).await?;
        self.follow(first).await
    }

    /// Opens one address and stays there.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&self, url: &str) -> anyhow::Result<Visit> {
        self.visit(Method::GET, Url::parse(url)?, None).await
    }

    /// Sends a form and follows where that leads.
    ///
    /// # Errors
    /// When there is no answer, or no end.
    pub async fn send(&self, url: &Url, form: &[(&str, &str)]) -> anyhow::Result<Visit> {
        let mut encoded = Url::parse("form:")?;
        encoded.query_pairs_mut().extend_pairs(form);
        let body = encoded.query().unwrap_or_default().to_owned();
        let first = self.visit(Method::POST, url.clone(), Some(body)).await?;
        self.follow(first).await
    }

    /// Goes on from a page to where it leads.
    ///
    /// # Errors
    /// When there is no answer, or no end.
    pub async fn follow(&self, mut visit: Visit) -> anyhow::Result<Visit> {
        for _ in 0..HOPS {
            let Some(next) = visit.leads_to().filter(|_| visit.status.is_redirection()) else { return Ok(visit) };
            visit = self.visit(Method::GET, next, None).await?;
        }
        anyhow::bail!("more than {HOPS} redirects, at last to {}", visit.url)
    }

    /// The value of a cookie of a site (`host:port`).
    #[must_use]
    pub fn cookie(&self, site: &str, name: &str) -> Option<String> {
        let cookies = self.cookies.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        cookies.iter().find(|cookie| cookie.site == site && cookie.name == name).map(|cookie| cookie.value.clone())
    }

    async fn visit(&self, method: Method, url: Url, form: Option<String>) -> anyhow::Result<Visit> {
        let site = site(&url);
        let mut request = self.http.request(method, url.clone());
        let sent: Vec<String> = {
            let cookies = self.cookies.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let fits = |cookie: &&Cookie| cookie.site == site && url.path().starts_with(&cookie.path);
            cookies.iter().filter(fits).map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect()
        };
        if !sent.is_empty() {
            request = request.header(header::COOKIE, sent.join("; "));
        }
        if let Some(form) = form {
            request = request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header("sec-fetch-site", "same-origin")
                .body(form);
        }
        let response = request.send().await.with_context(|| format!("visiting {url}"))?;
        let (status, headers) = (response.status(), response.headers().clone());
        for line in headers.get_all(header::SET_COOKIE) {
            self.keep(&site, &url, line.to_str()?);
        }
        Ok(Visit { url, status, headers, body: response.text().await? })
    }

    fn keep(&self, site: &str, url: &Url, line: &str) {
        let mut parts = line.split(';').map(str::trim);
        let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { return };
        let attributes: Vec<(String, &str)> = parts
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .map(|(a, b)| (a.to_ascii_lowercase(), b))
            .collect();
        let attribute = |wanted: &str| attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value);
        let secure_over_http = attribute("secure").is_some() && url.scheme() != "https";
        let path = attribute("path").unwrap_or("/").to_owned();
        let gone = value.is_empty() || attribute("max-age") == Some("0");
        let mut cookies = self.cookies.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        cookies
            .retain(|kept| (kept.site.as_str(), kept.path.as_str(), kept.name.as_str()) != (site, path.as_str(), name));
        if !gone && !secure_over_http {
            cookies.push(Cookie { site: site.to_owned(), path, name: name.to_owned(), value: value.to_owned() });
        }
    }
}

fn site(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}
