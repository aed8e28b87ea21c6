//! How many requests one caller may make.

use axum::{
    body::Body,
    http::{Request, header},
};
use serde_json::json;
use shared::{config::Config, queue::LiveLogs, store::Store};
use tests::redis::PrivateRedis;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::harness::{Answer, Service};

fn header_of<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn answers_say_how_the_caller_stands_and_a_refusal_says_when_to_come_again() {
    let service = Service::configured(|config| config.limits.reads_per_minute = 3).await;
    for left in ["2", "1", "0"] {
        let answer = service.get("/api/queues").await;
        assert_eq!(answer.status, 200);
        assert_eq!(header_of(&answer, "ratelimit-policy"), "\"reads\";q=3;w=60");
        assert!(header_of(&answer, "ratelimit").starts_with(&format!("\"reads\";r={left};t=")), "{answer:?}");
        let older = ["ratelimit-limit", "ratelimit-remaining"].map(|name| header_of(&answer, name));
        assert_eq!(older, ["3", left]);
    }
    let refused = service.get("/api/queues").await;
    let problem = refused.problem(429, "rate-limited");
    let wait: u64 = header_of(&refused, "retry-after").parse().unwrap();
    assert!((1..=20).contains(&wait), "{refused:?}");
    assert_eq!(problem["retry_after_s"], wait);
    assert_eq!(problem["detail"], format!("3 requests that read a minute are allowed; the next one in {wait} s"));
    assert!(header_of(&refused, "ratelimit").starts_with("\"reads\";r=0;t="));
    // Writes are counted apart, and an answer that is a problem says it too.
    let answer = service.post("/api/specs", "nonsense").await;
    assert_eq!(answer.status, 422);
    assert_eq!(header_of(&answer, "ratelimit-policy"), "\"writes\";q=1200;w=60");
    // Whoever looks after the process gets an answer.
    assert_eq!(service.get("/livez").await.status, 200);
}

#[tokio::test]
async fn two_apis_count_one_caller_together_whatever_key_they_show() {
    let mut config = Config::default();
    let service = Service::configured(|mine| {
        mine.limits.reads_per_minute = 4;
        config = mine.clone();
    })
    .await;
    let store = Store::connect(&config.database, "slipway-test").unwrap();
    let live = LiveLogs::connect(&config.redis).unwrap();
    let other = api::router(api::AppState::new(config, store, live, CancellationToken::new()).unwrap()).0;
    let account = json!({"name": "robot", "roles": ["viewer"], "teams": ["shop"]});
    assert_eq!(service.post("/api/service-accounts", account.to_string()).await.status, 201);
    let mut keys = Vec::new();
    for name in ["one", "two"] {
        let made = service.post("/api/service-accounts/robot/keys", json!({"name": name}).to_string()).await.json();
        keys.push(made["key"].as_str().unwrap().to_owned());
    }
    let mut statuses = Vec::new();
    for number in 0..6 {
        let api = if number % 2 == 0 { &service.router } else { &other };
        let request = Request::get("/api/queues").header(header::AUTHORIZATION, format!("Bearer {}", keys[number % 2]));
        let response = api.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        statuses.push(response.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 200, 429, 429]);
    assert_eq!(service.get("/api/queues").await.status, 200, "others have their own count");
}

#[tokio::test]
async fn who_shows_nothing_good_is_counted_by_where_they_come_from() {
    let service = Service::configured(|config| config.limits.anonymous_per_minute = 2).await;
    let ask = || service.send(Request::get("/api/queues").body(Body::empty()).unwrap());
    ask().await.problem(401, "unauthorized");
    ask().await.problem(401, "unauthorized");
    let refused = ask().await;
    refused.problem(429, "rate-limited");
    assert!(header_of(&refused, "ratelimit-policy").starts_with("\"anonymous\""));
    assert_eq!(service.get("/api/queues").await.status, 200, "a good key from the same place");
    for path in ["/livez", "/readyz"] {
        let answer = service.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 200, "{path}");
    }
}

#[tokio::test]
async fn without_redis_requests_go_on_and_are_counted_again_when_it_is_back() {
    let mut redis = PrivateRedis::start().await.unwrap();
    let service = Service::configured(|config| {
        config.limits.reads_per_minute = 2;
        config.redis.url.clone_from(&redis.url);
    })
    .await;
    redis.kill9().unwrap();
    for _ in 0..5 {
        let answer = service.get("/api/queues").await;
        assert_eq!(answer.status, 200);
        assert!(!answer.headers.contains_key("ratelimit"));
    }
    redis.start_again().await.unwrap();
    tests::wait::until("requests are counted again", std::time::Duration::from_secs(30), async || {
        Ok((service.get("/api/queues").await.status == 429).then_some(()))
    })
    .await
    .unwrap();
}
