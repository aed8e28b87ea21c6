//! Resources: what they are given, which run works on them, what they become.

use serde_json::{Map, Value};
use sqlx::PgConnection;

use super::{
    Result,
    event::{self, NewEvent},
};
use crate::domain::{
    event as events,
    ids::{ApplicationId, ResourceId, RunId},
    resource::ResourceState,
    run::Operation,
};

mod basis;
mod care;
mod finished;
mod marking;
mod reading;
mod release;
mod unresolved;

pub use basis::{Basis, basis};
pub use care::{Care, Decided, Imported, adopt, forget, import};
pub use finished::{fail, settle, terminate};
pub use marking::mark_dependents;
pub use reading::{
    ReadRequest, Unread, drift_in, lock_unread, reads_begun, request_due_reads, request_read, request_reconcile,
};
pub use release::release_all;
pub(super) use release::{hand_over, leave, make_way};
pub use unresolved::{Unresolved, lock_unresolved, unresolved};

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

/// Gives each (locked) resource its run and the state that goes with it; what was to be compared has been, by whoever made
/// the run.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn attach_all(conn: &mut PgConnection, attachments: &[Attachment]) -> Result<()> {
    let state = |attachment: &Attachment| state_during(attachment.operation);
    sqlx::query!(
        "WITH new AS (
             SELECT * FROM UNNEST($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::uuid[], $8::text[])
                           AS new (id, run_id, state, provider, provider_version, resolved_params, application_id, became)),
         attached AS (
             UPDATE resource SET current_run_id = new.run_id, last_run_id = new.run_id, state = coalesce(new.state, resource.state),
                    state_since = CASE WHEN new.state IS NULL THEN state_since ELSE now() END, updated_at = now(),
                    error_code = CASE WHEN new.state IS NULL THEN error_code END,
                    error_message = CASE WHEN new.state IS NULL THEN error_message END,
                    -- What a read looks at may still have to be compared.
                    retry_requested_at = CASE WHEN new.state IS NULL THEN retry_requested_at END,
                    reconcile_requested_at = CASE WHEN new.state IS NULL THEN reconcile_requested_at END,
                    provider = new.provider, provider_version = new.provider_version,
                    resolved_params = coalesce(new.resolved_params, resource.resolved_params)
             FROM new WHERE resource.id = new.id)
         INSERT INTO event (type, application_id, resource_id, run_id, actor)
         SELECT became, application_id, id, run_id, 'system' FROM new WHERE became IS NOT NULL",
        &attachments.iter().map(|it| it.resource_id.0).collect::<Vec<_>>(),
        &attachments.iter().map(|it| it.run_id.0).collect::<Vec<_>>(),
        &attachments.iter().map(|it| state(it).map(ResourceState::as_str)).collect::<Vec<_>>() as &[Option<&str>],
        &attachments.iter().map(|it| it.provider.clone()).collect::<Vec<_>>(),
        &attachments.iter().map(|it| it.provider_version.clone()).collect::<Vec<_>>(),
        &attachments.iter().map(|it| it.resolved_params.clone()).collect::<Vec<_>>() as &[Option<Value>],
        &attachments.iter().map(|it| it.application_id.0).collect::<Vec<_>>(),
        &attachments.iter().map(|it| state(it).map(events::resource_became)).collect::<Vec<_>>() as &[Option<String>],
    )
    .execute(conn)
    .await?;
    Ok(())
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
        r#"UPDATE resource SET current_run_id = $2, last_run_id = $2, state = coalesce($3, state),
                  state_since = CASE WHEN $3::text IS NULL THEN state_since ELSE now() END, updated_at = now(),
                  error_code = CASE WHEN $3::text IS NULL THEN error_code END,
                  error_message = CASE WHEN $3::text IS NULL THEN error_message END,
                  retry_requested_at = CASE WHEN $3::text IS NULL THEN retry_requested_at END
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

/// Locks the resource and says whether `run` is its last one, did not do what it should, and is still what is wanted. One that
/// failed is not looked at: it is made first.
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
    let fits = match operation {
        Operation::Read => matches!(row.state, ResourceState::Active | ResourceState::Degraded),
        Operation::Create | Operation::Update | Operation::Delete | Operation::Execute => {
            row.state == ResourceState::Failed
        }
    };
    Ok(row.current_run_id.is_none()
        && row.last_run_id == Some(run.0)
        && fits
        && row.absent == (operation == Operation::Delete))
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
