//! What the queues hold: figures from Postgres, which decides about waiting runs; Redis is not asked.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;

/// The figures of one queue.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Its name.
    pub name: String,
    /// What its ready runs wait for; none when nothing holds them.
    pub wait_reason: Option<String>,
    /// The reason in words.
    pub wait_detail: Option<String>,
    /// Since when.
    pub wait_since: DateTime<Utc>,
    /// Pending runs that could start now.
    pub ready: i64,
    /// Runs that wait for a dependency, a delay or a person.
    pub blocked: i64,
    /// Runs whose ticket is out and that no worker has claimed yet.
    pub queued: i64,
    /// Runs that a worker drives.
    pub running: i64,
    /// When the oldest ready or queued run began to wait.
    pub oldest_waiting_since: Option<DateTime<Utc>>,
    /// Runs that ended in the last five minutes.
    pub finished_5m: i64,
    /// Those of them that failed.
    pub failed_5m: i64,
    /// Workers that serve it and were heard of lately.
    pub workers: i64,
    /// The slots of those workers.
    pub slots: i64,
}

/// The figures of every queue, by name. A worker counts when it was heard of in the last `gone_after_s` seconds.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn figures(executor: impl PgExecutor<'_>, gone_after_s: i32) -> Result<Vec<Figures>> {
    Ok(sqlx::query_as!(
        Figures,
        r#"WITH live AS (
               SELECT queue, slots FROM worker, unnest(queues) AS queue
               WHERE state = 'active' AND heartbeat_at > now() - make_interval(secs => $1::int)
           ), named AS (
               SELECT name FROM queue UNION SELECT queue FROM live
           )
           SELECT named.name AS "name!", q.wait_reason AS "wait_reason?", q.wait_detail AS "wait_detail?",
                  coalesce(q.wait_since, now()) AS "wait_since!",
                  (SELECT count(*) FROM run r WHERE r.queue = named.name AND r.status = 'pending' AND r.reason IS NULL) AS "ready!",
                  (SELECT count(*) FROM run r WHERE r.queue = named.name AND r.status IN ('pending', 'suspended')
                                                AND r.reason IS NOT NULL) AS "blocked!",
                  (SELECT count(*) FROM run r WHERE r.queue = named.name AND r.status = 'queued') AS "queued!",
                  (SELECT count(*) FROM run r WHERE r.queue = named.name AND r.status = 'running') AS "running!",
                  least((SELECT r.waiting_since FROM run r WHERE r.queue = named.name AND r.status = 'pending' AND r.reason IS NULL
                         ORDER BY r.id LIMIT 1),
                        (SELECT min(r.waiting_since) FROM run r WHERE r.queue = named.name AND r.status = 'queued'))
                      AS "oldest_waiting_since?",
                  (SELECT count(*) FROM run r WHERE r.queue = named.name AND r.finished_at > now() - interval '5 minutes')
                      AS "finished_5m!",
                  (SELECT count(*) FROM run r WHERE r.queue = named.name AND r.finished_at > now() - interval '5 minutes'
                                                AND r.status = 'failed') AS "failed_5m!",
                  (SELECT count(*) FROM live WHERE live.queue = named.name) AS "workers!",
                  (SELECT coalesce(sum(slots), 0) FROM live WHERE live.queue = named.name) AS "slots!"
           FROM named LEFT JOIN queue q USING (name)
           ORDER BY 1 LIMIT 1000"#,
        gone_after_s,
    )
    .fetch_all(executor)
    .await?)
}
