//! Which provider, in which version, would do what: a dry run and a plan say what the scheduler would choose.

use serde_json::{Map, Value, json};
use shared::{
    domain::{
        ids::RunId,
        run::{Operation, RunKind},
    },
    store::{
        lease, provider, resource,
        run::{self, Finish, NewRun},
    },
};
use tests::seed;

use crate::harness::{Service, score};

/// The record of the provider `maker`, which creates and updates what it serves.
fn record(version: &str, serves: &str) -> (String, String, [u8; 32], Value) {
    let step = json!({"name": "do", "step_type": {"name": "shell", "version": "1.0.0", "image": version, "command": ["true"]}});
    let workflow = |name: &str| json!({"name": name, "category": "provisioner", "parameters": [], "plan": {"steps": [step], "outputs": {}}});
    let by = |name: &str| json!({"workflows": [{"name": name}]});
    let manifest = json!({"name": "maker", "version": version, "digest": "00".repeat(32), "kind": "Provider",
        "capabilities": {serves: {"operations": {"create": by("make"), "update": by("change"), "delete": by("remove")}}},
        "step_types": [], "workflows": [workflow("make"), workflow("change"), workflow("remove")]});
    ("maker".into(), version.into(), [0; 32], manifest)
}

async fn load(service: &Service, records: &[(String, String, [u8; 32], Value)]) {
    let mut tx = service.database.store.begin().await.unwrap();
    provider::replace_all(&mut tx, records).await.unwrap();
    tx.commit().await.unwrap();
}

/// A Score file with one database, and the providers that it pins.
fn spec(pins: Option<&str>, size: u32) -> String {
    let text = score("shop", &[&format!("db: {{type: database, params: {{size: {size}}}}}")]);
    match pins {
        Some(pins) => {
            text.replace("name: shop\n", &format!("name: shop\n  annotations: {{slipway.dev/providers: '{pins}'}}\n"))
        }
        None => text,
    }
}

/// What would be done to the database: action, workflow and version.
async fn change(service: &Service, spec: String) -> Value {
    let answer = service.post("/api/specs?dry_run=true", spec).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let changes = answer.json()["changes"].as_array().unwrap().clone();
    let change = changes.into_iter().find(|it| it["name"] == "db").unwrap();
    json!([change["action"], change["workflow"], change["provider_version"]])
}

/// The version by which `operation` would be done now.
async fn planned(service: &Service, id: &str, operation: &str) -> Value {
    let answer = service.post(&format!("/api/resources/{id}/plan"), json!({"operation": operation}).to_string()).await;
    assert_eq!(answer.status, 202, "no worker makes the plan here: {answer:?}");
    let run = service.get(answer.headers["location"].to_str().unwrap()).await.json();
    json!([run["workflow"], run["provider_version"], run["team"]])
}

/// The run that is to make the database, by this version of its provider.
async fn give(service: &Service, version: &str) -> RunId {
    let mut tx = service.database.store.begin().await.unwrap();
    let resource = resource::lock_unresolved(&mut tx, 10).await.unwrap().remove(0);
    let new = NewRun {
        kind: RunKind::Resource,
        operation: Operation::Create,
        resource_id: Some(resource.id),
        application_id: Some(resource.application_id),
        ..seed::new_run(&seed::two_steps()).unwrap()
    };
    let attachment = resource::Attachment {
        resource_id: resource.id,
        application_id: resource.application_id,
        run_id: new.id,
        operation: Operation::Create,
        provider: "maker".into(),
        provider_version: version.into(),
        resolved_params: Some(resource.params),
    };
    let id = new.id;
    run::create_all(&mut tx, &[new]).await.unwrap();
    resource::attach_all(&mut tx, &[attachment]).await.unwrap();
    tx.commit().await.unwrap();
    id
}

#[tokio::test]
async fn a_dry_run_and_a_plan_choose_the_versions_that_the_scheduler_would() {
    let service = Service::configured(|config| config.api.request_timeout_s = 2).await;
    load(&service, &["1.0.0", "1.1.0", "2.0.0"].map(|version| record(version, "database"))).await;
    assert_eq!(change(&service, spec(None, 1)).await, json!(["create", "make", "2.0.0"]));
    assert_eq!(change(&service, spec(Some("maker=^1"), 1)).await, json!(["create", "make", "1.1.0"]));

    let answer = service.post("/api/specs?team=blue", spec(Some("maker=1.0.0"), 1)).await.json();
    let id = answer["resources"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(planned(&service, &id, "create").await, json!(["make", "1.0.0", "blue"]), "the pin decides");

    // Given to 1.1.0 and not begun: as good as new. Once it is made, its version stays.
    let run = give(&service, "1.1.0").await;
    assert_eq!(change(&service, spec(None, 2)).await, json!(["update", "make", "2.0.0"]));
    let lease = service.claim(run).await;
    let made = Finish::completed(Map::new(), Vec::new());
    assert!(lease::finish(&service.database.store, lease, &made).await.unwrap().is_applied());
    assert_eq!(change(&service, spec(None, 2)).await, json!(["update", "change", "1.1.0"]));
    service.post("/api/specs", spec(None, 1)).await;
    assert_eq!(planned(&service, &id, "update").await, json!(["change", "1.1.0", "blue"]));

    // A compatible one takes the place of one that is not loaded any more.
    load(&service, &["1.2.0", "2.0.0"].map(|version| record(version, "database"))).await;
    assert_eq!(change(&service, spec(None, 2)).await, json!(["update", "change", "1.2.0"]));
    let removed = service.post("/api/specs?dry_run=true", score("shop", &[])).await.json();
    assert_eq!(
        (&removed["changes"][0]["action"], &removed["changes"][0]["provider_version"]),
        (&json!("delete"), &json!("1.2.0"))
    );
}

#[tokio::test]
async fn a_file_whose_content_stayed_at_home_is_refused_where_the_containers_would_run() {
    let service = Service::start().await;
    let spec =
        score("shop", &[]).replace("image: busybox\n", "image: busybox\n    files:\n      /etc/a: {source: a.conf}\n");
    let recorded = service.post("/api/specs", spec.clone()).await;
    assert_eq!(recorded.status, 201, "nothing runs that would need it: {recorded:?}");
    assert!(recorded.json()["notes"][0].as_str().unwrap().contains("recorded and not run"), "{recorded:?}");

    load(&service, &[record("1.0.0", "workload")]).await;
    for uri in ["/api/specs", "/api/specs?dry_run=true"] {
        let problem = service.post(uri, spec.clone()).await.problem(422, "invalid-spec");
        let error = &problem["errors"][0];
        assert_eq!((&error["line"], &error["column"]), (&json!(8), &json!(16)), "{problem}");
        assert_eq!(error["path"], "/containers/main/files/~1etc~1a/source");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("'a.conf'") && message.contains("`slipway deploy` sends"), "{message}");
    }
    let whole = spec.replace("source: a.conf", "content: x");
    let accepted = service.post("/api/specs", whole).await;
    assert_eq!(accepted.json()["changes"]["create"], json!(["workload"]), "{accepted:?}");
    service.post("/api/specs/shop/rollback", r#"{"generation": 1}"#).await.problem(422, "invalid-spec");
}
