//! HashiCorp Vault and OpenBao over HTTP: values of the KV engine (version 2), and keys of the transit engine.

mod keeper;
mod transit;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::StreamExt as _;
use reqwest::{Method, StatusCode, Url, header::HeaderValue};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

pub use transit::Transit;

use super::SecretError;
use crate::config::{self, AppRole, SecretSource};

/// Bytes that an answer may have.
const ANSWER: usize = 1024 * 1024;
/// Seconds of a token's life that must be left for it to be used again.
const MARGIN: Duration = Duration::from_secs(10);

/// A Vault server, logged in to when it is first needed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Vault(Arc<Server>);

#[derive(Debug)]
struct Server {
    http: reqwest::Client,
    address: Url,
    namespace: Option<HeaderValue>,
    login: Login,
    transit_mount: String,
    team_path: Option<String>,
    token: Mutex<Option<Token>>,
}

#[derive(Debug)]
enum Login {
    Token(SecretSource),
    AppRole(AppRole),
}

#[derive(Clone)]
struct Token {
    header: HeaderValue,
    until: Option<Instant>,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

/// Why the server did not do as asked.
enum Answer {
    Forbidden,
    Missing,
    Other(SecretError),
}

impl Vault {
    /// The server of the configuration. Nothing is sent yet.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub fn of(config: &config::Vault) -> Result<Self, SecretError> {
        let wrong = |text: String| SecretError::Configuration(format!("vault: {text}"));
        let address = Url::parse(&config.address)
            .ok()
            .filter(|url| {
                url.has_host() && url.username().is_empty() && url.password().is_none() && url.query().is_none()
            })
            .ok_or_else(|| wrong(format!("'address' is https://host:port, not '{}'", config.address)))?;
        let local = matches!(address.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if address.scheme() != "https" && !(address.scheme() == "http" && local) {
            return Err(wrong("'address' must be https: whoever listens could read secrets and the login".to_owned()));
        }
        let login = match (&config.token, &config.app_role) {
            (Some(token), None) => Login::Token(token.clone()),
            (None, Some(role)) => Login::AppRole(role.clone()),
            _ => return Err(wrong("exactly one of 'token' and 'app_role' is needed".to_owned())),
        };
        if !match &login {
            Login::Token(token) => token.is_local(),
            Login::AppRole(role) => role.secret_id.is_local(),
        } {
            return Err(wrong(
                "what Vault is logged in to with is in a file or a variable, and not itself in Vault".to_owned(),
            ));
        }
        let namespace = config.namespace.as_deref().map(HeaderValue::from_str).transpose();
        let namespace = namespace.map_err(|_| wrong("'namespace' cannot be sent as a header".to_owned()))?;
        for (name, path) in [("transit_mount", Some(&config.transit_mount)), ("team_path", config.team_path.as_ref())] {
            if let Some(path) = path
                && !is_path(&path.replacen("{team}", "team", 1))
            {
                return Err(wrong(format!("'{name}' is a path like 'kv/teams', not '{path}'")));
            }
        }
        if config.team_path.as_ref().is_some_and(|path| !path.split('/').skip(1).any(|part| part == "{team}")) {
            return Err(wrong("'team_path' needs '{team}' as a part of its path, behind the mount: without it teams could read each other's".to_owned()));
        }
        let timeout = Duration::from_secs(config.timeout_s.clamp(1, 60));
        // One of the two providers that rustls could use must be chosen; a second choice changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        if let Some(path) = &config.ca_file {
            http = http.tls_certs_only(certificates(path).map_err(wrong)?);
        }
        let http = http.build().map_err(|error| wrong(format!("HTTP cannot be set up: {error}")))?;
        Ok(Self(Arc::new(Server {
            http,
            address,
            namespace,
            login,
            transit_mount: config.transit_mount.clone(),
            team_path: config.team_path.clone(),
            token: Mutex::new(None),
        })))
    }

    /// The value that `MOUNT/PATH#KEY` names, now.
    ///
    /// # Errors
    /// When the reference is none, nothing is there, Vault says no or does not answer.
    pub async fn read(&self, reference: &str) -> Result<Zeroizing<String>, SecretError> {
        let (path, key) = parse_reference(reference).map_err(SecretError::Refused)?;
        let (mount, path) = path.split_once('/').unwrap_or((path, ""));
        let answer =
            self.ask(Method::GET, &format!("{mount}/data/{path}"), None).await.map_err(|error| match error {
                Answer::Forbidden => SecretError::Refused(format!("Vault does not let Slipway read {mount}/{path}")),
                Answer::Missing => SecretError::Refused(format!("Vault has nothing at {mount}/{path} (KV version 2)")),
                Answer::Other(error) => error,
            })?;
        match answer.pointer("/data/data").and_then(|data| data.get(key)) {
            Some(Value::String(text)) if !text.is_empty() => Ok(Zeroizing::new(text.clone())),
            Some(Value::Null) | None => {
                Err(SecretError::Refused(format!("Vault has no key '{key}' at {mount}/{path}")))
            }
            Some(Value::String(_)) => {
                Err(SecretError::Refused(format!("the key '{key}' at {mount}/{path} in Vault is empty")))
            }
            Some(other) => Ok(Zeroizing::new(other.to_string())),
        }
    }

    /// Where in Vault a team's own reference `PATH#KEY` is: below the folder that the instance gives the team, and nowhere else.
    ///
    /// # Errors
    /// When teams are given none, or the reference is none.
    pub fn of_team(&self, team: &str, reference: &str) -> Result<String, String> {
        let Some(folder) = &self.0.team_path else {
            return Err(
                "teams are given no place in Vault on this instance: secrets.vault.team_path says none".to_owned()
            );
        };
        if !is_part(team) {
            return Err(format!("the team's name '{team}' cannot be part of a path in Vault"));
        }
        parse_reference(&format!("mount/{reference}"))?;
        Ok(format!("{}/{reference}", folder.replacen("{team}", team, 1)))
    }

    /// A key of the transit engine.
    ///
    /// # Errors
    /// When it cannot be the name of one.
    pub fn transit(&self, key: &str) -> Result<Transit, String> {
        if !is_part(key) {
            return Err(format!("'{key}' cannot be the name of a transit key"));
        }
        Ok(Transit::new(self.clone(), key))
    }

    /// One request, with a login before it where there is none that lasts; once more with a new login when it is refused.
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Answer> {
        let (token, fresh) = self.token(None).await.map_err(Answer::Other)?;
        match self.send(method.clone(), path, body, Some(&token)).await {
            Err(Answer::Forbidden) if !fresh && matches!(self.0.login, Login::AppRole(_)) => {
                let (token, _) = self.token(Some(&token)).await.map_err(Answer::Other)?;
                self.send(method, path, body, Some(&token)).await
            }
            answer => answer,
        }
    }

    /// A token that lasts a while, and whether it is new. Others wait for the one that logs in; `refused` is not given again.
    async fn token(&self, refused: Option<&HeaderValue>) -> Result<(HeaderValue, bool), SecretError> {
        let mut kept = self.0.token.lock().await;
        if let Some(token) = &*kept
            && refused != Some(&token.header)
            && token.until.is_none_or(|until| Instant::now() + MARGIN < until)
        {
            return Ok((token.header.clone(), false));
        }
        let token = match &self.0.login {
            // Read each time, so that an agent may put a new one there.
            Login::Token(source) => {
                let text = source
                    .read()
                    .map(Zeroizing::new)
                    .map_err(|why| SecretError::Unavailable(format!("Vault's token: {why}")))?;
                return Ok((header(&text)?, true));
            }
            Login::AppRole(role) => self.log_in(role).await?,
        };
        let header = token.header.clone();
        *kept = Some(token);
        Ok((header, true))
    }

    async fn log_in(&self, role: &AppRole) -> Result<Token, SecretError> {
        let secret = role.secret_id.read().map(Zeroizing::new);
        let secret = secret.map_err(|why| SecretError::Unavailable(format!("Vault's secret_id: {why}")))?;
        let body = json!({"role_id": role.role_id, "secret_id": *secret});
        let answer = self.send(Method::POST, &format!("auth/{}/login", role.mount), Some(&body), None).await;
        let answer = answer.map_err(|error| match error {
            Answer::Other(error @ SecretError::Unavailable(_)) => error,
            Answer::Other(_) | Answer::Forbidden | Answer::Missing => SecretError::Refused(format!(
                "Vault refuses the login by AppRole at auth/{}: look at the role's id and its secret id",
                role.mount
            )),
        })?;
        let text = answer.pointer("/auth/client_token").and_then(Value::as_str);
        let text =
            text.ok_or_else(|| SecretError::Unavailable("Vault's answer to a login holds no token".to_owned()))?;
        let lasts = answer.pointer("/auth/lease_duration").and_then(Value::as_u64).filter(|seconds| *seconds > 0);
        let until = lasts.and_then(|seconds| Instant::now().checked_add(Duration::from_secs(seconds)));
        Ok(Token { header: header(text)?, until })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        token: Option<&HeaderValue>,
    ) -> Result<Value, Answer> {
        let unavailable =
            |why: String| Answer::Other(SecretError::Unavailable(format!("Vault at {}: {why}", self.0.address)));
        let url = self.0.address.join("/v1/").and_then(|base| base.join(path));
        let url = url.map_err(|error| unavailable(error.to_string()))?;
        let mut request = self.0.http.request(method, url).header("x-vault-request", "true");
        if let Some(token) = token {
            request = request.header("x-vault-token", token);
        }
        if let Some(namespace) = &self.0.namespace {
            request = request.header("x-vault-namespace", namespace);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| unavailable(plain(&error)))?;
        let status = response.status();
        let mut content = Zeroizing::new(Vec::new());
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            content.extend_from_slice(&chunk.map_err(|error| unavailable(plain(&error)))?);
            if content.len() > ANSWER {
                return Err(unavailable(format!("its answer has more than {ANSWER} bytes")));
            }
        }
        let answer: Value = serde_json::from_slice(&content).unwrap_or_default();
        match status {
            _ if status.is_success() => Ok(answer),
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => Err(Answer::Forbidden),
            StatusCode::NOT_FOUND => Err(Answer::Missing),
            StatusCode::SERVICE_UNAVAILABLE => Err(unavailable("it is sealed, or under maintenance".to_owned())),
            _ => {
                let said: Vec<&str> =
                    answer["errors"].as_array().into_iter().flatten().filter_map(Value::as_str).take(3).collect();
                let said: String = said.join("; ").chars().take(300).collect();
                let why = format!("{status}{}{said}", if said.is_empty() { "" } else { ": " });
                if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || status.is_redirection() {
                    return Err(unavailable(why));
                }
                Err(Answer::Other(SecretError::Refused(format!("Vault at {}: {why}", self.0.address))))
            }
        }
    }
}

/// Without the address, which the caller names.
fn plain(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it does not answer in time".to_owned();
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(deeper) = source {
        text = deeper.to_string();
        source = deeper.source();
    }
    text
}

fn header(token: &str) -> Result<HeaderValue, SecretError> {
    let mut header = HeaderValue::from_str(token.trim())
        .map_err(|_| SecretError::Refused("Vault's token cannot be sent as a header".to_owned()))?;
    header.set_sensitive(true);
    Ok(header)
}

fn certificates(path: &Path) -> Result<Vec<reqwest::Certificate>, String> {
    let text = std::fs::read(path).map_err(|error| format!("'ca_file' {}: {error}", path.display()))?;
    let certificates = reqwest::Certificate::from_pem_bundle(&text).ok().filter(|found| !found.is_empty());
    certificates.ok_or_else(|| format!("'ca_file' {} holds no certificate", path.display()))
}

/// `MOUNT/PATH#KEY`, in two.
///
/// # Errors
/// What it has to be.
pub fn parse_reference(reference: &str) -> Result<(&str, &str), String> {
    let wrong = || {
        format!(
            "a place in Vault is MOUNT/PATH#KEY, as 'kv/shop/database#password', not '{}'",
            crate::formats::problem::short(reference)
        )
    };
    let (path, key) = reference.split_once('#').ok_or_else(wrong)?;
    if !path.contains('/') || !is_path(path) || key.is_empty() || key.len() > 256 || key.chars().any(char::is_control) {
        return Err(wrong());
    }
    Ok((path, key))
}

fn is_path(path: &str) -> bool {
    path.len() <= 512 && path.split('/').all(is_part)
}

/// A part that stays one, however a URL is read.
pub(super) fn is_part(part: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    !part.is_empty() && part.chars().all(legal) && part.chars().any(|c| c != '.')
}

fn encoded(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(team_path: &str) -> config::Vault {
        config::Vault {
            address: "http://127.0.0.1:1".into(),
            token: Some(SecretSource::Env("X".into())),
            team_path: Some(team_path.into()),
            ..config::Vault::default()
        }
    }

    #[test]
    fn a_team_stays_below_its_own_folder() {
        let vault = Vault::of(&config("kv/teams/{team}")).unwrap();
        assert_eq!(vault.of_team("shop", "db#password").unwrap(), "kv/teams/shop/db#password");
        for wrong in ["../bank/db#password", "./x#y", "a//b#c", "%2e%2e/x#y", "a/../../b#c", "a?x#y", "db", "#k", "db#"]
        {
            assert!(vault.of_team("shop", wrong).is_err(), "{wrong}");
        }
        for team in ["..", "a/b", ""] {
            assert!(vault.of_team(team, "db#password").is_err(), "{team}");
        }
        assert!(Vault::of(&config("kv/teams")).unwrap_err().to_string().contains("{team}"));
        let none = Vault::of(&config::Vault { team_path: None, ..config("") }).unwrap();
        assert!(none.of_team("shop", "db#password").unwrap_err().contains("team_path"));
    }

    #[test]
    fn a_server_that_cannot_be_spoken_to_safely_is_refused() {
        let refused = |config: config::Vault| Vault::of(&config).unwrap_err().to_string();
        assert!(
            refused(config::Vault { address: "http://vault:8200".into(), ..config("kv/{team}") })
                .contains("must be https")
        );
        assert!(
            refused(config::Vault { address: "vault".into(), ..config("kv/{team}") }).contains("https://host:port")
        );
        assert!(refused(config::Vault { token: None, ..config("kv/{team}") }).contains("exactly one of"));
        let circle = config::Vault { token: Some(SecretSource::Vault("kv/x#y".into())), ..config("kv/{team}") };
        assert!(refused(circle).contains("not itself in Vault"));
    }
}
