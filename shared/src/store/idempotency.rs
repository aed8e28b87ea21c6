//! What was answered to requests that carried an `Idempotency-Key`.
//!
//! The answer is stored in the transaction that does the work, so the two cannot come apart.

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Result;

/// An answer, as it was given the first time.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The `Location` header.
    pub location: Option<String>,
    /// The body.
    pub body: Value,
}

/// Whether a request was answered before.
#[derive(Clone, Debug, PartialEq)]
pub enum Begun {
    /// No: do the work and [`record`] the answer before committing.
    New,
    /// Yes: give this answer again.
    Answered(Answer),
    /// The key was used for another request.
    Reused,
}

/// Looks for an earlier answer. Requests with the same key wait here for one another until the transaction ends.
///
/// # Errors
/// When Postgres cannot be reached, or the wait was longer than `lock_timeout`.
pub async fn begin(conn: &mut PgConnection, caller: Uuid, key: &str, request_hash: &[u8; 32]) -> Result<Begun> {
    sqlx::query!(
        "SELECT pg_advisory_xact_lock(hashtextextended('idempotency:' || $1::text || ':' || $2, 0))",
        caller.to_string(),
        key
    )
    .execute(&mut *conn)
    .await?;
    let row = sqlx::query!(
        "SELECT request_hash, status, location, body FROM idempotency_key WHERE api_key_id = $1 AND key = $2",
        caller,
        key,
    )
    .fetch_optional(conn)
    .await?;
    Ok(match row {
        None => Begun::New,
        Some(row) if row.request_hash != request_hash => Begun::Reused,
        Some(row) => Begun::Answered(Answer {
            status: u16::try_from(row.status).unwrap_or(500),
            location: row.location,
            body: row.body,
        }),
    })
}

/// Stores the answer to a request that [`begin`] called new, in the same transaction.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn record(
    conn: &mut PgConnection,
    caller: Uuid,
    key: &str,
    request_hash: &[u8; 32],
    answer: &Answer,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO idempotency_key (api_key_id, key, request_hash, status, location, body) VALUES ($1, $2, $3, $4, $5, $6)",
        caller,
        key,
        &request_hash[..],
        i16::try_from(answer.status).unwrap_or(500),
        answer.location,
        answer.body,
    )
    .execute(conn)
    .await?;
    Ok(())
}
