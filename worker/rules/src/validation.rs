//! Step type `validation`: values against a JSON Schema, a list of what must be there, patterns and assertions. All
//! problems are found, not the first.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    finding::Finding,
    place::Place,
    rego::{Answer, Rego},
};

/// What a step is given.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Config {
    values: Value,
    schema: Option<Value>,
    schema_file: Option<String>,
    required: Vec<String>,
    patterns: BTreeMap<String, String>,
    assertions: Vec<Assertion>,
    enforce: Option<bool>,
}

/// A Rego expression over `input` that must hold.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Assertion {
    Bare(String),
    Told { that: String, message: Option<String> },
}

/// Looks for everything that is wrong with the values.
///
/// # Errors
/// When a rule itself cannot be read, or there is none.
pub(crate) fn decide(config: &Config, place: &Place) -> anyhow::Result<Finding> {
    let file = config.schema_file.as_ref().map(|name| {
        let text = place.text(name)?;
        serde_json::from_str(&text).with_context(|| format!("{name} is no JSON"))
    });
    let schemas: Vec<Value> = config.schema.clone().map(Ok).into_iter().chain(file).collect::<anyhow::Result<_>>()?;
    let rules = schemas.len() + config.required.len() + config.patterns.len() + config.assertions.len();
    ensure!(rules > 0, "config has no rule: give 'schema', 'schemaFile', 'required', 'patterns' or 'assertions'");
    let mut problems = Vec::new();
    for schema in &schemas {
        by_schema(schema, &config.values, &mut problems)?;
    }
    for path in &config.required {
        if is_missing(at(&config.values, path)) {
            problems.push(format!("{path}: is required"));
        }
    }
    for (path, pattern) in &config.patterns {
        by_pattern(path, pattern, at(&config.values, path), &mut problems)?;
    }
    by_assertions(&config.assertions, &config.values, &mut problems)?;
    problems.dedup();
    Ok(Finding {
        kept: problems.is_empty(),
        messages: problems,
        result: None,
        enforce: config.enforce.unwrap_or(true),
        printed: Vec::new(),
    })
}

fn by_schema(schema: &Value, values: &Value, problems: &mut Vec<String>) -> anyhow::Result<()> {
    let validator = jsonschema::options().should_validate_formats(true).build(schema);
    let validator = validator.map_err(|error| anyhow::anyhow!("no JSON Schema: {error}"))?;
    for error in validator.iter_errors(values) {
        let path = error.instance_path().to_string();
        let path = path.trim_start_matches('/').replace('/', ".");
        problems.push(if path.is_empty() { error.to_string() } else { format!("{path}: {error}") });
    }
    Ok(())
}

fn by_pattern(path: &str, pattern: &str, value: Option<&Value>, problems: &mut Vec<String>) -> anyhow::Result<()> {
    let regex = Regex::new(pattern).with_context(|| format!("the pattern of {path}"))?;
    let text = match value {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    if !regex.is_match(&text) {
        problems.push(format!("{path}: '{text}' does not match {pattern}"));
    }
    Ok(())
}

fn by_assertions(assertions: &[Assertion], values: &Value, problems: &mut Vec<String>) -> anyhow::Result<()> {
    for (number, assertion) in assertions.iter().enumerate() {
        let (that, message) = match assertion {
            Assertion::Bare(that) => (that, None),
            Assertion::Told { that, message } => (that, message.as_ref()),
        };
        // A rule's body, not a query: the engine takes `every` in a query for true.
        let mut rego = Rego::new(false);
        let package =
            rego.module(&format!("assertion {}", number + 1), &format!("package a\nholds if {{\n{that}\n}}"))?;
        rego.input(values)?;
        // What does not hold is a problem of the values; what cannot be read is one of the rules.
        if rego.rule(&format!("{package}.holds"))? != Answer::Value(Value::Bool(true)) {
            problems.push(message.cloned().unwrap_or_else(|| format!("does not hold: {that}")));
        }
    }
    Ok(())
}

/// The value at `db.size`, `ports.0` or `/db/size`.
fn at<'a>(values: &'a Value, path: &str) -> Option<&'a Value> {
    if path.starts_with('/') {
        return values.pointer(path);
    }
    path.split('.').try_fold(values, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        other => other.get(name),
    })
}

fn is_missing(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn asked(config: Value) -> anyhow::Result<Finding> {
        let place = Place { bundle: "/nonexistent".into(), workspace: "/nonexistent".into() };
        decide(&serde_json::from_value(config).unwrap(), &place)
    }

    #[test]
    fn every_problem_is_found_at_once() {
        let finding = asked(json!({
            "values": {"name": "Shop!", "db": {"size": 900}, "ports": [80, 0], "mail": "nobody"},
            "schema": {"properties": {"db": {"properties": {"size": {"maximum": 500}}}, "mail": {"format": "email"}}},
            "required": ["owner", "db.size", "ports.2", "/db/size"],
            "patterns": {"name": "^[a-z]+$", "db.size": "^[0-9]+$", "absent": "^x$"},
            "assertions": [
                {"that": "every port in input.ports { port > 0 }", "message": "ports must be positive"},
                "input.db.size < 1000",
                "input.nothing > 3",
            ],
        }));
        let problems = finding.unwrap().messages;
        assert_eq!(
            problems,
            [
                "db.size: 900 is greater than the maximum of 500",
                "mail: \"nobody\" is not a \"email\"",
                "owner: is required",
                "ports.2: is required",
                "name: 'Shop!' does not match ^[a-z]+$",
                "ports must be positive",
                "does not hold: input.nothing > 3",
            ]
        );
    }

    #[test]
    fn values_that_fit_have_no_problem() {
        let config = json!({"values": {"n": 1}, "schema": {"required": ["n"]}, "assertions": ["input.n == 1"]});
        assert!(asked(config).unwrap().kept);
    }

    #[test]
    fn a_rule_that_cannot_be_read_is_an_error_and_no_problem_of_the_values() {
        assert!(asked(json!({"values": {}})).unwrap_err().to_string().contains("no rule"));
        assert!(asked(json!({"schema": {"type": "thing"}})).is_err());
        assert!(asked(json!({"patterns": {"a": "("}})).is_err());
        assert!(asked(json!({"assertions": ["input.n >"]})).is_err());
        assert!(asked(json!({"schema": {"$ref": "https://example.com/schema.json"}})).is_err());
    }
}
