//! Teams: what each may use, and what it uses.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgExecutor, types::Json};

use super::Result;
use crate::domain::quota::Quotas;

/// A team that was ever named.
#[derive(Clone, Debug, PartialEq)]
pub struct Team {
    /// Its name.
    pub name: String,
    /// When it was first named.
    pub created_at: DateTime<Utc>,
    /// What it may use.
    pub quotas: Quotas,
    /// Its share of the slots of a queue, beside those of the other teams that wait: from 1 to 1000.
    pub weight: i16,
}

/// What a team uses now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Runs that are queued or run.
    pub runs: i64,
    /// Runs that could start, and wait for a slot or for the team's quota.
    pub ready: i64,
    /// Why ready runs of its wait for its own quota, when they do.
    pub waits_for: Option<String>,
    /// By type: resources that are not gone, of its applications.
    pub resources: BTreeMap<String, i64>,
    /// The first day of the month that the next two are about.
    pub month: NaiveDate,
    /// Milliseconds of processor that its steps were given this month (UTC).
    pub cpu_ms: i64,
    /// Bytes of log that its steps wrote this month.
    pub log_bytes: i64,
    /// Bytes kept of workspaces that runs may go on from.
    pub workspace_bytes: i64,
    /// Bytes kept of finished logs.
    pub kept_log_bytes: i64,
    /// Bytes kept of states.
    pub state_bytes: i64,
}

/// Teams by name, those after `after`: all, or those of `names`.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    names: Option<&[String]>,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Team>> {
    let rows = sqlx::query!(
        r#"SELECT name, created_at, max_runs, max_resources AS "max_resources: Json<BTreeMap<String, i32>>", max_cpu_minutes,
                  max_log_bytes, max_storage_bytes, weight
           FROM team WHERE ($1::text[] IS NULL OR name = ANY ($1)) AND ($2::text IS NULL OR name > $2)
           ORDER BY name LIMIT $3"#,
        names,
        after,
        limit,
    )
    .fetch_all(executor)
    .await?;
    let team = rows.into_iter().map(|row| Team {
        name: row.name,
        created_at: row.created_at,
        quotas: Quotas {
            runs: row.max_runs,
            resources: row.max_resources.0,
            cpu_minutes: row.max_cpu_minutes,
            log_bytes: row.max_log_bytes,
            storage_bytes: row.max_storage_bytes,
        },
        weight: row.weight,
    });
    Ok(team.collect())
}

/// One team.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(executor: impl PgExecutor<'_>, name: &str) -> Result<Option<Team>> {
    Ok(page(executor, Some(&[name.to_owned()]), None, 1).await?.pop())
}

/// Notes that these teams were named.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn note(executor: impl PgExecutor<'_>, names: &[String]) -> Result<()> {
    sqlx::query!("INSERT INTO team (name) SELECT DISTINCT * FROM UNNEST($1::text[]) ON CONFLICT DO NOTHING", names)
        .execute(executor)
        .await?;
    Ok(())
}

/// Sets all that a team may use. A team that nobody named yet is noted.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn set_quotas(executor: impl PgExecutor<'_>, name: &str, quotas: &Quotas) -> Result<()> {
    sqlx::query!(
        "INSERT INTO team (name, max_runs, max_resources, max_cpu_minutes, max_log_bytes, max_storage_bytes)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (name) DO UPDATE SET max_runs = excluded.max_runs, max_resources = excluded.max_resources,
                max_cpu_minutes = excluded.max_cpu_minutes, max_log_bytes = excluded.max_log_bytes,
                max_storage_bytes = excluded.max_storage_bytes",
        name,
        quotas.runs,
        Json(&quotas.resources) as _,
        quotas.cpu_minutes,
        quotas.log_bytes,
        quotas.storage_bytes,
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// Sets a team's share of the slots. A team that nobody named yet is noted.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn set_weight(executor: impl PgExecutor<'_>, name: &str, weight: i16) -> Result<()> {
    sqlx::query!(
        "INSERT INTO team (name, weight) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET weight = excluded.weight",
        name,
        weight,
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// What a team uses now. What steps took and what is kept is added up within seconds.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn usage(executor: impl PgExecutor<'_>, name: &str) -> Result<Usage> {
    let row = sqlx::query!(
        r#"SELECT (SELECT count(*) FROM run r WHERE r.team = $1 AND r.status IN ('queued', 'running')) AS "runs!",
                  (SELECT coalesce(sum(c.runs), 0)::bigint FROM run_count c WHERE c.team = $1 AND c.status = 'pending' AND c.reason = '') AS "ready!",
                  (SELECT detail FROM team_wait WHERE team = $1) AS waits_for,
                  (SELECT coalesce(jsonb_object_agg(type, number), '{}')
                   FROM (SELECT type, sum(resources) AS number FROM resource_count WHERE team = $1 AND state <> 'terminated' GROUP BY 1) used)
                      AS "resources!: Json<BTreeMap<String, i64>>",
                  this_month() AS "month!", coalesce(month.cpu_ms, 0) AS "cpu_ms!", coalesce(month.log_bytes, 0) AS "log_bytes!",
                  coalesce(kept.workspaces, 0) AS "workspaces!", coalesce(kept.logs, 0) AS "logs!", coalesce(kept.states, 0) AS "states!"
           FROM (SELECT 1) one
           LEFT JOIN team_month month ON month.team = $1 AND month.month = this_month()
           LEFT JOIN team_kept kept ON kept.team = $1"#,
        name,
    )
    .fetch_one(executor)
    .await?;
    Ok(Usage {
        runs: row.runs,
        ready: row.ready,
        waits_for: row.waits_for,
        resources: row.resources.0,
        month: row.month,
        cpu_ms: row.cpu_ms,
        log_bytes: row.log_bytes,
        workspace_bytes: row.workspaces,
        kept_log_bytes: row.logs,
        state_bytes: row.states,
    })
}
