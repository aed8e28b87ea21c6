//! Sources of providers, versions side by side, and what forges announce.

use axum::{body::Body, http::Request};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use shared::{
    config::SecretSource,
    store::{provider, provider_set, provider_source},
};

use crate::harness::{Answer, Service};

const SOURCES: &str = "/api/admin/providers/sources";

async fn add(service: &Service, body: Value) -> Answer {
    service.post(SOURCES, body.to_string()).await
}

#[tokio::test]
async fn a_source_is_added_changed_listed_and_removed() {
    let service = Service::start().await;
    let answer = add(&service, json!({"url": "https://git.example.org/team/Postgres.git", "ref": "v1.2.0"})).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let added = answer.json();
    assert_eq!(
        (&added["name"], &added["status"], &added["origin"], &added["created_by"], &added["interval_s"]),
        (&json!("postgres"), &json!("pending"), &json!("api"), &json!("tester"), &json!(300))
    );
    let answer = add(
        &service,
        json!({"url": "https://git.example.org/team/postgres", "ref": "v2", "name": "postgres", "interval_s": 0}),
    )
    .await;
    assert_eq!((answer.status.as_u16(), &answer.json()["ref"]), (200, &json!("v2")));
    let listed = service.get(SOURCES).await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&listed["items"][0]["next_look_at"], &listed["items"][0]["webhook"]),
        (&Value::Null, &json!("/api/webhooks/git/postgres"))
    );
    let removed = service.delete(&format!("{SOURCES}/postgres")).await;
    assert_eq!((removed.status.as_u16(), &removed.json()["status"]), (202, &json!("removing")));
    service.delete(&format!("{SOURCES}/other")).await.problem(404, "not-found");
}

#[tokio::test]
async fn what_cannot_be_a_source_is_refused_with_the_key_that_is_wrong() {
    let service = Service::start().await;
    for (body, path) in [
        (json!({"url": "ext::sh -c id", "ref": "v1"}), "/url"),
        (json!({"url": "https://user:secret@h.example/x", "ref": "v1"}), "/url"),
        (json!({"url": "https://h.example/x", "ref": "--upload-pack=id"}), "/ref"),
        (json!({"url": "https://h.example/x", "ref": "v1", "path": "../x"}), "/path"),
        (json!({"url": "https://h.example/x", "ref": "v1", "name": "A b"}), "/name"),
        (json!({"url": "https://h.example/x", "ref": "v1", "interval_s": 1}), "/interval_s"),
    ] {
        let problem = add(&service, body.clone()).await.problem(422, "invalid-source");
        assert_eq!(problem["errors"][0]["path"], path, "{body}: {problem}");
    }
    let problem = add(&service, json!({"url": "https://h.example/x", "ref": "v1", "secret": "none"})).await;
    assert!(problem.problem(422, "invalid-source")["detail"].as_str().unwrap().contains("git.credentials"));
    add(&service, json!({"url": "https://h.example/x", "ref": "v1", "wrong": 1})).await.problem(400, "bad-request");

    let listed: shared::formats::source::Source =
        serde_json::from_value(json!({"name": "x", "url": "https://h.example/x", "ref": "v1"})).unwrap();
    let mut tx = service.database.store.begin().await.unwrap();
    provider_source::put(&mut tx, &listed, "file", "file", 300).await.unwrap();
    tx.commit().await.unwrap();
    add(&service, json!({"url": "https://h.example/y", "ref": "v1", "name": "x"})).await.problem(409, "source-listed");
    service.delete(&format!("{SOURCES}/x")).await.problem(409, "source-listed");
}

#[tokio::test]
async fn a_reload_gives_the_schedulers_answer_or_says_that_it_goes_on() {
    let service = Service::configured(|config| config.api.request_timeout_s = 4).await;
    let answer = service.post("/api/admin/providers/reload", "").await;
    assert_eq!((answer.status.as_u16(), answer.headers["location"].to_str().unwrap()), (202, SOURCES));
    let store = service.database.store.clone();
    let scheduler = tokio::spawn(async move {
        loop {
            let asked = provider_set::take_questions(store.pool()).await.unwrap();
            if asked.len() > 1 {
                let ids: Vec<_> = asked.iter().map(|(id, _)| *id).collect();
                provider_set::give_answer(store.pool(), &ids, &json!({"valid": true})).await.unwrap();
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    let answer = service.get("/api/admin/providers/validate").await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"valid": true})));
    scheduler.await.unwrap();
}

fn record(version: &str) -> (String, String, [u8; 32], Value) {
    let step = json!({"name": "hello", "step_type": {"name": "shell", "version": "1.0.0", "image": version, "command": ["true"]}});
    let manifest = json!({"name": "db", "version": version, "digest": "00".repeat(32), "kind": "Provider", "capabilities": {},
        "source": "db", "commit": "ab".repeat(20), "step_types": [],
        "workflows": [{"name": "greet", "category": "goldenpath", "parameters": [], "plan": {"steps": [step], "outputs": {}}}]});
    ("db".into(), version.into(), [0; 32], manifest)
}

#[tokio::test]
async fn versions_of_a_provider_are_shown_side_by_side_and_the_highest_serves() {
    let service = Service::start().await;
    let records = ["1.9.0", "1.10.0", "2.0.0-rc.1"].map(record);
    let mut tx = service.database.store.begin().await.unwrap();
    let generation = provider::replace_all(&mut tx, &records).await.unwrap();
    assert_eq!(provider::replace_all(&mut tx, &records).await.unwrap(), generation, "the same set is no new one");
    tx.commit().await.unwrap();
    let listed = service.get("/api/providers").await.json();
    let serving: Vec<(&str, bool)> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["version"].as_str().unwrap(), it["default"].as_bool().unwrap()))
        .collect();
    assert_eq!(serving, [("1.10.0", true), ("1.9.0", false), ("2.0.0-rc.1", false)]);
    let one = service.get("/api/providers/db").await.json();
    assert_eq!(
        (&one["version"], &one["source"], &one["commit"]),
        (&json!("1.10.0"), &json!("db"), &json!("ab".repeat(20)))
    );
    assert_eq!(service.get("/api/providers/db?version=1.9.0").await.json()["version"], "1.9.0");
    assert_eq!(service.get("/api/providers/db/workflows?version=2.0.0-rc.1").await.status, 200);
    let problem = service.get("/api/providers/db?version=3.0.0").await.problem(404, "not-found");
    assert!(problem["detail"].as_str().unwrap().contains("1.10.0, 1.9.0"), "{problem}");
    let run = service.post("/api/workflows/execute", r#"{"workflow": "greet"}"#).await;
    assert_eq!(run.status, 202, "one golden path, not three: {run:?}");
}

struct Push<'a> {
    service: &'a Service,
    source: &'a str,
    body: &'a str,
}

impl Push<'_> {
    async fn with(&self, header: &str, value: &str) -> Answer {
        let request = Request::builder().method("POST").uri(format!("/api/webhooks/git/{}", self.source));
        self.service.send(request.header(header, value).body(Body::from(self.body.to_owned())).unwrap()).await
    }
}

fn signed(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn an_announcement_that_is_signed_has_the_source_looked_at_and_others_do_nothing() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "s3cret\n").unwrap();
    let file = SecretSource::File(secret.path().to_owned());
    let service = Service::configured(|config| {
        config.git.webhook_secrets.insert("db".into(), file);
    })
    .await;
    for name in ["db", "unsigned"] {
        add(&service, json!({"url": "https://h.example/x", "ref": "v1", "name": name, "interval_s": 0})).await;
        provider_source::begin_look(service.database.store.pool(), name).await.unwrap();
    }
    let due = async || provider_source::due(service.database.store.pool()).await.unwrap();
    assert!(due().await.is_empty());

    let body = r#"{"ref": "refs/heads/main"}"#;
    let right = signed("s3cret", body);
    let push = |source: &'static str| Push { service: &service, source, body };
    let other = signed("other", body);
    for (source, header, value) in [
        ("db", "x-hub-signature-256", format!("sha256={other}")),
        ("db", "x-gitea-signature", right[..62].to_owned()),
        ("db", "x-gitlab-token", "s3cre".to_owned()),
        ("db", "x-other", right.clone()),
        ("none", "x-gitea-signature", right.clone()),
        ("unsigned", "x-gitea-signature", right.clone()),
        ("unsigned", "x-gitea-signature", signed("", body)),
    ] {
        let problem = push(source).with(header, &value).await.problem(401, "webhook-refused");
        assert!(!problem.to_string().contains("unsigned"), "{problem}");
    }
    assert!(due().await.is_empty());

    for (header, value) in [
        ("x-hub-signature-256", format!("sha256={right}")),
        ("x-gitea-signature", right),
        ("x-gitlab-token", "s3cret".to_owned()),
    ] {
        assert_eq!(push("db").with(header, &value).await.status, 202, "{header}");
        // Sent again, it asks for the same look.
        assert_eq!(push("db").with(header, &value).await.status, 202);
        assert_eq!(due().await, ["db"]);
        provider_source::begin_look(service.database.store.pool(), "db").await.unwrap();
    }
}

#[tokio::test]
async fn an_announcement_without_end_is_cut_off() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "s3cret").unwrap();
    let file = SecretSource::File(secret.path().to_owned());
    let service = Service::configured(|config| {
        config.git.webhook_secrets.insert("db".into(), file);
    })
    .await;
    let chunk = axum::body::Bytes::from(vec![b'x'; 1 << 20]);
    let endless = futures::stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()));
    let request = Request::builder().method("POST").uri("/api/webhooks/git/db").header("x-gitlab-token", "s3cret");
    service.send(request.body(Body::from_stream(endless)).unwrap()).await.problem(413, "too-large");
}
