//! Steps that wait, and what ends their waits.
//!
//! Every wait is ended under the lock of the step's run, by a compare-and-set on the step, and a run that is suspended goes
//! on in the same transaction: an end that comes before the worker gave its slot back is found by the worker, one that
//! comes after wakes the run. A pass of many takes the rows of runs with SKIP LOCKED.

use serde_json::{Map, Value, json};
use sqlx::{PgConnection, PgExecutor};

use super::{Result, notify};
use crate::domain::{
    event as events,
    ids::{RunId, StepId},
    run::error_code,
    states::Applied,
    step::StepStatus,
};

mod child;
mod resources;

pub use child::{MAX_DEPTH, ToStart, begin_child, cancel_orphans, fail_start, provider_record, tell_parents, to_start};
pub use resources::{AskOutcome, ToAsk, ask_create, ask_delete, fail_asking, settle, to_ask};

/// How a wait ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution {
    /// The step is over.
    Completed {
        /// What it gives back.
        outputs: Map<String, Value>,
        /// Names among the outputs that are masked.
        sensitive: Vec<String>,
    },
    /// The step is over, and failed.
    Failed {
        /// One of `domain::run::error_code`.
        code: &'static str,
        /// For people.
        message: String,
    },
    /// The step may begin.
    Released,
}

impl Resolution {
    /// Failure.
    #[must_use]
    pub fn failed(code: &'static str, message: impl Into<String>) -> Self {
        Self::Failed { code, message: message.into() }
    }
}

/// Ends the wait of a step whose run the caller has locked and found live, and has a suspended run go on. Stale when the
/// step does not wait any more.
///
/// # Errors
/// When Postgres cannot be reached.
pub(super) async fn resolve(
    conn: &mut PgConnection,
    run: RunId,
    step: StepId,
    resolution: &Resolution,
    actor: &str,
) -> Result<Applied> {
    let empty = (Map::new(), Vec::new());
    let (status, (outputs, sensitive), code, message) = match resolution {
        Resolution::Completed { outputs, sensitive } => {
            (StepStatus::Completed, (outputs.clone(), sensitive.clone()), None, None)
        }
        Resolution::Failed { code, message } => (StepStatus::Failed, empty, Some(*code), Some(message.as_str())),
        Resolution::Released => (StepStatus::Pending, empty, None, None),
    };
    let row = sqlx::query_scalar!(
        "WITH done AS (
             UPDATE step SET status = $3, outputs = $4, sensitive_outputs = $5, error_code = $6, error_message = $7, wait_until = NULL,
                    released_by = CASE WHEN $3 = 'pending' THEN $8 ELSE released_by END,
                    finished_at = CASE WHEN $3 <> 'pending' THEN now() END
             WHERE id = $2 AND run_id = $1 AND status = 'waiting' RETURNING name),
         resumed AS (
             UPDATE run SET status = 'pending', reason = NULL, reason_detail = NULL, suspended_until = NULL, waiting_since = now()
             FROM done WHERE run.id = $1 AND run.status = 'suspended'),
         told AS (
             INSERT INTO event (type, application_id, resource_id, run_id, step, actor, data)
             SELECT $9, run.application_id, run.resource_id, run.id, done.name, $8,
                    jsonb_build_object('status', $3::text, 'error_code', $6::text, 'error_message', $7::text)
             FROM done, run WHERE run.id = $1)
         SELECT 1 FROM done",
        run.0,
        step.0,
        status.as_str(),
        Value::Object(outputs),
        &sensitive,
        code,
        message,
        actor,
        events::STEP_RELEASED,
    )
    .fetch_optional(conn)
    .await?;
    Ok(Applied::from_row(row.map(|_| ())))
}

/// Completes up to `limit` delays that are over, and fails what was waited for longer than the step may take. Returns how
/// many waits ended.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn end_due(conn: &mut PgConnection, limit: i64) -> Result<usize> {
    let due = sqlx::query!(
        r#"SELECT s.id AS "id: StepId", s.run_id AS "run_id: RunId", s.wait ->> 'kind' AS "kind!", s.wait_until AS "until!"
           FROM step s JOIN run ON run.id = s.run_id
           WHERE s.status = 'waiting' AND s.wait_until <= now() AND s.wait ->> 'kind' <> 'approval' AND run.finished_at IS NULL
           ORDER BY s.wait_until, s.id LIMIT $1 FOR NO KEY UPDATE OF run SKIP LOCKED"#,
        limit
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut ended = 0;
    for step in due {
        let resolution = match step.kind.as_str() {
            "delay" => {
                let outputs = json!({"until": step.until}).as_object().cloned().unwrap_or_default();
                Resolution::Completed { outputs, sensitive: Vec::new() }
            }
            kind => Resolution::failed(error_code::TIMED_OUT, format!("the step waited too long for its {kind}")),
        };
        ended += usize::from(resolve(&mut *conn, step.run_id, step.id, &resolution, "system").await?.is_applied());
    }
    Ok(ended)
}

/// What there is to do about steps that wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Delays that are over, and waits that took too long.
    pub times: bool,
    /// Approvals whose time is up.
    pub approvals: bool,
    /// Runs or resources to ask for.
    pub to_begin: bool,
    /// Runs that ended and whose step does not know.
    pub children: bool,
    /// Runs whose own children may have to stop.
    pub orphans: bool,
    /// Resources that were asked for.
    pub resources: bool,
}

/// Says what there is to do, in one round trip: most passes find nothing.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn due(executor: impl PgExecutor<'_>) -> Result<Due> {
    Ok(sqlx::query_as!(
        Due,
        r#"SELECT EXISTS (SELECT FROM step WHERE status = 'waiting' AND wait_until <= now() AND wait ->> 'kind' <> 'approval') AS "times!",
                  EXISTS (SELECT FROM approval WHERE decision IS NULL AND expires_at <= now()) AS "approvals!",
                  EXISTS (SELECT FROM step WHERE status = 'waiting' AND wait ->> 'kind' IN ('child', 'resources')
                                             AND NOT (wait ? 'run' OR wait ? 'asked')) AS "to_begin!",
                  EXISTS (SELECT FROM run WHERE parent_run_id IS NOT NULL AND finished_at IS NOT NULL AND NOT told_parent) AS "children!",
                  EXISTS (SELECT FROM run WHERE has_children AND (finished_at IS NOT NULL OR cancel_requested_at IS NOT NULL)) AS "orphans!",
                  EXISTS (SELECT FROM step WHERE status = 'waiting' AND wait ->> 'kind' = 'resources') AS "resources!""#,
    )
    .fetch_one(executor)
    .await?)
}

/// What became of the wish to start a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// It may begin.
    Started,
    /// It does not wait to be started: it stands like this.
    NotWaiting(StepStatus),
    /// There is no such run, or it has no such step.
    Unknown,
}

/// Lets a step begin that waits for a person to say so.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn start(conn: &mut PgConnection, run: RunId, step: &str, actor: &str) -> Result<Started> {
    // The run first: the lock order.
    sqlx::query!("SELECT 1 AS one FROM run WHERE id = $1 FOR NO KEY UPDATE", run.0).fetch_optional(&mut *conn).await?;
    let Some(found) = sqlx::query!(
        r#"SELECT id AS "id: StepId", status AS "status: StepStatus", status = 'waiting' AND wait ->> 'kind' = 'start' AS "waits!"
           FROM step WHERE run_id = $1 AND name = $2"#,
        run.0,
        step
    )
    .fetch_optional(&mut *conn)
    .await?
    else {
        return Ok(Started::Unknown);
    };
    if !found.waits || resolve(&mut *conn, run, found.id, &Resolution::Released, actor).await? == Applied::Stale {
        return Ok(Started::NotWaiting(found.status));
    }
    notify(conn).await?;
    Ok(Started::Started)
}
