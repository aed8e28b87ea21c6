//! A key that never leaves Vault: it wraps and unwraps there.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::future::BoxFuture;
use reqwest::Method;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Answer, Vault, encoded};
use crate::secrets::{
    SecretError,
    envelope::{DataKey, Unopened},
    keyring::KeyWrapper,
};

/// A key of Vault's transit engine.
#[derive(Clone, Debug)]
pub struct Transit {
    vault: Vault,
    key: String,
}

impl Transit {
    pub(super) fn new(vault: Vault, key: &str) -> Self {
        Self { vault, key: key.to_owned() }
    }

    async fn call(&self, what: &str, body: &Value) -> Result<Value, Answer> {
        self.vault.ask(Method::POST, &format!("{}/{what}/{}", self.vault.0.transit_mount, self.key), Some(body)).await
    }

    fn refusal(&self, error: Answer, what: &str) -> SecretError {
        match error {
            Answer::Forbidden => {
                SecretError::Refused(format!("Vault does not let Slipway {what} with the transit key '{}'", self.key))
            }
            Answer::Missing => {
                SecretError::Refused(format!("Vault has no transit engine at '{}'", self.vault.0.transit_mount))
            }
            Answer::Other(error) => error,
        }
    }
}

impl KeyWrapper for Transit {
    fn wrap<'a>(&'a self, key: &'a DataKey, place: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SecretError>> {
        Box::pin(async move {
            let plain = Zeroizing::new(encoded(key.bytes()));
            let body = json!({"plaintext": *plain, "associated_data": encoded(place)});
            let answer = self.call("encrypt", &body).await.map_err(|error| self.refusal(error, "encrypt"))?;
            let wrapped = answer.pointer("/data/ciphertext").and_then(Value::as_str);
            let wrapped =
                wrapped.ok_or_else(|| SecretError::Unavailable("Vault's answer holds no ciphertext".to_owned()))?;
            Ok(wrapped.as_bytes().to_vec())
        })
    }

    fn unwrap<'a>(&'a self, wrapped: &'a [u8], place: &'a [u8]) -> BoxFuture<'a, Result<DataKey, SecretError>> {
        Box::pin(async move {
            let body = json!({"ciphertext": String::from_utf8_lossy(wrapped), "associated_data": encoded(place)});
            let answer = self.call("decrypt", &body).await.map_err(|error| self.refusal(error, "decrypt"))?;
            let plain = answer.pointer("/data/plaintext").and_then(Value::as_str).unwrap_or_default();
            let plain = Zeroizing::new(BASE64_STANDARD.decode(plain).unwrap_or_default());
            DataKey::from_bytes(&plain)
                .map_err(|_| SecretError::Unopened { what: "a data key in Vault's answer".to_owned(), why: Unopened })
        })
    }
}
