//! How far the record has been sent to where it is kept as well.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use crate::store::Result;

/// How a stream stands.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Its name: `webhook` or `syslog`.
    pub name: String,
    /// Every entry up to this number was taken.
    pub seq: i64,
    /// When the last was.
    pub sent_at: Option<DateTime<Utc>>,
    /// Why the last try failed.
    pub error: Option<String>,
    /// Since when none succeeds.
    pub failing_since: Option<DateTime<Utc>>,
}

/// Takes the stream for `seconds`, and says up to which entry it was sent; none when another process has it. Entries may be sent
/// twice when this one takes longer, or stops.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn claim(conn: &mut PgConnection, name: &str, seconds: u32) -> Result<Option<i64>> {
    sqlx::query!("INSERT INTO audit_stream (name) VALUES ($1) ON CONFLICT DO NOTHING", name)
        .execute(&mut *conn)
        .await?;
    Ok(sqlx::query_scalar!(
        "UPDATE audit_stream SET lease_until = now() + make_interval(secs => $2)
         WHERE name = $1 AND (lease_until IS NULL OR lease_until < now()) RETURNING seq",
        name,
        f64::from(seconds)
    )
    .fetch_optional(conn)
    .await?)
}

/// Notes that everything up to `seq` was taken. Never goes back.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn sent(executor: impl PgExecutor<'_>, name: &str, seq: i64) -> Result<()> {
    sqlx::query!(
        "UPDATE audit_stream SET seq = greatest(seq, $2), sent_at = now(), error = NULL, failing_since = NULL, lease_until = NULL
         WHERE name = $1",
        name,
        seq
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// Notes that a try failed.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn failed(executor: impl PgExecutor<'_>, name: &str, error: &str) -> Result<()> {
    sqlx::query!(
        "UPDATE audit_stream SET error = $2, failing_since = coalesce(failing_since, now()), lease_until = NULL WHERE name = $1",
        name,
        error
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// How the streams stand.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn list(executor: impl PgExecutor<'_>) -> Result<Vec<Stream>> {
    Ok(sqlx::query_as!(Stream, "SELECT name, seq, sent_at, error, failing_since FROM audit_stream ORDER BY name")
        .fetch_all(executor)
        .await?)
}
