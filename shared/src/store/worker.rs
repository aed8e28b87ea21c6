//! Workers: who serves which queues, with how many slots, and who is still there.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use sqlx::PgExecutor;

use super::Result;
use crate::domain::{
    ids::WorkerId,
    states::{Applied, states},
};

states! {
    /// What a worker is doing.
    WorkerState {
        /// Takes new runs.
        Active = "active",
        /// Takes no new runs; finishes what it has.
        Draining = "draining",
        /// Ended, or not heard of for too long.
        Stopped = "stopped",
    }
}

states! {
    /// What people want of a worker.
    WorkerAsked {
        /// To take runs.
        Serve = "serve",
        /// To take no new runs until it is told to.
        Cordon = "cordon",
        /// To take no new runs, finish what it has or give it back, and end.
        Drain = "drain",
    }
}

/// A worker, as it announces itself.
#[derive(Clone, Debug)]
pub struct NewWorker {
    /// New at each start of the process.
    pub id: WorkerId,
    /// Shown to people.
    pub name: String,
    /// The host it runs on.
    pub host: String,
    /// Slipway's version.
    pub version: String,
    /// Queues it serves.
    pub queues: Vec<String>,
    /// Told with it, for people and programs.
    pub labels: BTreeMap<String, String>,
    /// Runs it drives at once.
    pub slots: i32,
    /// What isolation its engine gives.
    pub posture: Value,
}

/// Announces a worker.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn register(executor: impl PgExecutor<'_>, worker: &NewWorker) -> Result<()> {
    sqlx::query!(
        "WITH named AS (INSERT INTO queue (name) SELECT DISTINCT * FROM UNNEST($5::text[]) ON CONFLICT DO NOTHING),
              woken AS (SELECT pg_notify('slipway', ''))
         INSERT INTO worker (id, name, host, version, queues, slots, posture, labels)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8 FROM woken
         ON CONFLICT (id) DO UPDATE SET heartbeat_at = now(), state = 'active', stopped_at = NULL, posture = excluded.posture",
        worker.id.0,
        worker.name,
        worker.host,
        worker.version,
        &worker.queues,
        worker.slots,
        worker.posture,
        json!(worker.labels),
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// Says that the worker is there, and learns what people want of it. None when it counts as gone: it must register again.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn heartbeat(executor: impl PgExecutor<'_>, id: WorkerId) -> Result<Option<WorkerAsked>> {
    Ok(sqlx::query_scalar!(
        r#"UPDATE worker SET heartbeat_at = now() WHERE id = $1 AND state <> 'stopped' RETURNING asked AS "asked: WorkerAsked""#,
        id.0
    )
    .fetch_optional(executor)
    .await?)
}

/// Asks something of a worker. Promotion counts on it no more from the commit on, or again; the worker itself hears of it by its
/// next heartbeat. Stale: it has stopped, or ends already. None: there is no such worker.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn ask(
    executor: impl PgExecutor<'_>,
    id: WorkerId,
    asked: WorkerAsked,
    by: &str,
    why: &str,
) -> Result<Option<Applied>> {
    let row = sqlx::query!(
        r#"WITH told AS (
               UPDATE worker SET asked = $2, asked_by = $3, asked_why = $4, asked_at = now()
               WHERE id = $1 AND (state = 'active' OR state = 'draining' AND $2 = 'drain') RETURNING id)
           SELECT EXISTS (SELECT FROM told) AS "told!" FROM worker WHERE id = $1"#,
        id.0,
        asked.as_str(),
        by,
        why,
    )
    .fetch_optional(executor)
    .await?;
    Ok(row.map(|row| Applied::from_row(row.told.then_some(()))))
}

/// Says that the worker takes no new runs, or has ended.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn set_state(executor: impl PgExecutor<'_>, id: WorkerId, state: WorkerState) -> Result<()> {
    sqlx::query!(
        "UPDATE worker SET state = $2, heartbeat_at = now(), stopped_at = CASE WHEN $2 = 'stopped' THEN now() END WHERE id = $1",
        id.0,
        state.as_str()
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// Marks workers as stopped that have not been heard of for `after`. Their runs are rescued when the leases end.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn retire_silent(executor: impl PgExecutor<'_>, after: Duration) -> Result<u64> {
    let done = sqlx::query!(
        "UPDATE worker SET state = 'stopped', stopped_at = now()
         WHERE state <> 'stopped' AND heartbeat_at < now() - make_interval(secs => $1)",
        after.as_secs_f64()
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected())
}

/// What is known of a run that an engine still holds something of.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The run.
    pub run_id: crate::domain::ids::RunId,
    /// None when there is no such run (any more).
    pub status: Option<crate::domain::run::RunStatus>,
    /// Its fence.
    pub fence: Option<crate::domain::ids::Fence>,
    /// Who drives it, while it runs.
    pub worker_id: Option<WorkerId>,
}

/// Where the given runs stand.
///
/// # Errors
/// When Postgres cannot be reached; then nothing is known, and nothing may be removed.
pub async fn standing(executor: impl PgExecutor<'_>, runs: &[crate::domain::ids::RunId]) -> Result<Vec<Standing>> {
    Ok(sqlx::query_as!(
        Standing,
        r#"SELECT asked.id AS "run_id!: crate::domain::ids::RunId", run.status AS "status?: crate::domain::run::RunStatus",
                  run.fence AS "fence?: crate::domain::ids::Fence", run.lease_worker_id AS "worker_id: WorkerId"
           FROM UNNEST($1::uuid[]) AS asked (id) LEFT JOIN run ON run.id = asked.id"#,
        &runs.iter().map(|id| id.0).collect::<Vec<_>>()
    )
    .fetch_all(executor)
    .await?)
}

/// Archives that live workers other than `worker` keep workspaces in, with the worker's name.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn archives_in_use(executor: impl PgExecutor<'_>, worker: WorkerId) -> Result<Vec<(String, String)>> {
    let rows = sqlx::query!(
        r#"SELECT name, posture ->> 'archive' AS "archive!" FROM worker
           WHERE id <> $1 AND state <> 'stopped' AND heartbeat_at > now() - interval '1 minute' AND posture ? 'archive'"#,
        worker.0
    )
    .fetch_all(executor)
    .await?;
    Ok(rows.into_iter().map(|row| (row.name, row.archive)).collect())
}
