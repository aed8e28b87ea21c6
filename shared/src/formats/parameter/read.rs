//! `parameters` of a workflow file.

use serde_json::Value;

use super::{
    super::{
        cursor::Cursor,
        duration,
        problem::{code, short},
    },
    MAX_PATTERN, Parameter, ParameterType, compile, is_template, weight,
};

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

/// How a dialect writes parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Everything means what it says.
    Strict,
    /// Older files: defaults are often text whatever the type, keys that mean nothing are harmless, and an optional text
    /// without a default is empty.
    Older,
}

/// Reads a workflow's `parameters`: a list, or a mapping by name.
pub(crate) fn read_all(at: &Cursor<'_>, style: Style) -> Vec<Parameter> {
    let items: Vec<(Option<&str>, Cursor<'_>)> = match at.value {
        Value::Object(_) => at.entries().into_iter().map(|(name, at)| (Some(name), at)).collect(),
        _ => at.items().into_iter().map(|at| (None, at)).collect(),
    };
    let mut parameters: Vec<Parameter> = Vec::new();
    let mut weight_left = weight::MOST;
    for (name, item) in items {
        let Some(parameter) = read(&item, name, style, &mut weight_left) else { continue };
        if parameters.iter().any(|other| other.name == parameter.name) {
            item.report(code::CONFLICT, format!("the parameter '{}' is declared twice", short(&parameter.name)));
        }
        parameters.push(parameter);
    }
    parameters
}

fn read(at: &Cursor<'_>, name: Option<&str>, style: Style, weight_left: &mut usize) -> Option<Parameter> {
    let fields = match style {
        Style::Strict => at.fields(&KNOWN)?,
        Style::Older => at.tolerant_fields(&KNOWN)?,
    };
    let name = match name {
        Some(name) => Some(name),
        None => fields.need("name").and_then(|at| at.text()),
    };
    let names = ParameterType::NAMES.map(|(name, _)| name);
    let kind = fields.get("type").map_or(Some("string"), |at| at.choice(&names));
    let kind = ParameterType::NAMES.into_iter().find(|(name, _)| Some(*name) == kind).map(|(_, kind)| kind);
    let bound = |key: &str| {
        let at = fields.get(key)?;
        let number = match (at.value, kind) {
            (Value::String(_), Some(ParameterType::Duration)) => duration::seconds(at.value),
            (Value::String(text), _) if style == Style::Older => text.trim().parse().ok(),
            (other, _) => other.as_f64(),
        };
        if number.is_none() {
            at.report(code::WRONG_TYPE, "expected a number");
        }
        number
    };
    let (name, kind) = (name?.to_owned(), kind?);
    let allowed: Option<Vec<Value>> = fields
        .get("enum")
        .or_else(|| fields.get("allowed_values"))
        .map(|at| at.items().into_iter().map(|item| item.value.clone()).collect());
    if kind == ParameterType::Enum && allowed.as_ref().is_none_or(Vec::is_empty) {
        at.report(code::MISSING_KEY, "a parameter of type 'enum' needs 'enum', the values that are allowed");
    }
    let mut parameter = Parameter {
        name,
        kind,
        required: fields.get("required").and_then(|at| at.boolean()).unwrap_or(false),
        default: fields.get("default").map(|at| at.value.clone()),
        description: fields.get("description").and_then(|at| at.string()).map(str::to_owned),
        allowed,
        pattern: fields.get("pattern").and_then(|at| pattern(&at, weight_left)),
        min: bound("min"),
        max: bound("max"),
        sensitive: fields.get("sensitive").and_then(|at| at.boolean()).unwrap_or(false),
    };
    if let (Some(min), Some(max)) = (parameter.min, parameter.max)
        && min > max
    {
        at.report(code::INVALID_VALUE, format!("'min' is {min} and 'max' is {max}: no value fits"));
    }
    if style == Style::Older {
        forgive(&mut parameter);
    }
    if let (Some(default), Some(at)) = (&parameter.default, fields.get("default"))
        && !is_template(default)
        && let Err((code, message)) = parameter.check(default)
    {
        at.report(code, format!("the default {message}"));
    }
    Some(parameter)
}

fn pattern(at: &Cursor<'_>, weight_left: &mut usize) -> Option<String> {
    let text = at.text()?;
    if text.len() > MAX_PATTERN {
        at.report(code::LIMIT, format!("a pattern has at most {MAX_PATTERN} characters"));
        return None;
    }
    let Some(left) = weight_left.checked_sub(weight::weight(text)) else {
        at.report(
            code::LIMIT,
            "this pattern, or all of the file together, take too long to look at: repeat fewer things fewer times",
        );
        return None;
    };
    *weight_left = left;
    if let Err(error) = compile(text) {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().to_owned();
        at.report(code::INVALID_VALUE, format!("no regular expression: {reason}"));
    }
    Some(text.to_owned())
}

/// Gives a default the type that it is meant to have.
fn forgive(parameter: &mut Parameter) {
    let free = parameter.allowed.is_none() && parameter.pattern.is_none() && parameter.min.is_none();
    match (&parameter.default, parameter.kind) {
        (Some(Value::String(text)), ParameterType::Number | ParameterType::Integer | ParameterType::Boolean) => {
            if let Ok(value) = serde_json::from_str::<Value>(text.trim())
                && parameter.kind.admits(&value)
            {
                parameter.default = Some(value);
            }
        }
        (Some(value @ (Value::Number(_) | Value::Bool(_))), ParameterType::String) => {
            parameter.default = Some(Value::String(value.to_string()));
        }
        // An empty default of an optional text that has a pattern stands for none.
        (Some(Value::String(text)), ParameterType::String)
            if text.is_empty() && !free && parameter.check(&Value::String(String::new())).is_err() =>
        {
            parameter.default = None;
        }
        (None, ParameterType::String) if !parameter.required && free => {
            parameter.default = Some(Value::String(String::new()));
        }
        _ => {}
    }
}
