//! What a plan for a resource goes by, beside its own row.

use serde_json::Value;
use sqlx::PgExecutor;

use crate::{domain::ids::ResourceId, store::Result};

/// What chooses the version of a resource's provider.
#[derive(Clone, Debug)]
pub struct Basis {
    /// The team of its application.
    pub team: String,
    /// The metadata of the application's latest spec.
    pub metadata: Value,
    /// Provider and version of the last run for it, if any has begun.
    pub made_by: Option<(String, String)>,
    /// Its params as written, and in their place what batches have set.
    pub params: Value,
}

/// What the next plan for a resource goes by; the same as [`super::lock_unresolved`] gives.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn basis(executor: impl PgExecutor<'_>, id: ResourceId) -> Result<Option<Basis>> {
    let row = sqlx::query!(
        r#"SELECT a.team, coalesce(g.spec -> 'metadata', '{}') AS "metadata!", r.provider, r.provider_version, r.params || r.overrides AS "params!",
                  (r.applied_params IS NOT NULL
                   OR EXISTS (SELECT FROM run WHERE run.resource_id = r.id AND run.started_at IS NOT NULL)) AS "touched!"
           FROM resource r JOIN application a ON a.id = r.application_id
           LEFT JOIN generation g ON g.application_id = a.id AND g.number = a.generation
           WHERE r.id = $1"#,
        id.0
    )
    .fetch_optional(executor)
    .await?;
    Ok(row.map(|row| Basis {
        team: row.team,
        metadata: row.metadata,
        params: row.params,
        made_by: row.provider.zip(row.provider_version).filter(|_| row.touched),
    }))
}
