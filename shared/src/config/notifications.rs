//! What people and teams are told of.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::SecretSource;

/// What people and teams are told of: how, and how often. To chats and webhooks it goes by the rules of `webhooks`
/// (`allow`, `plain_http`, `ca_file`, `timeout_s`).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Notifications {
    /// The server that takes mail. None: there are no notifications by mail.
    pub smtp: Option<Smtp>,
    /// Domains that mail may be sent to, as `example.org`. None: every domain.
    pub mail_domains: Vec<String>,
    /// Seconds after a message within which more is told together, where a rule does not say.
    pub digest_s: u32,
    /// Seconds before the second try; it doubles with each further one, up to an hour, give or take a quarter.
    pub backoff_s: u32,
    /// Seconds after which a message is given up.
    pub give_up_after_s: u32,
    /// Messages under way at once, in one scheduler.
    pub concurrency: u32,
    /// Days that messages which are over are kept.
    pub keep_days: u32,
    /// Rules that a person may have; a team and the installation too.
    pub max_rules: u32,
}

impl Default for Notifications {
    fn default() -> Self {
        Self {
            smtp: None,
            mail_domains: Vec::new(),
            digest_s: 900,
            backoff_s: 10,
            give_up_after_s: 86_400,
            concurrency: 8,
            keep_days: 14,
            max_rules: 20,
        }
    }
}

/// The server that takes mail.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// Its name or address.
    pub host: String,
    /// Its port; 587 with STARTTLS, 465 with TLS from the first byte and 25 without, when nothing is said.
    #[serde(default)]
    pub port: Option<u16>,
    /// How it is spoken to.
    #[serde(default)]
    pub tls: SmtpTls,
    /// Certificates to trust instead of the system's, as PEM.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Who logs in. None: nobody does.
    #[serde(default)]
    pub user: Option<String>,
    /// With what.
    #[serde(default)]
    pub password: Option<SecretSource>,
    /// Who mail is from, as `Slipway <slipway@example.org>`.
    pub from: String,
    /// Seconds that one message may take.
    #[serde(default = "timeout")]
    pub timeout_s: u32,
}

fn timeout() -> u32 {
    20
}

/// How a server for mail is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpTls {
    /// TLS after STARTTLS, which must be offered.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Implicit,
    /// None: anyone on the way reads and changes mail. A password is not sent then.
    None,
}

impl Smtp {
    /// The port to speak to.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            SmtpTls::Starttls => 587,
            SmtpTls::Implicit => 465,
            SmtpTls::None => 25,
        })
    }
}
