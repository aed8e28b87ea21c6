//! What the worker and its child say to each other: a length of four bytes, big-endian, then JSON. One request, one
//! answer.

use serde::{Deserialize, Serialize};

use super::RenderResponse;

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
