//! What may not be deleted.

use serde_json::json;
use sqlx::PgConnection;

use super::lock_name;
use crate::{
    domain::{
        event as events,
        ids::{ApplicationId, ResourceId},
    },
    store::{
        Result,
        event::{self, NewEvent},
    },
};

/// What became of a wish to protect something, or to do so no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// It is as wished.
    Set,
    /// There is no such live application.
    UnknownApplication,
    /// The application uses no resource of that name.
    UnknownResource,
}

/// Protects an application, or one of its resources, from deletion; or does so no more. What the spec itself protects stays
/// protected until another spec says otherwise.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn protect(
    conn: &mut PgConnection,
    name: &str,
    resource: Option<&str>,
    protected: bool,
    actor: &str,
) -> Result<Protection> {
    lock_name(conn, name).await?;
    let found = sqlx::query_scalar!(
        r#"SELECT id AS "id: ApplicationId" FROM application WHERE name = $1 AND delete_requested_at IS NULL"#,
        name
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(id) = found else { return Ok(Protection::UnknownApplication) };
    let mut happened = NewEvent {
        kind: events::APPLICATION_PROTECTION.into(),
        application_id: Some(id),
        actor: Some(actor.into()),
        data: json!({"protected": protected}),
        ..NewEvent::default()
    };
    match resource {
        None => {
            sqlx::query!(
                "UPDATE application SET protected = $2, updated_at = now(), expiry_blocked_at = NULL WHERE id = $1",
                id.0,
                protected
            )
            .execute(&mut *conn)
            .await?;
        }
        Some(resource) => {
            let found = sqlx::query_scalar!(
                r#"UPDATE resource SET protected = $3, updated_at = now()
                   WHERE id = (SELECT resource_id FROM resource_user WHERE application_id = $1 AND name = $2 LIMIT 1)
                   RETURNING id AS "id: ResourceId""#,
                id.0,
                resource,
                protected,
            )
            .fetch_optional(&mut *conn)
            .await?;
            let Some(resource_id) = found else { return Ok(Protection::UnknownResource) };
            sqlx::query!("UPDATE application SET expiry_blocked_at = NULL WHERE id = $1", id.0)
                .execute(&mut *conn)
                .await?;
            happened.kind = events::RESOURCE_PROTECTION.into();
            happened.resource_id = Some(resource_id);
        }
    }
    event::append(conn, &[happened]).await?;
    Ok(Protection::Set)
}
