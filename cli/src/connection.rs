//! Which server is spoken to, with which key, and where the two came from.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// Flags of every command that speaks to a server.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub(crate) struct Flags {
    /// Address of the server, as http://127.0.0.1:8080 [default: from .slipway/env, here or in a folder above]
    #[arg(long, global = true, env = "SLIPWAY_URL", value_name = "URL", hide_env_values = true)]
    server: Option<String>,
    /// API key [default: from .slipway/env, here or in a folder above]
    #[arg(long, global = true, env = "SLIPWAY_API_KEY", value_name = "KEY", hide_env_values = true)]
    api_key: Option<String>,
}

/// What a `.slipway/env` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EnvFile {
    /// `SLIPWAY_URL`.
    pub(crate) url: Option<String>,
    /// `SLIPWAY_API_KEY`.
    pub(crate) api_key: Option<String>,
}

/// Everything it takes to make a request.
#[derive(Clone)]
pub(crate) struct Access {
    /// Without a final slash.
    pub(crate) url: String,
    /// Where the address is from, for messages.
    pub(crate) url_source: String,
    /// The key; not for printing.
    pub(crate) api_key: String,
    /// Where the key is from, for messages.
    pub(crate) key_source: String,
}

impl Flags {
    /// Flags and environment first, then `.slipway/env` in this folder or the nearest one above that has it.
    ///
    /// # Errors
    /// When neither tells the address or the key; the message says how to give them.
    pub(crate) fn access(&self) -> anyhow::Result<Access> {
        let here = std::env::current_dir().context("finding the current folder")?;
        let file = here.ancestors().map(|folder| folder.join(".slipway/env")).find(|path| path.is_file());
        self.access_with(file)
    }

    fn access_with(&self, file: Option<PathBuf>) -> anyhow::Result<Access> {
        let kept = file.as_deref().map(read_env_file).transpose()?.unwrap_or_default();
        let file = file.map(|path| path.display().to_string()).unwrap_or_default();
        let pick = |given: &Option<String>, flag: &str, variable: &str, kept: Option<String>| {
            let given = given.clone().filter(|value| !value.is_empty());
            match given {
                Some(value) if std::env::var(variable).is_ok_and(|set| set == value) => {
                    Some((value, variable.to_owned()))
                }
                Some(value) => Some((value, flag.to_owned())),
                None => kept.map(|value| (value, file.clone())),
            }
        };
        let url = pick(&self.server, "--server", "SLIPWAY_URL", kept.url);
        let key = pick(&self.api_key, "--api-key", "SLIPWAY_API_KEY", kept.api_key);
        let (url, url_source) = url.context(
            "no server to talk to: there is no .slipway/env here or in a folder above, and neither SLIPWAY_URL nor --server is set\n  \
             start one with `make up` or `slipway dev`, or `export SLIPWAY_URL=http://host:port SLIPWAY_API_KEY=slw_…`",
        )?;
        let (api_key, key_source) = key.with_context(|| {
            format!("no API key for {url}: set SLIPWAY_API_KEY or give --api-key (or `source .slipway/env`)")
        })?;
        let url = url.trim_end_matches('/').to_owned();
        anyhow::ensure!(
            url.starts_with("http://") || url.starts_with("https://"),
            "'{url}' (from {url_source}) is no address of a server; it looks like http://127.0.0.1:8080"
        );
        Ok(Access { url, url_source, api_key, key_source })
    }
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
            _ => {}
        }
    }
    Ok(found)
}

/// The text of a file to `source`.
pub(crate) fn env_file(url: &str, api_key: &str) -> String {
    format!(
        "# Written by `slipway dev`. To use it: source this file. The key is an admin's: keep it to yourself.\nexport SLIPWAY_URL={url}\nexport SLIPWAY_API_KEY={api_key}\n"
    )
}

/// A client for requests to `url`. A server on this machine is never asked for by way of a proxy.
///
/// # Errors
/// When the system's certificates cannot be used.
pub(crate) fn http_client(url: &str) -> anyhow::Result<reqwest::Client> {
    // A second call finds a provider in place.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let version = env!("CARGO_PKG_VERSION");
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(format!("slipway/{version}"));
    let host = reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    if host == "localhost" || host.starts_with("127.") || host == "[::1]" {
        builder = builder.no_proxy();
    }
    builder.build().context("setting up HTTP")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("env");
        std::fs::write(&path, env_file("http://127.0.0.1:1", "slw_x")).unwrap();
        let expected = EnvFile { url: Some("http://127.0.0.1:1".into()), api_key: Some("slw_x".into()) };
        assert_eq!(read_env_file(&path).unwrap(), expected);
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_source_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("env");
        std::fs::write(&path, env_file("http://127.0.0.1:1/", "slw_x")).unwrap();
        let flags = Flags { server: None, api_key: Some("slw_flag".into()) };
        let access = flags.access_with(Some(path.clone())).unwrap();
        assert_eq!((access.url.as_str(), access.url_source), ("http://127.0.0.1:1", path.display().to_string()));
        assert_eq!((access.api_key.as_str(), access.key_source.as_str()), ("slw_flag", "--api-key"));
    }

    #[test]
    fn without_a_server_the_message_says_how_to_start_one() {
        let message = Flags::default().access_with(None).err().unwrap().to_string();
        assert!(message.contains("slipway dev") && message.contains("SLIPWAY_URL"), "{message}");
    }
}
