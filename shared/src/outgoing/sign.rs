//! Signatures as Standard Webhooks have them: HMAC-SHA256 over id, time and body.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// In front of every secret.
const PREFIX: &str = "whsec_";
/// Seconds by which a receiver should let the time of a delivery differ from its own.
pub const TOLERANCE_S: i64 = 300;

/// A text is no secret for signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a secret for signatures is `whsec_` and 24 to 64 bytes in base64")]
pub struct SecretError;

/// What deliveries are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl Secret {
    /// A new one of 256 random bits.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random::<[u8; 32]>().to_vec())
    }

    /// `whsec_…`, as receivers are given it.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{PREFIX}{}", BASE64_STANDARD.encode(&self.0))
    }
}

impl std::str::FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        let key = text.strip_prefix(PREFIX).and_then(|key| BASE64_STANDARD.decode(key).ok()).ok_or(SecretError)?;
        if (24..=64).contains(&key.len()) { Ok(Self(key)) } else { Err(SecretError) }
    }
}

/// The value of `webhook-signature`: one signature a secret, so that receivers with either can verify it.
#[must_use]
pub fn signature(secrets: &[&Secret], id: &str, timestamp: i64, body: &[u8]) -> String {
    let one = |secret: &&Secret| {
        // A key of any length will do.
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret.0).ok()?;
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        Some(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
    };
    secrets.iter().filter_map(one).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_specifications_own_example() {
        let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signed = signature(&[&secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn while_a_secret_is_changed_both_sign() {
        let (old, new) = (Secret::random(), Secret::random());
        let both = signature(&[&new, &old], "id", 1, b"{}");
        let each = [signature(&[&new], "id", 1, b"{}"), signature(&[&old], "id", 1, b"{}")];
        assert_eq!(both, each.join(" "));
    }

    #[test]
    fn a_secret_is_read_as_it_is_written_and_never_shown_by_accident() {
        let secret = Secret::random();
        assert_eq!(secret.to_text().parse::<Secret>(), Ok(secret.clone()));
        assert_eq!(format!("{secret:?}"), "Secret(***)");
        for wrong in ["", "whsec_", "whsec_AAAA", "AAAA", "whsec_!!"] {
            assert_eq!(wrong.parse::<Secret>(), Err(SecretError), "{wrong}");
        }
    }
}
