//! A key that never leaves Google's Cloud KMS: it wraps and unwraps there.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use super::{Gcp, checksum, is_checksum};
use crate::{
    outgoing::Method,
    secrets::{
        SecretError,
        cloud::{self, Failure},
        envelope::DataKey,
        keyring::KeyWrapper,
        vault::is_part,
    },
};

const WHO: &str = "Google Cloud KMS";

/// A symmetric key of Cloud KMS.
#[derive(Clone, Debug)]
pub struct GcpKms {
    gcp: Gcp,
    key: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Encrypt<'a> {
    plaintext: &'a str,
    plaintext_crc32c: String,
    additional_authenticated_data: String,
    additional_authenticated_data_crc32c: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Encrypted {
    ciphertext: String,
    ciphertext_crc32c: String,
    #[serde(default)]
    verified_plaintext_crc32c: bool,
    #[serde(default)]
    verified_additional_authenticated_data_crc32c: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Decrypt {
    ciphertext: String,
    ciphertext_crc32c: String,
    additional_authenticated_data: String,
    additional_authenticated_data_crc32c: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Decrypted {
    plaintext: Zeroizing<String>,
    plaintext_crc32c: String,
}

impl Gcp {
    /// A key: `projects/P/locations/L/keyRings/R/cryptoKeys/K`.
    ///
    /// # Errors
    /// When it cannot be one.
    pub fn key(&self, key: &str) -> Result<GcpKms, String> {
        let parts: Vec<&str> = key.split('/').collect();
        let named = matches!(parts[..], ["projects", _, "locations", _, "keyRings", _, "cryptoKeys", _]);
        if key.len() > 512 || !named || !parts.iter().all(|part| is_part(part)) {
            return Err(format!("'gcp_kms' is projects/P/locations/L/keyRings/R/cryptoKeys/K, not '{key}'"));
        }
        Ok(GcpKms { gcp: self.clone(), key: key.to_owned() })
    }
}

impl GcpKms {
    async fn call<T: DeserializeOwned>(&self, what: &str, ask: &impl Serialize) -> Result<T, SecretError> {
        let body = serde_json::to_vec(ask).map_err(|error| SecretError::Refused(error.to_string()))?;
        let url = cloud::below(&self.gcp.0.kms, &format!("/v1/{}:{what}", self.key))?;
        let answer = self.gcp.call(WHO, &url, Method::POST, body).await;
        answer.map_err(|failure| {
            SecretError::Refused(match failure {
                Failure::Other(error) => return error,
                Failure::Missing(said) => format!("{WHO} has no key '{}': {said}", self.key),
                Failure::Login(said) | Failure::Denied(said) => {
                    format!("{WHO} does not let Slipway {what} with the key '{}': {said}", self.key)
                }
                Failure::Unfit(said) => format!("{WHO} does not {what} with the key '{}': {said}", self.key),
            })
        })
    }
}

impl KeyWrapper for GcpKms {
    fn wrap<'a>(&'a self, key: &'a DataKey, place: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SecretError>> {
        Box::pin(async move {
            let plain = Zeroizing::new(BASE64_STANDARD.encode(key.bytes()));
            let ask = Encrypt {
                plaintext: &plain,
                plaintext_crc32c: checksum(key.bytes()).to_string(),
                additional_authenticated_data: BASE64_STANDARD.encode(place),
                additional_authenticated_data_crc32c: checksum(place).to_string(),
            };
            let answer: Encrypted = self.call("encrypt", &ask).await?;
            let wrapped = BASE64_STANDARD.decode(&answer.ciphertext).unwrap_or_default();
            // What was wrapped wrongly on the way would be lost for ever.
            let whole = answer.verified_plaintext_crc32c
                && answer.verified_additional_authenticated_data_crc32c
                && is_checksum(&answer.ciphertext_crc32c, &wrapped)
                && !wrapped.is_empty();
            if whole { Ok(wrapped) } else { Err(changed()) }
        })
    }

    fn unwrap<'a>(&'a self, wrapped: &'a [u8], place: &'a [u8]) -> BoxFuture<'a, Result<DataKey, SecretError>> {
        Box::pin(async move {
            let ask = Decrypt {
                ciphertext: BASE64_STANDARD.encode(wrapped),
                ciphertext_crc32c: checksum(wrapped).to_string(),
                additional_authenticated_data: BASE64_STANDARD.encode(place),
                additional_authenticated_data_crc32c: checksum(place).to_string(),
            };
            let answer: Decrypted = self.call("decrypt", &ask).await?;
            let plain = Zeroizing::new(BASE64_STANDARD.decode(answer.plaintext.as_bytes()).unwrap_or_default());
            if !is_checksum(&answer.plaintext_crc32c, &plain) {
                return Err(changed());
            }
            cloud::data_key(WHO, &plain)
        })
    }
}

fn changed() -> SecretError {
    SecretError::Unavailable(format!("{WHO}: what was sent or answered was changed on the way"))
}
