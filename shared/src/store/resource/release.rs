//! Resources that an application needs no more.

use sqlx::PgConnection;

use crate::{
    domain::ids::{ApplicationId, ResourceId, RunId},
    store::{Result, run},
};

/// Lets an application go of all its resources: those that no other application uses should be gone, and what runs to
/// make them is cancelled. Returns how many will be removed.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn release_all(conn: &mut PgConnection, application: ApplicationId, actor: &str) -> Result<usize> {
    // Runs before resources: the lock order.
    let live = sqlx::query_scalar!(
        r#"SELECT run.id AS "id: RunId" FROM run JOIN resource r ON r.id = run.resource_id
           WHERE run.status IN ('pending', 'queued', 'running', 'suspended') AND run.operation <> 'delete'
             AND r.id IN (SELECT resource_id FROM resource_user WHERE application_id = $1)
             AND NOT EXISTS (SELECT FROM resource_user u WHERE u.resource_id = r.id AND u.application_id <> $1)
           ORDER BY run.id FOR NO KEY UPDATE OF run"#,
        application.0
    )
    .fetch_all(&mut *conn)
    .await?;
    let used = sqlx::query_scalar!(
        r#"DELETE FROM resource_user WHERE application_id = $1 RETURNING resource_id AS "id: ResourceId""#,
        application.0
    )
    .fetch_all(&mut *conn)
    .await?;
    let removed = sqlx::query_scalar!(
        r#"UPDATE resource SET desired = 'absent', updated_at = now(),
                  retry_requested_at = CASE WHEN state = 'failed' THEN now() ELSE retry_requested_at END
           WHERE id = ANY($1) AND state <> 'terminated'
             AND NOT EXISTS (SELECT FROM resource_user u WHERE u.resource_id = resource.id)
           RETURNING id AS "id: ResourceId""#,
        &used.iter().map(|id| id.0).collect::<Vec<_>>(),
    )
    .fetch_all(&mut *conn)
    .await?;
    for id in live {
        let _ = run::request_cancel(conn, id, actor, "its application is being deleted").await?;
    }
    // A shared resource outlives the application that asked for it first: another of its users takes it over.
    sqlx::query!(
        "UPDATE resource SET application_id = u.application_id, name = u.name
         FROM (SELECT DISTINCT ON (resource_id) resource_id, application_id, name FROM resource_user
               WHERE resource_id = ANY($1) ORDER BY resource_id, application_id) u
         WHERE resource.id = u.resource_id AND resource.application_id = $2",
        &used.iter().map(|id| id.0).collect::<Vec<_>>(),
        application.0,
    )
    .execute(&mut *conn)
    .await?;
    Ok(removed.len())
}
