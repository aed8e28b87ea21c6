//! Which user the servers run as: Postgres refuses root.

use std::path::Path;

use anyhow::Context as _;
use nix::unistd::{Gid, Uid, User};

/// The user that the servers run as. None: the one who runs `slipway dev`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    /// For people.
    pub(crate) name: String,
    /// Its id.
    pub(crate) uid: Uid,
    /// Its group. Servers get no supplementary groups: they need none.
    pub(crate) gid: Gid,
}

/// Chooses the account: `postgres`, else `nobody`, when this process is root.
///
/// # Errors
/// When this process is root and neither user exists.
pub(crate) fn choose() -> anyhow::Result<Option<Account>> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name).with_context(|| format!("looking up the user {name}"))? {
            return Ok(Some(Account { name: user.name, uid: user.uid, gid: user.gid }));
        }
    }
    anyhow::bail!("Postgres refuses to run as root, and there is neither a user 'postgres' nor 'nobody' to run it as")
}

/// Gives `path` to the account; without one it is the right user's already.
///
/// # Errors
/// When the owner cannot be changed.
pub(crate) fn give(path: &Path, account: Option<&Account>) -> anyhow::Result<()> {
    let Some(account) = account else { return Ok(()) };
    nix::unistd::chown(path, Some(account.uid), Some(account.gid))
        .with_context(|| format!("giving {} to the user {}", path.display(), account.name))
}
