//! What a team may use.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Types of resources that a team's quotas may name.
pub const MAX_TYPES: usize = 200;

/// What a team may use. What is not set is not bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotas {
    /// Runs that are queued or run at once. One beyond it waits.
    pub runs: Option<i32>,
    /// By type: resources that are not gone. A submission that asks for more is refused.
    pub resources: BTreeMap<String, i32>,
    /// Minutes of processor that steps are given in a calendar month (UTC). Runs wait for the next month then.
    pub cpu_minutes: Option<i64>,
    /// Bytes of log that steps write in a calendar month (UTC). Likewise.
    pub log_bytes: Option<i64>,
    /// Bytes kept: workspaces that runs may go on from, finished logs, states. Runs wait until less is kept.
    pub storage_bytes: Option<i64>,
}

impl Quotas {
    /// The figure that cannot be meant, if there is one.
    #[must_use]
    pub fn wrong(&self) -> Option<String> {
        let figures = [
            ("runs", self.runs.map(i64::from)),
            ("cpu_minutes", self.cpu_minutes),
            ("log_bytes", self.log_bytes),
            ("storage_bytes", self.storage_bytes),
        ];
        let resources = self.resources.iter().map(|(kind, most)| (kind.as_str(), Some(i64::from(*most))));
        if let Some((name, _)) =
            figures.into_iter().chain(resources).find(|(_, most)| most.is_some_and(|most| most < 0))
        {
            return Some(format!("{name}: less than none"));
        }
        if self.resources.len() > MAX_TYPES {
            return Some(format!("resources: at most {MAX_TYPES} types"));
        }
        let unfit = |kind: &&String| !(1..=63).contains(&kind.len()) || kind.chars().any(char::is_control);
        self.resources.keys().find(unfit).map(|_| "resources: a type has 1 to 63 characters".to_owned())
    }
}

/// A quota that a request would go beyond.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exceeded {
    /// Which one: `resources.postgres`.
    pub quota: String,
    /// What the team may use.
    pub limit: i64,
    /// What it uses already.
    pub used: i64,
    /// How much more was asked for.
    pub asked: i64,
}

impl std::fmt::Display for Exceeded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} of {} are used, and {} more are asked for", self.quota, self.used, self.limit, self.asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_below_nothing_is_refused_by_its_name() {
        assert_eq!(Quotas::default().wrong(), None);
        assert_eq!(Quotas { runs: Some(0), ..Quotas::default() }.wrong(), None);
        let wrong = Quotas { resources: BTreeMap::from([("bucket".into(), -1)]), ..Quotas::default() };
        assert_eq!(wrong.wrong().as_deref(), Some("bucket: less than none"));
        let wrong = Quotas { log_bytes: Some(-5), ..Quotas::default() };
        assert_eq!(wrong.wrong().as_deref(), Some("log_bytes: less than none"));
    }
}
