//! One try of one delivery.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use shared::{
    config::Webhooks,
    domain::{audit::is_sensitive, states::Applied},
    outgoing::{Answer, Client, HeaderMap, Method, OutgoingError, Secret, StatusCode, header, signature},
    secrets::Seals,
    store::{
        Store, StoreError,
        webhook_delivery::{self as delivery, Claimed, Tried},
    },
};

use crate::tasks::backoff;

/// Headers of an answer that are kept, and characters of each.
const KEPT_HEADERS: (usize, usize) = (40, 300);

/// What a try needs.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) client: Client,
    pub(super) seals: Seals,
    pub(super) store: Store,
    pub(super) config: Webhooks,
}

impl Attempt {
    /// Sends the delivery and records how that went. When it cannot be recorded, the lease runs out, and it is tried again.
    pub(super) async fn carry_out(self, claimed: Claimed) {
        let began = Instant::now();
        let sent = self.send(&claimed).await;
        let tried = self.conclude(&claimed, began.elapsed(), sent);
        let outcome = if tried.error.is_none() { "delivered" } else { "failed" };
        metrics::counter!("slipway_webhook_attempts_total", "outcome" => outcome).increment(1);
        if let Err(error) = self.record(&claimed, &tried).await {
            tracing::warn!(%error, delivery = %claimed.id, "a delivery could not be recorded; it is tried again");
        }
    }

    async fn send(&self, claimed: &Claimed) -> (Value, Result<Answer, String>) {
        let body = claimed.payload.to_string();
        let timestamp = Utc::now().timestamp();
        let secrets = match self.secrets(claimed).await {
            Ok(secrets) => secrets,
            Err(error) => return (Value::Object(Map::new()), Err(error)),
        };
        let signed =
            signature(&secrets.iter().collect::<Vec<_>>(), &claimed.id.to_string(), timestamp, body.as_bytes());
        let mut headers = HeaderMap::new();
        let all = [
            ("content-type", "application/cloudevents+json; charset=utf-8".to_owned()),
            ("webhook-id", claimed.id.to_string()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signed),
        ];
        let mut shown = Map::new();
        for (name, value) in all {
            let Ok(header) = header::HeaderValue::from_str(&value) else { continue };
            headers.insert(header::HeaderName::from_static(name), header);
            let kept = if is_sensitive(name) { "***".to_owned() } else { value };
            shown.insert(name.to_owned(), Value::String(kept));
        }
        let answer = match claimed.url.parse() {
            Ok(url) => self.client.send(Method::POST, &url, headers, body.into()).await,
            Err(error) => Err(OutgoingError::Url(format!("the URL cannot be read: {error}"))),
        };
        (Value::Object(shown), answer.map_err(|error| error.to_string()))
    }

    /// What the delivery is signed with. Nothing is sent unsigned.
    async fn secrets(&self, claimed: &Claimed) -> Result<Vec<Secret>, String> {
        let mut secrets = Vec::new();
        for stored in [Some(&claimed.secret), claimed.previous_secret.as_ref()].into_iter().flatten() {
            let team = claimed.team.as_deref().unwrap_or_default();
            let opened = self.seals.reveal(&self.store, team, Value::String(stored.clone())).await;
            let opened = opened.map_err(|error| format!("the webhook's secret cannot be opened: {error}"))?;
            let secret = opened.as_str().and_then(|text| text.parse().ok());
            secrets.push(secret.ok_or("the webhook's secret cannot be read: give it a new one")?);
        }
        Ok(secrets)
    }

    fn conclude(&self, claimed: &Claimed, duration: Duration, sent: (Value, Result<Answer, String>)) -> Tried {
        let (request_headers, answer) = sent;
        let mut tried = Tried {
            duration,
            address: None,
            request_headers,
            response_status: None,
            response_headers: None,
            response_body: None,
            error: None,
            again_in: None,
        };
        let mut pause = backoff(self.config.backoff_s, claimed.attempt);
        match answer {
            Err(error) => tried.error = Some(error),
            Ok(answer) => {
                tried.error = objection(&answer);
                if let Some(asked) = retry_after(&answer.headers, Utc::now()) {
                    pause = pause.max(asked);
                }
                tried.address = Some(answer.address.to_string());
                tried.response_status = i16::try_from(answer.status.as_u16()).ok();
                tried.response_headers = Some(kept(&answer.headers));
                tried.response_body = Some(String::from_utf8_lossy(&answer.body).replace('\0', "\u{fffd}"));
            }
        }
        let next = chrono::TimeDelta::from_std(pause).ok().and_then(|pause| Utc::now().checked_add_signed(pause));
        tried.again_in = next.filter(|next| *next < claimed.give_up_at).map(|_| pause);
        tried
    }

    async fn record(&self, claimed: &Claimed, tried: &Tried) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        let Applied::Applied(failing) = delivery::settle(&mut tx, claimed, tried).await? else {
            tracing::debug!(delivery = %claimed.id, "another has tried it since");
            return Ok(());
        };
        if tried.response_status == Some(410) {
            super::disable(&mut tx, claimed.endpoint_id, "gone: it answered 410").await?;
        }
        if let Some(since) = failing {
            let patience = chrono::TimeDelta::seconds(self.config.disable_after_s.into());
            if Utc::now().signed_duration_since(since) >= patience {
                let last = tried.error.as_deref().unwrap_or_default();
                let reason =
                    format!("failing: no delivery has succeeded since {}; the last: {last}", since.to_rfc3339());
                super::disable(&mut tx, claimed.endpoint_id, &reason).await?;
            }
        }
        tx.commit().await.map_err(StoreError::from)
    }
}

/// Why an answer is no success.
fn objection(answer: &Answer) -> Option<String> {
    let status = answer.status;
    if status.is_success() {
        return None;
    }
    if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
        return Some(format!("it answered {status}: redirects are not followed; give the endpoint the new URL"));
    }
    Some(format!("it answered {status}"))
}

/// What the receiver asks to wait: seconds, or a moment.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let moment = DateTime::parse_from_rfc2822(text).ok()?;
    moment.with_timezone(&Utc).signed_duration_since(now).to_std().ok()
}

/// Headers as they are shown: not too many, not too long, and no cookies.
fn kept(headers: &HeaderMap) -> Value {
    let (many, long) = KEPT_HEADERS;
    let shown = headers.iter().take(many).map(|(name, value)| {
        let text = String::from_utf8_lossy(value.as_bytes()).chars().filter(|c| *c != '\0').take(long).collect();
        (name.to_string(), Value::String(if is_sensitive(name.as_str()) { "***".into() } else { text }))
    });
    Value::Object(shown.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour_and_differ_by_a_quarter() {
        for (attempt, seconds) in [(1, 5.0), (2, 10.0), (5, 80.0), (11, 3600.0), (1000, 3600.0)] {
            for _ in 0..20 {
                let pause = backoff(5, attempt).as_secs_f64();
                assert!((seconds * 0.75..=seconds * 1.25).contains(&pause), "{attempt}: {pause}");
            }
        }
    }

    #[test]
    fn a_receiver_says_when_to_come_again_in_seconds_or_by_a_moment() {
        let now = "2026-01-31T14:05:00Z".parse().unwrap();
        let asked = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, value.parse().unwrap());
            retry_after(&headers, now)
        };
        assert_eq!(asked("120"), Some(Duration::from_secs(120)));
        assert_eq!(asked("Sat, 31 Jan 2026 14:06:00 GMT"), Some(Duration::from_secs(60)));
        assert_eq!(asked("Sat, 31 Jan 2026 14:00:00 GMT"), None);
        assert_eq!(asked("soon"), None);
    }
}
