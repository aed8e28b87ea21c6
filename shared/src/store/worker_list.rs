//! Workers as people look at them.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;

use super::Result;
use crate::domain::ids::WorkerId;

/// A worker and what it does.
#[derive(Clone, Debug)]
pub struct Worker {
    /// New at each start of the process.
    pub id: WorkerId,
    /// Its name.
    pub name: String,
    /// The host it runs on.
    pub host: String,
    /// The version of Slipway it runs.
    pub version: String,
    /// The queues it serves.
    pub queues: Vec<String>,
    /// Runs it drives at once.
    pub slots: i32,
    /// Runs it drives now.
    pub running: i64,
    /// `active`, `draining` or `stopped`.
    pub state: String,
    /// Whether it was heard of lately.
    pub live: bool,
    /// What isolation its engine gives.
    pub posture: Value,
    /// Late writes refused to it because its lease was gone.
    pub refused_writes: i64,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it was heard of last.
    pub heartbeat_at: DateTime<Utc>,
    /// When it stopped.
    pub stopped_at: Option<DateTime<Utc>>,
}

/// Workers, newest first, at most 1000. A worker is live when it was heard of in the last `gone_after_s` seconds;
/// stopped ones are listed only with `stopped`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn list(executor: impl PgExecutor<'_>, gone_after_s: i32, stopped: bool) -> Result<Vec<Worker>> {
    Ok(sqlx::query_as!(
        Worker,
        r#"SELECT id AS "id: WorkerId", name, host, version, queues, slots,
                  (SELECT count(*) FROM run WHERE lease_worker_id = worker.id AND status = 'running') AS "running!",
                  state, state <> 'stopped' AND heartbeat_at > now() - make_interval(secs => $1::int) AS "live!",
                  posture, refused_writes, started_at, heartbeat_at, stopped_at
           FROM worker WHERE $2 OR state <> 'stopped' ORDER BY id DESC LIMIT 1000"#,
        gone_after_s,
        stopped,
    )
    .fetch_all(executor)
    .await?)
}
