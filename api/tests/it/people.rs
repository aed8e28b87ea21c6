//! Who is known, and lists of what is theirs: people, their logins, their teams' secrets.

use std::time::Duration;

use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use shared::{
    config::SecretKey,
    store::session::{self, NewSession},
};
use tests::{belongings, database::execute};
use uuid::Uuid;

use crate::harness::{Answer, Service};

async fn ask(service: &Service, key: &str, method: &str, uri: &str) -> Answer {
    let request = Request::builder().method(method).uri(uri).header("authorization", format!("Bearer {key}"));
    service.send(request.body(Body::empty()).unwrap()).await
}

/// One member of all items of a list, two a page.
async fn walk(service: &Service, uri: &str, member: &str) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = service.get(&format!("{uri}limit=2{cursor}")).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let page = page.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|it| it[member].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return seen,
        }
    }
}

#[tokio::test]
async fn people_are_listed_by_name_page_by_page_with_their_teams_and_when_they_were_seen() {
    let service = Service::start().await;
    let pool = &service.database.pool;
    for (name, teams) in
        [("dora", &["payments"][..]), ("ada", &["payments", "search"]), ("zoe", &[]), ("bob/x", &["search"])]
    {
        belongings::person(pool, name, &["developer"], teams).await.unwrap();
    }
    // A namesake, whom a provider vouches for, and somebody who is kept out.
    execute(
        pool,
        "INSERT INTO person (id, issuer, subject, name, email, roles, teams, last_login_at, disabled_at)
         VALUES (gen_random_uuid(), 'https://login.example.org', '7', 'dora', 'd@example.org', '{viewer}', '{search}',
                 '2026-11-01T00:00:00Z', NULL),
                (gen_random_uuid(), 'file', 'mallory', 'mallory', NULL, '{}', '{}', NULL, now())",
    )
    .await
    .unwrap();
    execute(pool, "UPDATE person SET issuer = 'file' WHERE name = 'ada'").await.unwrap();
    assert_eq!(walk(&service, "/api/people?", "name").await, ["ada", "bob/x", "dora", "dora", "zoe"]);
    assert_eq!(walk(&service, "/api/people?team=search&", "name").await, ["ada", "bob/x", "dora"]);
    let all = ["ada", "bob/x", "dora", "dora", "mallory", "zoe"];
    assert_eq!(walk(&service, "/api/people?disabled=true&", "name").await, all);

    let page = service.get("/api/people").await.json();
    let ada = &page["items"][0];
    assert_eq!((&ada["issuer"], &ada["last_seen_at"], &ada["disabled_at"]), (&Value::Null, &Value::Null, &Value::Null));
    assert_eq!((&ada["roles"], &ada["teams"]), (&json!(["developer"]), &json!(["payments", "search"])));
    let known = page["items"].as_array().unwrap();
    let sent = known.iter().find(|it| it["issuer"] == "https://login.example.org").unwrap();
    assert_eq!((&sent["email"], &sent["last_seen_at"]), (&"d@example.org".into(), &"2026-11-01T00:00:00Z".into()));
    assert!(!page.to_string().contains("password"), "{page}");
    // A use of a key counts as being seen.
    let id: Uuid = ada["id"].as_str().unwrap().parse().unwrap();
    let (_, key) = belongings::key_of(pool, id).await.unwrap();
    assert_eq!(ask(&service, &key, "GET", "/api/whoami").await.status, 200);
    execute(pool, "UPDATE api_key SET last_used_at = '2026-11-02T00:00:00Z' WHERE person_id IS NOT NULL")
        .await
        .unwrap();
    let page = service.get("/api/people").await.json();
    assert_eq!(page["items"][0]["last_seen_at"], "2026-11-02T00:00:00Z");
    ask(&service, &key, "GET", "/api/people").await.problem(403, "forbidden");
    for cursor in ["eA", "not base64", "YS9i"] {
        let uri = format!("/api/people?cursor={}", cursor.replace(' ', "%20"));
        service.get(&uri).await.problem(400, "bad-request");
    }
}

#[tokio::test]
async fn an_admin_lists_and_ends_the_logins_of_others_and_nobody_else_does() {
    let service = Service::start().await;
    let (store, pool) = (&service.database.store, &service.database.pool);
    let dora = belongings::person(pool, "dora", &["developer"], &["payments"]).await.unwrap();
    let vera = belongings::person(pool, "vera", &["developer"], &["payments"]).await.unwrap();
    let login = async |agent: &str| {
        let lifetime = Duration::from_secs(3600);
        let mut tx = store.begin().await.unwrap();
        let new = NewSession { person: dora, address: "192.0.2.1", agent, lifetime };
        let (id, _) = session::begin(&mut tx, new).await.unwrap();
        tx.commit().await.unwrap();
        id
    };
    let (first, second) = (login("one").await, login("two").await);
    let (_, own) = belongings::key_of(pool, dora).await.unwrap();
    let (_, colleague) = belongings::key_of(pool, vera).await.unwrap();
    let of_dora = format!("/api/sessions?person={dora}");
    let agents = async |key: &str, uri: &str| -> Vec<String> {
        let list = ask(&service, key, "GET", uri).await.json();
        list["items"].as_array().unwrap().iter().map(|it| it["agent"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(agents(&own, "/api/sessions").await, ["two", "one"]);
    assert_eq!(agents(&own, &of_dora).await, ["two", "one"]);
    assert_eq!(agents(&service.key, &of_dora).await, ["two", "one"]);
    assert_eq!(agents(&service.key, "/api/sessions").await, [""; 0], "a key of nobody's has no logins");
    let refused = ask(&service, &colleague, "GET", &of_dora).await.problem(403, "forbidden");
    assert_eq!(refused["action"], "session.read");
    ask(&service, &colleague, "DELETE", &format!("/api/sessions/{first}")).await.problem(404, "not-found");
    assert_eq!(ask(&service, &service.key, "DELETE", &format!("/api/sessions/{first}")).await.status, 204);
    service.delete(&format!("/api/sessions/{first}")).await.problem(404, "not-found");
    assert_eq!(agents(&own, "/api/sessions").await, ["two"]);
    assert_eq!(ask(&service, &own, "DELETE", &format!("/api/sessions/{second}")).await.status, 204);
    let ended = service.get("/api/audit?action=session.end").await.json();
    assert_eq!(ended["items"].as_array().unwrap().len(), 2, "{ended:#}");
}

#[tokio::test]
async fn secrets_are_listed_page_by_page_the_teams_first_then_by_application() {
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), "07".repeat(32)).unwrap();
    let sealing = SecretKey { id: "test".into(), file: Some(key.path().to_owned()), ..SecretKey::default() };
    let service = Service::configured(|config| config.secrets.keys.push(sealing)).await;
    for name in ["web", "api"] {
        let made = service.post("/api/specs?team=shop", crate::harness::score(name, &[])).await;
        assert_eq!(made.status, 201, "{}", made.text());
    }
    for place in ["teams/shop", "specs/web", "specs/api"] {
        for name in ["B", "a", "C"] {
            let uri = format!("/api/{place}/secrets/{name}");
            assert_eq!(service.put(&uri, r#"{"value": "it is secret"}"#).await.status, 200);
        }
    }
    // In the order of the database's collation, whatever that is; the same in each part.
    let names = walk(&service, "/api/specs/web/secrets?", "name").await;
    assert_eq!(names.len(), 3);
    let all = walk(&service, "/api/teams/shop/secrets?", "name").await;
    assert_eq!(all, [&names[..], &names[..], &names[..]].concat());
    let whole = service.get("/api/teams/shop/secrets?limit=500").await;
    assert!(!whole.text().contains("it is secret"));
    let owners: Vec<Value> =
        whole.json()["items"].as_array().unwrap().iter().map(|it| it["application"].clone()).collect();
    let expected: Vec<Value> =
        [Value::Null, "api".into(), "web".into()].into_iter().flat_map(|it| [it.clone(), it.clone(), it]).collect();
    assert_eq!(owners, expected);
    service.get("/api/teams/shop/secrets?cursor=%20").await.problem(400, "bad-request");
}
