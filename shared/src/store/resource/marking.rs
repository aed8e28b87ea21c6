//! Telling resources that an output which they name has changed.

use sqlx::PgPool;

use crate::{
    domain::ids::ResourceId,
    store::{Result, begin},
};

/// Marks what names outputs of resources that changed to be compared again; up to `limit` such resources. Returns how many.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn mark_dependents(pool: &PgPool, limit: i64) -> Result<usize> {
    let due = sqlx::query_scalar!(
        r#"SELECT id AS "id: ResourceId" FROM resource WHERE dependents_due ORDER BY id LIMIT $1"#,
        limit
    )
    .fetch_all(pool)
    .await?;
    if due.is_empty() {
        return Ok(0);
    }
    let mut tx = begin(pool, "BEGIN").await?;
    let due: Vec<_> = due.into_iter().map(|id| id.0).collect();
    // All at once in the order of identities, as everyone locks resources; this transaction holds no other lock.
    sqlx::query!(
        "SELECT id FROM resource
         WHERE id = ANY ($1) OR id IN (SELECT resource_id FROM resource_dependency WHERE depends_on_id = ANY ($1) AND wanted)
         ORDER BY identity FOR NO KEY UPDATE",
        &due
    )
    .fetch_all(&mut *tx)
    .await?;
    sqlx::query!(
        "UPDATE resource SET reconcile_requested_at = now(), updated_at = now()
         WHERE id IN (SELECT resource_id FROM resource_dependency WHERE depends_on_id = ANY ($1) AND wanted)
           AND desired = 'present' AND state NOT IN ('requested', 'terminated') AND reconcile_requested_at IS NULL",
        &due
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("UPDATE resource SET dependents_due = false WHERE id = ANY ($1)", &due).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(due.len())
}
