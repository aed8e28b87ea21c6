//! Examples made from the types of parameters. What is shown would be taken: every value is checked as an input is.

use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::{Map, Value, json};
use shared::formats::workflow::{Parameter, Unknown, check_inputs};

use super::{must_be_given, type_name};

/// Characters that a text made from a pattern has at most.
const MAX_TEXT: usize = 200;

/// A value for a parameter: its default, else the first that fits.
pub(super) fn value(parameter: &Parameter) -> Value {
    if let Some(default) = &parameter.default {
        return default.clone();
    }
    candidates(parameter).into_iter().find(|value| fits(parameter, value)).unwrap_or(Value::Null)
}

/// Inputs with a value for every parameter that needs one or has one.
pub(super) fn inputs(parameters: &[Parameter]) -> Map<String, Value> {
    let shown = parameters.iter().filter(|it| it.required || it.default.is_some());
    shown.map(|it| (it.name.clone(), value(it))).collect()
}

/// The command line with what must be given.
pub(super) fn command(name: &str, parameters: &[Parameter]) -> String {
    let mut line = format!("slipway golden-path run {}", quoted(name));
    for parameter in parameters.iter().filter(|it| must_be_given(it)) {
        let text = match value(parameter) {
            Value::String(text) => text,
            Value::Array(items) if items.iter().all(Value::is_string) => {
                items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
            }
            other => other.to_string(),
        };
        line.push_str(&format!(" --param {}", quoted(&format!("{}={text}", parameter.name))));
    }
    line
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

fn fits(parameter: &Parameter, value: &Value) -> bool {
    let given = Map::from_iter([(parameter.name.clone(), value.clone())]);
    !value.is_null() && check_inputs(std::slice::from_ref(parameter), &given, Unknown::Refuse).is_ok()
}

fn candidates(parameter: &Parameter) -> Vec<Value> {
    if let Some(allowed) = &parameter.allowed {
        return allowed.clone();
    }
    let (min, max) = (parameter.min, parameter.max);
    let least = min.filter(|min| (0.0..=MAX_TEXT as f64).contains(min)).map_or(0, |min| min.ceil() as usize);
    match type_name(parameter).as_str() {
        "number" | "integer" => {
            let bounds = [Some(1.0), min.map(f64::ceil), min, max.map(f64::floor), max, Some(0.0)];
            let whole = |number: f64| {
                if number.fract() == 0.0 && number.abs() < 1e15 { json!(number as i64) } else { json!(number) }
            };
            bounds.into_iter().flatten().map(whole).collect()
        }
        "boolean" => vec![json!(true)],
        "map" | "object" => vec![json!({"key": "value"}), json!({})],
        "list" => vec![json!(vec!["a"; least.max(1)]), json!([])],
        "duration" => ["8h", "5m", "30s", "1d"].map(Value::from).to_vec(),
        _ => {
            let name: String = parameter.name.chars().filter(char::is_ascii_alphanumeric).collect();
            let mut texts = vec![format!("my-{}", name.to_lowercase()), "example".into(), "a".repeat(least)];
            texts.extend(parameter.pattern.as_deref().and_then(matching));
            texts.into_iter().map(Value::from).collect()
        }
    }
}

/// A short text that a pattern matches.
fn matching(pattern: &str) -> Option<String> {
    let hir = regex_syntax::parse(pattern).ok()?;
    let mut text = String::new();
    write(&hir, &mut text)?;
    Some(text)
}

fn write(hir: &Hir, text: &mut String) -> Option<()> {
    if text.len() > MAX_TEXT {
        return None;
    }
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(()),
        HirKind::Literal(literal) => {
            text.push_str(std::str::from_utf8(&literal.0).ok()?);
            Some(())
        }
        HirKind::Class(class) => {
            text.push(member(class)?);
            Some(())
        }
        // Once where it may be left out: the shortest match says the least.
        HirKind::Repetition(repeated) => {
            let times = repeated.min.max(1).min(repeated.max.unwrap_or(u32::MAX));
            (0..times).try_for_each(|_| write(&repeated.sub, text))
        }
        HirKind::Capture(capture) => write(&capture.sub, text),
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| write(part, text)),
        HirKind::Alternation(choices) => write(choices.first()?, text),
    }
}

/// A character of the class, a letter or a digit if it has one.
fn member(class: &Class) -> Option<char> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => class.ranges().iter().map(|range| (range.start(), range.end())).collect(),
        Class::Bytes(class) => class.ranges().iter().map(|range| (range.start().into(), range.end().into())).collect(),
    };
    let holds = |c: char| ranges.iter().any(|&(start, end)| (start..=end).contains(&c));
    ('a'..='z')
        .chain('0'..='9')
        .chain('A'..='Z')
        .find(|&c| holds(c))
        .or_else(|| ranges.first().map(|&(start, _)| start))
}

#[cfg(test)]
mod tests {
    use shared::formats::workflow::ParameterType;

    use super::*;

    fn parameter(name: &str, kind: ParameterType) -> Parameter {
        Parameter { name: name.into(), kind, required: true, ..Parameter::default() }
    }

    #[test]
    fn every_example_would_be_taken() {
        let text = |pattern: &str| Parameter { pattern: Some(pattern.into()), ..parameter("x", ParameterType::String) };
        let parameters = [
            parameter("team", ParameterType::String),
            parameter("on", ParameterType::Boolean),
            parameter("labels", ParameterType::Map),
            Parameter { min: Some(2.0), ..parameter("members", ParameterType::List) },
            Parameter { min: Some(3.5), max: Some(9.0), ..parameter("size", ParameterType::Number) },
            Parameter { max: Some(-3.0), ..parameter("low", ParameterType::Number) },
            Parameter { min: Some(0.2), max: Some(0.4), ..parameter("part", ParameterType::Number) },
            Parameter { min: Some(40.0), ..parameter("long", ParameterType::String) },
            Parameter { allowed: Some(vec![json!("eu"), json!("us")]), ..parameter("region", ParameterType::String) },
            text("^[a-z][a-z0-9-]{1,30}[a-z0-9]$"),
            text(r"^v\d+\.\d+\.\d+$"),
            text("^(https://|git@)[^ ]+$"),
            text(r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$"),
        ];
        for parameter in parameters {
            let value = value(&parameter);
            assert!(fits(&parameter, &value), "{value} for {parameter:?}");
        }
    }

    #[test]
    fn the_command_line_survives_a_shell() {
        let parameters = [
            Parameter { default: Some(json!("it's")), required: true, ..parameter("who", ParameterType::String) },
            Parameter { allowed: Some(vec![json!("it's $HOME")]), ..parameter("what", ParameterType::String) },
            parameter("labels", ParameterType::Map),
        ];
        assert_eq!(
            command("greet", &parameters),
            r#"slipway golden-path run greet --param 'what=it'\''s $HOME' --param 'labels={"key":"value"}'"#
        );
    }
}
