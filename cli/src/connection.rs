//! Which server is spoken to, with which key, and where the two came from.

mod env_file;
mod http;

use std::path::PathBuf;

use anyhow::Context as _;
use chrono::Utc;
use serde::{Deserialize, Serialize};

use self::env_file::EnvFile;
pub(crate) use self::{
    env_file::{env_file, read_env_file},
    http::{http_client, tls_advice},
};
use crate::credentials::{self, Credentials};

/// What the flags about it stand under, in every command's help.
const SERVER: &str = "Server";

/// Flags of every command that speaks to a server.
#[derive(Clone, Debug, Default, clap::Args)]
#[group(skip)]
pub(crate) struct Flags {
    /// Address of the server, as http://127.0.0.1:8080 [default: from .slipway/env, here or in a folder above, or the last login]
    #[arg(long, global = true, env = "SLIPWAY_URL", value_name = "URL", hide_env_values = true, help_heading = SERVER)]
    server: Option<String>,
    /// API key [default: that of `slipway login`, or from .slipway/env]
    #[arg(long, global = true, env = "SLIPWAY_API_KEY", value_name = "KEY", hide_env_values = true, help_heading = SERVER)]
    api_key: Option<String>,
    /// File with the authority that signed the server's certificate [default: from .slipway/env, or those the system trusts]
    #[arg(long, global = true, env = "SLIPWAY_CACERT", value_name = "FILE", hide_env_values = true, help_heading = SERVER)]
    cacert: Option<PathBuf>,
    /// File with the certificate to show to the server, where it asks for one
    #[arg(long, global = true, env = "SLIPWAY_CERT", value_name = "FILE", hide_env_values = true, help_heading = SERVER)]
    cert: Option<PathBuf>,
    /// File with the private key of --cert
    #[arg(
        id = "cert_key",
        long = "key",
        global = true,
        env = "SLIPWAY_CERT_KEY",
        value_name = "FILE",
        hide_env_values = true,
        help_heading = SERVER
    )]
    cert_key: Option<PathBuf>,
}

/// Whom to trust, and what to show, in TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Tls {
    /// File with authorities. None: those that the system trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cacert: Option<PathBuf>,
    /// File with a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cert: Option<PathBuf>,
    /// File with its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<PathBuf>,
}

impl Tls {
    /// Whether nothing is said.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The same files for whoever looks from another folder.
    ///
    /// # Errors
    /// When the current folder is gone.
    pub(crate) fn absolute(self) -> anyhow::Result<Self> {
        let absolute =
            |path: Option<PathBuf>| path.map(std::path::absolute).transpose().context("finding certificates");
        Ok(Self { cacert: absolute(self.cacert)?, cert: absolute(self.cert)?, key: absolute(self.key)? })
    }

    /// What this says, and `other` where it says nothing. A certificate and its key are of one place.
    fn or(self, other: &Self) -> Self {
        let own = self.cert.is_some() || self.key.is_some();
        Self {
            cacert: self.cacert.or_else(|| other.cacert.clone()),
            cert: if own { self.cert } else { other.cert.clone() },
            key: if own { self.key } else { other.key.clone() },
        }
    }
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
    /// Whom to trust, and what to show.
    pub(crate) tls: Tls,
}

/// What this user has to choose from, beside flags and variables.
#[derive(Clone, Debug, Default)]
struct Kept {
    /// The `.slipway/env` in this folder or the nearest one above that has it.
    file: EnvFile,
    /// Where that is, for messages.
    file_path: String,
    /// What `slipway login` got.
    logins: Credentials,
    /// Where that is, for messages.
    logins_path: String,
}

impl Kept {
    fn find() -> anyhow::Result<Self> {
        let here = std::env::current_dir().context("finding the current folder")?;
        let file = here.ancestors().map(|folder| folder.join(".slipway/env")).find(|path| path.is_file());
        let logins = credentials::path();
        Ok(Self {
            file: file.as_deref().map(read_env_file).transpose()?.unwrap_or_default(),
            file_path: file.map(|path| path.display().to_string()).unwrap_or_default(),
            logins: logins.as_deref().map(Credentials::read).transpose()?.unwrap_or_default(),
            logins_path: logins.map(|path| path.display().to_string()).unwrap_or_default(),
        })
    }

    /// Whether `.slipway/env` is about this server, or about none in particular.
    fn is_about(&self, url: &str) -> bool {
        self.file.url.as_deref().is_none_or(|of_file| of_file.trim_end_matches('/') == url)
    }
}

impl Flags {
    /// Flags and environment first; then for the address `.slipway/env` in this folder or the nearest one above that has it,
    /// else the server that was logged in to last; and for the key the login at that server, else `.slipway/env` if it is
    /// about that server. No key is sent to a server that it is not for.
    ///
    /// # Errors
    /// When neither tells the address or the key, or the login is over; the message says what to do.
    pub(crate) fn access(&self) -> anyhow::Result<Access> {
        self.access_with(&Kept::find()?)
    }

    /// The server that requests go to, and where its address is from.
    ///
    /// # Errors
    /// When nothing tells it.
    pub(crate) fn server(&self) -> anyhow::Result<(String, String)> {
        self.server_with(&Kept::find()?)
    }

    fn server_with(&self, kept: &Kept) -> anyhow::Result<(String, String)> {
        let given = given(&self.server, "--server", "SLIPWAY_URL");
        let from_file = || kept.file.url.clone().map(|url| (url, kept.file_path.clone()));
        let from_login = || kept.logins.current.clone().map(|url| (url, kept.logins_path.clone()));
        let (url, source) = given.or_else(from_file).or_else(from_login).context(
            "no server to talk to: there is no .slipway/env here or in a folder above, no login, and neither SLIPWAY_URL nor --server is set\n  \
             start one with `make up` or `slipway dev`, or `slipway login http://host:port`, or `export SLIPWAY_URL=http://host:port SLIPWAY_API_KEY=slw_…`",
        )?;
        Ok((plain_url(&url, &source)?, source))
    }

    /// Whom to trust at `url`, and what to show there: what flags say, then what its login was made with, then `.slipway/env`
    /// if it is about that server.
    ///
    /// # Errors
    /// When what this user keeps cannot be read.
    pub(crate) fn tls(&self, url: &str) -> anyhow::Result<Tls> {
        Ok(self.tls_with(&Kept::find()?, url))
    }

    fn tls_with(&self, kept: &Kept, url: &str) -> Tls {
        let given = Tls { cacert: self.cacert.clone(), cert: self.cert.clone(), key: self.cert_key.clone() };
        let of_login = kept.logins.servers.get(url).map(|login| &login.tls);
        let of_file = kept.is_about(url).then_some(&kept.file.tls);
        of_login.into_iter().chain(of_file).fold(given, Tls::or)
    }

    fn access_with(&self, kept: &Kept) -> anyhow::Result<Access> {
        let (url, url_source) = self.server_with(kept)?;
        let tls = self.tls_with(kept, &url);
        if let Some((api_key, key_source)) = given(&self.api_key, "--api-key", "SLIPWAY_API_KEY") {
            return Ok(Access { url, url_source, api_key, key_source, tls });
        }
        if let Some(login) = kept.logins.servers.get(&url) {
            // Going on with another key would be going on as somebody else, unnoticed.
            anyhow::ensure!(
                login.expires_at > Utc::now(),
                "the login of {} at {url} is over since {}: `slipway login` again, or `slipway logout`",
                login.name,
                login.expires_at.format("%Y-%m-%d %H:%M UTC")
            );
            let key_source = kept.logins_path.clone();
            return Ok(Access { url, url_source, api_key: login.api_key.clone(), key_source, tls });
        }
        let api_key = kept.file.api_key.clone().filter(|_| kept.is_about(&url)).with_context(|| {
            format!("no API key for {url}: `slipway login {url}`, or set SLIPWAY_API_KEY or give --api-key (or `source .slipway/env`)")
        })?;
        Ok(Access { url, url_source, api_key, key_source: kept.file_path.clone(), tls })
    }
}

/// What a flag or its variable says, and which of the two it was.
fn given(value: &Option<String>, flag: &str, variable: &str) -> Option<(String, String)> {
    let value = value.clone().filter(|value| !value.is_empty())?;
    let from_variable = std::env::var(variable).is_ok_and(|set| set == value);
    Some((value, if from_variable { variable } else { flag }.to_owned()))
}

/// An address as logins are kept by it: without a slash at its end.
///
/// # Errors
/// When it is none.
pub(crate) fn plain_url(url: &str, source: &str) -> anyhow::Result<String> {
    let url = url.trim_end_matches('/').to_owned();
    anyhow::ensure!(
        url.starts_with("http://") || url.starts_with("https://"),
        "'{url}' (from {source}) is no address of a server; it looks like http://127.0.0.1:8080"
    );
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Login;

    fn tls(ca: &str, cert: Option<&str>) -> Tls {
        let cert = cert.map(PathBuf::from);
        Tls { cacert: Some(ca.into()), key: cert.clone(), cert }
    }

    fn kept(logins: &[(&str, i64)]) -> Kept {
        let login = |hours| Login {
            api_key: "slw_login".into(),
            name: "ada".into(),
            expires_at: Utc::now() + chrono::TimeDelta::hours(hours),
            tls: Tls { cacert: Some("/login-ca".into()), ..Tls::default() },
        };
        Kept {
            file: EnvFile {
                url: Some("http://127.0.0.1:1/".into()),
                api_key: Some("slw_file".into()),
                tls: tls("/file-ca", Some("/file-cert")),
            },
            file_path: "/p/.slipway/env".into(),
            logins: Credentials {
                current: Some("https://far.example".into()),
                servers: logins.iter().map(|(url, hours)| ((*url).to_owned(), login(*hours))).collect(),
            },
            logins_path: "/h/credentials".into(),
        }
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_source_is_named() {
        let flags = Flags { api_key: Some("slw_flag".into()), ..Flags::default() };
        let access = flags.access_with(&kept(&[])).unwrap();
        assert_eq!((access.url.as_str(), access.url_source.as_str()), ("http://127.0.0.1:1", "/p/.slipway/env"));
        assert_eq!((access.api_key.as_str(), access.key_source.as_str()), ("slw_flag", "--api-key"));
    }

    #[test]
    fn a_login_wins_over_the_file_at_its_own_server_only() {
        let access = Flags::default().access_with(&kept(&[("http://127.0.0.1:1", 1)])).unwrap();
        assert_eq!((access.api_key.as_str(), access.key_source.as_str()), ("slw_login", "/h/credentials"));
        let access = Flags::default().access_with(&kept(&[("https://far.example", 1)])).unwrap();
        assert_eq!((access.api_key.as_str(), access.key_source.as_str()), ("slw_file", "/p/.slipway/env"));
    }

    #[test]
    fn a_key_is_not_sent_to_a_server_that_it_is_not_for() {
        let flags = Flags { server: Some("https://evil.example".into()), ..Flags::default() };
        let message = flags.access_with(&kept(&[("https://far.example", 1)])).err().unwrap().to_string();
        assert!(message.starts_with("no API key for https://evil.example: `slipway login"), "{message}");
    }

    #[test]
    fn whom_to_trust_comes_from_flags_then_the_login_then_the_file_about_that_server() {
        let (kept, here) = (kept(&[("http://127.0.0.1:1", 1)]), "http://127.0.0.1:1");
        let chosen = Flags::default().tls_with(&kept, here);
        assert_eq!(chosen, tls("/login-ca", Some("/file-cert")));
        let flags = Flags { cert: Some("/flag-cert".into()), ..Flags::default() };
        let chosen = flags.tls_with(&kept, here);
        assert_eq!(
            (chosen.cert, chosen.key),
            (Some("/flag-cert".into()), None),
            "a certificate and its key are of one place"
        );
        assert_eq!(Flags::default().tls_with(&kept, "https://far.example"), Tls::default());
    }

    #[test]
    fn a_login_that_is_over_is_not_silently_replaced_by_another_key() {
        let message = Flags::default().access_with(&kept(&[("http://127.0.0.1:1", -1)])).err().unwrap().to_string();
        assert!(message.contains("the login of ada at http://127.0.0.1:1 is over since"), "{message}");
    }

    #[test]
    fn without_a_file_the_server_is_the_one_that_was_logged_in_to_last() {
        let kept = Kept { file: EnvFile::default(), ..kept(&[("https://far.example", 1)]) };
        let access = Flags::default().access_with(&kept).unwrap();
        assert_eq!((access.url.as_str(), access.api_key.as_str()), ("https://far.example", "slw_login"));
    }

    #[test]
    fn without_a_server_the_message_says_how_to_start_one() {
        let message = Flags::default().access_with(&Kept::default()).err().unwrap().to_string();
        assert!(message.contains("slipway dev") && message.contains("SLIPWAY_URL"), "{message}");
    }
}
