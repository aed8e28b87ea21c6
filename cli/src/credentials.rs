//! Logins of this user, server by server: `~/.config/slipway/credentials`, for nobody else to read.

use std::{
    collections::BTreeMap,
    fs::{OpenOptions, Permissions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::connection::Tls;

/// What the file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Credentials {
    /// The server that was logged in to last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    /// The login at each server, by its address. A key is never sent to another one.
    pub(crate) servers: BTreeMap<String, Login>,
}

/// A login.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Login {
    /// The key; not for printing.
    pub(crate) api_key: String,
    /// As whom.
    pub(crate) name: String,
    /// Until when.
    pub(crate) expires_at: DateTime<Utc>,
    /// Whom it trusted, and what it showed, in TLS.
    #[serde(default, skip_serializing_if = "Tls::is_default")]
    pub(crate) tls: Tls,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("name", &self.name).field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Where the file is; none where this user has no home.
pub(crate) fn path() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")))?;
    Some(folder.join("slipway/credentials"))
}

impl Credentials {
    /// Reads the file; there may be none.
    ///
    /// # Errors
    /// When it cannot be read, or others may.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let found = std::fs::metadata(path).with_context(|| format!("looking at {}", path.display()))?;
        anyhow::ensure!(
            found.permissions().mode() & 0o077 == 0,
            "{0} holds keys and others may read it: `chmod 600 {0}`",
            path.display()
        );
        serde_yaml::from_str(&text).with_context(|| {
            format!("{} is not what `slipway login` writes; remove it and log in again", path.display())
        })
    }

    /// Replaces the file as one step, for this user only.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_yaml::to_string(self).context("writing credentials")?;
        let attempt = || -> std::io::Result<()> {
            if let Some(folder) = path.parent() {
                std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            }
            let new = path.with_extension(format!("new-{}", std::process::id()));
            let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
            file.set_permissions(Permissions::from_mode(0o600))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&new, path)
        };
        attempt().with_context(|| format!("writing {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/slipway/credentials");
        assert_eq!(Credentials::read(&path).unwrap(), Credentials::default());
        let login = Login { api_key: "slw_x".into(), name: "ada".into(), expires_at: Utc::now(), tls: Tls::default() };
        assert!(!format!("{login:?}").contains("slw_x"));
        let url = "http://127.0.0.1:1".to_owned();
        let kept = Credentials { current: Some(url.clone()), servers: BTreeMap::from([(url, login)]) };
        kept.write(&path).unwrap();
        assert_eq!(Credentials::read(&path).unwrap(), kept);
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(Credentials::read(&path).unwrap_err().to_string().contains("chmod 600"));
    }
}
