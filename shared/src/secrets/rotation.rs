//! Moves everything to the current key of the keyring, a batch at a time, while all of it stays in use.

use super::{Keyring, SecretError, keyring::Wrapped, stored::Place};
use crate::store::{Store, data_key, integration, secret};

/// What a pass came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rewrapped {
    /// Keys that are wrapped by the current key now.
    pub done: u64,
    /// Keys that another one still wraps.
    pub left: u64,
}

/// Wraps up to `limit` keys of each sort anew. What somebody else changes meanwhile is left to them. Call it until nothing is left.
///
/// # Errors
/// When a key is missing from the keyring or its service fails: what was done stays done.
pub async fn rewrap(keyring: &Keyring, store: &Store, limit: i64) -> Result<Rewrapped, SecretError> {
    let current = keyring.current().ok_or(SecretError::NoKey)?;
    let pool = store.pool();
    let mut done = 0;
    for key in data_key::wrapped_otherwise(pool, current, limit).await? {
        let new = again(keyring, &key.key, Place::DataKey { team: &key.team, id: key.id }).await?;
        done += u64::from(data_key::rewrap(pool, key.id, &key.key, &new).await?);
    }
    for it in secret::wrapped_otherwise(pool, current, limit).await? {
        let place = Place::Secret {
            team: &it.team,
            application: it.application.map(|id| id.0),
            name: &it.name,
            version: it.version,
        };
        let new = again(keyring, &it.key, place).await?;
        done += u64::from(secret::rewrap(pool, it.id, &it.key, &new).await?);
    }
    for it in integration::wrapped_otherwise(pool, current, limit).await? {
        let place = Place::Integration { name: &it.name, kind: &it.kind, version: it.version };
        let new = again(keyring, &it.key, place).await?;
        done += u64::from(integration::rewrap(pool, &it.name, &it.key, &new).await?);
    }
    let wraps = data_key::wraps(pool).await?;
    let left: i64 = wraps.iter().filter(|wraps| wraps.key_id != current).map(|wraps| wraps.count).sum();
    Ok(Rewrapped { done, left: u64::try_from(left).unwrap_or_default() })
}

async fn again(keyring: &Keyring, key: &Wrapped, place: Place<'_>) -> Result<Wrapped, SecretError> {
    let place = place.bytes();
    keyring.wrap(&keyring.unwrap(key, &place).await?, &place).await
}
