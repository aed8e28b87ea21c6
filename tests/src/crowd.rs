//! Very many runs of a team that wait, written by one statement: for what happens beside them.

use sqlx::PgPool;

/// Writes `count` runs of a team that are ready to begin, of the same golden path and with the same inputs as the run `like`.
///
/// # Errors
/// When Postgres refuses it, or there is no such run.
pub async fn crowd(pool: &PgPool, like: &str, team: &str, count: i32) -> anyhow::Result<()> {
    let made = sqlx::query(
        "WITH made AS (
             INSERT INTO run (id, root_run_id, kind, operation, team, provider, provider_version, workflow, plan_digest, inputs, requested_by)
             SELECT new.id, new.id, kind, operation, $2, provider, provider_version, workflow, plan_digest, inputs, requested_by
             FROM run CROSS JOIN (SELECT gen_random_uuid() AS id FROM generate_series(1, $3)) new WHERE run.id = $1::uuid
             RETURNING id)
         INSERT INTO step (id, run_id, name, position, type, idempotency_key)
         SELECT gen_random_uuid(), made.id, step.name, step.position, step.type, made.id || '/' || step.name
         FROM made CROSS JOIN step WHERE step.run_id = $1::uuid",
    );
    let made = made.bind(like).bind(team).bind(count).execute(pool).await?;
    anyhow::ensure!(made.rows_affected() > 0, "there is no run {like} with steps");
    // What very many rows leave to be done is done now, and not beside what the caller looks at.
    sqlx::raw_sql("VACUUM ANALYZE run").execute(pool).await?;
    sqlx::raw_sql("VACUUM ANALYZE step").execute(pool).await?;
    sqlx::raw_sql("NOTIFY slipway").execute(pool).await?;
    Ok(())
}
