//! Workers as people look at them.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::{Result, worker::WorkerAsked};
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
    /// What it is told apart by, strings by name.
    pub labels: Value,
    /// Runs it drives at once.
    pub slots: i32,
    /// Runs it drives now.
    pub running: i64,
    /// `active`, `draining` or `stopped`.
    pub state: String,
    /// What people want of it; it may not have heard of that yet.
    pub asked: WorkerAsked,
    /// Who asked for that.
    pub asked_by: Option<String>,
    /// When they did.
    pub asked_at: Option<DateTime<Utc>>,
    /// Why, for people.
    pub asked_why: Option<String>,
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

/// Reads workers, of which one is live when it was heard of in the last `$1` seconds: what follows the list of columns, then the
/// parameters.
macro_rules! workers {
    ($which:literal $(, $value:expr)* $(,)?) => {
        sqlx::query_as!(
            Worker,
            r#"SELECT id AS "id: WorkerId", name, host, version, queues, labels, slots,
                      (SELECT count(*) FROM run WHERE lease_worker_id = worker.id AND status = 'running') AS "running!",
                      state, asked AS "asked: WorkerAsked", asked_by, asked_at, asked_why,
                      state <> 'stopped' AND heartbeat_at > now() - make_interval(secs => $1::int) AS "live!",
                      posture, refused_writes, started_at, heartbeat_at, stopped_at
               FROM worker "# + $which
            $(, $value)*
        )
    };
}

/// One worker, live or not; none when there is none of that id.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(executor: impl PgExecutor<'_>, gone_after_s: i32, id: WorkerId) -> Result<Option<Worker>> {
    Ok(workers!("WHERE id = $2", gone_after_s, id.0).fetch_optional(executor).await?)
}

/// Workers, newest first, at most 1000. A worker is live when it was heard of in the last `gone_after_s` seconds;
/// stopped ones are listed only with `stopped`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn list(executor: impl PgExecutor<'_>, gone_after_s: i32, stopped: bool) -> Result<Vec<Worker>> {
    page(executor, gone_after_s, stopped, None, 1000).await
}

/// The same, those before the worker `before` (none: from the newest), at most `limit`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    gone_after_s: i32,
    stopped: bool,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Worker>> {
    let before = before.unwrap_or(Uuid::max());
    // Of those that have stopped there may be very many more than of the others, which have an index of their own.
    let workers = if stopped {
        workers!("WHERE id < $2 ORDER BY id DESC LIMIT $3", gone_after_s, before, limit).fetch_all(executor).await
    } else {
        workers!("WHERE state <> 'stopped' AND id < $2 ORDER BY id DESC LIMIT $3", gone_after_s, before, limit)
            .fetch_all(executor)
            .await
    };
    Ok(workers?)
}

/// The workers that have not stopped, added up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// Those that take runs.
    pub serving: i64,
    /// Those that are to take no new runs for now.
    pub cordoned: i64,
    /// Those that end when they have finished what they have.
    pub draining: i64,
    /// Those that were not heard of lately.
    pub gone: i64,
    /// Slots of those that take runs.
    pub slots: i64,
    /// Runs that workers drive.
    pub busy: i64,
}

/// Adds them up. A worker is gone when it was not heard of in the last `gone_after_s` seconds.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn summary(executor: impl PgExecutor<'_>, gone_after_s: i32) -> Result<Summary> {
    Ok(sqlx::query_as!(
        Summary,
        r#"WITH known AS (
               SELECT slots, CASE WHEN heartbeat_at <= now() - make_interval(secs => $1::int) THEN 'gone'
                                  WHEN state = 'draining' OR asked = 'drain' THEN 'draining'
                                  WHEN asked = 'cordon' THEN 'cordoned' ELSE 'serving' END AS standing
               FROM worker WHERE state <> 'stopped')
           SELECT count(*) FILTER (WHERE standing = 'serving') AS "serving!", count(*) FILTER (WHERE standing = 'cordoned') AS "cordoned!",
                  count(*) FILTER (WHERE standing = 'draining') AS "draining!", count(*) FILTER (WHERE standing = 'gone') AS "gone!",
                  coalesce(sum(slots) FILTER (WHERE standing = 'serving'), 0) AS "slots!",
                  (SELECT count(*) FROM run WHERE status = 'running') AS "busy!"
           FROM known"#,
        gone_after_s,
    )
    .fetch_one(executor)
    .await?)
}
