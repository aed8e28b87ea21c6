//! The configuration of every binary: one YAML file, overridden by `SLIPWAY__SECTION__KEY` variables.
//!
//! Secrets are named by file or variable, never written here.

mod access;
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
mod secrets;
mod tls;
mod traces;
mod webhooks;

use std::{collections::BTreeMap, path::PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use access::Access;
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
pub use secrets::{AppRole, SecretKey, Secrets, Vault};
pub use tls::{DatabaseTls, DatabaseTlsMode, RedisTls, ServerTls};
pub use traces::Traces;
pub use webhooks::Webhooks;

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

/// The HTTP service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Api {
    /// Address and port to listen on.
    pub listen: String,
    /// Bytes a request body may have.
    pub max_body_bytes: usize,
    /// Seconds a request may take (streams excepted).
    pub request_timeout_s: u64,
    /// The address that browsers reach it by, as `https://slipway.example.com`. None: the one that each request was sent to.
    pub public_url: Option<String>,
    /// Networks (`10.1.0.0/16`) of the proxies in front of it, whose `X-Forwarded-For` is believed. All others' is not read.
    pub trusted_proxies: Vec<IpNet>,
    /// TLS at `listen`. None: plain HTTP, for a proxy that ends TLS in front of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ServerTls>,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".into(),
            max_body_bytes: 1024 * 1024,
            request_timeout_s: 30,
            public_url: None,
            trusted_proxies: Vec::new(),
            tls: None,
        }
    }
}

/// The scheduler.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scheduler {
    /// Folders that hold providers, each in a folder of its own.
    pub providers: Vec<PathBuf>,
    /// Milliseconds between passes when no NOTIFY comes.
    pub period_ms: u64,
    /// Seconds after which a ticket that nobody claimed is sent again.
    pub requeue_after_s: u32,
    /// Times a run may be lost with its worker before it is failed as poison.
    pub max_losses: u16,
    /// Seconds without a heartbeat after which a worker counts as gone.
    pub worker_gone_after_s: u32,
    /// Days that finished runs, events and logs are kept.
    pub retention_days: u32,
    /// Days that the lines of a log stay in Postgres once it is in the archive, from where it is shown then: `archive.url` must
    /// lead apis and workers to the same place. None: as long as the run.
    pub log_rows_days: Option<u32>,
    /// Address for `/metrics`, `/livez` and `/readyz`; none: not served.
    pub metrics_listen: Option<String>,
    /// TLS at `metrics_listen`. None: plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_tls: Option<ServerTls>,
}

impl Default for Scheduler {
    fn default() -> Self {
        Self {
            providers: vec!["providers".into()],
            period_ms: 1_000,
            requeue_after_s: 30,
            max_losses: 5,
            worker_gone_after_s: 30,
            retention_days: 90,
            log_rows_days: None,
            metrics_listen: None,
            metrics_tls: None,
        }
    }
}

/// The worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Worker {
    /// Shown to people; the host's name when empty.
    pub name: String,
    /// Queues it serves.
    pub queues: Vec<String>,
    /// Shown with it, for people and programs to tell workers apart: `zone: a`. They choose no runs: queues do.
    pub labels: BTreeMap<String, String>,
    /// Runs it drives at once.
    pub slots: u32,
    /// Seconds a lease lasts without renewal. Renewed at a third; at two thirds the worker stops its own containers.
    pub lease_ttl_s: u32,
    /// Seconds that SIGTERM gives running work before it is handed back.
    pub drain_s: u32,
    /// What runs containers.
    pub engine: EngineKind,
    /// The Docker engine's socket.
    pub docker_socket: String,
    /// Bytes of log one attempt may write, each line counted with 64 more; of what comes after, the end is kept and the rest counted.
    pub max_log_bytes: u64,
    /// Bytes a step's workspace may take on disk while the step runs, and a run's may have when it is checkpointed.
    pub max_workspace_bytes: u64,
    /// Seconds a step's wait must reach for the run to give its slot back meanwhile.
    pub suspend_backoff_over_s: u32,
    /// Megabytes that must be free on the engine's disk for a new run to be claimed.
    pub min_free_disk_mib: u64,
    /// Address for `/metrics`, `/livez` and `/readyz`; none: not served.
    pub metrics_listen: Option<String>,
    /// TLS at `metrics_listen`. None: plain HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_tls: Option<ServerTls>,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            name: String::new(),
            queues: vec!["default".into()],
            labels: BTreeMap::new(),
            slots: 4,
            lease_ttl_s: 30,
            drain_s: 60,
            engine: EngineKind::Docker,
            docker_socket: "/var/run/docker.sock".into(),
            max_log_bytes: 16 * 1024 * 1024,
            max_workspace_bytes: 512 * 1024 * 1024,
            suspend_backoff_over_s: 30,
            min_free_disk_mib: 1024,
            metrics_listen: None,
            metrics_tls: None,
        }
    }
}

/// What runs containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineKind {
    /// A Docker engine, through its API.
    Docker,
    /// No containers: steps do what their config scripts. For tests and benchmarks that count runs by the hundred.
    Scripted,
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

/// Where a secret is read from, each time it is needed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// A file; a final newline is dropped.
    File(PathBuf),
    /// An environment variable of the process that needs it.
    Env(String),
    /// `MOUNT/PATH#KEY` in the Vault that `secrets.vault` names (a KV engine, version 2).
    Vault(String),
    /// `NAME`, or `NAME#FIELD` of a secret that is JSON, in AWS Secrets Manager; a name or an ARN.
    Aws(String),
    /// `NAME`, `NAME/versions/VERSION`, both with `#FIELD` or `projects/PROJECT/secrets/` before them, in Google's Secret Manager.
    Gcp(String),
    /// `NAME`, `NAME/VERSION`, both with `#FIELD`, in Azure's Key Vault.
    Azure(String),
    /// Held in memory by whoever has opened it. No configuration can say so.
    #[serde(skip)]
    Held(HeldSecret),
}

/// A secret in memory, wiped when it is dropped. It never shows itself.
#[derive(Clone)]
pub struct HeldSecret(pub zeroize::Zeroizing<String>);

impl std::fmt::Debug for HeldSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl SecretSource {
    /// Whether it is read without asking anybody.
    #[must_use]
    pub fn is_local(&self) -> bool {
        matches!(self, Self::File(_) | Self::Env(_) | Self::Held(_))
    }

    /// The secret as it is now; an empty one is none. What is in Vault or a cloud is read by `secrets::Sources`.
    ///
    /// # Errors
    /// When the file or the variable cannot be read, which the text names, or is empty, or it is not [local](Self::is_local).
    pub fn read(&self) -> Result<String, String> {
        let (secret, place) = match self {
            Self::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
                let text = text.strip_suffix('\n').unwrap_or(&text);
                (text.strip_suffix('\r').unwrap_or(text).to_owned(), path.display().to_string())
            }
            Self::Env(name) => {
                let text = std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"))?;
                (text, format!("the environment variable {name}"))
            }
            Self::Held(HeldSecret(text)) => (text.to_string(), "the stored secret".to_owned()),
            Self::Vault(reference) | Self::Aws(reference) | Self::Gcp(reference) | Self::Azure(reference) => {
                return Err(format!(
                    "this secret cannot be read from where others keep it ({reference}): name a file or a variable"
                ));
            }
        };
        if secret.is_empty() { Err(format!("{place} is empty")) } else { Ok(secret) }
    }
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
