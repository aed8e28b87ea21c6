//! What teams may use, where it is decided: at submission here, when runs start in `promote`.

use std::collections::BTreeMap;

use sqlx::{PgConnection, PgExecutor, types::Json};

use super::Result;
use crate::domain::quota::Exceeded;

/// By how much new resources, counted by type, would take the team beyond its quotas. Two submissions that ask at once are
/// told one after the other (until the end of the transaction), unless it is only `asked` to be shown.
///
/// # Errors
/// When Postgres cannot be reached.
pub(super) async fn exceeded(
    conn: &mut PgConnection,
    team: &str,
    new: &BTreeMap<&str, i64>,
    only_asked: bool,
) -> Result<Vec<Exceeded>> {
    if new.is_empty() || limits(conn, team, new).await?.is_empty() {
        return Ok(Vec::new());
    }
    if !only_asked {
        sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('quota:resources:' || $1::text, 0))", team)
            .execute(&mut *conn)
            .await?;
    }
    // Read with snapshots taken after the lock was had.
    let limits = limits(conn, team, new).await?;
    let kinds: Vec<String> = limits.keys().cloned().collect();
    let used = sqlx::query!(
        r#"SELECT type AS "kind!", sum(resources)::bigint AS "number!" FROM resource_count
           WHERE team = $1 AND type = ANY ($2) AND state <> 'terminated' GROUP BY 1"#,
        team,
        &kinds,
    )
    .fetch_all(conn)
    .await?;
    let used: BTreeMap<String, i64> = used.into_iter().map(|row| (row.kind, row.number)).collect();
    let exceeded = limits.into_iter().filter_map(|(kind, limit)| {
        let (limit, used, asked) =
            (i64::from(limit), used.get(&kind).copied().unwrap_or(0), new.get(kind.as_str()).copied().unwrap_or(0));
        (used + asked > limit).then(|| Exceeded { quota: format!("resources.{kind}"), limit, used, asked })
    });
    Ok(exceeded.collect())
}

/// The quotas of a team for these types.
async fn limits(conn: &mut PgConnection, team: &str, new: &BTreeMap<&str, i64>) -> Result<BTreeMap<String, i32>> {
    let limits = sqlx::query_scalar!(
        r#"SELECT max_resources AS "limits: Json<BTreeMap<String, i32>>" FROM team WHERE name = $1 AND max_resources <> '{}'"#,
        team
    )
    .fetch_optional(conn)
    .await?;
    let mut limits = limits.map(|limits| limits.0).unwrap_or_default();
    limits.retain(|kind, _| new.contains_key(kind.as_str()));
    Ok(limits)
}

/// Adds up to `limit` notes of what steps took and what is kept to the figures of teams. Returns how many there were.
///
/// # Errors
/// When Postgres cannot be reached; what was not committed is added by a later pass.
pub async fn add_up(executor: impl PgExecutor<'_>, limit: i64) -> Result<i64> {
    Ok(sqlx::query_scalar!(r#"SELECT add_up_usage($1) AS "counted!""#, limit).fetch_one(executor).await?)
}
