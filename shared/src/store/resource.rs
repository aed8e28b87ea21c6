//! Resources: what they are given, which run works on them, what they become.

use serde_json::{Map, Value, json};
use sqlx::PgConnection;

use super::{
    Result,
    event::{self, NewEvent},
    run::Finish,
};
use crate::domain::{
    event as events,
    ids::{ApplicationId, ResourceId, RunId},
    resource::ResourceState,
    run::{Operation, RunStatus, error_code},
};

mod release;

pub use release::release_all;

/// A resource that the scheduler must find a provider for, locked.
#[derive(Clone, Debug)]
pub struct Unresolved {
    /// Its id.
    pub id: ResourceId,
    /// The application that asked for it.
    pub application_id: ApplicationId,
    /// That application's name.
    pub application: String,
    /// That application's team.
    pub team: String,
    /// `metadata` of that application's spec.
    pub metadata: Value,
    /// Its name in that application.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// `resource.params` as written.
    pub params: Value,
    /// As the last run saw them.
    pub resolved_params: Option<Value>,
    /// Where it stands.
    pub state: ResourceState,
    /// Whether it should be gone.
    pub absent: bool,
    /// Whether a run that worked on it ever began, so that there may be something to remove.
    pub touched: bool,
    /// Whether it names outputs of other resources.
    pub has_dependencies: bool,
}

/// Locks up to `limit` resources that need a run, skipping those that another scheduler works on.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn lock_unresolved(conn: &mut PgConnection, limit: i64) -> Result<Vec<Unresolved>> {
    let rows = sqlx::query!(
        r#"SELECT r.id AS "id: ResourceId", r.application_id AS "application_id: ApplicationId", a.name AS application, a.team,
                  coalesce(g.spec -> 'metadata', '{}') AS "metadata!", r.name, r.type AS kind, r.params, r.resolved_params,
                  r.state AS "state: ResourceState", r.desired = 'absent' AS "absent!",
                  EXISTS (SELECT FROM run WHERE run.resource_id = r.id AND run.started_at IS NOT NULL) AS "touched!",
                  EXISTS (SELECT FROM resource_dependency d WHERE d.resource_id = r.id) AS "has_dependencies!"
           FROM resource r
           JOIN application a ON a.id = r.application_id
           LEFT JOIN generation g ON g.application_id = a.id AND g.number = a.generation
           WHERE r.current_run_id IS NULL
             AND (r.state = 'requested' OR r.retry_requested_at IS NOT NULL
                  OR (r.desired = 'absent' AND r.state IN ('active', 'degraded')))
           ORDER BY r.id LIMIT $1
           FOR NO KEY UPDATE OF r SKIP LOCKED"#,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Unresolved {
            id: row.id,
            application_id: row.application_id,
            application: row.application,
            team: row.team,
            metadata: row.metadata,
            name: row.name,
            kind: row.kind,
            params: row.params,
            resolved_params: row.resolved_params,
            state: row.state,
            absent: row.absent,
            touched: row.touched,
            has_dependencies: row.has_dependencies,
        })
        .collect())
}

/// The state a resource is in while `operation` runs on it. A `read` changes none.
const fn state_during(operation: Operation) -> Option<ResourceState> {
    match operation {
        Operation::Create => Some(ResourceState::Provisioning),
        Operation::Update => Some(ResourceState::Updating),
        Operation::Delete => Some(ResourceState::Terminating),
        Operation::Read | Operation::Execute => None,
    }
}

/// One resource and the run just made for it.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// The resource.
    pub resource_id: ResourceId,
    /// Its application.
    pub application_id: ApplicationId,
    /// The run.
    pub run_id: RunId,
    /// What the run does.
    pub operation: Operation,
    /// The provider that serves it.
    pub provider: String,
    /// That provider's version.
    pub provider_version: String,
    /// What its placeholders became, when that is known already.
    pub resolved_params: Option<Value>,
}

/// Gives each (locked) resource its run and the state that goes with it.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn attach_all(conn: &mut PgConnection, attachments: &[Attachment]) -> Result<()> {
    let state = |attachment: &Attachment| state_during(attachment.operation).map(ResourceState::as_str);
    sqlx::query!(
        "UPDATE resource SET current_run_id = new.run_id, last_run_id = new.run_id, state = coalesce(new.state, resource.state),
                state_since = now(), updated_at = now(), error_code = NULL, error_message = NULL, retry_requested_at = NULL,
                provider = new.provider, provider_version = new.provider_version,
                resolved_params = coalesce(new.resolved_params, resource.resolved_params)
         FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[])
              AS new (id, run_id, state, provider, provider_version, resolved_params)
         WHERE resource.id = new.id",
        &attachments.iter().map(|it| it.resource_id.0).collect::<Vec<_>>(),
        &attachments.iter().map(|it| it.run_id.0).collect::<Vec<_>>(),
        &attachments.iter().map(state).collect::<Vec<_>>() as &[Option<&str>],
        &attachments.iter().map(|it| it.provider.clone()).collect::<Vec<_>>(),
        &attachments.iter().map(|it| it.provider_version.clone()).collect::<Vec<_>>(),
        &attachments.iter().map(|it| it.resolved_params.clone()).collect::<Vec<_>>() as &[Option<Value>],
    )
    .execute(&mut *conn)
    .await?;
    let became: Vec<NewEvent> = attachments
        .iter()
        .filter_map(|it| {
            Some(NewEvent {
                kind: events::resource_became(state_during(it.operation)?),
                application_id: Some(it.application_id),
                resource_id: Some(it.resource_id),
                run_id: Some(it.run_id),
                ..NewEvent::default()
            })
        })
        .collect();
    event::append(conn, &became).await
}

/// Gives a resource the run that retries its last one.
pub(super) async fn run_attached(
    conn: &mut PgConnection,
    id: ResourceId,
    run: RunId,
    operation: Operation,
) -> Result<()> {
    let state = state_during(operation);
    let application_id = sqlx::query_scalar!(
        r#"UPDATE resource SET current_run_id = $2, last_run_id = $2, state = coalesce($3, state), state_since = now(),
                  updated_at = now(), error_code = NULL, error_message = NULL, retry_requested_at = NULL
           WHERE id = $1 RETURNING application_id AS "id: ApplicationId""#,
        id.0,
        run.0,
        state.map(ResourceState::as_str),
    )
    .fetch_one(&mut *conn)
    .await?;
    let Some(state) = state else { return Ok(()) };
    let became = NewEvent {
        kind: events::resource_became(state),
        application_id: Some(application_id),
        resource_id: Some(id),
        run_id: Some(run),
        ..NewEvent::default()
    };
    event::append(conn, &[became]).await
}

/// Locks the resource and says whether `run` is its last one, failed, and still what is wanted.
pub(super) async fn may_retry(
    conn: &mut PgConnection,
    id: ResourceId,
    run: RunId,
    operation: Operation,
) -> Result<bool> {
    let row = sqlx::query!(
        r#"SELECT state AS "state: ResourceState", desired = 'absent' AS "absent!", current_run_id, last_run_id
           FROM resource WHERE id = $1 FOR NO KEY UPDATE"#,
        id.0
    )
    .fetch_one(conn)
    .await?;
    Ok(row.current_run_id.is_none()
        && row.last_run_id == Some(run.0)
        && row.state == ResourceState::Failed
        && row.absent == (operation == Operation::Delete))
}

/// Marks a resource that no run can be made for as failed.
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

async fn become_state(
    conn: &mut PgConnection,
    id: ResourceId,
    application_id: ApplicationId,
    run_id: Option<RunId>,
    state: ResourceState,
    error: Option<(&str, &str)>,
) -> Result<()> {
    let failed = error.filter(|_| state == ResourceState::Failed);
    sqlx::query!(
        "UPDATE resource SET state = $2, state_since = now(), updated_at = now(), current_run_id = NULL,
                retry_requested_at = NULL, error_code = $3, error_message = $4
         WHERE id = $1",
        id.0,
        state.as_str(),
        failed.map(|(code, _)| code),
        failed.map(|(_, message)| message),
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
pub(super) async fn run_finished(
    conn: &mut PgConnection,
    id: ResourceId,
    run: RunId,
    operation: Operation,
    finish: &Finish,
) -> Result<()> {
    let Some(row) = sqlx::query!(
        r#"SELECT application_id AS "application_id: ApplicationId", desired = 'absent' AS "absent!"
           FROM resource WHERE id = $1 AND current_run_id = $2 FOR NO KEY UPDATE"#,
        id.0,
        run.0
    )
    .fetch_optional(&mut *conn)
    .await?
    else {
        return Ok(());
    };
    if finish.status == RunStatus::Completed && operation != Operation::Delete {
        sqlx::query!(
            "UPDATE resource SET outputs = $2, sensitive_outputs = $3 WHERE id = $1",
            id.0,
            Value::Object(finish.outputs.clone()),
            &finish.sensitive,
        )
        .execute(&mut *conn)
        .await?;
    }
    let state = match (finish.status, operation) {
        (RunStatus::Completed, Operation::Delete) => ResourceState::Terminated,
        (RunStatus::Completed, _) => ResourceState::Active,
        (_, Operation::Read) => ResourceState::Degraded,
        _ => ResourceState::Failed,
    };
    let error =
        finish.error.as_ref().map_or((error_code::STEP_FAILED, ""), |(code, text)| (code.as_str(), text.as_str()));
    become_state(conn, id, row.application_id, Some(run), state, (state == ResourceState::Failed).then_some(error))
        .await?;
    if state == ResourceState::Failed && row.absent && operation != Operation::Delete {
        // It should be gone, and what was stopped may have left something: resolve makes the delete run next.
        sqlx::query!("UPDATE resource SET retry_requested_at = now() WHERE id = $1", id.0).execute(&mut *conn).await?;
    }
    if state == ResourceState::Terminated {
        finish_deletions(conn, id).await?;
    }
    Ok(())
}

/// Marks applications as deleted whose last resource this was.
async fn finish_deletions(conn: &mut PgConnection, id: ResourceId) -> Result<()> {
    // Two statements: the second looks with a snapshot taken after the lock was had. In one, two transactions that each
    // remove one of the last two resources would both see the other's as still there.
    let deleting = sqlx::query_scalar!(
        "SELECT id FROM application
         WHERE id = (SELECT application_id FROM resource WHERE id = $1)
           AND delete_requested_at IS NOT NULL AND deleted_at IS NULL
         FOR NO KEY UPDATE",
        id.0
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(deleting) = deleting else { return Ok(()) };
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

/// Asks for another try of a failed resource that has no run to retry. False when it is not failed.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn request_retry(conn: &mut PgConnection, id: ResourceId) -> Result<bool> {
    let done = sqlx::query!("UPDATE resource SET retry_requested_at = now() WHERE id = $1 AND state = 'failed'", id.0)
        .execute(&mut *conn)
        .await?;
    super::notify(conn).await?;
    Ok(done.rows_affected() == 1)
}

/// The parameters a run of this resource is given: its params, and the names it goes by.
#[must_use]
pub fn inputs(resolved_params: &Value, application: &str, name: &str, kind: &str) -> Map<String, Value> {
    let mut inputs = resolved_params.as_object().cloned().unwrap_or_default();
    for (key, value) in [("app_name", application), ("resource_name", name), ("resource_type", kind)] {
        inputs.insert(key.into(), value.into());
    }
    inputs
}
