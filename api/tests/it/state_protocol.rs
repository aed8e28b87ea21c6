//! Terraform's HTTP state protocol.

use axum::body::Body;
use serde_json::json;

use crate::harness::{Service, score};

async fn resource(service: &Service) -> String {
    let body = service.post("/api/specs", score("shop", &["db: {type: postgres}"])).await.json();
    format!("/api/resources/{}/state", body["resources"][0]["id"].as_str().unwrap())
}

async fn call(service: &Service, method: &str, uri: &str, body: String) -> crate::harness::Answer {
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

#[tokio::test]
async fn an_earlier_state_is_brought_back_as_the_newest_one_and_by_nobody_while_another_holds_the_lock() {
    let service = Service::start().await;
    let uri = resource(&service).await;
    for (serial, content) in [(1, "first"), (2, "second")] {
        let state = json!({"version": 4, "serial": serial, "lineage": "l", "outputs": {"it": content}}).to_string();
        assert_eq!(service.post(&uri, state).await.status, 200);
    }
    let listed = service.get("/api/states").await.json();
    assert_eq!((&listed["items"][0]["version"], &listed["items"][0]["serial"]), (&json!(2), &json!(2)), "{listed:#}");
    let back = |version: i64| json!({ "version": version }).to_string();

    assert_eq!(call(&service, "LOCK", &uri, lock("a")).await.status, 200);
    service.post(&format!("{uri}/rollback"), back(1)).await.problem(409, "locked");
    assert_eq!(service.post(&format!("{uri}/unlock"), "").await.status, 200);
    service.post(&format!("{uri}/rollback"), back(9)).await.problem(404, "not-found");
    assert_eq!(service.post(&format!("{uri}/rollback"), back(1)).await.status, 200);

    let now = service.get(&uri).await.json();
    assert_eq!((&now["outputs"]["it"], &now["serial"]), (&json!("first"), &json!(3)), "its tool takes no lower serial");
    let versions = service.get(&format!("{uri}/versions")).await.json();
    let serials = |versions: &serde_json::Value| -> Vec<i64> {
        versions["items"].as_array().unwrap().iter().map(|it| it["serial"].as_i64().unwrap()).collect()
    };
    assert_eq!(serials(&versions), [3, 2, 1]);
    let first = service.get(&format!("{uri}/versions?limit=2")).await.json();
    let next = first["next_cursor"].as_str().unwrap();
    let rest = service.get(&format!("{uri}/versions?limit=2&cursor={next}")).await.json();
    assert_eq!((serials(&first), serials(&rest), rest["next_cursor"].is_null()), (vec![3, 2], vec![1], true));
    service.get(&format!("{uri}/versions?cursor=eA")).await.problem(400, "bad-request");
    let entries = service.get("/api/audit?action=state.rollback").await.json();
    assert_eq!(entries["items"][0]["after"]["restores"], 1, "{entries:#}");
}
