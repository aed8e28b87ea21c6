//! Workflow definitions, in five forms, read into one.
//!
//! - `slipway.dev/v1`: our own, which has all that the others have and more
//! - `innominatus.io/v1alpha1`: flat, with Go templates
//! - `workflow.dev/v1`: wrapped in `spec`, with `${…}`
//! - `orchestrator.innominatus.dev/v1`: the same, often several in a file
//! - steps without an `apiVersion`, as the flat one
//!
//! What the older ones write is translated while it is read: `${…}` into Go templates, conditions into CEL.

mod checks;
mod dialect;
#[cfg(test)]
mod dialect_tests;
mod names;
mod order;
mod outline;
mod service;
mod step;
#[cfg(test)]
mod tests;
mod write;

use std::{cell::Cell, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use dialect::{Dialect, is_workflow};
pub use outline::{Outline, ParameterOutline, StepOutline};
pub use step::Step;
pub use write::{to_value, to_yaml};

pub use super::parameter::{Parameter, ParameterType, Unknown, check_inputs, defaults_to_render};
use super::{
    cursor::{Cursor, Document},
    duration,
    parameter::{self, Style},
    problem::{Problem, Warning, code, short},
    yaml::{self, Positions},
};
use crate::domain::{plan::PlannedOutput, service::Service};
use names::FileNames;

/// Steps a workflow may have.
pub const MAX_STEPS: usize = 200;

/// A workflow as its file says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.description`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What its runs take.
    pub parameters: Vec<Parameter>,
    /// What `.variables` holds before any step has set one; may hold templates.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Value>,
    /// In the order of the file; `depends_on` is complete.
    pub steps: Vec<Step>,
    /// What its runs give back.
    pub outputs: BTreeMap<String, PlannedOutput>,
    /// Seconds a run may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<u32>,
    /// Steps that may run at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u16>,
    /// The group of which one run goes at a time; may hold templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency_group: Option<String>,
    /// What runs beside its steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Service>,
    /// Why it cannot run anywhere, although it was understood.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsupported: Vec<String>,
}

/// Keys of a workflow beside `apiVersion`, `kind`, `metadata` and `spec`.
const KNOWN: [&str; 9] =
    ["parameters", "variables", "steps", "finally", "outputs", "timeout", "maxParallel", "concurrency", "description"];
/// Those that the older dialects do not have.
const OWN: [&str; 1] = ["services"];
/// Kinds of workflows that the older dialects also start by themselves.
const STARTED: [&str; 2] = ["PlatformWorkflow", "ProductWorkflow"];

/// What a workflow is read with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Named in problems.
    pub file: Option<&'a str>,
    /// The name it goes by: of several in a file, the one of this name is read, else the first. One of an older dialect
    /// that has no name is given it.
    pub name: Option<&'a str>,
    /// Parameters that are declared elsewhere; they win over those of the file.
    pub parameters: &'a [Parameter],
    /// Step types that there are; one of a step that is none of these but nearly so is a problem. None: not looked at.
    pub step_types: Option<&'a [&'a str]>,
}

/// One workflow of a file.
#[derive(Debug)]
pub struct Parsed {
    /// What it is written in.
    pub dialect: Dialect,
    /// Its name, as far as it has one.
    pub name: Option<String>,
    /// The workflow, or all that is wrong with it.
    pub result: Result<(Workflow, Vec<Warning>), Vec<Problem>>,
}

/// Where a step stands.
#[derive(Debug)]
struct Around<'a> {
    dialect: Dialect,
    names: &'a FileNames,
    parameters: &'a [Parameter],
    step_types: &'a [&'a str],
    /// Bytes of conditions that may still be read.
    conditions: Cell<usize>,
}

/// Bytes that the conditions of a workflow may have in all: reading them takes far longer than reading YAML.
const MAX_CONDITIONS: usize = 24 * 1024;

/// Reads the first workflow of a file; problems name `file`.
///
/// # Errors
/// All that is wrong with it, with line and column. Whether its step types are installed is not looked at.
pub fn parse(text: &str, file: Option<&str>) -> Result<(Workflow, Vec<Warning>), Vec<Problem>> {
    parse_one(text, &Options { file, ..Options::default() })
}

/// Reads one workflow of a file.
///
/// # Errors
/// All that is wrong with it, with line and column.
pub fn parse_one(text: &str, options: &Options<'_>) -> Result<(Workflow, Vec<Warning>), Vec<Problem>> {
    parse_chosen(text, options)?.result
}

/// As [`parse_one`], and says which dialect it is written in.
///
/// # Errors
/// The text is no YAML, or beyond the bounds.
pub fn parse_chosen(text: &str, options: &Options<'_>) -> Result<Parsed, Vec<Problem>> {
    let mut documents = documents(text, options.file)?;
    let named = |(document, _): &(Value, Positions)| {
        options.name.is_some() && document.pointer("/metadata/name").and_then(Value::as_str) == options.name
    };
    let workflow = |(document, _): &(Value, Positions)| is_workflow(document);
    let index =
        documents.iter().position(|one| workflow(one) && named(one)).or_else(|| documents.iter().position(workflow));
    let (document, positions) = documents.swap_remove(index.unwrap_or(0));
    Ok(parse_document(document, positions, options))
}

/// Reads every workflow of a file, in its order. Documents that are something else are left out where there is a workflow.
///
/// # Errors
/// The text is no YAML, or beyond the bounds.
pub fn parse_all(text: &str, options: &Options<'_>) -> Result<Vec<Parsed>, Vec<Problem>> {
    let mut documents = documents(text, options.file)?;
    if documents.iter().any(|(document, _)| is_workflow(document)) {
        documents.retain(|(document, _)| is_workflow(document));
    }
    Ok(documents.into_iter().map(|(document, positions)| parse_document(document, positions, options)).collect())
}

/// All documents of a text, at least one.
fn documents(text: &str, file: Option<&str>) -> Result<Vec<(Value, Positions)>, Vec<Problem>> {
    let read = yaml::parse_all(text).map_err(|problems| -> Vec<Problem> {
        problems.into_iter().map(|problem| Problem { file: file.map(str::to_owned), ..problem }).collect()
    })?;
    Ok(if read.is_empty() { vec![(Value::Null, Positions::default())] } else { read })
}

fn parse_document(mut value: Value, positions: Positions, options: &Options<'_>) -> Parsed {
    let dialect = Dialect::of(&value);
    let names = FileNames::of(&value, options.parameters);
    let translated = dialect.is_some_and(Dialect::is_older);
    let findings = if translated { names.translate(&mut value) } else { Vec::new() };
    let document = Document::new(value, positions, options.file);
    for finding in findings {
        document.report(names::FINDING, &finding.path, finding.message);
    }
    if names.exhausted() {
        document.report(code::LIMIT, "", "more references with '$' than a workflow may have");
    }
    let dialect = dialect.unwrap_or_else(|| {
        let known: Vec<&str> = Dialect::NAMED.iter().map(|dialect| dialect.api_version()).collect();
        let message = format!("'apiVersion' must be one of: {}", known.join(", "));
        document.report(code::UNSUPPORTED, "/apiVersion", message);
        Dialect::Slipway
    });
    let root = document.root();
    let name = root.value.pointer("/metadata/name").and_then(Value::as_str).or(options.name).map(str::to_owned);
    let workflow = read(&root, dialect, &names, options).unwrap_or_default();
    Parsed { dialect, name, result: document.finish(workflow) }
}

/// The keys around a workflow.
fn envelope(root: &Cursor<'_>, dialect: Dialect) {
    let Some(fields) = root.open_fields() else { return };
    let known: Vec<&str> = ["apiVersion", "kind", "metadata"].into_iter().chain(KNOWN).collect();
    if dialect.is_older() {
        let known: Vec<&str> = known.into_iter().chain(["spec", "name"]).collect();
        root.tolerant_fields(&known);
    } else {
        let known: Vec<&str> = known.into_iter().chain(OWN).collect();
        root.fields(&known);
    }
    if dialect == Dialect::Plain {
        root.warn(format!("no 'apiVersion' says which dialect this is; write '{}'", Dialect::Slipway));
    }
    if let Some(kind) = fields.get("kind") {
        let text = kind.string().unwrap_or("Workflow");
        if dialect.is_older() && STARTED.contains(&text) {
            kind.warn(format!(
                "a '{text}' is not started by deployments here; start it as a golden path or serve a type"
            ));
        } else if text != "Workflow" {
            kind.report(code::INVALID_VALUE, format!("'{}' is not one of: Workflow", short(text)));
        }
    }
}

fn read(root: &Cursor<'_>, dialect: Dialect, names: &FileNames, options: &Options<'_>) -> Option<Workflow> {
    envelope(root, dialect);
    let outer = root.open_fields()?;
    let spec = outer.get("spec").filter(|_| dialect.is_older());
    let fields = match &spec {
        Some(at) => {
            let known: Vec<&str> = KNOWN.into_iter().chain(["triggers"]).collect();
            if let Some(at) = at.open_fields().and_then(|fields| fields.get("triggers")) {
                at.warn("triggers are not followed: nothing starts this workflow by itself");
            }
            at.tolerant_fields(&known)?
        }
        None => root.open_fields()?,
    };
    // What may stand beside `spec` as well as in it.
    let either = |key: &str| fields.get(key).or_else(|| outer.get(key));
    let metadata = if dialect.is_older() { outer.get("metadata") } else { outer.need("metadata") };
    let metadata = metadata.and_then(|at| at.open_fields());
    let name = match metadata.as_ref().and_then(|metadata| metadata.get("name")) {
        Some(at) => at.text().map(str::to_owned),
        None => unnamed(root, metadata.as_ref().map(|metadata| &metadata.at), dialect, options),
    };
    let described = metadata.as_ref().and_then(|metadata| metadata.get("description"));
    let description = described.or_else(|| either("description")).and_then(|at| at.string()).map(str::to_owned);
    let style = if dialect.is_older() { Style::Older } else { Style::Strict };
    let mut parameters = either("parameters").map(|at| parameter::read_all(&at, style)).unwrap_or_default();
    parameters.retain(|own| !options.parameters.iter().any(|given| given.name == own.name));
    parameters.extend(options.parameters.iter().cloned());
    let implied = names.implied();
    for parameter in &implied {
        let message = format!("the parameter '{}' is used and not declared; it has to be given", parameter.name);
        root.warn(message);
    }
    parameters.extend(
        implied.into_iter().filter(|one| !parameters.iter().any(|own| own.name == one.name)).collect::<Vec<_>>(),
    );
    let places: Vec<Cursor<'_>> = if spec.is_some() {
        [outer.get("variables"), fields.get("variables")].into_iter().flatten().collect()
    } else {
        fields.get("variables").into_iter().collect()
    };
    let entries = places.iter().flat_map(Cursor::entries);
    let variables: BTreeMap<String, Value> = entries.map(|(name, at)| (name.to_owned(), at.value.clone())).collect();
    let around = Around {
        dialect,
        names,
        parameters: &parameters,
        step_types: options.step_types.unwrap_or_default(),
        conditions: Cell::new(MAX_CONDITIONS),
    };
    let read = steps(&fields, &around)?;
    let resolved = order::resolve(&read);
    let services_at = fields.get("services").filter(|_| !dialect.is_older());
    let services = services_at.as_ref().map(service::read_all).unwrap_or_default();
    service::check_use(services_at.as_ref(), &services, &read);
    let outputs_at = either("outputs");
    let workflow = Workflow {
        name: name.unwrap_or_default(),
        description,
        variables,
        steps: resolved,
        outputs: outputs_at.as_ref().map(outputs).unwrap_or_default(),
        timeout_s: either("timeout").and_then(|at| seconds(&at)),
        max_parallel: either("maxParallel").and_then(|at| at.integer(1, 64)).and_then(|n| u16::try_from(n).ok()),
        concurrency_group: either("concurrency").and_then(|at| group(&at)),
        parameters,
        services,
        unsupported: Vec::new(),
    };
    let early = checks::Early { variables: &places, services: services_at.as_ref() };
    checks::check(&read, &workflow, outputs_at.as_ref(), early);
    Some(workflow)
}

/// The name of a workflow whose file gives it none.
fn unnamed(
    root: &Cursor<'_>,
    metadata: Option<&Cursor<'_>>,
    dialect: Dialect,
    options: &Options<'_>,
) -> Option<String> {
    let stem = || std::path::Path::new(options.file?).file_stem()?.to_str();
    match options.name.or_else(stem).filter(|_| dialect.is_older()) {
        Some(name) => {
            root.warn(format!("'metadata.name' is missing; it goes by '{}'", short(name)));
            Some(name.to_owned())
        }
        None => {
            if metadata.is_some() || dialect.is_older() {
                metadata.unwrap_or(root).report(code::MISSING_KEY, "'name' is missing");
            }
            None
        }
    }
}

/// The steps of a workflow, those of `finally` last.
fn steps<'a>(fields: &super::cursor::Fields<'a>, around: &Around<'_>) -> Option<Vec<(Cursor<'a>, step::Read)>> {
    let listed = fields.need("steps").map(|at| at.items()).unwrap_or_default();
    let last = fields.get("finally").map(|at| at.items()).unwrap_or_default();
    if let Some(at) = fields.get("steps").filter(|at| at.value.is_array()) {
        if listed.is_empty() {
            at.report(code::INVALID_VALUE, "at least one step is needed");
        } else if listed.len() + last.len() > MAX_STEPS {
            at.report(code::LIMIT, format!("a workflow has at most {MAX_STEPS} steps"));
            return None;
        }
    }
    let all = listed.into_iter().map(|at| (at, false)).chain(last.into_iter().map(|at| (at, true)));
    let mut read: Vec<(Cursor<'a>, step::Read)> =
        all.filter_map(|(at, finally)| step::read(&at, around, finally).map(|step| (at, step))).collect();
    read.sort_by_key(|(_, read)| read.step.finally);
    Some(read)
}

/// `concurrency: NAME`, or `{group: NAME}`.
fn group(at: &Cursor<'_>) -> Option<String> {
    match at.value {
        Value::Object(_) => at.fields(&["group"])?.need("group")?.text().map(str::to_owned),
        _ => at.text().map(str::to_owned),
    }
}

/// Whole seconds, at least one.
fn seconds(at: &Cursor<'_>) -> Option<u32> {
    let seconds = duration::seconds(at.value).filter(|seconds| (1.0..=30.0 * 86_400.0).contains(seconds));
    if seconds.is_none() {
        at.report(code::INVALID_VALUE, "expected a time of 1s to 30d, like '30s', '5m', '1h', or a number of seconds");
    }
    seconds.map(|seconds| seconds.ceil() as u32)
}

fn outputs(at: &Cursor<'_>) -> BTreeMap<String, PlannedOutput> {
    if at.value.is_array() {
        return at.items().iter().filter_map(listed_output).collect();
    }
    at.entries().into_iter().map(|(name, at)| (name.to_owned(), output(&at))).collect()
}

fn listed_output(at: &Cursor<'_>) -> Option<(String, PlannedOutput)> {
    let fields = at.fields(&["name", "value", "sensitive", "description"])?;
    let name = fields.need("name")?.text()?;
    let value = fields.need("value")?.value.clone();
    let sensitive = fields.get("sensitive").and_then(|at| at.boolean()).unwrap_or(false);
    Some((name.to_owned(), PlannedOutput { value, sensitive }))
}

/// `{value, sensitive}` says more about a value; any other mapping is the value.
fn output(at: &Cursor<'_>) -> PlannedOutput {
    const DETAILED: [&str; 3] = ["value", "sensitive", "description"];
    if let Value::Object(map) = at.value
        && map.contains_key("value")
        && map.keys().all(|key| DETAILED.contains(&key.as_str()))
        && let Some(fields) = at.open_fields()
    {
        let sensitive = fields.get("sensitive").and_then(|at| at.boolean()).unwrap_or(false);
        return PlannedOutput { value: map.get("value").cloned().unwrap_or(Value::Null), sensitive };
    }
    PlannedOutput { value: at.value.clone(), sensitive: false }
}

fn quoted(name: &str) -> String {
    format!("'{}'", short(name))
}
