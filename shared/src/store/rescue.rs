//! What keeps runs moving when something died: tickets sent again, leases taken back, deadlines kept.

use std::time::Duration;

use serde_json::json;
use sqlx::{PgConnection, PgExecutor};

use super::{
    Result,
    event::{self, NewEvent},
    run::{self, Finish},
};
use crate::domain::{
    event as events,
    ids::{ApplicationId, Fence, ResourceId, RunId},
    run::error_code,
};

/// A ticket to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueTicket {
    /// To which queue.
    pub queue: String,
    /// For which run.
    pub run_id: RunId,
    /// The fence it is queued under.
    pub fence: Fence,
}

/// Queued runs whose ticket was never sent, or sent `after` ago and not claimed: the same ticket again. A new fence would
/// turn every ticket that still waits stale; the claim makes doubles harmless.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn due_tickets(executor: impl PgExecutor<'_>, after: Duration, limit: i64) -> Result<Vec<DueTicket>> {
    Ok(sqlx::query_as!(
        DueTicket,
        r#"WITH due AS (SELECT id FROM run WHERE status = 'queued'
                          AND (ticket_sent_at IS NULL OR ticket_sent_at < now() - make_interval(secs => $1))
                        ORDER BY queued_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)
           UPDATE run SET ticket_sent_at = now() FROM due WHERE run.id = due.id
           RETURNING run.queue, run.id AS "run_id: RunId", run.fence AS "fence: Fence""#,
        after.as_secs_f64(),
        limit,
    )
    .fetch_all(executor)
    .await?)
}

const LATE_AND_LOST: &str = "the run took longer than it may, and its worker was lost";

/// What a rescue did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rescued {
    /// Runs queued again under a new fence; their tickets are due at once.
    pub queued: usize,
    /// Runs that ended: poison, or cancelled, or past their deadline.
    pub ended: usize,
}

/// Takes runs back whose lease has ended. Waits one `ttl` after Postgres has started, because no worker could renew while
/// it was away.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn rescue(conn: &mut PgConnection, ttl: Duration, max_losses: u16, limit: i64) -> Result<Rescued> {
    let expired = sqlx::query!(
        r#"SELECT id AS "id: RunId", application_id AS "application_id: ApplicationId", resource_id AS "resource_id: ResourceId",
                  lease_worker_id AS "worker!", losses, cancel_reason, cancel_requested_at,
                  coalesce(deadline_at < now(), false) AS "late!",
                  (cancel_requested_at IS NOT NULL OR deadline_at < now()) AND NOT (cancel_requested_at IS NOT NULL AND deadline_at < now())
                      AND cleanup_left(id, plan_digest) AS "cleanup!"
           FROM run
           WHERE status = 'running' AND lease_until < now() AND pg_postmaster_start_time() < now() - make_interval(secs => $1)
           ORDER BY lease_until LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED"#,
        ttl.as_secs_f64(),
        limit,
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut done = Rescued::default();
    for run in expired {
        sqlx::query!("SELECT seal_lost_attempts($1)", run.id.0).execute(&mut *conn).await?;
        let losses = i32::from(run.losses) + 1;
        sqlx::query!(
            "WITH lost AS (UPDATE attempt SET status = 'lost', finished_at = now() WHERE run_id = $1 AND status = 'running'),
                  again AS (UPDATE step SET status = 'pending' WHERE run_id = $1 AND status = 'running')
             UPDATE run SET status = 'queued', fence = fence + 1, losses = losses + 1, lease_worker_id = NULL, lease_until = NULL,
                    queued_at = now(), ticket_sent_at = NULL, waiting_since = now()
             WHERE id = $1",
            run.id.0
        )
        .execute(&mut *conn)
        .await?;
        event::append(
            &mut *conn,
            &[NewEvent {
                kind: events::RUN_RESCUED.into(),
                application_id: run.application_id,
                resource_id: run.resource_id,
                run_id: Some(run.id),
                data: json!({"worker": run.worker, "losses": losses}),
                ..NewEvent::default()
            }],
        )
        .await?;
        let end = if losses > i32::from(max_losses) && run.cancel_requested_at.is_none() {
            Some(Finish::failed(
                error_code::POISON,
                format!(
                    "the run was lost with its worker {losses} times; it may be what ends them, so it is not tried again"
                ),
            ))
        } else if run.cleanup && losses <= i32::from(max_losses) {
            // The next worker runs its `finally` steps before it ends.
            if run.cancel_requested_at.is_none() {
                run::miss_deadline(&mut *conn, run.id, LATE_AND_LOST).await?;
            }
            None
        } else if run.cancel_requested_at.is_some() {
            Some(Finish::cancelled(run.cancel_reason.unwrap_or_default(), "system"))
        } else if run.late {
            Some(Finish::failed(error_code::TIMED_OUT, LATE_AND_LOST))
        } else {
            None
        };
        match end {
            Some(end) => {
                run::finish(conn, run.id, &end).await?;
                done.ended += 1;
            }
            None => done.queued += 1,
        }
    }
    Ok(done)
}

/// Ends runs that wait past their deadline, and runs asked to cancel that no worker holds any more. Those that have `finally`
/// steps to run first are made ready for a worker, with an hour more to run them in.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn end_overdue(conn: &mut PgConnection, limit: i64) -> Result<usize> {
    let overdue = sqlx::query!(
        r#"SELECT id AS "id: RunId", cancel_requested_at, cancel_reason, cleanup_left(id, plan_digest) AS "cleanup!",
                  (SELECT string_agg(format('%s (%s)', name, wait ->> 'kind'), ', ') FROM step
                   WHERE run_id = run.id AND status = 'waiting') AS waits
           FROM run
           WHERE status IN ('pending', 'queued', 'suspended')
             AND (deadline_at < now() OR cancel_requested_at IS NOT NULL AND NOT cleanup_left(id, plan_digest))
           ORDER BY id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED"#,
        limit,
    )
    .fetch_all(&mut *conn)
    .await?;
    for run in &overdue {
        let why = match &run.waits {
            None => "the run took longer than it may".to_owned(),
            Some(waits) => format!("the run took longer than it may; it waited for {waits}"),
        };
        match &run.cancel_requested_at {
            Some(_) => {
                let why = run.cancel_reason.clone().unwrap_or_default();
                run::finish(conn, run.id, &Finish::cancelled(why, "system")).await?;
            }
            None if run.cleanup => run::miss_deadline(conn, run.id, &why).await?,
            None => run::finish(conn, run.id, &Finish::failed(error_code::TIMED_OUT, why)).await?,
        }
    }
    Ok(overdue.len())
}

/// Lets suspended runs go on whose wait is over. Returns how many; they are ready to be promoted.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn resume(executor: impl PgExecutor<'_>, limit: i64) -> Result<u64> {
    let done = sqlx::query!(
        "WITH due AS (SELECT id FROM run WHERE status = 'suspended' AND suspended_until <= now()
                      ORDER BY suspended_until LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED)
         UPDATE run SET status = 'pending', reason = NULL, reason_detail = NULL, suspended_until = NULL, waiting_since = now()
         FROM due WHERE run.id = due.id",
        limit
    )
    .execute(executor)
    .await?;
    Ok(done.rows_affected())
}
