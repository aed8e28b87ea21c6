//! Quotas, keys and limits over whole processes.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{
    client::Client,
    stack::{Options, Stack},
};

#[tokio::test]
async fn what_steps_take_is_counted_and_a_team_runs_as_much_as_it_may() -> anyhow::Result<()> {
    let stack = Stack::start(Options::scripted()).await?;
    let quotas = json!({"runs": 1});
    let answer = stack.client.send(Method::PUT, "/api/teams/narrow/quotas", &[], Some(quotas.to_string())).await?;
    assert_eq!(answer.ok()?["quotas"]["runs"], 1);
    let execute = async |script: Value| {
        let inputs = json!({"script": script.to_string()});
        let body = json!({"workflow": "scripted", "inputs": inputs, "team": "narrow"});
        let run = stack.client.post("/api/workflows/execute", &body).await?.ok()?;
        anyhow::Ok(run["id"].as_str().unwrap_or_default().to_owned())
    };
    let first = execute(json!({"lines": ["0123456789"], "hang": true})).await?;
    stack.run_becomes(&first, &["running"]).await?;
    let second = execute(json!({"lines": ["0123456789"]})).await?;
    let waits = stack
        .until("the second waits for the quota", Duration::from_secs(20), async || {
            let run = stack.client.run(&second).await?;
            Ok((run["reason"] == "TeamQuota").then_some(run))
        })
        .await?;
    assert_eq!(waits["reason_detail"], "team 'narrow' runs 1 of the 1 that it may at once");
    stack.client.post(&format!("/api/workflows/{first}/cancel"), &json!({})).await?.ok()?;
    stack.run_becomes(&second, &["completed"]).await?;
    let used = stack
        .until("what was written is counted", Duration::from_secs(20), async || {
            let team = stack.client.get("/api/teams/narrow").await?;
            Ok((team["used"]["log_bytes"].as_i64() >= Some(20)).then(|| team["used"].clone()))
        })
        .await?;
    assert_eq!((&used["runs"], &used["ready"]), (&json!(0), &json!(0)));
    assert!(used["kept_log_bytes"].as_i64() >= Some(0), "{used}");
    stack.finish().await
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once_by_every_api_process_and_limits_are_shared() -> anyhow::Result<()> {
    let options =
        Options { workers: 0, configure: |config| config.limits.writes_per_minute = 5, ..Options::scripted() };
    let mut stack = Stack::start(options).await?;
    let other = stack.add_api().await?;
    let (apis, body) = ([stack.client.base().to_owned(), other], json!({"name": "robot"}));
    let made = stack.client.post("/api/keys", &body).await?.ok()?;
    let (id, key) = (made["id"].as_str().unwrap_or_default(), made["key"].as_str().unwrap_or_default());
    let clients = [Client::new(&apis[0], key)?, Client::new(&apis[1], key)?];
    for client in &clients {
        client.get("/api/queues").await?;
    }
    let gone = stack.client.send(Method::DELETE, &format!("/api/keys/{id}"), &[], None).await?;
    assert!(gone.ok()?["revoked_at"].is_string());
    for client in &clients {
        let refused = client.send(Method::GET, "/api/queues", &[], None).await?;
        assert_eq!(
            (refused.status, &refused.body["type"]),
            (StatusCode::UNAUTHORIZED, &json!("/problems/unauthorized"))
        );
    }
    // Five writes a minute in all; two were made.
    let admin = stack.client.with_base(&apis[1]);
    let mut answers = Vec::new();
    for number in 0..4 {
        let client = if number % 2 == 0 { &admin } else { &stack.client };
        answers.push(client.post("/api/keys", &json!({"name": format!("robot-{number}")})).await?);
    }
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses, [201, 201, 201, 429]);
    let refused = &answers[3].body;
    assert_eq!(refused["type"], "/problems/rate-limited");
    assert!(refused["retry_after_s"].as_u64() <= Some(12), "{refused}");
    admin.get("/api/queues").await?;
    stack.finish().await
}
