//! `http`: one request, to whom the step may talk.

use std::sync::{Arc, Mutex};

use hyper::{Request, Response, body::Bytes};
use serde_json::json;

use crate::step_types::{Scene, reaching, server, shell, step};

#[tokio::test]
async fn a_request_goes_out_as_written_and_its_answer_comes_back() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let (ca, tls) = server::tls("api");
    let port = server::serve(Some(tls), move |request: Request<Bytes>| {
        let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let line = format!(
            "{} {} {:?} {:?} {:?} {}",
            request.method(),
            request.uri(),
            header("authorization"),
            header("content-type"),
            header("idempotency-key").map(|key| key.ends_with(":post")),
            String::from_utf8_lossy(request.body())
        );
        noted.lock().unwrap().push(line);
        async move {
            let large = request.uri().path() == "/large";
            let body = if large { "x".repeat(40_000) } else { r#"{"id": 7, "token": "OUTPUT_x=1"}"#.to_owned() };
            let status = if request.uri().path() == "/missing" { 404 } else { 201 };
            Response::builder().status(status).header("X-Kind", "thing").body(Bytes::from(body)).unwrap()
        }
    })
    .await;
    let scene = Scene::with(&[("api", port)], &[("token", "t0ken-55"), ("ca", &ca)]).await;
    let ask = |name: &str, path: &str, more: serde_json::Value| {
        let mut config = json!({"url": format!("https://api:{port}{path}"), "caSecret": "ca"});
        config.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        reaching(step(name, &[], "http", config), &["api"], &["token", "ca"])
    };
    let post = json!({
        "method": "POST", "idempotencyHeader": "Idempotency-Key", "body": {"name": "a \"b\""}, "secretHeaders": {"Authorization": {"secret": "token", "prefix": "Bearer "}},
    });
    let run = scene
        .completes(vec![
            ask("post", "/things?x=1", post),
            ask("large", "/large", json!({"maxBytes": 10})),
            ask("missing", "/missing", json!({"expectedStatus": ["200-299", 404]})),
        ])
        .await;
    let posted = scene.outputs(run, "post").await;
    assert_eq!((&posted["status"], &posted["json"]["id"]), (&json!(201), &json!(7)));
    assert_eq!(posted["headers"]["x-kind"], "thing");
    assert_eq!(posted.get("x"), None, "what a server says is no output of its own");
    let large = scene.outputs(run, "large").await;
    assert_eq!(
        (&large["truncated"], &large["bytes"], &large["body"]),
        (&json!(true), &json!(40_000), &json!("xxxxxxxxxx"))
    );
    assert_eq!(scene.outputs(run, "missing").await["status"], 404);
    let seen = seen.lock().unwrap().clone();
    let wanted = r#"POST /things?x=1 Some("Bearer t0ken-55") Some("application/json") Some(true) {"name":"a \"b\""}"#;
    assert!(seen.iter().any(|line| line == wanted), "{seen:#?}");
    assert!(!scene.told(run).await.contains("t0ken-55"));

    let (_, error) = scene.fails(vec![ask("missing", "/missing", json!({}))]).await;
    assert!(error.contains("exit code 22") && error.contains("status 404"), "{error}");
    let untrusted =
        reaching(step("untrusted", &[], "http", json!({"url": format!("https://api:{port}/")})), &["api"], &[]);
    let (_, error) = scene.fails(vec![untrusted]).await;
    assert!(error.contains("certificate"), "{error}");
}

#[tokio::test]
async fn an_address_that_is_not_allowed_is_not_reached() {
    let asked = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&asked);
    let answer = move |_: Request<Bytes>| {
        *counted.lock().unwrap() += 1;
        async { Response::new(Bytes::from_static(b"here")) }
    };
    let allowed = server::serve(None, answer.clone()).await;
    let other = server::serve(None, answer).await;
    let scene = Scene::with(&[("allowed", allowed)], &[]).await;
    let ask = |url: String, egress: &[&str]| reaching(step("ask", &[], "http", json!({ "url": url })), egress, &[]);

    let link = shell("link", &[], "ln -s /run/slipway/files/config.json inner; ln -s inner body");
    let mut send = ask(format!("http://allowed:{allowed}/"), &["allowed"]);
    send.config.insert("bodyFile".into(), json!("body"));
    send.depends_on.push("link".into());
    let (_, error) = scene.fails(vec![link, send]).await;
    assert!(error.contains("leads out of the workspace"), "{error}");
    let run = scene.completes(vec![ask(format!("http://allowed:{allowed}/"), &["allowed"])]).await;
    assert_eq!(scene.outputs(run, "ask").await["body"], "here");
    // Another port of the same host, another name, and nobody at all.
    for (url, egress) in [
        (format!("http://allowed:{other}/"), &["allowed"][..]),
        (format!("http://host.docker.internal:{other}/"), &["allowed"]),
        (format!("http://allowed:{allowed}/"), &[]),
    ] {
        let (_, error) = scene.fails(vec![ask(url, egress)]).await;
        assert!(error.contains("cannot be reached"), "{error}");
    }
    let (_, error) = scene.fails(vec![ask(format!("http://x:{other}/"), &["x:80"])]).await;
    assert!(error.contains("'x:80' may not be reached"), "{error}");
    assert_eq!(*asked.lock().unwrap(), 1);
}
