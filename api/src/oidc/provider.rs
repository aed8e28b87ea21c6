//! What the provider says about itself, and its keys: fetched when they are needed, kept, and fetched again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use openidconnect::{ProviderMetadataWithLogout, core::CoreJsonWebKeySet, http::StatusCode, url::Url};
use shared::config::{self, Config, Environment, Oidc, OidcConfigError};
use tokio::sync::Mutex;

use super::http::{Http, HttpError};

/// How long what was fetched is used before it is fetched again.
const FRESH: Duration = Duration::from_secs(3600);
/// How long a failure is told again before the provider is asked again.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the keys are fetched at most because of a token that names an unknown one: anybody can make such tokens.
const KEYS: Duration = Duration::from_secs(10);

/// Why nobody can log in by the provider now. The text is for administrators.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// No answer.
    #[error("{url} does not answer: {reason}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Why there was no answer.
        reason: HttpError,
    },
    /// Something else answers there.
    #[error("{url} answers {status}, and not with the document that it should: is identity.oidc.issuer right?")]
    Status {
        /// What was asked for.
        url: String,
        /// The answer.
        status: u16,
    },
    /// It cannot be read.
    #[error("{url} cannot be read: {reason}")]
    Unreadable {
        /// What was asked for.
        url: String,
        /// Why not.
        reason: String,
    },
    /// It is another provider's, or the address is written differently.
    #[error("the provider calls itself '{said}', and identity.oidc.issuer says '{configured}': they must be the same to the letter{}", slash(.said, .configured))]
    Issuer {
        /// What the settings say.
        configured: String,
        /// What the document says.
        said: String,
    },
    /// It names a place that secrets must not travel to.
    #[error("the provider's {0}")]
    Endpoint(#[from] OidcConfigError),
    /// It lacks something that a login needs.
    #[error("{url} names no {what}")]
    Lacks {
        /// What was asked for.
        url: String,
        /// What is missing.
        what: &'static str,
    },
}

impl ProviderError {
    /// What anybody may know about it.
    pub(super) fn for_anyone(&self) -> String {
        match self {
            Self::Unreachable { url, .. } => format!("{url} does not answer"),
            Self::Unreadable { url, .. } => format!("{url} cannot be read"),
            Self::Status { .. } | Self::Issuer { .. } | Self::Endpoint(_) | Self::Lacks { .. } => self.to_string(),
        }
    }
}

fn slash(said: &str, configured: &str) -> &'static str {
    if said.trim_end_matches('/') == configured.trim_end_matches('/') { " (mind the / at the end)" } else { "" }
}

/// What was fetched.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// What the provider says about itself.
    pub(super) metadata: ProviderMetadataWithLogout,
    /// Its keys.
    pub(super) keys: CoreJsonWebKeySet,
}

/// One provider, and what is known of it.
#[derive(Debug)]
pub struct Provider {
    pub(super) settings: Oidc,
    pub(super) redirect_url: Url,
    pub(super) http: Http,
    environment: Environment,
    // Held while the provider is asked: others wait for that answer instead of asking too.
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    found: Option<Arc<Found>>,
    found_at: Option<Instant>,
    keys_at: Option<Instant>,
    failed: Option<(Instant, ProviderError)>,
}

impl Provider {
    /// The provider of these settings; nothing is fetched yet. None: there is none.
    ///
    /// # Errors
    /// When the settings cannot work; the text names the key.
    pub fn new(config: &Config) -> Result<Option<Self>, String> {
        let Some(settings) = config.identity.oidc.clone() else { return Ok(None) };
        settings.check(config).map_err(|error| error.to_string())?;
        Ok(Some(Self {
            redirect_url: config::redirect_url(config).map_err(|error| error.to_string())?,
            http: Http::new(&settings)?,
            settings,
            environment: config.environment,
            known: Mutex::default(),
        }))
    }

    /// Where the provider sends browsers back to.
    #[must_use]
    pub fn redirect_url(&self) -> &Url {
        &self.redirect_url
    }

    /// Asks the provider, as a login does.
    ///
    /// # Errors
    /// With what stands in the way of logins.
    pub async fn look(&self) -> Result<(), ProviderError> {
        self.found().await.map(drop)
    }

    /// Why it could not be used when it was asked last, as far as that is known without waiting.
    pub(super) fn last_problem(&self) -> Option<String> {
        let known = self.known.try_lock().ok()?;
        known.failed.as_ref().filter(|_| known.found.is_none()).map(|(_, error)| error.for_anyone())
    }

    /// What is known of the provider. What is old is fetched again, and serves on while that fails.
    pub(super) async fn found(&self) -> Result<Arc<Found>, ProviderError> {
        let mut known = self.known.lock().await;
        let fresh = known.found_at.is_some_and(|at| at.elapsed() < FRESH);
        let tried = known.failed.as_ref().filter(|(at, _)| at.elapsed() < PATIENCE).map(|(_, error)| error.clone());
        match (&known.found, fresh, tried) {
            (Some(found), true, _) | (Some(found), _, Some(_)) => return Ok(found.clone()),
            (None, _, Some(error)) => return Err(error),
            _ => {}
        }
        match self.discover().await {
            Ok(found) => {
                let (found, now) = (Arc::new(found), Some(Instant::now()));
                *known = Known { found: Some(found.clone()), found_at: now, keys_at: now, failed: None };
                Ok(found)
            }
            Err(error) => {
                known.failed = Some((Instant::now(), error.clone()));
                let Some(found) = known.found.clone() else { return Err(error) };
                tracing::warn!(%error, "the OpenID provider could not be asked; what is known of it serves on");
                Ok(found)
            }
        }
    }

    /// What is known, with keys that are newer than `stale`, unless they were fetched a moment ago.
    pub(super) async fn newer_keys(&self, stale: &Arc<Found>) -> Result<Arc<Found>, ProviderError> {
        let mut known = self.known.lock().await;
        let found = match &known.found {
            Some(found) if !Arc::ptr_eq(found, stale) => return Ok(found.clone()),
            Some(found) if known.keys_at.is_some_and(|at| at.elapsed() < KEYS) => return Ok(found.clone()),
            _ => stale.clone(),
        };
        known.keys_at = Some(Instant::now());
        let keys = self.keys(found.metadata.jwks_uri().url()).await?;
        tracing::info!(keys = keys.keys().len(), "a token named an unknown key; the provider's keys were fetched anew");
        let newer = Arc::new(Found { metadata: found.metadata.clone(), keys });
        known.found = Some(newer.clone());
        Ok(newer)
    }

    async fn discover(&self) -> Result<Found, ProviderError> {
        let url = format!("{}/.well-known/openid-configuration", self.settings.issuer.trim_end_matches('/'));
        let metadata: ProviderMetadataWithLogout = self.fetch(&url).await?;
        if metadata.issuer().as_str() != self.settings.issuer {
            return Err(ProviderError::Issuer {
                configured: self.settings.issuer.clone(),
                said: metadata.issuer().as_str().chars().take(200).collect(),
            });
        }
        let trusted = |what, value: &Url| config::address(what, value.as_str(), self.environment).map(drop);
        trusted("authorization_endpoint", metadata.authorization_endpoint().url())?;
        let token = metadata.token_endpoint().ok_or(ProviderError::Lacks { url, what: "token_endpoint" })?;
        trusted("token_endpoint", token.url())?;
        trusted("jwks_uri", metadata.jwks_uri().url())?;
        if let Some(userinfo) = metadata.userinfo_endpoint() {
            trusted("userinfo_endpoint", userinfo.url())?;
        }
        if let Some(end) = &metadata.additional_metadata().end_session_endpoint {
            trusted("end_session_endpoint", end.url())?;
        }
        let keys = self.keys(metadata.jwks_uri().url()).await?;
        Ok(Found { metadata, keys })
    }

    async fn keys(&self, url: &Url) -> Result<CoreJsonWebKeySet, ProviderError> {
        let keys: CoreJsonWebKeySet = self.fetch(url.as_str()).await?;
        if keys.keys().is_empty() {
            return Err(ProviderError::Lacks { url: url.to_string(), what: "key that could be used" });
        }
        Ok(keys)
    }

    async fn fetch<T: serde::de::DeserializeOwned>(&self, url: &str) -> Result<T, ProviderError> {
        let url = url.to_owned();
        match self.http.get(&url).await {
            Ok((StatusCode::OK, body)) => serde_json::from_slice(&body)
                .map_err(|error| ProviderError::Unreadable { url, reason: error.to_string() }),
            Ok((status, _)) => Err(ProviderError::Status { url, status: status.as_u16() }),
            Err(reason) => Err(ProviderError::Unreachable { url, reason }),
        }
    }
}
