//! Applications that live for a time.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgConnection;

use super::{Deletion, delete, lock_name};
use crate::{
    domain::{event as events, ids::ApplicationId},
    store::{
        Result,
        event::{self, NewEvent},
    },
};

/// Gives a live application `seconds` from now to live, or no end (none). Returns when that is over.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn set_expiry(
    conn: &mut PgConnection,
    id: ApplicationId,
    seconds: Option<u32>,
    actor: &str,
) -> Result<Option<DateTime<Utc>>> {
    let expires_at = sqlx::query_scalar!(
        "UPDATE application SET expires_at = now() + make_interval(secs => $2), updated_at = now(), expiry_blocked_at = NULL,
                expires_by = CASE WHEN $2::float8 IS NOT NULL THEN 'request' END
         WHERE id = $1 RETURNING expires_at",
        id.0,
        seconds.map(f64::from),
    )
    .fetch_optional(&mut *conn)
    .await?
    .flatten();
    let happened = NewEvent {
        kind: events::APPLICATION_EXPIRY.into(),
        application_id: Some(id),
        actor: Some(actor.into()),
        data: json!({"expires_at": expires_at}),
        ..NewEvent::default()
    };
    event::append(conn, &[happened]).await?;
    Ok(expires_at)
}

/// What was done about an application whose time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expired {
    /// This one is being deleted.
    Deleted(String),
    /// This one is kept by its protection, or that of these resources.
    Kept(String, Vec<String>),
}

/// Deletes one application whose time is over, if there is one.
///
/// # Errors
/// When Postgres cannot be reached, or another transaction got in between.
pub async fn expire_one(conn: &mut PgConnection) -> Result<Option<Expired>> {
    let due = sqlx::query!(
        r#"SELECT id AS "id: ApplicationId", name FROM application
           WHERE expires_at <= now() AND delete_requested_at IS NULL AND expiry_blocked_at IS NULL
           ORDER BY expires_at LIMIT 1"#
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(due) = due else { return Ok(None) };
    // Looked at again once the name is locked: it may have been given more time.
    lock_name(&mut *conn, &due.name).await?;
    let still = sqlx::query_scalar!(
        r#"SELECT expires_at <= now() AND delete_requested_at IS NULL AS "still!" FROM application WHERE id = $1"#,
        due.id.0
    )
    .fetch_optional(&mut *conn)
    .await?;
    if still != Some(true) {
        return Ok(None);
    }
    let Deletion::Protected { resources, .. } = delete(&mut *conn, &due.name, "expiry").await? else {
        return Ok(Some(Expired::Deleted(due.name)));
    };
    sqlx::query!("UPDATE application SET expiry_blocked_at = now() WHERE id = $1", due.id.0)
        .execute(&mut *conn)
        .await?;
    let happened = NewEvent {
        kind: events::APPLICATION_EXPIRY_BLOCKED.into(),
        application_id: Some(due.id),
        data: json!({"resources": resources}),
        ..NewEvent::default()
    };
    event::append(conn, &[happened]).await?;
    Ok(Some(Expired::Kept(due.name, resources)))
}
