//! Pausing queues, and letting them go on.

use serde_json::json;
use sqlx::{PgConnection, PgExecutor};

use crate::{
    domain::event as events,
    store::{
        Result,
        event::{self, NewEvent},
        notify,
    },
};

/// A pause that somebody asks for.
#[derive(Clone, Copy, Debug)]
pub struct Hold<'a> {
    /// Who.
    pub by: &'a str,
    /// Why, for people.
    pub why: &'a str,
    /// Whether it is to be told of when nothing of the queue runs any more.
    pub drain: bool,
}

/// Pauses a queue: from the commit on, nothing of it begins. What runs goes on, and so does what was taken back from a worker
/// while it ran; tickets that nobody has claimed are made stale, and their runs wait again. A queue that is paused already
/// stays so, for the new reason. False when there is no such queue.
///
/// # Errors
/// When Postgres cannot be reached, or a pass of `promote` holds the queue for longer than the lock timeout.
pub async fn pause(conn: &mut PgConnection, name: &str, hold: Hold<'_>) -> Result<bool> {
    // A pass that does not know of the pause yet has ended before this, and what it promoted is seen below.
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('promote:' || $1::text, 0))", name)
        .execute(&mut *conn)
        .await?;
    let paused = sqlx::query!(
        "UPDATE queue SET paused_at = coalesce(paused_at, now()), paused_by = $2, paused_why = $3, draining = $4,
                drained_at = CASE WHEN $4 THEN drained_at END, wait_reason = 'QueuePaused',
                wait_detail = format('queue ''%s'' was paused by %s%s', name, $2::text, CASE WHEN $3 = '' THEN '' ELSE ': ' || $3 END),
                wait_since = coalesce(paused_at, now())
         WHERE name = $1",
        name,
        hold.by,
        hold.why,
        hold.drain,
    )
    .execute(&mut *conn)
    .await?;
    if paused.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!(
        "WITH unclaimed AS (SELECT id FROM run WHERE queue = $1 AND status = 'queued' AND started_at IS NULL
                            ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)
         UPDATE run SET status = 'pending', fence = fence + 1, queued_at = NULL, ticket_sent_at = NULL
         FROM unclaimed WHERE run.id = unclaimed.id",
        name
    )
    .execute(&mut *conn)
    .await?;
    let data = json!({"queue": name, "why": hold.why, "drain": hold.drain});
    tell(&mut *conn, events::QUEUE_PAUSED, hold.by, data).await?;
    notify(conn).await?;
    Ok(true)
}

/// Lets a paused queue go on. False when it is not paused.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn resume(conn: &mut PgConnection, name: &str, by: &str) -> Result<bool> {
    let resumed = sqlx::query!(
        "UPDATE queue SET paused_at = NULL, paused_by = NULL, paused_why = NULL, draining = false, drained_at = NULL,
                wait_reason = NULL, wait_detail = NULL, wait_since = now()
         WHERE name = $1 AND paused_at IS NOT NULL",
        name
    )
    .execute(&mut *conn)
    .await?;
    if resumed.rows_affected() == 0 {
        return Ok(false);
    }
    tell(&mut *conn, events::QUEUE_RESUMED, by, json!({ "queue": name })).await?;
    notify(conn).await?;
    Ok(true)
}

/// Sets what the priorities of a queue's runs are counted from. Those that are made already keep theirs.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn set_priority(executor: impl PgExecutor<'_>, name: &str, priority: i16) -> Result<()> {
    sqlx::query!("UPDATE queue SET priority = $2 WHERE name = $1", name, priority).execute(executor).await?;
    Ok(())
}

async fn tell(conn: &mut PgConnection, kind: &str, by: &str, data: serde_json::Value) -> Result<()> {
    event::append(conn, &[NewEvent { kind: kind.into(), actor: Some(by.into()), data, ..NewEvent::default() }]).await
}
