//! Walks a parsed document and collects what is wrong with it, so that one reading reports everything.

use std::{cell::RefCell, rc::Rc};

use regex::Regex;
use serde_json::{Map, Value};

use super::{
    problem::{MAX_PROBLEMS, Problem, Warning, code, did_you_mean, nearest, pointer, short},
    yaml::{self, Position, Positions},
};

/// A document that is being read.
#[derive(Debug)]
pub(crate) struct Document {
    value: Value,
    positions: Positions,
    file: Option<String>,
    found: RefCell<Found>,
}

#[derive(Debug, Default)]
struct Found {
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
    left_out: usize,
    suggestions: usize,
}

/// Names of a document for which similar ones are looked for: each costs a comparison with all that could be meant.
const MAX_SUGGESTIONS: usize = 100;
/// Names that one is compared with.
const MAX_CANDIDATES: usize = 300;

impl Document {
    /// Reads the text; `file` is named in problems.
    pub(crate) fn parse(text: &str, file: Option<&str>) -> Result<Rc<Self>, Vec<Problem>> {
        match yaml::parse(text) {
            Ok((value, positions)) => Ok(Self::new(value, positions, file)),
            Err(problems) => {
                Err(problems.into_iter().map(|problem| Problem { file: file.map(str::to_owned), ..problem }).collect())
            }
        }
    }

    /// A document whose values were changed after it was read; places are those of the text.
    pub(crate) fn new(value: Value, positions: Positions, file: Option<&str>) -> Rc<Self> {
        Rc::new(Self { value, positions, file: file.map(str::to_owned), found: RefCell::default() })
    }

    /// The whole of it.
    pub(crate) fn root(&self) -> Cursor<'_> {
        Cursor { document: self, value: &self.value, path: String::new() }
    }

    /// Where its values are.
    pub(crate) const fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Adds a problem at `path`.
    pub(crate) fn report(&self, code: &'static str, path: &str, message: impl Into<String>) {
        // To find a place takes longer than to count.
        if self.is_full() {
            self.found.borrow_mut().left_out += 1;
            return;
        }
        self.report_placed(code, path, self.positions.of(path), message);
    }

    fn is_full(&self) -> bool {
        self.found.borrow().problems.len() >= MAX_PROBLEMS
    }

    fn report_placed(&self, code: &'static str, path: &str, place: Option<Position>, message: impl Into<String>) {
        let mut found = self.found.borrow_mut();
        if found.problems.len() >= MAX_PROBLEMS {
            found.left_out += 1;
            return;
        }
        let problem = Problem::new(code, message).at(path).placed(place);
        found.problems.push(Problem { file: self.file.clone(), ..problem });
    }

    pub(crate) fn warn(&self, path: &str, message: impl Into<String>) {
        if self.found.borrow().warnings.len() >= MAX_PROBLEMS {
            return;
        }
        let position = self.positions.of(path);
        let warning = Warning {
            message: message.into(),
            path: path.to_owned(),
            line: position.map(|position| position.line),
            column: position.map(|position| position.column),
        };
        self.found.borrow_mut().warnings.push(warning);
    }

    /// Whether one more name is worth a search.
    fn may_suggest(&self) -> bool {
        let mut found = self.found.borrow_mut();
        found.suggestions += 1;
        found.suggestions <= MAX_SUGGESTIONS
    }

    pub(crate) fn has_problems(&self) -> bool {
        !self.found.borrow().problems.is_empty()
    }

    /// Gives back `value` when nothing was wrong.
    pub(crate) fn finish<T>(&self, value: T) -> Result<(T, Vec<Warning>), Vec<Problem>> {
        let found = self.found.take();
        let mut problems = found.problems;
        if problems.is_empty() {
            return Ok((value, found.warnings));
        }
        problems.sort_by_key(|problem| (problem.line, problem.column));
        if found.left_out > 0 {
            problems.push(Problem::new(code::LIMIT, format!("and {} more problems", found.left_out)));
        }
        Err(problems)
    }
}

/// One value of a document, and where it is.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    document: &'a Document,
    pub(crate) value: &'a Value,
    pub(crate) path: String,
}

/// A mapping whose keys are all known by name.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    pub(crate) at: Cursor<'a>,
    map: &'a Map<String, Value>,
}

impl<'a> Cursor<'a> {
    pub(crate) fn report(&self, code: &'static str, message: impl Into<String>) {
        self.document.report(code, &self.path, message);
    }

    /// A problem at a character (from 1) of this string; where that has no place of its own, the message says it.
    pub(crate) fn report_within(&self, code: &'static str, column: u32, message: &str) {
        match self.document.positions.within(&self.path, column) {
            Some(place) => self.document.report_placed(code, &self.path, Some(place), message),
            None => self.report(code, format!("{message} (at character {column} of the text)")),
        }
    }

    pub(crate) fn warn(&self, message: impl Into<String>) {
        self.document.warn(&self.path, message);
    }

    fn child(&self, key: &str, value: &'a Value) -> Self {
        Self { document: self.document, value, path: pointer(&self.path, key) }
    }

    fn expect(&self, what: &str) {
        self.report(code::WRONG_TYPE, format!("expected {what}, found {}", type_name(self.value)));
    }

    /// A mapping with any keys.
    pub(crate) fn entries(&self) -> Vec<(&'a str, Cursor<'a>)> {
        match self.value {
            Value::Object(map) => map.iter().map(|(key, value)| (key.as_str(), self.child(key, value))).collect(),
            _ => {
                self.expect("a mapping");
                Vec::new()
            }
        }
    }

    /// A mapping of these keys only; others are reported with the nearest allowed.
    pub(crate) fn fields(&self, allowed: &[&str]) -> Option<Fields<'a>> {
        let fields = self.open_fields()?;
        for key in fields.map.keys() {
            if !allowed.contains(&key.as_str()) {
                self.unknown_key(key, allowed);
            }
        }
        Some(fields)
    }

    /// `; did you mean …?` of those that look like a name; nothing once a document has had many of them.
    pub(crate) fn suggest<'n>(&self, name: &str, candidates: impl IntoIterator<Item = &'n str>) -> String {
        if !self.document.may_suggest() {
            return String::new();
        }
        did_you_mean(&nearest(name, candidates.into_iter().take(MAX_CANDIDATES)))
    }

    /// Whether a key is one of `known` with a letter or two wrong; no longer looked at once a document has had many.
    pub(crate) fn mistyped(&self, key: &str, known: &[&str]) -> bool {
        self.document.may_suggest() && mistyped(key, known)
    }

    /// A mapping of these keys; others only earn a warning, unless they look like one of these mistyped.
    pub(crate) fn tolerant_fields(&self, known: &[&str]) -> Option<Fields<'a>> {
        let fields = self.open_fields()?;
        for key in fields.map.keys().filter(|key| !known.contains(&key.as_str())) {
            if self.mistyped(key, known) {
                self.unknown_key(key, known);
            } else {
                self.document.warn(&pointer(&self.path, key), format!("'{}' means nothing here", short(key)));
            }
        }
        Some(fields)
    }

    pub(crate) fn unknown_key(&self, key: &str, allowed: &[&str]) {
        let hint = match self.suggest(key, allowed.iter().copied()) {
            hint if hint.is_empty() => format!("; allowed here: {}", allowed.join(", ")),
            hint => hint,
        };
        self.document.report(
            code::UNKNOWN_KEY,
            &pointer(&self.path, key),
            format!("unknown key '{}'{hint}", short(key)),
        );
    }

    /// A mapping some of whose keys are known.
    pub(crate) fn open_fields(&self) -> Option<Fields<'a>> {
        match self.value {
            Value::Object(map) => Some(Fields { at: self.clone(), map }),
            _ => {
                self.expect("a mapping");
                None
            }
        }
    }

    pub(crate) fn items(&self) -> Vec<Cursor<'a>> {
        match self.value {
            Value::Array(items) => {
                items.iter().enumerate().map(|(index, item)| self.child(&index.to_string(), item)).collect()
            }
            _ => {
                self.expect("a list");
                Vec::new()
            }
        }
    }

    pub(crate) fn string(&self) -> Option<&'a str> {
        let text = self.value.as_str();
        if text.is_none() {
            self.expect("a string");
        }
        text
    }

    /// A string that is not empty.
    pub(crate) fn text(&self) -> Option<&'a str> {
        let text = self.string()?;
        if text.is_empty() {
            self.report(code::INVALID_VALUE, "must not be empty");
            return None;
        }
        Some(text)
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        let value = self.value.as_bool();
        if value.is_none() {
            self.expect("true or false");
        }
        value
    }

    /// A whole number between two bounds, both allowed.
    pub(crate) fn integer(&self, least: i64, most: i64) -> Option<i64> {
        // A float without a fraction is an integer to JSON Schema.
        let number = self
            .value
            .as_i64()
            .or_else(|| self.value.as_f64().filter(|n| n.fract() == 0.0 && n.abs() < 9e15).map(|n| n as i64));
        let Some(number) = number else {
            self.expect("a whole number");
            return None;
        };
        if !(least..=most).contains(&number) {
            self.report(code::INVALID_VALUE, format!("{number} is not between {least} and {most}"));
            return None;
        }
        Some(number)
    }

    pub(crate) fn choice(&self, allowed: &[&'static str]) -> Option<&'static str> {
        let text = self.string()?;
        let found = allowed.iter().copied().find(|name| *name == text);
        if found.is_none() {
            let message = format!("'{}' is not one of: {}", short(text), allowed.join(", "));
            self.report(code::INVALID_VALUE, message);
        }
        found
    }

    /// A string that fits a pattern; `what` says what the pattern means.
    pub(crate) fn matching(&self, pattern: &Regex, what: &str) -> Option<&'a str> {
        let text = self.string()?;
        if !pattern.is_match(text) {
            self.report(code::INVALID_VALUE, format!("'{}' is not {what}", short(text)));
            return None;
        }
        Some(text)
    }

    /// The keys of a mapping that fit a pattern.
    pub(crate) fn named(&self, pattern: &Regex, what: &str) -> Vec<(&'a str, Cursor<'a>)> {
        let mut entries = self.entries();
        entries.retain(|(key, at)| {
            let fits = pattern.is_match(key);
            if !fits {
                at.report(code::INVALID_VALUE, format!("'{}' is not {what}", short(key)));
            }
            fits
        });
        entries
    }

    pub(crate) fn strings(&self) -> Vec<String> {
        self.items().iter().filter_map(|item| item.string().map(str::to_owned)).collect()
    }

    pub(crate) fn map(&self) -> Option<&'a Map<String, Value>> {
        self.open_fields().map(|fields| fields.map)
    }
}

impl<'a> Fields<'a> {
    /// The value of a key, if it is there. YAML's `key:` with nothing after it counts as not there.
    pub(crate) fn get(&self, key: &str) -> Option<Cursor<'a>> {
        self.map.get(key).filter(|value| !value.is_null()).map(|value| self.at.child(key, value))
    }

    /// The value of a key, null too.
    pub(crate) fn given(&self, key: &str) -> Option<Cursor<'a>> {
        self.map.get(key).map(|value| self.at.child(key, value))
    }

    /// The value of a key that must be there.
    pub(crate) fn need(&self, key: &str) -> Option<Cursor<'a>> {
        let found = self.get(key);
        if found.is_none() {
            let at = if self.map.contains_key(key) { pointer(&self.at.path, key) } else { self.at.path.clone() };
            self.at.document.report(code::MISSING_KEY, &at, format!("'{key}' is missing"));
        }
        found
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.map.keys().map(String::as_str)
    }
}

/// Whether a key is one of `known` with a letter or two wrong, and not merely something similar.
fn mistyped(key: &str, known: &[&str]) -> bool {
    let key: String = key.chars().take(64).collect();
    let far = if key.len() > 5 { 2 } else { 1 };
    known.iter().any(|name| {
        name.len() > 2 && (name.eq_ignore_ascii_case(&key) || strsim::damerau_levenshtein(name, &key) <= far)
    })
}

pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}
