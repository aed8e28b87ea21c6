//! Secrets that are kept one by one: each under a key of its own, which the keyring wraps.

use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    SecretError,
    envelope::{DataKey, Unopened},
    keyring::{Keyring, Wrapped},
};

/// A secret as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its key.
    pub key: Wrapped,
    /// Itself.
    pub sealed: Vec<u8>,
}

/// What a stored secret is. It opens as nothing else.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// A version of a team's or an application's secret.
    Secret {
        /// Whose.
        team: &'a str,
        /// Of this application, or else of the whole team.
        application: Option<Uuid>,
        /// Its name.
        name: &'a str,
        /// Its version.
        version: i32,
    },
    /// A version of an integration's credential.
    Integration {
        /// Its name.
        name: &'a str,
        /// What kind of credential.
        kind: &'a str,
        /// Its version.
        version: i32,
    },
    /// The data key of a team.
    DataKey {
        /// Whose.
        team: &'a str,
        /// Its id.
        id: Uuid,
    },
}

impl Place<'_> {
    /// As bytes; each part with its length, so that no two places have the same.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut add = |part: &[u8]| {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        };
        match self {
            Self::Secret { team, application, name, version } => {
                add(b"slipway secret");
                add(team.as_bytes());
                add(application.as_ref().map_or(&[][..], |id| id.as_bytes()));
                add(name.as_bytes());
                add(&version.to_be_bytes());
            }
            Self::Integration { name, kind, version } => {
                add(b"slipway integration");
                add(name.as_bytes());
                add(kind.as_bytes());
                add(&version.to_be_bytes());
            }
            Self::DataKey { team, id } => {
                add(b"slipway data key");
                add(team.as_bytes());
                add(id.as_bytes());
            }
        }
        bytes
    }
}

/// Seals a secret under a new key.
///
/// # Errors
/// Without a key in the keyring, or when a key service fails.
pub async fn seal(keyring: &Keyring, place: Place<'_>, secret: &str) -> Result<Stored, SecretError> {
    let (key, place) = (DataKey::generate(), place.bytes());
    Ok(Stored { key: keyring.wrap(&key, &place).await?, sealed: key.seal(secret.as_bytes(), &place) })
}

/// The secret.
///
/// # Errors
/// When its key is not in the keyring, it was stored as something else, or a key service fails.
pub async fn open(keyring: &Keyring, place: Place<'_>, stored: &Stored) -> Result<Zeroizing<String>, SecretError> {
    let key = keyring.unwrap(&stored.key, &place.bytes()).await?;
    open_with(&key, place, stored)
}

/// The secret, with its key unwrapped before.
///
/// # Errors
/// When it was stored as something else, or with another key.
pub fn open_with(key: &DataKey, place: Place<'_>, stored: &Stored) -> Result<Zeroizing<String>, SecretError> {
    let opened = key.open(&stored.sealed, &place.bytes()).ok();
    let text = opened.as_ref().and_then(|opened| std::str::from_utf8(opened).ok());
    text.map(|text| Zeroizing::new(text.to_owned())).ok_or_else(|| {
        let what = match place {
            Place::Secret { name, .. } => format!("the secret '{name}'"),
            Place::Integration { name, .. } => format!("the integration '{name}'"),
            Place::DataKey { .. } => "a data key".to_owned(),
        };
        SecretError::Unopened { what, why: Unopened }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_secret_opens_as_what_it_was_stored_as_and_as_nothing_else() {
        let keyring = Keyring::single("main", DataKey::generate());
        let id = Uuid::now_v7();
        let place = Place::Secret { team: "shop", application: Some(id), name: "PASSWORD", version: 3 };
        let stored = seal(&keyring, place, "hunter2").await.unwrap();
        assert_eq!(open(&keyring, place, &stored).await.unwrap().as_str(), "hunter2");
        for other in [
            Place::Secret { team: "bank", application: Some(id), name: "PASSWORD", version: 3 },
            Place::Secret { team: "shop", application: None, name: "PASSWORD", version: 3 },
            Place::Secret { team: "shop", application: Some(id), name: "OTHER", version: 3 },
            Place::Secret { team: "shop", application: Some(id), name: "PASSWORD", version: 2 },
            Place::Integration { name: "PASSWORD", kind: "git", version: 3 },
            Place::DataKey { team: "shop", id },
        ] {
            assert!(open(&keyring, other, &stored).await.is_err(), "{other:?}");
        }
    }

    #[test]
    fn no_two_places_have_the_same_bytes() {
        let one = Place::Integration { name: "ab", kind: "c", version: 1 };
        assert_ne!(one.bytes(), Place::Integration { name: "a", kind: "bc", version: 1 }.bytes());
    }
}
