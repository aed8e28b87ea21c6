//! A team sees and touches its own.

use std::io::Write as _;

use axum::{
    body::Body,
    http::{Request, header},
};
use serde_json::{Value, json};
use shared::{
    config::Config,
    domain::access::Role,
    store::api_key::{self, NewKey},
};
use tests::belongings::{self, Belongings};

use crate::harness::{Answer, Service, score};

/// The service as somebody sees it.
struct Seen<'a> {
    service: &'a Service,
    key: String,
}

impl Seen<'_> {
    async fn send(&self, method: &str, uri: &str, body: impl Into<Body>) -> Answer {
        let request = Request::builder().method(method).uri(uri);
        let request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.key));
        self.service.send(request.body(body.into()).unwrap()).await
    }

    async fn get(&self, uri: &str) -> Answer {
        self.send("GET", uri, Body::empty()).await
    }

    async fn submit(&self, query: &str, body: String) -> Answer {
        self.send("POST", &format!("/api/specs{query}"), body).await
    }

    /// What a list shows of this member.
    async fn listed(&self, uri: &str, member: &str) -> Vec<String> {
        let answer = self.get(uri).await;
        assert_eq!(answer.status, 200, "{uri}: {answer:?}");
        let items = answer.json()["items"].as_array().unwrap().clone();
        items.iter().map(|item| item[member].as_str().unwrap().to_owned()).collect()
    }
}

async fn seen<'a>(service: &'a Service, name: &str, roles: &[&str], teams: &[&str]) -> Seen<'a> {
    let pool = &service.database.pool;
    let person = belongings::person(pool, name, roles, teams).await.unwrap();
    Seen { service, key: belongings::key_of(pool, person).await.unwrap().1 }
}

async fn belongings_of(service: &Service, team: &str) -> Belongings {
    let database = &service.database;
    let person = belongings::person(&database.pool, &format!("of-{team}"), &[], &[]).await.unwrap();
    Belongings::make(&database.store, &database.pool, team, person).await.unwrap()
}

#[tokio::test]
async fn lists_show_what_is_of_the_callers_teams() {
    let service = Service::start().await;
    let (ours, theirs) = (belongings_of(&service, "payments").await, belongings_of(&service, "search").await);
    let ada = seen(&service, "ada", &["viewer"], &["payments"]).await;
    assert_eq!(ada.listed("/api/specs", "name").await, std::slice::from_ref(&ours.application));
    assert_eq!(ada.listed("/api/resources", "id").await, [ours.resource.to_string()]);
    assert_eq!(ada.listed("/api/workflows", "id").await, [ours.run.to_string()]);
    assert_eq!(ada.listed("/api/approvals", "run_id").await, [ours.run.to_string()]);
    // A filter selects among them.
    let of_theirs = format!("/api/resources?application={}", theirs.application);
    assert!(ada.listed(&of_theirs, "id").await.is_empty());
    assert!(ada.listed("/api/workflows?team=search", "id").await.is_empty());

    let both = seen(&service, "bea", &["viewer"], &["payments", "search"]).await;
    assert_eq!(both.listed("/api/workflows", "id").await.len(), 2);
    let auditor = seen(&service, "carl", &["auditor"], &[]).await;
    assert_eq!(auditor.listed("/api/specs", "name").await.len(), 2);
    let nobody = seen(&service, "dan", &["viewer"], &[]).await;
    let refused = nobody.get("/api/specs").await.problem(403, "forbidden");
    assert!(refused["detail"].as_str().unwrap().contains("you belong to no team"), "{refused}");
}

#[tokio::test]
async fn a_new_application_is_of_a_team_of_its_submitters() {
    let service = Service::start().await;
    let ada = seen(&service, "ada", &["developer"], &["payments"]).await;
    let answer = ada.submit("", score("one", &[])).await;
    assert_eq!((answer.status.as_u16(), answer.json()["application"]["team"].as_str()), (201, Some("payments")));
    let refused = ada.submit("?team=search", score("two", &[])).await.problem(403, "forbidden");
    let detail = "application.submit on team/search needs the role admin or developer in the team search; you have the role \
                  developer, in the team payments";
    assert_eq!(refused["detail"], detail);

    let bea = seen(&service, "bea", &["developer"], &["payments", "search"]).await;
    let asked = bea.submit("", score("three", &[])).await.problem(400, "bad-request");
    assert_eq!(asked["teams"], json!(["payments", "search"]));
    assert_eq!(bea.submit("?team=search", score("three", &[])).await.status, 201);
    // Whose it is already needs no saying.
    assert_eq!(bea.submit("", score("three", &["db: {type: postgres}"])).await.status, 201);
    assert_eq!(bea.submit("", score("one", &["db: {type: postgres}"])).await.status, 201);
    let other = bea.submit("?team=payments", score("three", &[])).await.problem(409, "other-team");
    assert_eq!(other["team"], "search");

    // Admins: `default`, as nobody said.
    let answer = service.post("/api/specs", score("four", &[])).await;
    assert_eq!(answer.json()["application"]["team"], "default");
}

#[tokio::test]
async fn a_name_taken_by_another_team_does_not_say_by_whom() {
    let service = Service::start().await;
    let ada = seen(&service, "ada", &["developer"], &["payments"]).await;
    let eve = seen(&service, "eve", &["developer"], &["rivals"]).await;
    assert_eq!(ada.submit("", score("shop", &[])).await.status, 201);
    for query in ["", "?dry_run=true", "?team=rivals"] {
        let taken = eve.submit(query, score("shop", &["db: {type: postgres}"])).await;
        let problem = taken.problem(409, "name-taken");
        assert!(!problem.to_string().contains("payments"), "{problem}");
    }
    let generations = ada.get("/api/specs/shop/generations").await.json();
    assert_eq!(generations["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_shared_resource_is_read_by_those_who_use_it_and_changed_by_its_owner() {
    let service = Service::start().await;
    let owner = seen(&service, "ada", &["developer"], &["payments"]).await;
    let user = seen(&service, "bea", &["developer"], &["search"]).await;
    let other = seen(&service, "eve", &["developer"], &["rivals"]).await;
    assert_eq!(owner.submit("", score("bank", &["hub: {type: kafka, id: hub}"])).await.status, 201);
    assert_eq!(user.submit("", score("find", &["hub: {type: kafka, id: hub}"])).await.status, 201);
    let id = owner.listed("/api/resources", "id").await.remove(0);
    assert_eq!(user.listed("/api/resources", "id").await, std::slice::from_ref(&id));

    let uri = format!("/api/resources/{id}");
    let pool = &service.database.pool;
    let run = belongings::run_of(&service.database.store, pool, "payments").await.unwrap();
    belongings::last_run(pool, id.parse().unwrap(), run).await.unwrap();
    let (whole, part) = (owner.get(&uri).await.json(), user.get(&uri).await.json());
    assert_eq!((&whole["last_run_id"], &part["last_run_id"]), (&json!(run.to_string()), &Value::Null));
    let used_by = |of: &Value| of["used_by"].as_array().unwrap().iter().map(|it| it["application"].clone()).collect();
    let (by_owner, by_user): (Vec<Value>, Vec<Value>) = (used_by(&whole), used_by(&part));
    assert_eq!((by_owner, by_user), (vec![json!("bank")], vec![json!("find")]));
    assert!(!part.to_string().contains(&run.to_string()), "{part}");
    let graph = user.get(&format!("{uri}/graph")).await.text();
    assert!(!graph.contains("bank") && graph.contains("find"), "{graph}");

    for verb in ["retry", "read", "reconcile", "adopt", "forget"] {
        user.send("POST", &format!("{uri}/{verb}"), Body::empty()).await.problem(403, "forbidden");
        other.send("POST", &format!("{uri}/{verb}"), Body::empty()).await.problem(404, "not-found");
    }
    user.get(&format!("{uri}?reveal=true")).await.problem(403, "forbidden");
    user.get(&format!("{uri}/state")).await.problem(403, "forbidden");
    other.get(&uri).await.problem(404, "not-found");
    assert_eq!(owner.get(&format!("{uri}?reveal=true")).await.status, 200);
}

#[tokio::test]
async fn a_run_that_waits_for_another_teams_does_not_say_which() {
    let service = Service::start().await;
    let database = &service.database;
    let theirs = belongings::run_of(&database.store, &database.pool, "rivals").await.unwrap();
    let ours = belongings::run_of(&database.store, &database.pool, "payments").await.unwrap();
    belongings::in_group(&database.pool, "windows", theirs, ours).await.unwrap();
    let ada = seen(&service, "ada", &["viewer"], &["payments"]).await;
    for uri in [format!("/api/workflows/{ours}"), "/api/workflows".to_owned()] {
        let text = ada.get(&uri).await.text();
        assert!(text.contains("a run of another team is not over"), "{text}");
        assert!(!text.contains(&theirs.to_string()), "{text}");
    }
    let admins = service.get(&format!("/api/workflows/{ours}")).await.json();
    assert_eq!(admins["blocked_by"], theirs.to_string());
}

#[tokio::test]
async fn people_of_another_team_decide_when_the_workflow_asks_them() {
    let service = Service::start().await;
    let database = &service.database;
    let run = belongings::run_of(&database.store, &database.pool, "payments").await.unwrap();
    belongings::asked(&database.pool, run, &["lead"], &["platform"]).await.unwrap();
    let lead = seen(&service, "lee", &["viewer", "lead"], &["platform"]).await;
    let own = seen(&service, "ada", &["developer", "lead"], &["payments"]).await;
    let stranger = seen(&service, "eve", &["approver", "lead"], &["rivals"]).await;
    let uri = format!("/api/workflows/{run}/steps/one/approve");
    assert_eq!(lead.listed("/api/approvals", "run_id").await, [run.to_string()]);
    assert_eq!(lead.get(&format!("/api/workflows/{run}")).await.status, 200);
    lead.send("POST", &format!("/api/workflows/{run}/cancel"), Body::empty()).await.problem(403, "forbidden");
    let refused = own.send("POST", &uri, Body::empty()).await.problem(403, "forbidden");
    assert!(refused["detail"].as_str().unwrap().contains("lead"), "{refused}");
    stranger.send("POST", &uri, Body::empty()).await.problem(404, "not-found");
    assert_eq!(lead.send("POST", &uri, Body::empty()).await.json()["status"], "approved");
}

#[tokio::test]
async fn one_may_ask_before_one_does() {
    let service = Service::start().await;
    let its = belongings_of(&service, "payments").await;
    let ada = seen(&service, "ada", &["viewer"], &["payments"]).await;
    let eve = seen(&service, "eve", &["developer"], &["rivals"]).await;
    let ask = |action: &str, object: String| format!("/api/auth/explain?action={action}&object={object}");
    let answer = ada.get(&ask("read", format!("run/{}", its.run))).await.json();
    assert_eq!((&answer["allowed"], &answer["policies"]), (&json!(true), &json!(["teams-read-what-concerns-them"])));
    let answer = ada.get(&ask("delete", format!("application/{}", its.application))).await.json();
    assert_eq!((&answer["allowed"], &answer["policies"]), (&json!(false), &json!([])));
    assert_eq!(answer["allowed_roles"], json!(["admin", "developer"]));
    assert_eq!(answer["object_team"], "payments");
    eve.get(&ask("read", format!("run/{}", its.run))).await.problem(404, "not-found");
    let answer = eve.get("/api/auth/can-i?action=submit&object=application/new").await.json();
    assert_eq!((&answer["allowed"], &answer["teams"]), (&json!(true), &json!(["rivals"])));
    assert_eq!(eve.get("/api/auth/can-i?action=metrics.read").await.json()["allowed"], false);
    assert_eq!(service.get("/api/auth/can-i?action=run.cancel").await.json()["allowed"], true);
    let wrong = ada.get("/api/auth/can-i?action=cancle&object=run/x").await.problem(400, "bad-request");
    assert!(wrong["detail"].as_str().unwrap().contains("did you mean 'run.cancel'"), "{wrong}");
    ada.get("/api/auth/can-i?action=run.cancel&object=application/x").await.problem(404, "not-found");
    let questions = json!({"questions": [
        {"action": "read", "object": format!("run/{}", its.run)},
        {"action": "run.cancel", "object": format!("run/{}", its.run)},
        {"action": "metrics.read"},
        {"action": "read", "object": "run/0198c1a2-7d3e-7000-8000-000000000001"},
        {"action": "cancle"},
    ]});
    let all = ada.send("POST", "/api/auth/can-i", Body::from(questions.to_string())).await;
    assert_eq!(all.status, 200, "{all:?}");
    let all = all.json();
    let told: Vec<_> = all["answers"].as_array().unwrap().iter().map(|it| (&it["allowed"], &it["problem"])).collect();
    let (yes, no) = (json!(true), json!(false));
    let (none, unknown, wrong) = (json!(null), json!("not-found"), json!("bad-request"));
    assert_eq!(told, [(&yes, &none), (&no, &none), (&no, &none), (&no, &unknown), (&no, &wrong)]);
    // Each is what it would be alone.
    let alone = ada.get(&format!("/api/auth/can-i?action=run.cancel&object=run/{}", its.run)).await.json();
    assert_eq!(all["answers"][1], alone);
    let hidden = eve.send("POST", "/api/auth/can-i", Body::from(questions.to_string())).await.json();
    assert_eq!((&hidden["answers"][0]["problem"], &hidden["answers"][3]["problem"]), (&unknown, &unknown));
    let many = json!({"questions": vec![json!({"action": "metrics.read"}); 51]}).to_string();
    ada.send("POST", "/api/auth/can-i", Body::from(many)).await.problem(400, "bad-request");
    ada.send("POST", "/api/auth/can-i", Body::from(r#"{"asks": []}"#)).await.problem(400, "bad-request");
    let other = format!("/api/auth/can-i?action=run.cancel&object=application/{}", its.application);
    ada.get(&other).await.problem(400, "bad-request");
    eve.get(&other).await.problem(404, "not-found");
}

#[tokio::test]
async fn policies_of_the_instance_bind_lists_and_admins_too() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(
        br#"@id("closed-books") forbid (principal, action in Action::"read", resource) when { resource.team == "board" };"#,
    )
    .unwrap();
    let change = |config: &mut Config| config.access.policies = vec![file.path().to_owned()];
    let service = Service::configured(change).await;
    let (open, closed) = (belongings_of(&service, "payments").await, belongings_of(&service, "board").await);
    let admin = Seen { service: &service, key: service.key.clone() };
    assert_eq!(admin.listed("/api/specs", "name").await, [open.application]);
    admin.get(&format!("/api/specs/{}", closed.application)).await.problem(404, "not-found");
    assert_eq!(admin.submit("", score("new", &[])).await.json()["application"]["team"], "default");
}

#[tokio::test]
async fn without_an_answer_from_postgres_nothing_is_allowed() {
    let service = Service::start().await;
    let its = belongings_of(&service, "payments").await;
    service.database.store.pool().close().await;
    for uri in ["/api/specs".to_owned(), format!("/api/workflows/{}", its.run), "/api/queues".to_owned()] {
        service.get(&uri).await.problem(503, "unavailable");
    }
    service.delete(&format!("/api/specs/{}", its.application)).await.problem(503, "unavailable");
}

#[tokio::test]
async fn a_key_without_the_scope_is_told_so() {
    let service = Service::start().await;
    let its = belongings_of(&service, "payments").await;
    let scopes = Some(vec!["run.cancel".to_owned()]);
    let teams = vec!["payments".to_owned()];
    let new = NewKey { scopes, teams, ..NewKey::of_nobody("robot", Role::Developer) };
    let key = api_key::create(service.database.store.pool(), &new).await.unwrap().1;
    let robot = Seen { service: &service, key };
    let refused = robot.get(&format!("/api/workflows/{}", its.run)).await.problem(403, "forbidden");
    assert_eq!(refused["detail"], "the scopes of this key do not include run.read; it has: run.cancel");
    let scopes = Some(vec!["application.read".to_owned()]);
    let teams = vec!["payments".to_owned()];
    let new = NewKey { scopes, teams, ..NewKey::of_nobody("reader", Role::Viewer) };
    let key = api_key::create(service.database.store.pool(), &new).await.unwrap().1;
    let detail = Seen { service: &service, key }.get(&format!("/api/specs/{}", its.application)).await.json();
    assert_eq!(detail["items"][0]["id"], its.resource.to_string(), "what it is good for it gets whole");
    let cancelled = robot.send("POST", &format!("/api/workflows/{}/cancel", its.run), Body::empty()).await;
    assert_eq!(cancelled.status, 202, "{cancelled:?}");
    assert_eq!(robot.get("/api/auth/can-i?action=run.cancel").await.json()["allowed"], true);
}

#[tokio::test]
async fn the_state_protocol_is_for_developers_and_a_forced_unlock_for_admins() {
    let service = Service::start().await;
    let its = belongings_of(&service, "payments").await;
    let viewer = seen(&service, "ada", &["viewer"], &["payments"]).await;
    let developer = seen(&service, "bea", &["developer"], &["payments"]).await;
    let stranger = seen(&service, "eve", &["developer"], &["rivals"]).await;
    let uri = format!("/api/resources/{}/state", its.resource);
    let lock = || r#"{"ID": "one", "Who": "bea"}"#;
    viewer.send("LOCK", &uri, lock()).await.problem(403, "forbidden");
    stranger.send("LOCK", &uri, lock()).await.problem(404, "not-found");
    assert_eq!(developer.send("LOCK", &uri, lock()).await.status, 200);
    let forced = developer.send("UNLOCK", &uri, Body::empty()).await.problem(403, "forbidden");
    assert_eq!(forced["action"], "state.unlock");
    assert_eq!(developer.send("UNLOCK", &uri, lock()).await.status, 200);
    let admin = Seen { service: &service, key: service.key.clone() };
    assert_eq!(developer.send("LOCK", &uri, lock()).await.status, 200);
    assert_eq!(admin.send("UNLOCK", &uri, Body::empty()).await.status, 200);
}
