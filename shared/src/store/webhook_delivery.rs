//! Deliveries of events to endpoints: claimed by a lease, tried again, and kept for a while.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Result;
use crate::domain::states::{Applied, states};

states! {
    /// How a delivery stands.
    DeliveryStatus {
        /// It is tried, or waits for the next try.
        Pending = "pending",
        /// It was taken.
        Delivered = "delivered",
        /// It was given up.
        Failed = "failed",
    }
}

/// A delivery to try now. Whoever claimed it holds it until its lease is over.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Its id; the same over all tries.
    pub id: Uuid,
    /// Which try this is, from 1.
    pub attempt: i32,
    /// What is sent.
    pub payload: Value,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it is given up.
    pub give_up_at: DateTime<Utc>,
    /// The endpoint.
    pub endpoint_id: Uuid,
    /// Whose that is; none: the installation's.
    pub team: Option<String>,
    /// Where it is sent.
    pub url: String,
    /// What it is signed with, sealed or not.
    pub secret: String,
    /// What it is signed with beside that, while a secret is changed.
    pub previous_secret: Option<String>,
}

/// Claims up to `limit` deliveries that are due for `lease`, so that no endpoint has more than `each` under way.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn claim(executor: impl PgExecutor<'_>, limit: i64, each: u32, lease: Duration) -> Result<Vec<Claimed>> {
    Ok(sqlx::query_as!(
        Claimed,
        r#"WITH due AS (
             SELECT d.id FROM webhook_endpoint e CROSS JOIN LATERAL (
                 SELECT id FROM webhook_delivery
                 WHERE endpoint_id = e.id AND status = 'pending' AND next_attempt_at <= now()
                   AND (lease_until IS NULL OR lease_until < now())
                 ORDER BY next_attempt_at
                 LIMIT greatest(0, $2 - (SELECT count(*) FROM webhook_delivery busy
                                         WHERE busy.endpoint_id = e.id AND busy.status = 'pending' AND busy.lease_until >= now()))
                 FOR UPDATE SKIP LOCKED) d
             WHERE e.disabled_at IS NULL LIMIT $1)
           UPDATE webhook_delivery d SET lease_until = now() + make_interval(secs => $3), attempts = d.attempts + 1
           FROM due, webhook_endpoint e WHERE d.id = due.id AND e.id = d.endpoint_id
           RETURNING d.id, d.attempts AS attempt, d.payload, d.created_at, d.give_up_at, d.endpoint_id, e.team, e.url, e.secret,
                     CASE WHEN e.previous_until > now() THEN e.previous_secret END AS previous_secret"#,
        limit,
        i64::from(each),
        lease.as_secs_f64()
    )
    .fetch_all(executor)
    .await?)
}

/// What became of one try.
#[derive(Clone, Debug)]
pub struct Tried {
    /// How long it took.
    pub duration: Duration,
    /// The address that was connected to.
    pub address: Option<String>,
    /// The headers that were sent, without signatures.
    pub request_headers: Value,
    /// The status of the answer.
    pub response_status: Option<i16>,
    /// Its headers.
    pub response_headers: Option<Value>,
    /// The beginning of its body.
    pub response_body: Option<String>,
    /// Why it did not succeed.
    pub error: Option<String>,
    /// When to try again; none: not any more. Without a meaning when it succeeded.
    pub again_in: Option<Duration>,
}

/// Records a try, and what it means for the delivery and its endpoint. Gives since when the endpoint fails, if it does. Stale: the
/// lease was over, and another has tried since.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn settle(
    conn: &mut PgConnection,
    claimed: &Claimed,
    tried: &Tried,
) -> Result<Applied<Option<DateTime<Utc>>>> {
    let status = match (&tried.error, tried.again_in) {
        (None, _) => DeliveryStatus::Delivered,
        (Some(_), Some(_)) => DeliveryStatus::Pending,
        (Some(_), None) => DeliveryStatus::Failed,
    };
    let applied = sqlx::query!(
        "UPDATE webhook_delivery SET status = $3, lease_until = NULL, last_status = $4, last_error = $5,
                finished_at = CASE WHEN $3 <> 'pending' THEN now() END,
                next_attempt_at = CASE WHEN $3 = 'pending' THEN now() + make_interval(secs => $6) ELSE next_attempt_at END
         WHERE id = $1 AND attempts = $2 AND status = 'pending'",
        claimed.id,
        claimed.attempt,
        status.as_str(),
        tried.response_status,
        tried.error,
        tried.again_in.unwrap_or_default().as_secs_f64()
    )
    .execute(&mut *conn)
    .await?;
    if applied.rows_affected() == 0 {
        return Ok(Applied::Stale);
    }
    sqlx::query!(
        "INSERT INTO webhook_attempt (delivery_id, number, duration_ms, address, request_headers, response_status, response_headers,
                                      response_body, error)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
        claimed.id,
        claimed.attempt,
        i32::try_from(tried.duration.as_millis()).unwrap_or(i32::MAX),
        tried.address,
        tried.request_headers,
        tried.response_status,
        tried.response_headers,
        tried.response_body,
        tried.error
    )
    .execute(&mut *conn)
    .await?;
    let failing = if tried.error.is_none() {
        // Written only when it changes: deliveries to one endpoint must not wait for each other.
        sqlx::query!(
            "UPDATE webhook_endpoint SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL",
            claimed.endpoint_id
        )
        .execute(conn)
        .await?;
        None
    } else {
        sqlx::query!(
            "UPDATE webhook_endpoint SET failing_since = now() WHERE id = $1 AND failing_since IS NULL",
            claimed.endpoint_id
        )
        .execute(&mut *conn)
        .await?;
        sqlx::query_scalar!("SELECT failing_since FROM webhook_endpoint WHERE id = $1", claimed.endpoint_id)
            .fetch_optional(conn)
            .await?
            .flatten()
    };
    Ok(Applied::Applied(failing))
}

/// A delivery, as people look at it.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its id.
    pub id: Uuid,
    /// Its endpoint.
    pub endpoint_id: Uuid,
    /// The event's name; `webhook.test` for a test.
    pub kind: String,
    /// What is sent.
    pub payload: Value,
    /// How it stands.
    pub status: DeliveryStatus,
    /// Tries so far.
    pub attempts: i32,
    /// When the next one is due.
    pub next_attempt_at: DateTime<Utc>,
    /// When it is given up.
    pub give_up_at: DateTime<Utc>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
    /// The status of the last answer.
    pub last_status: Option<i16>,
    /// Why the last try did not succeed.
    pub last_error: Option<String>,
}

/// Deliveries of an endpoint, newest first, before the one with the id `before`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    endpoint: Uuid,
    status: Option<DeliveryStatus>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Delivery>> {
    Ok(sqlx::query_as!(
        Delivery,
        r#"SELECT id, endpoint_id, type AS kind, payload, status AS "status: DeliveryStatus", attempts, next_attempt_at, give_up_at,
                  created_at, finished_at, last_status, last_error
           FROM webhook_delivery
           WHERE endpoint_id = $1 AND ($2::text IS NULL OR status = $2) AND ($3::uuid IS NULL OR id < $3)
           ORDER BY id DESC LIMIT $4"#,
        endpoint,
        status.map(DeliveryStatus::as_str),
        before,
        limit
    )
    .fetch_all(executor)
    .await?)
}

/// One delivery of an endpoint.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(executor: impl PgExecutor<'_>, endpoint: Uuid, id: Uuid) -> Result<Option<Delivery>> {
    Ok(sqlx::query_as!(
        Delivery,
        r#"SELECT id, endpoint_id, type AS kind, payload, status AS "status: DeliveryStatus", attempts, next_attempt_at, give_up_at,
                  created_at, finished_at, last_status, last_error
           FROM webhook_delivery WHERE endpoint_id = $1 AND id = $2"#,
        endpoint,
        id
    )
    .fetch_optional(executor)
    .await?)
}

/// One try of a delivery.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Which, from 1.
    pub number: i32,
    /// When it was over.
    pub at: DateTime<Utc>,
    /// How long it took.
    pub duration_ms: i32,
    /// The address that was connected to.
    pub address: Option<String>,
    /// The headers that were sent, without signatures.
    pub request_headers: Value,
    /// The status of the answer.
    pub response_status: Option<i16>,
    /// Its headers.
    pub response_headers: Option<Value>,
    /// The beginning of its body.
    pub response_body: Option<String>,
    /// Why it did not succeed.
    pub error: Option<String>,
}

/// The tries of a delivery, the first first.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn attempts(executor: impl PgExecutor<'_>, delivery: Uuid) -> Result<Vec<Attempt>> {
    Ok(sqlx::query_as!(
        Attempt,
        "SELECT number, at, duration_ms, address, request_headers, response_status, response_headers, response_body, error
         FROM webhook_attempt WHERE delivery_id = $1 ORDER BY number LIMIT 200",
        delivery
    )
    .fetch_all(executor)
    .await?)
}

/// Makes a delivery that no event stands behind: a test.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn create(
    executor: impl PgExecutor<'_>,
    endpoint: Uuid,
    kind: &str,
    payload: &Value,
    give_up_after_s: u32,
) -> Result<Uuid> {
    let id = Uuid::now_v7();
    sqlx::query!(
        "INSERT INTO webhook_delivery (id, endpoint_id, type, payload, give_up_at)
         VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))",
        id,
        endpoint,
        kind,
        payload,
        f64::from(give_up_after_s)
    )
    .execute(executor)
    .await?;
    Ok(id)
}

/// Has a delivery that is over tried once more, under its own id. False when there is none, or it is not over.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn again(executor: impl PgExecutor<'_>, endpoint: Uuid, id: Uuid, give_up_after_s: u32) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE webhook_delivery SET status = 'pending', finished_at = NULL, next_attempt_at = now(), lease_until = NULL,
                give_up_at = now() + make_interval(secs => $3)
         WHERE endpoint_id = $1 AND id = $2 AND status <> 'pending'",
        endpoint,
        id,
        f64::from(give_up_after_s)
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Deletes up to `limit` deliveries that were over more than `days` ago.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn prune(executor: impl PgExecutor<'_>, days: u32, limit: i64) -> Result<u64> {
    let done = sqlx::query!(
        "DELETE FROM webhook_delivery WHERE id IN (
             SELECT id FROM webhook_delivery WHERE finished_at < now() - make_interval(days => $1) ORDER BY finished_at LIMIT $2)",
        i32::try_from(days).unwrap_or(i32::MAX),
        limit
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected())
}
