//! Which dialect a document is written in.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A dialect of workflow files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dialect {
    /// Our own, which has all that the others have and more.
    #[default]
    #[serde(rename = "slipway.dev/v1")]
    Slipway,
    /// Flat, with Go templates.
    #[serde(rename = "innominatus.io/v1alpha1")]
    Flat,
    /// Wrapped in `spec`, with `${…}`.
    #[serde(rename = "workflow.dev/v1")]
    Wrapped,
    /// The same, often several in one file.
    #[serde(rename = "orchestrator.innominatus.dev/v1")]
    Orchestrator,
    /// Steps and nothing that says which dialect they are in.
    #[serde(rename = "none")]
    Plain,
}

impl Dialect {
    /// Every dialect that a file can name.
    pub const NAMED: [Self; 4] = [Self::Slipway, Self::Flat, Self::Wrapped, Self::Orchestrator];

    /// As in `apiVersion`; `none` for one that names none.
    #[must_use]
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::Slipway => "slipway.dev/v1",
            Self::Flat => "innominatus.io/v1alpha1",
            Self::Wrapped => "workflow.dev/v1",
            Self::Orchestrator => "orchestrator.innominatus.dev/v1",
            Self::Plain => "none",
        }
    }

    /// Whether it is one of the older dialects, which tolerate more and mean less.
    #[must_use]
    pub fn is_older(self) -> bool {
        self != Self::Slipway
    }

    /// The dialect that a document names; `Plain` when it names none, `None` when it names another.
    pub(super) fn of(document: &Value) -> Option<Self> {
        match document.get("apiVersion") {
            None | Some(Value::Null) => Some(Self::Plain),
            Some(version) => Self::NAMED.into_iter().find(|dialect| version.as_str() == Some(dialect.api_version())),
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.api_version())
    }
}

/// Whether a document is meant to be a workflow at all.
#[must_use]
pub fn is_workflow(document: &Value) -> bool {
    let kind = document.get("kind").and_then(Value::as_str);
    match (kind, Dialect::of(document)) {
        (Some(kind), _) => kind.ends_with("Workflow"),
        (None, Some(Dialect::Plain)) => {
            let steps = |at: Option<&Value>| at.and_then(|at| at.get("steps")).is_some_and(Value::is_array);
            steps(Some(document)) || steps(document.get("spec"))
        }
        (None, dialect) => dialect.is_some(),
    }
}
