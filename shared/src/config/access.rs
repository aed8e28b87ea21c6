//! Who may do what, beyond what ships.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Who may do what, beyond what ships.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Access {
    /// Files of Cedar policies that are added to those that ship. What one of them forbids is forbidden; what one permits is
    /// permitted unless another forbids it. Read at start; the api does not start with one that is not valid.
    pub policies: Vec<PathBuf>,
}
