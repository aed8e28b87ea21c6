//! Terraform's HTTP state protocol.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod harness;

use axum::body::Body;
use harness::{Service, score};
use serde_json::json;

async fn resource(service: &Service) -> String {
    let body = service.post("/api/specs", score("shop", &["db: {type: postgres}"])).await.json();
    format!("/api/resources/{}/state", body["resources"][0]["id"].as_str().unwrap())
}

async fn call(service: &Service, method: &str, uri: &str, body: String) -> harness::Answer {
    service.send(service.request(method, uri).body(Body::from(body)).unwrap()).await
}

fn lock(id: &str) -> String {
    json!({"ID": id, "Operation": "apply", "Who": "me@here"}).to_string()
}

#[tokio::test]
async fn a_state_is_written_read_byte_for_byte_and_removed() {
    let service = Service::start().await;
    let uri = resource(&service).await;
    assert_eq!(service.get(&uri).await.status, 204);
    let state = "{ \"version\": 4,  \"serial\": 3, \"lineage\": \"l\" }\n";
    assert_eq!(service.post(&uri, state).await.status, 200);
    assert_eq!(service.get(&uri).await.text(), state);
    assert_eq!(service.delete(&uri).await.status, 200);
    assert_eq!(service.get(&uri).await.status, 204);
    service.post(&uri, "not json").await.problem(400, "bad-request");
    service.get("/api/resources/01890000-0000-7000-8000-000000000000/state").await.problem(404, "not-found");
}

#[tokio::test]
async fn a_large_state_is_not_held_to_the_limit_of_other_bodies() {
    let service = Service::start().await;
    let uri = resource(&service).await;
    let state = json!({"serial": 1, "lineage": "l", "padding": "x".repeat(3 * 1024 * 1024)}).to_string();
    assert_eq!(service.post(&uri, state).await.status, 200);
}

#[tokio::test]
async fn a_lock_keeps_others_out_and_tells_them_whose_it_is() {
    let service = Service::start().await;
    let uri = resource(&service).await;
    assert_eq!(call(&service, "LOCK", &uri, lock("a")).await.status, 200);
    assert_eq!(call(&service, "LOCK", &uri, lock("a")).await.status, 200, "the same lock again");
    let other = call(&service, "LOCK", &uri, lock("b")).await;
    assert_eq!((other.status.as_u16(), other.json()["ID"].as_str().unwrap()), (423, "a"));
    let state = json!({"serial": 1, "lineage": "l"}).to_string();
    assert_eq!(service.post(&uri, state.clone()).await.status, 423);
    assert_eq!(service.post(&format!("{uri}?ID=a"), state).await.status, 200);
    assert_eq!(call(&service, "UNLOCK", &uri, lock("b")).await.status, 423);
    assert_eq!(call(&service, "UNLOCK", &uri, lock("a")).await.status, 200);
    assert_eq!(call(&service, "LOCK", &uri, lock("b")).await.status, 200);
    assert_eq!(call(&service, "UNLOCK", &uri, String::new()).await.status, 200, "force-unlock sends no body");
    call(&service, "PATCH", &uri, String::new()).await.problem(405, "method-not-allowed");
}
