//! From a workflow and what is installed to a plan that a worker can execute.

use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value};

use super::{
    super::{
        folder::Folder,
        parameter::Parameter,
        problem::{did_you_mean, nearest},
        provider::{Category, Choices},
        workflow::{Step, Workflow},
    },
    Moved, ProviderRecord, Registry, Settings, WorkflowRecord,
};
use crate::domain::{
    plan::{Bundle, NetworkMode, Plan, PlannedStep, Runs, StepType},
    run::Operation,
    service::Service,
};

/// A workflow chosen for an operation, ready to become a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The provider's name.
    pub provider: String,
    /// Its version.
    pub provider_version: String,
    /// The commit its files are of, when they come from version control.
    pub provider_commit: Option<String>,
    /// The workflow's name.
    pub workflow: String,
    /// What the run takes.
    pub parameters: Vec<Parameter>,
    /// What the run executes.
    pub plan: Plan,
    /// Which version of the provider this one takes the place of, when that is not loaded any more.
    pub moved: Option<Moved>,
}

/// Why there is no plan. The text is for the people who asked for the resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// No provider serves the type.
    UnknownType {
        /// The type.
        kind: String,
        /// Types that look like it, best first.
        nearest: Vec<String>,
    },
    /// The provider cannot do this operation on the type.
    NoWorkflow {
        /// The provider's name.
        provider: String,
        /// Its version.
        version: String,
        /// The type.
        kind: String,
        /// What was asked.
        operation: Operation,
    },
    /// The resource asks for a workflow by a name that its provider has none of, or that does not serve the operation.
    UnknownWorkflow {
        /// The name.
        workflow: String,
        /// The provider's name.
        provider: String,
        /// What was asked.
        operation: Operation,
        /// Names that look like it, best first; none when the workflow serves something else.
        nearest: Vec<String>,
        /// Names of those that serve the operation.
        serving: Vec<String>,
    },
    /// The workflow cannot run on this instance.
    Unavailable {
        /// The workflow's name.
        workflow: String,
        /// What is missing.
        reason: String,
    },
    /// The provider is not loaded in a version that may do it.
    NoVersion {
        /// The provider's name.
        provider: String,
        /// The version or range that is needed, and why.
        wanted: String,
        /// The versions there are, best first.
        loaded: Vec<String>,
    },
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownType { kind, nearest } => {
                write!(f, "no provider serves the resource type '{kind}'{}", did_you_mean(nearest))
            }
            Self::NoWorkflow { provider, version, kind, operation } => {
                write!(f, "the provider {provider}@{version} has no workflow to {operation} a '{kind}'")
            }
            Self::UnknownWorkflow { workflow, provider, operation, nearest, serving } => {
                let list = if serving.is_empty() { "none does".to_owned() } else { serving.join(", ") };
                let hint = did_you_mean(nearest);
                write!(
                    f,
                    "the provider {provider} has no workflow '{workflow}' to {operation} it by{hint}; those that do: {list}"
                )
            }
            Self::NoVersion { provider, wanted, loaded } if loaded.is_empty() => {
                write!(f, "the provider {provider} is not loaded; needed is {wanted}")
            }
            Self::NoVersion { provider, wanted, loaded } => write!(
                f,
                "the provider {provider} is loaded as {}; needed is {wanted}: load that version, or pin another by the annotation '{}'",
                loaded.join(", "),
                super::PINS_ANNOTATION
            ),
            Self::Unavailable { workflow, reason } => write!(f, "the workflow '{workflow}' cannot run here: {reason}"),
        }
    }
}

impl std::error::Error for PlanError {}

impl Registry {
    /// The workflow for an operation on a resource of a type, chosen by `tags` where there are several.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn plan(&self, resource_type: &str, operation: Operation, tags: &[String]) -> Result<Planned, PlanError> {
        self.plan_by(resource_type, operation, tags, None)
    }

    /// As [`Registry::plan`], by the workflow of this name when there is one. A workflow that serves other operations of the
    /// type leaves this one to the tags: the name is of one workflow, and a resource has a whole life.
    ///
    /// # Errors
    /// See [`PlanError`].
    pub fn plan_by(
        &self,
        resource_type: &str,
        operation: Operation,
        tags: &[String],
        workflow: Option<&str>,
    ) -> Result<Planned, PlanError> {
        self.plan_among(&self.types, resource_type, operation, tags, workflow)
    }

    /// As [`Registry::plan_by`], with other providers serving the types.
    pub(super) fn plan_among(
        &self,
        types: &BTreeMap<String, (usize, String)>,
        resource_type: &str,
        operation: Operation,
        tags: &[String],
        workflow: Option<&str>,
    ) -> Result<Planned, PlanError> {
        let Some((index, kind)) = types.get(resource_type) else {
            return Err(PlanError::UnknownType {
                kind: resource_type.to_owned(),
                nearest: nearest(resource_type, types.keys().map(String::as_str)),
            });
        };
        let record = &self.providers[*index];
        let none = || PlanError::NoWorkflow {
            provider: record.name.clone(),
            version: record.version.clone(),
            kind: resource_type.to_owned(),
            operation,
        };
        let operations = record.capabilities.get(kind).map(|capability| &capability.operations);
        let choices = operations.and_then(|operations| operations.get(&operation));
        let chosen = match workflow {
            Some(workflow) => named(record, operations, operation, workflow)?,
            None => None,
        };
        let available = |name: &str| {
            record.workflows.iter().any(|workflow| workflow.name == name && workflow.unavailable.is_none())
        };
        let by_tags = || choices.and_then(|choices| choices.choose_available(tags, &available));
        let name = chosen.or_else(by_tags).ok_or_else(none)?;
        let workflow = record.workflows.iter().find(|workflow| workflow.name == name).ok_or_else(none)?;
        if let Some(reason) = &workflow.unavailable {
            return Err(PlanError::Unavailable { workflow: workflow.name.clone(), reason: reason.clone() });
        }
        Ok(Planned {
            provider: record.name.clone(),
            provider_version: record.version.clone(),
            provider_commit: record.commit.clone(),
            workflow: workflow.name.clone(),
            parameters: workflow.parameters.clone(),
            plan: workflow.plan.clone(),
            moved: None,
        })
    }
}

/// The workflow that a resource names, if it serves this operation; none if it serves another one of the type.
fn named<'a>(
    record: &'a ProviderRecord,
    operations: Option<&'a BTreeMap<Operation, Choices>>,
    operation: Operation,
    name: &str,
) -> Result<Option<&'a str>, PlanError> {
    let lists = |choices: &'a Choices| choices.workflows.iter().map(|choice| choice.name.as_str());
    let listed = |operation: Operation| operations.and_then(|all| all.get(&operation)).into_iter().flat_map(lists);
    if let Some(found) = listed(operation).find(|found| *found == name) {
        return Ok(Some(found));
    }
    // One that the type does not list may be asked for by its name when its own entry says that it does this.
    let serves = |it: &&WorkflowRecord| it.category == Category::Provisioner && it.operation == Some(operation);
    if let Some(found) = record.workflows.iter().filter(serves).find(|found| found.name == name) {
        return Ok(Some(&found.name));
    }
    if operations.is_some_and(|all| all.values().flat_map(lists).any(|found| found == name)) {
        return Ok(None);
    }
    let own = record.workflows.iter().filter(|it| it.category == Category::Provisioner).map(|it| it.name.as_str());
    Err(PlanError::UnknownWorkflow {
        workflow: name.to_owned(),
        provider: record.name.clone(),
        operation,
        nearest: nearest(name, own),
        serving: listed(operation).map(str::to_owned).collect(),
    })
}

/// What a workflow is planned with.
#[derive(Debug)]
pub(super) struct Around<'a> {
    pub(super) provider: &'a str,
    pub(super) folder: &'a Folder,
    pub(super) settings: &'a Settings,
    pub(super) step_types: &'a BTreeMap<String, StepType>,
    /// Hex of the digest of the provider's files.
    pub(super) bundle: Option<String>,
}

/// The plan of a workflow, and why it cannot run on this instance, if so.
pub(super) fn plan(workflow: &Workflow, around: &Around<'_>) -> (Plan, Option<String>) {
    let mut reasons = workflow.unsupported.clone();
    let mut plan = Plan {
        steps: Vec::new(),
        // A parameter came from JSON-like text and goes back to it.
        parameters: workflow.parameters.iter().filter_map(|parameter| serde_json::to_value(parameter).ok()).collect(),
        outputs: workflow.outputs.clone(),
        settings: around.settings.settings.clone(),
        variables: workflow.variables.clone(),
        max_parallel: workflow.max_parallel.unwrap_or(8),
        timeout_s: workflow.timeout_s.unwrap_or(4 * 3600),
        concurrency_group: workflow.concurrency_group.clone(),
        services: workflow.services.clone(),
    };
    for step in &workflow.steps {
        match around.step_types.get(&step.kind) {
            Some(step_type) => {
                missing(step, step_type, around, &mut reasons);
                plan.steps.push(PlannedStep {
                    services: services_of(step, step_type, &workflow.services),
                    ..planned_step(step, step_type, around)
                });
            }
            None => {
                let hint = did_you_mean(&nearest(&step.kind, around.step_types.keys().map(String::as_str)));
                reasons.push(format!("step '{}': the step type '{}' is not installed{hint}", step.name, step.kind));
            }
        }
    }
    if plan.steps.len() < workflow.steps.len() {
        plan.steps.clear();
    }
    plan.services.retain(|service| plan.steps.iter().any(|step| step.services.contains(&service.name)));
    for service in &plan.services {
        for name in service.secrets.iter().filter(|name| !around.settings.secrets.contains(*name)) {
            reasons.push(format!(
                "service '{}' needs the secret '{name}', which providers.{}.secrets does not have",
                service.name, around.provider
            ));
        }
    }
    (plan, (!reasons.is_empty()).then(|| reasons.join("; ")))
}

fn planned_step(step: &Step, step_type: &StepType, around: &Around<'_>) -> PlannedStep {
    let bundle = around.bundle.clone().filter(|_| needs_files(step, around.folder));
    PlannedStep {
        name: step.name.clone(),
        step_type: step_type.clone(),
        config: step.config.clone(),
        depends_on: step.depends_on.clone(),
        env: step.env.clone(),
        retry: step.retry.clone(),
        timeout_s: step.timeout_s.unwrap_or(3600),
        bundle: bundle.map(|digest| Bundle { digest }),
        secrets: step.secrets.clone(),
        sensitive: step.sensitive.clone(),
        egress: step.egress.clone(),
        when: step.when,
        condition: step.condition.clone(),
        for_each: step.for_each.clone(),
        continue_on_error: step.continue_on_error,
        finally: step.finally,
        output_file: step.output_file.clone(),
        outputs: step.outputs.clone(),
        set_variables: step.set_variables.clone(),
        services: Vec::new(),
    }
}

/// The services a step uses: those it names, else all of its workflow. One that reaches out is in another network.
fn services_of(step: &Step, step_type: &StepType, all: &[Service]) -> Vec<String> {
    match &step.services {
        _ if step_type.runs != Runs::Container => Vec::new(),
        Some(named) => named.clone(),
        None if step.egress.is_empty() => all.iter().map(|service| service.name.clone()).collect(),
        None => Vec::new(),
    }
}

/// Whether a step works on files of its provider: something in its configuration is the path of one, or it names the
/// bundle.
pub(super) fn needs_files(step: &Step, folder: &Folder) -> bool {
    step.config.values().any(|value| names_file(value, folder))
        || step.env.values().any(|text| text.contains("SLIPWAY_BUNDLE"))
        || step.config.values().any(names_bundle)
}

/// Longer texts are no paths.
const LONGEST_PATH: usize = 1024;

fn names_file(value: &Value, folder: &Folder) -> bool {
    match value {
        Value::String(path) => {
            // A template decides the end of the path at run time; what stands before it is looked for.
            let fixed = match path.split_once("{{") {
                Some((before, _)) => before.rsplit_once('/').map_or("", |(folder, _)| folder),
                None => path,
            };
            !fixed.is_empty() && fixed.len() <= LONGEST_PATH && !fixed.contains('\n') && folder.has(fixed)
        }
        Value::Array(items) => items.iter().any(|item| names_file(item, folder)),
        Value::Object(map) => map.values().any(|item| names_file(item, folder)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn names_bundle(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("SLIPWAY_BUNDLE"),
        Value::Array(items) => items.iter().any(names_bundle),
        Value::Object(map) => map.values().any(names_bundle),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// What the instance or the step lacks.
fn missing(step: &Step, step_type: &StepType, around: &Around<'_>, reasons: &mut Vec<String>) {
    let mut lacks = |message: String| reasons.push(format!("step '{}' {message}", step.name));
    for name in &step.secrets {
        if !around.settings.secrets.contains(name) {
            lacks(format!("needs the secret '{name}', which providers.{}.secrets does not have", around.provider));
        }
    }
    for name in &step.egress {
        // A full address is for the instance's sandbox to allow, and is looked at when the step starts.
        if !name.contains(':') && !around.settings.egress.contains_key(name) {
            lacks(format!("needs the address '{name}', which providers.{}.egress does not have", around.provider));
        }
    }
    if !step.egress.is_empty() && step_type.privileges.network != NetworkMode::Egress {
        lacks(format!("lists addresses, but its step type '{}' has no network mode 'egress'", step.kind));
    }
    if step_type.runs != Runs::Container && step.services.as_ref().is_some_and(|named| !named.is_empty()) {
        lacks(format!("uses services, but its step type '{}' runs in no container", step.kind));
    }
    config_problems(&step.config, &step_type.config_schema, &mut lacks);
}

/// Compares a step's config with its step type's schema as far as that can be done before templates are rendered.
fn config_problems(config: &Map<String, Value>, schema: &Value, lacks: &mut dyn FnMut(String)) {
    use jsonschema::error::ValidationErrorKind as Kind;
    let Ok(validator) = jsonschema::validator_for(schema) else { return };
    let config = Value::Object(config.clone());
    for error in validator.iter_errors(&config).take(10) {
        let about_keys = matches!(error.kind(), Kind::Required { .. } | Kind::AdditionalProperties { .. });
        if about_keys || !has_template(error.instance()) {
            let path = error.instance_path().to_string();
            lacks(format!(
                "does not fit its step type: {error}{}",
                if path.is_empty() { path } else { format!(" (at config{path})") }
            ));
        }
    }
}

fn has_template(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("{{"),
        Value::Array(items) => items.iter().any(has_template),
        Value::Object(map) => map.values().any(has_template),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
