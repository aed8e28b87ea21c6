//! CEL out of the parts of a condition.

use super::older::{Names, Operand, Operator, WORDS};
use crate::formats::parameter::ParameterType;

/// CEL for two values.
pub(super) fn compared(left: &Operand, operator: Operator, right: &Operand) -> String {
    let sure = |a: &Operand, b: &Operand| -> Option<(String, String)> {
        let (Operand::Value(cel, Some(kind)), Operand::Text(text, quoted)) = (a, b) else { return None };
        let literal = match kind {
            ParameterType::Number | ParameterType::Integer => number(text).filter(|_| !quoted)?,
            ParameterType::Boolean => Some(text.clone()).filter(|text| matches!(text.as_str(), "true" | "false"))?,
            ParameterType::String | ParameterType::Enum if text.parse::<f64>().is_err() => quote(text),
            _ => return None,
        };
        Some((cel.clone(), literal))
    };
    let symbol = match operator {
        Operator::Equal => "==",
        Operator::NotEqual => "!=",
        Operator::AtMost => "<=",
        Operator::AtLeast => ">=",
        Operator::Less => "<",
        Operator::Greater => ">",
        Operator::Contains | Operator::StartsWith | Operator::EndsWith | Operator::Matches => {
            let method = WORDS.into_iter().find(|(_, other)| *other == operator).map_or("contains", |(word, _)| word);
            return format!("{}.{method}({})", text_of(left), text_of(right));
        }
    };
    let equality = matches!(operator, Operator::Equal | Operator::NotEqual);
    if equality
        && let Operand::Value(cel, _) = left
        && matches!(right, Operand::Text(text, false) if matches!(text.as_str(), "null" | "nil"))
    {
        return format!("{cel} {symbol} null");
    }
    let ordered = |kind: &ParameterType| matches!(kind, ParameterType::Number | ParameterType::Integer);
    if let Some((cel, literal)) = sure(left, right)
        && (equality || matches!(left, Operand::Value(_, Some(kind)) if ordered(kind)))
    {
        return format!("{cel} {symbol} {literal}");
    }
    let (left, right) = (value_of(left), value_of(right));
    match operator {
        Operator::Equal => format!("same({left}, {right})"),
        Operator::NotEqual => format!("!same({left}, {right})"),
        _ => format!("compare({left}, {right}) {symbol} 0"),
    }
}

/// A number as CEL writes it.
fn number(text: &str) -> Option<String> {
    let plain = text.strip_prefix('-').unwrap_or(text);
    let digits = |text: &str| !text.is_empty() && text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
    let fits = match plain.split_once('.') {
        Some((whole, part)) => digits(whole) && digits(part),
        None => digits(plain) && (plain.len() == 1 || !plain.starts_with('0')),
    };
    fits.then(|| text.to_owned())
}

fn value_of(operand: &Operand) -> String {
    match operand {
        Operand::Condition(cel) | Operand::Value(cel, _) => cel.clone(),
        Operand::Text(text, false) if matches!(text.as_str(), "true" | "false") => text.clone(),
        Operand::Text(text, false) => number(text).unwrap_or_else(|| quote(text)),
        Operand::Text(text, true) => quote(text),
    }
}

pub(super) fn text_of(operand: &Operand) -> String {
    match operand {
        Operand::Value(cel, Some(ParameterType::String | ParameterType::Enum)) => cel.clone(),
        Operand::Condition(cel) | Operand::Value(cel, _) => format!("text({cel})"),
        Operand::Text(text, _) => quote(text),
    }
}

/// CEL for something that is taken as true or false.
pub(super) fn truth_of(operand: &Operand) -> String {
    match operand {
        Operand::Condition(cel) | Operand::Value(cel, Some(ParameterType::Boolean)) => cel.clone(),
        Operand::Value(cel, _) => format!("truthy({cel})"),
        Operand::Text(text, _) => format!("truthy({})", quote(text)),
    }
}

/// CEL for a value that a file names. What may be missing is asked for, so that it is null and no error.
pub(super) fn value(path: &[String], names: &dyn Names) -> Operand {
    let at = |index: usize| path.get(index).map_or("", String::as_str);
    let (mut cel, kind, rest) = match at(0) {
        "steps" => (field("steps", at(1)), None, 2),
        "parameters" => {
            let kind = if path.len() == 2 { names.certain_type(at(1)) } else { None };
            (field("parameters", at(1)), kind, 2)
        }
        root => (root.to_owned(), None, 1),
    };
    for (index, key) in path.iter().enumerate().skip(rest) {
        let known = (at(0) == "steps" && index == 2) || (at(0) == "run" && index == 1);
        cel = if known { format!("{cel}.{key}") } else { format!("get({cel}, {})", quote(key)) };
    }
    Operand::Value(cel, kind)
}

/// `parent.name`, or `parent["name"]` where the name is no identifier.
pub(super) fn field(parent: &str, name: &str) -> String {
    const RESERVED: [&str; 5] = ["true", "false", "null", "in", "as"];
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.is_empty()
        && !name.as_bytes()[0].is_ascii_digit()
        && !RESERVED.contains(&name);
    if plain { format!("{parent}.{name}") } else { format!("{parent}[{}]", quote(name)) }
}

/// A text as CEL writes it. Never has `{{` or `${` in it: those would make the whole a condition of an older dialect.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    let mut last = ' ';
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            '{' if matches!(last, '{' | '$') => quoted.push_str("\\u007b"),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
        last = c;
    }
    quoted.push('"');
    quoted
}
