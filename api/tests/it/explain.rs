//! Why runs and resources wait: told to whoever may ask, with the names of what they may know of.

use axum::body::Body;
use serde_json::{Value, json};
use shared::{
    domain::{
        access::Role,
        ids::{ApplicationId, ResourceId, RunId},
        run::{Operation, RunKind, WaitReason},
    },
    store::{
        api_key::{self, NewKey},
        run,
    },
};
use tests::{database::execute_all, seed};

use crate::harness::{Answer, Service};

/// Asks as somebody who reads what these teams have.
async fn ask(service: &Service, teams: &[&str], uri: &str) -> Answer {
    let teams = teams.iter().map(ToString::to_string).collect();
    let viewer = NewKey { teams, ..NewKey::of_nobody("eve", Role::Viewer) };
    let key = api_key::create(service.database.store.pool(), &viewer).await.unwrap().1;
    let request = axum::http::Request::get(uri).header("authorization", format!("Bearer {key}"));
    service.send(request.body(Body::empty()).unwrap()).await
}

async fn blockers(service: &Service, teams: &[&str], uri: &str) -> Value {
    let answer = ask(service, teams, uri).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["blocked_by"].clone()
}

async fn execute(service: &Service, sql: String) {
    execute_all(&service.database.pool, sql).await.unwrap();
}

/// A run of a team with the steps `one` and `two`.
async fn run_of(service: &Service, team: &str, change: impl FnOnce(&mut run::NewRun)) -> RunId {
    let mut tx = service.database.store.begin().await.unwrap();
    let mut new = run::NewRun { team: team.into(), ..seed::new_run(&seed::two_steps()).unwrap() };
    change(&mut new);
    let id = new.id;
    run::create_all(&mut tx, &[new]).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// A resource of an application of that name and of a team.
async fn resource(service: &Service, name: &str, team: &str) -> (ApplicationId, ResourceId) {
    let (application, id) = (ApplicationId::new(), ResourceId::new());
    let sql = format!(
        "INSERT INTO application (id, name, team, generation) VALUES ('{application}', '{team}', '{team}', 1);
         INSERT INTO resource (id, application_id, name, type, identity, shared) VALUES ('{id}', '{application}', '{name}', 'db', '{name}', true);
         INSERT INTO resource_user (resource_id, application_id, name) VALUES ('{id}', '{application}', '{name}')"
    );
    execute(service, sql).await;
    (application, id)
}

#[tokio::test]
async fn a_resource_says_what_it_waits_for_and_names_what_the_asker_may_know_of() {
    let service = Service::start().await;
    let (shop, db) = resource(&service, "db", "shop").await;
    let (ads, bus) = resource(&service, "bus", "ads").await;
    let run = run_of(&service, "shop", |new| {
        (new.kind, new.operation, new.inputs) = (RunKind::Resource, Operation::Create, None);
        (new.application_id, new.resource_id) = (Some(shop), Some(db));
        new.reason = Some((WaitReason::WaitingForDependency, "waits for bus".into()));
    })
    .await;
    let sql = format!(
        "UPDATE resource SET state = 'provisioning', current_run_id = '{run}' WHERE id = '{db}';
         INSERT INTO resource_dependency (resource_id, depends_on_id) VALUES ('{db}', '{bus}')"
    );
    execute(&service, sql).await;
    let uri = format!("/api/resources/{db}/explain");
    let known = json!([{"kind": "resource", "id": bus, "name": "bus", "link": format!("/api/resources/{bus}")}]);
    let unknown = json!([{"kind": "resource", "id": null, "name": "a resource of another team", "link": null}]);

    let told = ask(&service, &["shop"], &uri).await.json();
    assert_eq!((&told["code"], &told["run"]), (&json!("WaitingForDependency"), &json!(run)), "{told:#}");
    assert_eq!(told["blocked_by"], unknown, "its owner may not know of it");
    assert!(told["since"].is_string() && told["unblocked_by"].is_string(), "{told:#}");
    assert_eq!(blockers(&service, &["shop", "ads"], &uri).await, known);
    assert_eq!(service.get(&uri).await.json()["blocked_by"], known);
    assert_eq!(blockers(&service, &["shop"], &format!("/api/workflows/{run}/explain")).await, unknown);
    assert_eq!(ask(&service, &["ads"], &uri).await.status, 404, "it is none of theirs");

    // Shared with them it is: they are told why it waits, and not by which run.
    execute(
        &service,
        format!("INSERT INTO resource_user (resource_id, application_id, name) VALUES ('{db}', '{ads}', 'db')"),
    )
    .await;
    let told = ask(&service, &["ads"], &uri).await.json();
    assert_eq!((&told["code"], &told["run"]), (&json!("WaitingForDependency"), &Value::Null), "{told:#}");
    assert_eq!(told["blocked_by"], known, "that one is theirs");
    assert_eq!(ask(&service, &["ads"], &format!("/api/workflows/{run}/explain")).await.status, 404);

    // Without a run, by what it needs itself.
    let sql = format!(
        "UPDATE resource SET state = 'active', current_run_id = NULL, reconcile_requested_at = now() WHERE id = '{db}';
         UPDATE resource SET state = 'failed', error_code = 'StepFailed' WHERE id = '{bus}'"
    );
    execute(&service, sql).await;
    let told = ask(&service, &["shop"], &uri).await.json();
    assert_eq!((&told["code"], &told["blocked_by"]), (&json!("DependencyFailed"), &unknown), "{told:#}");
    assert_eq!(blockers(&service, &["ads"], &uri).await, known);
}

#[tokio::test]
async fn a_run_that_waits_for_a_decision_and_a_run_of_another_team_says_so_and_names_what_the_asker_may_know_of() {
    let service = Service::start().await;
    let run = run_of(&service, "shop", |_| {}).await;
    let child = run_of(&service, "ads", |_| {}).await;
    let sql = format!(
        "UPDATE step SET status = 'waiting', wait = '{{\"kind\": \"approval\"}}' WHERE run_id = '{run}' AND name = 'one';
         UPDATE step SET status = 'waiting', wait = '{{\"kind\": \"child\", \"workflow\": \"w\", \"run\": \"{child}\"}}'
         WHERE run_id = '{run}' AND name = 'two';
         INSERT INTO approval (step_id, run_id, message, roles, teams)
         SELECT id, run_id, 'go on?', '{{lead}}', '{{ops}}' FROM step WHERE run_id = '{run}' AND name = 'one';
         UPDATE run SET kind = 'child', parent_run_id = '{run}', parent_step_id = (SELECT id FROM step WHERE run_id = '{run}' AND name = 'two')
         WHERE id = '{child}';
         UPDATE run SET status = 'suspended', reason = 'WaitingForApproval', reason_detail = 'step one waits for a decision' WHERE id = '{run}'"
    );
    execute(&service, sql).await;
    let uri = format!("/api/workflows/{run}/explain");
    let link = format!("/api/workflows/{run}");
    let steps = [
        json!({"kind": "step", "id": "one", "name": "one: waits for one of ops with the role lead", "link": link}),
        json!({"kind": "step", "id": "two", "name": "two: waits for the run that it started", "link": link}),
    ];
    let [one, two] = &steps;
    let known = json!({"kind": "run", "id": child, "name": child, "link": format!("/api/workflows/{child}")});
    let unknown = json!({"kind": "run", "id": null, "name": "a run of another team", "link": null});

    let told = ask(&service, &["shop"], &uri).await.json();
    assert_eq!((&told["code"], &told["what"]), (&json!("WaitingForApproval"), &json!("step one waits for a decision")));
    assert_eq!(told["blocked_by"], json!([one, two, unknown]), "{told:#}");
    assert_eq!(blockers(&service, &["shop", "ads"], &uri).await, json!([one, two, known]));
    assert_eq!(service.get(&uri).await.json()["blocked_by"], json!([one, two, known]));
    assert_eq!(ask(&service, &["ads"], &uri).await.status, 404);
}
