//! Secrets: sealed with AES-256-GCM under data keys, which keys of the instance's [`keyring`] wrap.
//!
//! [`envelope`] seals bytes, [`keyring`] wraps keys, [`token`] is what stands in JSON in a secret's place, [`seals`] brings
//! them together with the data keys in Postgres, [`sources`] reads secrets that others keep, [`vault`], [`aws`], [`gcp`] and [`azure`] speak to
//! those who keep keys and secrets.

pub mod aws;
pub mod azure;
pub mod blob;
mod cloud;
pub mod credential;
pub mod envelope;
pub mod gcp;
pub mod keyring;
pub mod rotation;
pub mod seals;
pub mod sources;
pub mod stored;
pub mod token;
pub mod vault;

use std::time::Duration;

pub use self::{
    aws::Aws, azure::Azure, envelope::DataKey, gcp::Gcp, keyring::Keyring, seals::Seals, sources::Sources, vault::Vault,
};
use crate::store::StoreError;

/// Bytes that a secret may have.
pub const MAX_SECRET: usize = 64 * 1024;

/// A secret cannot be had or kept.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The configuration cannot be used.
    #[error("secrets: {0}")]
    Configuration(String),
    /// Nothing can be sealed.
    #[error(
        "no key is configured: name one in secrets.keys, as {{id: main, file: /etc/slipway/secrets.key}}; `slipway secret new-key` makes one"
    )]
    NoKey,
    /// Something is wrapped by a key that the keyring does not have.
    #[error(
        "the key '{0}' is not in secrets.keys, and what it wraps cannot be opened without it: add it again, behind the first one"
    )]
    UnknownKey(String),
    /// What is stored does not fit the key, the place or itself.
    #[error("{what} cannot be opened: {why}")]
    Unopened {
        /// What.
        what: String,
        /// Why.
        why: envelope::Unopened,
    },
    /// There is no such secret for whoever asks.
    #[error("there is no secret '{0}' for the application or its team: `slipway secret set {0}` stores one")]
    NoSecret(String),
    /// A value from another team was named.
    #[error("a value is sealed with a key that this run's team may not use")]
    ForeignKey,
    /// A source said no, or has nothing there.
    #[error("{0}")]
    Refused(String),
    /// A source or a key service did not answer; another try may succeed.
    #[error("{0}")]
    Unavailable(String),
    /// Postgres.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SecretError {
    /// Whether another try may succeed without anyone doing anything.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Store(error) => error.is_unavailable(),
            _ => false,
        }
    }
}

/// How long a data key is kept in memory before it is asked for again.
const KEPT: Duration = Duration::from_secs(300);
