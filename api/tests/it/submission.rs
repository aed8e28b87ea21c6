//! Submitting Score files: what is accepted, what is refused, and what happens only once.

use axum::body::Body;
use serde_json::json;
use shared::{
    domain::ids::{ApplicationId, ResourceId},
    store::resource,
};

use crate::harness::{Service, score};

#[tokio::test]
async fn a_submission_makes_an_application_a_generation_and_its_resources() {
    let service = Service::start().await;
    let file = score(
        "shop",
        &["db: {type: postgres, params: {size: 1}}", "dns: {type: dns, params: {host: '${resources.db.host}'}}"],
    );
    let answer = service.post("/api/specs", file).await;
    assert_eq!(answer.status, 201, "{:?}", answer.bytes);
    assert_eq!(answer.headers["location"], "/api/specs/shop");
    let body = answer.json();
    assert_eq!(body["application"]["name"], "shop");
    assert_eq!(body["application"]["team"], "default");
    assert_eq!((&body["generation"], &body["unchanged"]), (&json!(1), &json!(false)));
    let resources = body["resources"].as_array().unwrap();
    assert_eq!(resources.len(), 2);
    assert!(resources.iter().all(|it| it["state"] == "requested" && it["status"] == "pending"), "{body}");
    let of = |name: &str| resources.iter().find(|it| it["name"] == name).unwrap();
    assert_eq!(of("db")["identity"], "postgres.default#shop.db");

    let id = of("dns")["id"].as_str().unwrap();
    let detail = service.get(&format!("/api/resources/{id}")).await.json();
    assert_eq!(detail["depends_on"], json!([of("db")["id"]]));
    assert_eq!(detail["history"][0]["type"], "resource.requested");
    assert_eq!(detail["history"][0]["actor"], "tester");
}

#[tokio::test]
async fn the_same_content_again_changes_nothing_whatever_its_layout() {
    let service = Service::start().await;
    let first = service.post("/api/specs", score("shop", &["db: {type: postgres, params: {a: 1, b: 2}}"])).await;
    let yaml = score("shop", &["db:", "  params: {b: 2, a: 1}   # the other way round", "  type: postgres"]);
    let again = service.post("/api/specs", yaml).await;
    assert_eq!(again.status, 200, "{:?}", again.bytes);
    assert_eq!(again.json()["unchanged"], true);
    assert_eq!(again.json()["generation"], 1);
    assert_eq!(again.json()["resources"][0]["id"], first.json()["resources"][0]["id"]);

    let json = json!({"apiVersion": "score.dev/v1b1", "metadata": {"name": "shop"}, "containers": {"main": {"image": "busybox"}},
                      "resources": {"db": {"type": "postgres", "params": {"a": 1, "b": 2}}}});
    let request = service.request("POST", "/api/specs").header("content-type", "application/json");
    assert_eq!(service.send(request.body(Body::from(json.to_string())).unwrap()).await.status, 200);
}

#[tokio::test]
async fn one_more_resource_is_a_new_generation_that_makes_only_that_one() {
    let service = Service::start().await;
    let first = service.post("/api/specs", score("shop", &["db: {type: postgres}"])).await.json();
    let second = service.post("/api/specs", score("shop", &["db: {type: postgres}", "cache: {type: redis}"])).await;
    assert_eq!(second.status, 201);
    let body = second.json();
    assert_eq!(body["generation"], 2);
    let ids: Vec<&str> = body["resources"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 2);
    assert!(ids.contains(&first["resources"][0]["id"].as_str().unwrap()));
}

#[tokio::test]
async fn a_submission_that_changes_and_removes_resources_says_which() {
    let service = Service::start().await;
    service.post("/api/specs", score("shop", &["db: {type: postgres}", "cache: {type: redis}"])).await;
    let answer = service.post("/api/specs", score("shop", &["db: {type: postgres, params: {size: 2}}"])).await;
    assert_eq!(answer.status, 201, "{:?}", answer.bytes);
    let changes = &answer.json()["changes"];
    assert_eq!(changes["update"], json!([{"name": "db", "params": [{"path": "/size", "after": 2}]}]));
    assert_eq!(changes["remove"], json!(["cache"]));
    assert_eq!(answer.json()["message"], "generation 2 was accepted: changes db; removes cache");
    let shop = service.get("/api/specs/shop").await.json();
    let of = |name: &str| shop["items"].as_array().unwrap().iter().find(|it| it["name"] == name).cloned().unwrap();
    assert_eq!((&of("db")["params"], &of("db")["absent"]), (&json!({"size": 2}), &json!(false)));
    assert_eq!(of("cache")["absent"], true);
}

#[tokio::test]
async fn another_type_under_the_same_name_waits_for_the_first_to_be_gone() {
    let service = Service::start().await;
    service.post("/api/specs", score("shop", &["db: {type: postgres}"])).await;
    let answer = service.post("/api/specs", score("shop", &["db: {type: mysql}"])).await;
    assert_eq!(answer.json()["changes"]["create"], json!(["db"]), "{:?}", answer.bytes);
    assert_eq!(answer.json()["changes"]["remove"], json!(["db"]));
    assert_eq!(service.get("/api/specs/shop").await.json()["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_protected_is_neither_deleted_nor_dropped_from_a_spec() {
    let service = Service::start().await;
    let guarded = "db: {type: postgres, metadata: {annotations: {slipway.dev/deletion-protection: 'true'}}}";
    service.post("/api/specs", score("shop", &[guarded, "cache: {type: redis}"])).await;
    let problem = service.delete("/api/specs/shop").await.problem(409, "protected");
    assert_eq!(problem["resources"], json!(["db"]));
    service.post("/api/specs", score("shop", &["cache: {type: redis}"])).await.problem(409, "protected");

    // A spec without the annotation lifts it; then a person protects the whole.
    service.post("/api/specs", score("shop", &["db: {type: postgres}", "cache: {type: redis}"])).await;
    let answer = service.put("/api/specs/shop/protection", r#"{"protected": true}"#).await;
    assert_eq!(answer.json()["protected"], true, "{:?}", answer.bytes);
    let problem = service.delete("/api/specs/shop").await.problem(409, "protected");
    assert!(problem["detail"].as_str().unwrap().contains("application 'shop' is protected"), "{problem}");
    service.put("/api/specs/shop/protection", r#"{"protected": false}"#).await;
    service.put("/api/specs/shop/protection", r#"{"protected": true, "resource": "cache"}"#).await;
    assert_eq!(service.delete("/api/specs/shop").await.problem(409, "protected")["resources"], json!(["cache"]));
    service
        .put("/api/specs/shop/protection", r#"{"protected": true, "resource": "none"}"#)
        .await
        .problem(404, "not-found");
    service.put("/api/specs/shop/protection", r#"{"protected": false, "resource": "cache"}"#).await;
    assert_eq!(service.delete("/api/specs/shop").await.status, 202);
}

#[tokio::test]
async fn an_earlier_generation_comes_back_as_a_new_one() {
    let service = Service::start().await;
    service.post("/api/specs", score("shop", &["db: {type: postgres, params: {size: 1}}"])).await;
    service.post("/api/specs/shop/rollback", "").await.problem(409, "no-earlier-generation");
    service.post("/api/specs", score("shop", &["db: {type: postgres, params: {size: 2}}", "dns: {type: dns}"])).await;
    let answer = service.post("/api/specs/shop/rollback", r#"{"generation": 1}"#).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["generation"]), (201, &json!(3)), "{:?}", answer.bytes);
    assert_eq!(answer.json()["changes"]["remove"], json!(["dns"]));

    let all = service.get("/api/specs/shop/generations").await.json();
    let items = all["items"].as_array().unwrap();
    assert_eq!(items.iter().map(|it| it["number"].as_i64().unwrap()).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!((&items[0]["restores"], &items[0]["removed"]), (&json!(1), &json!(["dns"])));
    assert_eq!((&items[1]["added"], &items[1]["changed"]), (&json!(["dns"]), &json!(["db"])));
    let page = service.get("/api/specs/shop/generations?limit=1").await.json();
    assert_eq!((&page["items"][0]["removed"], &page["next_cursor"]), (&json!(["dns"]), &json!("3")));
    let second = service.get("/api/specs/shop/generations/2").await.json();
    let paths: Vec<&str> = second["diff"].as_array().unwrap().iter().map(|it| it["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/resources/db/params/size", "/resources/dns"]);
    service.get("/api/specs/shop/generations/9").await.problem(404, "not-found");
    service.post("/api/specs/shop/rollback", r#"{"generation": 9}"#).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_dry_run_shows_what_would_be_done_and_does_nothing() {
    let service = Service::start().await;
    let first = [
        "db: {type: postgres, params: {size: 1}}",
        "dns: {type: dns, params: {host: '${resources.db.host}'}}",
        "old: {type: dns}",
    ];
    service.post("/api/specs", score("shop", &first)).await;
    let next = [
        "db: {type: postgres, params: {size: 2}}",
        "dns: {type: dns, params: {host: '${resources.db.host}'}}",
        "new: {type: dns}",
    ];
    let answer = service.post("/api/specs?dry_run=true", score("shop", &next)).await;
    assert_eq!(answer.status, 200, "{:?}", answer.bytes);
    let told: Vec<(String, String)> = answer.json()["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["action"].as_str().unwrap().to_owned(), it["name"].as_str().unwrap().to_owned()))
        .collect();
    let expected = [("delete", "old"), ("update", "db"), ("create", "new"), ("compare", "dns")];
    assert_eq!(told, expected.map(|(action, name)| (action.to_owned(), name.to_owned())));
    assert_eq!(answer.json()["changes"][1]["params"], json!([{"path": "/size", "before": 1, "after": 2}]));
    assert_eq!(service.get("/api/specs/shop").await.json()["generation"], 1);
    assert_eq!(service.post("/api/specs?dry_run=true", score("never", &[])).await.json()["created"], true);
    assert_eq!(service.get("/api/specs/never").await.status, 404);
}

#[tokio::test]
async fn an_application_can_be_given_a_time_to_live_and_more_of_it() {
    let service = Service::start().await;
    let answer = service.post("/api/specs?ttl=2h", score("shop", &[])).await.json();
    let first = answer["application"]["expires_at"].as_str().unwrap().to_owned();
    let longer = service.put("/api/specs/shop/ttl", r#"{"ttl": "3d"}"#).await.json();
    assert!(longer["expires_at"].as_str().unwrap() > first.as_str());
    // Sent again as it was, it lives from now on.
    let again = service.post("/api/specs?ttl=2h", score("shop", &[])).await;
    assert_eq!((again.status.as_u16(), &again.json()["unchanged"]), (200, &json!(true)));
    assert!(again.json()["application"]["expires_at"].as_str().unwrap() < longer["expires_at"].as_str().unwrap());
    let unlimited = service.put("/api/specs/shop/ttl", r#"{"ttl": null}"#).await.json();
    assert!(unlimited["expires_at"].is_null(), "{unlimited}");
    service.post("/api/specs?ttl=soon", score("shop", &[])).await.problem(400, "bad-request");
}

#[tokio::test]
async fn tags_and_workflows_beside_the_spec_are_a_generation_of_their_own() {
    let service = Service::start().await;
    let file = score("shop", &["db: {type: postgres}"]);
    service.post("/api/specs", file.clone()).await;
    let answer = service.post("/api/specs?tags=fast,eu&workflow_override=db=fast-path", file.clone()).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["generation"]), (201, &json!(2)), "{:?}", answer.bytes);
    let db = &answer.json()["resources"][0];
    assert_eq!((&db["tags"], &db["workflow_override"]), (&json!(["eu", "fast"]), &json!("fast-path")));
    let wrong = service.post("/api/specs?workflow_override=bd=fast-path", file).await.problem(422, "invalid-spec");
    assert!(wrong["detail"].as_str().unwrap().contains("did you mean 'db'"), "{wrong}");
}

#[tokio::test]
async fn a_shared_resource_is_one_resource_and_is_asked_for_in_one_way() {
    let service = Service::start().await;
    let one = service.post("/api/specs", score("one", &["dns: {type: dns, id: main, params: {zone: a}}"])).await.json();
    let two = service.post("/api/specs", score("two", &["names: {type: dns, id: main, params: {zone: a}}"])).await;
    assert_eq!(two.status, 201, "{:?}", two.bytes);
    assert_eq!(two.json()["resources"][0]["id"], one["resources"][0]["id"]);
    let three = service.post("/api/specs", score("three", &["dns: {type: dns, id: main, params: {zone: b}}"])).await;
    assert_eq!(three.problem(409, "shared-conflict")["resources"], json!(["dns"]));
    assert_eq!(service.get("/api/specs/three").await.status, 404, "a refused submission leaves nothing");

    // The application that asked first goes; the other keeps the resource.
    assert_eq!(service.delete("/api/specs/one").await.json()["status"], "deleted");
    let kept = service.get("/api/specs/two").await.json();
    assert_eq!(kept["items"][0]["absent"], false);
    assert_eq!(kept["items"][0]["application"], "two");
}

#[tokio::test]
async fn what_is_not_shared_is_not_had_by_an_id_spelled_like_it() {
    let service = Service::start().await;
    let of = |path: &str| {
        let (service, path) = (&service, format!("/api/resources/{path}"));
        async move { service.get(&path).await.json() }
    };
    let mine = service.post("/api/specs", score("shop", &["db: {type: postgres}"])).await.json();
    let id = mine["resources"][0]["id"].as_str().unwrap().to_owned();
    let alike = |name| score(name, &["db: {type: postgres, id: shop.db}"]);
    let refused = service.post("/api/specs", alike("rival")).await.problem(409, "shared-conflict");
    assert!(refused["detail"].as_str().unwrap().contains("'db' (postgres.default#shop.db)"), "{refused}");
    assert_eq!(service.get("/api/specs/rival").await.status, 404, "a refused submission leaves nothing");

    // Its own application opens it, and it stays the resource it was.
    assert_eq!(service.post("/api/specs", alike("shop")).await.status, 201);
    assert_eq!(of(&id).await["shared"], true);
    let theirs = service.post("/api/specs", alike("rival")).await.json();
    assert_eq!(theirs["resources"][0]["id"], id.as_str());
    // It is not closed while others use it.
    service.post("/api/specs", score("shop", &["db: {type: postgres}"])).await.problem(409, "shared-conflict");
    service.delete("/api/specs/rival").await;
    assert_eq!(service.post("/api/specs", score("shop", &["db: {type: postgres}"])).await.status, 201);
    assert_eq!(of(&id).await["shared"], false);
    service.post("/api/specs", alike("rival")).await.problem(409, "shared-conflict");
}

#[tokio::test]
async fn the_same_words_about_different_resources_are_a_conflict() {
    let service = Service::start().await;
    let resources = ["db: {type: postgres}", "dns: {type: dns, id: main, params: {host: '${resources.db.host}'}}"];
    service.post("/api/specs", score("one", &resources)).await;
    service.post("/api/specs", score("two", &resources)).await.problem(409, "shared-conflict");
}

#[tokio::test]
async fn shared_names_that_need_each_other_in_a_circle_are_refused() {
    let service = Service::start().await;
    let resources = [
        "aa: {type: dns, id: main, params: {x: '${resources.bb.host}'}}",
        "bb: {type: dns, id: main, params: {x: '${resources.bb.host}'}}",
    ];
    let answer = service.post("/api/specs", score("shop", &resources)).await;
    answer.problem(422, "invalid-spec");
}

#[tokio::test]
async fn a_deleted_application_is_gone_and_its_name_is_free_again() {
    let service = Service::start().await;
    let first = service.post("/api/specs", score("shop", &["db: {type: postgres}"])).await.json();
    let deletion = service.delete("/api/specs/shop").await;
    assert_eq!((deletion.status.as_u16(), deletion.json()["status"].as_str().unwrap()), (202, "deleting"));
    assert_eq!(service.delete("/api/specs/shop").await.status, 202, "asking again is fine");
    // What comes next has the name at once, and its resources wait until those of the first are gone.
    let early = service.post("/api/specs", score("shop", &["db: {type: postgres}"])).await;
    assert_eq!((early.status.as_u16(), &early.json()["generation"]), (201, &json!(1)));
    assert_ne!(early.json()["application"]["id"], first["application"]["id"]);
    assert_eq!(service.delete("/api/specs/shop").await.json()["status"], "deleting");

    // The scheduler finds that nothing was made for it.
    let id: ResourceId = first["resources"][0]["id"].as_str().unwrap().parse().unwrap();
    let application: ApplicationId = first["application"]["id"].as_str().unwrap().parse().unwrap();
    let mut tx = service.database.store.begin().await.unwrap();
    resource::terminate(&mut tx, id, application, "nothing was made").await.unwrap();
    let id: ResourceId = early.json()["resources"][0]["id"].as_str().unwrap().parse().unwrap();
    let application: ApplicationId = early.json()["application"]["id"].as_str().unwrap().parse().unwrap();
    resource::terminate(&mut tx, id, application, "nothing was made").await.unwrap();
    tx.commit().await.unwrap();
    let gone = service.get("/api/specs/shop").await.json();
    assert_eq!((&gone["status"], &gone["state"]), (&json!("deleted"), &json!("terminated")));
    assert_eq!(gone["items"][0]["state"], "terminated");
    let new = service.post("/api/specs", score("shop", &["db: {type: postgres}"])).await;
    assert_eq!(new.status, 201);
    assert_ne!(new.json()["application"]["id"], first["application"]["id"]);
    assert_ne!(new.json()["resources"][0]["id"], first["resources"][0]["id"]);
}

#[tokio::test]
async fn an_application_without_resources_is_deleted_at_once() {
    let service = Service::start().await;
    service.post("/api/specs", score("plain", &[])).await;
    assert_eq!(service.delete("/api/specs/plain").await.json()["status"], "deleted");
    assert_eq!(service.post("/api/specs", score("plain", &[])).await.status, 201);
    service.delete("/api/specs/never").await.problem(404, "not-found");
}

#[tokio::test]
async fn a_failed_resource_comes_with_the_way_to_try_again() {
    let service = Service::start().await;
    let file = score("shop", &["db: {type: postgrse}"]);
    let first = service.post("/api/specs", file.clone()).await.json();
    let id: ResourceId = first["resources"][0]["id"].as_str().unwrap().parse().unwrap();
    let application: ApplicationId = first["application"]["id"].as_str().unwrap().parse().unwrap();
    let mut tx = service.database.store.begin().await.unwrap();
    resource::fail(&mut tx, id, application, "UnknownResourceType", "no provider serves 'postgrse'").await.unwrap();
    tx.commit().await.unwrap();
    let again = service.post("/api/specs", file).await;
    assert_eq!(again.status, 200);
    assert_eq!(again.json()["failed"][0]["error_code"], "UnknownResourceType");
    assert_eq!(again.json()["failed"][0]["retry"], format!("slipway resource retry {id}"));
    assert_eq!(service.post(&format!("/api/resources/{id}/retry"), "").await.status, 202);
}

#[tokio::test]
async fn many_identical_submissions_at_once_make_one_application() {
    let service = Service::start().await;
    let file = score("shop", &["db: {type: postgres}", "dns: {type: dns, id: main}"]);
    let other = score("other", &["dns: {type: dns, id: main}", "aa: {type: postgres}"]);
    let answers = futures::future::join_all((0..16).map(|n| {
        let body = if n % 2 == 0 { file.clone() } else { other.clone() };
        service.post("/api/specs", body)
    }))
    .await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|&&status| status == 201).count(), 2, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 201].contains(status)), "{statuses:?}");
    assert_eq!(service.get("/api/specs").await.json()["items"].as_array().unwrap().len(), 2);
    assert_eq!(service.get("/api/resources").await.json()["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_request_with_a_key_is_carried_out_once_and_answered_the_same() {
    let service = Service::start().await;
    let keyed = |body: String| {
        service.request("POST", "/api/specs").header("idempotency-key", "k1").body(Body::from(body)).unwrap()
    };
    let file = score("shop", &["db: {type: postgres}"]);
    let answers = futures::future::join_all((0..8).map(|_| service.send(keyed(file.clone())))).await;
    assert!(answers.iter().all(|answer| answer.status == 201 && answer.json() == answers[0].json()), "{answers:?}");
    assert!(answers.iter().all(|answer| answer.headers["location"] == "/api/specs/shop"));
    assert_eq!(answers.iter().filter(|answer| !answer.headers.contains_key("idempotency-replayed")).count(), 1);

    service.send(keyed(score("else", &[]))).await.problem(422, "idempotency-key-reused");
    assert_eq!(service.get("/api/specs/else").await.status, 404);
}

#[tokio::test]
async fn another_team_does_not_take_an_application_over() {
    let service = Service::start().await;
    service.post("/api/specs?team=blue", score("shop", &[])).await;
    assert_eq!(service.get("/api/specs?team=blue").await.json()["items"][0]["name"], "shop");
    let answer = service.post("/api/specs?team=red", score("shop", &["db: {type: postgres}"])).await;
    assert_eq!(answer.problem(409, "other-team")["team"], "blue");
    assert_eq!(service.post("/api/specs", score("shop", &["db: {type: postgres}"])).await.status, 201);
}
