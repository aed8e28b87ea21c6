//! Files of providers that steps work on, by digest.

use sqlx::PgExecutor;

use super::Result;

/// Stores the archive under its SHA-256, if it is not there.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn store(executor: impl PgExecutor<'_>, digest: &[u8; 32], content: &[u8]) -> Result<()> {
    sqlx::query!("INSERT INTO bundle (digest, content) VALUES ($1, $2) ON CONFLICT DO NOTHING", &digest[..], content)
        .execute(executor)
        .await?;
    Ok(())
}

/// The tar archive of that SHA-256.
///
/// # Errors
/// When Postgres cannot be reached, or there is none.
pub async fn load(executor: impl PgExecutor<'_>, digest: &[u8]) -> Result<Vec<u8>> {
    Ok(sqlx::query_scalar!("SELECT content FROM bundle WHERE digest = $1", digest).fetch_one(executor).await?)
}
