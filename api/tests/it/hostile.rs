//! Bodies and requests that mean harm, or are merely wrong: each is answered with a problem that says where.

use std::time::Duration;

use axum::body::Body;
use serde_json::Value;

use crate::harness::{Service, score};

async fn refused(service: &Service, body: impl Into<Body>) -> Value {
    let answer = tokio::time::timeout(Duration::from_secs(20), service.post("/api/specs", body)).await.unwrap();
    assert!([400, 422].contains(&answer.status.as_u16()), "{answer:?}");
    answer.problem(answer.status.as_u16(), "invalid-spec")
}

fn first(problem: &Value) -> (u64, u64, &str) {
    let error = &problem["errors"][0];
    (error["line"].as_u64().unwrap_or(0), error["column"].as_u64().unwrap_or(0), error["code"].as_str().unwrap_or(""))
}

#[tokio::test]
async fn an_alias_bomb_is_refused_with_its_place() {
    let service = Service::start().await;
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for n in 1..40 {
        let before = n - 1;
        bomb.push_str(&format!("a{n}: &a{n} [{}]\n", vec![format!("*a{before}"); 9].join(", ")));
    }
    let problem = refused(&service, bomb).await;
    assert!(first(&problem).0 > 0, "{problem}");
}

#[tokio::test]
async fn a_depth_bomb_is_refused_with_its_place() {
    let service = Service::start().await;
    for bomb in ["[".repeat(500_000), "{\"a\":".repeat(150_000), "- ".repeat(300_000), "? ".repeat(300_000)] {
        let problem = refused(&service, bomb).await;
        assert!(first(&problem).0 > 0, "{problem}");
    }
}

#[tokio::test]
async fn a_duplicate_key_is_refused_with_its_place() {
    let service = Service::start().await;
    let problem = refused(&service, score("shop", &["db: {type: postgres}", "db: {type: redis}"])).await;
    assert_eq!(first(&problem), (9, 3, "duplicate_key"), "{problem}");
    let json = r#"{"apiVersion": "score.dev/v1b1", "metadata": {"name": "shop", "name": "other"}, "containers": {"m": {"image": "x"}}}"#;
    assert_eq!(first(&refused(&service, json).await).2, "duplicate_key");
}

#[tokio::test]
async fn an_unknown_key_is_refused_with_its_place() {
    let service = Service::start().await;
    let problem = refused(&service, score("shop", &["db: {type: postgres, prams: {}}"])).await;
    let (line, column, code) = first(&problem);
    assert_eq!((line, code), (8, "unknown_key"), "{problem}");
    assert!(column > 1, "{problem}");
}

#[tokio::test]
async fn a_cycle_is_refused_and_printed() {
    let service = Service::start().await;
    let resources =
        ["aa: {type: tt, params: {x: '${resources.bb.y}'}}", "bb: {type: tt, params: {x: '${resources.aa.y}'}}"];
    let problem = refused(&service, score("shop", &resources)).await;
    assert!(problem["detail"].as_str().unwrap().contains("aa -> bb -> aa"), "{problem}");
}

#[tokio::test]
async fn a_body_that_is_no_text_is_refused_with_its_place() {
    let service = Service::start().await;
    let mut body = score("shop", &[]).into_bytes();
    body.extend_from_slice(b"# \xff\xfe\n");
    assert_eq!(first(&refused(&service, body).await), (7, 3, "syntax"));
    for junk in ["", "\u{feff}", "null", "42", "[]", "\u{0}", "a: b: c", "--- \n---\n"] {
        refused(&service, junk).await;
    }
}

#[tokio::test]
async fn a_zero_byte_in_a_text_is_the_callers_mistake() {
    let service = Service::start().await;
    let body = r#"{"apiVersion": "score.dev/v1b1", "metadata": {"name": "shop", "note": "a\u0000b"}, "containers": {"m": {"image": "x"}}}"#;
    let answer = service.post("/api/specs", body).await;
    assert!(answer.status.is_client_error(), "{answer:?}");
    service.get("/api/resources?application=a%00b").await.problem(400, "bad-request");
}

#[tokio::test]
async fn a_body_over_a_mebibyte_is_refused_before_it_is_read() {
    let service = Service::start().await;
    service.post("/api/specs", vec![b'#'; 1024 * 1024 + 1]).await.problem(413, "too-large");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let service = Service::start().await;
    service.get("/api/nothing").await.problem(404, "not-found");
    service.get("/api/resources/not-an-id").await.problem(404, "not-found");
    service.get("/api/workflows/01890000-0000-7000-8000-000000000000").await.problem(404, "not-found");
    service.delete("/api/queues").await.problem(405, "method-not-allowed");
    service.get("/api/resources?limit=0").await.problem(400, "bad-request");
    service.get("/api/resources?limit=x").await.problem(400, "bad-request");
    service.get("/api/resources?cursor=x").await.problem(400, "bad-request");
    service.get("/api/resources?state=x").await.problem(400, "bad-request");
    service.get("/api/resources?labels==x").await.problem(400, "bad-request");
}
