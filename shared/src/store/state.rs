//! State that a step type keeps between the runs of one resource (Terraform's), every version of it.
//!
//! The writes here are those of people, through the HTTP state protocol. A worker's writes are fenced and live with
//! the lease. Both take the resource's row first, so that a version number is given out once.

use chrono::{DateTime, Utc};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgExecutor};

use super::{
    Result,
    event::{self, NewEvent},
};
use crate::domain::{
    event as events,
    ids::{ResourceId, RunId},
};

/// One version of a resource's state.
#[derive(Clone, Debug)]
pub struct StateVersion {
    /// Rises by one with each write.
    pub version: i64,
    /// The tool's own count.
    pub serial: i64,
    /// The tool's own id of this line of states.
    pub lineage: String,
    /// The file, byte for byte.
    pub content: Vec<u8>,
    /// MD5 of the content, in hex.
    pub md5: String,
    /// The run that wrote it; none when a person did.
    pub run_id: Option<RunId>,
    /// Who wrote it.
    pub written_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// The current version; none when nothing was ever stored or the last write removed it.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn current(executor: impl PgExecutor<'_>, id: ResourceId) -> Result<Option<StateVersion>> {
    let row = sqlx::query_as!(
        StateVersion,
        r#"SELECT version, serial, lineage, content, md5, run_id AS "run_id: RunId", written_by, created_at
           FROM state_version WHERE resource_id = $1 ORDER BY version DESC LIMIT 1"#,
        id.0
    )
    .fetch_optional(executor)
    .await?;
    Ok(row.filter(|version| !version.content.is_empty()))
}

/// A lock on a resource's state.
#[derive(Clone, Debug, PartialEq)]
pub struct StateLock {
    /// The holder's id for it.
    pub lock_id: String,
    /// What the holder says about itself, as the state protocol has it.
    pub info: Value,
    /// Set when a run holds it.
    pub run_id: Option<RunId>,
}

/// The lock on a resource's state, if there is one.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn lock_of(executor: impl PgExecutor<'_>, id: ResourceId) -> Result<Option<StateLock>> {
    Ok(sqlx::query_as!(
        StateLock,
        r#"SELECT lock_id, info, run_id AS "run_id: RunId" FROM state_lock WHERE resource_id = $1"#,
        id.0
    )
    .fetch_optional(executor)
    .await?)
}

/// What became of a person's wish to lock, unlock, write or remove a state.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Done.
    Done,
    /// Someone else holds the lock.
    Held(StateLock),
    /// There is no such resource.
    Unknown,
}

/// Locks the resource's row, then looks at its state's lock.
async fn lock_row(conn: &mut PgConnection, id: ResourceId) -> Result<Option<Option<StateLock>>> {
    let found = sqlx::query_scalar!("SELECT 1 FROM resource WHERE id = $1 FOR NO KEY UPDATE", id.0)
        .fetch_optional(&mut *conn)
        .await?;
    if found.is_none() {
        return Ok(None);
    }
    if let Some(held) = lock_of(&mut *conn, id).await? {
        return Ok(Some(Some(held)));
    }
    // A run that has begun may hold a newer state than the one stored: it counts as a lock.
    let run = sqlx::query!(
        r#"SELECT id AS "id: RunId", started_at FROM run
           WHERE resource_id = $1 AND (status = 'running' OR status IN ('queued', 'suspended', 'pending') AND started_at IS NOT NULL)"#,
        id.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(Some(run.map(|run| StateLock {
        lock_id: run.id.to_string(),
        info: json!({"ID": run.id, "Operation": "run", "Who": format!("run {}", run.id), "Created": run.started_at,
                     "Info": "the lock ends with the run"}),
        run_id: Some(run.id),
    })))
}

/// Takes the lock for a person. Taking it again with the same id is no error.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn lock(conn: &mut PgConnection, id: ResourceId, lock_id: &str, info: &Value) -> Result<Change> {
    match lock_row(conn, id).await? {
        None => Ok(Change::Unknown),
        Some(Some(held)) if held.run_id.is_some() || held.lock_id != lock_id => Ok(Change::Held(held)),
        Some(Some(_)) => Ok(Change::Done),
        Some(None) => {
            sqlx::query!(
                "INSERT INTO state_lock (resource_id, lock_id, info) VALUES ($1, $2, $3)",
                id.0,
                lock_id,
                info
            )
            .execute(conn)
            .await?;
            Ok(Change::Done)
        }
    }
}

/// Gives a person's lock back; without an id, whoever's it is (`force-unlock`). A run's lock ends with its run only.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn unlock(conn: &mut PgConnection, id: ResourceId, lock_id: Option<&str>) -> Result<Change> {
    match lock_row(conn, id).await? {
        None => Ok(Change::Unknown),
        Some(None) => Ok(Change::Done),
        Some(Some(held)) if held.run_id.is_some() || lock_id.is_some_and(|wanted| wanted != held.lock_id) => {
            Ok(Change::Held(held))
        }
        Some(Some(_)) => {
            sqlx::query!("DELETE FROM state_lock WHERE resource_id = $1", id.0).execute(conn).await?;
            Ok(Change::Done)
        }
    }
}

/// What the state protocol checks a transfer by. No protection against anyone who means harm.
#[must_use]
pub fn md5(content: &[u8]) -> [u8; 16] {
    Md5::digest(content).into()
}

/// A state that a person writes.
#[derive(Clone, Debug)]
pub struct NewState<'a> {
    /// The file, sealed; empty removes the state (its versions stay).
    pub content: &'a [u8],
    /// Of the file before it was sealed.
    pub md5: [u8; 16],
    /// The tool's own count.
    pub serial: i64,
    /// The tool's own id of this line of states.
    pub lineage: &'a str,
    /// The lock under which it is written.
    pub lock_id: Option<&'a str>,
    /// Who writes.
    pub written_by: &'a str,
}

/// Stores a new version, unless someone else holds the lock.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn write(conn: &mut PgConnection, id: ResourceId, state: &NewState<'_>) -> Result<Change> {
    match lock_row(conn, id).await? {
        None => return Ok(Change::Unknown),
        Some(Some(held)) if held.run_id.is_some() || state.lock_id != Some(held.lock_id.as_str()) => {
            return Ok(Change::Held(held));
        }
        Some(_) => {}
    }
    let version = sqlx::query_scalar!(
        r#"INSERT INTO state_version (resource_id, version, serial, lineage, content, md5, written_by)
           SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4, $5, $6 FROM state_version WHERE resource_id = $1
           RETURNING version"#,
        id.0,
        state.serial,
        state.lineage,
        state.content,
        hex::encode(state.md5),
        state.written_by,
    )
    .fetch_one(&mut *conn)
    .await?;
    // A person has decided which state is the right one.
    sqlx::query!(
        "UPDATE resource SET state_uncertain_since = NULL WHERE id = $1 AND state_uncertain_since IS NOT NULL",
        id.0
    )
    .execute(&mut *conn)
    .await?;
    let stored = NewEvent {
        kind: events::STATE_STORED.into(),
        resource_id: Some(id),
        actor: Some(state.written_by.into()),
        data: json!({"version": version, "serial": state.serial, "removed": state.content.is_empty()}),
        ..NewEvent::default()
    };
    event::append(conn, &[stored]).await?;
    Ok(Change::Done)
}
