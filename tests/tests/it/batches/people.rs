//! Whose batches are whose, who approves them, and who is told of them.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use shared::config::Config;
use tests::{
    belongings,
    client::{Client, SentEvent},
    receiver::{self, Receiver},
    stack::{Options, Stack},
};

use super::fleet::{Fleet, plant, scripted, seed, with_fleet};

/// A person of these teams, and a client with a key of theirs.
async fn person(stack: &Stack, name: &str, roles: &[&str], teams: &[&str]) -> anyhow::Result<Client> {
    let id = belongings::person(&stack.pool, name, roles, teams).await?;
    let (_, key) = belongings::key_of(&stack.pool, id).await?;
    Client::new(stack.client.base(), &key)
}

#[tokio::test]
async fn everything_means_what_is_ones_teams_and_other_teams_batches_are_nobodys_business() -> anyhow::Result<()> {
    let stack = Stack::start(Options { workers: 0, ..scripted() }).await?;
    seed(&stack, 250).await?;
    let one = person(&stack, "one", &["developer"], &["team-1"]).await?;
    let two = person(&stack, "two", &["developer"], &["team-2"]).await?;
    let wish = json!({"select": "*", "operation": "update", "provider_version": "2.0.0"});
    let made = one.post("/api/batches", &wish).await?.ok()?;
    assert_eq!((&made["total"], &made["teams"]), (&json!(100), &json!(["team-1"])), "{made:#}");
    assert_eq!(made["preview"]["by_team"], json!([{"name": "team-1", "count": 100}]));
    let theirs = "SELECT count(*) FROM batch_item i JOIN resource r ON r.id = i.resource_id JOIN application a ON a.id = r.application_id
                  WHERE a.team <> 'team-1'";
    assert_eq!(stack.count(theirs).await?, 0);
    // By name they are not to be had either.
    let asked = one.post("/api/batches", &json!({"select": "team=team-2", "operation": "update"})).await?;
    assert_eq!((asked.status.as_u16(), &asked.body["type"]), (422, &json!("/problems/nothing-selected")));

    // One of all teams, by an admin, is of some teams that each of the two is not of.
    let all = stack.client.post("/api/batches", &wish).await?.ok()?;
    assert_eq!(all["total"], 250);
    let sample = made["preview"]["groups"][0]["sample"].as_str().unwrap_or_default().to_owned();
    let id = |batch: &Value| batch["id"].as_str().unwrap_or_default().to_owned();
    for (client, batch) in [(&two, id(&made)), (&two, id(&all)), (&one, id(&all))] {
        for path in ["", "/items", &format!("/items/{sample}")] {
            let status =
                client.send(reqwest::Method::GET, &format!("/api/batches/{batch}{path}"), &[], None).await?.status;
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        }
        for path in ["pause", "abort", "rollback", &format!("items/{sample}/plan")] {
            let status = client.post(&format!("/api/batches/{batch}/{path}"), &json!({})).await?.status;
            assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        }
    }
    let listed = one.get("/api/batches").await?;
    let ids: Vec<&Value> = listed["items"].as_array().into_iter().flatten().map(|it| &it["id"]).collect();
    assert_eq!(ids, [&made["id"]]);
    assert_eq!(two.get("/api/batches").await?["items"], json!([]));
    stack.finish().await
}

#[tokio::test]
async fn whoever_asked_for_a_batch_does_not_approve_it_where_two_are_wanted() -> anyhow::Result<()> {
    let configure = |config: &mut Config| {
        with_fleet(config);
        config.batches.second_person = true;
    };
    let stack = Stack::start(Options { workers: 0, configure, ..scripted() }).await?;
    seed(&stack, 5).await?;
    let batch = Fleet::create(&stack, &json!({})).await?;
    let digest = json!({"digest": batch.look().await?["digest"]});
    let path = format!("/api/batches/{}/approve", batch.id);
    let own = stack.client.post(&path, &digest).await?;
    assert_eq!((own.status.as_u16(), &own.body["type"]), (403, &json!("/problems/second-person")), "{:#}", own.body);
    let at_once = json!({"select": "*", "operation": "update", "provider_version": "2.0.0", "approve": true});
    let at_once = stack.client.post("/api/batches", &at_once).await?;
    assert_eq!((at_once.status.as_u16(), &at_once.body["type"]), (403, &json!("/problems/second-person")));
    assert_eq!(stack.count("SELECT count(*) FROM batch").await?, 1, "what is not approved at once is not made");
    // Nor does somebody who may not approve.
    let developer = person(&stack, "developer", &["developer"], &["team-0"]).await?;
    assert_eq!(developer.post(&path, &digest).await?.status, StatusCode::FORBIDDEN);
    let approver = person(&stack, "second", &["approver"], &["team-0"]).await?;
    let approved = approver.post(&path, &digest).await?.ok()?;
    assert_eq!((&approved["status"], &approved["approved_by"]), (&json!("running"), &json!("second")), "{approved:#}");
    stack.finish().await
}

#[tokio::test]
async fn people_are_told_when_a_batch_stops() -> anyhow::Result<()> {
    let configure = |config: &mut Config| {
        with_fleet(config);
        config.webhooks.allow = vec!["127.0.0.0/8".parse().unwrap()];
        config.webhooks.plain_http = true;
        config.webhooks.timeout_s = 2;
        config.notifications.backoff_s = 1;
    };
    let stack = Stack::start(Options { configure, ..scripted() }).await?;
    seed(&stack, 20).await?;
    plant(&stack, &[1]).await?;
    let chat = Receiver::start(|_, _| receiver::status(200)).await?;
    let rule = json!({"channel": "slack", "target": chat.url(), "on": ["failure"], "digest_s": 1});
    let rule = stack.client.post("/api/notifications/rules", &rule).await?.ok()?;
    let batch = Fleet::create(&stack, &json!({"name": "to two", "waves": "1,100%"})).await?;
    batch.approve().await?;
    let stopped = batch.becomes("stopped").await?;
    assert!(stopped["detail"].as_str().unwrap_or_default().starts_with("1 resource failed"), "{stopped:#}");
    let told = stack
        .until("people are told", Duration::from_secs(60), async || {
            let told = chat.received().into_iter().map(|it| it.json().to_string());
            Ok(told.into_iter().find(|text| text.contains("the batch to two stopped")))
        })
        .await?;
    assert!(told.contains("1 resource failed"), "why is said: {told}");
    let path = format!("/api/notifications/rules/{}/deliveries", rule["id"].as_str().unwrap_or_default());
    let kept = stack.client.get(&path).await?.to_string();
    assert!(kept.contains(r#""batch":"to two""#), "{kept}");
    stack.finish().await
}

#[tokio::test]
async fn a_batch_tells_its_progress_to_whoever_comes_back_as_to_whoever_stayed() -> anyhow::Result<()> {
    let stack = Stack::start(Options { slots: 4, ..scripted() }).await?;
    seed(&stack, 40).await?;
    let slow = json!({"renew": json!({"sleep_ms": 200}).to_string()});
    sqlx::query("UPDATE resource SET params = $1, resolved_params = $1, applied_params = $1")
        .bind(slow)
        .execute(&stack.pool)
        .await?;
    let other = Fleet::create(&stack, &json!({"name": "another"})).await?;
    let batch = Fleet::create(&stack, &json!({"waves": "50%,100%", "max_in_flight": 4})).await?;
    let stream = format!("/api/events/stream?batch={}", batch.id);
    let kind = |event: &SentEvent| event.data["type"].as_str().unwrap_or_default().to_owned();
    let is_over = |event: &SentEvent| event.data["type"] == "batch.completed";
    let stays = stack.client.events(&stream, None, is_over);
    let leaves = async {
        let first = stack.client.events(&stream, None, |event| event.data["type"] == "batch.progress").await?;
        let last = first.iter().rev().find_map(|event| event.id.clone());
        let rest = stack.client.events(&stream, last.as_deref(), is_over).await?;
        anyhow::Ok((first, rest))
    };
    let begins = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        other.act("abort", &json!({})).await?;
        batch.approve().await
    };
    let (stayed, left, begun) = tokio::join!(stays, leaves, begins);
    begun?;
    let (stayed, (first, rest)) = (stayed?, left?);
    // Each event once, whatever happened in between, and nothing of the other batch.
    let events = |list: &[SentEvent]| -> Vec<(Option<String>, String)> {
        list.iter().filter(|it| it.data["type"].is_string()).map(|it| (it.id.clone(), kind(it))).collect()
    };
    assert_eq!(events(&stayed), [events(&first), events(&rest)].concat());
    let progress: Vec<i64> = stayed
        .iter()
        .filter(|it| kind(it) == "batch.progress")
        .filter_map(|it| it.data["data"]["succeeded"].as_i64())
        .collect();
    assert!(progress.len() > 1 && progress.is_sorted(), "{progress:?}");
    let of_batches = stayed.iter().filter(|it| kind(it).starts_with("batch."));
    assert!(of_batches.clone().all(|it| it.data["data"]["batch"] == batch.id.as_str()), "{stayed:#?}");
    assert_eq!(stayed.last().map(|it| it.data["data"]["succeeded"].clone()), Some(json!(40)));
    stack.finish().await
}
