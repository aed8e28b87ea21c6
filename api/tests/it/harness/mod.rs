//! The service over a database of its own, called without a socket.

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use serde_json::Value;
use shared::{
    config::Config,
    domain::{access::Role, ids::RunId, states::Applied},
    queue::LiveLogs,
    store::{api_key, lease, lease::Lease, promote, run, worker},
};
use tests::{database::TestDatabase, seed};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// A service and one admin's key.
pub(crate) struct Service {
    pub(crate) database: TestDatabase,
    pub(crate) router: Router,
    pub(crate) description: utoipa::openapi::OpenApi,
    pub(crate) key: String,
    pub(crate) live: LiveLogs,
    pub(crate) shutdown: CancellationToken,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("no JSON: {:?}", self.bytes))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes.to_vec()).unwrap()
    }

    /// The type of the problem, when it is one.
    pub(crate) fn problem_type(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.bytes).ok()?;
        body["type"].as_str().map(str::to_owned)
    }

    /// Asserts that it is a problem of this status and code, and gives it.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{:?}", self.bytes);
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json", "{:?}", self.bytes);
        let body = self.json();
        assert_eq!(body["type"], format!("/problems/{code}"), "{body}");
        assert_eq!(body["status"], status);
        assert_eq!(body["request_id"], self.headers["x-request-id"].to_str().unwrap());
        body
    }
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::configured(|_| {}).await
    }

    /// One whose configuration has been changed.
    pub(crate) async fn configured(change: impl FnOnce(&mut Config)) -> Self {
        let database = TestDatabase::create().await.unwrap();
        let mut config = Config { database: database.config(), ..Config::default() };
        config.redis.url = std::env::var("TEST_REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6399/0".into());
        config.redis.prefix = format!("api-test-{}", RunId::new());
        change(&mut config);
        Self::with(config, database).await
    }

    pub(crate) async fn with(config: Config, database: TestDatabase) -> Self {
        let (_, key) =
            api_key::create(database.store.pool(), &api_key::NewKey::of_nobody("tester", Role::Admin)).await.unwrap();
        let live = LiveLogs::connect(&config.redis).unwrap();
        let shutdown = CancellationToken::new();
        let app = api::AppState::new(config, database.store.clone(), live.clone(), shutdown.clone()).unwrap();
        let (router, description) = api::router(app);
        Self { database, router, description, key, live, shutdown }
    }

    pub(crate) fn request(&self, method: &str, uri: &str) -> axum::http::request::Builder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Request::builder().method(method).uri(uri).header(header::AUTHORIZATION, format!("Bearer {}", self.key))
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 64 * 1024 * 1024).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, bytes }
    }

    /// Sends a request and reads no more of what was allowed than that it began: it may go on for ever.
    pub(crate) async fn begin(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let refused = parts.status.is_client_error() || parts.status.is_server_error();
        let bytes = if refused { axum::body::to_bytes(body, 64 * 1024).await.unwrap() } else { Bytes::new() };
        Answer { status: parts.status, headers: parts.headers, bytes }
    }

    pub(crate) async fn get(&self, uri: &str) -> Answer {
        self.send(self.request("GET", uri).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, uri: &str, body: impl Into<Body>) -> Answer {
        self.send(self.request("POST", uri).body(body.into()).unwrap()).await
    }

    pub(crate) async fn put(&self, uri: &str, body: impl Into<Body>) -> Answer {
        self.send(self.request("PUT", uri).body(body.into()).unwrap()).await
    }

    pub(crate) async fn delete(&self, uri: &str) -> Answer {
        self.send(self.request("DELETE", uri).body(Body::empty()).unwrap()).await
    }

    /// A pending run that belongs to no resource.
    pub(crate) async fn run(&self) -> RunId {
        let mut tx = self.database.store.begin().await.unwrap();
        let new = seed::new_run(&seed::two_steps()).unwrap();
        let id = new.id;
        run::create_all(&mut tx, &[new]).await.unwrap();
        tx.commit().await.unwrap();
        id
    }

    /// A run that a worker drives.
    pub(crate) async fn running(&self) -> Lease {
        let id = self.run().await;
        self.claim(id).await
    }

    /// Has a worker take a run.
    pub(crate) async fn claim(&self, id: RunId) -> Lease {
        let new = seed::new_worker(8);
        let worker_id = new.id;
        let pool = self.database.store.pool();
        worker::register(pool, &new).await.unwrap();
        let gone = std::time::Duration::from_secs(60);
        let promoted = promote::promote(pool, gone, 100).await.unwrap();
        let due = promoted.into_iter().find(|due| due.run_id == id).unwrap();
        match lease::claim(pool, id, due.fence, worker_id, gone).await.unwrap() {
            Applied::Applied(claimed) => claimed.lease,
            Applied::Stale => panic!("the claim came too late"),
        }
    }
}

/// A Score file with these resources, each a line of YAML under `resources`.
pub(crate) fn score(name: &str, resources: &[&str]) -> String {
    let mut text =
        format!("apiVersion: score.dev/v1b1\nmetadata:\n  name: {name}\ncontainers:\n  main:\n    image: busybox\n");
    if !resources.is_empty() {
        text.push_str("resources:\n");
    }
    for line in resources {
        text.push_str(&format!("  {line}\n"));
    }
    text
}
