//! The waves of a batch, one after the other.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Batch, tell};
use crate::{
    domain::{batch::BatchOperation, event as events},
    store::{Result, notify},
};

/// Where a wave stands.
#[derive(Clone, Debug)]
pub struct WaveState {
    /// How many resources this one and those before it have.
    pub begun: i32,
    /// Resources of it, and of those before it, that have not begun.
    pub has_open: bool,
    /// Whether it is the last.
    pub is_last: bool,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When the last of its resources was done.
    pub ended_at: Option<DateTime<Utc>>,
    /// Whether it was long enough ago.
    pub is_baked: bool,
    /// When that is.
    pub bake_until: Option<DateTime<Utc>>,
}

/// Where a wave stands; none: there is no such wave.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn wave(conn: &mut PgConnection, id: Uuid, number: i32) -> Result<Option<WaveState>> {
    Ok(sqlx::query_as!(
        WaveState,
        r#"SELECT (SELECT sum(total) FROM batch_wave b WHERE b.batch_id = $1 AND b.number <= $2)::int AS "begun!",
                  EXISTS (SELECT FROM batch_item i WHERE i.batch_id = $1 AND i.status = 'open'
                            AND i.position <= (SELECT sum(total) FROM batch_wave b WHERE b.batch_id = $1 AND b.number <= $2)) AS "has_open!",
                  NOT EXISTS (SELECT FROM batch_wave b WHERE b.batch_id = $1 AND b.number > $2) AS "is_last!",
                  started_at, ended_at, coalesce(bake_until <= now(), false) AS "is_baked!", bake_until
           FROM batch_wave WHERE batch_id = $1 AND number = $2"#,
        id,
        number,
    )
    .fetch_optional(conn)
    .await?)
}

/// Notes that a wave begins, and tells.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn begin_wave(conn: &mut PgConnection, batch: &Batch) -> Result<()> {
    sqlx::query!(
        "UPDATE batch_wave SET started_at = coalesce(started_at, now()) WHERE batch_id = $1 AND number = $2",
        batch.id,
        batch.wave
    )
    .execute(&mut *conn)
    .await?;
    tell(conn, batch.id, events::BATCH_WAVE_STARTED, "system").await
}

/// Notes that the last resource of a wave is done, and has them looked at if that is asked for.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn end_wave(conn: &mut PgConnection, batch: &Batch) -> Result<()> {
    sqlx::query!(
        "UPDATE batch_wave SET ended_at = now(), bake_until = now() + make_interval(secs => $3) WHERE batch_id = $1 AND number = $2",
        batch.id,
        batch.wave,
        f64::from(batch.bake_s),
    )
    .execute(&mut *conn)
    .await?;
    if batch.verify
        && matches!(batch.operation, BatchOperation::Update | BatchOperation::Reprovision | BatchOperation::Retry)
    {
        sqlx::query!(
            "UPDATE resource r SET read_requested_at = now(), read_requested_by = 'batch ' || $3
             FROM batch_item i WHERE i.batch_id = $1 AND i.wave = $2 AND i.status = 'succeeded' AND r.id = i.resource_id
               AND r.state IN ('active', 'degraded') AND r.desired = 'present'",
            batch.id,
            batch.wave,
            batch.name,
        )
        .execute(&mut *conn)
        .await?;
        notify(conn).await?;
    }
    Ok(())
}

/// Whether nobody looks, or is about to look, at the resources of a wave.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn looks_are_over(conn: &mut PgConnection, batch: &Batch) -> Result<bool> {
    if !batch.verify {
        return Ok(true);
    }
    Ok(sqlx::query_scalar!(
        r#"SELECT NOT EXISTS (
               SELECT FROM batch_item i JOIN resource r ON r.id = i.resource_id LEFT JOIN run ON run.id = r.current_run_id
               WHERE i.batch_id = $1 AND i.wave = $2 AND i.status = 'succeeded'
                 AND (r.read_requested_at IS NOT NULL AND r.state IN ('active', 'degraded') OR run.operation = 'read')) AS "over!""#,
        batch.id,
        batch.wave,
    )
    .fetch_one(conn)
    .await?)
}

/// Counts resources of a wave as failed that were done and are not well now: failed, or different from what was made. Gives how
/// many there are.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn unhealthy(conn: &mut PgConnection, batch: &Batch) -> Result<i32> {
    if matches!(batch.operation, BatchOperation::Read | BatchOperation::Delete) {
        return Ok(0);
    }
    let found = sqlx::query!(
        "UPDATE batch_item i SET status = 'failed',
                detail = 'it was done, and is ' || r.state || ' after the bake time' || coalesce(': ' || r.error_message, '')
         FROM resource r
         WHERE i.batch_id = $1 AND i.wave = $2 AND i.status = 'succeeded' AND r.id = i.resource_id
           AND (r.state IN ('failed', 'degraded') OR r.drift IS NOT NULL)",
        batch.id,
        batch.wave,
    );
    Ok(i32::try_from(found.execute(conn).await?.rows_affected()).unwrap_or(i32::MAX))
}

/// Notes that a wave is well, and tells.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn pass_wave(conn: &mut PgConnection, batch: &Batch) -> Result<()> {
    sqlx::query!("UPDATE batch_wave SET passed_at = now() WHERE batch_id = $1 AND number = $2", batch.id, batch.wave)
        .execute(&mut *conn)
        .await?;
    tell(conn, batch.id, events::BATCH_WAVE_PASSED, "system").await
}
