//! Keys and service accounts: made, narrowed, rotated, revoked; and what nobody gets by them.

use axum::{
    Router,
    body::Body,
    http::{Request, header},
};
use serde_json::{Value, json};
use shared::{config::Config, queue::LiveLogs, store::Store};
use tests::database::execute;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::harness::{Answer, Service};

/// Sends a request with this key to one of an installation's apis.
async fn send(router: &Router, key: &str, method: &str, uri: &str, body: &Value) -> Answer {
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let request = Request::builder().method(method).uri(uri).header(header::AUTHORIZATION, format!("Bearer {key}"));
    let response = router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, 1024 * 1024).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, bytes }
}

/// Another api of the same installation: its own connections, nothing in common but Postgres and Redis.
fn other_api(config: Config) -> Router {
    let store = Store::connect(&config.database, "slipway-test").unwrap();
    let live = LiveLogs::connect(&config.redis).unwrap();
    api::router(api::AppState::new(config, store, live, CancellationToken::new()).unwrap()).0
}

fn text<'a>(body: &'a Value, member: &str) -> &'a str {
    body[member].as_str().unwrap_or_else(|| panic!("no {member}: {body}"))
}

impl Service {
    /// Makes a key with the admin's key, or with another; gives the answer.
    async fn make_key(&self, with: &str, body: Value) -> Answer {
        send(&self.router, with, "POST", "/api/keys", &body).await
    }

    /// The secret of a key that must be made.
    async fn secret(&self, with: &str, body: Value) -> String {
        let answer = self.make_key(with, body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        text(&answer.json(), "key").to_owned()
    }
}

#[tokio::test]
async fn a_key_is_refused_by_every_api_from_the_request_after_its_revocation() {
    let mut config = Config::default();
    let service = Service::configured(|mine| {
        mine.limits.key_days = 7;
        config = mine.clone();
    })
    .await;
    let other = other_api(config);
    let made = service.make_key(&service.key, json!({"name": "robot", "scopes": ["queue.read"]})).await;
    assert_eq!((made.status.as_u16(), &made.headers[header::CACHE_CONTROL]), (201, &"no-store".parse().unwrap()));
    let made = made.json();
    let (id, key) = (text(&made, "id"), text(&made, "key"));
    assert!(text(&made, "prefix").len() < 12 && key.starts_with(text(&made, "prefix")));
    for api in [&service.router, &other] {
        assert_eq!(send(api, key, "GET", "/api/queues", &Value::Null).await.status, 200);
    }
    let listed = service.get("/api/keys").await.json();
    let robot = listed["items"].as_array().unwrap().iter().find(|it| it["id"] == made["id"]).unwrap().clone();
    assert!(robot["last_used_at"].is_string() && robot.get("key").is_none(), "{robot}");
    assert!(!listed.to_string().contains(key));

    assert!(service.delete(&format!("/api/keys/{id}")).await.json()["revoked_at"].is_string());
    for api in [&other, &service.router] {
        send(api, key, "GET", "/api/queues", &Value::Null).await.problem(401, "unauthorized");
    }
    let listed = service.get("/api/keys").await.json();
    assert!(listed["items"].as_array().unwrap().iter().all(|it| it["id"] != made["id"]));
}

#[tokio::test]
async fn a_key_never_has_more_than_who_made_it() {
    let service = Service::start().await;
    let developer = json!({"name": "dev", "roles": ["developer"], "teams": ["shop"]});
    let developer = service.secret(&service.key, developer).await;
    for (body, missing) in [
        (json!({"name": "up", "roles": ["admin"]}), "the role 'admin'"),
        (json!({"name": "up", "roles": ["auditor", "viewer"]}), "the role 'auditor'"),
        (json!({"name": "up", "teams": ["shop", "bank"]}), "the team 'bank'"),
    ] {
        let problem = service.make_key(&developer, body).await.problem(403, "beyond-yours");
        assert_eq!(problem["detail"], format!("you cannot give what you do not have: {missing}"));
    }
    let narrow = json!({"name": "narrow", "roles": ["viewer"], "scopes": ["key.create", "run.*"]});
    let narrow = service.secret(&developer, narrow).await;
    let problem = service.make_key(&narrow, json!({"name": "wide", "scopes": ["application.read"]})).await;
    let problem = problem.problem(403, "beyond-yours");
    assert_eq!(problem["detail"], "you cannot give what you do not have: the scope 'application.read'");
    // What is not asked for is not more either.
    let made = service.make_key(&narrow, json!({"name": "same"})).await.json();
    assert_eq!(made["roles"], json!(["viewer"]));
    assert_eq!(made["teams"], json!(["shop"]));
    assert_eq!(made["scopes"], json!(["key.create", "run.*"]));
}

#[tokio::test]
async fn scopes_are_actions_and_what_makes_no_sense_is_refused() {
    let service = Service::start().await;
    for (body, part) in [
        (json!({"name": "x", "scopes": ["run"]}), "'run' is no action"),
        (json!({"name": "x", "scopes": ["*"]}), "'*' is no action"),
        (json!({"name": "x", "scopes": ["run.fly"]}), "'run.fly' is no action"),
        (json!({"name": "x", "expires_in": "400d"}), "expires_in: a duration from 1m to 366d"),
        (json!({"name": "x", "expires_in": "1s"}), "expires_in"),
        (json!({"name": "x", "roles": []}), "at least one"),
        (json!({"name": ""}), "name: 1 to 63"),
        (json!({"name": "x", "teams": ["a\u{1b}[2J"]}), "teams: 1 to 63"),
        (json!({"name": "x", "secret": "mine"}), "unknown field `secret`"),
    ] {
        let problem = service.make_key(&service.key, body.clone()).await.problem(400, "bad-request");
        assert!(text(&problem, "detail").contains(part), "{body}: {problem}");
    }
}

#[tokio::test]
async fn a_rotated_key_works_until_the_overlap_ends() {
    let service = Service::start().await;
    let old =
        service.make_key(&service.key, json!({"name": "ci", "scopes": ["queue.read"], "expires_in": "30d"})).await;
    let old = old.json();
    let (id, old_key) = (text(&old, "id"), text(&old, "key"));
    let uri = format!("/api/keys/{id}/rotate");
    let new = service.post(&uri, json!({"overlap": "1h"}).to_string()).await;
    assert_eq!(new.status, 201, "{new:?}");
    let new = new.json();
    let new_key = text(&new, "key");
    assert_eq!((&new["replaces"], &new["scopes"], &new["name"]), (&old["id"], &old["scopes"], &old["name"]));
    for key in [old_key, new_key] {
        assert_eq!(send(&service.router, key, "GET", "/api/queues", &Value::Null).await.status, 200);
    }
    let problem = service.post(&uri, "").await.problem(409, "already-rotated");
    assert_eq!(problem["by"], new["id"]);

    // The hour is over.
    let sql =
        "UPDATE api_key SET expires_at = expires_at - interval '1 hour' WHERE expires_at < now() + interval '2 hours'";
    assert_eq!(execute(&service.database.pool, sql).await.unwrap(), 1);
    send(&service.router, old_key, "GET", "/api/queues", &Value::Null).await.problem(401, "unauthorized");
    assert_eq!(send(&service.router, new_key, "GET", "/api/queues", &Value::Null).await.status, 200);
    service.post(&uri, "").await.problem(409, "key-ended");
    service.post(&uri, json!({"overlap": "90d"}).to_string()).await.problem(400, "bad-request");
}

#[tokio::test]
async fn an_answer_that_is_given_again_has_no_secret_and_none_is_stored() {
    let service = Service::start().await;
    let ask = || {
        let request = service.request("POST", "/api/keys").header("idempotency-key", "once");
        service.send(request.body(Body::from(json!({"name": "robot"}).to_string())).unwrap())
    };
    let (first, again) = (ask().await.json(), ask().await);
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let again = again.json();
    assert_eq!((&again["id"], &again["key"]), (&first["id"], &Value::Null));
    assert_eq!(text(&first, "key").len(), 47);
    // No row of these holds what looks like a secret.
    let stored = execute(
        &service.database.pool,
        "SELECT 1 FROM idempotency_key t WHERE t::text ~ 'slw_[A-Za-z0-9_-]{20}'
         UNION ALL SELECT 1 FROM api_key t WHERE t::text ~ 'slw_[A-Za-z0-9_-]{20}'
         UNION ALL SELECT 1 FROM audit_entry t WHERE t::text ~ 'slw_[A-Za-z0-9_-]{20}'",
    )
    .await
    .unwrap();
    assert_eq!(stored, 0);
}

#[tokio::test]
async fn people_see_their_own_keys_and_others_answer_as_if_they_were_not_there() {
    let service = Service::start().await;
    let person = |name: &'static str| {
        let service = &service;
        async move {
            let body = json!({"name": name, "roles": ["developer"], "teams": ["shop"]});
            let made = service.make_key(&service.key, body).await.json();
            (text(&made, "id").to_owned(), text(&made, "key").to_owned())
        }
    };
    let ((ada_id, ada), (bob_id, _)) = (person("ada").await, person("bob").await);
    let listed = send(&service.router, &ada, "GET", "/api/keys", &Value::Null).await.json();
    let ids: Vec<&str> = listed["items"].as_array().unwrap().iter().map(|it| text(it, "id")).collect();
    assert_eq!(ids, [ada_id]);
    for (method, uri) in [
        ("GET", format!("/api/keys/{bob_id}")),
        ("DELETE", format!("/api/keys/{bob_id}")),
        ("POST", format!("/api/keys/{bob_id}/rotate")),
    ] {
        let theirs = send(&service.router, &ada, method, &uri, &Value::Null).await.problem(404, "not-found");
        assert_eq!(theirs["detail"], format!("there is no key '{bob_id}'"));
    }
}

#[tokio::test]
async fn a_service_account_acts_by_its_keys_until_it_is_disabled() {
    let service = Service::start().await;
    let account = json!({"name": "deployer", "roles": ["developer"], "teams": ["shop"]});
    let made = service.post("/api/service-accounts", account.to_string()).await;
    assert_eq!(made.status, 201, "{made:?}");
    service.post("/api/service-accounts", account.to_string()).await.problem(409, "name-taken");
    let key = service.post("/api/service-accounts/deployer/keys", json!({"name": "ci"}).to_string()).await.json();
    let key = text(&key, "key");
    let who = send(&service.router, key, "GET", "/api/whoami", &Value::Null).await.json();
    assert_eq!((&who["kind"], &who["name"]), (&json!("service_account"), &json!("deployer")));
    assert_eq!((&who["roles"], &who["teams"]), (&json!(["developer"]), &json!(["shop"])));
    // A developer makes no accounts, and no keys for them.
    let another = json!({"name": "x", "roles": ["viewer"]});
    send(&service.router, key, "POST", "/api/service-accounts", &another).await.problem(403, "forbidden");
    send(&service.router, key, "POST", "/api/service-accounts/deployer/keys", &json!({"name": "x"}))
        .await
        .problem(403, "forbidden");

    // The account is given more: this key was made for what it had.
    let more = "UPDATE service_account SET roles = '{developer,admin}'";
    execute(&service.database.pool, more).await.unwrap();
    let who = send(&service.router, key, "GET", "/api/whoami", &Value::Null).await.json();
    assert_eq!(who["roles"], json!(["developer"]));
    // It has less: so has the key, at once.
    execute(&service.database.pool, "UPDATE service_account SET roles = '{approver}'").await.unwrap();
    let who = send(&service.router, key, "GET", "/api/whoami", &Value::Null).await.json();
    assert_eq!(who["roles"], json!([]));

    let uri = "/api/service-accounts/deployer/disabled";
    assert!(service.put(uri, r#"{"disabled": true}"#).await.json()["disabled_at"].is_string());
    send(&service.router, key, "GET", "/api/whoami", &Value::Null).await.problem(401, "unauthorized");
    service
        .post("/api/service-accounts/deployer/keys", json!({"name": "ci"}).to_string())
        .await
        .problem(409, "account-disabled");
    assert_eq!(service.put(uri, r#"{"disabled": false}"#).await.json()["disabled_at"], Value::Null);
    assert_eq!(send(&service.router, key, "GET", "/api/whoami", &Value::Null).await.status, 200);
}
