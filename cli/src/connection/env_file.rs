//! The file `.slipway/env`: written by `slipway dev`, for shells and for this program.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::Tls;

/// What a `.slipway/env` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EnvFile {
    /// `SLIPWAY_URL`.
    pub(crate) url: Option<String>,
    /// `SLIPWAY_API_KEY`.
    pub(crate) api_key: Option<String>,
    /// `SLIPWAY_CACERT`, `SLIPWAY_CERT` and `SLIPWAY_CERT_KEY`.
    pub(crate) tls: Tls,
}

/// Reads the `export NAME=value` lines of a file.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read_env_file(path: &Path) -> anyhow::Result<EnvFile> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let mut found = EnvFile::default();
    for line in text.lines() {
        let line = line.trim();
        let Some((name, value)) = line.strip_prefix("export ").unwrap_or(line).split_once('=') else { continue };
        let value = Some(value.trim().trim_matches(['"', '\'']).to_owned()).filter(|value| !value.is_empty());
        match name.trim() {
            "SLIPWAY_URL" => found.url = value,
            "SLIPWAY_API_KEY" => found.api_key = value,
            "SLIPWAY_CACERT" => found.tls.cacert = value.map(PathBuf::from),
            "SLIPWAY_CERT" => found.tls.cert = value.map(PathBuf::from),
            "SLIPWAY_CERT_KEY" => found.tls.key = value.map(PathBuf::from),
            _ => {}
        }
    }
    Ok(found)
}

/// The text of a file to `source`.
pub(crate) fn env_file(url: &str, api_key: &str, tls: &Tls) -> String {
    let mut text = format!(
        "# Written by `slipway dev`. To use it: source this file. The key is an admin's: keep it to yourself.\nexport SLIPWAY_URL={url}\nexport SLIPWAY_API_KEY={api_key}\n"
    );
    let files = [("SLIPWAY_CACERT", &tls.cacert), ("SLIPWAY_CERT", &tls.cert), ("SLIPWAY_CERT_KEY", &tls.key)];
    for (name, path) in files.into_iter().filter_map(|(name, path)| Some((name, path.as_ref()?))) {
        // In quotes, for folders with a space in their name.
        text.push_str(&format!("export {name}='{}'\n", path.display()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("env");
        let all = Tls { cacert: Some("/a folder".into()), cert: Some("/c".into()), key: Some("/c".into()) };
        for tls in [Tls::default(), all] {
            std::fs::write(&path, env_file("http://127.0.0.1:1", "slw_x", &tls)).unwrap();
            let expected = EnvFile { url: Some("http://127.0.0.1:1".into()), api_key: Some("slw_x".into()), tls };
            assert_eq!(read_env_file(&path).unwrap(), expected);
        }
    }
}
