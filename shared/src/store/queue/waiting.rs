//! Who waits in a queue, and for what.

use std::collections::BTreeMap;

use sqlx::{PgExecutor, types::Json};

use crate::store::Result;

/// What a team has in a queue.
#[derive(Clone, Debug)]
pub struct TeamWaiting {
    /// The team.
    pub team: String,
    /// Its runs that are pending or suspended.
    pub waiting: i64,
    /// Its runs that are queued or running.
    pub in_flight: i64,
    /// The waiting ones by reason: codes of [`crate::domain::run::WaitReason`].
    pub reasons: BTreeMap<String, i64>,
}

/// The runs of a queue that are pending or suspended, by reason: codes of [`crate::domain::run::WaitReason`].
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn waiting_by_reason(executor: impl PgExecutor<'_>, queue: &str) -> Result<BTreeMap<String, i64>> {
    let rows = sqlx::query!(
        r#"SELECT code AS "reason!", sum(runs)::bigint AS "runs!" FROM waiting_counts($1) GROUP BY 1"#,
        queue
    )
    .fetch_all(executor)
    .await?;
    Ok(rows.into_iter().map(|row| (row.reason, row.runs)).collect())
}

/// What teams have in a queue, those first of which most runs wait, at most `limit`; only these teams (none: all).
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn waiting_by_team(
    executor: impl PgExecutor<'_>,
    queue: &str,
    teams: Option<&[String]>,
    limit: i64,
) -> Result<Vec<TeamWaiting>> {
    let rows = sqlx::query!(
        r#"WITH counted AS (
               SELECT w.team, false AS in_flight, w.code AS reason, sum(w.runs)::bigint AS runs FROM waiting_counts($1) w
               WHERE $2::text[] IS NULL OR w.team = ANY ($2) GROUP BY 1, 3
               UNION ALL
               SELECT r.team, true, '', count(*) FROM run r
               WHERE r.queue = $1 AND r.status IN ('queued', 'running') AND ($2::text[] IS NULL OR r.team = ANY ($2)) GROUP BY 1)
           SELECT team AS "team!", coalesce(sum(runs) FILTER (WHERE NOT in_flight), 0)::bigint AS "waiting!",
                  coalesce(sum(runs) FILTER (WHERE in_flight), 0)::bigint AS "in_flight!",
                  coalesce(jsonb_object_agg(reason, runs) FILTER (WHERE NOT in_flight), '{}') AS "reasons!: Json<BTreeMap<String, i64>>"
           FROM counted GROUP BY team ORDER BY 2 DESC, 1 LIMIT $3"#,
        queue,
        teams,
        limit,
    )
    .fetch_all(executor)
    .await?;
    let row = rows.into_iter().map(|row| TeamWaiting {
        team: row.team,
        waiting: row.waiting,
        in_flight: row.in_flight,
        reasons: row.reasons.0,
    });
    Ok(row.collect())
}
