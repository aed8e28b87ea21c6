//! What conditions may call beside CEL's own functions, for values whose type nobody declared: an output that a step
//! printed is text, and `3` in it is meant as a number.
//!
//! - `same(a, b)`: equal as values, as numbers, or as text
//! - `compare(a, b)`: -1, 0 or 1, as numbers when both are, else as text
//! - `text(a)`: how it is written; nothing is empty
//! - `truthy(a)`: false for nothing, false, 0, and the texts "", "0" and "false"
//! - `get(map, key)`: the value of a key, or null
//! - `seconds(a)`: of a duration like `1h30m`
//! - `matches(text, pattern)`, `text.matches(pattern)`: a regular expression, in linear time

use std::{cmp::Ordering, collections::HashMap, sync::Arc};

use cel::{Context, DeclarationError, ExecutionError, Value as Cel, extractors::This, objects::Key};
use regex::RegexBuilder;
use serde_json::Value;

use super::super::duration;

/// Memory that one regular expression may take.
const MAX_PATTERN_MEMORY: usize = 1 << 20;
/// Bytes of a regular expression.
const MAX_PATTERN: usize = 1000;

pub(super) fn declare(scope: &mut Context<'_, '_>) -> Result<(), DeclarationError> {
    scope.add_function("same", |a: Cel, b: Cel| same(&a, &b))?;
    scope.add_function("compare", |a: Cel, b: Cel| compare(&a, &b))?;
    scope.add_function("text", |a: Cel| Arc::new(text(&a)))?;
    scope.add_function("truthy", |a: Cel| truthy(&a))?;
    scope.add_function("get", |map: Cel, key: Arc<String>| get(&map, &key))?;
    scope.add_function("seconds", |a: Cel| seconds(&a))?;
    scope.add_function("matches", |This(text): This<Arc<String>>, pattern: Arc<String>| matches(&text, &pattern))
}

fn same(a: &Cel, b: &Cel) -> bool {
    match (number(a), number(b)) {
        (Some(a), Some(b)) => a == b,
        _ => text(a) == text(b),
    }
}

fn compare(a: &Cel, b: &Cel) -> i64 {
    let order = match (number(a), number(b)) {
        (Some(a), Some(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        _ => text(a).cmp(&text(b)),
    };
    order as i64
}

fn number(value: &Cel) -> Option<f64> {
    match value {
        Cel::Int(n) => Some(*n as f64),
        Cel::UInt(n) => Some(*n as f64),
        Cel::Float(n) => Some(*n),
        Cel::String(text) => text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
        _ => None,
    }
}

fn text(value: &Cel) -> String {
    match value {
        Cel::Null => String::new(),
        Cel::String(text) => text.as_str().to_owned(),
        other => to_json(other).to_string(),
    }
}

fn truthy(value: &Cel) -> bool {
    match value {
        Cel::List(items) => !items.is_empty(),
        Cel::Map(map) => !map.map.is_empty(),
        Cel::Float(n) => *n != 0.0,
        other => !matches!(text(other).as_str(), "" | "0" | "false"),
    }
}

fn get(map: &Cel, key: &Arc<String>) -> Result<Cel, ExecutionError> {
    match map {
        Cel::Map(map) => Ok(map.map.get(&Key::String(Arc::clone(key))).cloned().unwrap_or(Cel::Null)),
        Cel::List(items) => Ok(key.parse().ok().and_then(|at: usize| items.get(at)).cloned().unwrap_or(Cel::Null)),
        Cel::Null => Ok(Cel::Null),
        other => {
            let message = format!("'{key}' is asked of {}, not of a mapping", described(other));
            Err(ExecutionError::function_error("get", message))
        }
    }
}

fn seconds(value: &Cel) -> Result<f64, ExecutionError> {
    duration::seconds(&to_json(value)).ok_or_else(|| {
        let message = format!("{} is no duration like '30s' or '1h30m'", described(value));
        ExecutionError::function_error("seconds", message)
    })
}

fn matches(text: &str, pattern: &str) -> Result<bool, ExecutionError> {
    compile(pattern)
        .map(|pattern| pattern.is_match(text))
        .map_err(|message| ExecutionError::function_error("matches", message))
}

/// A regular expression within bounds.
pub(super) fn compile(pattern: &str) -> Result<regex::Regex, String> {
    if pattern.len() > MAX_PATTERN {
        return Err(format!("a regular expression has at most {MAX_PATTERN} bytes"));
    }
    RegexBuilder::new(pattern).size_limit(MAX_PATTERN_MEMORY).build().map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("no regular expression: {reason}")
    })
}

pub(super) fn to_cel(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(value) => Cel::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Cel::Int(number),
            (None, Some(number)) => Cel::UInt(number),
            (None, None) => Cel::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Cel::String(Arc::new(text.clone())),
        Value::Array(items) => Cel::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(map) => {
            let map: HashMap<Key, Cel> =
                map.iter().map(|(key, value)| (Key::String(Arc::new(key.clone())), to_cel(value))).collect();
            Cel::Map(cel::objects::Map { map: Arc::new(map) })
        }
    }
}

fn to_json(value: &Cel) -> Value {
    match value {
        Cel::Int(number) => Value::from(*number),
        Cel::UInt(number) => Value::from(*number),
        Cel::Float(number) => Value::from(*number),
        Cel::Bool(value) => Value::Bool(*value),
        Cel::String(text) => Value::String(text.as_str().to_owned()),
        Cel::List(items) => Value::Array(items.iter().map(to_json).collect()),
        Cel::Map(map) => {
            let mut entries: Vec<(String, Value)> =
                map.map.iter().map(|(key, value)| (key.to_string(), to_json(value))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(entries.into_iter().collect())
        }
        _ => Value::Null,
    }
}

/// What kind of value it is, for people.
pub(super) fn described(value: &Cel) -> &'static str {
    match value {
        Cel::Null => "nothing",
        Cel::Bool(_) => "true or false",
        Cel::Int(_) | Cel::UInt(_) | Cel::Float(_) => "a number",
        Cel::String(_) => "a text",
        Cel::List(_) => "a list",
        Cel::Map(_) | Cel::Struct(_) => "a mapping",
        _ => "something else",
    }
}
