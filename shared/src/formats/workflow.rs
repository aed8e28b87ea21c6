//! Workflow definitions: the flat `innominatus.io/v1alpha1` form, and `slipway.dev/v1`, which has all of it and more.

mod checks;
mod order;
mod step;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use step::Step;

pub use super::parameter::{Parameter, ParameterType, Unknown, check_inputs, defaults_to_render};
use super::{
    cursor::{Cursor, Document, Fields},
    duration, parameter,
    problem::{Problem, Warning, code, short},
};
use crate::domain::plan::PlannedOutput;

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
}

const API_VERSIONS: [&str; 2] = ["innominatus.io/v1alpha1", "slipway.dev/v1"];
const KNOWN: [&str; 9] =
    ["apiVersion", "kind", "metadata", "parameters", "steps", "outputs", "timeout", "maxParallel", "description"];
const LATER: [&str; 5] = ["spec", "variables", "triggers", "on", "env"];

/// Reads a workflow file; problems name `file`.
///
/// # Errors
/// All that is wrong with it, with line and column. Whether its step types are installed is not looked at.
pub fn parse(text: &str, file: Option<&str>) -> Result<(Workflow, Vec<Warning>), Vec<Problem>> {
    let document = Document::parse(text, file)?;
    let workflow = read(&document.root()).unwrap_or_default();
    document.finish(workflow)
}

fn read(root: &Cursor<'_>) -> Option<Workflow> {
    let fields = known_fields(root, &KNOWN, &LATER)?;
    if let Some(version) = fields.need("apiVersion")
        && version.string().is_some_and(|text| !API_VERSIONS.contains(&text))
    {
        let message = format!("'apiVersion' must be one of: {}", API_VERSIONS.join(", "));
        version.report(code::UNSUPPORTED, message);
    }
    if let Some(kind) = fields.get("kind") {
        kind.choice(&["Workflow"]);
    }
    let metadata = fields.need("metadata").and_then(|at| at.open_fields());
    let name = metadata.as_ref().and_then(|metadata| metadata.need("name")).and_then(|at| at.text());
    let described = metadata.as_ref().and_then(|metadata| metadata.get("description"));
    let description = described.or_else(|| fields.get("description")).and_then(|at| at.string()).map(str::to_owned);
    let parameters =
        fields.get("parameters").map(|at| parameter::read_all(&at, parameter::Style::Strict)).unwrap_or_default();
    let listed = fields.need("steps").map(|at| at.items()).unwrap_or_default();
    if let Some(at) = fields.get("steps").filter(|at| at.value.is_array()) {
        if listed.is_empty() {
            at.report(code::INVALID_VALUE, "at least one step is needed");
        } else if listed.len() > MAX_STEPS {
            at.report(code::LIMIT, format!("a workflow has at most {MAX_STEPS} steps"));
            return None;
        }
    }
    let read: Vec<(Cursor<'_>, step::Read)> =
        listed.into_iter().filter_map(|at| step::read(&at).map(|step| (at, step))).collect();
    let steps = order::resolve(&read);
    let outputs = fields.get("outputs").map(|at| outputs(&at)).unwrap_or_default();
    let timeout_s = fields.get("timeout").and_then(|at| seconds(&at));
    let max_parallel = fields.get("maxParallel").and_then(|at| at.integer(1, 64)).and_then(|n| u16::try_from(n).ok());
    checks::templates(&read, &steps, &parameters, fields.get("outputs").as_ref());
    Some(Workflow {
        name: name?.to_owned(),
        description,
        parameters,
        variables: BTreeMap::new(),
        steps,
        outputs,
        timeout_s,
        max_parallel,
        concurrency_group: None,
    })
}

/// Fields of which some are known to people who write workflows, but not to this version.
fn known_fields<'a>(at: &Cursor<'a>, known: &[&str], later: &[&str]) -> Option<Fields<'a>> {
    let fields = at.open_fields()?;
    for key in fields.keys() {
        if later.contains(&key) {
            if let Some(found) = fields.given(key) {
                found.report(code::UNSUPPORTED, format!("not supported yet in this version: field '{key}'"));
            }
        } else if !known.contains(&key) {
            at.unknown_key(key, known);
        }
    }
    Some(fields)
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
