//! What the worker and its child say to each other: a length of four bytes, big-endian, then JSON. One request, one
//! answer.

use serde::{Deserialize, Serialize};

use super::{RenderError, RenderResponse, template::Failure};

/// Set, it makes a binary a child that renders.
pub(super) const CHILD_VARIABLE: &str = "SLIPWAY_RENDER_CHILD";
/// Bytes of a request, as JSON.
pub(super) const MAX_REQUEST_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of all rendered values.
pub(super) const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// What the child answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Rendered(RenderResponse),
    Wrong { path: String, line: usize, reason: String },
    TooLarge,
    TooLong,
}

impl Answer {
    pub(super) fn of(rendered: Result<RenderResponse, Failure>) -> Self {
        match rendered {
            Ok(response) => Self::Rendered(response),
            Err(Failure::Wrong { path, line, reason }) => Self::Wrong { path, line, reason },
            Err(Failure::TooLarge) => Self::TooLarge,
            Err(Failure::TooLong) => Self::TooLong,
        }
    }

    pub(super) fn into_result(self) -> Result<RenderResponse, RenderError> {
        match self {
            Self::Rendered(response) => Ok(response),
            Self::Wrong { path, line, reason } => Err(RenderError::Template { path, line, reason }),
            Self::TooLarge => Err(RenderError::OutputTooLarge),
            Self::TooLong => Err(RenderError::TimedOut),
        }
    }
}
