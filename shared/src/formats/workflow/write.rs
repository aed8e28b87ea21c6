//! A workflow as a file of our own dialect.

use serde_json::{Map, Value, json};

use super::{Dialect, Parameter, Step, Workflow};
use crate::domain::plan::{PlannedOutput, Retry, When};

/// The workflow as `slipway.dev/v1`. Read again, it is the same workflow.
#[must_use]
pub fn to_value(workflow: &Workflow) -> Value {
    let mut metadata = Map::new();
    metadata.insert("name".to_owned(), json!(workflow.name));
    put(&mut metadata, "description", workflow.description.as_ref().map(|text| json!(text)));
    let mut file = Map::new();
    file.insert("apiVersion".to_owned(), json!(Dialect::Slipway.api_version()));
    file.insert("kind".to_owned(), json!("Workflow"));
    file.insert("metadata".to_owned(), Value::Object(metadata));
    put(&mut file, "parameters", list(workflow.parameters.iter().map(parameter).collect()));
    put(&mut file, "variables", map(&workflow.variables));
    put(&mut file, "timeout", workflow.timeout_s.map(|seconds| json!(seconds)));
    put(&mut file, "maxParallel", workflow.max_parallel.map(|count| json!(count)));
    put(&mut file, "concurrency", workflow.concurrency_group.as_ref().map(|group| json!(group)));
    put(&mut file, "services", list(workflow.services.iter().map(super::service::to_value).collect()));
    let (last, first): (Vec<&Step>, Vec<&Step>) = workflow.steps.iter().partition(|step| step.finally);
    file.insert("steps".to_owned(), first.into_iter().map(step).collect());
    put(&mut file, "finally", list(last.into_iter().map(step).collect()));
    let outputs: Map<String, Value> =
        workflow.outputs.iter().map(|(name, value)| (name.clone(), output(value))).collect();
    put(&mut file, "outputs", (!outputs.is_empty()).then_some(Value::Object(outputs)));
    Value::Object(file)
}

/// The text of [`to_value`].
///
/// # Errors
/// A value cannot be written as YAML.
pub fn to_yaml(workflow: &Workflow) -> Result<String, serde_yaml::Error> {
    serde_yaml::to_string(&to_value(workflow))
}

pub(super) fn put(map: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    if let Some(value) = value {
        map.insert(key.to_owned(), value);
    }
}

fn list(items: Vec<Value>) -> Option<Value> {
    (!items.is_empty()).then_some(Value::Array(items))
}

fn map(entries: &std::collections::BTreeMap<String, Value>) -> Option<Value> {
    (!entries.is_empty()).then(|| json!(entries))
}

pub(super) fn texts(items: &[String]) -> Option<Value> {
    (!items.is_empty()).then(|| json!(items))
}

fn flag(value: bool) -> Option<Value> {
    value.then_some(Value::Bool(true))
}

/// A number without a fraction is written without one.
pub(super) fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 { json!(value as i64) } else { json!(value) }
}

fn parameter(parameter: &Parameter) -> Value {
    let mut map = Map::new();
    map.insert("name".to_owned(), json!(parameter.name));
    map.insert("type".to_owned(), json!(parameter.kind.name()));
    put(&mut map, "required", flag(parameter.required));
    put(&mut map, "default", parameter.default.clone());
    put(&mut map, "description", parameter.description.as_ref().map(|text| json!(text)));
    put(&mut map, "enum", parameter.allowed.as_ref().map(|allowed| json!(allowed)));
    put(&mut map, "pattern", parameter.pattern.as_ref().map(|text| json!(text)));
    put(&mut map, "min", parameter.min.map(number));
    put(&mut map, "max", parameter.max.map(number));
    put(&mut map, "sensitive", flag(parameter.sensitive));
    Value::Object(map)
}

fn step(step: &Step) -> Value {
    let mut map = Map::new();
    map.insert("name".to_owned(), json!(step.name));
    map.insert("type".to_owned(), json!(step.kind));
    // Always written: what a file leaves to its order is then plain to see.
    map.insert("dependsOn".to_owned(), json!(step.depends_on));
    put(&mut map, "when", when(step));
    put(&mut map, "if", step.condition.as_ref().map(|cel| json!(cel)));
    put(&mut map, "for_each", step.for_each.clone());
    put(&mut map, "continueOnError", flag(step.continue_on_error));
    put(&mut map, "timeout", step.timeout_s.map(|seconds| json!(seconds)));
    put(&mut map, "retry", retry(&step.retry));
    put(&mut map, "secrets", texts(&step.secrets));
    put(&mut map, "egress", texts(&step.egress));
    put(&mut map, "services", step.services.as_ref().map(|names| json!(names)));
    put(&mut map, "env", (!step.env.is_empty()).then(|| json!(step.env)));
    put(&mut map, "config", (!step.config.is_empty()).then(|| Value::Object(step.config.clone())));
    put(&mut map, "outputFile", step.output_file.as_ref().map(|path| json!(path)));
    put(&mut map, "outputs", self::map(&step.outputs));
    put(&mut map, "sensitive", texts(&step.sensitive));
    put(&mut map, "setVariables", self::map(&step.set_variables));
    Value::Object(map)
}

/// A step of `finally` runs whatever happened unless it says otherwise; any other, on success.
fn when(step: &Step) -> Option<Value> {
    let implied = if step.finally { When::Always } else { When::OnSuccess };
    (step.when != implied).then(|| {
        json!(match step.when {
            When::OnSuccess => "on_success",
            When::Always => "always",
            When::OnFailure => "on_failure",
            When::Manual => "manual",
        })
    })
}

fn retry(retry: &Retry) -> Option<Value> {
    let default = Retry::default();
    let mut map = Map::new();
    put(&mut map, "attempts", (retry.attempts != default.attempts).then(|| json!(retry.attempts)));
    let differs = |a: f64, b: f64| (a.to_bits() != b.to_bits()).then(|| number(a));
    put(&mut map, "backoff", differs(retry.backoff_s, default.backoff_s));
    put(&mut map, "maxBackoff", differs(retry.max_backoff_s, default.max_backoff_s));
    put(&mut map, "exitCodes", (!retry.exit_codes.is_empty()).then(|| json!(retry.exit_codes)));
    (!map.is_empty()).then_some(Value::Object(map))
}

/// A mapping with a key `value` is put into one more, so that it is not taken for the longer form.
fn output(output: &PlannedOutput) -> Value {
    let ambiguous = output.value.as_object().is_some_and(|map| map.contains_key("value"));
    if output.sensitive {
        json!({ "value": output.value, "sensitive": true })
    } else if ambiguous {
        json!({ "value": output.value })
    } else {
        output.value.clone()
    }
}
