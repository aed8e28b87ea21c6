//! A key that never leaves Azure's Key Vault: it wraps and unwraps there.
//!
//! RSA binds what it wraps to nothing. So the vault wraps a new key for each data key, and that one seals the data key for its place.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Azure, is_name, is_version};
use crate::{
    outgoing::Method,
    secrets::{
        SecretError,
        cloud::{self, Failure},
        envelope::{DataKey, Unopened},
        keyring::KeyWrapper,
    },
};

const WHO: &str = "Azure Key Vault";
const ALGORITHM: &str = "RSA-OAEP-256";

/// An RSA key in Key Vault.
#[derive(Clone, Debug)]
pub struct AzureKey {
    azure: Azure,
    key: String,
}

/// A wrapped data key, as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// The version of the vault's key, which alone unwraps it.
    version: String,
    /// The key in between, wrapped by the vault, in base64.
    key: String,
    /// The data key, sealed with the key in between, in base64.
    sealed: String,
}

#[derive(Serialize)]
struct Ask<'a> {
    alg: &'static str,
    value: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    kid: String,
    value: Zeroizing<String>,
}

impl Azure {
    /// A key of the vault.
    ///
    /// # Errors
    /// When it cannot be the name of one.
    pub fn key(&self, key: &str) -> Result<AzureKey, String> {
        if !is_name(key) {
            return Err(format!("'azure_key_vault' is the name of a key (letters, digits and '-'), not '{key}'"));
        }
        Ok(AzureKey { azure: self.clone(), key: key.to_owned() })
    }
}

impl AzureKey {
    async fn call(&self, what: &str, version: &str, value: &str) -> Result<Answer, SecretError> {
        let ask = serde_json::to_vec(&Ask { alg: ALGORITHM, value });
        let ask = ask.map_err(|error| SecretError::Refused(error.to_string()))?;
        let vault = &self.azure.0.vault;
        let answer = self.azure.call(vault, &format!("/keys/{}/{version}/{what}", self.key), Method::POST, ask).await;
        answer.map_err(|failure| {
            let (key, verb) = (&self.key, what.trim_end_matches("key"));
            let at = format!("{WHO} at {}", vault.origin().ascii_serialization());
            SecretError::Refused(match failure {
                Failure::Other(error) => return error,
                Failure::Missing(said) => format!("{at} has no key '{key}': {said}"),
                Failure::Login(said) | Failure::Denied(said) => {
                    format!("{at} does not let Slipway {verb} with the key '{key}': {said}")
                }
                Failure::Unfit(said) => format!("{at} does not {verb} with the key '{key}' by {ALGORITHM}: {said}"),
            })
        })
    }
}

impl KeyWrapper for AzureKey {
    fn wrap<'a>(&'a self, key: &'a DataKey, place: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SecretError>> {
        Box::pin(async move {
            let between = DataKey::generate();
            let plain = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.encode(between.bytes()));
            // Without a version: the key's current one, which the answer names.
            let answer = self.call("wrapkey", "", &plain).await?;
            let version = answer.kid.rsplit('/').next().unwrap_or_default();
            if !is_version(version) || answer.value.is_empty() {
                return Err(SecretError::Unavailable(format!("{WHO}'s answer holds no wrapped key")));
            }
            let sealed = BASE64_URL_SAFE_NO_PAD.encode(between.seal(key.bytes(), place));
            let kept = Kept { version: version.to_owned(), key: answer.value.to_string(), sealed };
            serde_json::to_vec(&kept).map_err(|error| SecretError::Unavailable(error.to_string()))
        })
    }

    fn unwrap<'a>(&'a self, wrapped: &'a [u8], place: &'a [u8]) -> BoxFuture<'a, Result<DataKey, SecretError>> {
        Box::pin(async move {
            let unopened = |why| SecretError::Unopened { what: "a data key".to_owned(), why };
            // Whoever writes to the database must not choose where the login is sent.
            let kept: Option<Kept> = serde_json::from_slice(wrapped).ok();
            let kept = kept.filter(|kept| is_version(&kept.version)).ok_or_else(|| unopened(Unopened))?;
            let sealed = BASE64_URL_SAFE_NO_PAD.decode(&kept.sealed).map_err(|_| unopened(Unopened))?;
            let answer = self.call("unwrapkey", &kept.version, &kept.key).await?;
            let between = Zeroizing::new(BASE64_URL_SAFE_NO_PAD.decode(answer.value.as_bytes()).unwrap_or_default());
            let between = cloud::data_key(WHO, &between)?;
            between.open(&sealed, place).and_then(|key| DataKey::from_bytes(&key)).map_err(unopened)
        })
    }
}
