//! Parameters of workflows, and the inputs that people and resources give for them.

mod read;
#[cfg(test)]
mod tests;
mod weight;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub(crate) use read::{Style, read_all};

use super::{
    cursor::type_name,
    duration,
    problem::{Problem, code, did_you_mean, nearest, pointer, short},
};
use crate::secrets::token;

/// Characters a pattern may have.
const MAX_PATTERN: usize = 1000;

/// Inputs that a resource's run always has, declared or not.
pub(crate) const GIVEN_TO_RESOURCE_RUNS: [&str; 3] = ["app_name", "resource_name", "resource_type"];

/// One parameter of a workflow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameter {
    /// As in `.parameters.name`.
    pub name: String,
    /// What its value must be.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// Whether it must be given. One with a default need not be.
    pub required: bool,
    /// Used when it is not given. A text with `{{` in it is a template over the other parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The only values allowed.
    #[serde(rename = "enum", skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Vec<Value>>,
    /// A regular expression that a string must match somewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The least number, seconds of a duration, or length of a string or list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The greatest number, seconds of a duration, or length of a string or list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Masked wherever it is shown.
    pub sensitive: bool,
}

/// What the value of a parameter must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParameterType {
    /// Text.
    #[default]
    String,
    /// Any number.
    Number,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// A mapping.
    Map,
    /// A mapping.
    Object,
    /// A list.
    List,
    /// A time, like `30s`, `1h30m` or a number of seconds.
    Duration,
    /// One of the values that are allowed.
    Enum,
}

impl ParameterType {
    const NAMES: [(&'static str, Self); 12] = [
        ("string", Self::String),
        ("number", Self::Number),
        ("integer", Self::Integer),
        ("boolean", Self::Boolean),
        ("map", Self::Map),
        ("object", Self::Object),
        ("list", Self::List),
        ("duration", Self::Duration),
        ("enum", Self::Enum),
        ("int", Self::Integer),
        ("bool", Self::Boolean),
        ("array", Self::List),
    ];

    fn admits(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Number => value.is_number(),
            Self::Integer => {
                value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|n| n.fract() == 0.0 && n.abs() < 9e15)
            }
            Self::Boolean => value.is_boolean(),
            Self::Map | Self::Object => value.is_object(),
            Self::List => value.is_array(),
            Self::Duration => duration::seconds(value).is_some(),
            Self::Enum => value.is_string() || value.is_number() || value.is_boolean(),
        }
    }

    /// For people.
    #[must_use]
    pub const fn described(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Number => "a number",
            Self::Integer => "a whole number",
            Self::Boolean => "true or false",
            Self::Map | Self::Object => "a mapping",
            Self::List => "a list",
            Self::Duration => "a duration like '30s' or '1h30m'",
            Self::Enum => "one of the allowed values",
        }
    }

    /// As files write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Map => "map",
            Self::Object => "object",
            Self::List => "list",
            Self::Duration => "duration",
            Self::Enum => "enum",
        }
    }
}

/// What to do with inputs that are no parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Keep them: a resource's params are its owner's business.
    Keep,
    /// Refuse them: a person who starts a golden path mistyped.
    Refuse,
}

/// The inputs of a run: defaults filled in, everything checked, types kept.
///
/// # Errors
/// Everything that is wrong with the inputs; paths are JSON pointers into them.
pub fn check_inputs(
    parameters: &[Parameter],
    inputs: &Map<String, Value>,
    unknown: Unknown,
) -> Result<Map<String, Value>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut checked = Map::new();
    for parameter in parameters {
        match inputs.get(&parameter.name).filter(|value| !value.is_null()) {
            Some(value) => match parameter.check(value) {
                Ok(()) => {
                    checked.insert(parameter.name.clone(), value.clone());
                }
                Err((code, message)) => problems.push(
                    Problem::new(code, format!("'{}' {message}", parameter.name)).at(pointer("", &parameter.name)),
                ),
            },
            None => match &parameter.default {
                Some(default) => {
                    checked.insert(parameter.name.clone(), default.clone());
                }
                None if parameter.required => {
                    let what = parameter.kind.described();
                    let message = format!("'{}' is required ({what})", parameter.name);
                    problems.push(Problem::new(code::MISSING_KEY, message).at(pointer("", &parameter.name)));
                }
                // Declared and not given is null, so that a template can ask for it; only the undeclared is an error.
                None => {
                    checked.insert(parameter.name.clone(), Value::Null);
                }
            },
        }
    }
    for (name, value) in inputs {
        if parameters.iter().any(|parameter| parameter.name == *name) {
            continue;
        }
        match unknown {
            Unknown::Keep => {
                checked.insert(name.clone(), value.clone());
            }
            Unknown::Refuse => {
                let hint = did_you_mean(&nearest(name, parameters.iter().map(|parameter| parameter.name.as_str())));
                let message = format!("there is no parameter '{}'{hint}", short(name));
                problems.push(Problem::new(code::UNKNOWN_NAME, message).at(pointer("", name)));
            }
        }
    }
    if problems.is_empty() { Ok(checked) } else { Err(problems) }
}

impl Parameter {
    fn check(&self, value: &Value) -> Result<(), (&'static str, String)> {
        // What is sealed cannot be looked at here. Mappings and lists stay what they are: only what is in them is sealed.
        let sealed = value.as_str().is_some_and(token::resembles);
        if sealed && !matches!(self.kind, ParameterType::Map | ParameterType::Object | ParameterType::List) {
            return Ok(());
        }
        if !self.kind.admits(value) {
            let found = match value {
                Value::String(text) if self.kind == ParameterType::Duration => format!("'{}'", short(text)),
                Value::Number(number) => number.to_string(),
                other => type_name(other).to_owned(),
            };
            return Err((code::WRONG_TYPE, format!("must be {}, not {found}", self.kind.described())));
        }
        let invalid = |message: String| Err((code::INVALID_VALUE, message));
        if let Some(allowed) = &self.allowed
            && !allowed.contains(value)
        {
            let names: Vec<String> = allowed.iter().map(shown).collect();
            return invalid(format!("must be one of: {}", names.join(", ")));
        }
        if let (Some(pattern), Some(text)) = (&self.pattern, value.as_str())
            && !compile(pattern).is_ok_and(|pattern| pattern.is_match(text))
        {
            return invalid(format!("does not match '{}'", short(pattern)));
        }
        let (measure, what) = match value {
            _ if self.kind == ParameterType::Duration => (duration::seconds(value).unwrap_or(f64::NAN), " seconds"),
            Value::Number(number) => (number.as_f64().unwrap_or(f64::NAN), ""),
            Value::String(text) => (text.chars().count() as f64, " characters long"),
            Value::Array(items) => (items.len() as f64, " items long"),
            _ => return Ok(()),
        };
        if let Some(min) = self.min.filter(|min| measure < *min) {
            return invalid(format!("must be at least {min}{what}"));
        }
        if let Some(max) = self.max.filter(|max| measure > *max) {
            return invalid(format!("must be at most {max}{what}"));
        }
        Ok(())
    }
}

/// The parameters of a plan whose value is their default and holds a template, in the order of the file: whoever runs
/// the plan renders these over the others first. Anything else in the inputs is data, whatever it looks like.
#[must_use]
pub fn defaults_to_render(parameters: &[Value], inputs: &Map<String, Value>) -> Vec<String> {
    let read = parameters.iter().filter_map(|parameter| Parameter::deserialize(parameter).ok());
    read.filter(|parameter| parameter.default.as_ref().is_some_and(is_template))
        .filter(|parameter| inputs.get(&parameter.name) == parameter.default.as_ref())
        .map(|parameter| parameter.name)
        .collect()
}

fn is_template(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains("{{"))
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(1 << 20).build()
}
