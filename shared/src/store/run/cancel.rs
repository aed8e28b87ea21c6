//! Runs, stopped at someone's wish.

use serde_json::json;
use sqlx::PgConnection;

use super::{Finish, finish};
use crate::{
    domain::{
        event as events,
        ids::{ApplicationId, ResourceId, RunId},
        run::RunStatus,
    },
    store::{
        Result,
        event::{self, NewEvent},
        notify,
    },
};

/// Minutes in which a run that is to end may run its `finally` steps, waiting for a worker included.
const CLEANUP_MINUTES: i32 = 60;

/// What became of a request to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// It was not running and is cancelled now.
    Cancelled,
    /// A worker runs it and has been told, or will take it to run its `finally` steps; it ends as cancelled then.
    Requested,
    /// It was over before.
    Over(RunStatus),
    /// There is no such run.
    Unknown,
}

/// Cancels a run, or asks the worker that holds it to. One that no worker holds, and that has `finally` steps to run because
/// some step of it has begun, is made ready for a worker, which runs only those; asked a second time, it ends without them.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn request_cancel(conn: &mut PgConnection, id: RunId, actor: &str, why: &str) -> Result<Cancel> {
    let Some(run) = sqlx::query!(
        r#"SELECT status AS "status: RunStatus", cancel_requested_at,
                  inputs IS NOT NULL AND reason IS DISTINCT FROM 'ConcurrencyGroup' AND cancel_requested_at IS NULL
                      AND finished_at IS NULL AND cleanup_left(id, plan_digest) AS "cleanup!"
           FROM run WHERE id = $1 FOR NO KEY UPDATE"#,
        id.0
    )
    .fetch_optional(&mut *conn)
    .await?
    else {
        return Ok(Cancel::Unknown);
    };
    match run.status {
        RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled => Ok(Cancel::Over(run.status)),
        RunStatus::Pending | RunStatus::Queued | RunStatus::Suspended if run.cleanup => {
            mark_cancel(conn, id, actor, why).await?;
            go_on_to_clean_up(conn, id, actor).await?;
            notify(conn).await?;
            Ok(Cancel::Requested)
        }
        RunStatus::Pending | RunStatus::Queued | RunStatus::Suspended => {
            finish(conn, id, &Finish::cancelled(why, actor)).await?;
            Ok(Cancel::Cancelled)
        }
        RunStatus::Running => {
            if run.cancel_requested_at.is_none() {
                mark_cancel(conn, id, actor, why).await?;
                close_waits(conn, id, actor).await?;
                notify(conn).await?;
            }
            Ok(Cancel::Requested)
        }
    }
}

/// Leaves the flag that the worker holding the run honours.
async fn mark_cancel(conn: &mut PgConnection, id: RunId, actor: &str, why: &str) -> Result<()> {
    let run = sqlx::query!(
        r#"UPDATE run SET cancel_requested_at = now(), cancel_reason = $2 WHERE id = $1
           RETURNING resource_id AS "resource_id: ResourceId", application_id AS "application_id: ApplicationId""#,
        id.0,
        why
    )
    .fetch_one(&mut *conn)
    .await?;
    event::append(
        conn,
        &[NewEvent {
            kind: events::RUN_CANCEL_REQUESTED.into(),
            application_id: run.application_id,
            resource_id: run.resource_id,
            run_id: Some(id),
            actor: Some(actor.into()),
            data: json!({"reason": why}),
            ..NewEvent::default()
        }],
    )
    .await
}

/// Has a (locked) run that no worker holds, and that is to end, run its `finally` steps first: what else it waits for is
/// waited for no more, and it is ready.
async fn go_on_to_clean_up(conn: &mut PgConnection, id: RunId, actor: &str) -> Result<()> {
    close_waits(conn, id, actor).await?;
    sqlx::query!(
        "UPDATE run SET status = 'pending', reason = NULL, reason_detail = NULL, suspended_until = NULL, waiting_since = now()
         WHERE id = $1 AND status = 'suspended'",
        id.0
    )
    .execute(&mut *conn)
    .await?;
    // Bounds how long it may wait for a worker, too.
    sqlx::query!(
        "UPDATE run SET deadline_at = greatest(deadline_at, now() + make_interval(mins => $2)) WHERE id = $1",
        id.0,
        CLEANUP_MINUTES
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Stops a (locked) run that no worker holds because its deadline has passed; it fails once its `finally` steps are over.
pub(in crate::store) async fn miss_deadline(conn: &mut PgConnection, id: RunId, why: &str) -> Result<()> {
    sqlx::query!("UPDATE run SET deadline_missed = true WHERE id = $1", id.0).execute(&mut *conn).await?;
    mark_cancel(conn, id, "system", why).await?;
    go_on_to_clean_up(conn, id, "system").await
}

/// Ends the waits of a (locked) run's steps that are no `finally` steps, and withdraws their approvals.
async fn close_waits(conn: &mut PgConnection, id: RunId, actor: &str) -> Result<()> {
    sqlx::query!(
        "WITH closed AS (
             UPDATE step SET status = 'cancelled', finished_at = now(), wait_until = NULL
             FROM run JOIN plan ON plan.digest = run.plan_digest
             WHERE run.id = $1 AND step.run_id = $1 AND step.status = 'waiting'
               AND NOT EXISTS (SELECT FROM jsonb_array_elements(plan.body -> 'steps') planned
                               WHERE planned ->> 'name' = coalesce(step.parent, step.name) AND (planned ->> 'finally')::boolean)
             RETURNING step.id)
         UPDATE approval SET decision = 'withdrawn', decided_at = now(), decided_by = $2
         FROM closed WHERE approval.step_id = closed.id AND approval.decision IS NULL",
        id.0,
        actor
    )
    .execute(conn)
    .await?;
    Ok(())
}
