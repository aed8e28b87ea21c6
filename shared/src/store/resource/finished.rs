//! What a run that ended makes of its resource.

use serde_json::{Value, json};
use sqlx::PgConnection;

use super::reading;
use crate::{
    domain::{
        event as events,
        ids::{ApplicationId, ResourceId, RunId},
        resource::ResourceState,
        run::{Operation, RunStatus, error_code},
    },
    store::{
        Result,
        event::{self, NewEvent},
        run::Finish,
    },
};

/// Marks a resource that no run can be made for as failed. One that was made before is still as it was then.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn fail(
    conn: &mut PgConnection,
    id: ResourceId,
    application: ApplicationId,
    code: &str,
    message: &str,
) -> Result<()> {
    become_state(conn, id, application, None, ResourceState::Failed, Some((code, message))).await
}

/// Marks a resource that needs no work to be gone as terminated; `why` is kept in its history.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn terminate(conn: &mut PgConnection, id: ResourceId, application: ApplicationId, why: &str) -> Result<()> {
    become_state(conn, id, application, None, ResourceState::Terminated, Some(("", why))).await?;
    finish_deletions(conn, id).await
}

/// Notes that a resource that was to be compared is as it should be: one that failed to become something else is active
/// again, one that was never made stays failed.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn settle(
    conn: &mut PgConnection,
    id: ResourceId,
    application: ApplicationId,
    state: ResourceState,
    made: bool,
) -> Result<()> {
    if state == ResourceState::Failed && made {
        become_state(&mut *conn, id, application, None, ResourceState::Active, None).await?;
    }
    sqlx::query!(
        "UPDATE resource SET reconcile_requested_at = NULL, retry_requested_at = NULL, updated_at = now() WHERE id = $1",
        id.0
    )
    .execute(&mut *conn)
    .await?;
    forget_dropped(conn, id).await
}

pub(super) async fn become_state(
    conn: &mut PgConnection,
    id: ResourceId,
    application_id: ApplicationId,
    run_id: Option<RunId>,
    state: ResourceState,
    error: Option<(&str, &str)>,
) -> Result<()> {
    let told = error.filter(|_| matches!(state, ResourceState::Failed | ResourceState::Degraded));
    sqlx::query!(
        "UPDATE resource SET state = $2, state_since = now(), updated_at = now(), current_run_id = NULL,
                retry_requested_at = NULL, error_code = $3, error_message = $4,
                -- A run that ended leaves the wish to compare; without one it was just compared.
                reconcile_requested_at = CASE WHEN $5 THEN reconcile_requested_at END
         WHERE id = $1",
        id.0,
        state.as_str(),
        told.map(|(code, _)| code),
        told.map(|(_, message)| message),
        run_id.is_some(),
    )
    .execute(&mut *conn)
    .await?;
    let became = NewEvent {
        kind: events::resource_became(state),
        application_id: Some(application_id),
        resource_id: Some(id),
        run_id,
        data: error.map_or(Value::Null, |(code, message)| json!({"code": code, "message": message})),
        ..NewEvent::default()
    };
    event::append(conn, &[became]).await
}

/// Gives the resource what its run made of it. Called in the transaction that ends the run, after the run's row.
pub(in crate::store) async fn run_finished(
    conn: &mut PgConnection,
    id: ResourceId,
    run: RunId,
    operation: Operation,
    finish: &Finish,
) -> Result<()> {
    let Some(row) = sqlx::query!(
        r#"SELECT application_id AS "application_id: ApplicationId", desired = 'absent' AS "absent!", state AS "state: ResourceState"
           FROM resource WHERE id = $1 AND current_run_id = $2 FOR NO KEY UPDATE"#,
        id.0,
        run.0
    )
    .fetch_optional(&mut *conn)
    .await?
    else {
        return Ok(());
    };
    let mut state = state_after(finish.status, operation, row.state);
    let mut error =
        finish.error.as_ref().map_or((error_code::STEP_FAILED, ""), |(code, text)| (code.as_str(), text.as_str()));
    if finish.status == RunStatus::Completed {
        record(&mut *conn, id, operation, finish).await?;
        if operation == Operation::Read {
            let drift = reading::drift_in(&finish.outputs);
            state = reading::record_drift(&mut *conn, id, row.application_id, run, drift.as_ref()).await?;
            error = (error_code::DRIFT, "it differs from what was made: see its drift");
        }
    } else if operation == Operation::Update {
        doubt(&mut *conn, id, run).await?;
    }
    let bad = matches!(state, ResourceState::Failed | ResourceState::Degraded);
    if state == row.state {
        sqlx::query!("UPDATE resource SET current_run_id = NULL, updated_at = now() WHERE id = $1", id.0)
            .execute(&mut *conn)
            .await?;
    } else {
        become_state(conn, id, row.application_id, Some(run), state, bad.then_some(error)).await?;
    }
    if state == ResourceState::Failed && row.absent && operation != Operation::Delete {
        // It should be gone, and what was stopped may have left something: resolve makes the delete run next.
        sqlx::query!("UPDATE resource SET retry_requested_at = now() WHERE id = $1", id.0).execute(&mut *conn).await?;
    }
    if state == ResourceState::Terminated {
        finish_deletions(conn, id).await?;
    }
    Ok(())
}

/// The state after a run. A read changes none, but by failing: what cannot be looked at is not known to be well.
const fn state_after(status: RunStatus, operation: Operation, before: ResourceState) -> ResourceState {
    match (status, operation) {
        (RunStatus::Completed, Operation::Delete) => ResourceState::Terminated,
        (RunStatus::Completed, Operation::Read) | (RunStatus::Cancelled, Operation::Read) => before,
        (_, Operation::Read) => ResourceState::Degraded,
        (RunStatus::Completed, _) => ResourceState::Active,
        _ => ResourceState::Failed,
    }
}

/// What a completed run gave back, and what is there now. A create says all there is to say; an update or a read only adds
/// to it, so that one that gives nothing back takes nothing away (a password, say).
async fn record(conn: &mut PgConnection, id: ResourceId, operation: Operation, finish: &Finish) -> Result<()> {
    if operation == Operation::Delete {
        return Ok(());
    }
    let mut outputs = finish.outputs.clone();
    if operation == Operation::Read {
        // These say how it differs, not what it is.
        outputs.retain(|name, _| name != "drift" && name != "changed");
    }
    sqlx::query!(
        "UPDATE resource SET
                drift = CASE WHEN $4 = 'read' THEN drift END, drift_since = CASE WHEN $4 = 'read' THEN drift_since END,
                outputs = CASE WHEN $4 = 'create' THEN $2 ELSE outputs || $2 END,
                sensitive_outputs = CASE WHEN $4 = 'create' THEN $3
                                         ELSE ARRAY(SELECT DISTINCT name FROM UNNEST(sensitive_outputs || $3) name ORDER BY name) END,
                -- Whatever names outputs of one that is made for the first time waits for it and sees them.
                dependents_due = dependents_due
                                 OR $4 <> 'create' AND outputs || $2 IS DISTINCT FROM outputs
                                    AND EXISTS (SELECT FROM resource_dependency d WHERE d.depends_on_id = $1 AND d.wanted),
                applied_params = CASE WHEN $4 = 'read' THEN applied_params ELSE coalesce(resolved_params, params) END,
                applied_uncertain_since = CASE WHEN $4 = 'read' THEN applied_uncertain_since END
         WHERE id = $1",
        id.0,
        Value::Object(outputs),
        &finish.sensitive,
        operation.as_str(),
    )
    .execute(&mut *conn)
    .await?;
    if operation == Operation::Read { Ok(()) } else { forget_dropped(conn, id).await }
}

/// Notes that an update that began may have changed what is there, though it did not complete.
async fn doubt(conn: &mut PgConnection, id: ResourceId, run: RunId) -> Result<()> {
    sqlx::query!(
        "UPDATE resource SET applied_uncertain_since = now()
         WHERE id = $1 AND applied_uncertain_since IS NULL AND EXISTS (SELECT FROM run WHERE run.id = $2 AND run.started_at IS NOT NULL)",
        id.0,
        run.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The resource rests only on what it wants, once it has become that; not yet when it was changed again meanwhile.
async fn forget_dropped(conn: &mut PgConnection, id: ResourceId) -> Result<()> {
    sqlx::query!(
        "DELETE FROM resource_dependency d USING resource r
         WHERE d.resource_id = $1 AND NOT d.wanted AND r.id = $1 AND r.reconcile_requested_at IS NULL",
        id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Marks applications as deleted whose last resource this was.
pub(super) async fn finish_deletions(conn: &mut PgConnection, id: ResourceId) -> Result<()> {
    // Locked first, whether its deletion was asked for or not: a transaction that asks for it at this moment either sees
    // that this resource is gone or is seen here. And two statements: the second looks with a snapshot taken after the lock
    // was had. In one, two transactions that each remove one of the last two resources would both see the other's as there.
    let application = sqlx::query!(
        r#"SELECT id, delete_requested_at IS NOT NULL AND deleted_at IS NULL AS "deleting!" FROM application
           WHERE id = (SELECT application_id FROM resource WHERE id = $1)
           FOR NO KEY UPDATE"#,
        id.0
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(deleting) = application.filter(|it| it.deleting).map(|it| it.id) else { return Ok(()) };
    let applications = sqlx::query_scalar!(
        r#"UPDATE application SET deleted_at = now(), updated_at = now()
           WHERE id = $1 AND deleted_at IS NULL
             AND NOT EXISTS (SELECT FROM resource r WHERE r.application_id = application.id AND r.state <> 'terminated' AND r.desired = 'absent')
           RETURNING id AS "id: ApplicationId""#,
        deleting
    )
    .fetch_all(&mut *conn)
    .await?;
    let deleted: Vec<NewEvent> = applications
        .into_iter()
        .map(|application_id| NewEvent {
            kind: events::APPLICATION_DELETED.into(),
            application_id: Some(application_id),
            ..NewEvent::default()
        })
        .collect();
    event::append(conn, &deleted).await
}
