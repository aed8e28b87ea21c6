//! Runs, made anew where others stopped.

use chrono::{DateTime, Utc};
use serde_json::json;
use sqlx::PgConnection;

use crate::{
    domain::{
        event as events,
        ids::{ApplicationId, ResourceId, RunId, StepId},
        run::{Operation, RunStatus},
        step::StepStatus,
    },
    store::{
        Result,
        event::{self, NewEvent},
        notify, resource,
    },
};

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
