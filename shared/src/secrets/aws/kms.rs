//! A key that never leaves AWS KMS: it wraps and unwraps there.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Aws, Service};
use crate::secrets::{
    SecretError,
    cloud::{self, Failure},
    envelope::DataKey,
    keyring::KeyWrapper,
};

/// What KMS binds a wrapped key to; it stands in Amazon's log of every use.
const CONTEXT: &str = "slipway-place";

/// A symmetric key of KMS.
#[derive(Clone, Debug)]
pub struct AwsKms {
    aws: Aws,
    key: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Ask<'a> {
    key_id: &'a str,
    encryption_context: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext_blob: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Encrypted {
    ciphertext_blob: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Decrypted {
    plaintext: Zeroizing<String>,
}

impl Aws {
    /// A key: its ARN, its id, or `alias/NAME`.
    ///
    /// # Errors
    /// When it cannot be one.
    pub fn key(&self, key: &str) -> Result<AwsKms, String> {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/' | ':');
        if key.is_empty() || key.len() > 512 || !key.chars().all(legal) {
            return Err(format!("'aws_kms' is a key's ARN, its id or alias/NAME, not '{key}'"));
        }
        Ok(AwsKms { aws: self.clone(), key: key.to_owned() })
    }
}

impl AwsKms {
    fn ask<'a>(&'a self, place: &[u8], plaintext: Option<&'a str>, ciphertext: Option<&[u8]>) -> Ask<'a> {
        Ask {
            key_id: &self.key,
            encryption_context: BTreeMap::from([(CONTEXT, BASE64_STANDARD.encode(place))]),
            plaintext,
            ciphertext_blob: ciphertext.map(|bytes| BASE64_STANDARD.encode(bytes)),
        }
    }

    fn refusal(&self, failure: Failure, what: &str) -> SecretError {
        let (key, region) = (&self.key, &self.aws.0.region);
        match failure {
            Failure::Other(error) => error,
            Failure::Missing(_) => SecretError::Refused(format!("AWS KMS has no key '{key}' in {region}")),
            Failure::Login(said) | Failure::Denied(said) => {
                SecretError::Refused(format!("AWS KMS does not let Slipway {what} with the key '{key}': {said}"))
            }
            Failure::Unfit(said) => {
                SecretError::Refused(format!("AWS KMS does not {what} with the key '{key}': {said}"))
            }
        }
    }
}

impl KeyWrapper for AwsKms {
    fn wrap<'a>(&'a self, key: &'a DataKey, place: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, SecretError>> {
        Box::pin(async move {
            let plain = Zeroizing::new(BASE64_STANDARD.encode(key.bytes()));
            let ask = self.ask(place, Some(&plain), None);
            let answer = self.aws.call(Service::Kms, "Encrypt", &ask).await;
            let answer: Encrypted = answer.map_err(|failure| self.refusal(failure, "encrypt"))?;
            let wrapped = BASE64_STANDARD.decode(&answer.ciphertext_blob).ok().filter(|wrapped| !wrapped.is_empty());
            wrapped.ok_or_else(|| SecretError::Unavailable("AWS KMS' answer holds no ciphertext".to_owned()))
        })
    }

    fn unwrap<'a>(&'a self, wrapped: &'a [u8], place: &'a [u8]) -> BoxFuture<'a, Result<DataKey, SecretError>> {
        Box::pin(async move {
            // The key is named, so that nothing opens that another key of the account has wrapped.
            let ask = self.ask(place, None, Some(wrapped));
            let answer = self.aws.call(Service::Kms, "Decrypt", &ask).await;
            let answer: Decrypted = answer.map_err(|failure| self.refusal(failure, "decrypt"))?;
            let plain = Zeroizing::new(BASE64_STANDARD.decode(answer.plaintext.as_bytes()).unwrap_or_default());
            cloud::data_key("AWS KMS", &plain)
        })
    }
}
