//! Who may ask.

use std::path::Path;

use axum::{
    body::Body,
    http::{Request, header},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use shared::{domain::access::Role, store::api_key};

use crate::harness::Service;

/// Every documented operation that is not open to everybody: method and a path that can be sent.
fn operations(service: &Service) -> Vec<(String, String)> {
    let document = serde_json::to_value(&service.description).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let sendable = |path: &str| path.replace("{id}", "01890000-0000-7000-8000-000000000000").replace("{name}", "x");
    paths
        .iter()
        .flat_map(|(path, methods)| {
            let guarded = methods.as_object().unwrap().iter().filter(|(_, it)| it["x-slipway-action"].is_string());
            guarded.map(move |(method, _)| (method.to_uppercase(), sendable(path)))
        })
        .collect()
}

#[tokio::test]
async fn every_route_that_is_not_open_needs_a_key() {
    // No scheduler answers here, and the routes that wait for one must not wait for long.
    let change = |config: &mut shared::config::Config| {
        config.api.request_timeout_s = 4;
        config.limits.anonymous_per_minute = 0;
    };
    let service = Service::configured(change).await;
    let operations = operations(&service);
    assert!(operations.len() > 20, "{operations:?}");
    let pool = service.database.store.pool();
    for (method, path) in operations {
        for authorization in [None, Some("Bearer slw_wrong"), Some("Bearer "), Some("Basic !!")] {
            let mut request = Request::builder().method(method.as_str()).uri(&path);
            if let Some(value) = authorization {
                request = request.header(header::AUTHORIZATION, value);
            }
            let answer = service.send(request.body(Body::empty()).unwrap()).await;
            answer.problem(401, "unauthorized");
            assert!(answer.headers.contains_key(header::WWW_AUTHENTICATE));
        }
        if path == "/api/events/stream" {
            // It has no end; tests/events.rs opens it.
            continue;
        }
        // A new one each time: some routes give it back.
        let (_, key) = api_key::create(pool, &api_key::NewKey::of_nobody("one", Role::Admin)).await.unwrap();
        let request = Request::builder().method(method.as_str()).uri(&path);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
        let answer = service.send(request.body(Body::empty()).unwrap()).await;
        assert_ne!(answer.status, 401, "{method} {path} refuses a good key");
        assert!(!answer.status.is_server_error(), "{method} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn lock_and_unlock_need_a_key_too() {
    let service = Service::start().await;
    for method in ["LOCK", "UNLOCK"] {
        let request =
            Request::builder().method(method).uri("/api/resources/01890000-0000-7000-8000-000000000000/state");
        service.send(request.body(Body::empty()).unwrap()).await.problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn a_key_is_shown_once_stored_as_a_hash_and_can_be_revoked() {
    let service = Service::start().await;
    let pool = service.database.store.pool();
    let (id, secret) = api_key::create(pool, &api_key::NewKey::of_nobody("robot", Role::Admin)).await.unwrap();
    assert_eq!((secret.len(), &secret[..4]), (47, "slw_"));
    let keys = api_key::list(pool).await.unwrap();
    assert!(!format!("{keys:?}").contains(&secret));
    let ask = || {
        let basic = BASE64_STANDARD.encode(format!("anyone:{secret}"));
        let request = Request::get("/api/queues").header(header::AUTHORIZATION, format!("Basic {basic}"));
        service.send(request.body(Body::empty()).unwrap())
    };
    assert_eq!(ask().await.status, 200);
    let used = |keys: &[api_key::ApiKey]| keys.iter().find(|key| key.id == id).and_then(|key| key.last_used_at);
    let first = used(&api_key::list(pool).await.unwrap());
    assert!(first.is_some());
    ask().await;
    assert_eq!(used(&api_key::list(pool).await.unwrap()), first, "noted once a minute");
    assert!(api_key::revoke(pool, id).await.unwrap());
    ask().await.problem(401, "unauthorized");
}

#[tokio::test]
async fn the_document_describes_the_version_that_it_claims() {
    let service = Service::start().await;
    let document = service.get("/api/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(document["info"]["title"], "Slipway");
    assert!(document["components"]["securitySchemes"]["api_key"].is_object());
    let page = service.send(Request::get("/api/docs").body(Body::empty()).unwrap()).await;
    assert!(page.text().contains("/api/openapi.json"));
}

/// The dashboard's client is generated from a copy of the document.
#[tokio::test]
async fn the_dashboards_client_is_made_from_the_document_as_it_is() {
    let service = Service::start().await;
    let document = service.get("/api/openapi.json").await.json();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dashboard");
    let copy: Value = serde_json::from_slice(&std::fs::read(folder.join("openapi.json")).unwrap()).unwrap();
    if document != copy {
        let now = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openapi.json");
        std::fs::write(&now, document.to_string()).unwrap();
        panic!(
            "dashboard/openapi.json is another document: `npm run schema {}` in dashboard/ mends that",
            now.display()
        );
    }
}

#[tokio::test]
async fn metrics_name_routes_and_not_paths() {
    let _ = shared::telemetry::metrics();
    let service = Service::start().await;
    service.get("/api/specs/some-name").await;
    let text = service.get("/metrics").await.text();
    assert!(text.contains("slipway_http_requests_total") && text.contains("/api/specs/{name}"), "{text}");
    assert!(!text.contains("some-name"), "{text}");
}

#[tokio::test]
async fn readiness_says_what_is_wrong_and_redis_is_only_a_degradation() {
    let database = tests::database::TestDatabase::create().await.unwrap();
    let mut config = shared::config::Config { database: database.config(), ..Default::default() };
    // Nothing listens on the discard port.
    config.redis.url = "redis://127.0.0.1:9/0".into();
    let service = Service::with(config, database).await;
    let answer = service.get("/readyz").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.json()["degraded"][0].as_str().unwrap().starts_with("redis"));

    service.database.store.pool().close().await;
    let answer = service.get("/readyz").await;
    assert_eq!(answer.status, 503);
    assert!(answer.json()["problem"].as_str().unwrap().starts_with("postgres"));
    service.get("/api/queues").await.problem(503, "unavailable");
}
