//! What a template is, and what it becomes.
//!
//! A string with `{{` in it is a template in the dialect of Go's `text/template`. One that is exactly one field
//! (`{{ .parameters.replicas }}`) becomes that field's value with its type: a number, a list, a map, null. Any other
//! becomes text. A field that is written must exist; a condition (`if`, `with`, `range`, `and`, `or`, `not`,
//! `default`) may ask for one that does not.

use std::{
    cell::OnceCell,
    time::{Duration, Instant},
};

use gtmpl_ng::{Context, ExecError, ParseError, Template};
use serde_json::{Map, Value};
use shared::formats::condition;

use super::{
    RenderRequest, RenderResponse, UNKNOWN, chain,
    convert::to_go,
    functions::{FUNCTIONS, MAX_VALUE_BYTES},
    wire::MAX_ANSWER_BYTES,
};

/// When rendering stops by itself, with a better message than the death of its process would give.
const DEADLINE: Duration = Duration::from_millis(1_500);

/// What one request may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) deadline: Instant,
    /// Of everything rendered.
    pub(super) bytes: usize,
}

impl Limits {
    /// For a request that is looked at now.
    pub(super) fn from_now() -> Self {
        Self { deadline: Instant::now() + DEADLINE, bytes: MAX_ANSWER_BYTES }
    }
}

/// Why a request was not rendered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Wrong { path: String, line: usize, reason: String },
    TooLarge,
    TooLong,
}

/// Whether any string in a value is a template.
pub(super) fn is_in(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains("{{"),
        Value::Array(values) => values.iter().any(is_in),
        Value::Object(fields) => fields.values().any(is_in),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether every template in a value is exactly one field: that is looked up, and nothing is carried out.
pub(super) fn is_plain(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.contains("{{") || chain::sole(text).is_some(),
        Value::Array(values) => values.iter().all(is_plain),
        Value::Object(fields) => fields.values().all(is_plain),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Looks at the condition; renders `values` over the context, then `then` over what `values` became.
pub(super) fn render(request: RenderRequest, limits: Limits) -> Result<RenderResponse, Failure> {
    let condition = match &request.condition {
        Some(cel) => Some(condition::evaluate(cel, &request.context).map_err(|reason| Failure::Wrong {
            path: "if".to_owned(),
            line: 1,
            reason,
        })?),
        None => None,
    };
    if condition == Some(false) {
        return Ok(RenderResponse { condition, ..RenderResponse::default() });
    }
    let mut left = limits.bytes;
    let values = Pass::new(Value::Object(request.context), limits.deadline).map(request.values, &mut left)?;
    let then = Pass::new(Value::Object(values.clone()), limits.deadline).map(request.then, &mut left)?;
    Ok(RenderResponse { values, then, condition })
}

/// Rendering over one context.
struct Pass {
    seen: Value,
    /// The same for templates that are more than one field; made when the first of them comes.
    context: OnceCell<Context>,
    deadline: Instant,
}

impl Pass {
    fn new(seen: Value, deadline: Instant) -> Self {
        Self { seen, context: OnceCell::new(), deadline }
    }

    fn map(&self, values: Map<String, Value>, left: &mut usize) -> Result<Map<String, Value>, Failure> {
        let rendered = values.into_iter().map(|(name, value)| {
            let value = self.value(value, &name, left)?;
            Ok((name, value))
        });
        rendered.collect()
    }

    fn value(&self, value: Value, path: &str, left: &mut usize) -> Result<Value, Failure> {
        let value = match value {
            Value::String(text) if text.contains("{{") => self.template(&text, path, *left)?,
            Value::Array(values) => {
                let values = values.into_iter().enumerate();
                let values = values.map(|(at, value)| self.value(value, &format!("{path}[{at}]"), left));
                return Ok(Value::Array(values.collect::<Result<_, _>>()?));
            }
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(name, value)| {
                    let value = self.value(value, &format!("{path}.{name}"), left)?;
                    Ok((name, value))
                });
                return Ok(Value::Object(fields.collect::<Result<_, _>>()?));
            }
            other => other,
        };
        *left = left.checked_sub(size(&value)).ok_or(Failure::TooLarge)?;
        Ok(value)
    }

    fn template(&self, source: &str, path: &str, left: usize) -> Result<Value, Failure> {
        if let Some(names) = chain::sole(source) {
            return self.field(&names, path);
        }
        let remaining = self.deadline.saturating_duration_since(Instant::now());
        let limits = gtmpl_ng::Limits::default()
            .with_output_bytes(left)
            .with_function_output(MAX_VALUE_BYTES)
            .with_deadline(remaining.max(Duration::from_millis(1)));
        let mut template = Template::with_limits(limits);
        template.add_funcs(FUNCTIONS);
        let wrong = |line: usize, reason: String| Failure::Wrong { path: path.to_owned(), line: line.max(1), reason };
        template.parse(chain::rewrite(source)).map_err(|error| match error {
            ParseError::WithContext(at, message) => wrong(at.line, message),
            other => wrong(1, other.to_string()),
        })?;
        match template.render(self.context.get_or_init(|| Context::from(to_go(&self.seen)))) {
            Ok(text) => Ok(Value::String(text)),
            Err(_) if Instant::now() >= self.deadline => Err(Failure::TooLong),
            Err(ExecError::Structured(error)) => Err(wrong(error.context.line, error.message)),
            Err(other) => Err(wrong(1, other.to_string())),
        }
    }

    /// The value of a field as it is. Only a chain through what does not exist is an error.
    fn field(&self, names: &[&str], path: &str) -> Result<Value, Failure> {
        let mut value = &self.seen;
        for name in names {
            if let Some(shown) = unknown_json(value) {
                return Ok(Value::from(shown));
            }
            value = match value.get(name) {
                Some(value) => value,
                None => {
                    let reason = super::functions::missing(&to_go(&self.seen), names);
                    return Err(Failure::Wrong { path: path.to_owned(), line: 1, reason });
                }
            };
        }
        Ok(unknown_json(value).map_or_else(|| value.clone(), Value::from))
    }
}

/// What stands in a text for a value that is not known yet, when this is one.
fn unknown_json(value: &Value) -> Option<&str> {
    value.get(UNKNOWN)?.as_str()
}

/// About the bytes that a value takes as JSON.
pub(super) fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(text) => text.len() + 2,
        Value::Array(values) => 2 + values.iter().map(|value| size(value) + 1).sum::<usize>(),
        Value::Object(fields) => 2 + fields.iter().map(|(name, value)| name.len() + 4 + size(value)).sum::<usize>(),
    }
}
