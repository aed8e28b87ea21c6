//! What the scheduler does with a batch whose row it has locked.

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Batch, batches, tell};
use crate::{
    domain::{
        batch::{BatchOperation, BatchStatus},
        event as events,
        ids::{ResourceId, RunId},
        resource::ResourceState,
    },
    store::Result,
};

/// The next batch after `after` that goes on by itself or still has runs, locked; those that another scheduler is at are
/// passed over.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn lock_next(conn: &mut PgConnection, after: Uuid) -> Result<Option<Batch>> {
    Ok(batches!(
        "WHERE b.id > $1 AND (b.status IN ('running', 'rolling_back') OR b.in_flight > 0)
         ORDER BY b.id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED",
        after
    )
    .fetch_optional(conn)
    .await?)
}

/// What runs of a batch came to since somebody looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gathered {
    /// Runs that completed.
    pub succeeded: i32,
    /// Runs that did not.
    pub failed: i32,
    /// Resources that are as they were again.
    pub rolled_back: i32,
    /// Ways back that failed.
    pub not_rolled_back: i32,
}

impl Gathered {
    /// Whether there was anything.
    #[must_use]
    pub fn is_any(self) -> bool {
        self != Self::default()
    }
}

/// Notes of each resource what its run came to, when that is over.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn gather(conn: &mut PgConnection, batch: &Batch) -> Result<Gathered> {
    let undone = batch.status == BatchStatus::RollingBack;
    let done = sqlx::query!(
        r#"WITH done AS (
               UPDATE batch_item i SET status = CASE run.status WHEN 'completed' THEN 'succeeded' ELSE 'failed' END, finished_at = now(),
                      detail = CASE run.status WHEN 'completed' THEN NULL ELSE coalesce(run.error_message, run.error_code, 'it was ' || run.status) END,
                      undo = CASE WHEN $2 THEN 'open' END
               FROM run WHERE i.batch_id = $1 AND i.status = 'running' AND run.id = i.run_id AND run.finished_at IS NOT NULL
               RETURNING i.status)
           SELECT count(*) FILTER (WHERE status = 'succeeded') AS "succeeded!", count(*) FILTER (WHERE status = 'failed') AS "failed!" FROM done"#,
        batch.id,
        undone,
    )
    .fetch_one(&mut *conn)
    .await?;
    let back = sqlx::query!(
        r#"WITH done AS (
               UPDATE batch_item i SET undo = CASE run.status WHEN 'completed' THEN 'succeeded' ELSE 'failed' END,
                      undo_detail = CASE run.status WHEN 'completed' THEN NULL ELSE coalesce(run.error_message, run.error_code, 'it was ' || run.status) END
               FROM run WHERE i.batch_id = $1 AND i.undo = 'running' AND run.id = i.undo_run_id AND run.finished_at IS NOT NULL
               RETURNING i.undo)
           SELECT count(*) FILTER (WHERE undo = 'succeeded') AS "succeeded!", count(*) FILTER (WHERE undo = 'failed') AS "failed!" FROM done"#,
        batch.id,
    )
    .fetch_one(&mut *conn)
    .await?;
    let number = |count: i64| i32::try_from(count).unwrap_or(i32::MAX);
    Ok(Gathered {
        succeeded: number(done.succeeded),
        failed: number(done.failed),
        rolled_back: number(back.succeeded),
        not_rolled_back: number(back.failed),
    })
}

/// Writes the figures of a batch as the caller, who has it locked, has counted them.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn note(conn: &mut PgConnection, batch: &Batch) -> Result<()> {
    sqlx::query!(
        "UPDATE batch SET succeeded = $2, failed = $3, skipped = $4, in_flight = $5, rolled_back = $6, wave = $7, detail = $8,
                started_at = $9, told_at = $10
         WHERE id = $1",
        batch.id,
        batch.succeeded,
        batch.failed,
        batch.skipped,
        batch.in_flight,
        batch.rolled_back,
        batch.wave,
        batch.detail,
        batch.started_at,
        batch.told_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Stops a batch because too much failed, and tells.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn stop(conn: &mut PgConnection, batch: &Batch, why: &str) -> Result<()> {
    over(conn, batch, BatchStatus::Stopped, why, events::BATCH_STOPPED).await
}

/// Ends a batch that has nothing left to do, and tells.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn complete(conn: &mut PgConnection, batch: &Batch, why: &str) -> Result<()> {
    match batch.status {
        BatchStatus::RollingBack => over(conn, batch, BatchStatus::RolledBack, why, events::BATCH_ROLLED_BACK).await,
        _ => over(conn, batch, BatchStatus::Completed, why, events::BATCH_COMPLETED).await,
    }
}

async fn over(conn: &mut PgConnection, batch: &Batch, next: BatchStatus, why: &str, event: &str) -> Result<()> {
    sqlx::query!(
        "UPDATE batch SET status = $2, detail = $3, finished_at = CASE WHEN $2 <> 'stopped' THEN now() END
         WHERE id = $1 AND status = $4",
        batch.id,
        next.as_str(),
        why,
        batch.status.as_str(),
    )
    .execute(&mut *conn)
    .await?;
    tell(conn, batch.id, event, "system").await
}

/// A resource whose turn it is, and (but for `retry`) on which nothing works; locked, as is its item.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The resource.
    pub id: ResourceId,
    /// What it has in common with others, when the batch was approved.
    pub group: Uuid,
    /// Whether what would be done to it rests on the same as then.
    pub unchanged: bool,
    /// Where it stands.
    pub state: ResourceState,
    /// Whether it should be gone.
    pub absent: bool,
    /// Whether it may not be deleted.
    pub kept: bool,
    /// What batches have set.
    pub overrides: Value,
    /// Its params as written.
    pub params: Value,
    /// Its provider.
    pub provider: Option<String>,
    /// Its version.
    pub provider_version: Option<String>,
    /// The last run that worked on it.
    pub last_run_id: Option<RunId>,
    /// Resources that are there and name its outputs; only for `delete`.
    pub dependents: Vec<String>,
}

/// Locks up to `limit` items, and their resources, of the waves up to this one that can be begun with now. One whose resource
/// is busy, or names one that is, waits and holds up no other; a deletion waits for those of its wave that rest on it.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn candidates(conn: &mut PgConnection, batch: &Batch, last: i32, limit: i64) -> Result<Vec<Candidate>> {
    let retry = batch.operation == BatchOperation::Retry;
    let ids = if retry {
        // A retry locks the run it retries first, and its resource then.
        sqlx::query_scalar!(
            r#"SELECT i.resource_id FROM batch_item i JOIN resource r ON r.id = i.resource_id
               WHERE i.batch_id = $1 AND i.status = 'open' AND i.position <= $2 AND r.current_run_id IS NULL
               ORDER BY i.position LIMIT $3 FOR NO KEY UPDATE OF i SKIP LOCKED"#,
            batch.id,
            last,
            limit,
        )
        .fetch_all(&mut *conn)
        .await?
    } else {
        sqlx::query_scalar!(
            r#"SELECT i.resource_id FROM batch_item i JOIN resource r ON r.id = i.resource_id
               WHERE i.batch_id = $1 AND i.status = 'open' AND i.position <= $2 AND r.current_run_id IS NULL AND r.state <> 'requested'
                 AND NOT EXISTS (SELECT FROM resource_dependency d JOIN resource other ON other.id = d.depends_on_id
                                 WHERE NOT $4 AND d.resource_id = r.id AND d.wanted AND other.current_run_id IS NOT NULL)
                 AND NOT EXISTS (SELECT FROM resource_dependency d JOIN batch_item resting ON resting.resource_id = d.resource_id
                                 WHERE $4 AND d.depends_on_id = r.id AND resting.batch_id = $1 AND resting.status IN ('open', 'running')
                                   AND resting.position <= $2)
               ORDER BY i.position LIMIT $3 FOR NO KEY UPDATE OF i, r SKIP LOCKED"#,
            batch.id,
            last,
            limit,
            batch.operation == BatchOperation::Delete,
        )
        .fetch_all(&mut *conn)
        .await?
    };
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    // With a snapshot taken after the locks were had.
    Ok(sqlx::query_as!(
        Candidate,
        r#"SELECT r.id AS "id: ResourceId", i.group_key AS group, coalesce(c.basis = i.basis, false) AS "unchanged!", r.state AS "state: ResourceState",
                  r.desired = 'absent' AS "absent!", coalesce(c.kept, false) AS "kept!", r.overrides, r.params, r.provider, r.provider_version,
                  r.last_run_id AS "last_run_id: RunId",
                  CASE WHEN $3 THEN ARRAY(SELECT other.name FROM resource_dependency d JOIN resource other ON other.id = d.resource_id
                                          WHERE d.depends_on_id = r.id AND other.state <> 'terminated' ORDER BY 1 LIMIT 5) ELSE '{}' END AS "dependents!"
           FROM batch_item i JOIN resource r ON r.id = i.resource_id LEFT JOIN batch_candidate c ON c.id = r.id
           WHERE i.batch_id = $1 AND i.resource_id = ANY ($2) ORDER BY i.position"#,
        batch.id,
        &ids,
        batch.operation == BatchOperation::Delete,
    )
    .fetch_all(conn)
    .await?)
}

impl Candidate {
    /// The provider that made it, and its version.
    #[must_use]
    pub fn made_by(&self) -> Option<(&str, &str)> {
        self.provider.as_deref().zip(self.provider_version.as_deref())
    }
}

/// Locks a resource if nothing works on it.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn lock_idle(conn: &mut PgConnection, id: ResourceId) -> Result<bool> {
    let locked =
        sqlx::query!("SELECT id FROM resource WHERE id = $1 AND current_run_id IS NULL FOR NO KEY UPDATE", id.0);
    Ok(locked.fetch_optional(conn).await?.is_some())
}

/// Notes of (locked) resources that they should be gone, though their specs ask for them: the same spec is to be a new generation
/// when it is submitted again, which makes them anew.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn leave(conn: &mut PgConnection, ids: &[ResourceId]) -> Result<()> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    sqlx::query!("UPDATE resource SET desired = 'absent', updated_at = now() WHERE id = ANY ($1)", &ids)
        .execute(&mut *conn)
        .await?;
    sqlx::query!(
        "UPDATE generation SET digest = sha256(('removed ' || u.resource_id)::bytea)
         FROM resource_user u JOIN application a ON a.id = u.application_id
         WHERE u.resource_id = ANY ($1) AND generation.application_id = a.id AND generation.number = a.generation",
        &ids
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A resource that a run of the batch works on from now on.
#[derive(Clone, Debug)]
pub struct Started {
    /// The resource.
    pub id: ResourceId,
    /// The run, made in this transaction.
    pub run_id: RunId,
    /// The version it had.
    pub version: Option<String>,
    /// What batches had set of its params.
    pub before: Value,
    /// What they have set now.
    pub overrides: Value,
}

/// Notes of (locked) resources that runs of the batch work on them.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn start(conn: &mut PgConnection, batch: Uuid, started: &[Started]) -> Result<()> {
    if started.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = started.iter().map(|it| it.id.0).collect();
    let runs: Vec<Uuid> = started.iter().map(|it| it.run_id.0).collect();
    sqlx::query!(
        "UPDATE batch_item i SET status = 'running', started_at = now(), run_id = new.run,
                before = jsonb_build_object('version', new.version, 'overrides', new.overrides)
         FROM UNNEST($2::uuid[], $3::uuid[], $4::text[], $5::jsonb[]) AS new (id, run, version, overrides)
         WHERE i.batch_id = $1 AND i.resource_id = new.id AND i.status = 'open'",
        batch,
        &ids,
        &runs,
        &started.iter().map(|it| it.version.clone()).collect::<Vec<_>>() as &[Option<String>],
        &started.iter().map(|it| it.before.clone()).collect::<Vec<_>>(),
    )
    .execute(&mut *conn)
    .await?;
    let overrides: Vec<Value> = started.iter().map(|it| it.overrides.clone()).collect();
    own(conn, batch, &runs, &ids, &overrides).await
}

/// Has runs be part of a batch, and their resources keep what it sets.
pub(super) async fn own(
    conn: &mut PgConnection,
    batch: Uuid,
    runs: &[Uuid],
    resources: &[Uuid],
    overrides: &[Value],
) -> Result<()> {
    sqlx::query!("UPDATE run SET batch_id = $2 WHERE id = ANY ($1)", runs, batch).execute(&mut *conn).await?;
    sqlx::query!(
        "UPDATE resource SET overrides = new.overrides FROM UNNEST($1::uuid[], $2::jsonb[]) AS new (id, overrides)
         WHERE resource.id = new.id AND resource.overrides IS DISTINCT FROM new.overrides",
        resources,
        overrides,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Has the retry of a run be part of a batch.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn retried(conn: &mut PgConnection, run: RunId) -> Result<()> {
    sqlx::query!("UPDATE run SET class = 'batch' WHERE id = $1", run.0).execute(conn).await?;
    Ok(())
}

/// Closes items that no run is made for: each failed, or was left out, with the reason.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn close_items(conn: &mut PgConnection, batch: Uuid, closed: &[(ResourceId, bool, String)]) -> Result<()> {
    if closed.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE batch_item i SET status = CASE WHEN new.failed THEN 'failed' ELSE 'skipped' END, detail = new.why, started_at = now(), finished_at = now()
         FROM UNNEST($2::uuid[], $3::bool[], $4::text[]) AS new (id, failed, why)
         WHERE i.batch_id = $1 AND i.resource_id = new.id AND i.status = 'open'",
        batch,
        &closed.iter().map(|(id, ..)| id.0).collect::<Vec<_>>(),
        &closed.iter().map(|(_, failed, _)| *failed).collect::<Vec<_>>(),
        &closed.iter().map(|(.., why)| why.clone()).collect::<Vec<_>>(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
