//! What people do to a batch. Each is a compare-and-set of its status.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    domain::{
        batch::{BatchStatus, Budget},
        states::Applied,
    },
    store::{Result, notify},
};

/// Moves a batch to `next` from wherever that may be done.
async fn become_status(conn: &mut PgConnection, id: Uuid, next: BatchStatus, detail: &str) -> Result<Applied> {
    let over = matches!(next, BatchStatus::Aborted | BatchStatus::Completed | BatchStatus::RolledBack);
    let moved = sqlx::query!(
        "UPDATE batch SET status = $2, detail = $3, finished_at = CASE WHEN $4 THEN now() END WHERE id = $1 AND status = ANY ($5)",
        id,
        next.as_str(),
        detail,
        over,
        &BatchStatus::before(next),
    );
    let moved = moved.execute(&mut *conn).await?.rows_affected() == 1;
    if moved {
        notify(conn).await?;
    }
    Ok(Applied::from_row(moved.then_some(())))
}

/// Lets a batch begin, or go on, with what this digest is of.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn approve(conn: &mut PgConnection, id: Uuid, digest: &[u8], by: &str) -> Result<Applied> {
    let approved = sqlx::query!(
        "UPDATE batch SET status = 'running', detail = '', approved_by = $3, approved_at = now(), approved_digest = $2
         WHERE id = $1 AND digest = $2 AND status IN ('awaiting_approval', 'approval_void')",
        id,
        digest,
        by,
    );
    let approved = approved.execute(&mut *conn).await?.rows_affected() == 1;
    if approved {
        notify(conn).await?;
    }
    Ok(Applied::from_row(approved.then_some(())))
}

/// Has a person look again, because what would be done is another than what was approved.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn ask_anew(conn: &mut PgConnection, id: Uuid, why: &str) -> Result<Applied> {
    let applied = become_status(&mut *conn, id, BatchStatus::ApprovalVoid, why).await?;
    if applied.is_applied() {
        sqlx::query!(
            "UPDATE batch SET approved_by = NULL, approved_at = NULL, approved_digest = NULL WHERE id = $1",
            id
        )
        .execute(conn)
        .await?;
    }
    Ok(applied)
}

/// Holds a batch.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn pause(conn: &mut PgConnection, id: Uuid, why: &str) -> Result<Applied> {
    become_status(conn, id, BatchStatus::Paused, why).await
}

/// Ends a batch. What it has not begun with stays undone.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn abort(conn: &mut PgConnection, id: Uuid, why: &str) -> Result<Applied> {
    become_status(conn, id, BatchStatus::Aborted, why).await
}

/// What goes on when a batch does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Resumed {
    /// How many may fail from now on; none: as before.
    pub max_failures: Option<Budget>,
}

/// Lets a batch go on that was held, or that has stopped by itself: what failed until now does not count any more.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn resume(conn: &mut PgConnection, id: Uuid, resumed: Resumed) -> Result<Applied> {
    let moved = sqlx::query!(
        "UPDATE batch SET forgiven = CASE WHEN status = 'stopped' THEN failed ELSE forgiven END, status = 'running', detail = '',
                max_failures = coalesce($2, max_failures)
         WHERE id = $1 AND status IN ('paused', 'stopped')",
        id,
        resumed.max_failures.map(|budget| budget.to_string()),
    );
    let moved = moved.execute(&mut *conn).await?.rows_affected() == 1;
    if moved {
        notify(conn).await?;
    }
    Ok(Applied::from_row(moved.then_some(())))
}

/// Has everything taken back that the batch did, what runs of it still work on included.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn roll_back(conn: &mut PgConnection, id: Uuid, why: &str) -> Result<Applied> {
    let applied = become_status(&mut *conn, id, BatchStatus::RollingBack, why).await?;
    if applied.is_applied() {
        sqlx::query!(
            "UPDATE batch_item SET undo = 'open' WHERE batch_id = $1 AND status IN ('succeeded', 'failed') AND run_id IS NOT NULL",
            id
        )
        .execute(conn)
        .await?;
    }
    Ok(applied)
}
