//! Login by an OpenID provider: discovery, the authorization code flow with PKCE, and what the provider's groups give here.
//!
//! Tokens of the provider are looked at once, when somebody logs in; what they show from then on is a session. The API takes
//! neither ID tokens nor access tokens in the place of keys.

mod claims;
mod flow;
mod http;
mod probe;
mod provider;
mod token;

use std::time::Duration;

use shared::config::Config;

pub(crate) use self::flow::{after_logout, pages};
pub use self::{
    http::HttpError,
    probe::Registration,
    provider::{Provider, ProviderError},
};
use crate::state::AppState;

/// Between two looks at a provider that cannot be used, so that the login page says so only while it is so.
const LOOK: Duration = Duration::from_secs(30);

/// Whether people log in by a provider.
#[derive(Debug)]
pub(crate) enum Login {
    /// None is configured.
    Off,
    /// One is configured in a way that cannot work; with the reason.
    Broken(String),
    /// By this one.
    On(Box<Provider>),
}

impl Login {
    /// As configured. What is wrong is said in the log; everything else is served.
    pub(crate) fn new(config: &Config) -> Self {
        match Provider::new(config) {
            Ok(None) => Self::Off,
            Ok(Some(provider)) => Self::On(Box::new(provider)),
            Err(reason) => {
                tracing::warn!(reason, "nobody can log in by the OpenID provider; `slipway doctor` says more");
                Self::Broken(reason)
            }
        }
    }

    /// Why nobody can log in by it, as far as that is known without asking.
    pub(crate) fn problem(&self) -> Option<String> {
        match self {
            Self::Off => None,
            Self::Broken(reason) => Some(reason.clone()),
            Self::On(provider) => provider.last_problem(),
        }
    }
}

/// Asks the provider when the service starts and, as long as it cannot be used, again; says so when that changes.
pub(crate) async fn watch(app: AppState) {
    let Login::On(provider) = &*app.oidc else { return };
    let mut said = None;
    while let Err(error) = provider.look().await {
        if said.as_ref() != Some(&error) {
            tracing::warn!(%error, "nobody can log in by the OpenID provider; `slipway doctor` says more");
            said = Some(error);
        }
        tokio::select! {
            () = app.shutdown.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    tracing::info!(issuer = provider.settings.issuer, "people can log in by the OpenID provider");
}
