//! `slipway autoscale`: real worker processes that come and go with what a queue has to do.

mod scaler;

use std::time::Duration;

use serde_json::json;
use tests::{
    settled::assert_settled,
    stack::{Options, Stack},
};

use scaler::{Scaler, Units};

const PATIENCE: Duration = Duration::from_secs(60);

fn without_workers() -> Options {
    Options { workers: 0, slots: 2, ..Options::scripted() }
}

fn sleeps(milliseconds: u32) -> serde_json::Value {
    json!({ "script": json!({ "lines": ["done"], "sleep_ms": milliseconds }).to_string() })
}

#[tokio::test]
async fn workers_come_with_a_burst_and_go_after_it_and_no_busy_one_is_ended_and_no_run_lost() -> anyhow::Result<()> {
    let stack = Stack::start(without_workers()).await?;
    let flags = ["--max", "8", "--slots-per-worker", "2", "--cooldown", "3s", "--interval", "1s"];
    let mut scaler = Scaler::start(&stack, &flags)?;
    scaler.until("it has looked", |news| news["event"] == "look").await?;
    assert_eq!(scaler.units(), 0, "nobody wants anything");

    // One goes on for as long as the test wants.
    let long = stack.client.execute("scripted", &json!({ "script": r#"{"hang": true}"# })).await?;
    let mut runs = vec![long.clone()];
    for _ in 0..60 {
        runs.push(stack.client.execute("scripted", &sleeps(1_500)).await?);
    }
    scaler.until("eight workers take runs", |news| news["serving"] == 8).await?;
    for run in &runs[1..] {
        stack.run_becomes(run, &["completed"]).await?;
    }
    // Those that are idle go, and the one that is not stays until it is.
    scaler.until("workers go", |news| news["event"] == "ended" && news["told"] == true).await?;
    scaler.until("one is left", |news| news["event"] == "look" && news["serving"] == 1 && news["leaving"] == 0).await?;
    assert_eq!(scaler.units(), 1);
    assert_eq!(stack.client.run(&long).await?["status"], "running");
    stack.client.post(&format!("/api/workflows/{long}/cancel"), &json!({})).await?.ok()?;
    assert_eq!(stack.run_becomes(&long, &["cancelled"]).await?["losses"], 0);
    scaler
        .until("no worker is left", |news| news["event"] == "look" && news["serving"] == 0 && news["leaving"] == 0)
        .await?;
    assert_eq!(scaler.units(), 0);

    let counts = "SELECT count(*) FROM run WHERE status NOT IN ('completed', 'cancelled') OR losses > 0";
    assert_eq!(stack.count(counts).await?, 0, "runs were lost");
    let tries = "SELECT coalesce(max(attempts), 0)::int8 FROM step";
    assert_eq!(stack.count(tries).await?, 1, "a step was tried twice: its worker was ended under it");
    let back = "SELECT count(*) FROM event WHERE type IN ('run.handed_back', 'run.rescued')";
    assert_eq!(stack.count(back).await?, 0, "a busy worker was ended");
    assert_eq!(stack.count("SELECT count(*) FROM worker WHERE state <> 'stopped'").await?, 0);
    let news = scaler.news()?;
    let most = news.iter().filter(|news| news["event"] == "look").map(|news| {
        let of = |what: &str| news[what].as_u64().unwrap_or_default();
        of("serving") + of("starting") + of("leaving")
    });
    assert_eq!(most.max(), Some(8), "more than --max");

    // From none again.
    let again = stack.client.execute("scripted", &sleeps(1)).await?;
    stack.run_becomes(&again, &["completed"]).await?;
    scaler.stop().await?;
    assert_settled(&stack, &[]).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_scaler_that_was_killed_finds_its_workers_again_and_ends_them_when_it_is_told_to_end() -> anyhow::Result<()> {
    let mut stack = Stack::start(without_workers()).await?;
    let flags = ["--min", "2", "--max", "4", "--slots-per-worker", "2", "--interval", "1s"];
    let mut scaler = Scaler::start(&stack, &flags)?;
    scaler.until("both take runs", |news| news["serving"] == 2).await?;
    let second = Scaler::beside(&stack, &scaler, &flags).await?;
    assert_eq!(second.code, Some(1));
    assert!(second.err.contains("another `slipway autoscale` keeps the workers of "), "{}", second.err);

    let run = stack.client.execute("scripted", &sleeps(3_000)).await?;
    stack.run_becomes(&run, &["running"]).await?;
    scaler.kill9()?;
    stack.api.kill9()?;
    scaler.restart()?;
    scaler
        .until("it says that no server answers", |news| {
            news["event"] == "trouble"
                && news["detail"].as_str().is_some_and(|text| text.contains("2 worker(s) go on as they are"))
        })
        .await?;
    stack.api.restart()?;
    scaler.until("it goes on", |news| news["event"] == "mended").await?;
    let adopted = scaler.news()?.iter().filter(|news| news["event"] == "adopted").count();
    assert_eq!((adopted, scaler.units()), (2, 2));
    assert_eq!(scaler.news()?.iter().filter(|news| news["event"] == "started").count(), 2, "it started others");
    assert_eq!(stack.run_becomes(&run, &["completed"]).await?["losses"], 0);

    scaler.stop().await?;
    assert_eq!(scaler.units(), 0);
    stack
        .until("the workers have ended in order", PATIENCE, async || {
            let ended = "SELECT count(*) FROM worker WHERE state = 'stopped' AND stopped_at IS NOT NULL";
            Ok((stack.count(ended).await? == 2).then_some(()))
        })
        .await?;
    stack.finish().await
}

#[tokio::test]
async fn a_dry_run_says_what_one_look_would_lead_to_and_does_nothing() -> anyhow::Result<()> {
    let stack = Stack::start(without_workers()).await?;
    for _ in 0..5 {
        stack.client.execute("scripted", &sleeps(1)).await?;
    }
    let flags = ["--max", "2", "--slots-per-worker", "2", "--once", "--dry-run"];
    let said = Scaler::once(&stack, &flags).await?;
    let looked = said.iter().find(|news| news["event"] == "look").expect("it looked");
    assert_eq!((&looked["demand"], &looked["wanted"]), (&json!(5), &json!(2)), "{said:#?}");
    let would = said.iter().find(|news| news["event"] == "started").expect("it would start some");
    assert_eq!((&would["worker"], &would["dry_run"]), (&json!("2 more worker(s)"), &json!(true)));
    assert_eq!(stack.count("SELECT count(*) FROM worker").await?, 0);

    // One look for good leaves the workers, and the next one finds them.
    let folder = tempfile::tempdir()?;
    let dir = folder.path().display().to_string();
    let flags = ["--max", "2", "--slots-per-worker", "2", "--once", "--dir", &dir];
    let said = Scaler::once(&stack, &flags).await?;
    assert_eq!(said.iter().filter(|news| news["event"] == "started").count(), 2, "{said:#?}");
    let guard = Units::of(folder.path());
    stack
        .until("all runs are over", PATIENCE, async || {
            Ok((stack.count("SELECT count(*) FROM run WHERE status = 'completed'").await? == 5).then_some(()))
        })
        .await?;
    let said = Scaler::once(&stack, &flags).await?;
    assert_eq!(said.iter().filter(|news| news["event"] == "adopted").count(), 2, "{said:#?}");
    drop(guard);
    stack.finish().await
}

#[tokio::test]
async fn a_command_that_cannot_be_a_worker_is_tried_ever_more_rarely_and_its_last_words_are_told() -> anyhow::Result<()>
{
    let stack = Stack::start(without_workers()).await?;
    let flags = ["--min", "3", "--command", "sh -c 'echo no engine answers >&2; exit 3'", "--interval", "1s"];
    let mut scaler = Scaler::start(&stack, &flags)?;
    let told = scaler.until("it says why", |news| news["event"] == "ended").await?;
    let how = told["how"].as_str().unwrap_or_default();
    assert!(how.starts_with("it ended with 3 before it took runs; its log /"), "{how}");
    assert!(how.ends_with(" ends with: no engine answers"), "{how}");
    scaler.until("another is tried", |news| news["event"] == "ended" && news["worker"] != told["worker"]).await?;
    scaler.stop().await?;
    stack.finish().await
}
