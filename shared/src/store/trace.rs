//! The traces that generations and runs belong to, as `traceparent` has them. Nothing here is called where nobody traces.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Result;
use crate::domain::ids::{ApplicationId, RunId};

/// Notes what asked for a generation.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn note_generation(
    executor: impl PgExecutor<'_>,
    application: ApplicationId,
    number: i32,
    trace_parent: &str,
) -> Result<()> {
    sqlx::query!(
        "UPDATE generation SET trace_parent = $3 WHERE application_id = $1 AND number = $2",
        application.0,
        number,
        trace_parent
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// Notes what asked for a run.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn note_run(executor: impl PgExecutor<'_>, run: RunId, trace_parent: &str) -> Result<()> {
    sqlx::query!("UPDATE run SET trace_parent = $2 WHERE id = $1", run.0, trace_parent).execute(executor).await?;
    Ok(())
}

/// Has runs that were just made belong to the trace of their application's generation, or of the run that started them.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn adopt(executor: impl PgExecutor<'_>, runs: &[RunId]) -> Result<()> {
    let ids: Vec<Uuid> = runs.iter().map(|run| run.0).collect();
    sqlx::query!(
        "UPDATE run SET trace_parent = found.trace_parent
         FROM (SELECT made.id, coalesce(parent.trace_parent, g.trace_parent) AS trace_parent
               FROM run made LEFT JOIN run parent ON parent.id = made.parent_run_id
               LEFT JOIN application a ON a.id = made.application_id
               LEFT JOIN generation g ON g.application_id = a.id AND g.number = a.generation
               WHERE made.id = ANY($1)) found
         WHERE run.id = found.id AND run.trace_parent IS NULL AND found.trace_parent IS NOT NULL",
        &ids
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// A run that was given a ticket, and how long it had waited.
#[derive(Clone, Debug)]
pub struct Waited {
    /// The run.
    pub id: RunId,
    /// Its workflow.
    pub workflow: String,
    /// Its queue.
    pub queue: String,
    /// Since when it could start.
    pub since: DateTime<Utc>,
    /// The trace.
    pub trace_parent: String,
}

/// Those of these runs that belong to a trace.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn waited(executor: impl PgExecutor<'_>, runs: &[RunId]) -> Result<Vec<Waited>> {
    let ids: Vec<Uuid> = runs.iter().map(|run| run.0).collect();
    Ok(sqlx::query_as!(
        Waited,
        r#"SELECT id AS "id: RunId", workflow, queue, waiting_since AS since, trace_parent AS "trace_parent!"
           FROM run WHERE id = ANY($1) AND trace_parent IS NOT NULL"#,
        &ids
    )
    .fetch_all(executor)
    .await?)
}
