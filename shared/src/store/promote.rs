//! Choosing which ready runs get a ticket. Decided under one lock a queue, so that free slots are never given twice.

use std::time::Duration;

use sqlx::PgConnection;

use super::Result;
use crate::domain::ids::{Fence, RunId};

/// What one pass over a queue did.
#[derive(Clone, Debug, Default)]
pub struct Promotion {
    /// Runs that are `queued` now: send these tickets once the transaction has committed.
    pub tickets: Vec<(RunId, Fence)>,
    /// Whether another scheduler holds the queue's lock; it does the work then.
    pub taken: bool,
}

/// Queues with ready runs, or with a reason for waiting that may no longer be true.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn queues(conn: &mut PgConnection) -> Result<Vec<String>> {
    // Steps from queue to queue through the index, however many runs each has.
    Ok(sqlx::query_scalar!(
        r#"WITH RECURSIVE ready AS (
               (SELECT queue FROM run WHERE status = 'pending' AND reason IS NULL ORDER BY queue LIMIT 1)
               UNION ALL
               SELECT (SELECT queue FROM run WHERE status = 'pending' AND reason IS NULL AND queue > ready.queue ORDER BY queue LIMIT 1)
               FROM ready WHERE ready.queue IS NOT NULL)
           SELECT queue AS "name!" FROM ready WHERE queue IS NOT NULL
           UNION SELECT name FROM queue WHERE wait_reason IS NOT NULL"#
    )
    .fetch_all(conn)
    .await?)
}

/// Promotes as many ready runs of `queue` as its live workers have free slots (one, when it has no worker, so that a scaler
/// sees the work): by priority, then by fair share between teams, then oldest first. Notes why the others wait.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn promote(
    conn: &mut PgConnection,
    queue: &str,
    worker_gone_after: Duration,
    limit: i64,
) -> Result<Promotion> {
    let locked = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock(hashtextextended('promote:' || $1, 0)) AS "locked!""#,
        queue
    )
    .fetch_one(&mut *conn)
    .await?;
    if !locked {
        return Ok(Promotion { taken: true, ..Promotion::default() });
    }
    let slots = sqlx::query!(
        r#"WITH live AS (SELECT id, slots FROM worker
                         WHERE state = 'active' AND $1 = ANY (queues) AND heartbeat_at > now() - make_interval(secs => $2))
           SELECT (SELECT count(*) FROM live) AS "workers!",
                  (SELECT coalesce(sum(slots), 0)::int8 FROM live) AS "slots!",
                  (SELECT count(*) FROM run JOIN live ON lease_worker_id = live.id WHERE status = 'running') AS "running!",
                  (SELECT count(*) FROM run WHERE queue = $1 AND status = 'queued') AS "queued!""#,
        queue,
        worker_gone_after.as_secs_f64(),
    )
    .fetch_one(&mut *conn)
    .await?;
    let free = if slots.workers == 0 { 1 - slots.queued } else { slots.slots - slots.running - slots.queued };
    let free = free.clamp(0, limit);
    let tickets = if free == 0 { Vec::new() } else { take(conn, queue, free).await? };
    let (reason, detail) = if slots.workers == 0 {
        ("NoWorkerForQueue", format!("no live worker serves queue '{queue}'"))
    } else {
        ("QueueFull", format!("all {} slots of {} worker(s) are taken", slots.slots, slots.workers))
    };
    sqlx::query!(
        "WITH left_over AS (SELECT EXISTS (SELECT FROM run WHERE queue = $1 AND status = 'pending' AND reason IS NULL) AS waiting)
         UPDATE queue SET wait_reason = CASE WHEN waiting THEN $2 END, wait_detail = CASE WHEN waiting THEN $3 END,
                wait_since = CASE WHEN wait_reason IS NOT DISTINCT FROM CASE WHEN waiting THEN $2 END THEN wait_since ELSE now() END
         FROM left_over
         WHERE name = $1 AND (wait_reason, wait_detail) IS DISTINCT FROM (CASE WHEN waiting THEN $2 END, CASE WHEN waiting THEN $3 END)",
        queue,
        reason,
        detail,
    )
    .execute(&mut *conn)
    .await?;
    Ok(Promotion { tickets, taken: false })
}

async fn take(conn: &mut PgConnection, queue: &str, free: i64) -> Result<Vec<(RunId, Fence)>> {
    // Only the heads of the teams' lines are read: as many rows as there are free slots a team, however long the lines are.
    let rows = sqlx::query!(
        r#"WITH RECURSIVE line AS (
               (SELECT team FROM run WHERE queue = $1 AND status = 'pending' AND reason IS NULL ORDER BY team LIMIT 1)
               UNION ALL
               SELECT (SELECT team FROM run WHERE queue = $1 AND status = 'pending' AND reason IS NULL AND team > line.team ORDER BY team LIMIT 1)
               FROM line WHERE line.team IS NOT NULL),
           busy AS (SELECT team, count(*) AS runs FROM run WHERE queue = $1 AND status IN ('queued', 'running') GROUP BY team),
           head AS (SELECT first.id, first.priority,
                           coalesce(busy.runs, 0) + row_number() OVER (PARTITION BY line.team ORDER BY first.priority DESC, first.id) AS share
                    FROM line LEFT JOIN busy USING (team)
                    CROSS JOIN LATERAL (SELECT id, priority FROM run
                                        WHERE queue = $1 AND team = line.team AND status = 'pending' AND reason IS NULL
                                        ORDER BY priority DESC, id LIMIT $2) first
                    WHERE line.team IS NOT NULL),
           chosen AS (SELECT id FROM head ORDER BY priority DESC, share, id LIMIT $2)
           UPDATE run SET status = 'queued', queued_at = now(), ticket_sent_at = now()
           FROM chosen WHERE run.id = chosen.id AND run.status = 'pending' AND run.reason IS NULL
           RETURNING run.id AS "id: RunId", run.fence AS "fence: Fence""#,
        queue,
        free,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.fence)).collect())
}
