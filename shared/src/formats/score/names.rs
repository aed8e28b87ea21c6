//! The shapes of names in a Score file.

use std::sync::LazyLock;

use regex::Regex;

use super::super::{
    cursor::Cursor,
    problem::{code, short},
};

pub(super) const LABEL_IS: &str =
    "a name of 2 to 63 lower-case letters, digits and '-' that begins and ends with a letter or digit";
pub(super) const TYPE_IS: &str =
    "a name of 2 to 63 letters, digits and '-' that begins and ends with a letter or digit";

/// A pattern that is written in this source.
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is a constant that the tests compile")
}

pub(super) static LABEL: LazyLock<Regex> = LazyLock::new(|| pattern("^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$"));
pub(super) static TYPE: LazyLock<Regex> = LazyLock::new(|| pattern("^[A-Za-z0-9][A-Za-z0-9-]{0,61}[A-Za-z0-9]$"));
pub(super) static ANNOTATION: LazyLock<Regex> = LazyLock::new(|| {
    let label = "[a-z0-9][a-z0-9-]{0,61}[a-z0-9]";
    pattern(&format!(r"^(?:{label}(?:\.{label})*/)?[A-Za-z0-9][A-Za-z0-9._-]{{0,61}}[A-Za-z0-9]$"))
});
pub(super) static VARIABLE: LazyLock<Regex> = LazyLock::new(|| pattern("^[^=]+$"));
pub(super) static MODE: LazyLock<Regex> = LazyLock::new(|| pattern("^0?[0-7]{3}$"));
pub(super) static MEMORY: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:0\.[0-9]+|[1-9][0-9]*(?:\.[0-9]+)?)(?:[KMGTPE]i?)?$"));
pub(super) static CPU: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[0-9]+(?:m|\.[0-9]+)?$"));
pub(super) static HEADER: LazyLock<Regex> = LazyLock::new(|| pattern("^[A-Za-z0-9_-]+$"));
static ID: LazyLock<Regex> = LazyLock::new(|| {
    let label = "[a-z0-9]+(?:-+[a-z0-9]+)*";
    pattern(&format!(r"^{label}(?:\.{label})*$"))
});

pub(super) fn id(at: &Cursor<'_>) -> Option<String> {
    let what = "an id of 2 to 63 lower-case letters, digits, '-' and '.'";
    let id = at.matching(&ID, what)?;
    if !(2..=63).contains(&id.len()) {
        at.report(code::INVALID_VALUE, format!("'{}' is not {what}", short(id)));
        return None;
    }
    Some(id.to_owned())
}

pub(super) fn check_annotation_length(key: &str, at: &Cursor<'_>) {
    if key.len() > 316 {
        at.report(code::INVALID_VALUE, "an annotation's name has at most 316 characters");
    }
}

pub(super) fn port(at: &Cursor<'_>) -> Option<u16> {
    at.integer(1, 65_535).and_then(|port| u16::try_from(port).ok())
}
