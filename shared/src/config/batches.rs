//! How batches are made.

use serde::{Deserialize, Serialize};

/// Batches: one operation on very many resources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Batches {
    /// Resources that one batch may be for.
    pub most: u32,
    /// Whether a batch is approved by somebody else than whoever asked for it.
    pub second_person: bool,
}

impl Default for Batches {
    fn default() -> Self {
        Self { most: 100_000, second_person: false }
    }
}
