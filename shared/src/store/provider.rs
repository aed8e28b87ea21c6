//! Providers that the scheduler has loaded.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgExecutor;

use super::Result;

/// A provider as it was loaded.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of all its files.
    pub digest: Vec<u8>,
    /// The record that the formats make of it: what it serves, its workflows, its step types.
    pub manifest: Value,
    /// When this version was loaded first.
    pub loaded_at: DateTime<Utc>,
}

/// All current providers, by name and version; several versions of one stand side by side. Nothing is left out, for those
/// who plan know only what is read here; how many there may be is bounded where a set is built
/// ([`crate::formats::registry::Registry::load_from`]).
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn list(executor: impl PgExecutor<'_>) -> Result<Vec<Provider>> {
    Ok(sqlx::query_as!(
        Provider,
        "SELECT name, version, digest, manifest, loaded_at FROM provider WHERE current ORDER BY name, version"
    )
    .fetch_all(executor)
    .await?)
}

/// All current versions of one provider.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn versions(executor: impl PgExecutor<'_>, name: &str) -> Result<Vec<Provider>> {
    Ok(sqlx::query_as!(
        Provider,
        "SELECT name, version, digest, manifest, loaded_at FROM provider WHERE name = $1 AND current ORDER BY version",
        name
    )
    .fetch_all(executor)
    .await?)
}

/// Makes these the current providers: what is not among them is current no more. One transaction, so that no reader
/// sees a half-loaded set; a second loader waits for the first. Gives the set's number, which rises when anything changed.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn replace_all(conn: &mut sqlx::PgConnection, loaded: &[(String, String, [u8; 32], Value)]) -> Result<i64> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('slipway:providers', 0))").execute(&mut *conn).await?;
    let names: Vec<String> = loaded.iter().map(|(name, ..)| name.clone()).collect();
    let versions: Vec<String> = loaded.iter().map(|(_, version, ..)| version.clone()).collect();
    let digests: Vec<Vec<u8>> = loaded.iter().map(|(_, _, digest, _)| digest.to_vec()).collect();
    let manifests: Vec<Value> = loaded.iter().map(|(.., manifest)| manifest.clone()).collect();
    let dropped = sqlx::query!(
        "UPDATE provider SET current = false
         WHERE current AND NOT (name, version) IN (SELECT * FROM UNNEST($1::text[], $2::text[]))",
        &names,
        &versions,
    )
    .execute(&mut *conn)
    .await?;
    let changed = sqlx::query!(
        "INSERT INTO provider (name, version, digest, manifest)
         SELECT * FROM UNNEST($1::text[], $2::text[], $3::bytea[], $4::jsonb[])
         ON CONFLICT (name, version) DO UPDATE
             SET digest = excluded.digest, manifest = excluded.manifest, current = true,
                 loaded_at = CASE WHEN provider.digest = excluded.digest THEN provider.loaded_at ELSE now() END
             WHERE NOT provider.current OR provider.digest <> excluded.digest",
        &names,
        &versions,
        &digests,
        &manifests,
    )
    .execute(&mut *conn)
    .await?;
    if dropped.rows_affected() + changed.rows_affected() > 0 {
        sqlx::query!("UPDATE provider_set SET generation = generation + 1, stored_at = now()")
            .execute(&mut *conn)
            .await?;
    }
    super::provider_set::generation(conn).await
}
