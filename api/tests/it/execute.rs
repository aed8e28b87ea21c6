//! Golden paths: started by a person, with inputs that fit.

use axum::body::Body;
use serde_json::{Value, json};
use shared::store::provider;

use crate::harness::Service;

fn record(name: &str) -> (String, String, [u8; 32], Value) {
    let step = json!({"name": "hello", "step_type": {"name": "shell", "version": "1.0.0", "image": "busybox", "command": ["true"]}});
    let workflow = |name: &str, category: &str| {
        json!({"name": name, "category": category, "parameters": [{"name": "who", "type": "string", "required": true}, {"name": "times", "type": "number", "default": 1}],
               "plan": {"steps": [step], "outputs": {"said": {"value": "x"}}}})
    };
    let manifest = json!({"name": name, "version": "1.2.3", "digest": "00".repeat(32), "kind": "Provider", "capabilities": {},
                          "workflows": [workflow("greet", "goldenpath"), workflow("make", "provisioner")], "step_types": []});
    (name.into(), "1.2.3".into(), [0; 32], manifest)
}

async fn loaded(names: &[&str]) -> Service {
    let service = Service::start().await;
    let records: Vec<_> = names.iter().map(|name| record(name)).collect();
    let mut tx = service.database.store.begin().await.unwrap();
    provider::replace_all(&mut tx, &records).await.unwrap();
    tx.commit().await.unwrap();
    service
}

#[tokio::test]
async fn a_golden_path_becomes_a_pending_run() {
    let service = loaded(&["core"]).await;
    let body = r#"{"golden_path": "greet", "inputs": {"who": "me"}, "team": "blue"}"#;
    let request = || service.request("POST", "/api/workflows/execute").header("idempotency-key", "once");
    let answer = service.send(request().body(Body::from(body)).unwrap()).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let location = answer.headers["location"].to_str().unwrap();
    let run = service.get(&format!("{location}?reveal=true")).await.json();
    assert_eq!(
        (&run["kind"], &run["operation"], &run["status"]),
        (&json!("golden_path"), &json!("execute"), &json!("pending"))
    );
    assert_eq!((&run["inputs"], &run["team"]), (&json!({"who": "me", "times": 1}), &json!("blue")), "{run}");
    assert_eq!((&run["requested_by"], &run["steps"][0]["type"]), (&json!("tester"), &json!("shell")));
    let again = service.send(request().body(Body::from(body)).unwrap()).await;
    assert_eq!(again.headers["location"].to_str().unwrap(), location);
    assert_eq!(service.get("/api/workflows").await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_run_says_what_each_step_is_given_and_what_it_may_do() {
    let service = Service::start().await;
    let (name, version, digest, mut manifest) = record("core");
    let step = &mut manifest["workflows"][0]["plan"]["steps"][0];
    step["config"] = json!({"script": "echo {{ .parameters.who }}", "args": ["a"]});
    step["secrets"] = json!(["admin_password"]);
    step["egress"] = json!(["{{ .settings.host }}:5432"]);
    step["step_type"]["privileges"] = json!({"network": "egress", "memory_mib": 1024});
    let mut tx = service.database.store.begin().await.unwrap();
    provider::replace_all(&mut tx, &[(name, version, digest, manifest)]).await.unwrap();
    tx.commit().await.unwrap();
    let answer = service.post("/api/workflows/execute", r#"{"workflow": "greet", "inputs": {"who": "me"}}"#).await;
    let run = service.get(answer.headers["location"].to_str().unwrap()).await.json();
    let step = &run["steps"][0];
    assert_eq!(step["config"], json!({"script": "echo {{ .parameters.who }}", "args": ["a"]}), "{run}");
    assert_eq!(
        step["privileges"],
        json!({"network": "egress", "egress": ["{{ .settings.host }}:5432"], "writable_root": false,
               "memory_mib": 1024, "cpu_millis": 0})
    );
    assert_eq!(step["secrets"], json!(["admin_password"]));
}

#[tokio::test]
async fn what_cannot_be_started_is_refused_with_the_reason() {
    let service = loaded(&["core", "other"]).await;
    let execute = |body: &'static str| service.post("/api/workflows/execute", body);
    let problem = execute(r#"{"workflow": "greet", "provider": "core", "inputs": {"times": "x", "whom": 1}}"#).await;
    let errors = problem.problem(422, "invalid-inputs")["errors"].clone();
    assert_eq!(errors.as_array().unwrap().len(), 3, "{errors}");
    execute(r#"{"workflow": "greet", "inputs": {"who": "me"}}"#).await.problem(409, "ambiguous");
    execute(r#"{"workflow": "make", "provider": "core"}"#).await.problem(404, "not-found");
    let unknown = execute(r#"{"workflow": "gret", "provider": "core"}"#).await.problem(404, "not-found");
    assert!(unknown["detail"].as_str().unwrap().contains("'greet'"), "{unknown}");
    execute(r#"{"workflow": "greet", "wrong": 1}"#).await.problem(400, "bad-request");
}

#[tokio::test]
async fn providers_and_their_workflows_are_shown() {
    let service = loaded(&["core"]).await;
    assert_eq!(service.get("/api/providers").await.json()["items"][0]["version"], "1.2.3");
    assert_eq!(service.get("/api/providers/core").await.json()["workflows"], 2);
    let workflows = service.get("/api/providers/core/workflows").await.json();
    assert_eq!(workflows["items"][0]["category"], "goldenpath");
    assert_eq!(workflows["items"][0]["outputs"], json!(["said"]));
    service.get("/api/providers/none").await.problem(404, "not-found");

    // A later load without it.
    let mut tx = service.database.store.begin().await.unwrap();
    provider::replace_all(&mut tx, &[record("next")]).await.unwrap();
    tx.commit().await.unwrap();
    service.get("/api/providers/core").await.problem(404, "not-found");
}
