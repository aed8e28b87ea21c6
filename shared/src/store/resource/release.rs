//! Resources that an application needs no more.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use crate::{
    domain::{
        ids::{ApplicationId, ResourceId, RunId},
        resource::PROTECTION,
    },
    store::{Result, run},
};

/// Lets an application go of all its resources: those that no other application uses should be gone, and what runs to
/// make them is cancelled. Fails with the names of those that may not be removed, and then changes nothing.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn release_all(
    conn: &mut PgConnection,
    application: ApplicationId,
    actor: &str,
) -> Result<std::result::Result<(), Vec<String>>> {
    // Runs before resources: the lock order.
    let live = sqlx::query!(
        r#"SELECT run.id AS "id: RunId", run.resource_id AS "resource_id!: ResourceId" FROM run
           WHERE run.status IN ('pending', 'queued', 'running', 'suspended') AND run.operation <> 'delete'
             AND run.resource_id IN (SELECT resource_id FROM resource_user WHERE application_id = $1)
           ORDER BY run.id FOR NO KEY UPDATE"#,
        application.0
    )
    .fetch_all(&mut *conn)
    .await?;
    let used = sqlx::query_scalar!(
        r#"SELECT id AS "id: ResourceId" FROM resource
           WHERE id IN (SELECT resource_id FROM resource_user WHERE application_id = $1) AND state <> 'terminated'
           ORDER BY identity FOR NO KEY UPDATE"#,
        application.0
    )
    .fetch_all(&mut *conn)
    .await?;
    let used: Vec<_> = used.into_iter().map(|id| id.0).collect();
    let mine = sqlx::query!(
        r#"SELECT id AS "id: ResourceId", name, (protected OR coalesce(annotations ->> $3, '') = 'true') AS "protected!"
           FROM resource
           WHERE id = ANY ($1)
             AND NOT EXISTS (SELECT FROM resource_user u WHERE u.resource_id = resource.id AND u.application_id <> $2)
           ORDER BY name"#,
        &used,
        application.0,
        PROTECTION,
    )
    .fetch_all(&mut *conn)
    .await?;
    let guarded: Vec<String> = mine.iter().filter(|it| it.protected).map(|it| it.name.clone()).collect();
    if !guarded.is_empty() {
        return Ok(Err(guarded));
    }
    sqlx::query!("DELETE FROM resource_user WHERE application_id = $1", application.0).execute(&mut *conn).await?;
    let gone: BTreeSet<ResourceId> = mine.into_iter().map(|it| it.id).collect();
    leave(conn, &gone).await?;
    for run in live.iter().filter(|run| gone.contains(&run.resource_id)) {
        let _ = run::request_cancel(conn, run.id, actor, "its application is being deleted").await?;
    }
    hand_over(conn, application, &used).await?;
    Ok(Ok(()))
}

/// Notes that these (locked) resources should be gone.
pub(in crate::store) async fn leave(conn: &mut PgConnection, ids: &BTreeSet<ResourceId>) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    sqlx::query!(
        "UPDATE resource SET desired = 'absent', updated_at = now(), reconcile_requested_at = NULL,
                retry_requested_at = CASE WHEN state = 'failed' THEN now() ELSE retry_requested_at END
         WHERE id = ANY($1)",
        &ids
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What takes the place of a resource that is leaving waits until that one is gone. So that one cannot wait in turn for
/// resources of the application that rest on it and are about to be changed over to its successor: they let go of it now.
pub(in crate::store) async fn make_way(conn: &mut PgConnection, application: ApplicationId) -> Result<()> {
    sqlx::query!(
        "DELETE FROM resource_dependency d
         USING resource new, application na, resource old, application oa
         WHERE new.application_id = $1 AND new.desired = 'present' AND new.state <> 'terminated' AND new.applied_params IS NULL
           AND na.id = new.application_id AND oa.id = old.application_id
           AND old.state <> 'terminated' AND old.desired = 'absent'
           AND (old.identity = new.identity OR old.name = new.name AND oa.name = na.name)
           AND d.depends_on_id = old.id AND NOT d.wanted",
        application.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Hands shared resources that an application was the first to ask for, and uses no more, to another of their users.
pub(in crate::store) async fn hand_over(
    conn: &mut PgConnection,
    from: ApplicationId,
    resources: &[uuid::Uuid],
) -> Result<()> {
    if resources.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE resource SET application_id = u.application_id, name = u.name
         FROM (SELECT DISTINCT ON (resource_id) resource_id, application_id, name FROM resource_user
               WHERE resource_id = ANY($1) ORDER BY resource_id, application_id = $2 DESC, application_id, name) u
         WHERE resource.id = u.resource_id AND resource.application_id = $2",
        resources,
        from.0,
    )
    .execute(conn)
    .await?;
    Ok(())
}
