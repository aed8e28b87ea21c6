//! What a step gives back: from its output file, from marked lines, from a JSON object it printed last.

use std::collections::VecDeque;

use serde_json::{Map, Value};

use crate::allowance::size;

/// Bytes that the outputs of one step may have, written as JSON.
pub const LIMIT: usize = 64 * 1024;
/// Bytes of printed lines kept, to find a JSON object at their end.
const TAIL: usize = 64 * 1024;

/// A step's outputs cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputsError {
    /// They are larger than [`LIMIT`].
    #[error("the step's outputs are larger than {LIMIT} bytes")]
    TooLarge,
    /// The output file is neither a JSON object nor lines of `key=value`.
    #[error("line {line} of the output file is neither 'key=value' nor part of a JSON object")]
    Malformed {
        /// Counts from 1.
        line: usize,
    },
}

/// What a step gave back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outputs {
    /// By name.
    pub values: Map<String, Value>,
    /// Names that the step itself marked sensitive.
    pub sensitive: Vec<String>,
}

/// Watches what a step prints.
#[derive(Debug, Default)]
pub struct Printed {
    marked: Map<String, Value>,
    marked_bytes: usize,
    tail: VecDeque<String>,
    tail_bytes: usize,
}

impl Printed {
    /// Takes one line of standard output.
    pub fn line(&mut self, line: &str) {
        if let Some((name, value)) = marked(line) {
            self.marked_bytes += name.len() + value.len();
            // One byte over the limit is enough to know; the rest need not be kept.
            if self.marked_bytes <= LIMIT + 1 {
                self.marked.insert(name.to_owned(), Value::from(value));
            }
            return;
        }
        self.tail_bytes += line.len() + 1;
        self.tail.push_back(line.to_owned());
        while self.tail_bytes > TAIL {
            let Some(first) = self.tail.pop_front() else { break };
            self.tail_bytes -= first.len() + 1;
        }
    }

    /// The JSON object with which the printed lines end, on one line or several.
    fn object(&self) -> Option<Map<String, Value>> {
        let lines: Vec<&str> = self.tail.iter().map(String::as_str).collect();
        let end = lines.iter().rposition(|line| !line.trim().is_empty())?;
        if !lines[end].trim_end().ends_with('}') {
            return None;
        }
        // An object's first line begins with its brace; the nearest one that parses is the outermost that ends here.
        let mut found = None;
        for start in (0..=end).rev().filter(|&at| lines[at].trim_start().starts_with('{')).take(64) {
            if let Ok(object) = serde_json::from_str(&lines[start..=end].join("\n")) {
                found = Some(object);
                break;
            }
        }
        found
    }

    /// Puts everything together: what a file says wins over marked lines, and these over a printed object; a later file wins
    /// over an earlier one.
    ///
    /// # Errors
    /// When it is too much, or a file cannot be read.
    pub fn finish(self, files: &[Option<&[u8]>]) -> Result<Outputs, OutputsError> {
        if self.marked_bytes > LIMIT {
            return Err(OutputsError::TooLarge);
        }
        let mut outputs = Outputs { values: self.object().unwrap_or_default(), sensitive: Vec::new() };
        outputs.values.extend(self.marked);
        for file in files.iter().flatten() {
            let read = read_file(file)?;
            outputs.values.extend(read.values);
            outputs.sensitive.extend(read.sensitive);
        }
        outputs.values = storable(outputs.values)?;
        Ok(outputs)
    }
}

/// As Postgres can hold them.
///
/// # Errors
/// When they are larger than [`LIMIT`].
pub fn storable(values: Map<String, Value>) -> Result<Map<String, Value>, OutputsError> {
    let values: Map<_, _> = values.into_iter().map(|(key, value)| (without_nul(&key), clean(value))).collect();
    if size(&values) > LIMIT { Err(OutputsError::TooLarge) } else { Ok(values) }
}

/// `::set-output name=key::value` and `OUTPUT_key=value`.
fn marked(line: &str) -> Option<(&str, &str)> {
    let pair = match line.strip_prefix("::set-output name=") {
        Some(rest) => rest.split_once("::"),
        None => line.strip_prefix("OUTPUT_")?.split_once('='),
    };
    pair.filter(|(name, _)| is_name(name))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 128 && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// A JSON object, or lines of `key=value`.
fn read_file(file: &[u8]) -> Result<Outputs, OutputsError> {
    if file.len() > LIMIT * 2 {
        return Err(OutputsError::TooLarge);
    }
    let text = String::from_utf8_lossy(file);
    if text.trim_start().starts_with('{')
        && let Ok(object) = serde_json::from_str::<Map<String, Value>>(text.trim())
    {
        return Ok(unwrap_terraform(object));
    }
    let mut outputs = Outputs::default();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split_once('=').map(|(name, value)| (name.trim(), value)).filter(|(name, _)| is_name(name)) {
            Some((name, value)) => outputs.values.insert(name.to_owned(), Value::from(value)),
            None => return Err(OutputsError::Malformed { line: number + 1 }),
        };
    }
    Ok(outputs)
}

/// `terraform output -json` wraps each value as `{"sensitive", "type", "value"}`; takes the values out.
fn unwrap_terraform(object: Map<String, Value>) -> Outputs {
    let wrapped = |value: &Value| {
        value.as_object().is_some_and(|inner| {
            inner.len() == 3
                && inner.contains_key("value")
                && inner.contains_key("type")
                && inner["sensitive"].is_boolean()
        })
    };
    if object.is_empty() || !object.values().all(wrapped) {
        return Outputs { values: object, sensitive: Vec::new() };
    }
    let mut outputs = Outputs::default();
    for (name, mut wrapper) in object {
        if wrapper["sensitive"] == Value::Bool(true) {
            outputs.sensitive.push(name.clone());
        }
        outputs.values.insert(name, wrapper["value"].take());
    }
    outputs
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Postgres' `jsonb` cannot hold NUL.
fn clean(value: Value) -> Value {
    match value {
        Value::String(text) => Value::from(without_nul(&text)),
        Value::Array(items) => items.into_iter().map(clean).collect(),
        Value::Object(map) => {
            Value::Object(map.into_iter().map(|(key, item)| (without_nul(&key), clean(item))).collect())
        }
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn printed(lines: &[&str], file: Option<&str>) -> Result<Value, OutputsError> {
        let mut printed = Printed::default();
        lines.iter().for_each(|line| printed.line(line));
        printed.finish(&[file.map(str::as_bytes)]).map(|outputs| Value::Object(outputs.values))
    }

    #[test]
    fn every_form_is_understood() {
        assert_eq!(printed(&["::set-output name=url::http://x::y"], None).unwrap(), json!({"url": "http://x::y"}));
        assert_eq!(printed(&["OUTPUT_user=app=1"], None).unwrap(), json!({"user": "app=1"}));
        assert_eq!(printed(&["working", r#"{"port": 5432}"#, ""], None).unwrap(), json!({"port": 5432}));
        assert_eq!(
            printed(&["x", "{", "  \"a\": {", "    \"b\": 1", "  }", "}"], None).unwrap(),
            json!({"a": {"b": 1}})
        );
        assert_eq!(printed(&[], Some("a=1\n# note\n\nb = x y\n")).unwrap(), json!({"a": "1", "b": " x y"}));
        assert_eq!(printed(&[], Some(r#"{"n": 1, "on": false}"#)).unwrap(), json!({"n": 1, "on": false}));
    }

    #[test]
    fn the_file_wins_over_lines_and_lines_over_a_printed_object() {
        let lines = ["OUTPUT_b=line", r#"{"a": "printed", "b": "printed", "c": "printed"}"#];
        assert_eq!(printed(&lines, Some("c=file")).unwrap(), json!({"a": "printed", "b": "line", "c": "file"}));
    }

    #[test]
    fn a_terraform_output_file_is_unwrapped_with_its_sensitive_names() {
        let file = r#"{"url": {"sensitive": true, "type": "string", "value": "u"}, "n": {"sensitive": false, "type": "number", "value": 2}}"#;
        let outputs = Printed::default().finish(&[Some(file.as_bytes())]).unwrap();
        assert_eq!(Value::Object(outputs.values), json!({"url": "u", "n": 2}));
        assert_eq!(outputs.sensitive, ["url"]);
    }

    #[test]
    fn too_much_and_nonsense_are_refused() {
        assert_eq!(printed(&[], Some("what is this")), Err(OutputsError::Malformed { line: 1 }));
        let large = format!("a={}", "x".repeat(LIMIT));
        assert_eq!(printed(&[], Some(&large)), Err(OutputsError::TooLarge));
        assert_eq!(printed(&[&format!("OUTPUT_{large}")], None), Err(OutputsError::TooLarge));
    }

    #[test]
    fn ordinary_text_is_no_output() {
        assert_eq!(printed(&["done }", "OUTPUT_no value", "OUTPUT_bad name=1"], None).unwrap(), json!({}));
    }
}
