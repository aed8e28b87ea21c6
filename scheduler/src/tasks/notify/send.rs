//! One try of one message.

use chrono::Utc;
use serde_json::Value;
use shared::{
    domain::{
        notification::{Channel, Links, Message},
        states::Applied,
    },
    outgoing::{Client, HeaderMap, Method, OutgoingError, Secret, header, signature},
    secrets::Seals,
    store::{
        Store,
        notification::delivery::{self, Claimed, Tried},
    },
};

use super::mail::Post;
use crate::tasks::backoff;

/// What a try needs. Cheap to clone.
#[derive(Clone)]
pub(super) struct Sender {
    pub(super) client: Client,
    pub(super) seals: Seals,
    pub(super) store: Store,
    pub(super) mail: Option<Post>,
    pub(super) links: Links,
    pub(super) backoff_s: u32,
}

/// Why a try did not succeed.
#[derive(Debug)]
pub(super) struct Setback {
    /// In words, without what is secret.
    pub(super) why: String,
    /// Whether another try may well succeed.
    pub(super) passing: bool,
}

impl Setback {
    pub(super) fn passing(why: impl ToString) -> Self {
        Self { why: why.to_string(), passing: true }
    }

    pub(super) fn lasting(why: impl ToString) -> Self {
        Self { why: why.to_string(), passing: false }
    }
}

impl Sender {
    /// Sends the message and records how that went. When it cannot be recorded, the lease runs out, and it is tried again.
    pub(super) async fn carry_out(self, claimed: Claimed) {
        let sent = self.send(&claimed).await;
        let outcome = if sent.is_ok() { "delivered" } else { "failed" };
        let channel = claimed.channel.as_str();
        metrics::counter!("slipway_notification_attempts_total", "channel" => channel, "outcome" => outcome)
            .increment(1);
        let tried = match sent {
            Ok(answer) => Tried { answer: Some(answer), ..Tried::default() },
            Err(setback) => {
                tracing::warn!(delivery = %claimed.id, channel, error = setback.why, "a notification was not taken");
                let pause = backoff(self.backoff_s, claimed.attempt);
                let next =
                    chrono::TimeDelta::from_std(pause).ok().and_then(|pause| Utc::now().checked_add_signed(pause));
                let again = setback.passing && next.is_some_and(|next| next < claimed.give_up_at);
                Tried { error: Some(setback.why), again_in: again.then_some(pause), ..Tried::default() }
            }
        };
        match delivery::settle(self.store.pool(), &claimed, &tried).await {
            Ok(Applied::Applied(())) => {}
            Ok(Applied::Stale) => tracing::debug!(delivery = %claimed.id, "another has tried it since"),
            Err(error) => {
                tracing::warn!(%error, delivery = %claimed.id, "a notification could not be recorded; it is tried again");
            }
        }
    }

    async fn send(&self, claimed: &Claimed) -> Result<String, Setback> {
        let message: Message = serde_json::from_value(claimed.message.clone())
            .map_err(|_| Setback::lasting("the message cannot be read"))?;
        let target = self.open(claimed, &claimed.target).await?;
        match claimed.channel {
            Channel::Email => {
                let mail = self.mail.as_ref();
                let mail = mail.ok_or_else(|| Setback::passing("notifications.smtp names no server for mail"))?;
                mail.send(&target, claimed.id, &message.subject(), message.text(&self.links)).await
            }
            Channel::Slack => self.post(&target, message.slack(&self.links).to_string(), HeaderMap::new()).await,
            Channel::Webhook => {
                let secret = claimed.secret.as_deref().unwrap_or_default();
                let secret: Secret = self.open(claimed, secret).await?.parse().map_err(Setback::lasting)?;
                let (id, timestamp) = (claimed.id.to_string(), Utc::now().timestamp());
                let body = message.json(claimed.id, &self.links).to_string();
                let signed = signature(&[&secret], &id, timestamp, body.as_bytes());
                let mut headers = HeaderMap::new();
                for (name, value) in
                    [("webhook-id", id), ("webhook-timestamp", timestamp.to_string()), ("webhook-signature", signed)]
                {
                    if let Ok(value) = header::HeaderValue::from_str(&value) {
                        headers.insert(header::HeaderName::from_static(name), value);
                    }
                }
                self.post(&target, body, headers).await
            }
        }
    }

    /// What was stored, opened.
    async fn open(&self, claimed: &Claimed, stored: &str) -> Result<String, Setback> {
        let team = claimed.team.as_deref().unwrap_or_default();
        let opened = self.seals.reveal(&self.store, team, Value::String(stored.to_owned())).await;
        let opened = opened.map_err(|error| Setback::passing(format!("where it goes cannot be opened: {error}")))?;
        opened.as_str().map(str::to_owned).ok_or_else(|| Setback::lasting("where it goes cannot be read"))
    }

    async fn post(&self, url: &str, body: String, mut headers: HeaderMap) -> Result<String, Setback> {
        let url = url.parse().map_err(|error| Setback::lasting(format!("the URL cannot be read: {error}")))?;
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json; charset=utf-8"));
        let answer = self.client.send(Method::POST, &url, headers, body.into()).await.map_err(|error| match error {
            OutgoingError::Url(_) | OutgoingError::Private { .. } => Setback::lasting(error),
            _ => Setback::passing(error),
        })?;
        let (status, said) = (answer.status, String::from_utf8_lossy(&answer.body).replace('\0', "\u{fffd}"));
        if status.is_success() {
            return Ok(format!("{status} {said}").trim().to_owned());
        }
        let why = format!("it answered {status}: {said}").trim_end_matches([':', ' ']).to_owned();
        // A URL that was taken back is not given again.
        let gone = matches!(status.as_u16(), 404 | 410);
        Err(if gone { Setback::lasting(why) } else { Setback::passing(why) })
    }
}
