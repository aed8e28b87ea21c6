//! Snapshots of definitions, shared by the runs that have the same one.

use sha2::{Digest as _, Sha256};
use sqlx::{PgConnection, PgExecutor, types::Json};

use super::Result;
use crate::domain::plan::Plan;

/// SHA-256 of a plan's JSON.
pub type PlanDigest = [u8; 32];

/// Stores the plan if it is not there, and returns its digest.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn store(conn: &mut PgConnection, plan: &Plan) -> Result<PlanDigest> {
    // Struct fields serialise in one order and maps are BTreeMaps or keep the file's order: equal plans, equal bytes.
    let body = serde_json::to_value(plan).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let digest: PlanDigest = Sha256::digest(body.to_string().as_bytes()).into();
    sqlx::query!("INSERT INTO plan (digest, body) VALUES ($1, $2) ON CONFLICT DO NOTHING", &digest[..], body)
        .execute(conn)
        .await?;
    Ok(digest)
}

/// The plan of that digest.
///
/// # Errors
/// When Postgres cannot be reached, there is no such plan, or it was written by a newer Slipway.
pub async fn load(executor: impl PgExecutor<'_>, digest: &[u8]) -> Result<Plan> {
    let row = sqlx::query!(r#"SELECT body AS "body: Json<Plan>" FROM plan WHERE digest = $1"#, digest)
        .fetch_one(executor)
        .await?;
    Ok(row.body.0)
}
