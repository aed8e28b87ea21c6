//! Runs, outside of a lease: made, finished, cancelled, retried.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use sqlx::PgConnection;

use super::{
    Result,
    event::{self, NewEvent},
    notify,
    plan::PlanDigest,
    resource,
};
use crate::domain::{
    event as events,
    ids::{ApplicationId, ResourceId, RunId, StepId},
    plan::Plan,
    run::{Operation, RunKind, RunStatus, WaitReason, error_code},
    step::StepStatus,
};

/// A run to make, `pending`.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// What it is for.
    pub kind: RunKind,
    /// What it does.
    pub operation: Operation,
    /// The resource it works on; set exactly when `kind` is `Resource`.
    pub resource_id: Option<ResourceId>,
    /// The application it is for.
    pub application_id: Option<ApplicationId>,
    /// Whose fair share it uses.
    pub team: String,
    /// Name of the provider.
    pub provider: String,
    /// Version of the provider.
    pub provider_version: String,
    /// Commit of the provider, when it comes from Git.
    pub provider_commit: Option<String>,
    /// Name of the workflow.
    pub workflow: String,
    /// Of the plan, stored before.
    pub plan_digest: PlanDigest,
    /// Names and types of the plan's steps, in order.
    pub steps: Vec<(String, String)>,
    /// Parameters by name; none while they depend on outputs that are not there yet, and then `reason` says so.
    pub inputs: Option<Map<String, Value>>,
    /// Why it cannot go on yet; none when it is ready.
    pub reason: Option<(WaitReason, String)>,
    /// Who asked for it.
    pub requested_by: String,
    /// The queue whose workers serve it.
    pub queue: String,
    /// Higher goes first.
    pub priority: i16,
}

/// Names and types of a plan's steps, as [`NewRun`] wants them.
#[must_use]
pub fn steps_of(plan: &Plan) -> Vec<(String, String)> {
    plan.steps.iter().map(|step| (step.name.clone(), step.step_type.name.clone())).collect()
}

/// Makes the runs and their steps; five round trips however many there are.
///
/// # Errors
/// When Postgres cannot be reached, or a resource has a live run already (`run_one_live_per_resource`).
pub async fn create_all(conn: &mut PgConnection, runs: &[NewRun]) -> Result<()> {
    if runs.is_empty() {
        return Ok(());
    }
    fn column<T>(runs: &[NewRun], pick: impl Fn(&NewRun) -> T) -> Vec<T> {
        runs.iter().map(pick).collect()
    }
    sqlx::query!(
        "INSERT INTO run (id, root_run_id, kind, operation, resource_id, application_id, team, provider, provider_version,
                          provider_commit, workflow, plan_digest, inputs, reason, reason_detail, requested_by, queue, priority)
         SELECT id, id, kind, operation, resource_id, application_id, team, provider, provider_version,
                provider_commit, workflow, plan_digest, inputs, reason, reason_detail, requested_by, queue, priority
         FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
                     $10::text[], $11::bytea[], $12::jsonb[], $13::text[], $14::text[], $15::text[], $16::text[], $17::int2[])
              AS new (id, kind, operation, resource_id, application_id, team, provider, provider_version,
                      provider_commit, workflow, plan_digest, inputs, reason, reason_detail, requested_by, queue, priority)",
        &column(runs, |run| run.id.0),
        &column(runs, |run| run.kind.as_str()) as &[&str],
        &column(runs, |run| run.operation.as_str()) as &[&str],
        &column(runs, |run| run.resource_id.map(|id| id.0)) as &[Option<uuid::Uuid>],
        &column(runs, |run| run.application_id.map(|id| id.0)) as &[Option<uuid::Uuid>],
        &column(runs, |run| run.team.clone()),
        &column(runs, |run| run.provider.clone()),
        &column(runs, |run| run.provider_version.clone()),
        &column(runs, |run| run.provider_commit.clone()) as &[Option<String>],
        &column(runs, |run| run.workflow.clone()),
        &column(runs, |run| run.plan_digest.to_vec()),
        &column(runs, |run| run.inputs.clone().map(Value::Object)) as &[Option<Value>],
        &column(runs, |run| run.reason.as_ref().map(|(reason, _)| reason.as_str())) as &[Option<&str>],
        &column(runs, |run| run.reason.as_ref().map(|(_, detail)| detail.clone())) as &[Option<String>],
        &column(runs, |run| run.requested_by.clone()),
        &column(runs, |run| run.queue.clone()),
        &column(runs, |run| run.priority),
    )
    .execute(&mut *conn)
    .await?;

    let (mut ids, mut run_ids, mut names, mut positions, mut types) = (vec![], vec![], vec![], vec![], vec![]);
    for run in runs {
        for (position, (name, kind)) in (0i32..).zip(&run.steps) {
            ids.push(StepId::new().0);
            run_ids.push(run.id.0);
            names.push(name.clone());
            positions.push(position);
            types.push(kind.clone());
        }
    }
    sqlx::query!(
        "INSERT INTO step (id, run_id, name, position, type, idempotency_key)
         SELECT id, run_id, name, position, type, run_id || ':' || name
         FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::int[], $5::text[]) AS new (id, run_id, name, position, type)",
        &ids,
        &run_ids,
        &names,
        &positions,
        &types,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "INSERT INTO queue (name) SELECT DISTINCT * FROM UNNEST($1::text[]) ON CONFLICT DO NOTHING",
        &column(runs, |run| run.queue.clone()),
    )
    .execute(&mut *conn)
    .await?;
    let created: Vec<NewEvent> = runs
        .iter()
        .map(|run| NewEvent {
            kind: events::RUN_CREATED.into(),
            application_id: run.application_id,
            resource_id: run.resource_id,
            run_id: Some(run.id),
            actor: Some(run.requested_by.clone()),
            data: json!({"operation": run.operation, "workflow": run.workflow, "provider": run.provider,
                         "provider_version": run.provider_version}),
            ..NewEvent::default()
        })
        .collect();
    event::append(conn, &created).await
}

/// How a run ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Finish {
    /// Completed, failed or cancelled.
    pub status: RunStatus,
    /// What it gives back; empty unless completed.
    pub outputs: Map<String, Value>,
    /// Names among the outputs that are masked wherever they are shown.
    pub sensitive: Vec<String>,
    /// A code of `domain::run::error_code` and a message for people; set unless completed.
    pub error: Option<(String, String)>,
    /// Who or what ended it.
    pub actor: String,
}

impl Finish {
    /// Success with these outputs.
    #[must_use]
    pub fn completed(outputs: Map<String, Value>, sensitive: Vec<String>) -> Self {
        Self { status: RunStatus::Completed, outputs, sensitive, error: None, actor: "system".into() }
    }

    /// Failure.
    #[must_use]
    pub fn failed(code: &str, message: impl Into<String>) -> Self {
        Self {
            status: RunStatus::Failed,
            outputs: Map::new(),
            sensitive: Vec::new(),
            error: Some((code.into(), message.into())),
            actor: "system".into(),
        }
    }

    /// Stopped at someone's wish.
    #[must_use]
    pub fn cancelled(message: impl Into<String>, actor: impl Into<String>) -> Self {
        Self {
            status: RunStatus::Cancelled,
            outputs: Map::new(),
            sensitive: Vec::new(),
            error: Some((error_code::CANCELLED.into(), message.into())),
            actor: actor.into(),
        }
    }
}

/// Ends a run whose row the caller has locked and found live, with all that follows: its open steps, its resource, its
/// events, one NOTIFY. The fence rises unless the run was the caller's own lease, so that tickets go stale.
///
/// # Errors
/// When Postgres cannot be reached.
pub(super) async fn finish(conn: &mut PgConnection, id: RunId, finish: &Finish) -> Result<()> {
    let (code, message) = match &finish.error {
        Some((code, message)) => (Some(code.as_str()), Some(message.as_str())),
        None => (None, None),
    };
    let failed_code = (finish.status == RunStatus::Failed).then_some(code).flatten();
    let run = sqlx::query!(
        r#"UPDATE run SET status = $2, outputs = $3, error_code = $4, error_message = $5, finished_at = now(),
                  fence = fence + CASE WHEN status = 'running' THEN 0 ELSE 1 END,
                  reason = NULL, reason_detail = NULL, suspended_until = NULL, lease_worker_id = NULL, lease_until = NULL
           WHERE id = $1
           RETURNING operation AS "operation: Operation", resource_id AS "resource_id: ResourceId",
                     application_id AS "application_id: ApplicationId""#,
        id.0,
        finish.status.as_str(),
        Value::Object(finish.outputs.clone()),
        failed_code,
        message,
    )
    .fetch_one(&mut *conn)
    .await?;
    let open_steps = match finish.status {
        RunStatus::Cancelled => StepStatus::Cancelled,
        _ => StepStatus::Skipped,
    };
    sqlx::query!(
        "WITH closed AS (
             UPDATE step SET status = CASE WHEN status = 'running' THEN 'cancelled' ELSE $2 END, finished_at = now(), not_before = NULL
             WHERE run_id = $1 AND finished_at IS NULL RETURNING id)
         UPDATE attempt SET status = 'cancelled', finished_at = now()
         FROM closed WHERE attempt.step_id = closed.id AND attempt.status = 'running'",
        id.0,
        open_steps.as_str(),
    )
    .execute(&mut *conn)
    .await?;
    event::append(
        &mut *conn,
        &[NewEvent {
            kind: events::run_became(finish.status),
            application_id: run.application_id,
            resource_id: run.resource_id,
            run_id: Some(id),
            actor: Some(finish.actor.clone()),
            data: json!({"error_code": code, "error_message": message}),
            ..NewEvent::default()
        }],
    )
    .await?;
    if let Some(resource_id) = run.resource_id {
        resource::run_finished(&mut *conn, resource_id, id, run.operation, finish).await?;
    }
    notify(conn).await
}

/// What became of a request to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancel {
    /// It was not running and is cancelled now.
    Cancelled,
    /// A worker runs it and has been told; the run ends as cancelled when its containers are stopped.
    Requested,
    /// It was over before.
    Over(RunStatus),
    /// There is no such run.
    Unknown,
}

/// Cancels a run, or asks the worker that holds it to.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn request_cancel(conn: &mut PgConnection, id: RunId, actor: &str, why: &str) -> Result<Cancel> {
    let Some(run) = sqlx::query!(
        r#"SELECT status AS "status: RunStatus", cancel_requested_at FROM run WHERE id = $1 FOR NO KEY UPDATE"#,
        id.0
    )
    .fetch_optional(&mut *conn)
    .await?
    else {
        return Ok(Cancel::Unknown);
    };
    match run.status {
        RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled => Ok(Cancel::Over(run.status)),
        RunStatus::Pending | RunStatus::Queued | RunStatus::Suspended => {
            finish(conn, id, &Finish::cancelled(why, actor)).await?;
            Ok(Cancel::Cancelled)
        }
        RunStatus::Running => {
            if run.cancel_requested_at.is_none() {
                mark_cancel(conn, id, actor, why).await?;
            }
            Ok(Cancel::Requested)
        }
    }
}

/// Leaves the flag that the worker holding the run honours.
pub(super) async fn mark_cancel(conn: &mut PgConnection, id: RunId, actor: &str, why: &str) -> Result<()> {
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

/// What became of a request to retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// This new run goes on where the old one stopped.
    Created(RunId),
    /// Only failed and cancelled runs can be retried; this one is something else.
    NotOver(RunStatus),
    /// The resource has a live run, or moved on since.
    Superseded,
    /// There is no such run.
    Unknown,
}

/// Makes a new run that goes on where a failed or cancelled one stopped: it inherits the recorded outcomes, the idempotency keys and
/// the last checkpoint, and runs the same plan with the same inputs.
///
/// # Errors
/// When Postgres cannot be reached, or another retry of the same run got in between; roll back then.
pub async fn retry(conn: &mut PgConnection, id: RunId, actor: &str) -> Result<Retry> {
    let Some(old) = sqlx::query!(
        r#"SELECT status AS "status: RunStatus", operation AS "operation: Operation", resource_id AS "resource_id: ResourceId",
                  application_id AS "application_id: ApplicationId"
           FROM run WHERE id = $1 FOR NO KEY UPDATE"#,
        id.0
    )
    .fetch_optional(&mut *conn)
    .await?
    else {
        return Ok(Retry::Unknown);
    };
    if !matches!(old.status, RunStatus::Failed | RunStatus::Cancelled) {
        return Ok(Retry::NotOver(old.status));
    }
    if let Some(resource_id) = old.resource_id
        && !resource::may_retry(&mut *conn, resource_id, id, old.operation).await?
    {
        return Ok(Retry::Superseded);
    }
    let new = RunId::new();
    sqlx::query!(
        "INSERT INTO run (id, root_run_id, retry_of, kind, operation, resource_id, application_id, team, provider, provider_version,
                          provider_commit, workflow, plan_digest, inputs, reason, requested_by, queue, priority, checkpoint)
         SELECT $2, $2, id, kind, operation, resource_id, application_id, team, provider, provider_version,
                provider_commit, workflow, plan_digest, inputs, CASE WHEN inputs IS NULL THEN 'WaitingForDependency' END,
                $3, queue, priority, checkpoint
         FROM run WHERE id = $1",
        id.0,
        new.0,
        actor,
    )
    .execute(&mut *conn)
    .await?;
    let steps = sqlx::query!(
        r#"SELECT id AS "id: StepId", name, position, type, idempotency_key, status AS "status: StepStatus", outputs, sensitive_outputs,
                  exit_code, checkpoint, started_at, finished_at
           FROM step WHERE run_id = $1 ORDER BY position"#,
        id.0
    )
    .fetch_all(&mut *conn)
    .await?;
    for step in steps {
        let kept = step.status == StepStatus::Completed;
        sqlx::query!(
            "INSERT INTO step (id, run_id, name, position, type, idempotency_key, status, inherited_from, outputs, sensitive_outputs,
                               exit_code, checkpoint, started_at, finished_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
            StepId::new().0,
            new.0,
            step.name,
            step.position,
            step.r#type,
            step.idempotency_key,
            if kept { StepStatus::Completed.as_str() } else { StepStatus::Pending.as_str() },
            kept.then_some(step.id.0),
            if kept { step.outputs } else { json!({}) },
            if kept { step.sensitive_outputs.as_slice() } else { &[] },
            step.exit_code.filter(|_| kept),
            step.checkpoint.filter(|_| kept),
            step.started_at.filter(|_| kept) as Option<DateTime<Utc>>,
            step.finished_at.filter(|_| kept) as Option<DateTime<Utc>>,
        )
        .execute(&mut *conn)
        .await?;
    }
    if let Some(resource_id) = old.resource_id {
        resource::run_attached(&mut *conn, resource_id, new, old.operation).await?;
    }
    event::append(
        &mut *conn,
        &[NewEvent {
            kind: events::RUN_CREATED.into(),
            application_id: old.application_id,
            resource_id: old.resource_id,
            run_id: Some(new),
            actor: Some(actor.into()),
            data: json!({"retry_of": id, "operation": old.operation}),
            ..NewEvent::default()
        }],
    )
    .await?;
    notify(conn).await?;
    Ok(Retry::Created(new))
}
