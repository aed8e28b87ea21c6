//! Parameters of workflows, and the inputs that people and resources give for them.

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    cursor::{Cursor, type_name},
    problem::{Problem, code, did_you_mean, nearest, pointer, short},
};

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
    /// Used when it is not given.
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
    /// The least number, or the least length of a string or list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The greatest number, or the greatest length of a string or list.
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
    /// True or false.
    Boolean,
    /// A mapping.
    Map,
    /// A mapping.
    Object,
    /// A list.
    List,
}

impl ParameterType {
    const NAMES: [(&'static str, Self); 10] = [
        ("string", Self::String),
        ("number", Self::Number),
        ("boolean", Self::Boolean),
        ("map", Self::Map),
        ("object", Self::Object),
        ("list", Self::List),
        ("int", Self::Number),
        ("integer", Self::Number),
        ("bool", Self::Boolean),
        ("array", Self::List),
    ];

    fn admits(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Map | Self::Object => value.is_object(),
            Self::List => value.is_array(),
        }
    }

    const fn described(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Map | Self::Object => "a mapping",
            Self::List => "a list",
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
        if !self.kind.admits(value) {
            return Err((code::WRONG_TYPE, format!("must be {}, not {}", self.kind.described(), type_name(value))));
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

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(1 << 20).build()
}

const KNOWN: [&str; 12] = [
    "name",
    "type",
    "required",
    "default",
    "description",
    "enum",
    "allowed_values",
    "pattern",
    "min",
    "max",
    "sensitive",
    "example",
];

/// Reads a workflow's `parameters`.
pub(crate) fn read_all(at: &Cursor<'_>) -> Vec<Parameter> {
    let mut parameters: Vec<Parameter> = Vec::new();
    for item in at.items() {
        let Some(parameter) = read(&item) else { continue };
        if parameters.iter().any(|other| other.name == parameter.name) {
            item.report(code::CONFLICT, format!("the parameter '{}' is declared twice", short(&parameter.name)));
        }
        parameters.push(parameter);
    }
    parameters
}

fn read(at: &Cursor<'_>) -> Option<Parameter> {
    let fields = at.fields(&KNOWN)?;
    let name = fields.need("name").and_then(|at| at.text());
    let names = ParameterType::NAMES.map(|(name, _)| name);
    let kind = fields.get("type").map_or(Some("string"), |at| at.choice(&names));
    let kind = ParameterType::NAMES.into_iter().find(|(name, _)| Some(*name) == kind).map(|(_, kind)| kind);
    let number = |key: &str| {
        let at = fields.get(key)?;
        let number = at.value.as_f64();
        if number.is_none() {
            at.report(code::WRONG_TYPE, "expected a number");
        }
        number
    };
    let pattern = fields.get("pattern").and_then(|at| {
        let text = at.text()?;
        if text.len() > MAX_PATTERN {
            at.report(code::LIMIT, format!("a pattern has at most {MAX_PATTERN} characters"));
        } else if let Err(error) = compile(text) {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().to_owned();
            at.report(code::INVALID_VALUE, format!("no regular expression: {reason}"));
        }
        Some(text.to_owned())
    });
    let allowed = fields
        .get("enum")
        .or_else(|| fields.get("allowed_values"))
        .map(|at| at.items().into_iter().map(|item| item.value.clone()).collect());
    let parameter = Parameter {
        name: name?.to_owned(),
        kind: kind?,
        required: fields.get("required").and_then(|at| at.boolean()).unwrap_or(false),
        default: fields.get("default").map(|at| at.value.clone()),
        description: fields.get("description").and_then(|at| at.string()).map(str::to_owned),
        allowed,
        pattern,
        min: number("min"),
        max: number("max"),
        sensitive: fields.get("sensitive").and_then(|at| at.boolean()).unwrap_or(false),
    };
    if let (Some(default), Some(at)) = (&parameter.default, fields.get("default"))
        && let Err((code, message)) = parameter.check(default)
    {
        at.report(code, format!("the default {message}"));
    }
    Some(parameter)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn inputs(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    fn size() -> Parameter {
        Parameter {
            name: "size".into(),
            kind: ParameterType::Number,
            required: true,
            min: Some(1.0),
            max: Some(9.0),
            ..Parameter::default()
        }
    }

    #[test]
    fn defaults_are_filled_in_and_types_kept() {
        let flag = Parameter {
            name: "public".into(),
            kind: ParameterType::Boolean,
            default: Some(json!(false)),
            ..Parameter::default()
        };
        let checked = check_inputs(&[size(), flag], &inputs(json!({"size": 3, "app_name": "shop"})), Unknown::Keep);
        assert_eq!(Value::Object(checked.unwrap()), json!({"size": 3, "public": false, "app_name": "shop"}));
    }

    #[test]
    fn everything_wrong_with_the_inputs_is_told_at_once() {
        let region =
            Parameter { name: "region".into(), allowed: Some(vec![json!("eu"), json!("us")]), ..Parameter::default() };
        let name =
            Parameter { name: "name".into(), pattern: Some("^[a-z]+$".into()), required: true, ..Parameter::default() };
        let wrong = inputs(json!({"size": "3", "region": "mars", "name": "X", "nmae": 1}));
        let problems = check_inputs(&[size(), region, name], &wrong, Unknown::Refuse).unwrap_err();
        let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(text.join("\n"), @r"
        'size' must be a number, not a string (at /size)
        'region' must be one of: eu, us (at /region)
        'name' does not match '^[a-z]+$' (at /name)
        there is no parameter 'nmae'; did you mean 'name'? (at /nmae)
        ");
        let missing = check_inputs(&[size()], &Map::new(), Unknown::Refuse).unwrap_err();
        assert_eq!(missing[0].to_string(), "'size' is required (a number) (at /size)");
        let small = check_inputs(&[size()], &inputs(json!({"size": 0})), Unknown::Refuse).unwrap_err();
        assert_eq!(small[0].to_string(), "'size' must be at least 1 (at /size)");
    }
}
