//! The snapshot that a run executes: what the workflow, its provider and its step types were when the run was made.
//!
//! A plan is stored in `run.plan` and is all that a worker needs. Strings in `config`, `env` and outputs may hold
//! Go templates over `.parameters`, `.steps`, `.variables`, `.settings`, `.run`; the worker renders them, in a child process under limits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::service::Service;

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
    /// What `.variables` holds before any step has set one: templates over `.parameters`, `.settings` and `.run`, rendered
    /// when the run begins.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Value>,
    /// Steps that may run at once.
    #[serde(default = "default_parallel")]
    pub max_parallel: u16,
    /// Seconds the run may take from its first claim.
    #[serde(default = "default_run_timeout")]
    pub timeout_s: u32,
    /// Runs of one group go one at a time, over all workflows that name it: a template over `.parameters` and
    /// `.settings`, filled in when the run's inputs are complete. None: the run is in no group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_group: Option<String>,
    /// What runs beside the steps that use it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Service>,
}

/// One step of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
    /// What must have become of the steps before it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub when: When,
    /// A CEL expression over `parameters`, `steps`, `variables`, `settings`, `run` and (in a loop) `item`; false: the step is
    /// skipped. `steps.<name>` has `status` and the booleans `success`, `failed`, `skipped`, and `output`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Runs once for each element: a list, or a template that gives one. The element is `.item`, its number (from 0) `.index`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<Value>,
    /// Its failure does not fail the run; steps after it see `failed`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub continue_on_error: bool,
    /// It runs after all steps that are not `finally`, whatever became of them, after a cancel too.
    #[serde(default, skip_serializing_if = "is_default")]
    pub finally: bool,
    /// A file below the workspace that holds its outputs too: JSON, or lines of `key=value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_file: Option<String>,
    /// Outputs it makes of what its container gave back: templates that see it as `.output`. They are added to those.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Value>,
    /// Values for the steps after it, as `.variables.<name>`: templates that see what it gave back as `.output`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set_variables: BTreeMap<String, Value>,
    /// Services of the plan that must be ready before it begins. With one of them it is in the network of its run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
}

/// What must have become of the steps before a step for it to begin; else it is skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Those it depends on completed (or may fail, or were skipped by their own condition).
    #[default]
    OnSuccess,
    /// Those it depends on are over, however.
    Always,
    /// Some step of the run failed.
    OnFailure,
    /// As `OnSuccess`, and a person said that it may.
    Manual,
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
    /// What carries it out.
    #[serde(default, skip_serializing_if = "is_default")]
    pub runs: Runs,
    /// Image, or a template over `.config` that gives one. Empty when it runs in no container.
    #[serde(default)]
    pub image: String,
    /// The program and its arguments. Strings are templates over `.config`; an element that is just
    /// `{{.config.x}}` with a list in `x` is replaced by that list's elements.
    #[serde(default)]
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

/// What carries a step out. All but a container are Slipway's own, hold no slot, and wait in Postgres.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Runs {
    /// A container of `image`.
    #[default]
    Container,
    /// A person decides. Config: `message`, `roles`, `teams`, `timeout` (a duration), `onTimeout` (`reject` or `approve`).
    Approval,
    /// Time passes. Config: `duration`, or `until` (RFC 3339).
    Wait,
    /// Another workflow runs as a child run. Config: `workflow`, `provider` (the run's own by default), `inputs`.
    Workflow,
    /// A Score file is submitted, and its resources are waited for. Config: `score` (an object or YAML text), `team`,
    /// `ttl` (a duration), `operation` (`create` or `delete`; a delete takes `application`).
    ResourceProvisioning,
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

/// One thing beyond the restricted profile. A step type's manifest asks for it, and the instance must allow it as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relaxation {
    /// To talk to the other steps of its run.
    InternalNetwork,
    /// To talk to addresses that are listed one by one.
    Egress,
    /// To write outside `/workspace`, `/tmp` and `/run/slipway`.
    WritableRoot,
    /// So many MiB of memory.
    Memory(u32),
    /// So many thousandths of a processor.
    Cpu(u32),
}

impl Privileges {
    /// What is asked for, one by one. Whoever adds a privilege names it here: it is taken apart whole.
    #[must_use]
    pub fn relaxations(self) -> Vec<Relaxation> {
        let Self { network, writable_root, memory_mib, cpu_millis } = self;
        let network = match network {
            NetworkMode::None => None,
            NetworkMode::Internal => Some(Relaxation::InternalNetwork),
            NetworkMode::Egress => Some(Relaxation::Egress),
        };
        let root = writable_root.then_some(Relaxation::WritableRoot);
        let memory = (memory_mib > 0).then_some(Relaxation::Memory(memory_mib));
        let cpu = (cpu_millis > 0).then_some(Relaxation::Cpu(cpu_millis));
        [network, root, memory, cpu].into_iter().flatten().collect()
    }
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

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
