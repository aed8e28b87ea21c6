//! What a lease is proved by.

/// Given out by the claim, to the one who claimed: Postgres keeps a hash of it alone, and every write under the lease shows it.
/// It never shows itself in a log.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LeaseToken(pub uuid::Uuid);

impl std::fmt::Debug for LeaseToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}
