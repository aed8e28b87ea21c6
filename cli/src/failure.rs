//! How a command ends when it does not end well.
//!
//! Exit codes: 0 done; 1 it failed, or a problem was found; 2 the command line is wrong; 124 a wait took too long;
//! 130 interrupted.

use serde::Deserialize;

use crate::output::clean;

/// A wait took longer than it may.
pub(crate) const TIMED_OUT: u8 = 124;
/// Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The server said no.
    #[error("{0}")]
    Problem(Problem),
    /// The server said that the key is not good.
    #[error(
        "{problem}\n  the key is from {source_of_key}; `slipway login` gets another, and `source .slipway/env` has the one that `slipway dev` made"
    )]
    Unauthorized {
        /// Its words.
        problem: Problem,
        /// Where the key was found.
        source_of_key: String,
    },
    /// No server answers.
    #[error(
        "no server answers at {url} (from {source_of_url}): {reason}\n  is it running? start one with `make up` or `slipway dev`"
    )]
    Unreachable {
        /// What was tried.
        url: String,
        /// Where the address was found.
        source_of_url: String,
        /// The system's words.
        reason: String,
    },
    /// A server answers, and no TLS connection to it comes about.
    #[error("no secure connection to {url} (from {source_of_url}): {reason}\n  {advice}")]
    Insecure {
        /// What was tried.
        url: String,
        /// Where the address was found.
        source_of_url: String,
        /// The library's words.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
    /// Everything to say has been printed.
    #[error("")]
    Said(u8),
}

impl Failure {
    /// The process's exit code.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Said(code) => *code,
            Self::Problem(_) | Self::Unauthorized { .. } | Self::Unreachable { .. } | Self::Insecure { .. } => 1,
        }
    }

    /// Whether the same request may well succeed in a moment.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Problem(problem) => matches!(problem.status, 429 | 502 | 503 | 504),
            Self::Unauthorized { .. } | Self::Insecure { .. } | Self::Said(_) => false,
        }
    }
}

/// Problem details (RFC 9457), as the server sends them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    /// `/problems/<code>`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// The kind of problem in words.
    pub(crate) title: String,
    /// The HTTP status.
    pub(crate) status: u16,
    /// What went wrong this time.
    pub(crate) detail: String,
    /// Each thing that is wrong with what was sent.
    pub(crate) errors: Vec<InputError>,
    /// To find the request in the server's log by.
    pub(crate) request_id: String,
    /// The file that was sent, for the places of `errors`.
    #[serde(skip)]
    pub(crate) file: Option<String>,
}

/// One thing that is wrong with what was sent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct InputError {
    /// Where in the document.
    pub(crate) path: String,
    /// From 1.
    pub(crate) line: Option<u64>,
    /// From 1.
    pub(crate) column: Option<u64>,
    /// What is wrong.
    pub(crate) message: String,
}

impl Problem {
    /// Whether it is the one of this code.
    pub(crate) fn is(&self, code: &str) -> bool {
        self.kind.strip_prefix("/problems/") == Some(code)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", clean(&self.title), clean(&self.detail))?;
        for error in &self.errors {
            let (path, message) = (clean(&error.path), clean(&error.message));
            let file = self.file.as_deref().map(|file| format!("{file}:")).unwrap_or_default();
            let place = match (error.line.filter(|&line| line > 0), error.column) {
                (Some(line), column) => format!("{file}{line}:{} ", column.unwrap_or(1)),
                (None, _) => String::new(),
            };
            let path = if path.is_empty() { path } else { format!("{path}: ") };
            write!(f, "\n  {place}{path}{message}")?;
        }
        if self.status >= 500 && !self.request_id.is_empty() {
            write!(f, "\n  request {}", clean(&self.request_id))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_that_is_wrong_is_shown_with_its_place() {
        let error = InputError {
            path: "resources.db.type".into(),
            line: Some(7),
            column: Some(5),
            message: "is missing".into(),
        };
        let problem = Problem {
            title: "The Score file is not valid".into(),
            status: 422,
            detail: "1 problem".into(),
            errors: vec![error],
            file: Some("shop.yaml".into()),
            ..Problem::default()
        };
        let expected = "The Score file is not valid: 1 problem\n  shop.yaml:7:5 resources.db.type: is missing";
        assert_eq!(problem.to_string(), expected);
    }
}
