//! How much one caller may ask for.

use serde::{Deserialize, Serialize};

/// How much one caller may ask for. What teams may use is set through the API, team by team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Requests a minute that read, of one person, account or key. They may come all at once. 0: as many as they like.
    pub reads_per_minute: u32,
    /// Requests a minute that change something, likewise.
    pub writes_per_minute: u32,
    /// Requests a minute of one address that show nothing to be let in, or nothing good. 0: as many as they like.
    pub anonymous_per_minute: u32,
    /// Streams (of events, of logs) and downloads that one person, account or key may have open at once, at each api.
    pub streams: u32,
    /// Days that a new API key lasts when its maker does not say.
    pub key_days: u32,
    /// Days that a new API key may last.
    pub max_key_days: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reads_per_minute: 6_000,
            writes_per_minute: 1_200,
            anonymous_per_minute: 300,
            streams: 32,
            key_days: 90,
            max_key_days: 366,
        }
    }
}
