//! What somebody wants to know who looks for the reason why nobody can log in.

use openidconnect::core::CoreAuthPrompt;

use super::provider::{Provider, ProviderError};

/// What the provider made of a login that nobody was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// It sent the browser back to us: it knows the client and its redirect URI.
    Good,
    /// It answered this instead: it does not know one of the two, or does not say.
    Doubtful(u16),
}

impl Provider {
    /// How many keys the provider publishes that could be used.
    ///
    /// # Errors
    /// With what stands in the way of logins.
    pub async fn keys_published(&self) -> Result<usize, ProviderError> {
        Ok(self.found().await?.keys.keys().len())
    }

    /// Begins a login that must end without asking anybody (`prompt=none`), and looks where the provider sends the browser.
    ///
    /// # Errors
    /// With what stands in the way of logins.
    pub async fn registration(&self) -> Result<Registration, ProviderError> {
        let found = self.found().await?;
        let nonce = openidconnect::Nonce::new_random();
        let (state, verifier) = ("doctor".to_owned(), nonce.secret().repeat(3));
        let mut url = self.authorization_url(&found, state, nonce, verifier);
        url.query_pairs_mut().append_pair("prompt", CoreAuthPrompt::None.as_ref());
        let answer = self.http.send(request(url.as_str())?).await;
        let answer = answer.map_err(|reason| ProviderError::Unreachable { url: url.to_string(), reason })?;
        let back = answer.headers().get("location").and_then(|value| value.to_str().ok());
        let ours = back.is_some_and(|back| {
            back.strip_prefix(self.redirect_url().as_str()).is_some_and(|rest| rest.starts_with(['?', '#']))
        });
        Ok(if ours { Registration::Good } else { Registration::Doubtful(answer.status().as_u16()) })
    }
}

fn request(url: &str) -> Result<openidconnect::HttpRequest, ProviderError> {
    let unreadable = |reason: String| ProviderError::Unreadable { url: url.to_owned(), reason };
    openidconnect::http::Request::get(url).body(Vec::new()).map_err(|error| unreadable(error.to_string()))
}
