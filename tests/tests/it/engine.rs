//! What workflows can do beside running containers, by the real programs: ask people, start each other, ask for
//! resources, go one at a time, tidy up. The engine is the scripted one: what is looked at is everything around it.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tests::stack::{Options, Stack};

fn step<'a>(run: &'a Value, name: &str) -> anyhow::Result<&'a Value> {
    let steps = run["steps"].as_array().context("a run without steps")?;
    steps.iter().find(|step| step["name"] == name).with_context(|| format!("no step {name} in {run:#}"))
}

/// Waits until a step of a run has this status; gives the run.
async fn step_becomes(stack: &Stack, id: &str, name: &str, status: &str) -> anyhow::Result<Value> {
    stack
        .until(&format!("step {name} of run {id} is {status}"), Duration::from_secs(60), async || {
            let run = stack.client.run(id).await?;
            let there = run["steps"]
                .as_array()
                .is_some_and(|steps| steps.iter().any(|step| step["name"] == name && step["status"] == status));
            Ok(there.then_some(run))
        })
        .await
}

async fn say(stack: &Stack, id: &str, step: &str, verb: &str) -> anyhow::Result<tests::client::Answer> {
    stack.client.post(&format!("/api/workflows/{id}/steps/{step}/{verb}"), &json!({})).await
}

#[tokio::test]
async fn an_approval_survives_a_restart_of_everything() -> anyhow::Result<()> {
    let options = Options { private_postgres: true, private_redis: true, ..Options::scripted() };
    let mut stack = Stack::start(options).await?;
    let id = stack.client.execute("asks", &json!({})).await?;
    let run = stack.run_becomes(&id, &["suspended"]).await?;
    assert_eq!(run["reason"], "WaitingForApproval");
    assert_eq!(step(&run, "ask")?["wait"]["message"], "go on?");

    for worker in &mut stack.workers {
        worker.kill9()?;
    }
    for scheduler in &mut stack.schedulers {
        scheduler.kill9()?;
    }
    stack.api.kill9()?;
    stack.private_redis()?.kill9()?;
    stack.private_postgres()?.stop_immediately().await?;

    stack.private_postgres()?.start_again().await?;
    stack.private_redis()?.start_again().await?;
    stack.api.restart()?;
    let client = stack.client.clone();
    tests::wait::until("the api is back", Duration::from_secs(60), async || Ok(client.get("/readyz").await.ok()))
        .await?;
    let open = stack.client.get("/api/approvals").await?;
    assert_eq!((&open["items"][0]["run_id"], &open["items"][0]["step"]), (&json!(id), &json!("ask")));
    say(&stack, &id, "ask", "approve").await?.ok()?;
    for process in stack.schedulers.iter_mut().chain(&mut stack.workers) {
        process.restart()?;
    }

    let run = stack.run_becomes(&id, &["completed", "failed"]).await?;
    assert_eq!((&run["status"], &run["outputs"]["by"]), (&json!("completed"), &json!("test")), "{run:#}");
    assert_eq!(step(&run, "prepare")?["attempts"].as_array().map(Vec::len), Some(1), "what was done is not done again");
    assert_eq!(say(&stack, &id, "ask", "reject").await?.status, 409);
    stack.finish().await
}

#[tokio::test]
async fn a_workflow_started_by_another_gives_its_outputs_to_the_step_that_waits() -> anyhow::Result<()> {
    let stack = Stack::start(Options { schedulers: 2, ..Options::scripted() }).await?;
    let id = stack.client.execute("starts", &json!({})).await?;
    let run = stack.run_becomes(&id, &["suspended"]).await?;
    assert_eq!(run["reason"], "WaitingForChild");
    let child = stack
        .until("the child run is there", Duration::from_secs(60), async || {
            let run = stack.client.run(&id).await?;
            Ok(step(&run, "start")?["wait"]["run_id"].as_str().map(str::to_owned))
        })
        .await?;
    let run = stack.run_becomes(&child, &["suspended"]).await?;
    assert_eq!((&run["kind"], &run["parent_run_id"]), (&json!("child"), &json!(id)));
    say(&stack, &child, "ask", "approve").await?.ok()?;
    let run = stack.run_becomes(&id, &["completed", "failed"]).await?;
    assert_eq!((&run["status"], &run["outputs"]["given"]), (&json!("completed"), &json!({"by": "test"})), "{run:#}");

    let lost = stack.client.execute("starts", &json!({"workflow": "askz"})).await?;
    let run = stack.run_becomes(&lost, &["failed"]).await?;
    let message = run["error_message"].as_str().unwrap_or_default();
    assert!(message.contains("no workflow 'askz'") && message.contains("'asks'"), "{message}");
    let wrong = stack.client.execute("starts", &json!({"workflow": "takes-turns", "inputs": {"env": 1}})).await?;
    let run = stack.run_becomes(&wrong, &["failed"]).await?;
    assert!(run["error_message"].as_str().unwrap_or_default().contains("'env'"), "{run:#}");
    stack.finish().await
}

#[tokio::test]
async fn a_cancelled_run_stops_the_runs_that_it_started() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let id = stack.client.execute("starts", &json!({})).await?;
    let child = stack
        .until("the child run waits", Duration::from_secs(60), async || {
            let children = stack.client.get(&format!("/api/workflows?parent={id}")).await?;
            let child = &children["items"][0];
            Ok((child["status"] == "suspended").then(|| child["id"].as_str().unwrap_or_default().to_owned()))
        })
        .await?;
    stack.client.post(&format!("/api/workflows/{id}/cancel"), &json!({"reason": "not wanted"})).await?.ok()?;
    stack.run_becomes(&child, &["cancelled"]).await?;
    stack.run_becomes(&id, &["cancelled"]).await?;
    let withdrawn = stack.client.get("/api/approvals?status=withdrawn").await?;
    assert_eq!(withdrawn["items"][0]["run_id"], json!(child));
    stack.finish().await
}

#[tokio::test]
async fn a_step_asks_for_resources_and_waits_for_them() -> anyhow::Result<()> {
    let stack = Stack::start(Options { schedulers: 2, ..Options::scripted() }).await?;
    let id = stack.client.execute("provisions", &json!({"application": "made"})).await?;
    let run = stack.run_becomes(&id, &["completed", "failed"]).await?;
    assert_eq!(run["status"], "completed", "{run:#}");
    let outputs = &step(&run, "make")?["outputs"];
    assert_eq!((&outputs["application"], &outputs["generation"]), (&json!("made"), &json!(1)));
    assert!(outputs["resources"]["it"].is_object(), "{outputs:#}");
    assert_eq!(stack.count("SELECT count(*) FROM generation").await?, 1, "asked once");

    let again = stack.client.execute("provisions", &json!({"application": "made", "operation": "delete"})).await?;
    let run = stack.run_becomes(&again, &["completed", "failed"]).await?;
    assert_eq!(run["status"], "completed", "{run:#}");
    assert_eq!(stack.count("SELECT count(*) FROM application WHERE deleted_at IS NULL").await?, 0);

    let script = json!({"exit": 3}).to_string();
    let broken = stack.client.execute("provisions", &json!({"application": "broken", "script": script})).await?;
    let run = stack.run_becomes(&broken, &["completed", "failed"]).await?;
    assert_eq!(
        (&run["status"], &step(&run, "make")?["error_code"]),
        (&json!("failed"), &json!("ChildFailed")),
        "{run:#}"
    );
    stack.finish().await
}

#[tokio::test]
async fn runs_of_one_group_never_run_at_the_same_time() -> anyhow::Result<()> {
    let stack = Stack::start(Options { workers: 2, schedulers: 2, ..Options::scripted() }).await?;
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(stack.client.execute("takes-turns", &json!({"env": "prod"})).await?);
    }
    for id in &ids {
        stack.run_becomes(id, &["completed"]).await?;
    }
    assert_eq!(stack.count("SELECT count(*) FROM run WHERE concurrency_group = 'turns-prod'").await?, 6);
    let overlaps = "SELECT count(*) FROM run a JOIN run b ON a.id < b.id AND a.concurrency_group = b.concurrency_group
                    AND tstzrange(a.started_at, a.finished_at) && tstzrange(b.started_at, b.finished_at)";
    assert_eq!(stack.count(overlaps).await?, 0);
    stack.finish().await
}

#[tokio::test]
async fn a_cancelled_run_tidies_up_before_it_ends() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let id = stack.client.execute("tidies", &json!({})).await?;
    stack.run_becomes(&id, &["suspended"]).await?;
    let answer = stack.client.post(&format!("/api/workflows/{id}/cancel"), &json!({})).await?.ok()?;
    assert_eq!(answer["status"], "cancelling");
    let run = step_becomes(&stack, &id, "tidy", "completed").await?;
    assert_eq!(step(&run, "ask")?["status"], "cancelled");
    stack.run_becomes(&id, &["cancelled"]).await?;

    let rejected = stack.client.execute("tidies", &json!({})).await?;
    stack.run_becomes(&rejected, &["suspended"]).await?;
    say(&stack, &rejected, "ask", "reject").await?.ok()?;
    let run = stack.run_becomes(&rejected, &["failed"]).await?;
    assert_eq!(step(&run, "tidy")?["status"], "completed", "{run:#}");
    assert_eq!(step(&run, "ask")?["error_code"], "Rejected");
    stack.finish().await
}
