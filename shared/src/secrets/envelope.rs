//! AES-256-GCM, in the two ways it is used here: with a random nonce, and with one made of the content.

use aes_gcm::{
    Aes256Gcm, KeyInit as _, Nonce,
    aead::{Aead as _, Payload},
};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Bytes of a key.
pub const KEY: usize = 32;
const NONCE: usize = 12;

/// What was sealed could not be opened: the wrong key, another place than it was sealed for, or changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it was sealed with another key or for another place, or was changed since")]
pub struct Unopened;

/// A key, wiped from memory when it is dropped. It never shows itself.
#[derive(Clone)]
pub struct DataKey(Zeroizing<[u8; KEY]>);

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey")
    }
}

impl DataKey {
    /// A new one.
    #[must_use]
    pub fn generate() -> Self {
        Self(Zeroizing::new(rand::random()))
    }

    /// From its bytes.
    ///
    /// # Errors
    /// When they are not 32.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Unopened> {
        bytes.try_into().map(|key| Self(Zeroizing::new(key))).map_err(|_| Unopened)
    }

    pub(super) fn bytes(&self) -> &[u8; KEY] {
        &self.0
    }

    /// Seals with a random nonce: the same content looks different each time. `place` is needed again to open it.
    #[must_use]
    pub fn seal(&self, content: &[u8], place: &[u8]) -> Vec<u8> {
        self.seal_with(rand::random(), content, place)
    }

    /// Seals so that the same content for the same place gives the same bytes, as a comparison without the key needs:
    /// whoever reads them learns which are equal, and nothing else. The nonce is a keyed digest of both.
    #[must_use]
    pub fn seal_alike(&self, content: &[u8], place: &[u8]) -> Vec<u8> {
        let key = Zeroizing::new(self.digest(b"slipway nonce key"));
        let mut mac = mac(&key[..]);
        mac.update(&(place.len() as u64).to_be_bytes());
        mac.update(place);
        mac.update(content);
        let digest = mac.finalize().into_bytes();
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(&digest[..NONCE]);
        self.seal_with(nonce, content, place)
    }

    fn digest(&self, purpose: &[u8]) -> [u8; 32] {
        let mut mac = mac(&self.0[..]);
        mac.update(purpose);
        mac.finalize().into_bytes().into()
    }

    fn seal_with(&self, nonce: [u8; NONCE], content: &[u8], place: &[u8]) -> Vec<u8> {
        let cipher = Aes256Gcm::new((&*self.0).into());
        let sealed = cipher.encrypt(&Nonce::from(nonce), Payload { msg: content, aad: place });
        #[allow(clippy::expect_used, reason = "all that is sealed here has a bound far below")]
        let sealed = sealed.expect("AES-GCM takes up to 64 GiB");
        [&nonce[..], &sealed[..]].concat()
    }

    /// What was sealed, if it was sealed with this key for this place.
    ///
    /// # Errors
    /// When it was not.
    pub fn open(&self, sealed: &[u8], place: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>().ok_or(Unopened)?;
        let cipher = Aes256Gcm::new((&*self.0).into());
        let content = cipher.decrypt(&Nonce::from(*nonce), Payload { msg: sealed, aad: place });
        content.map(Zeroizing::new).map_err(|_| Unopened)
    }
}

#[allow(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn mac(key: &[u8]) -> Hmac<Sha256> {
    use hmac::KeyInit as _;
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_with_its_key_and_for_its_place() {
        let key = DataKey::generate();
        for sealed in [key.seal(b"hunter2", b"shop"), key.seal_alike(b"hunter2", b"shop")] {
            assert!(!sealed.windows(7).any(|part| part == b"hunter2"));
            assert_eq!(&key.open(&sealed, b"shop").unwrap()[..], b"hunter2");
            assert_eq!(key.open(&sealed, b"bank"), Err(Unopened));
            assert_eq!(DataKey::generate().open(&sealed, b"shop"), Err(Unopened));
        }
    }

    #[test]
    fn a_changed_bit_anywhere_is_noticed() {
        let key = DataKey::generate();
        let sealed = key.seal(b"hunter2", b"");
        for at in 0..sealed.len() {
            let mut forged = sealed.clone();
            forged[at] ^= 1;
            assert_eq!(key.open(&forged, b""), Err(Unopened), "byte {at}");
        }
        assert_eq!(key.open(&sealed[..11], b""), Err(Unopened));
        assert_eq!(key.open(&[], b""), Err(Unopened));
    }

    #[test]
    fn only_sealing_alike_gives_the_same_bytes_and_only_for_the_same_place() {
        let key = DataKey::generate();
        assert_ne!(key.seal(b"x", b"p"), key.seal(b"x", b"p"));
        assert_eq!(key.seal_alike(b"x", b"p"), key.seal_alike(b"x", b"p"));
        assert_ne!(key.seal_alike(b"x", b"p"), key.seal_alike(b"y", b"p"));
        assert_ne!(key.seal_alike(b"xp", b""), key.seal_alike(b"x", b"p"));
        assert_ne!(key.seal_alike(b"x", b"p")[..NONCE], key.seal_alike(b"x", b"q")[..NONCE]);
    }

    #[test]
    fn a_key_does_not_show_itself() {
        assert_eq!(format!("{:?}", DataKey::generate()), "DataKey");
    }
}
