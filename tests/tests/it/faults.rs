//! What becomes of submissions when parts of the system die, freeze or forget, at the worst moments there are. After each
//! fault: one outcome for every acknowledged submission, nothing recorded twice, nothing left on the engine.

mod chaos;
mod servers;
mod workers;

use std::time::Duration;

use futures::{StreamExt as _, stream};
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use tests::{
    score::Score,
    settled::assert_settled,
    stack::{Options, Stack},
};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// Where chance comes from; the same number, the same choices.
pub(crate) fn seeded() -> anyhow::Result<StdRng> {
    let seed = std::env::var("TEST_SEED").map_or(Ok(20_261_121), |text| text.parse())?;
    eprintln!("TEST_SEED={seed}");
    Ok(StdRng::seed_from_u64(seed))
}

/// Without workers at first: what is submitted stays queued until the test starts one.
pub(crate) fn without_workers() -> Options {
    Options { workers: 0, ..Options::scripted() }
}

pub(crate) fn quick() -> Options {
    Options { lease_ttl_s: 4, ..Options::default() }
}

/// Submits one application with one resource and gives the resource's run, once there is one.
pub(crate) async fn submit_one(stack: &Stack, name: &str, kind: &str, params: &Value) -> anyhow::Result<String> {
    stack.client.submit(&Score::new(name).resource("it", kind, params).yaml()).await?.ok()?;
    run_of(stack, name).await
}

pub(crate) async fn run_of(stack: &Stack, name: &str) -> anyhow::Result<String> {
    stack
        .until(&format!("{name} has a run"), MINUTE, async || {
            let resource = stack.client.resource(name, "it").await?;
            Ok(resource.and_then(|resource| {
                resource["current_run_id"].as_str().or(resource["last_run_id"].as_str()).map(str::to_owned)
            }))
        })
        .await
}

/// Submits many applications of one scripted resource each, some at a time, as impatient clients do: each is sent again,
/// under the same key, until it is acknowledged. Gives their names.
pub(crate) async fn submit_many(
    stack: &Stack,
    prefix: &str,
    count: usize,
    script: &Value,
) -> anyhow::Result<Vec<String>> {
    let names: Vec<String> = (0..count).map(|number| format!("{prefix}-{number}")).collect();
    let client = &stack.client;
    let acknowledged = stream::iter(&names).map(|name| async move {
        let yaml = Score::new(name).resource("it", "scripted", &json!({"script": script.to_string()})).yaml();
        tests::wait::until(&format!("{name} is acknowledged"), MINUTE, async || {
            // No answer, or one that says to come again: the client does.
            match client.submit_once(&yaml, name).await {
                Ok(answer) if answer.status.is_success() => Ok(Some(())),
                Ok(answer) if answer.status.is_client_error() && answer.status != 409 && answer.status != 408 => {
                    anyhow::bail!("{name} was refused: {:#}", answer.body)
                }
                Ok(_) | Err(_) => Ok(None),
            }
        })
        .await
    });
    acknowledged.buffer_unordered(4).collect::<Vec<_>>().await.into_iter().collect::<anyhow::Result<Vec<()>>>()?;
    Ok(names)
}

pub(crate) async fn all_active(stack: &Stack, names: &[String]) -> anyhow::Result<()> {
    assert_settled(stack, names).await?;
    let active: i64 = stack.count("SELECT count(*) FROM resource WHERE state = 'active'").await?;
    anyhow::ensure!(active == i64::try_from(names.len())?, "{active} of {} resources are active", names.len());
    Ok(())
}

/// Everything that is recorded about a run, to see whether it changes.
pub(crate) async fn recorded(stack: &Stack, run: &str) -> anyhow::Result<Value> {
    Ok(sqlx::query_scalar(
        "SELECT jsonb_build_object(
             'run', (SELECT to_jsonb(run) FROM run WHERE id = $1::uuid),
             'steps', (SELECT jsonb_agg(to_jsonb(step) ORDER BY position) FROM step WHERE run_id = $1::uuid),
             'attempts', (SELECT jsonb_agg(to_jsonb(attempt) ORDER BY step_id, number) FROM attempt WHERE run_id = $1::uuid),
             'resource', (SELECT to_jsonb(resource) FROM resource JOIN run ON run.resource_id = resource.id WHERE run.id = $1::uuid),
             'lines', (SELECT count(*) FROM log_line WHERE run_id = $1::uuid))",
    )
    .bind(run)
    .fetch_one(&stack.pool)
    .await?)
}
