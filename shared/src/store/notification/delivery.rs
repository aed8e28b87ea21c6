//! Messages on their way: claimed by a lease, tried again, and kept for a while.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::super::Result;
use crate::domain::{
    notification::{Channel, Message, NotificationStatus},
    states::Applied,
};

/// Makes a message that is due.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn create(
    executor: impl PgExecutor<'_>,
    rule: Uuid,
    message: &Message,
    give_up_after_s: u32,
) -> Result<Uuid> {
    let id = Uuid::now_v7();
    sqlx::query!(
        "INSERT INTO notification_delivery (id, rule_id, items, message, give_up_at)
         VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))",
        id,
        rule,
        i64::try_from(message.count()).unwrap_or(i64::MAX),
        serde_json::to_value(message).unwrap_or(Value::Null),
        f64::from(give_up_after_s)
    )
    .execute(executor)
    .await?;
    Ok(id)
}

/// A message to try now. Whoever claimed it holds it until its lease is over.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Its id; the same over all tries.
    pub id: Uuid,
    /// Which try this is, from 1.
    pub attempt: i32,
    /// What is told.
    pub message: Value,
    /// When it is given up.
    pub give_up_at: DateTime<Utc>,
    /// How it is told.
    pub channel: Channel,
    /// Where, sealed or not.
    pub target: String,
    /// What it is signed with, sealed or not.
    pub secret: Option<String>,
    /// Whose rule it is; none: a person's, or the installation's.
    pub team: Option<String>,
}

/// Claims up to `limit` messages that are due for `lease`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn claim(executor: impl PgExecutor<'_>, limit: i64, lease: Duration) -> Result<Vec<Claimed>> {
    Ok(sqlx::query_as!(
        Claimed,
        r#"WITH due AS (
             SELECT id FROM notification_delivery
             WHERE status = 'pending' AND next_attempt_at <= now() AND (lease_until IS NULL OR lease_until < now())
             ORDER BY next_attempt_at LIMIT $1 FOR UPDATE SKIP LOCKED)
           UPDATE notification_delivery d SET lease_until = now() + make_interval(secs => $2), attempts = d.attempts + 1
           FROM due, notification_rule r WHERE d.id = due.id AND r.id = d.rule_id
           RETURNING d.id, d.attempts AS attempt, d.message, d.give_up_at, r.channel AS "channel: Channel", r.target, r.secret, r.team"#,
        limit,
        lease.as_secs_f64()
    )
    .fetch_all(executor)
    .await?)
}

/// What became of one try.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    /// What the receiver said.
    pub answer: Option<String>,
    /// Why it did not succeed.
    pub error: Option<String>,
    /// When to try again; none: not any more. Without a meaning when it succeeded.
    pub again_in: Option<Duration>,
}

/// Records a try. Stale: the lease was over, and another has tried since.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn settle(executor: impl PgExecutor<'_>, claimed: &Claimed, tried: &Tried) -> Result<Applied> {
    let status = match (&tried.error, tried.again_in) {
        (None, _) => NotificationStatus::Delivered,
        (Some(_), Some(_)) => NotificationStatus::Pending,
        (Some(_), None) => NotificationStatus::Failed,
    };
    let done = sqlx::query!(
        "UPDATE notification_delivery SET status = $3, lease_until = NULL, last_answer = $4, last_error = $5,
                finished_at = CASE WHEN $3 <> 'pending' THEN now() END,
                next_attempt_at = CASE WHEN $3 = 'pending' THEN now() + make_interval(secs => $6) ELSE next_attempt_at END
         WHERE id = $1 AND attempts = $2 AND status = 'pending'",
        claimed.id,
        claimed.attempt,
        status.as_str(),
        tried.answer,
        tried.error,
        tried.again_in.unwrap_or_default().as_secs_f64()
    )
    .execute(executor)
    .await?;
    Ok(if done.rows_affected() == 1 { Applied::Applied(()) } else { Applied::Stale })
}

/// A message, as people look at it.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its id.
    pub id: Uuid,
    /// How many things it tells of.
    pub items: i64,
    /// What is told.
    pub message: Value,
    /// How it stands.
    pub status: NotificationStatus,
    /// Tries so far.
    pub attempts: i32,
    /// When the next one is due.
    pub next_attempt_at: DateTime<Utc>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
    /// What the receiver said to the last try.
    pub last_answer: Option<String>,
    /// Why the last try did not succeed.
    pub last_error: Option<String>,
}

/// Messages of a rule, newest first, before the one with the id `before`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    rule: Uuid,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Delivery>> {
    Ok(sqlx::query_as!(
        Delivery,
        r#"SELECT id, items, message, status AS "status: NotificationStatus", attempts, next_attempt_at, created_at, finished_at,
                  last_answer, last_error
           FROM notification_delivery WHERE rule_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3"#,
        rule,
        before,
        limit
    )
    .fetch_all(executor)
    .await?)
}

/// Deletes up to `limit` messages that were over more than `days` ago.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn prune(executor: impl PgExecutor<'_>, days: u32, limit: i64) -> Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM notification_delivery WHERE id IN (
             SELECT id FROM notification_delivery WHERE finished_at < now() - make_interval(days => $1)
             ORDER BY finished_at LIMIT $2)",
        i32::try_from(days).unwrap_or(i32::MAX),
        limit
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected())
}
