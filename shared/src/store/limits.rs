//! What may run at once of a team, a type, a provider, a queue or a group. Held in `promote`.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;

use super::Result;
use crate::domain::states::states;

states! {
    /// What a limit bounds.
    LimitKind {
        /// The runs of a team.
        Team = "team",
        /// The runs on resources of a type.
        Type = "type",
        /// The runs of a provider.
        Provider = "provider",
        /// The runs of a queue.
        Queue = "queue",
        /// The runs of a concurrency group: of one without a limit one goes at a time.
        Group = "group",
    }
}

/// A limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What it bounds.
    pub kind: LimitKind,
    /// Of which name.
    pub name: String,
    /// How many go at once.
    pub most: i32,
    /// Why, for whoever wonders.
    pub reason: String,
    /// Who made it.
    pub made_by: String,
    /// When they did.
    pub made_at: DateTime<Utc>,
    /// How many go now: of a group those that have a turn, else those that are queued or running.
    pub used: i64,
}

/// One limit.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn find(executor: impl PgExecutor<'_>, which: (LimitKind, &str)) -> Result<Option<Limit>> {
    Ok(select(executor, Some(which), None, None, 1).await?.pop())
}

/// Limits by kind and name, those after this one; of teams only these (none: of all).
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn page(
    executor: impl PgExecutor<'_>,
    teams: Option<&[String]>,
    after: Option<(LimitKind, &str)>,
    limit: i64,
) -> Result<Vec<Limit>> {
    select(executor, None, teams, after, limit).await
}

async fn select(
    executor: impl PgExecutor<'_>,
    only: Option<(LimitKind, &str)>,
    teams: Option<&[String]>,
    after: Option<(LimitKind, &str)>,
    limit: i64,
) -> Result<Vec<Limit>> {
    let (kind, name) = only.unzip();
    let (after_kind, after_name) = after.unzip();
    Ok(sqlx::query_as!(
        Limit,
        r#"WITH flying AS MATERIALIZED (
               SELECT team, resource_type, provider, queue, count(*) AS runs FROM run WHERE status IN ('queued', 'running') GROUP BY 1, 2, 3, 4)
           SELECT l.kind AS "kind: LimitKind", l.name, l.most, l.reason, l.made_by, l.made_at,
                  CASE WHEN l.kind = 'group'
                       THEN (SELECT count(*) FROM run r
                             WHERE r.concurrency_group = l.name AND r.status IN ('pending', 'queued', 'running', 'suspended')
                               AND r.reason IS DISTINCT FROM 'ConcurrencyGroup')
                       ELSE coalesce((SELECT sum(f.runs)::bigint FROM flying f
                             WHERE l.name = CASE l.kind WHEN 'team' THEN f.team WHEN 'type' THEN f.resource_type
                                                        WHEN 'provider' THEN f.provider ELSE f.queue END), 0) END AS "used!"
           FROM run_limit l
           WHERE ($1::text IS NULL OR l.kind = $1) AND ($2::text IS NULL OR l.name = $2)
             AND ($3::text[] IS NULL OR l.kind <> 'team' OR l.name = ANY ($3))
             AND ($4::text IS NULL OR (l.kind, l.name) > ($4, $5))
           ORDER BY l.kind, l.name LIMIT $6"#,
        kind.map(LimitKind::as_str),
        name,
        teams,
        after_kind.map(LimitKind::as_str),
        after_name,
        limit,
    )
    .fetch_all(executor)
    .await?)
}

/// Sets how many go at once. What goes already goes on.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn set(
    executor: impl PgExecutor<'_>,
    (kind, name): (LimitKind, &str),
    most: i32,
    reason: &str,
    by: &str,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO run_limit (kind, name, most, reason, made_by) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (kind, name) DO UPDATE SET most = excluded.most, reason = excluded.reason, made_by = excluded.made_by, made_at = now(),
                -- The next pass says whether as many go.
                reached_since = CASE WHEN run_limit.most <= excluded.most THEN NULL ELSE run_limit.reached_since END",
        kind.as_str(),
        name,
        most,
        reason,
        by,
    )
    .execute(executor)
    .await?;
    Ok(())
}

/// Removes a limit. False when there is none.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn remove(executor: impl PgExecutor<'_>, (kind, name): (LimitKind, &str)) -> Result<bool> {
    let removed = sqlx::query!("DELETE FROM run_limit WHERE kind = $1 AND name = $2", kind.as_str(), name);
    Ok(removed.execute(executor).await?.rows_affected() > 0)
}
