//! Files that a configuration names.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, ensure};

/// A rule's file is no larger than this.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Where a step's files are.
#[derive(Debug)]
pub(crate) struct Place {
    /// The provider's folder.
    pub(crate) bundle: PathBuf,
    /// The run's files.
    pub(crate) workspace: PathBuf,
}

impl Place {
    /// Those of the step that this program runs in.
    pub(crate) fn of_step() -> Self {
        let bundle = std::env::var_os("SLIPWAY_BUNDLE").map_or_else(|| "/nonexistent".into(), PathBuf::from);
        Self { bundle, workspace: "/workspace".into() }
    }

    /// The file or folder of that name: in the provider's folder, else in the workspace.
    ///
    /// # Errors
    /// When there is none, or the name leads out of both.
    pub(crate) fn find(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = Path::new(name);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        ensure!(inside && !name.is_empty(), "'{name}' leads out of the provider's folder");
        let roots = [&self.bundle, &self.workspace];
        let found = roots.into_iter().map(|root| root.join(path)).find(|path| path.exists());
        let found = found.with_context(|| format!("neither the provider's folder nor the workspace has '{name}'"))?;
        // A link may lead anywhere, to a secret of the step for one.
        let real = found.canonicalize().with_context(|| name.to_owned())?;
        let within = roots.into_iter().filter_map(|root| root.canonicalize().ok()).any(|root| real.starts_with(root));
        ensure!(within, "'{name}' leads out of the provider's folder");
        Ok(real)
    }

    /// The text of the file of that name.
    ///
    /// # Errors
    /// When there is none, or it is too large or no text.
    pub(crate) fn text(&self, name: &str) -> anyhow::Result<String> {
        text_of(&self.find(name)?)
    }
}

/// The text of a file of a reasonable size.
///
/// # Errors
/// When it cannot be read, is too large or no text.
pub(crate) fn text_of(path: &Path) -> anyhow::Result<String> {
    let named = || path.display().to_string();
    let size = std::fs::metadata(path).with_context(named)?.len();
    ensure!(size <= LARGEST, "{} has {size} bytes; {LARGEST} are allowed", path.display());
    std::fs::read_to_string(path).with_context(named)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_name_that_leads_out_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bundle")).unwrap();
        std::fs::write(folder.path().join("bundle/rule.rego"), "package a").unwrap();
        let place = Place { bundle: folder.path().join("bundle"), workspace: folder.path().join("workspace") };
        assert_eq!(place.text("./rule.rego").unwrap(), "package a");
        for name in ["../bundle/rule.rego", "/etc/passwd", "", "rules/../../x"] {
            assert!(place.find(name).unwrap_err().to_string().contains("leads out"), "{name}");
        }
        std::fs::write(folder.path().join("secret"), "s").unwrap();
        std::os::unix::fs::symlink("../secret", folder.path().join("bundle/link.rego")).unwrap();
        assert!(place.find("link.rego").unwrap_err().to_string().contains("leads out"));
        assert!(place.find("none.rego").unwrap_err().to_string().contains("none.rego"));
    }
}
