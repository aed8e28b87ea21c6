//! The functions that templates may call beside Go's own. Argument order is that of the Sprig library, with the value
//! worked on last, so that it can be piped in.

use gtmpl_ng::{Func, FuncError, Value as Go};

use super::{
    UNKNOWN,
    chain::{MAY, MUST},
    convert::to_json,
};

type Made = Result<Go, FuncError>;

/// By the names that templates use.
pub(super) const FUNCTIONS: &[(&str, Func)] = &[
    (MUST, must),
    (MAY, may),
    ("default", default),
    ("coalesce", coalesce),
    ("empty", |args| Ok(Go::Bool(is_empty(arg(args, 0, "empty")?)))),
    ("quote", quote),
    ("toJson", to_json_text),
    ("now", now),
    ("lower", |args| Ok(Go::String(text(args, 0, "lower")?.to_lowercase()))),
    ("upper", |args| Ok(Go::String(text(args, 0, "upper")?.to_uppercase()))),
    ("trim", |args| Ok(Go::String(text(args, 0, "trim")?.trim().to_owned()))),
    ("trimPrefix", |args| {
        let (cut, text) = (text(args, 0, "trimPrefix")?, text(args, 1, "trimPrefix")?);
        Ok(Go::String(text.strip_prefix(cut).unwrap_or(text).to_owned()))
    }),
    ("trimSuffix", |args| {
        let (cut, text) = (text(args, 0, "trimSuffix")?, text(args, 1, "trimSuffix")?);
        Ok(Go::String(text.strip_suffix(cut).unwrap_or(text).to_owned()))
    }),
    ("replace", replace),
    ("join", join),
    ("contains", |args| Ok(Go::Bool(text(args, 1, "contains")?.contains(text(args, 0, "contains")?)))),
    ("hasPrefix", |args| Ok(Go::Bool(text(args, 1, "hasPrefix")?.starts_with(text(args, 0, "hasPrefix")?)))),
    ("hasSuffix", |args| Ok(Go::Bool(text(args, 1, "hasSuffix")?.ends_with(text(args, 0, "hasSuffix")?)))),
];

/// Bytes that one function may make.
pub(super) const MAX_VALUE_BYTES: usize = 4 * 1024 * 1024;
/// Names that a message lists.
const MAX_NAMES: usize = 12;

fn failed(reason: impl Into<String>) -> FuncError {
    FuncError::Generic(reason.into())
}

fn arg<'a>(args: &'a [Go], at: usize, function: &str) -> Result<&'a Go, FuncError> {
    args.get(at).ok_or_else(|| failed(format!("{function} needs at least {} argument(s)", at + 1)))
}

fn text<'a>(args: &'a [Go], at: usize, function: &str) -> Result<&'a str, FuncError> {
    match arg(args, at, function)? {
        Go::String(text) => Ok(text),
        other => Err(failed(format!("{function} needs a string, not {}", kind(other)))),
    }
}

fn kind(value: &Go) -> &'static str {
    match value {
        Go::NoValue => "nothing",
        Go::Nil => "null",
        Go::Bool(_) => "a boolean",
        Go::String(_) => "a string",
        Go::Object(_) | Go::Map(_) => "a map",
        Go::Array(_) => "a list",
        Go::Function(_) => "a function",
        Go::Number(_) => "a number",
    }
}

/// How a chain ended.
enum Found<'a> {
    There(&'a Go),
    Missing { reason: String },
}

/// Follows a chain: its text, the value it starts from, its names.
fn follow(args: &[Go]) -> Result<Found<'_>, FuncError> {
    let shown = text(args, 0, "field")?;
    let mut value = arg(args, 1, "field")?;
    for (at, name) in args[2..].iter().enumerate() {
        if let Some(shown) = unknown(value) {
            return Ok(Found::There(shown));
        }
        let Go::String(name) = name else { return Err(failed("a field's name must be a string")) };
        // The text up to here, for the message.
        let parent: String = shown.splitn(at + 2, '.').take(at + 1).collect::<Vec<_>>().join(".");
        let parent = if parent.is_empty() { "." } else { &parent };
        value = match value {
            Go::Map(fields) | Go::Object(fields) => match fields.get(name) {
                Some(value) => value,
                None => {
                    let mut names: Vec<&str> = fields.keys().map(String::as_str).collect();
                    names.sort_unstable();
                    let more = if names.len() > MAX_NAMES { ", …" } else { "" };
                    let there = match names.len() {
                        0 => format!("'{parent}' is empty"),
                        _ => format!("'{parent}' has: {}{more}", names[..names.len().min(MAX_NAMES)].join(", ")),
                    };
                    return Ok(Found::Missing { reason: format!("'{shown}' does not exist: {there}") });
                }
            },
            other => {
                let reason = format!("'{shown}' does not exist: '{parent}' is {}, not a map", kind(other));
                return Ok(Found::Missing { reason });
            }
        };
    }
    Ok(Found::There(unknown(value).unwrap_or(value)))
}

/// What stands in a text for a value that is not known yet, when this is one.
fn unknown(value: &Go) -> Option<&Go> {
    match value {
        Go::Map(fields) | Go::Object(fields) => fields.get(UNKNOWN),
        _ => None,
    }
}

/// Why a chain leads nowhere, for its author.
pub(super) fn missing(from: &Go, names: &[&str]) -> String {
    let shown: String = names.iter().flat_map(|name| [".", name]).collect();
    let mut args = vec![Go::String(shown.clone()), from.clone()];
    args.extend(names.iter().map(|name| Go::String((*name).to_owned())));
    match follow(&args) {
        Ok(Found::Missing { reason }) => reason,
        _ => format!("'{shown}' does not exist"),
    }
}

fn must(args: &[Go]) -> Made {
    match follow(args)? {
        Found::There(Go::Nil | Go::NoValue) => {
            let shown = text(args, 0, "field")?;
            Err(failed(format!(
                "'{shown}' is null; give it a value, or write what stands for it: {{{{ {shown} | default \"…\" }}}}"
            )))
        }
        Found::There(value) => Ok(value.clone()),
        Found::Missing { reason } => Err(failed(reason)),
    }
}

fn may(args: &[Go]) -> Made {
    Ok(match follow(args)? {
        Found::There(value) => value.clone(),
        Found::Missing { .. } => Go::NoValue,
    })
}

fn is_empty(value: &Go) -> bool {
    match value {
        Go::NoValue | Go::Nil => true,
        Go::Bool(value) => !value,
        Go::String(text) => text.is_empty(),
        Go::Object(fields) | Go::Map(fields) => fields.is_empty(),
        Go::Array(values) => values.is_empty(),
        Go::Function(_) => false,
        Go::Number(number) => number.as_f64() == Some(0.0),
    }
}

fn default(args: &[Go]) -> Made {
    let instead = arg(args, 0, "default")?;
    Ok(args.get(1).filter(|value| !is_empty(value)).unwrap_or(instead).clone())
}

fn coalesce(args: &[Go]) -> Made {
    Ok(args.iter().find(|value| !is_empty(value)).cloned().unwrap_or(Go::Nil))
}

fn quote(args: &[Go]) -> Made {
    let quoted: Vec<String> = args
        .iter()
        .filter(|value| !matches!(value, Go::Nil | Go::NoValue))
        .map(|value| serde_json::Value::String(value.to_string()).to_string())
        .collect();
    Ok(Go::String(quoted.join(" ")))
}

fn to_json_text(args: &[Go]) -> Made {
    Ok(Go::String(to_json(arg(args, 0, "toJson")?).to_string()))
}

/// UTC, as `2026-11-21T02:30:00Z`.
fn now(_: &[Go]) -> Made {
    Ok(Go::String(chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true)))
}

/// `replace OLD NEW TEXT`
fn replace(args: &[Go]) -> Made {
    let (old, new, text) = (text(args, 0, "replace")?, text(args, 1, "replace")?, text(args, 2, "replace")?);
    // Judged before it is made: an empty OLD stands between all characters.
    let times = text.matches(old).count();
    let bytes = text.len().saturating_add(times.saturating_mul(new.len()));
    if bytes > MAX_VALUE_BYTES {
        return Err(failed(format!("replace would make {bytes} bytes; at most {MAX_VALUE_BYTES} are allowed")));
    }
    Ok(Go::String(text.replace(old, new)))
}

/// `join SEPARATOR LIST`
fn join(args: &[Go]) -> Made {
    let separator = text(args, 0, "join")?;
    let Go::Array(values) = arg(args, 1, "join")? else {
        return Err(failed(format!("join needs a list, not {}", kind(arg(args, 1, "join")?))));
    };
    let texts: Vec<String> = values.iter().map(Go::to_string).collect();
    Ok(Go::String(texts.join(separator)))
}
