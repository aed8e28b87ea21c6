//! What is wrong with a file that people wrote, and where.

use std::fmt;

use serde::Serialize;

/// Problems reported for one file at most; the last says how many were left out.
pub const MAX_PROBLEMS: usize = 100;

/// Stable codes of problems.
pub mod code {
    /// The text is no YAML or JSON.
    pub const SYNTAX: &str = "syntax";
    /// Larger or deeper than any file of this kind may be.
    pub const LIMIT: &str = "limit";
    /// A key appears twice in one mapping.
    pub const DUPLICATE_KEY: &str = "duplicate_key";
    /// A key that means nothing here.
    pub const UNKNOWN_KEY: &str = "unknown_key";
    /// A key that must be there is not.
    pub const MISSING_KEY: &str = "missing_key";
    /// A value of the wrong type.
    pub const WRONG_TYPE: &str = "wrong_type";
    /// A value of the right type that is not allowed.
    pub const INVALID_VALUE: &str = "invalid_value";
    /// A name that names nothing.
    pub const UNKNOWN_NAME: &str = "unknown_name";
    /// Things that need each other in a circle.
    pub const CYCLE: &str = "cycle";
    /// Two things claim the same name.
    pub const CONFLICT: &str = "conflict";
    /// Known, but not supported by this version.
    pub const UNSUPPORTED: &str = "unsupported";
    /// A file that cannot be read, or may not.
    pub const FILE: &str = "file";
}

/// One thing wrong with a file, for people and for machines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// One of [`code`]; stable.
    pub code: &'static str,
    /// For people; needs no context.
    pub message: String,
    /// JSON pointer to the value, empty for the whole document.
    pub path: String,
    /// The file, when the text came from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Counted from 1, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

impl Problem {
    /// A problem without a place.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), path: String::new(), file: None, line: None, column: None }
    }

    /// The same problem at `path`, a JSON pointer.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// The same problem in `file`.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// The same problem at a place in the text.
    #[must_use]
    pub const fn placed(mut self, position: Option<super::yaml::Position>) -> Self {
        if let Some(position) = position {
            self.line = Some(position.line);
            self.column = Some(position.column);
        }
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut place = String::new();
        if let Some(file) = &self.file {
            place.push_str(file);
        }
        if let Some(line) = self.line {
            if !place.is_empty() {
                place.push(':');
            }
            place.push_str(&line.to_string());
            if let Some(column) = self.column {
                place.push_str(&format!(":{column}"));
            }
        }
        if !place.is_empty() {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)?;
        if !self.path.is_empty() {
            write!(f, " (at {})", self.path)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// Something that was understood and that its author should still change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// For people.
    pub message: String,
    /// JSON pointer to the value.
    pub path: String,
    /// Counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Counted from 1, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, "{line}:{column}: ")?;
        }
        f.write_str(&self.message)?;
        if !self.path.is_empty() {
            write!(f, " (at {})", self.path)?;
        }
        Ok(())
    }
}

/// `text` cut to 64 characters: what is quoted in a message must not fill the screen.
#[must_use]
pub fn short(text: &str) -> String {
    match text.char_indices().nth(64) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// One step of a JSON pointer: `~` and `/` escaped, long keys cut.
#[must_use]
pub fn pointer(parent: &str, key: &str) -> String {
    format!("{parent}/{}", short(key).replace('~', "~0").replace('/', "~1"))
}

/// The candidates that look like `name`, best first, at most three.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let name: String = name.chars().take(64).collect::<String>().to_lowercase();
    let mut scored: Vec<(f64, &str)> = candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&name, &candidate.to_lowercase()), candidate))
        .filter(|(score, candidate)| {
            *score >= 0.8 || strsim::damerau_levenshtein(&name, &candidate.to_lowercase()) <= 1
        })
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    scored.dedup_by(|a, b| a.1 == b.1);
    scored.into_iter().take(3).map(|(_, candidate)| candidate.to_owned()).collect()
}

/// `; did you mean 'a' or 'b'?`, or nothing.
#[must_use]
pub fn did_you_mean(names: &[String]) -> String {
    match names {
        [] => String::new(),
        names => {
            format!("; did you mean {}?", names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(" or "))
        }
    }
}
