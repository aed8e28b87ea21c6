//! Who may log in, and for how long.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Oidc;

/// What an installation is for. What is convenient and not safe works in `development` only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Others reach it, or it holds what matters.
    #[default]
    Production,
    /// One person's own, on their machine.
    Development,
}

/// Who may log in, and for how long.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// A file with people and the hashes of their passwords, as `slipway user add` writes it; the same one for every api. It
    /// is read again when it changes. None: nobody logs in by a password.
    pub people_file: Option<PathBuf>,
    /// Login by an OpenID provider. None: nobody logs in by one.
    pub oidc: Option<Oidc>,
    /// Logins of browsers.
    pub session: SessionSettings,
    /// Logins of the command line.
    pub cli: CliSettings,
    /// What callers may do who show nothing. Only where `environment` is `development` and `api.listen` an address that this
    /// machine alone reaches; elsewhere the api does not start. None: they are refused.
    pub guest: Option<Guest>,
}

/// Logins of browsers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionSettings {
    /// Minutes without a request after which a session is over.
    pub idle_minutes: u32,
    /// Hours after which a session is over, used or not.
    pub absolute_hours: u32,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self { idle_minutes: 60, absolute_hours: 12 }
    }
}

/// Logins of the command line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CliSettings {
    /// Hours that the key is good for which `slipway login` gets.
    pub key_hours: u32,
    /// Seconds in which a person must confirm a login by device code.
    pub device_code_s: u32,
}

impl Default for CliSettings {
    fn default() -> Self {
        Self { key_hours: 12, device_code_s: 600 }
    }
}

/// What callers may do who show nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guest {
    /// Their role.
    #[serde(default)]
    pub role: GuestRole,
    /// The teams that they count as members of.
    #[serde(default)]
    pub teams: Vec<String>,
}

/// What a guest may be: nothing that hands out access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuestRole {
    /// Looks.
    #[default]
    Viewer,
    /// Submits and runs too.
    Developer,
}
