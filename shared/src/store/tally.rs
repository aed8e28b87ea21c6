//! How many runs and resources there are, by where they stand. What moves one of them notes it in the same transaction; the
//! notes are added up behind it, and read together with the sums, so the answer is exact and costs nothing to speak of.

use std::collections::BTreeMap;

use sqlx::PgExecutor;

use super::Result;

/// Runs by status, previews left out; only those of these teams (none: of all).
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn runs(executor: impl PgExecutor<'_>, teams: Option<&[String]>) -> Result<BTreeMap<String, i64>> {
    let rows = sqlx::query!(
        r#"SELECT status AS "status!", sum(runs)::bigint AS "runs!" FROM run_count
           WHERE kind <> 'preview' AND ($1::text[] IS NULL OR team = ANY ($1)) GROUP BY 1"#,
        teams,
    )
    .fetch_all(executor)
    .await?;
    Ok(rows.into_iter().map(|row| (row.status, row.runs)).collect())
}

/// Resources by state; only those of applications of these teams (none: of all).
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn resources(executor: impl PgExecutor<'_>, teams: Option<&[String]>) -> Result<BTreeMap<String, i64>> {
    let rows = sqlx::query!(
        r#"SELECT state AS "state!", sum(resources)::bigint AS "resources!" FROM resource_count
           WHERE $1::text[] IS NULL OR team = ANY ($1) GROUP BY 1"#,
        teams,
    )
    .fetch_all(executor)
    .await?;
    Ok(rows.into_iter().map(|row| (row.state, row.resources)).collect())
}

/// Adds up to `limit` notes to the figures. Returns how many there were; one process at a time, another gets 0.
///
/// # Errors
/// When Postgres cannot be reached; what was not committed is added by a later pass.
pub async fn add_up(executor: impl PgExecutor<'_>, limit: i64) -> Result<i64> {
    Ok(sqlx::query_scalar!(r#"SELECT add_up_changes($1) AS "counted!""#, limit).fetch_one(executor).await?)
}

/// Counts everything, and mends the figures that differ from that. Returns how many did: none, unless somebody changed rows
/// with the triggers off.
///
/// # Errors
/// When Postgres cannot be reached, or needs longer than the statement timeout.
pub async fn recount(executor: impl PgExecutor<'_>) -> Result<i64> {
    Ok(sqlx::query_scalar!(r#"SELECT recount() AS "wrong!""#).fetch_one(executor).await?)
}
