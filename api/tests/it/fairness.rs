//! Limits, freezes, weights, and why things wait.

use std::time::Duration;

use serde_json::{Value, json};
use shared::{
    domain::{access::Role, ids::RunId},
    store::{
        api_key::{self, NewKey},
        promote, run, worker,
    },
};
use tests::seed;

use crate::harness::Service;

async fn run_of(service: &Service, team: &str) -> RunId {
    let mut tx = service.database.store.begin().await.unwrap();
    let new = seed::new_run(&seed::two_steps()).unwrap();
    let id = new.id;
    run::create_all(&mut tx, &[run::NewRun { team: team.into(), ..new }]).await.unwrap();
    tx.commit().await.unwrap();
    id
}

async fn promote(service: &Service) -> usize {
    promote::promote(service.database.store.pool(), Duration::from_secs(3600), 100).await.unwrap().len()
}

async fn send(service: &Service, method: &str, uri: &str, body: Value) -> crate::harness::Answer {
    service.send(service.request(method, uri).body(body.to_string().into()).unwrap()).await
}

async fn audited(service: &Service, action: &str) -> Vec<Value> {
    service.get(&format!("/api/audit?action={action}")).await.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_limit_is_set_shown_audited_and_removed() {
    let service = Service::start().await;
    let set = send(&service, "PUT", "/api/limits/type/postgres", json!({"most": 2, "reason": "small"})).await;
    assert_eq!(set.status, 200, "{}", set.text());
    let limit = set.json();
    assert_eq!((&limit["kind"], &limit["most"], &limit["used"]), (&json!("type"), &json!(2), &json!(0)));
    send(&service, "PUT", "/api/limits/type/postgres", json!({"most": 5})).await;
    let entry = audited(&service, "limit.write").await.remove(0);
    assert_eq!(
        (&entry["object"], &entry["before"]["most"], &entry["after"]["most"]),
        (&json!("limit/type/postgres"), &json!(2), &json!(5))
    );
    assert_eq!(service.get("/api/limits").await.json()["items"].as_array().unwrap().len(), 1);
    assert_eq!(service.get("/api/limits/type/postgres").await.json()["most"], 5);
    assert_eq!(send(&service, "DELETE", "/api/limits/type/postgres", json!({})).await.status, 204);
    assert_eq!(send(&service, "DELETE", "/api/limits/type/postgres", json!({})).await.status, 404);
    assert_eq!(service.get("/api/limits/type/postgres").await.status, 404);

    for (uri, body, why) in [
        (
            "/api/limits/colour/red",
            json!({"most": 1}),
            "kind: 'colour' is not one of: team, type, provider, queue, group",
        ),
        ("/api/limits/type/x", json!({"most": -1}), "most: from 0 to 10000"),
        ("/api/limits/group/x", json!({"most": 1001}), "most: from 0 to 1000"),
        ("/api/limits/type/x", json!({"most": 1, "reason": "x".repeat(501)}), "reason: at most 500 characters"),
    ] {
        let refused = send(&service, "PUT", uri, body).await;
        assert_eq!((refused.status.as_u16(), refused.json()["detail"].as_str()), (400, Some(why)), "{uri}");
    }
}

#[tokio::test]
async fn a_run_that_a_freeze_holds_says_so_and_begins_when_an_admin_overrides_it_with_a_reason() {
    let service = Service::start().await;
    worker::register(service.database.store.pool(), &seed::new_worker(4)).await.unwrap();
    let made = send(
        &service,
        "POST",
        "/api/freezes",
        json!({"name": "peak", "team": "shop", "ends_at": "2999-01-01T00:00:00Z", "reason": "we sell"}),
    )
    .await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(made.json()["on"], true);
    let run = run_of(&service, "shop").await;
    assert_eq!(promote(&service).await, 0);
    let why = service.get(&format!("/api/workflows/{run}/explain")).await.json();
    assert_eq!(why["code"], "FreezeWindow");
    assert_eq!(why["what"], "freeze 'peak' is on until 2999-01-01T00:00:00Z: we sell");
    assert_eq!(why["blocked_by"], json!([{"kind": "freeze", "id": "peak", "name": "peak", "link": "/api/freezes"}]));
    assert!(why["estimate"]["basis"].as_str().unwrap().starts_with("freeze 'peak' ends then"), "{why}");

    let uri = format!("/api/workflows/{run}/override-freeze");
    assert_eq!(send(&service, "POST", &uri, json!({"reason": " "})).await.status, 400);
    let developer = NewKey { teams: vec!["shop".into()], ..NewKey::of_nobody("dev", Role::Developer) };
    let key = api_key::create(service.database.store.pool(), &developer).await.unwrap().1;
    let request = axum::http::Request::post(&uri).header("authorization", format!("Bearer {key}"));
    let refused = service.send(request.body(json!({"reason": "please"}).to_string().into()).unwrap()).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(send(&service, "POST", &uri, json!({"reason": "it burns"})).await.status, 204);
    assert_eq!(promote(&service).await, 1);
    let entry = audited(&service, "freeze.override").await.remove(0);
    assert_eq!((&entry["object"], &entry["after"]["reason"]), (&json!(format!("run/{run}")), &json!("it burns")));
    let history = service.get(&format!("/api/workflows/{run}")).await.json()["history"].clone();
    assert!(history.as_array().unwrap().iter().any(|it| it["type"] == "run.freeze_overridden"), "{history}");
    assert_eq!(service.get(&format!("/api/workflows/{run}/explain")).await.json()["code"], Value::Null);

    assert_eq!(send(&service, "DELETE", "/api/freezes/peak", json!({})).await.status, 204);
    assert_eq!(send(&service, "DELETE", "/api/freezes/peak", json!({})).await.status, 404);
}

#[tokio::test]
async fn a_freeze_that_makes_no_sense_is_refused() {
    let service = Service::start().await;
    let again = json!({"name": "w", "cron": "0 18 * * fri", "duration_s": 7200, "time_zone": "Europe/Berlin"});
    assert_eq!(send(&service, "POST", "/api/freezes", again.clone()).await.status, 201);
    assert_eq!(send(&service, "POST", "/api/freezes", again).await.status, 409);
    for (body, why) in [
        (json!({"name": "x"}), "cron, duration_s, starts_at, ends_at: "),
        (json!({"name": "x", "cron": "0 18 * * fri"}), "cron, duration_s, starts_at, ends_at: "),
        (json!({"name": "x", "cron": "often", "duration_s": 60}), "cron: 'often' has not five fields"),
        (json!({"name": "x", "cron": "0 0 * * *", "duration_s": 1}), "duration_s: "),
        (
            json!({"name": "x", "cron": "0 0 * * *", "duration_s": 60, "time_zone": "Mars"}),
            "time_zone: there is no 'Mars'",
        ),
        (json!({"name": "x", "ends_at": "2001-01-01T00:00:00Z"}), "ends_at: "),
        (json!({"name": "-", "ends_at": "2999-01-01T00:00:00Z"}), "name: "),
        (json!({"name": "x", "team": "", "ends_at": "2999-01-01T00:00:00Z"}), "team: "),
    ] {
        let refused = send(&service, "POST", "/api/freezes", body.clone()).await;
        let detail = refused.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert!(refused.status == 400 && detail.starts_with(why), "{body}: {detail}");
    }
}

#[tokio::test]
async fn limits_and_freezes_of_teams_are_shown_to_those_who_may_know_of_the_team() {
    let service = Service::start().await;
    for team in ["shop", "ads"] {
        send(&service, "PUT", &format!("/api/limits/team/{team}"), json!({"most": 2})).await;
        let freeze = json!({"name": team, "team": team, "ends_at": "2999-01-01T00:00:00Z"});
        assert_eq!(send(&service, "POST", "/api/freezes", freeze).await.status, 201);
    }
    let viewer = NewKey { teams: vec!["shop".into()], ..NewKey::of_nobody("eve", Role::Viewer) };
    let key = api_key::create(service.database.store.pool(), &viewer).await.unwrap().1;
    for uri in ["/api/limits", "/api/freezes"] {
        let request = axum::http::Request::get(uri).header("authorization", format!("Bearer {key}"));
        let items = service.send(request.body(axum::body::Body::empty()).unwrap()).await.json()["items"].clone();
        let names: Vec<_> = items.as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
        assert_eq!(names, ["shop"], "{uri}");
    }
}

#[tokio::test]
async fn a_teams_weight_is_set_and_audited() {
    let service = Service::start().await;
    let set = send(&service, "PUT", "/api/teams/shop", json!({"weight": 3})).await;
    assert_eq!((set.status.as_u16(), &set.json()["weight"]), (200, &json!(3)), "{}", set.text());
    // Quotas leave it as it is.
    let quotas = send(&service, "PUT", "/api/teams/shop/quotas", json!({"runs": 5})).await.json();
    assert_eq!((&quotas["weight"], &quotas["quotas"]["runs"]), (&json!(3), &json!(5)));
    for wrong in [json!({"weight": 0}), json!({"weight": 1001}), json!({})] {
        assert_eq!(send(&service, "PUT", "/api/teams/shop", wrong.clone()).await.status, 400, "{wrong}");
    }
    assert_eq!(audited(&service, "quota.write").await[1]["after"], json!({"weight": 3}));
}

#[tokio::test]
async fn a_run_in_line_is_explained_with_its_place_and_what_would_end_the_wait() {
    let service = Service::start().await;
    worker::register(service.database.store.pool(), &seed::new_worker(1)).await.unwrap();
    let first = run_of(&service, "shop").await;
    let mut last = first;
    for _ in 0..3 {
        last = run_of(&service, "shop").await;
    }
    promote(&service).await;
    let why = service.get(&format!("/api/workflows/{last}/explain")).await.json();
    assert_eq!((&why["code"], &why["position"], &why["estimate"]), (&json!("QueueFull"), &json!(3), &Value::Null));
    assert_eq!(why["blocked_by"][0]["link"], "/api/queues/default");
    assert_eq!(why["unblocked_by"], "a slot that becomes free; more workers, or more slots of theirs");
    let on_its_way = service.get(&format!("/api/workflows/{first}/explain")).await.json();
    assert_eq!((&on_its_way["code"], &on_its_way["status"]), (&Value::Null, &json!("queued")));
    assert_eq!(service.get(&format!("/api/workflows/{}/explain", RunId::new())).await.status, 404);
}
