//! Queues, workers, the overview, history and marks.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use shared::{
    domain::access::Role,
    store::{
        api_key::{self, NewKey},
        minute, run, worker,
    },
};
use tests::{database::execute, seed, wait};

use crate::harness::Service;

/// A ready run of a team.
async fn run_of(service: &Service, team: &str) {
    let mut tx = service.database.store.begin().await.unwrap();
    let new = seed::new_run(&seed::two_steps()).unwrap();
    run::create_all(&mut tx, &[run::NewRun { team: team.into(), ..new }]).await.unwrap();
    tx.commit().await.unwrap();
}

/// The key of somebody with a role in a team.
async fn key(service: &Service, role: Role, team: &str) -> String {
    let new = NewKey { teams: vec![team.to_owned()], ..NewKey::of_nobody(role.as_str(), role) };
    api_key::create(service.database.store.pool(), &new).await.unwrap().1
}

async fn audited(service: &Service, action: &str) -> Vec<Value> {
    service.get(&format!("/api/audit?action={action}")).await.json()["items"].as_array().unwrap().clone()
}

async fn patch(service: &Service, uri: &str, body: Value) -> crate::harness::Answer {
    service.send(service.request("PATCH", uri).body(body.to_string().into()).unwrap()).await
}

#[tokio::test]
async fn a_queue_is_paused_for_a_reason_that_everybody_sees_and_the_audit_log_keeps() {
    let service = Service::start().await;
    run_of(&service, "shop").await;
    let paused = service.post("/api/queues/default/pause", r#"{"reason": "the registry is down"}"#).await;
    assert_eq!(paused.status, 200, "{}", paused.text());
    let queue = paused.json();
    assert_eq!((&queue["state"], &queue["paused_by"]), (&json!("paused"), &json!("tester")));
    assert_eq!(queue["paused_why"], "the registry is down");
    assert_eq!(queue["waiting_by_reason"], json!({"QueuePaused": 1}));
    assert_eq!(queue["demand"], 0);
    let entry = audited(&service, "queue.pause").await.remove(0);
    assert_eq!(
        (&entry["object"], &entry["before"]["paused"], &entry["after"]["paused"]),
        (&json!("queue/default"), &json!(false), &json!(true))
    );

    let resumed = service.post("/api/queues/default/resume", "").await.json();
    assert_eq!((&resumed["state"], &resumed["paused_by"]), (&json!("open"), &Value::Null));
    // Once more changes nothing, and is no entry.
    assert_eq!(service.post("/api/queues/default/resume", "").await.status, 200);
    assert_eq!(audited(&service, "queue.resume").await.len(), 1);

    let drained = service.post("/api/queues/default/drain", "").await.json();
    assert_eq!(drained["state"], "draining");
    assert_eq!(audited(&service, "queue.drain").await.len(), 1);
}

#[tokio::test]
async fn what_makes_no_sense_for_a_queue_is_refused() {
    let service = Service::start().await;
    run_of(&service, "shop").await;
    for verb in ["pause", "resume", "drain"] {
        service.post(&format!("/api/queues/nowhere/{verb}"), "").await.problem(404, "not-found");
    }
    service.get("/api/queues/nowhere").await.problem(404, "not-found");
    service.get("/api/queues/nowhere/demand").await.problem(404, "not-found");
    let long = json!({"reason": "x".repeat(501)}).to_string();
    service.post("/api/queues/default/pause", long).await.problem(400, "bad-request");
    service.post("/api/queues/default/pause", r#"{"why": "?"}"#).await.problem(400, "bad-request");
    for wrong in [json!({"priority": 101}), json!({}), json!({"name": "other"})] {
        patch(&service, "/api/queues/default", wrong).await.problem(400, "bad-request");
    }
}

#[tokio::test]
async fn a_queues_priority_is_changed_and_audited() {
    let service = Service::start().await;
    run_of(&service, "shop").await;
    assert_eq!(patch(&service, "/api/queues/default", json!({"priority": -5})).await.json()["priority"], -5);
    let entry = audited(&service, "queue.write").await.remove(0);
    assert_eq!((&entry["before"]["priority"], &entry["after"]["priority"]), (&json!(0), &json!(-5)));
}

#[tokio::test]
async fn demand_is_what_waits_for_a_slot_and_what_has_one() {
    let service = Service::start().await;
    service.running().await;
    run_of(&service, "shop").await;
    let demand = service.get("/api/queues/default/demand").await.json();
    assert_eq!(demand["queue"], "default");
    let of = |name: &str| demand[name].as_i64().unwrap();
    assert_eq!((of("demand"), of("running"), of("waiting") + of("queued"), of("slots")), (2, 1, 1, 8));
}

#[tokio::test]
async fn a_queue_tells_of_the_teams_whose_runs_one_may_read() {
    let service = Service::start().await;
    run_of(&service, "shop").await;
    run_of(&service, "ads").await;
    let all = service.get("/api/queues/default").await.json();
    assert_eq!(all["teams"].as_array().unwrap().len(), 2);
    assert_eq!(all["wait"], Value::Null);
    let key = key(&service, Role::Viewer, "ads").await;
    let request = axum::http::Request::get("/api/queues/default").header("authorization", format!("Bearer {key}"));
    let seen = service.send(request.body(axum::body::Body::empty()).unwrap()).await.json();
    assert_eq!(seen["teams"].as_array().unwrap().len(), 1, "{seen}");
    assert_eq!(seen["teams"][0]["team"], "ads");
    assert_eq!(seen["waiting_by_reason"], json!({"Promoting": 2}), "how many wait is no secret");
}

#[tokio::test]
async fn queues_and_workers_are_listed_a_page_at_a_time() {
    let service = Service::start().await;
    for number in 0..3 {
        let queues = vec![format!("queue-{number}")];
        let new = worker::NewWorker { queues, ..seed::new_worker(2) };
        worker::register(service.database.store.pool(), &new).await.unwrap();
    }
    for (path, name) in [("/api/queues", "name"), ("/api/workers", "id")] {
        let mut seen = Vec::new();
        let mut uri = format!("{path}?limit=2");
        loop {
            let page = service.get(&uri).await.json();
            seen.extend(page["items"].as_array().unwrap().iter().map(|it| it[name].as_str().unwrap().to_owned()));
            let Some(next) = page["next_cursor"].as_str() else { break };
            uri = format!("{path}?limit=2&cursor={next}");
        }
        let mut once = seen.clone();
        once.sort();
        once.dedup();
        assert_eq!((seen.len(), once.len()), (3, 3), "{path}: {seen:?}");
    }
}

#[tokio::test]
async fn a_worker_is_cordoned_uncordoned_and_drained() {
    let service = Service::start().await;
    let new = seed::new_worker(2);
    worker::register(service.database.store.pool(), &new).await.unwrap();
    let uri = format!("/api/workers/{}", new.id);
    let cordoned = service.post(&format!("{uri}/cordon"), r#"{"reason": "its disk is replaced"}"#).await.json();
    assert_eq!((&cordoned["asked"], &cordoned["asked_by"]), (&json!("cordon"), &json!("tester")));
    assert_eq!(cordoned["asked_why"], "its disk is replaced");
    assert_eq!(service.get("/api/overview").await.json()["workers"]["cordoned"], 1);
    assert_eq!(service.post(&format!("{uri}/uncordon"), "").await.json()["asked"], "serve");
    assert_eq!(service.post(&format!("{uri}/drain"), "").await.json()["asked"], "drain");
    let audited: Vec<Value> = audited(&service, "worker.*").await.into_iter().map(|it| it["action"].clone()).collect();
    assert_eq!(audited, ["worker.drain", "worker.uncordon", "worker.cordon"]);

    worker::set_state(service.database.store.pool(), new.id, worker::WorkerState::Stopped).await.unwrap();
    service.post(&format!("{uri}/cordon"), "").await.problem(409, "worker-ends");
    let nobody = "/api/workers/0198c1a2-7d3e-7000-8000-000000000001/cordon";
    service.post(nobody, "").await.problem(404, "not-found");
}

#[tokio::test]
async fn the_overview_counts_what_one_may_read_and_tells_what_failed_last() {
    let service = Service::start().await;
    run_of(&service, "shop").await;
    run_of(&service, "ads").await;
    let failed = "UPDATE run SET status = 'failed', error_code = 'StepFailed', error_message = 'no', finished_at = now() WHERE team = 'ads'";
    execute(&service.database.pool, failed).await.unwrap();
    let all = service.get("/api/overview").await.json();
    assert_eq!(all["runs"], json!({"failed": 1, "pending": 1}));
    assert_eq!((&all["failures"][0]["team"], &all["failures"][0]["error_code"]), (&json!("ads"), &json!("StepFailed")));
    assert_eq!(all["queues"][0]["name"], "default");
    assert_eq!(all["approvals_open"], 0);
    let key = key(&service, Role::Viewer, "shop").await;
    let request = axum::http::Request::get("/api/overview").header("authorization", format!("Bearer {key}"));
    let seen = service.send(request.body(axum::body::Body::empty()).unwrap()).await.json();
    assert_eq!((&seen["runs"], &seen["failures"]), (&json!({"pending": 1}), &json!([])));
}

#[tokio::test]
async fn history_has_a_point_for_every_step_also_where_nothing_happened() {
    let service = Service::start().await;
    for _ in 0..3 {
        run_of(&service, "shop").await;
    }
    let count = async || {
        let mut tx = service.database.store.begin().await?;
        minute::add_up(&mut tx, 1000).await?;
        tx.commit().await?;
        let history = service.get("/api/metrics/history").await.json();
        let created: i64 = history["points"].as_array().unwrap().iter().map(|it| it["created"].as_i64().unwrap()).sum();
        Ok((created == 3).then_some(()))
    };
    wait::until("the events are counted", Duration::from_secs(60), count).await.unwrap();
    let history = service.get("/api/metrics/history?queue=default&step=60").await.json();
    let points = history["points"].as_array().unwrap();
    assert!((60..=62).contains(&points.len()), "{}", points.len());
    assert_eq!(points.iter().map(|it| it["created"].as_i64().unwrap()).sum::<i64>(), 3);
    assert_eq!(points[0]["wait"], Value::Null);
    let week = Utc::now() - TimeDelta::days(30);
    let week = service.get(&format!("/api/metrics/history?from={}", week.format("%Y-%m-%dT%H:%M:%SZ"))).await.json();
    assert!(week["points"].as_array().unwrap().len() <= 122, "as far back as there is anything");
    for wrong in ["step=61", "step=0", "from=2999-01-01T00:00:00Z", "from=yesterday", "queues=x"] {
        service.get(&format!("/api/metrics/history?{wrong}")).await.problem(400, "bad-request");
    }
}

#[tokio::test]
async fn marks_are_made_listed_by_time_and_removed() {
    let service = Service::start().await;
    let made = service
        .post("/api/marks", r#"{"kind": "deploy", "title": "shop 1.4", "link": "https://ci.example.com/4"}"#)
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let old = json!({"kind": "incident", "title": "no registry", "at": "2026-01-01T10:00:00Z", "until": "2026-01-01T11:00:00Z"});
    let old = service.post("/api/marks", old.to_string()).await.json();
    let titles = async |query: &str| {
        let page = service.get(&format!("/api/marks{query}")).await.json();
        page["items"].as_array().unwrap().iter().map(|it| it["title"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(titles("").await, ["no registry", "shop 1.4"]);
    assert_eq!(titles("?from=2026-01-01T10:30:00Z&to=2026-01-01T10:40:00Z").await, ["no registry"]);
    assert_eq!(service.delete(&format!("/api/marks/{}", old["id"].as_str().unwrap())).await.status, 204);
    assert_eq!(titles("").await, ["shop 1.4"]);
    assert_eq!(audited(&service, "mark.*").await.len(), 3);
    for wrong in [
        json!({"kind": "party", "title": "x"}),
        json!({"kind": "note", "title": " "}),
        json!({"kind": "note", "title": "x", "link": "javascript:alert(1)"}),
        json!({"kind": "note", "title": "x", "at": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}),
    ] {
        service.post("/api/marks", wrong.to_string()).await.problem(400, "bad-request");
    }
}

#[tokio::test]
async fn a_mark_is_seen_by_its_team_and_removed_by_its_maker_its_team_and_admins() {
    let service = Service::start().await;
    let key = async |role: Role, teams: &[&str]| {
        let teams = teams.iter().map(|team| (*team).to_owned()).collect();
        let new = NewKey { teams, ..NewKey::of_nobody(role.as_str(), role) };
        api_key::create(service.database.store.pool(), &new).await.unwrap().1
    };
    let ours = key(Role::Developer, &["payments"]).await;
    let colleague = key(Role::Developer, &["payments", "search"]).await;
    let looker = key(Role::Viewer, &["payments"]).await;
    let stranger = key(Role::Developer, &["search"]).await;
    let send = async |key: &str, method: &str, uri: &str, body: Value| {
        let request =
            axum::http::Request::builder().method(method).uri(uri).header("authorization", format!("Bearer {key}"));
        service.send(request.body(axum::body::Body::from(body.to_string())).unwrap()).await
    };
    let mark = async |key: &str, body: Value| {
        let made = send(key, "POST", "/api/marks", body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["id"].as_str().unwrap().to_owned()
    };
    let one = mark(&ours, json!({"kind": "deploy", "title": "shop 1.4"})).await;
    let two = mark(&colleague, json!({"kind": "note", "title": "of search", "team": "search"})).await;
    let all = mark(&service.key, json!({"kind": "incident", "title": "of everybody"})).await;
    send(&colleague, "POST", "/api/marks", json!({"kind": "note", "title": "x"})).await.problem(400, "bad-request");
    send(&ours, "POST", "/api/marks", json!({"kind": "note", "title": "x", "team": "search"}))
        .await
        .problem(403, "forbidden");
    let titles = async |key: &str| {
        let page = send(key, "GET", "/api/marks", Value::Null).await.json();
        page["items"].as_array().unwrap().iter().map(|it| it["title"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(titles(&service.key).await, ["of everybody", "of search", "shop 1.4"]);
    assert_eq!(titles(&looker).await, ["of everybody", "shop 1.4"]);
    assert_eq!(titles(&stranger).await, ["of everybody", "of search"]);
    let remove = async |key: &str, id: &str| send(key, "DELETE", &format!("/api/marks/{id}"), Value::Null).await;
    remove(&stranger, &one).await.problem(404, "not-found");
    remove(&looker, &one).await.problem(403, "forbidden");
    remove(&ours, &all).await.problem(403, "forbidden");
    assert_eq!(remove(&colleague, &one).await.status, 204);
    assert_eq!(remove(&stranger, &two).await.status, 204);
    assert_eq!(remove(&service.key, &all).await.status, 204);
}
