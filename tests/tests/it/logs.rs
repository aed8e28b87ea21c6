//! What becomes of what steps print.

use std::time::Duration;

use serde_json::json;
use tests::stack::{Options, Stack};

const LINES: usize = 4_000;
/// Longer than the next line of a container that has ended is waited for.
const LONG: Duration = Duration::from_secs(13);

#[tokio::test]
async fn a_step_that_ends_long_before_its_output_is_stored_loses_none_of_it() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let (run, printed) = printed_while_none_is_stored(&stack, async |_| tokio::time::sleep(LONG).await).await?;
    stack.run_becomes(&run, &["completed"]).await?;
    assert_eq!(numbers(&stack.client.logs(&run).await?), printed);
    stack.finish().await
}

#[tokio::test]
async fn a_run_that_is_cancelled_does_not_wait_for_output_that_cannot_be_stored_and_its_log_says_so()
-> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let (run, printed) = printed_while_none_is_stored(&stack, async |run| {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let cancelled = stack.client.post(&format!("/api/workflows/{run}/cancel"), &json!({})).await;
        assert!(cancelled.is_ok_and(|answer| answer.status == 202 || answer.status == 200));
        tokio::time::sleep(LONG).await;
    })
    .await?;
    stack.run_becomes(&run, &["completed", "cancelled"]).await?;
    let log = stack.client.logs(&run).await?;
    assert!(log.contains("the rest of its output was not waited for"), "{log}");
    let kept = numbers(&log);
    assert!(kept.len() < printed.len() && printed.starts_with(&kept), "{} of {} lines", kept.len(), printed.len());
    stack.finish().await
}

/// A run whose step prints [`LINES`] lines and ends at once, while nothing can be stored of them until `meanwhile` is over.
async fn printed_while_none_is_stored(
    stack: &Stack,
    meanwhile: impl AsyncFnOnce(&str),
) -> anyhow::Result<(String, Vec<String>)> {
    let mut held_up = stack.pool.begin().await?;
    sqlx::query("LOCK TABLE log_line IN SHARE MODE").execute(&mut *held_up).await?;
    let lines: Vec<String> = (1..=LINES).map(|number| format!("n{number}")).collect();
    let run = stack.client.execute("scripted", &json!({"script": json!({"lines": lines}).to_string()})).await?;
    meanwhile(&run).await;
    held_up.commit().await?;
    Ok((run, lines))
}

fn numbers(log: &str) -> Vec<String> {
    let words = log.lines().filter_map(|line| line.split_whitespace().last());
    words
        .filter(|word| word.strip_prefix('n').is_some_and(|number| number.parse::<usize>().is_ok()))
        .map(str::to_owned)
        .collect()
}
