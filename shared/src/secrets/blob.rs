//! Whole files, sealed: the states that step types keep. What was stored before files were sealed stays readable.

use uuid::Uuid;
use zeroize::Zeroizing;

use super::envelope::{DataKey, Unopened};

/// No state begins like this: states are JSON.
const MAGIC: &[u8; 9] = b"\0slipway\x01";
/// Bytes that a sealed file has more than the file.
pub const OVERHEAD: usize = MAGIC.len() + 16 + 12 + 16;

fn place(key: Uuid, resource: Uuid) -> Vec<u8> {
    [&b"slipway state"[..], key.as_bytes(), resource.as_bytes()].concat()
}

/// The file, sealed for one resource.
#[must_use]
pub fn seal(key_id: Uuid, key: &DataKey, resource: Uuid, content: &[u8]) -> Vec<u8> {
    [&MAGIC[..], key_id.as_bytes(), &key.seal(content, &place(key_id, resource))].concat()
}

/// The data key that a stored file needs; none when it was stored as it is.
#[must_use]
pub fn key_of(stored: &[u8]) -> Option<Uuid> {
    let id = stored.strip_prefix(MAGIC)?.first_chunk::<16>()?;
    Some(Uuid::from_bytes(*id))
}

/// The file of that resource.
///
/// # Errors
/// When it was sealed with another key, for another resource, or was changed.
pub fn open(key: &DataKey, resource: Uuid, stored: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
    let id = key_of(stored).ok_or(Unopened)?;
    key.open(&stored[MAGIC.len() + 16..], &place(id, resource))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_opens_for_its_resource_only_and_an_older_one_says_that_it_is_not_sealed() {
        let (id, key, resource) = (Uuid::now_v7(), DataKey::generate(), Uuid::now_v7());
        let stored = seal(id, &key, resource, b"{\"serial\": 1}");
        assert_eq!(stored.len(), 13 + OVERHEAD);
        assert_eq!(key_of(&stored), Some(id));
        assert_eq!(&open(&key, resource, &stored).unwrap()[..], b"{\"serial\": 1}");
        assert_eq!(open(&key, Uuid::now_v7(), &stored), Err(Unopened));
        assert_eq!(key_of(b"{\"serial\": 1}"), None);
        assert_eq!(key_of(MAGIC), None);
    }
}
