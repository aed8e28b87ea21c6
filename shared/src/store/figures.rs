//! Counts over the whole installation, for who watches it.

use sqlx::PgPool;

use super::{Result, approval, tally};
use crate::domain::resource::ResourceState;

/// How many runs of a queue wait for one reason.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The queue.
    pub queue: String,
    /// A code of [`crate::domain::run::WaitReason`].
    pub reason: String,
    /// How many.
    pub runs: i64,
}

/// Runs that wait, pending or suspended, by queue and reason; at most a thousand of such pairs.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn waiting(pool: &PgPool) -> Result<Vec<Waiting>> {
    Ok(sqlx::query_as!(
        Waiting,
        r#"SELECT w.queue AS "queue!", w.code AS "reason!", sum(w.runs)::bigint AS "runs!"
           FROM waiting_counts_in(ARRAY(SELECT name FROM queue)) w
           GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 1000"#
    )
    .fetch_all(pool)
    .await?)
}

/// How many there are of one kind.
#[derive(Clone, Debug)]
pub struct Count {
    /// The kind.
    pub name: String,
    /// How many.
    pub count: i64,
}

/// What there is.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// Workers that have not stopped: `active`, `draining`, or `gone`, of which nothing was heard lately.
    pub workers: Vec<Count>,
    /// Resources that are not terminated, by state.
    pub resources: Vec<Count>,
    /// Questions that wait for a decision.
    pub approvals_open: i64,
}

/// Counts them. A worker is gone when nothing was heard of it for `gone_after_s` seconds.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn standing(pool: &PgPool, gone_after_s: i32) -> Result<Standing> {
    let workers = sqlx::query_as!(
        Count,
        r#"SELECT state.name AS "name!", count(w.id) AS "count!"
           FROM unnest(ARRAY['active', 'draining', 'gone']) state(name)
           LEFT JOIN worker w ON w.state <> 'stopped' AND state.name =
               CASE WHEN w.heartbeat_at > now() - make_interval(secs => $1::int) THEN w.state ELSE 'gone' END
           GROUP BY 1 ORDER BY 1"#,
        gone_after_s
    )
    .fetch_all(pool)
    .await?;
    let mut resources = tally::resources(pool, None).await?;
    resources.remove(ResourceState::Terminated.as_str());
    let resources = resources.into_iter().map(|(name, count)| Count { name, count }).collect();
    Ok(Standing { workers, resources, approvals_open: approval::count_open(pool, None).await? })
}
