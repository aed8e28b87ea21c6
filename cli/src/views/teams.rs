//! Teams and what is theirs: keys, accounts, quotas, secrets.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;

use super::Time;

/// An API key.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Key {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) owner: Option<String>,
    pub(crate) roles: Option<Vec<String>>,
    pub(crate) teams: Option<Vec<String>>,
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) last_used_at: Time,
    pub(crate) last_used_address: Option<String>,
    pub(crate) expires_at: Time,
    pub(crate) revoked_at: Time,
}

/// An account of a program.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ServiceAccount {
    pub(crate) name: String,
    pub(crate) roles: Vec<String>,
    pub(crate) teams: Vec<String>,
    pub(crate) keys: i64,
    pub(crate) created_at: Time,
    pub(crate) created_by: String,
    pub(crate) disabled_at: Time,
}

/// A team.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Team {
    pub(crate) name: String,
    pub(crate) created_at: Time,
    pub(crate) quotas: Quotas,
    pub(crate) weight: i64,
    pub(crate) used: Option<Usage>,
}

/// What a team may use.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Quotas {
    pub(crate) runs: Option<i64>,
    pub(crate) resources: BTreeMap<String, i64>,
    pub(crate) cpu_minutes: Option<i64>,
    pub(crate) log_bytes: Option<i64>,
    pub(crate) storage_bytes: Option<i64>,
}

/// What a team uses.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Usage {
    pub(crate) runs: i64,
    pub(crate) ready: i64,
    pub(crate) waits_for: Option<String>,
    pub(crate) resources: BTreeMap<String, i64>,
    pub(crate) cpu_minutes: i64,
    pub(crate) log_bytes: i64,
    pub(crate) month_ends_at: Time,
    pub(crate) storage_bytes: i64,
    pub(crate) workspace_bytes: i64,
    pub(crate) kept_log_bytes: i64,
    pub(crate) state_bytes: i64,
}

/// A secret of a team or an application.
#[derive(Debug, Deserialize)]
pub(crate) struct Secret {
    pub(crate) name: String,
    pub(crate) application: Option<String>,
    pub(crate) version: i32,
    pub(crate) source: Option<String>,
    pub(crate) updated_by: String,
    pub(crate) updated_at: Option<DateTime<Utc>>,
}

/// A credential for another system.
#[derive(Debug, Deserialize)]
pub(crate) struct Integration {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) settings: Value,
    pub(crate) updated_by: String,
    pub(crate) updated_at: Option<DateTime<Utc>>,
    pub(crate) checked_at: Option<DateTime<Utc>>,
    pub(crate) check_error: Option<String>,
}

/// A key that wraps secrets.
#[derive(Debug, Deserialize)]
pub(crate) struct SecretKey {
    pub(crate) id: String,
    pub(crate) current: bool,
    pub(crate) configured: bool,
    pub(crate) wraps: i64,
}
