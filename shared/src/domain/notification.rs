//! What people are told of, and the messages that tell it.

mod message;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use message::{Links, Message};

use super::{event as events, states::states};

states! {
    /// What one is told of.
    NotificationKind {
        /// A run failed, or a resource did without one, or a batch stopped by itself.
        Failure = "failure",
        /// A run or a batch waits for a person's decision.
        Approval = "approval",
        /// A resource differs from what was made.
        Drift = "drift",
        /// Nothing: somebody tries whether messages arrive.
        Test = "test",
    }
}

states! {
    /// How one is told.
    Channel {
        /// By mail.
        Email = "email",
        /// By a message in a chat that takes what Slack takes.
        Slack = "slack",
        /// By JSON to a URL.
        Webhook = "webhook",
    }
}

states! {
    /// How a message stands.
    NotificationStatus {
        /// It is tried, or waits for the next try.
        Pending = "pending",
        /// It was taken.
        Delivered = "delivered",
        /// It was given up.
        Failed = "failed",
    }
}

impl NotificationKind {
    /// The events that one is told of as this.
    #[must_use]
    pub fn of_event(event: &str) -> Option<Self> {
        match event {
            "run.failed" | "resource.failed" | events::BATCH_STOPPED => Some(Self::Failure),
            events::APPROVAL_REQUESTED | events::BATCH_CREATED | events::BATCH_APPROVAL_VOID => Some(Self::Approval),
            events::DRIFT_FOUND => Some(Self::Drift),
            _ => None,
        }
    }

    /// What a rule can be for.
    pub const CHOICES: [Self; 3] = [Self::Failure, Self::Approval, Self::Drift];

    /// The names of those events.
    pub const EVENTS: [&'static str; 7] = [
        "run.failed",
        "resource.failed",
        events::APPROVAL_REQUESTED,
        events::DRIFT_FOUND,
        events::BATCH_STOPPED,
        events::BATCH_CREATED,
        events::BATCH_APPROVAL_VOID,
    ];
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// What kind of thing.
    pub kind: NotificationKind,
    /// When.
    pub at: DateTime<Utc>,
    /// Whose it is.
    pub team: Option<String>,
    /// For which application.
    pub application: Option<String>,
    /// Which resource, by id.
    pub resource_id: Option<Uuid>,
    /// By name.
    pub resource: Option<String>,
    /// Which run.
    pub run_id: Option<Uuid>,
    /// Of which workflow.
    pub workflow: Option<String>,
    /// Which step asks.
    pub step: Option<String>,
    /// Why it failed, or what is asked; one line.
    pub message: Option<String>,
    /// Which batch, by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_id: Option<Uuid>,
    /// By name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
}

/// Characters of a message that are told; the rest is where the link leads.
const MAX_MESSAGE: usize = 400;

impl Item {
    /// What a test tells, asked for by `who`.
    #[must_use]
    pub fn test(at: DateTime<Utc>, who: &str) -> Self {
        let message = Some(Self::line(&format!("{who} tries whether messages arrive")));
        Self {
            kind: NotificationKind::Test,
            at,
            team: None,
            application: None,
            resource_id: None,
            resource: None,
            run_id: None,
            workflow: None,
            step: None,
            message,
            batch_id: None,
            batch: None,
        }
    }

    /// Text as it may be told: one line, without control characters, and not too long.
    #[must_use]
    pub fn line(text: &str) -> String {
        let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_MESSAGE).collect();
        line.trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_that_is_read_is_of_a_kind() {
        for event in NotificationKind::EVENTS {
            assert!(NotificationKind::of_event(event).is_some(), "{event}");
        }
        assert_eq!(NotificationKind::of_event("run.completed"), None);
    }
}
