//! The keys that outputs and states are sealed with, wrapped; and all that keys of the keyring wrap.

use sqlx::PgExecutor;
use uuid::Uuid;

use super::{Result, lease::Lease};
use crate::secrets::keyring::Wrapped;

/// A team's data key, wrapped.
#[derive(Clone, Debug)]
pub struct WrappedDataKey {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub team: String,
    /// The key.
    pub key: Wrapped,
}

/// The data key of that id.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(executor: impl PgExecutor<'_>, id: Uuid) -> Result<Option<WrappedDataKey>> {
    let row = sqlx::query!("SELECT id, team, key_id, wrapped FROM data_key WHERE id = $1", id);
    Ok(row.fetch_optional(executor).await?.map(|row| WrappedDataKey {
        id: row.id,
        team: row.team,
        key: Wrapped { key_id: row.key_id, bytes: row.wrapped },
    }))
}

/// The key that a team seals with now.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn current(executor: impl PgExecutor<'_>, team: &str) -> Result<Option<WrappedDataKey>> {
    let row =
        sqlx::query!("SELECT id, team, key_id, wrapped FROM data_key WHERE team = $1 AND retired_at IS NULL", team);
    Ok(row.fetch_optional(executor).await?.map(|row| WrappedDataKey {
        id: row.id,
        team: row.team,
        key: Wrapped { key_id: row.key_id, bytes: row.wrapped },
    }))
}

/// Adds a team's first key; nothing happens when it has one.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn add(executor: impl PgExecutor<'_>, key: &WrappedDataKey) -> Result<()> {
    sqlx::query!(
        "INSERT INTO data_key (id, team, key_id, wrapped) VALUES ($1, $2, $3, $4) ON CONFLICT (team) WHERE retired_at IS NULL DO NOTHING",
        key.id,
        key.team,
        key.key.key_id,
        key.key.bytes,
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// The key of that id, or else the one that the run's team seals with now; none when the lease is gone, or the run has no
/// business with that key.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn of_run(executor: impl PgExecutor<'_>, lease: Lease, id: Option<Uuid>) -> Result<Option<WrappedDataKey>> {
    let row = sqlx::query!(
        r#"SELECT id AS "id!", team AS "team!", key_id AS "key_id!", wrapped AS "wrapped!" FROM lease_data_key($1, $2, $3, $4)"#,
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
        id
    );
    Ok(row.fetch_optional(executor).await?.map(|row| WrappedDataKey {
        id: row.id,
        team: row.team,
        key: Wrapped { key_id: row.key_id, bytes: row.wrapped },
    }))
}

/// Adds the first key of a run's team; nothing happens when it has one, or the lease is gone.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn add_of_run(executor: impl PgExecutor<'_>, lease: Lease, key: &WrappedDataKey) -> Result<()> {
    sqlx::query!(
        "SELECT lease_add_data_key($1, $2, $3, $4, $5, $6)",
        lease.run_id.0,
        lease.fence.0,
        lease.token.0,
        key.id,
        key.key.key_id,
        key.key.bytes,
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// How much each key of the keyring wraps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wraps {
    /// The key's id.
    pub key_id: String,
    /// Data keys of teams, secrets and integrations together.
    pub count: i64,
}

/// What wraps what, whether or not the keyring still has the key.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn wraps(executor: impl PgExecutor<'_>) -> Result<Vec<Wraps>> {
    Ok(sqlx::query_as!(
        Wraps,
        r#"SELECT key_id AS "key_id!", count(*) AS "count!"
           FROM (SELECT key_id FROM data_key UNION ALL SELECT key_id FROM secret WHERE key_id IS NOT NULL
                 UNION ALL SELECT key_id FROM integration) wrapped
           GROUP BY key_id ORDER BY key_id"#
    )
    .fetch_all(executor)
    .await?)
}

/// Up to `limit` data keys that another key than this one wraps.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn wrapped_otherwise(
    executor: impl PgExecutor<'_>,
    current: &str,
    limit: i64,
) -> Result<Vec<WrappedDataKey>> {
    let rows = sqlx::query!(
        "SELECT id, team, key_id, wrapped FROM data_key WHERE key_id <> $1 ORDER BY id LIMIT $2",
        current,
        limit
    );
    let rows = rows.fetch_all(executor).await?.into_iter();
    Ok(rows
        .map(|row| WrappedDataKey {
            id: row.id,
            team: row.team,
            key: Wrapped { key_id: row.key_id, bytes: row.wrapped },
        })
        .collect())
}

/// Puts a data key in another wrapping; false when it is no longer in the one that it was read in.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn rewrap(executor: impl PgExecutor<'_>, id: Uuid, old: &Wrapped, new: &Wrapped) -> Result<bool> {
    let done = sqlx::query!(
        "UPDATE data_key SET key_id = $2, wrapped = $3 WHERE id = $1 AND key_id = $4 AND wrapped = $5",
        id,
        new.key_id,
        new.bytes,
        old.key_id,
        old.bytes,
    );
    Ok(done.execute(executor).await?.rows_affected() == 1)
}
