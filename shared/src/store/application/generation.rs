//! What was submitted, one generation after another.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::{PgExecutor, types::Json};

use crate::{
    domain::ids::ApplicationId,
    store::{Result, submit::Choices},
};

/// One accepted submission.
#[derive(Clone, Debug)]
pub struct Generation {
    /// Its number.
    pub number: i32,
    /// The Score file as JSON.
    pub spec: Value,
    /// SHA-256 of the spec in canonical JSON.
    pub digest: Vec<u8>,
    /// What compatibility mode had to say about it.
    pub warnings: Value,
    /// The name of the key it came with.
    pub submitted_by: String,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// Tags and workflows that came beside the spec.
    pub choices: Json<Choices>,
    /// The generation whose content it brought back.
    pub restores: Option<i32>,
}

/// The latest generation of an application.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn latest_generation(executor: impl PgExecutor<'_>, id: ApplicationId) -> Result<Option<Generation>> {
    Ok(generations(executor, id, None, 1).await?.pop())
}

/// One generation of an application.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn generation(executor: impl PgExecutor<'_>, id: ApplicationId, number: i32) -> Result<Option<Generation>> {
    let found = generations(executor, id, Some(number.saturating_add(1)), 1).await?.pop();
    Ok(found.filter(|generation| generation.number == number))
}

/// Generations of an application, newest first: those before `before` (none: from the newest), at most `limit`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn generations(
    executor: impl PgExecutor<'_>,
    id: ApplicationId,
    before: Option<i32>,
    limit: i64,
) -> Result<Vec<Generation>> {
    Ok(sqlx::query_as!(
        Generation,
        r#"SELECT number, spec, digest, warnings, submitted_by, created_at, choices AS "choices: Json<Choices>", restores
           FROM generation WHERE application_id = $1 AND ($2::int IS NULL OR number < $2) ORDER BY number DESC LIMIT $3"#,
        id.0,
        before,
        limit,
    )
    .fetch_all(executor)
    .await?)
}
