//! What becomes of a resource that no run is made for. What one that ended makes of it is `resource_run_ended`, in the database:
//! whoever may end a run, a worker too, need not be allowed to write resources.

use sqlx::PgConnection;

use crate::{
    domain::{
        ids::{ApplicationId, ResourceId},
        resource::ResourceState,
    },
    store::Result,
};

/// Marks a resource that no run can be made for as failed. One that was made before is still as it was then.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn fail(
    conn: &mut PgConnection,
    id: ResourceId,
    application: ApplicationId,
    code: &str,
    message: &str,
) -> Result<()> {
    become_state(conn, id, application, ResourceState::Failed, Some((code, message))).await
}

/// Marks a resource that needs no work to be gone as terminated; `why` is kept in its history.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn terminate(conn: &mut PgConnection, id: ResourceId, application: ApplicationId, why: &str) -> Result<()> {
    become_state(conn, id, application, ResourceState::Terminated, Some(("", why))).await?;
    finish_deletion(conn, id).await
}

/// Notes that a resource that was to be compared is as it should be: one that failed to become something else is active
/// again, one that was never made stays failed.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn settle(
    conn: &mut PgConnection,
    id: ResourceId,
    application: ApplicationId,
    state: ResourceState,
    made: bool,
) -> Result<()> {
    if state == ResourceState::Failed && made {
        become_state(&mut *conn, id, application, ResourceState::Active, None).await?;
    }
    sqlx::query!(
        "UPDATE resource SET reconcile_requested_at = NULL, retry_requested_at = NULL, updated_at = now() WHERE id = $1",
        id.0
    )
    .execute(&mut *conn)
    .await?;
    forget_dropped(conn, id).await
}

/// Gives a (locked) resource a state in which no run works on it. A code and words are kept with a failed or degraded one; in
/// the history they stand in any case.
pub(super) async fn become_state(
    conn: &mut PgConnection,
    id: ResourceId,
    application_id: ApplicationId,
    state: ResourceState,
    error: Option<(&str, &str)>,
) -> Result<()> {
    sqlx::query!(
        "SELECT resource_becomes($1, $2, NULL, $3, $4, $5)",
        id.0,
        application_id.0,
        state.as_str(),
        error.map(|(code, _)| code),
        error.map(|(_, message)| message),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The resource rests only on what it wants, once it has become that; not yet when it was changed again meanwhile.
async fn forget_dropped(conn: &mut PgConnection, id: ResourceId) -> Result<()> {
    sqlx::query!("SELECT forget_dropped($1)", id.0).execute(conn).await?;
    Ok(())
}

/// Marks the application as deleted whose last resource this was.
pub(super) async fn finish_deletion(conn: &mut PgConnection, id: ResourceId) -> Result<()> {
    sqlx::query!("SELECT finish_deletion($1)", id.0).execute(conn).await?;
    Ok(())
}
