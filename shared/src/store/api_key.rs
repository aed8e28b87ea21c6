//! Keys that people and programs call the API with.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};
use sqlx::{PgExecutor, PgPool};

use super::Result;
use crate::domain::{ids::ApiKeyId, states::states};

/// In front of every key, so that a leaked one is recognised by whoever finds it.
const PREFIX: &str = "slw_";
/// A key: the prefix and 256 bits in base64url.
const KEY_LENGTH: usize = PREFIX.len() + 43;
/// Characters of a key that are stored as they are, to recognise it by.
const SHOWN: usize = PREFIX.len() + 6;

states! {
    /// What a key may do.
    Role {
        /// Everything.
        Admin = "admin",
    }
}

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The key's id.
    pub id: ApiKeyId,
    /// The name it was given.
    pub name: String,
    /// What it may do.
    pub role: Role,
}

/// A key, without its secret.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// The name it was given.
    pub name: String,
    /// Its first characters.
    pub prefix: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Since when it is refused.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Makes a key and returns its secret, which is not stored and cannot be shown again.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn create(executor: impl PgExecutor<'_>, name: &str, role: Role) -> Result<(ApiKeyId, String)> {
    let secret = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
    let id = ApiKeyId::new();
    sqlx::query!(
        "INSERT INTO api_key (id, name, prefix, hash, role) VALUES ($1, $2, $3, $4, $5)",
        id.0,
        name,
        &secret[..SHOWN],
        &digest(&secret)[..],
        role.as_str(),
    )
    .execute(executor)
    .await?;
    Ok((id, secret))
}

/// Who holds this key; none when it is unknown or revoked. Notes its use once a minute at most.
///
/// A key is looked up by the hash of its 256 random bits: how long the lookup takes says nothing about any key.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn authenticate(pool: &PgPool, secret: &str) -> Result<Option<Principal>> {
    if secret.len() != KEY_LENGTH || !secret.starts_with(PREFIX) {
        return Ok(None);
    }
    let row = sqlx::query!(
        r#"SELECT id AS "id: ApiKeyId", name, role AS "role: Role",
                  coalesce(last_used_at < now() - interval '1 minute', true) AS "stale!"
           FROM api_key WHERE hash = $1 AND revoked_at IS NULL"#,
        &digest(secret)[..],
    )
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    if row.stale {
        sqlx::query!(
            "UPDATE api_key SET last_used_at = now()
             WHERE id = $1 AND coalesce(last_used_at < now() - interval '1 minute', true)",
            row.id.0
        )
        .execute(pool)
        .await?;
    }
    Ok(Some(Principal { id: row.id, name: row.name, role: row.role }))
}

/// All keys, newest first.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn list(executor: impl PgExecutor<'_>) -> Result<Vec<ApiKey>> {
    Ok(sqlx::query_as!(
        ApiKey,
        r#"SELECT id AS "id: ApiKeyId", name, prefix, role AS "role: Role", created_at, last_used_at, revoked_at
           FROM api_key ORDER BY id DESC LIMIT 1000"#
    )
    .fetch_all(executor)
    .await?)
}

/// Refuses the key from now on. False when there is no such key.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn revoke(executor: impl PgExecutor<'_>, id: ApiKeyId) -> Result<bool> {
    let done = sqlx::query!("UPDATE api_key SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1", id.0)
        .execute(executor)
        .await?;
    Ok(done.rows_affected() == 1)
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
