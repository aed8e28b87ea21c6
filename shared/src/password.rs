//! Passwords: argon2id, as PHC strings.

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _,
    password_hash::phc::{Decimal, Ident},
};

/// Characters that a new password must have.
pub const SHORTEST: usize = 8;
/// Bytes of a password that are looked at; a longer one is refused.
pub const LONGEST: usize = 1024;
/// Memory (KiB) and rounds that a hash may ask for: reading a file must not take the machine down.
const MOST: (Decimal, Decimal) = (262_144, 16);

/// A password or hash that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// See [`SHORTEST`].
    #[error("a password has at least {SHORTEST} characters")]
    TooShort,
    /// See [`LONGEST`].
    #[error("a password has at most {LONGEST} bytes")]
    TooLong,
    /// It is no hash that can be verified.
    #[error("not a hash made by argon2id with at most 256 MiB and 16 rounds, as `slipway user passwd` makes it")]
    NotAHash,
    /// The hash could not be made.
    #[error("hashing: {0}")]
    Failed(String),
}

/// The hash of a new password, with a salt of its own. Takes some 20 ms and 19 MiB.
///
/// # Errors
/// When it is too short or too long.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    if password.chars().count() < SHORTEST {
        return Err(PasswordError::TooShort);
    }
    if password.len() > LONGEST {
        return Err(PasswordError::TooLong);
    }
    let hash = argon2().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| PasswordError::Failed(error.to_string()))
}

/// Whether `text` is a hash that [`verify`] can work with.
///
/// # Errors
/// When it is not.
pub fn check_hash(text: &str) -> Result<(), PasswordError> {
    let hash = PasswordHash::new(text).map_err(|_| PasswordError::NotAHash)?;
    let within = |name: &str, most: Decimal| {
        let given = Ident::new(name).ok().and_then(|name| hash.params.get_decimal(name));
        given.is_some_and(|given| given <= most)
    };
    let argon2id = hash.algorithm == argon2::ARGON2ID_IDENT;
    let whole = hash.salt.is_some() && hash.hash.is_some();
    if argon2id && whole && within("m", MOST.0) && within("t", MOST.1) { Ok(()) } else { Err(PasswordError::NotAHash) }
}

/// Whether the password is the one that was hashed. Without a hash, for somebody who is not known: no, after as much work,
/// so that the time does not tell who is known.
#[must_use]
pub fn verify(hash: Option<&str>, password: &str) -> bool {
    if password.len() > LONGEST {
        return false;
    }
    match hash.and_then(|hash| PasswordHash::new(hash).ok()) {
        Some(hash) => argon2().verify_password(password.as_bytes(), &hash).is_ok(),
        None => {
            let mut output = [0; 32];
            // The work is all that is wanted of it.
            let _ = argon2().hash_password_into(password.as_bytes(), b"nobody knows this person", &mut output);
            std::hint::black_box(output);
            false
        }
    }
}

/// The parameters of new hashes: OWASP's first choice (19 MiB, 2 rounds, 1 lane).
fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, argon2::Version::V0x13, Params::DEFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_verified_by_its_hash_alone() {
        let made = hash("correct horse").unwrap();
        assert!(made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{made}");
        check_hash(&made).unwrap();
        assert!(verify(Some(&made), "correct horse"));
        assert!(!verify(Some(&made), "correct horsf"));
        assert!(!verify(None, "correct horse"));
        assert_ne!(made, hash("correct horse").unwrap(), "each has a salt of its own");
    }

    #[test]
    fn what_is_no_sensible_hash_is_refused_when_it_is_read() {
        let made = hash("correct horse").unwrap();
        for bad in [
            "hunter2",
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            &made.replace("argon2id", "argon2i"),
            &made.replace("m=19456", "m=4194304"),
            &made.replace("t=2", "t=4000000"),
            made.rsplit_once('$').unwrap().0,
        ] {
            assert_eq!(check_hash(bad), Err(PasswordError::NotAHash), "{bad}");
        }
    }

    #[test]
    fn lengths_are_bounded() {
        assert_eq!(hash("seven77"), Err(PasswordError::TooShort));
        assert_eq!(hash(&"x".repeat(LONGEST + 1)), Err(PasswordError::TooLong));
    }
}
