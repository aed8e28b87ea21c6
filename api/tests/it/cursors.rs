//! Lists of few things as a rule, which go on by cursor all the same: nothing ends where a page does.

use serde_json::{Value, json};
use shared::store::provider;
use tests::{belongings, database::execute_all};
use uuid::Uuid;

use crate::harness::{Service, score};

/// All items of a list, two a page.
async fn walk(service: &Service, uri: &str) -> Vec<Value> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    let joint = if uri.contains('?') { '&' } else { '?' };
    loop {
        let answer = service.get(&format!("{uri}{joint}limit=2{cursor}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let page = answer.json();
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return seen,
        }
        assert_eq!(items.len(), 2, "{uri}: a page with another after it is full");
    }
}

/// What a list shows of its items, page by page; and that one page has the same.
async fn shown(service: &Service, uri: &str, members: &[&str]) -> Vec<String> {
    let text = |item: &Value| members.iter().map(|it| item[it].as_str().unwrap()).collect::<Vec<_>>().join(" ");
    let paged: Vec<String> = walk(service, uri).await.iter().map(text).collect();
    let whole = service.get(uri).await.json();
    let whole: Vec<String> = whole["items"].as_array().unwrap().iter().map(text).collect();
    assert_eq!(paged, whole, "{uri}");
    paged
}

#[tokio::test]
async fn limits_and_freezes_go_on_after_a_page() {
    let service = Service::start().await;
    for which in ["type/postgres", "group/deploy%2Fprod", "group/deploy", "type/redis", "queue/default", "team/search"]
    {
        assert_eq!(service.put(&format!("/api/limits/{which}"), r#"{"most": 5}"#).await.status, 200, "{which}");
    }
    assert_eq!(
        shown(&service, "/api/limits", &["kind", "name"]).await,
        ["group deploy", "group deploy/prod", "queue default", "team search", "type postgres", "type redis"]
    );
    for name in ["weekends", "peak", "audit", "b.2", "launch"] {
        let freeze = json!({"name": name, "ends_at": "2099-01-01T00:00:00Z"});
        assert_eq!(service.post("/api/freezes", freeze.to_string()).await.status, 201, "{name}");
    }
    assert_eq!(shown(&service, "/api/freezes", &["name"]).await, ["audit", "b.2", "launch", "peak", "weekends"]);
    for uri in ["/api/limits?cursor=bm90aGluZw", "/api/limits?limit=501", "/api/freezes?cursor=%21"] {
        service.get(uri).await.problem(400, "bad-request");
    }
}

#[tokio::test]
async fn views_and_logins_go_on_after_a_page() {
    let service = Service::start().await;
    for (page, name) in [("runs", "a/b"), ("runs", "a"), ("runs", "c"), ("resources", "a"), ("resources", "degraded")] {
        let view = json!({"page": page, "name": name, "query": "x=1"});
        assert_eq!(service.post("/api/views", view.to_string()).await.status, 201);
    }
    let names = shown(&service, "/api/views", &["page", "name"]).await;
    assert_eq!(names, ["resources a", "resources degraded", "runs a", "runs a/b", "runs c"]);
    assert_eq!(shown(&service, "/api/views?page=runs", &["name"]).await, ["a", "a/b", "c"]);

    let person = belongings::person(&service.database.pool, "dora", &["developer"], &["shop"]).await.unwrap();
    let (mut statements, mut ids) = (String::new(), Vec::new());
    for n in 0..5 {
        ids.push(Uuid::now_v7().to_string());
        statements += &format!(
            "INSERT INTO session (id, hash, person_id, address, agent, expires_at)
             VALUES ('{}', sha256('{n}'), '{person}', '::1', 'test', now() + interval '1 h');",
            ids[n]
        );
    }
    execute_all(&service.database.pool, statements).await.unwrap();
    ids.reverse();
    assert_eq!(shown(&service, &format!("/api/sessions?person={person}"), &["id"]).await, ids);
}

#[tokio::test]
async fn providers_their_workflows_golden_paths_and_sources_go_on_after_a_page() {
    let service = Service::start().await;
    let record = |name: &str, version: &str| {
        let workflow = |name: &str| json!({"name": name, "category": "goldenpath", "parameters": [], "tags": [], "plan": {"steps": [], "outputs": {}}});
        let workflows = ["zip", "onboard", "leave"].map(workflow);
        let manifest = json!({"name": name, "version": version, "digest": "00".repeat(32), "kind": "Provider", "capabilities": {},
                              "workflows": workflows, "step_types": []});
        (name.to_owned(), version.to_owned(), [0; 32], manifest)
    };
    let records =
        [record("core", "1.0.0"), record("core", "1.2.0"), record("db", "0.1.0"), record("net", "3.0.0-rc.1+x")];
    let mut tx = service.database.store.begin().await.unwrap();
    provider::replace_all(&mut tx, &records).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        shown(&service, "/api/providers", &["name", "version"]).await,
        ["core 1.0.0", "core 1.2.0", "db 0.1.0", "net 3.0.0-rc.1+x"]
    );
    let versions = walk(&service, "/api/providers").await;
    let serving: Vec<&Value> = versions.iter().map(|it| &it["default"]).collect();
    assert_eq!(serving, [false, true, true, true], "a page knows of the versions on another");
    assert_eq!(shown(&service, "/api/providers/core/workflows", &["name"]).await, ["zip", "onboard", "leave"]);
    let paths = shown(&service, "/api/golden-paths", &["name", "provider"]).await;
    let expected = ["leave", "onboard", "zip"].map(|path| ["core", "db", "net"].map(|it| format!("{path} {it}")));
    assert_eq!(paths, expected.concat());

    for name in ["one", "two", "three", "four", "five"] {
        let source = json!({"name": name, "url": "https://git.example.org/it.git", "ref": "v1"});
        assert_eq!(service.post("/api/admin/providers/sources", source.to_string()).await.status, 201);
    }
    let sources = shown(&service, "/api/admin/providers/sources", &["name"]).await;
    assert_eq!(sources, ["five", "four", "one", "three", "two"]);
}

#[tokio::test]
async fn a_resource_tells_all_who_use_it_and_all_that_happened_to_it() {
    let service = Service::start().await;
    service.post("/api/specs", score("owner", &["db: {type: postgres, id: main}"])).await;
    let id = service.get("/api/resources").await.json()["items"][0]["id"].as_str().unwrap().to_owned();
    let mut statements = String::new();
    for n in 0..120 {
        let application = Uuid::now_v7();
        statements += &format!(
            "INSERT INTO team (name) VALUES ('team-{team}') ON CONFLICT DO NOTHING;
             INSERT INTO application (id, name, team, generation) VALUES ('{application}', 'app-{n:03}', 'team-{team}', 1);
             INSERT INTO resource_user (resource_id, application_id, name) VALUES ('{id}', '{application}', 'a/b'), ('{id}', '{application}', 'db');",
            team = n % 2
        );
    }
    for n in 0..150 {
        let kind = if n % 3 == 0 { "resource.active" } else { "run.completed" };
        statements += &format!("INSERT INTO event (type, resource_id, step) VALUES ('{kind}', '{id}', '{n}');");
    }
    execute_all(&service.database.pool, statements).await.unwrap();

    let users = walk(&service, &format!("/api/resources/{id}/users")).await;
    let text = |it: &Value| format!("{} {}", it["application"].as_str().unwrap(), it["name"].as_str().unwrap());
    let all: Vec<String> = users.iter().map(text).collect();
    let expected = (0..120).flat_map(|n| ["a/b", "db"].map(|name| format!("app-{n:03} {name}")));
    assert_eq!(all, ["owner db".to_owned()].into_iter().chain(expected).collect::<Vec<_>>());
    // What comes with the resource, and what the cursor beside it leads to, are all.
    let detail = service.get(&format!("/api/resources/{id}")).await.json();
    let first: Vec<String> = detail["used_by"].as_array().unwrap().iter().map(text).collect();
    let cursor = detail["used_by_cursor"].as_str().unwrap();
    let rest = service.get(&format!("/api/resources/{id}/users?limit=500&cursor={cursor}")).await.json();
    let rest = rest["items"].as_array().unwrap().iter().map(text);
    assert_eq!(first.into_iter().chain(rest).collect::<Vec<_>>(), all);

    let history = walk(&service, &format!("/api/resources/{id}/history")).await;
    let steps: Vec<&str> = history.iter().filter_map(|it| it["step"].as_str()).collect();
    assert_eq!(steps, (0..150).rev().map(|n| n.to_string()).collect::<Vec<_>>());
    let own = walk(&service, &format!("/api/resources/{id}/history?own=true")).await;
    let steps: Vec<&str> = own.iter().filter_map(|it| it["step"].as_str()).collect();
    assert_eq!(steps, (0..150).rev().filter(|n| n % 3 == 0).map(|n| n.to_string()).collect::<Vec<_>>());
    service.get(&format!("/api/resources/{id}/history?cursor=eA")).await.problem(400, "bad-request");
}
