//! Rules and messages as they are answered.

use chrono::{DateTime, Utc};
use serde::Serialize;
use shared::{
    domain::notification::{Channel, Item, Message, NotificationStatus},
    store::notification::{Rule, delivery::Delivery},
};
use utoipa::ToSchema;
use uuid::Uuid;

/// A rule: what is told of, and where.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RuleView {
    /// Its id.
    pub id: Uuid,
    /// Whose it is: `me`, `team` or `installation`.
    pub owner: &'static str,
    /// The team, when it is one's.
    pub team: Option<String>,
    /// What is told of: `failure`, `approval`, `drift`.
    pub on: Vec<String>,
    /// How: `email`, `slack` or `webhook`.
    #[schema(value_type = String, example = "slack")]
    pub channel: Channel,
    /// Where: an address; of a URL no more than its host, for the rest is secret.
    pub target: String,
    /// For people.
    pub description: String,
    /// After a message, what happens within so many seconds is told together.
    pub digest_s: i32,
    /// `active`, `failing` (the last message was not taken) or `paused`.
    pub status: &'static str,
    /// Things that happened and are not told yet.
    pub waiting: i64,
    /// Until when they wait, to be told together.
    pub quiet_until: Option<DateTime<Utc>>,
    /// Why the last message was not taken, when it was not.
    pub last_error: Option<String>,
    /// When a message was taken last.
    pub last_delivered_at: Option<DateTime<Utc>>,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
    /// What messages to a webhook are signed with (Standard Webhooks). Shown when it is made, and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl RuleView {
    pub(super) fn of(row: Rule, secret: Option<String>) -> Self {
        let status = match (&row.paused_at, &row.last_error) {
            (Some(_), _) => "paused",
            (None, Some(_)) => "failing",
            (None, None) => "active",
        };
        let owner = match (row.person_id, &row.team) {
            (Some(_), _) => "me",
            (None, Some(_)) => "team",
            (None, None) => "installation",
        };
        Self {
            id: row.id,
            owner,
            team: row.team,
            on: row.kinds,
            channel: row.channel,
            target: row.shown,
            description: row.description,
            digest_s: row.digest_s,
            status,
            waiting: row.waiting,
            quiet_until: row.quiet_until.filter(|until| *until > Utc::now()),
            last_error: row.last_error,
            last_delivered_at: row.last_delivered_at,
            created_by: row.created_by,
            created_at: row.created_at,
            updated_at: row.updated_at,
            secret,
        }
    }
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MessageView {
    /// Its id; the same over all tries.
    pub id: Uuid,
    /// It in one line.
    pub subject: String,
    /// How many things it tells of.
    pub count: i64,
    /// The first of them.
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<Item>,
    /// `pending`, `delivered` or `failed`.
    #[schema(value_type = String)]
    pub status: NotificationStatus,
    /// Tries so far.
    pub attempts: i32,
    /// When the next one is due.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
    /// What the receiver said to the last try.
    pub last_answer: Option<String>,
    /// Why the last try did not succeed.
    pub last_error: Option<String>,
}

impl From<Delivery> for MessageView {
    fn from(row: Delivery) -> Self {
        let message: Option<Message> = serde_json::from_value(row.message).ok();
        Self {
            id: row.id,
            subject: message.as_ref().map(Message::subject).unwrap_or_default(),
            count: row.items,
            items: message.map(|message| message.items).unwrap_or_default(),
            status: row.status,
            attempts: row.attempts,
            next_attempt_at: (row.status == NotificationStatus::Pending).then_some(row.next_attempt_at),
            created_at: row.created_at,
            finished_at: row.finished_at,
            last_answer: row.last_answer,
            last_error: row.last_error,
        }
    }
}
