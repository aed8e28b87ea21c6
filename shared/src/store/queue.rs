//! What the queues hold: figures from Postgres, which decides about waiting runs; Redis is not asked.

mod hold;
mod waiting;

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;

pub use hold::{Hold, pause, resume, set_priority};
pub use waiting::{TeamWaiting, waiting_by_reason, waiting_by_team};

/// The figures of one queue.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Its name.
    pub name: String,
    /// What the priorities of its runs are counted from, when they are made.
    pub priority: i16,
    /// Since when nothing of it begins; none: it is not paused.
    pub paused_at: Option<DateTime<Utc>>,
    /// Who paused it.
    pub paused_by: Option<String>,
    /// Why they did.
    pub paused_why: Option<String>,
    /// Whether it is paused until nothing of it runs any more.
    pub draining: bool,
    /// When that was so.
    pub drained_at: Option<DateTime<Utc>>,
    /// What its ready runs wait for; none when nothing holds them.
    pub wait_reason: Option<String>,
    /// The reason in words.
    pub wait_detail: Option<String>,
    /// Since when.
    pub wait_since: DateTime<Utc>,
    /// Pending runs that a free slot would let begin.
    pub ready: i64,
    /// Runs that wait for anything else: a dependency, a delay, a person, a quota, a limit, the end of a pause or a freeze.
    pub blocked: i64,
    /// Runs whose ticket is out and that no worker has claimed yet.
    pub queued: i64,
    /// Runs that a worker drives.
    pub running: i64,
    /// When the oldest ready or queued run began to wait.
    pub oldest_waiting_since: Option<DateTime<Utc>>,
    /// Runs that ended in the last five minutes, from what is counted by the minute: of the first of them its share.
    pub finished_5m: f64,
    /// Those of them that failed.
    pub failed_5m: f64,
    /// Workers that serve it, take new runs, and were heard of lately.
    pub workers: i64,
    /// The slots of those workers.
    pub slots: i64,
}

/// The figures of every queue, by name, at most 1000. A worker counts when it was heard of in the last `gone_after_s` seconds.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn figures(executor: impl PgExecutor<'_>, gone_after_s: i32) -> Result<Vec<Figures>> {
    select(executor, gone_after_s, None, None, 1000).await
}

/// The figures of up to `limit` queues by name, after that name.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    gone_after_s: i32,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Figures>> {
    select(executor, gone_after_s, None, after, limit).await
}

/// The figures of one queue; none when nobody ever named it.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(executor: impl PgExecutor<'_>, gone_after_s: i32, name: &str) -> Result<Option<Figures>> {
    Ok(select(executor, gone_after_s, Some(name), None, 1).await?.pop())
}

async fn select(
    executor: impl PgExecutor<'_>,
    gone_after_s: i32,
    only: Option<&str>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Figures>> {
    Ok(sqlx::query_as!(
        Figures,
        r#"WITH named AS MATERIALIZED (
               SELECT known.name, sum(known.workers) AS workers, sum(known.slots) AS slots
               FROM (SELECT name, 0 AS workers, 0 AS slots FROM queue
                     UNION ALL
                     SELECT served.name, 1, w.slots FROM worker w CROSS JOIN LATERAL unnest(w.queues) served (name)
                     WHERE w.state = 'active' AND w.asked = 'serve' AND w.heartbeat_at > now() - make_interval(secs => $1::int)) known
               WHERE ($2::text IS NULL OR known.name = $2) AND ($3::text IS NULL OR known.name > $3) GROUP BY 1 ORDER BY 1 LIMIT $4
           ), added AS MATERIALIZED (
               -- Grouped and not joined: however many the planner takes them for, each is read once.
               SELECT part.name, sum(part.workers)::bigint AS workers, sum(part.slots)::bigint AS slots,
                      sum(part.ready)::bigint AS ready, sum(part.blocked)::bigint AS blocked
               FROM (SELECT name, workers, slots, 0 AS ready, 0 AS blocked FROM named
                     UNION ALL
                     -- What more slots would let begin, and what they would not.
                     SELECT w.queue, 0, 0, CASE WHEN its.ready THEN w.runs ELSE 0 END, CASE WHEN its.ready THEN 0 ELSE w.runs END
                     FROM waiting_counts_in(ARRAY(SELECT name FROM named)) w
                     CROSS JOIN LATERAL (SELECT w.code IN ('Promoting', 'NoWorkerForQueue', 'QueueFull', 'Fairness') AS ready) its) part
               GROUP BY 1
           )
           SELECT added.name AS "name!", coalesce(q.priority, 0::smallint) AS "priority!", q.paused_at AS "paused_at?",
                  q.paused_by AS "paused_by?", q.paused_why AS "paused_why?", coalesce(q.draining, false) AS "draining!",
                  q.drained_at AS "drained_at?", q.wait_reason AS "wait_reason?", q.wait_detail AS "wait_detail?",
                  coalesce(q.wait_since, now()) AS "wait_since!",
                  added.ready AS "ready!", added.blocked AS "blocked!", taken.queued AS "queued!", taken.running AS "running!",
                  least(taken.queued_since,
                        (SELECT min(r.waiting_since) FROM run r WHERE r.queue = added.name AND r.status = 'pending' AND r.reason IS NULL))
                      AS "oldest_waiting_since?",
                  lately.finished AS "finished_5m!", lately.failed AS "failed_5m!", added.workers AS "workers!", added.slots AS "slots!"
           FROM added LEFT JOIN queue q USING (name)
           CROSS JOIN LATERAL (
               SELECT coalesce(sum((m.completed + m.failed + m.cancelled) * its.share), 0)::float8 AS finished,
                      coalesce(sum(m.failed * its.share), 0)::float8 AS failed
               FROM queue_minute m
               CROSS JOIN LATERAL (SELECT least(extract(epoch FROM m.minute + interval '6 minutes' - now()) / 60, 1) AS share) its
               WHERE m.queue = added.name AND m.minute > now() - interval '6 minutes') lately
           CROSS JOIN LATERAL (
               SELECT count(*) FILTER (WHERE r.status = 'queued') AS queued, count(*) FILTER (WHERE r.status = 'running') AS running,
                      min(r.waiting_since) FILTER (WHERE r.status = 'queued') AS queued_since
               FROM run r WHERE r.queue = added.name AND r.status IN ('queued', 'running')) taken
           ORDER BY 1"#,
        gone_after_s,
        only,
        after,
        limit,
    )
    .fetch_all(executor)
    .await?)
}
