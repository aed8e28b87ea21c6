//! What must be true after any fault, once the dust has settled.

use std::time::Duration;

use shared::store::tally;
use sqlx::FromRow as _;

use crate::{engine::Census, stack::Stack};

/// Waits until nothing is under way any more, then checks that every submission in `acknowledged` (names of applications)
/// has exactly one outcome, that nothing was recorded twice, and that nothing is left on the engine.
///
/// # Errors
/// With the first of these that is not so.
pub async fn assert_settled(stack: &Stack, acknowledged: &[String]) -> anyhow::Result<()> {
    stack
        .until("no run and no resource is under way", Duration::from_secs(90), async || {
            // Blips of a Postgres that a test restarted are not what is looked for here.
            let open: Result<i64, _> = sqlx::query_scalar(
                "SELECT (SELECT count(*) FROM run WHERE finished_at IS NULL)
                      + (SELECT count(*) FROM resource WHERE state IN ('requested', 'provisioning', 'updating', 'terminating'))",
            )
            .fetch_one(&stack.pool)
            .await;
            Ok(matches!(open, Ok(0)).then_some(()))
        })
        .await?;
    acknowledged_once(stack, acknowledged).await?;
    nothing(
        stack,
        "steps under way in runs that are over",
        "SELECT s.run_id || ' ' || s.name || ' ' || s.status FROM step s JOIN run r ON r.id = s.run_id
         WHERE s.finished_at IS NULL AND r.finished_at IS NOT NULL",
    )
    .await?;
    nothing(
        stack,
        "attempts that nobody ended",
        "SELECT run_id || ' ' || number FROM attempt WHERE status = 'running'",
    )
    .await?;
    nothing(
        stack,
        "steps with more than one recorded success",
        "SELECT run_id || ' ' || step_id || ': ' || count(*) FROM attempt WHERE status = 'completed'
         GROUP BY run_id, step_id HAVING count(*) > 1",
    )
    .await?;
    nothing(
        stack,
        "completed steps without the attempt that completed them",
        "SELECT s.run_id || ' ' || s.name FROM step s WHERE s.status = 'completed' AND s.inherited_from IS NULL
         AND NOT EXISTS (SELECT FROM attempt a WHERE a.step_id = s.id AND a.status = 'completed')",
    )
    .await?;
    nothing(
        stack,
        "runs with more than one end",
        "SELECT run_id || ': ' || string_agg(type, ' ') FROM event WHERE type IN ('run.completed', 'run.failed', 'run.cancelled')
         GROUP BY run_id HAVING count(*) > 1",
    )
    .await?;
    nothing(
        stack,
        "fences that did not rise from claim to claim",
        "SELECT run_id || ': ' || fence || ' after ' || before FROM (
             SELECT run_id, (data ->> 'fence')::int8 AS fence, lag((data ->> 'fence')::int8) OVER (PARTITION BY run_id ORDER BY id) AS before
             FROM event WHERE type = 'run.claimed') claims WHERE fence <= before",
    )
    .await?;
    anyhow::ensure!(tally::recount(&stack.pool).await? == 0, "kept counts differ from what is there");
    nothing_is_left(stack).await
}

async fn acknowledged_once(stack: &Stack, acknowledged: &[String]) -> anyhow::Result<()> {
    let mut wanted = acknowledged.to_vec();
    wanted.sort();
    let found: Vec<String> = sqlx::query_scalar("SELECT name FROM application WHERE name = ANY ($1) ORDER BY name")
        .bind(&wanted)
        .fetch_all(&stack.pool)
        .await?;
    anyhow::ensure!(found == wanted, "acknowledged: {wanted:?}, but there are: {found:?}");
    nothing(
        stack,
        "resources whose last creation has not one outcome",
        "SELECT r.id || ' ' || r.name || ' ' || r.state FROM resource r
         WHERE r.state NOT IN ('active', 'failed', 'terminated')
            OR r.state = 'active' AND (SELECT count(*) FROM run WHERE resource_id = r.id AND status = 'completed' AND operation = 'create') <> 1",
    )
    .await
}

async fn nothing(stack: &Stack, what: &str, sql: &'static str) -> anyhow::Result<()> {
    let rows = sqlx::query(sql).fetch_all(&stack.pool).await?;
    let rows: Vec<String> =
        rows.iter().map(|row| <(String,)>::from_row(row).map(|(text,)| text)).collect::<Result<_, _>>()?;
    anyhow::ensure!(rows.is_empty(), "{what}: {}", rows.join("; "));
    Ok(())
}

/// Waits until the engine holds nothing of the installation; the janitor needs a moment.
///
/// # Errors
/// With what is left after half a minute.
pub async fn nothing_is_left(stack: &Stack) -> anyhow::Result<()> {
    if stack.config.worker.engine != shared::config::EngineKind::Docker {
        return Ok(());
    }
    let mut last = Census::default();
    let waited = crate::wait::until("nothing is left on the engine", Duration::from_secs(45), async || {
        last = Census::take(&stack.instance).await?;
        Ok(last.is_empty().then_some(()))
    })
    .await;
    waited.map_err(|error| error.context(format!("left on the engine: {last:?}")))
}
