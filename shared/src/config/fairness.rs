use serde::{Deserialize, Serialize};

/// Who goes first: how waiting makes up for a lower class and a lower priority. The schedulers of an installation are given the same;
/// runs that are made already keep their place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fairness {
    /// Seconds that a run of a batch waits until it is as one that somebody waits for.
    pub batch_after_s: u32,
    /// The same, of looks by a schedule at what is there. No less than of batches.
    pub drift_after_s: u32,
    /// Seconds of waiting that one point of priority is worth.
    pub priority_step_s: u32,
}

impl Default for Fairness {
    fn default() -> Self {
        Self { batch_after_s: 600, drift_after_s: 3600, priority_step_s: 6 }
    }
}
