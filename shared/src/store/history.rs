//! How long things took before.

use sqlx::PgExecutor;

use super::Result;

/// Runs that are looked at for each workflow, newest first.
const RUNS: i64 = 50;

/// How long the last completed runs of a golden path took, from the first claim to the end: waits for people included.
#[derive(Clone, Debug, PartialEq)]
pub struct Duration {
    /// The provider.
    pub provider: String,
    /// The workflow.
    pub workflow: String,
    /// How many runs it is taken from, 50 at most.
    pub runs: i64,
    /// Half of them took no longer, in seconds.
    pub median_s: f64,
    /// The longest of them, in seconds.
    pub longest_s: f64,
}

/// The durations of these golden paths, given as provider and workflow; what never completed is not among them.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn golden_path_durations(executor: impl PgExecutor<'_>, of: &[(&str, &str)]) -> Result<Vec<Duration>> {
    let providers: Vec<&str> = of.iter().map(|(provider, _)| *provider).collect();
    let workflows: Vec<&str> = of.iter().map(|(_, workflow)| *workflow).collect();
    Ok(sqlx::query_as!(
        Duration,
        r#"SELECT wanted.provider AS "provider!", wanted.workflow AS "workflow!", count(*) AS "runs!",
                  percentile_cont(0.5) WITHIN GROUP (ORDER BY past.seconds) AS "median_s!", max(past.seconds) AS "longest_s!"
           FROM (SELECT DISTINCT * FROM UNNEST($1::text[], $2::text[]) AS given (provider, workflow)) wanted
           CROSS JOIN LATERAL (
               SELECT extract(epoch FROM run.finished_at - run.started_at)::float8 AS seconds FROM run
               WHERE run.kind = 'golden_path' AND run.status = 'completed' AND run.started_at IS NOT NULL
                 AND run.provider = wanted.provider AND run.workflow = wanted.workflow
               ORDER BY run.finished_at DESC LIMIT $3) past
           GROUP BY wanted.provider, wanted.workflow"#,
        &providers as &[&str],
        &workflows as &[&str],
        RUNS,
    )
    .fetch_all(executor)
    .await?)
}
