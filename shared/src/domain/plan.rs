//! The snapshot that a run executes: what the workflow, its provider and its step types were when the run was made.
//!
//! A plan is stored in `run.plan` and is all that a worker needs. Strings in `config`, `env` and outputs may hold
//! Go templates over `.parameters`, `.steps`, `.settings`; the worker renders them, in a child process under limits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The definition of one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// In the order of the file.
    pub steps: Vec<PlannedStep>,
    /// The workflow's parameters, as `formats` writes them: inputs that are complete only later are checked against these.
    #[serde(default)]
    pub parameters: Vec<Value>,
    /// What the run gives back when it completes, by name.
    #[serde(default)]
    pub outputs: BTreeMap<String, PlannedOutput>,
    /// Values that the provider's settings in the instance's configuration give its workflows; no secrets.
    #[serde(default)]
    pub settings: Map<String, Value>,
    /// Steps that may run at once.
    #[serde(default = "default_parallel")]
    pub max_parallel: u16,
    /// Seconds the run may take from its first claim.
    #[serde(default = "default_run_timeout")]
    pub timeout_s: u32,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Unique in its plan.
    pub name: String,
    /// The step type as it was when the run was made.
    pub step_type: StepType,
    /// As written; fits the step type's schema once rendered.
    #[serde(default)]
    pub config: Map<String, Value>,
    /// Names of steps that must be over before this one begins. Complete: includes what order in the file implies.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Added to the step type's environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// How often and when it is tried again.
    #[serde(default)]
    pub retry: Retry,
    /// Seconds one attempt may take.
    #[serde(default = "default_step_timeout")]
    pub timeout_s: u32,
    /// Files of the provider that the step works on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Bundle>,
    /// Secrets of the provider that reach the step as files, by the name in its settings.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Names of outputs to mask and to mark sensitive.
    #[serde(default)]
    pub sensitive: Vec<String>,
    /// Addresses the step may reach, `host:port`; only with network mode `egress`.
    #[serde(default)]
    pub egress: Vec<String>,
}

/// A value the run gives back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedOutput {
    /// Any value; its strings are templates.
    pub value: Value,
    /// Masked wherever it is shown.
    #[serde(default)]
    pub sensitive: bool,
}

/// Files of a provider, stored once by digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// SHA-256 of the tar archive, in hex.
    pub digest: String,
}

/// How often a step is tried and how long is waited in between.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Tries in all, the first one too. At least 1.
    pub attempts: u16,
    /// Seconds before the second try; doubled each time.
    pub backoff_s: f64,
    /// The longest wait, in seconds.
    pub max_backoff_s: f64,
    /// Exit codes worth another try; empty means any.
    pub exit_codes: Vec<i64>,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 1, backoff_s: 1.0, max_backoff_s: 300.0, exit_codes: Vec::new() }
    }
}

/// What `type: terraform` means: an image, a config schema, a command, how outputs are read, what it may do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepType {
    /// As in a workflow's `type:`.
    pub name: String,
    /// Semantic version of the manifest.
    pub version: String,
    /// Image, or a template over `.config` that gives one.
    pub image: String,
    /// The program and its arguments. Strings are templates over `.config`; an element that is just
    /// `{{.config.x}}` with a list in `x` is replaced by that list's elements.
    pub command: Vec<Value>,
    /// Files put into the container's memory before it starts, under `/run/slipway/files`.
    #[serde(default)]
    pub files: Vec<StepTypeFile>,
    /// Environment; values are templates over `.config`.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// JSON Schema of `config`.
    #[serde(default)]
    pub config_schema: Value,
    /// Seconds between SIGTERM and SIGKILL.
    #[serde(default = "default_grace")]
    pub grace_s: u32,
    /// What its container may do beyond the restricted profile.
    #[serde(default)]
    pub privileges: Privileges,
    /// Whether it sees and changes the run's shared workspace.
    #[serde(default)]
    pub workspace: Workspace,
    /// State that the step keeps from run to run of one resource, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<KeptState>,
}

/// One file that a step type puts before its command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepTypeFile {
    /// A plain name; the file is `/run/slipway/files/<name>`.
    pub name: String,
    /// Template over `.config`.
    pub content: String,
    /// Whether it may be executed.
    #[serde(default)]
    pub executable: bool,
}

/// State that outlives a run: kept per resource in Postgres, versioned, locked and fenced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptState {
    /// Where the file is, under the workspace.
    pub path: String,
}

/// Whether a step works on the files of the steps before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Workspace {
    /// `/workspace` is the run's.
    #[default]
    Shared,
    /// `/workspace` is the step's own and is not kept.
    None,
}

/// What a container may do beyond the restricted profile. A closed list: there is no way to ask for more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Privileges {
    /// Whom it may talk to.
    pub network: NetworkMode,
    /// Whether it may write outside `/workspace`, `/tmp` and `/run/slipway`.
    pub writable_root: bool,
    /// MiB of memory; 0 means the instance's default.
    pub memory_mib: u32,
    /// Thousandths of a processor; 0 means the instance's default.
    pub cpu_millis: u32,
}

/// Whom a container may talk to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkMode {
    /// Nobody; not even a loopback neighbour.
    #[default]
    None,
    /// The other steps of its run that are up, and nothing else.
    Internal,
    /// A list of `host:port` and nothing else.
    Egress,
}

const fn default_parallel() -> u16 {
    8
}
const fn default_run_timeout() -> u32 {
    4 * 3600
}
const fn default_step_timeout() -> u32 {
    3600
}
const fn default_grace() -> u32 {
    10
}
