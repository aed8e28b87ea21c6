//! The set of providers as a whole: its number, who looks at sources, and what people asked about it.

use std::time::Duration;

use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Result;
use crate::domain::states::Applied;

/// Answers are kept this long.
const KEPT_HOURS: i32 = 24;

/// What a person may ask the scheduler about providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Fetch every source, read every folder, and swap the set if all of it is valid.
    Reload,
    /// The same, and change nothing.
    Validate,
}

impl Asked {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::Validate => "validate",
        }
    }
}

/// The number of the set that is current; it rises with every change.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn generation(executor: impl PgExecutor<'_>) -> Result<i64> {
    Ok(sqlx::query_scalar!("SELECT generation FROM provider_set").fetch_one(executor).await?)
}

/// Locks the set until the transaction ends, and gives its number: whoever would store another compares it with the one
/// that theirs was built on.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn lock(conn: &mut PgConnection) -> Result<i64> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('slipway:providers', 0))").execute(&mut *conn).await?;
    generation(conn).await
}

/// Takes the right to look at sources for `time`, when nobody else has it. By the database's clock, so that a scheduler
/// that froze holds nobody up for longer.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn take_looks(executor: impl PgExecutor<'_>, looker: Uuid, time: Duration) -> Result<Applied<()>> {
    let taken = sqlx::query!(
        "UPDATE provider_set SET looker = $1, looks_until = now() + make_interval(secs => $2)
         WHERE looker IS NULL OR looker = $1 OR looks_until < now()",
        looker,
        time.as_secs_f64(),
    );
    let taken = taken.execute(executor).await?.rows_affected() > 0;
    Ok(if taken { Applied::Applied(()) } else { Applied::Stale })
}

/// Gives that right back.
///
/// # Errors
/// When Postgres cannot be reached; it ends by itself then.
pub async fn end_looks(executor: impl PgExecutor<'_>, looker: Uuid) -> Result<()> {
    sqlx::query!("UPDATE provider_set SET looker = NULL, looks_until = NULL WHERE looker = $1", looker)
        .execute(executor)
        .await?;
    Ok(())
}

/// Asks the scheduler; who asks the same while it has not begun to be answered is given the same number. Old answers go.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn ask(conn: &mut PgConnection, asked: Asked, by: &str) -> Result<Uuid> {
    sqlx::query!("DELETE FROM provider_request WHERE requested_at < now() - make_interval(hours => $1)", KEPT_HOURS)
        .execute(&mut *conn)
        .await?;
    let open = sqlx::query_scalar!(
        "SELECT id FROM provider_request WHERE answered_at IS NULL AND begun_at IS NULL AND kind = $1 LIMIT 1",
        asked.as_str(),
    );
    if let Some(id) = open.fetch_optional(&mut *conn).await? {
        return Ok(id);
    }
    let id = Uuid::now_v7();
    sqlx::query!("INSERT INTO provider_request (id, kind, requested_by) VALUES ($1, $2, $3)", id, asked.as_str(), by,)
        .execute(&mut *conn)
        .await?;
    Ok(id)
}

/// The answer to a question, once there is one.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn answer(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<Value>> {
    let row = sqlx::query_scalar!("SELECT answer FROM provider_request WHERE id = $1", id);
    Ok(row.fetch_optional(executor).await?.flatten())
}

/// Whether anyone waits for an answer.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn is_asked(executor: impl PgExecutor<'_>) -> Result<bool> {
    let open =
        sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM provider_request WHERE answered_at IS NULL) AS "open!""#);
    Ok(open.fetch_one(executor).await?)
}

/// The questions that nobody has answered, oldest first; they count as begun from now on.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn take_questions(executor: impl PgExecutor<'_>) -> Result<Vec<(Uuid, Asked)>> {
    let rows =
        sqlx::query!("UPDATE provider_request SET begun_at = now() WHERE answered_at IS NULL RETURNING id, kind")
            .fetch_all(executor)
            .await?;
    let asked = |kind: &str| if kind == "reload" { Asked::Reload } else { Asked::Validate };
    Ok(rows.into_iter().map(|row| (row.id, asked(&row.kind))).collect())
}

/// Answers questions.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn give_answer(executor: impl PgExecutor<'_>, ids: &[Uuid], answer: &Value) -> Result<()> {
    sqlx::query!("UPDATE provider_request SET answer = $2, answered_at = now() WHERE id = ANY($1)", ids, answer)
        .execute(executor)
        .await?;
    Ok(())
}
