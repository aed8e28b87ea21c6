//! What people decide when no workflow can: to take what is there as it is, to let go of it, to say what was made elsewhere.

use serde_json::{Map, Value, json};
use sqlx::PgConnection;

use super::finished::{become_state, finish_deletion};
use crate::{
    domain::{
        event as events,
        ids::{ApplicationId, ResourceId, RunId},
        resource::ResourceState,
    },
    store::{
        Result,
        event::{self, NewEvent},
        notify,
    },
};

/// What became of such a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Care {
    /// It is done.
    Done,
    /// A run works on the resource: it decides, or is cancelled first.
    Busy(RunId),
    /// Not possible in this state.
    NotNow(ResourceState),
    /// It should be gone: there is nothing to take, only to let go of.
    Leaving,
    /// There is no such resource.
    Unknown,
}

/// Who decided, and why.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    /// The name of the key.
    pub actor: &'a str,
    /// In their words.
    pub reason: &'a str,
}

struct Row {
    application_id: ApplicationId,
    state: ResourceState,
    absent: bool,
}

/// Locks the resource and looks whether anyone is at work on it.
async fn take(conn: &mut PgConnection, id: ResourceId) -> Result<std::result::Result<Row, Care>> {
    let row = sqlx::query!(
        r#"SELECT application_id AS "application_id: ApplicationId", state AS "state: ResourceState", desired = 'absent' AS "absent!",
                  current_run_id AS "current_run_id: RunId"
           FROM resource WHERE id = $1 FOR NO KEY UPDATE"#,
        id.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(match row {
        None => Err(Care::Unknown),
        Some(row) => match row.current_run_id {
            Some(run) => Err(Care::Busy(run)),
            None => Ok(Row { application_id: row.application_id, state: row.state, absent: row.absent }),
        },
    })
}

async fn tell(
    conn: &mut PgConnection,
    kind: &str,
    id: ResourceId,
    application: ApplicationId,
    decided: Decided<'_>,
    data: Value,
) -> Result<()> {
    let told = NewEvent {
        kind: kind.into(),
        application_id: Some(application),
        resource_id: Some(id),
        actor: Some(decided.actor.into()),
        data: json!({ "reason": decided.reason, "with": data }),
        ..NewEvent::default()
    };
    event::append(&mut *conn, &[told]).await?;
    notify(conn).await
}

/// Takes a failed or degraded resource as it is: what is there counts as what was asked for, and its kept state as the right one.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn adopt(conn: &mut PgConnection, id: ResourceId, decided: Decided<'_>) -> Result<Care> {
    let row = match take(&mut *conn, id).await? {
        Ok(row) => row,
        Err(care) => return Ok(care),
    };
    if row.absent {
        return Ok(Care::Leaving);
    }
    if !matches!(row.state, ResourceState::Failed | ResourceState::Degraded | ResourceState::Active) {
        return Ok(Care::NotNow(row.state));
    }
    as_made(&mut *conn, id, &row).await?;
    tell(conn, events::RESOURCE_ADOPTED, id, row.application_id, decided, Value::Null).await?;
    Ok(Care::Done)
}

/// Its present params are what it is made of, and nothing about it is in doubt.
async fn as_made(conn: &mut PgConnection, id: ResourceId, row: &Row) -> Result<()> {
    sqlx::query!(
        "UPDATE resource SET applied_params = coalesce(resolved_params, params), applied_uncertain_since = NULL,
                drift = NULL, drift_since = NULL, state_uncertain_since = NULL
         WHERE id = $1",
        id.0
    )
    .execute(&mut *conn)
    .await?;
    if row.state != ResourceState::Active {
        become_state(&mut *conn, id, row.application_id, ResourceState::Active, None).await?;
    }
    Ok(())
}

/// What was made elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// What it gives, by name.
    pub outputs: Map<String, Value>,
    /// Names among the outputs that are masked wherever they are shown.
    pub sensitive: Vec<String>,
}

/// Says that a resource is there already, made elsewhere, and what it gives. What depends on it goes on, or is compared anew.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn import(
    conn: &mut PgConnection,
    id: ResourceId,
    imported: &Imported,
    decided: Decided<'_>,
) -> Result<Care> {
    let row = match take(&mut *conn, id).await? {
        Ok(row) => row,
        Err(care) => return Ok(care),
    };
    if row.absent {
        return Ok(Care::Leaving);
    }
    if matches!(row.state, ResourceState::Terminating | ResourceState::Terminated) {
        return Ok(Care::NotNow(row.state));
    }
    sqlx::query!(
        "UPDATE resource SET outputs = $2, sensitive_outputs = $3, dependents_due = dependents_due OR outputs IS DISTINCT FROM $2
         WHERE id = $1",
        id.0,
        Value::Object(imported.outputs.clone()),
        &imported.sensitive,
    )
    .execute(&mut *conn)
    .await?;
    as_made(&mut *conn, id, &row).await?;
    let names: Vec<&String> = imported.outputs.keys().collect();
    tell(conn, events::RESOURCE_IMPORTED, id, row.application_id, decided, json!({ "outputs": names })).await?;
    Ok(Care::Done)
}

/// Lets go of a resource without touching what is there: it counts as gone.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn forget(conn: &mut PgConnection, id: ResourceId, decided: Decided<'_>) -> Result<Care> {
    let row = match take(&mut *conn, id).await? {
        Ok(row) => row,
        Err(care) => return Ok(care),
    };
    if row.state == ResourceState::Terminated {
        return Ok(Care::NotNow(row.state));
    }
    become_state(&mut *conn, id, row.application_id, ResourceState::Terminated, None).await?;
    if !row.absent {
        // The spec still asks for it: the same content is to be a new generation when it is submitted again, which makes it anew.
        sqlx::query!(
            "UPDATE generation SET digest = sha256(('forgot ' || $1::text)::bytea)
             FROM resource_user u JOIN application a ON a.id = u.application_id
             WHERE u.resource_id = $1::uuid AND generation.application_id = a.id AND generation.number = a.generation",
            id.0
        )
        .execute(&mut *conn)
        .await?;
    }
    sqlx::query!("UPDATE resource SET desired = 'absent' WHERE id = $1", id.0).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM state_lock WHERE resource_id = $1", id.0).execute(&mut *conn).await?;
    tell(&mut *conn, events::RESOURCE_FORGOTTEN, id, row.application_id, decided, Value::Null).await?;
    finish_deletion(conn, id).await?;
    Ok(Care::Done)
}
