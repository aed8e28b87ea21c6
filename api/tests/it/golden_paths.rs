//! Golden paths, looked at before they are started.

use serde_json::{Value, json};
use shared::store::provider;

use crate::harness::Service;

async fn loaded(parameters: Value) -> Service {
    loaded_in(parameters, &["1.2.3"]).await
}

/// The same provider in several versions.
async fn loaded_in(parameters: Value, versions: &[&str]) -> Service {
    let service = Service::start().await;
    let step = json!({"name": "hello", "step_type": {"name": "shell", "version": "1.0.0", "image": "busybox", "command": ["true"]},
                      "condition": "parameters.public"});
    let workflow = |name: &str, category: &str| {
        json!({"name": name, "category": category, "parameters": parameters, "description": "Sets a team up", "tags": ["team"],
               "plan": {"steps": [step], "outputs": {"said": {"value": "x"}}}})
    };
    let manifest = |version: &str| {
        json!({"name": "core", "version": version, "digest": "00".repeat(32), "kind": "Provider", "capabilities": {},
                          "workflows": [workflow("onboard", "goldenpath"), workflow("make", "provisioner"), workflow("another", "goldenpath")],
                          "step_types": []})
    };
    let mut tx = service.database.store.begin().await.unwrap();
    let records: Vec<_> =
        versions.iter().map(|version| ("core".to_owned(), (*version).to_owned(), [0; 32], manifest(version))).collect();
    provider::replace_all(&mut tx, &records).await.unwrap();
    tx.commit().await.unwrap();
    service
}

fn parameters() -> Value {
    json!([
        {"name": "team", "type": "string", "required": true, "pattern": "^[a-z]{2,8}$", "description": "Its name"},
        {"name": "size", "type": "number", "required": true, "min": 2, "max": 9},
        {"name": "region", "type": "string", "enum": ["eu", "us"], "default": "eu"},
        {"name": "public", "type": "boolean", "default": false},
        {"name": "members", "type": "list", "required": true, "min": 1},
        {"name": "note", "type": "string"},
    ])
}

#[tokio::test]
async fn golden_paths_are_listed_by_name_and_nothing_else_is() {
    let service = loaded(parameters()).await;
    let list = service.get("/api/golden-paths").await.json();
    let names: Vec<&Value> = list["items"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["another", "onboard"]);
    let first = &list["items"][0];
    assert_eq!(
        (&first["required"], &first["optional"]),
        (&json!(["team", "size", "members"]), &json!(["region", "public", "note"]))
    );
    assert_eq!(first["estimated_duration"], Value::Null, "it never completed");
}

#[tokio::test]
async fn the_example_of_a_golden_path_would_be_accepted() {
    let service = loaded(parameters()).await;
    let path = service.get("/api/golden-paths/onboard").await.json();
    assert_eq!(
        (&path["provider"], &path["outputs"], &path["tags"]),
        (&json!("core"), &json!(["said"]), &json!(["team"]))
    );
    assert_eq!(path["parameters"][1]["expected"], "a number, 2 to 9");
    assert_eq!(path["parameters"][2]["expected"], "a string, one of: eu, us");
    assert_eq!(path["steps"][0]["condition"], "parameters.public");
    assert_eq!(
        path["example"]["request"],
        json!({"inputs": {"team": "example", "size": 2, "region": "eu", "public": false, "members": ["a"]}})
    );
    assert_eq!(
        path["example"]["cli"],
        "slipway golden-path run onboard --param team=example --param size=2 --param members=a"
    );
    let answer = service.post("/api/golden-paths/onboard/run", path["example"]["request"].to_string()).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let run = service.get(&format!("{}?reveal=true", answer.headers["location"].to_str().unwrap())).await.json();
    assert_eq!(
        (&run["workflow"], &run["kind"], &run["inputs"]["note"]),
        (&json!("onboard"), &json!("golden_path"), &Value::Null)
    );
}

#[tokio::test]
async fn every_wrong_parameter_is_told_at_once_with_what_was_expected() {
    let service = loaded(parameters()).await;
    let wrong = json!({"inputs": {"team": "X", "size": "many", "region": "mars", "members": [], "nmae": 1}});
    let problem = service.post("/api/golden-paths/onboard/run", wrong.to_string()).await.problem(422, "invalid-inputs");
    let paths: Vec<&Value> = problem["errors"].as_array().unwrap().iter().map(|error| &error["path"]).collect();
    assert_eq!(paths, ["/team", "/size", "/region", "/members", "/nmae"], "{problem:#}");
    assert_eq!(problem["expected"]["size"], "a number, 2 to 9");
    assert_eq!(problem["expected"]["team"], "a string, matching ^[a-z]{2,8}$");
    let none = service.post("/api/golden-paths/onboard/run", "").await.problem(422, "invalid-inputs");
    assert_eq!(none["errors"].as_array().unwrap().len(), 3, "{none:#}");
    let unknown = service.get("/api/golden-paths/onbaord").await.problem(404, "not-found");
    assert!(unknown["detail"].as_str().unwrap().contains("'onboard'"), "{unknown}");
    service.get("/api/golden-paths/make").await.problem(404, "not-found");
    service.get("/api/golden-paths/onboard?provider=other").await.problem(404, "not-found");
}

#[tokio::test]
async fn of_several_versions_the_best_serves_unless_another_is_named() {
    let service = loaded_in(json!([]), &["1.2.3", "1.10.0"]).await;
    let list = service.get("/api/golden-paths").await.json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2, "one of each name: {list:#}");
    assert_eq!(service.get("/api/golden-paths/onboard").await.json()["provider_version"], "1.10.0");
    let older = service.get("/api/golden-paths/onboard?provider=core@1.2.3").await.json();
    assert_eq!(older["provider_version"], "1.2.3", "{older:#}");
    let answer = service.post("/api/golden-paths/onboard/run", r#"{"provider": "core@1.2.3"}"#).await;
    let run = service.get(answer.headers["location"].to_str().unwrap()).await.json();
    assert_eq!(run["provider_version"], "1.2.3");
    service.get("/api/golden-paths/onboard?provider=core@2.0.0").await.problem(404, "not-found");
}
