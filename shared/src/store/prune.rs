//! Forgetting what is older than anyone asked to keep it.

use sqlx::PgExecutor;

use super::Result;
use crate::domain::ids::RunId;

/// Deletes up to `limit` rows of each kind that ended more than `days` ago. Returns how many; call again while it is many.
/// Kept, whatever their age: runs that a resource still points to, and the last one that began to make a resource that is
/// not gone, because it says that there may be something to remove. A preview is kept for an hour, and as long as a batch that is
/// not over shows it. What the runs left in the archive is for [`pruned_runs`].
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn prune(executor: impl PgExecutor<'_>, days: u32, limit: i64) -> Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"WITH runs AS (DELETE FROM run WHERE id IN (
                   SELECT id FROM run WHERE finished_at < now() - make_interval(days => $1) AND kind <> 'preview'
                     AND NOT EXISTS (SELECT FROM resource WHERE last_run_id = run.id)
                     AND NOT EXISTS (SELECT FROM resource WHERE current_run_id = run.id)
                     AND NOT (run.started_at IS NOT NULL
                              AND EXISTS (SELECT FROM resource r WHERE r.id = run.resource_id AND r.state <> 'terminated')
                              AND NOT EXISTS (SELECT FROM run newer WHERE newer.resource_id = run.resource_id AND newer.id > run.id
                                                                      AND newer.started_at IS NOT NULL))
                     AND NOT EXISTS (SELECT FROM run later WHERE later.retry_of = run.id)
                     AND NOT EXISTS (SELECT FROM run below WHERE below.parent_run_id = run.id)
                   ORDER BY finished_at LIMIT $2) RETURNING id, started_at),
                noted AS (INSERT INTO pruned_run (run_id) SELECT id FROM runs WHERE started_at IS NOT NULL ON CONFLICT DO NOTHING),
                previews AS (DELETE FROM run WHERE id IN (
                   SELECT id FROM run WHERE kind = 'preview' AND finished_at < now() - interval '1 hour'
                     AND NOT EXISTS (SELECT FROM run later WHERE later.retry_of = run.id)
                     AND NOT EXISTS (SELECT FROM batch_plan p JOIN batch b ON b.id = p.batch_id
                                     WHERE p.run_id = run.id AND b.finished_at IS NULL)
                   ORDER BY finished_at LIMIT $2) RETURNING 1),
                events AS (DELETE FROM event WHERE (xid, id) IN (
                   SELECT xid, id FROM event WHERE at < now() - make_interval(days => $1) ORDER BY at LIMIT $2) RETURNING 1),
                keys AS (DELETE FROM idempotency_key WHERE (api_key_id, key) IN (
                   SELECT api_key_id, key FROM idempotency_key WHERE created_at < now() - interval '1 day' LIMIT $2) RETURNING 1),
                workers AS (DELETE FROM worker WHERE stopped_at < now() - interval '1 day' RETURNING 1)
           SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM previews) + (SELECT count(*) FROM events) + (SELECT count(*) FROM keys)
                + (SELECT count(*) FROM workers) AS "removed!""#,
        i32::try_from(days).unwrap_or(i32::MAX),
        limit,
    )
    .fetch_one(executor)
    .await?)
}

/// Up to `limit` runs that are forgotten and may have left something in the archive.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn pruned_runs(executor: impl PgExecutor<'_>, limit: i64) -> Result<Vec<RunId>> {
    Ok(sqlx::query_scalar!(r#"SELECT run_id AS "id: RunId" FROM pruned_run ORDER BY pruned_at LIMIT $1"#, limit)
        .fetch_all(executor)
        .await?)
}

/// Notes that nothing of these runs is in the archive any more.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn forget_pruned(executor: impl PgExecutor<'_>, runs: &[RunId]) -> Result<()> {
    let ids: Vec<_> = runs.iter().map(|run| run.0).collect();
    sqlx::query!("DELETE FROM pruned_run WHERE run_id = ANY($1)", &ids).execute(executor).await?;
    Ok(())
}
