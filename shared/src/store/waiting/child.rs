//! Steps that wait for a run of another workflow.
//!
//! A step and the run that it starts are never locked together by what ends the wait: the end of the child is read, the
//! parent is locked and told, and that it was told is noted afterwards. Done twice, the step has its outcome already.

use serde_json::{Value, json};
use sqlx::{PgConnection, PgExecutor};

use super::{Resolution, resolve};
use crate::{
    domain::{
        ids::{ApplicationId, RunId, StepId},
        run::{RunStatus, error_code},
    },
    store::{
        Result, Store, StoreError,
        run::{self, NewRun, Parent},
    },
};

/// Runs that may be above a run.
pub const MAX_DEPTH: i16 = 8;

/// A step that is to start a run, its own run locked.
#[derive(Clone, Debug)]
pub struct ToStart {
    /// The step.
    pub step_id: StepId,
    /// The step's run.
    pub run_id: RunId,
    /// `step.wait`.
    pub wait: Value,
    /// The run's provider.
    pub provider: String,
    /// That provider's version.
    pub provider_version: String,
    /// The run at the top.
    pub root_run_id: RunId,
    /// How many runs are above the step's.
    pub depth: i16,
    /// Whose share the run uses.
    pub team: String,
    /// The queue it goes through.
    pub queue: String,
    /// Its priority.
    pub priority: i16,
    /// The application it is for.
    pub application_id: Option<ApplicationId>,
    /// Who asked for it.
    pub requested_by: String,
}

impl ToStart {
    /// As the new run names it.
    #[must_use]
    pub fn parent(&self) -> Parent {
        Parent { run_id: self.run_id, step_id: self.step_id, root_run_id: self.root_run_id, depth: self.depth }
    }
}

/// Locks the runs of up to `limit` steps that are to start a run and have not.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn to_start(conn: &mut PgConnection, limit: i64) -> Result<Vec<ToStart>> {
    Ok(sqlx::query_as!(
        ToStart,
        r#"SELECT s.id AS "step_id: StepId", s.run_id AS "run_id: RunId", s.wait AS "wait!", run.provider, run.provider_version,
                  run.root_run_id AS "root_run_id: RunId", run.depth, run.team, run.queue, run.priority,
                  run.application_id AS "application_id: ApplicationId", run.requested_by
           FROM step s JOIN run ON run.id = s.run_id
           WHERE s.status = 'waiting' AND s.wait ->> 'kind' IN ('child', 'resources') AND NOT (s.wait ? 'run' OR s.wait ? 'asked')
             AND s.wait ->> 'kind' = 'child' AND run.finished_at IS NULL
           ORDER BY s.id LIMIT $1 FOR NO KEY UPDATE OF run SKIP LOCKED"#,
        limit
    )
    .fetch_all(conn)
    .await?)
}

/// The record of a provider in a version that was loaded once.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn provider_record(executor: impl PgExecutor<'_>, name: &str, version: &str) -> Result<Option<Value>> {
    Ok(sqlx::query_scalar!("SELECT manifest FROM provider WHERE name = $1 AND version = $2", name, version)
        .fetch_optional(executor)
        .await?)
}

/// Starts the run of a step from [`to_start`]. When the step's run is a retry of one whose step had started the same run
/// with the same inputs, and that one did not complete, the new one goes on where it stopped.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn begin_child(conn: &mut PgConnection, step: &ToStart, new: NewRun) -> Result<()> {
    let earlier = sqlx::query_scalar!(
        r#"SELECT old.id AS "id: RunId"
           FROM run parent JOIN step mine ON mine.run_id = parent.id
           JOIN step before ON before.run_id = parent.retry_of AND before.name = mine.name
           JOIN run old ON old.parent_step_id = before.id
           WHERE parent.id = $1 AND mine.id = $2 AND mine.idempotency_key = before.idempotency_key
             AND old.status IN ('failed', 'cancelled') AND old.plan_digest = $3 AND old.inputs = $4
           ORDER BY old.id DESC LIMIT 1"#,
        step.run_id.0,
        step.step_id.0,
        &new.plan.digest[..],
        new.inputs.clone().map(Value::Object),
    )
    .fetch_optional(&mut *conn)
    .await?;
    let id = new.id;
    match earlier {
        None => run::create_child(&mut *conn, &new, &step.parent()).await?,
        Some(old) => {
            run::create_child(&mut *conn, &NewRun { steps: Vec::new(), ..new }, &step.parent()).await?;
            run::inherit(&mut *conn, old, id).await?;
        }
    }
    sqlx::query!("UPDATE step SET wait = wait || $2 WHERE id = $1", step.step_id.0, json!({"run": id}))
        .execute(conn)
        .await?;
    Ok(())
}

/// Fails a step from [`to_start`] that cannot start its run.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn fail_start(conn: &mut PgConnection, step: &ToStart, code: &'static str, message: &str) -> Result<()> {
    // It was found waiting under the lock of its run.
    let _ = resolve(conn, step.run_id, step.step_id, &Resolution::failed(code, message), "system").await?;
    Ok(())
}

/// Gives steps the outcomes of up to `limit` runs that they started. Returns how many.
///
/// # Errors
/// When Postgres cannot be reached; what was not noted is told again, and changes nothing.
pub async fn tell_parents(store: &Store, limit: i64) -> Result<usize> {
    let mut tx = store.begin().await?;
    let over = sqlx::query!(
        r#"SELECT c.id AS "id: RunId", p.id AS "parent: RunId", c.parent_step_id AS "step!: StepId", c.status AS "status: RunStatus",
                  c.workflow, c.outputs, c.sensitive_outputs, c.error_code, c.error_message, p.finished_at IS NOT NULL AS "late!"
           FROM run c JOIN run p ON p.id = c.parent_run_id
           WHERE c.parent_run_id IS NOT NULL AND c.finished_at IS NOT NULL AND NOT c.told_parent
           ORDER BY c.id LIMIT $1 FOR NO KEY UPDATE OF p SKIP LOCKED"#,
        limit
    )
    .fetch_all(&mut *tx)
    .await?;
    for child in over.iter().filter(|child| !child.late) {
        let resolution = if child.status == RunStatus::Completed {
            let outputs = child.outputs.as_object().cloned().unwrap_or_default();
            Resolution::Completed { outputs, sensitive: child.sensitive_outputs.clone() }
        } else {
            let code = child.error_code.as_deref().unwrap_or(child.status.as_str());
            let why = child.error_message.as_deref().unwrap_or("it says no more");
            let message = format!("run {} of workflow '{}' {}: {code}: {why}", child.id, child.workflow, child.status);
            Resolution::failed(error_code::CHILD_FAILED, message)
        };
        // A step that waits no more was told before, or stopped waiting.
        let _ = resolve(&mut tx, child.parent, child.step, &resolution, "system").await?;
    }
    tx.commit().await.map_err(StoreError::from)?;
    if over.is_empty() {
        return Ok(0);
    }
    let told: Vec<_> = over.iter().map(|child| child.id.0).collect();
    sqlx::query!(
        "UPDATE run SET told_parent = true
         WHERE id IN (SELECT id FROM run WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)",
        &told
    )
    .execute(store.pool())
    .await?;
    Ok(told.len())
}

/// Asks live runs to stop whose step does not wait for them any more, because its own run is over or being stopped.
/// Returns how many were asked.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn cancel_orphans(store: &Store, limit: i64) -> Result<usize> {
    let orphans = sqlx::query_scalar!(
        r#"SELECT c.id AS "id: RunId"
           FROM run p JOIN run c ON c.parent_run_id = p.id JOIN step s ON s.id = c.parent_step_id
           WHERE p.has_children AND (p.finished_at IS NOT NULL OR p.cancel_requested_at IS NOT NULL)
             AND c.status IN ('pending', 'queued', 'running', 'suspended') AND c.cancel_requested_at IS NULL AND s.status <> 'waiting'
           LIMIT $1"#,
        limit
    )
    .fetch_all(store.pool())
    .await?;
    for id in &orphans {
        // One at a time: no two rows of runs are locked together.
        let mut tx = store.begin().await?;
        let _ = run::request_cancel(&mut tx, *id, "system", "the run that started it is over or being stopped").await?;
        tx.commit().await.map_err(StoreError::from)?;
    }
    sqlx::query!(
        "UPDATE run SET has_children = false
         WHERE id IN (SELECT p.id FROM run p
                      WHERE p.has_children AND p.finished_at IS NOT NULL
                        AND NOT EXISTS (SELECT FROM run c WHERE c.parent_run_id = p.id
                                          AND c.status IN ('pending', 'queued', 'running', 'suspended'))
                      ORDER BY p.id LIMIT $1 FOR NO KEY UPDATE OF p SKIP LOCKED)",
        limit
    )
    .execute(store.pool())
    .await?;
    Ok(orphans.len())
}
