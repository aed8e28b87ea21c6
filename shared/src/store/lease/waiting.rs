//! Steps that wait for something that is not a container, and runs that wait with them.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;

use super::{Lease, lock};
use crate::{
    domain::{
        event as events,
        ids::StepId,
        run::{RunStatus, WaitReason},
        states::Applied,
    },
    store::{CHANNEL, Result, Store},
};

/// What a step waits for.
#[derive(Clone, Debug, PartialEq)]
pub struct Wait {
    /// `{"kind": "approval" | "start" | "delay" | "child" | "resources", …}`. A delay's `until` is added when it is recorded.
    pub what: Value,
    /// When the wait is over by itself.
    pub until: Option<Until>,
    /// The question to ask, when a person decides.
    pub approval: Option<Question>,
}

/// A moment to come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Until {
    /// That one.
    At(DateTime<Utc>),
    /// Seconds from when it is recorded, by the database's clock.
    After(f64),
}

/// What a person is asked, and who may answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// In words.
    pub message: String,
    /// Anyone of one of these roles may answer; none: admins.
    pub roles: Vec<String>,
    /// And of one of these teams, when there are any.
    pub teams: Vec<String>,
    /// Whether no answer in time means yes.
    pub approve_on_timeout: bool,
}

/// Records that a pending step waits. The schedulers are woken when it is they who make what it waits for.
///
/// # Errors
/// When Postgres cannot be reached; the wait may have been recorded all the same, and calling again is safe.
pub async fn step_waiting(executor: impl PgExecutor<'_>, lease: Lease, step: StepId, wait: &Wait) -> Result<Applied> {
    let (at, after) = match wait.until {
        Some(Until::At(at)) => (Some(at), None),
        Some(Until::After(seconds)) => (None, Some(seconds)),
        None => (None, None),
    };
    let question = wait.approval.as_ref();
    let row = sqlx::query_scalar!(
        r#"WITH lease AS (SELECT id, application_id, resource_id FROM run
                          WHERE id = $1 AND fence = $2 AND status = 'running' FOR NO KEY UPDATE),
           begun AS (UPDATE step SET status = 'waiting', started_at = coalesce(started_at, now()), not_before = NULL, wait_until = until.at,
                            wait = $4::jsonb || CASE WHEN $4::jsonb ->> 'kind' = 'delay' THEN jsonb_build_object('until', until.at) ELSE '{}' END
                     FROM lease, (SELECT coalesce($5::timestamptz, now() + make_interval(secs => $6)) AS at) until
                     WHERE step.run_id = lease.id AND step.id = $3 AND step.status = 'pending'
                     RETURNING step.id, step.name, step.wait, step.wait_until),
           asked AS (INSERT INTO approval (step_id, run_id, message, roles, teams, expires_at, on_timeout)
                     SELECT id, $1, $7, $8, $9, wait_until, $10 FROM begun WHERE $7::text IS NOT NULL
                     ON CONFLICT (step_id) DO NOTHING RETURNING step_id),
           told AS (INSERT INTO event (type, application_id, resource_id, run_id, step, data)
                    SELECT kind, lease.application_id, lease.resource_id, $1, begun.name,
                           jsonb_build_object('kind', begun.wait -> 'kind', 'until', begun.wait_until, 'message', $7::text)
                    FROM lease, begun, UNNEST($11::text[]) AS kind),
           woken AS (SELECT pg_notify($12, '') FROM begun WHERE begun.wait ->> 'kind' IN ('child', 'resources'))
           SELECT (SELECT count(*) FROM woken) AS "woken!" FROM lease"#,
        lease.run_id.0,
        lease.fence.0,
        step.0,
        wait.what,
        at,
        after,
        question.map(|question| question.message.clone()),
        &question.map(|question| question.roles.clone()).unwrap_or_default(),
        &question.map(|question| question.teams.clone()).unwrap_or_default(),
        if question.is_some_and(|question| question.approve_on_timeout) { "approve" } else { "reject" },
        match question {
            Some(_) => &[events::STEP_WAITING, events::APPROVAL_REQUESTED][..],
            None => &[events::STEP_WAITING],
        } as &[&str],
        CHANNEL,
    )
    .fetch_optional(executor)
    .await?;
    Ok(Applied::from_row(row.map(|_| ())))
}

/// Why a run gives its slot back.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspension {
    /// What it waits for.
    pub reason: WaitReason,
    /// The reason in words.
    pub detail: String,
    /// Seconds until it goes on by itself; none: when what it waits for is there.
    pub until_s: Option<f64>,
    /// Its waiting steps, as far as the worker knows.
    pub waiting: usize,
    /// Whether a wish to cancel keeps it no more from waiting, because nothing that it could stop is left.
    pub cancel_heeded: bool,
}

/// Gives the slot back while the run waits. Says false, and changes nothing, when the rows are no longer as the worker knew
/// them: a step runs, a wait is over, someone wants the run stopped.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn suspend(store: &Store, lease: Lease, suspension: &Suspension) -> Result<Applied<bool>> {
    let mut tx = store.begin().await?;
    // Two statements: whoever ends a wait holds the run's row, and what it changed shows only in a snapshot taken after
    // this one has got the row.
    if lock(&mut *tx, lease).await? == Applied::Stale {
        return Ok(Applied::Stale);
    }
    let row = sqlx::query_scalar!(
        "WITH suspended AS (
             UPDATE run SET status = 'suspended', reason = $3, reason_detail = $4, waiting_since = now(),
                    suspended_until = now() + make_interval(secs => $5), lease_worker_id = NULL, lease_until = NULL
             WHERE id = $1 AND fence = $2 AND status = 'running' AND (cancel_requested_at IS NULL OR $8)
               AND NOT EXISTS (SELECT FROM step WHERE run_id = $1 AND status = 'running')
               AND $7 = (SELECT count(*) FROM step WHERE run_id = $1 AND status = 'waiting')
             RETURNING id, application_id, resource_id),
         told AS (INSERT INTO event (type, application_id, resource_id, run_id, data)
                  SELECT $6, application_id, resource_id, id, jsonb_build_object('reason', $3::text, 'detail', $4::text) FROM suspended)
         SELECT 1 FROM suspended",
        lease.run_id.0,
        lease.fence.0,
        suspension.reason.as_str(),
        suspension.detail,
        suspension.until_s,
        events::run_became(RunStatus::Suspended),
        i64::try_from(suspension.waiting).unwrap_or(i64::MAX),
        suspension.cancel_heeded,
    )
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Applied::Applied(row.is_some()))
}
