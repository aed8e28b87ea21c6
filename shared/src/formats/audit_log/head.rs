//! Heads: the number and the hash of the last entry, signed, to be kept where nobody can change them.

use chrono::{DateTime, SecondsFormat, Utc};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use serde::{Deserialize, Serialize};

use super::{Hash, parse_hash};

/// A key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key for heads of the audit log: 32 bytes in hexadecimal are expected, as `openssl rand -hex 32` gives")]
pub struct KeyError;

/// A head is not signed by whom it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    /// It has no signature.
    #[error("the head at entry {0} is not signed")]
    Missing(i64),
    /// The signature is not of this key and this head.
    #[error("the head at entry {0} is not signed with that key, or was changed")]
    Wrong(i64),
}

/// Signs heads (Ed25519).
pub struct SigningKey(Ed25519KeyPair);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public()).finish()
    }
}

impl SigningKey {
    /// The key of this seed: 32 bytes in hexadecimal.
    ///
    /// # Errors
    /// When it is not that.
    pub fn from_hex(seed: &str) -> Result<Self, KeyError> {
        let seed = parse_hash(seed.trim()).ok_or(KeyError)?;
        Ed25519KeyPair::from_seed_unchecked(&seed).map(Self).map_err(|_| KeyError)
    }

    /// What others verify its signatures with, in hexadecimal.
    #[must_use]
    pub fn public(&self) -> String {
        hex::encode(self.0.public_key().as_ref())
    }
}

/// The end of the chain at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedHead {
    /// The installation.
    pub instance: String,
    /// The number of the last entry; 0: there is none.
    pub seq: i64,
    /// Its hash, in hexadecimal.
    pub hash: String,
    /// When.
    pub at: DateTime<Utc>,
    /// The public key it is signed with, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Ed25519 over the lines `slipway-audit-head-1`, instance, number, hash and moment (RFC 3339, in seconds), in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

impl SignedHead {
    /// The head of this chain now.
    #[must_use]
    pub fn now(instance: &str, seq: i64, hash: &Hash, key: Option<&SigningKey>) -> Self {
        let mut head = Self {
            instance: instance.to_owned(),
            seq,
            hash: hex::encode(hash),
            at: Utc::now(),
            key: key.map(SigningKey::public),
            signature: None,
        };
        head.signature = key.map(|key| hex::encode(key.0.sign(head.text().as_bytes()).as_ref()));
        head
    }

    /// Whether the holder of the key signed it.
    ///
    /// # Errors
    /// When not.
    pub fn verify(&self, public_key: &str) -> Result<(), Unsigned> {
        let signature = self.signature.as_ref().ok_or(Unsigned::Missing(self.seq))?;
        let wrong = Unsigned::Wrong(self.seq);
        let (Ok(key), Ok(signature)) = (hex::decode(public_key.trim()), hex::decode(signature)) else {
            return Err(wrong);
        };
        UnparsedPublicKey::new(&ED25519, key).verify(self.text().as_bytes(), &signature).map_err(|_| wrong)
    }

    fn text(&self) -> String {
        let at = self.at.to_rfc3339_opts(SecondsFormat::Secs, true);
        format!("slipway-audit-head-1\n{}\n{}\n{}\n{at}\n", self.instance, self.seq, self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_verified_by_the_public_key_and_by_no_other() {
        let key = SigningKey::from_hex(&"ab".repeat(32)).unwrap();
        let other = SigningKey::from_hex(&"cd".repeat(32)).unwrap();
        let head = SignedHead::now("slipway", 7, &[3; 32], Some(&key));
        let read: SignedHead = serde_json::from_str(&serde_json::to_string(&head).unwrap()).unwrap();
        assert_eq!(read.verify(&key.public()), Ok(()));
        assert_eq!(read.verify(&other.public()), Err(Unsigned::Wrong(7)));
        let moved = SignedHead { seq: 6, ..read.clone() };
        assert_eq!(moved.verify(&key.public()), Err(Unsigned::Wrong(6)));
        assert_eq!(SignedHead { signature: None, ..read }.verify(&key.public()), Err(Unsigned::Missing(7)));
        assert!(SigningKey::from_hex("short").is_err());
    }
}
