//! Credentials for other systems: what is no secret about them, and the rest sealed.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Result;
use crate::secrets::{keyring::Wrapped, stored::Stored};

/// An integration, without its secret.
#[derive(Clone, Debug)]
pub struct Integration {
    /// Its id.
    pub id: Uuid,
    /// What to call it.
    pub name: String,
    /// What kind of credential.
    pub kind: String,
    /// What is no secret about it.
    pub settings: Value,
    /// Rises with each change.
    pub version: i32,
    /// Who made it.
    pub created_by: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// Who changed it last.
    pub updated_by: String,
    /// When.
    pub updated_at: DateTime<Utc>,
    /// When it was tried last.
    pub checked_at: Option<DateTime<Utc>>,
    /// What was wrong with it then.
    pub check_error: Option<String>,
}

/// Integrations by name, at most `limit` after the name `after`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(executor: impl PgExecutor<'_>, after: Option<&str>, limit: i64) -> Result<Vec<Integration>> {
    Ok(sqlx::query_as!(
        Integration,
        "SELECT id, name, kind, settings, version, created_by, created_at, updated_by, updated_at, checked_at, check_error
         FROM integration WHERE $1::text IS NULL OR name > $1 ORDER BY name LIMIT $2",
        after,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// The integration of that name, with its secret as it is stored.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(executor: impl PgExecutor<'_>, name: &str) -> Result<Option<(Integration, Stored)>> {
    let row = sqlx::query!("SELECT * FROM integration WHERE name = $1", name).fetch_optional(executor).await?;
    Ok(row.map(|row| {
        let stored = Stored { key: Wrapped { key_id: row.key_id, bytes: row.wrapped }, sealed: row.sealed };
        let integration = Integration {
            id: row.id,
            name: row.name,
            kind: row.kind,
            settings: row.settings,
            version: row.version,
            created_by: row.created_by,
            created_at: row.created_at,
            updated_by: row.updated_by,
            updated_at: row.updated_at,
            checked_at: row.checked_at,
            check_error: row.check_error,
        };
        (integration, stored)
    }))
}

/// An integration to be stored.
#[derive(Clone, Debug)]
pub struct NewIntegration<'a> {
    /// What to call it.
    pub name: &'a str,
    /// What kind of credential.
    pub kind: &'a str,
    /// What is no secret about it.
    pub settings: &'a Value,
    /// One more than the version it takes the place of; 1 for a new one.
    pub version: i32,
    /// Its secret.
    pub stored: &'a Stored,
    /// Who stores it.
    pub actor: &'a str,
    /// Whether it was tried, and is good.
    pub checked: bool,
}

/// Stores an integration; false when somebody else has changed it meanwhile.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn put(executor: impl PgExecutor<'_>, new: &NewIntegration<'_>) -> Result<bool> {
    let done = sqlx::query!(
        "INSERT INTO integration (id, name, kind, settings, version, key_id, wrapped, sealed, created_by, updated_by, checked_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, CASE WHEN $10 THEN now() END)
         ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, settings = excluded.settings, version = excluded.version,
             key_id = excluded.key_id, wrapped = excluded.wrapped, sealed = excluded.sealed, updated_by = excluded.updated_by,
             updated_at = now(), checked_at = excluded.checked_at, check_error = NULL
         WHERE integration.version = excluded.version - 1",
        Uuid::now_v7(),
        new.name,
        new.kind,
        new.settings,
        new.version,
        new.stored.key.key_id,
        new.stored.key.bytes,
        new.stored.sealed,
        new.actor,
        new.checked,
    );
    Ok(done.execute(executor).await?.rows_affected() == 1)
}

/// Notes what came of a check.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn note_check(executor: impl PgExecutor<'_>, name: &str, error: Option<&str>) -> Result<()> {
    sqlx::query!("UPDATE integration SET checked_at = now(), check_error = $2 WHERE name = $1", name, error)
        .execute(executor)
        .await?;
    Ok(())
}

/// Removes an integration; false when there is none.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn remove(executor: impl PgExecutor<'_>, name: &str) -> Result<bool> {
    let done = sqlx::query!("DELETE FROM integration WHERE name = $1", name).execute(executor).await?;
    Ok(done.rows_affected() == 1)
}

/// The names of provider sources that use this credential.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn users(executor: impl PgExecutor<'_>, name: &str) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar!("SELECT name FROM provider_source WHERE credential = $1 ORDER BY name LIMIT 20", name)
        .fetch_all(executor)
        .await?)
}

/// An integration whose key another key than the current one wraps.
#[derive(Clone, Debug)]
pub struct Rewrap {
    /// Its name.
    pub name: String,
    /// What kind of credential.
    pub kind: String,
    /// Its version.
    pub version: i32,
    /// Its key.
    pub key: Wrapped,
}

/// Up to `limit` integrations whose keys another key than this one wraps.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn wrapped_otherwise(executor: impl PgExecutor<'_>, current: &str, limit: i64) -> Result<Vec<Rewrap>> {
    let rows = sqlx::query!(
        "SELECT name, kind, version, key_id, wrapped FROM integration WHERE key_id <> $1 ORDER BY name LIMIT $2",
        current,
        limit
    )
    .fetch_all(executor)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Rewrap {
            name: row.name,
            kind: row.kind,
            version: row.version,
            key: Wrapped { key_id: row.key_id, bytes: row.wrapped },
        })
        .collect())
}

/// Puts an integration's key in another wrapping; false when it is no longer in the one that it was read in.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn rewrap(executor: impl PgExecutor<'_>, name: &str, old: &Wrapped, new: &Wrapped) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE integration SET key_id = $2, wrapped = $3 WHERE name = $1 AND key_id = $4 AND wrapped = $5",
        name,
        new.key_id,
        new.bytes,
        old.key_id,
        old.bytes,
    );
    Ok(done.execute(executor).await?.rows_affected() == 1)
}
