//! The configuration of every binary: one YAML file, overridden by `SLIPWAY__SECTION__KEY` variables.
//!
//! Secrets are named by file or variable, never written here.

mod access;
mod api;
mod audit;
mod batches;
mod clouds;
mod fairness;
mod git;
mod identity;
mod integrations;
mod limits;
mod notifications;
mod oidc;
mod sandbox;
mod scheduler;
mod secret_source;
mod secrets;
mod tls;
mod traces;
mod webhooks;
mod worker;

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use access::Access;
pub use api::Api;
pub use audit::{Audit, AuditSyslog, AuditWebhook, SyslogTransport};
pub use batches::Batches;
pub use clouds::{Aws, AwsEndpoints, Azure, AzureEndpoints, Gcp, GcpEndpoints};
pub use fairness::Fairness;
pub use git::{Git, GitCredential, GitSsh};
pub use identity::{CliSettings, Environment, Guest, GuestRole, Identity, SessionSettings};
pub use integrations::Integrations;
pub use limits::Limits;
pub use notifications::{Notifications, Smtp, SmtpTls};
pub use oidc::{CALLBACK, GroupGrant, Oidc, OidcConfigError, address, is_loopback, redirect_url};
pub use sandbox::{Pull, PullPolicy, Registry, Runtime, Sandbox};
pub use scheduler::Scheduler;
pub use secret_source::{HeldSecret, SecretSource};
pub use secrets::{AppRole, SecretKey, Secrets, Vault};
pub use tls::{DatabaseTls, DatabaseTlsMode, RedisTls, ServerTls};
pub use traces::Traces;
pub use webhooks::Webhooks;
pub use worker::{EngineKind, Worker};

/// All settings. Unknown keys are refused, with their path.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Marks this installation's containers, volumes and networks; two installations on one engine differ here.
    pub instance: Instance,
    /// What this installation is for.
    pub environment: Environment,
    /// Postgres, the truth.
    pub database: Database,
    /// Redis, the doorbell.
    pub redis: Redis,
    /// The HTTP service.
    pub api: Api,
    /// Who may log in, and for how long.
    pub identity: Identity,
    /// Who may do what.
    pub access: Access,
    /// The scheduler.
    pub scheduler: Scheduler,
    /// Who goes first.
    pub fairness: Fairness,
    /// One operation on very many resources.
    pub batches: Batches,
    /// The worker.
    pub worker: Worker,
    /// Where workspaces and finished logs are kept.
    pub archive: Archive,
    /// What this instance allows containers beyond the restricted profile.
    pub sandbox: Sandbox,
    /// Providers that come from Git.
    pub git: Git,
    /// The keys that secrets are sealed with, and where else secrets come from.
    pub secrets: Secrets,
    /// Where credentials for other systems may be tried.
    pub integrations: Integrations,
    /// How much one caller may ask for.
    pub limits: Limits,
    /// Settings and secrets of each provider, by its name.
    pub providers: BTreeMap<String, ProviderSettings>,
    /// The record of changes.
    pub audit: Audit,
    /// Announcements of events to others.
    pub webhooks: Webhooks,
    /// What people and teams are told of.
    pub notifications: Notifications,
    /// Where spans are sent.
    pub traces: Traces,
    /// Logging.
    pub log: Log,
}

/// The name of this installation. Lower-case letters, digits and `-`, at most 32.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instance(pub String);

impl Default for Instance {
    fn default() -> Self {
        Self("slipway".into())
    }
}

/// Postgres.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// `postgres://user@host:port/database`: a login that is a member of the program's own role (`slipway_api`,
    /// `slipway_scheduler` or `slipway_worker`), or the owner of the database.
    pub url: String,
    /// As whom the api brings the schema up to date: the owner of the database. None: as `url` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration_url: Option<String>,
    /// Connections of one process.
    pub max_connections: u32,
    /// Milliseconds after which Postgres gives up a statement.
    pub statement_timeout_ms: u32,
    /// Milliseconds after which Postgres gives up waiting for a lock.
    pub lock_timeout_ms: u32,
    /// TLS. None: as the URL says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<DatabaseTls>,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: "postgres://slipway@127.0.0.1:5432/slipway".into(),
            migration_url: None,
            max_connections: 10,
            statement_timeout_ms: 15_000,
            lock_timeout_ms: 5_000,
            tls: None,
        }
    }
}

/// Redis.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Redis {
    /// `redis://host:port/0`; `rediss://` with TLS.
    pub url: String,
    /// In front of every key and channel, so that installations can share a server.
    pub prefix: String,
    /// Whom to trust, and what to show, where the URL is `rediss://`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<RedisTls>,
}

impl Default for Redis {
    fn default() -> Self {
        Self { url: "redis://127.0.0.1:6379/0".into(), prefix: "slipway".into(), tls: None }
    }
}

/// Where workspaces and finished logs are kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Archive {
    /// `file:///folder` (one host only), `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix`.
    pub url: String,
}

impl Default for Archive {
    fn default() -> Self {
        Self { url: "file:///var/lib/slipway/archive".into() }
    }
}

/// What a provider's workflows are given by this instance.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderSettings {
    /// Plain values, `.settings.x` in templates.
    pub settings: Map<String, Value>,
    /// Secrets, given to the steps that list them as files.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Names for addresses its steps may reach: name → `host:port`. A step connects to `name:port`.
    pub egress: BTreeMap<String, String>,
    /// When what it made is looked at for drift: five fields of cron (six: with seconds before them), in UTC, as `0 */6 * * *`. None: only when asked.
    pub drift_check: Option<String>,
}

/// Logging.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `json` for machines, `text` for people.
    pub format: LogFormat,
    /// As `RUST_LOG` takes it.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".into() }
    }
}

/// Form of the log lines on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a terminal.
    Text,
}

/// The configuration could not be read.
#[derive(Debug, thiserror::Error)]
#[error("configuration: {0}")]
pub struct ConfigError(#[from] config::ConfigError);

impl Config {
    /// Reads `path` (or, without one, the file that `SLIPWAY_CONFIG` names, or nothing), then the environment.
    ///
    /// # Errors
    /// When the file cannot be read, is not YAML, or holds an unknown key or a value of the wrong type.
    pub fn load(path: Option<&std::path::Path>) -> Result<Self, ConfigError> {
        let named = std::env::var_os("SLIPWAY_CONFIG").map(PathBuf::from);
        let mut builder = config::Config::builder();
        if let Some(path) = path.map(PathBuf::from).or(named) {
            builder = builder.add_source(config::File::from(path).format(config::FileFormat::Yaml));
        }
        let environment =
            config::Environment::with_prefix("SLIPWAY").prefix_separator("__").separator("__").try_parsing(true);
        Ok(builder.add_source(environment).build()?.try_deserialize()?)
    }
}
