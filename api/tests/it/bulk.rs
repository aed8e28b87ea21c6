//! Lists of runs by every filter, views that are kept, and many runs at once.

use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use shared::{
    domain::{access::Role, ids::RunId},
    store::{
        api_key::{self, NewKey},
        bulk, run,
    },
};
use tests::{database::execute, seed};

use crate::harness::{Answer, Service};

impl Service {
    /// Runs of a golden path, oldest first; `change` makes them different.
    async fn runs(&self, count: usize, change: impl Fn(usize, &mut run::NewRun)) -> Vec<RunId> {
        let mut tx = self.database.store.begin().await.unwrap();
        let mut made = Vec::new();
        for n in 0..count {
            let mut new = seed::new_run(&seed::two_steps()).unwrap();
            change(n, &mut new);
            made.push(new.id);
            run::create_all(&mut tx, &[new]).await.unwrap();
        }
        tx.commit().await.unwrap();
        made
    }

    /// The same, failed.
    async fn failed(&self, count: usize, change: impl Fn(usize, &mut run::NewRun)) -> Vec<RunId> {
        // Marked to be found again.
        let marked = |n: usize, new: &mut run::NewRun| {
            change(n, new);
            new.priority = 77;
        };
        let made = self.runs(count, marked).await;
        let failed = execute(
            &self.database.pool,
            "UPDATE run SET status = 'failed', error_code = 'StepFailed', error_message = 'it failed', finished_at = now(), priority = 0
             WHERE priority = 77",
        )
        .await
        .unwrap();
        assert_eq!(failed, made.len() as u64);
        made
    }

    async fn listed(&self, query: &str) -> Vec<String> {
        let page = self.get(&format!("/api/workflows?{query}")).await;
        assert_eq!(page.status, 200, "{query}: {}", page.text());
        page.json()["items"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect()
    }

    async fn bulk(&self, body: &Value) -> Answer {
        self.post("/api/workflows/bulk", body.to_string()).await
    }

    /// Does what a scheduler does, until there is nothing to do.
    async fn work_off(&self) -> usize {
        let mut done = 0;
        loop {
            let mut tx = self.database.store.begin().await.unwrap();
            let Some(turn) = bulk::next(&mut tx).await.unwrap() else { return done };
            bulk::carry_out(&mut tx, &turn).await.unwrap();
            tx.commit().await.unwrap();
            done += 1;
        }
    }
}

fn text(ids: &[RunId]) -> Vec<String> {
    ids.iter().rev().map(ToString::to_string).collect()
}

#[tokio::test]
async fn runs_are_found_by_every_filter_alone_and_together() {
    let service = Service::start().await;
    let before = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    let plain = service.runs(3, |_, _| {}).await;
    let other = service
        .runs(2, |n, new| {
            new.queue = "eu".into();
            new.team = "payments".into();
            new.provider = "aws".into();
            new.workflow = format!("bucket-{n}");
            new.requested_by = "ada".into();
            new.priority = 1;
        })
        .await;
    let failed = service.failed(2, |_, new| new.provider = "gcp".into()).await;
    for (query, expected) in [
        (String::new(), [plain.clone(), other.clone(), failed.clone()].concat()),
        ("queue=eu".into(), other.clone()),
        ("team=payments".into(), other.clone()),
        ("provider=aws".into(), other.clone()),
        ("workflow=bucket-1".into(), other[1..].to_vec()),
        ("workflow=w".into(), [plain.clone(), failed.clone()].concat()),
        ("workflow=w&provider=gcp".into(), failed.clone()),
        ("requested_by=ada".into(), other.clone()),
        ("error_code=StepFailed".into(), failed.clone()),
        ("status=failed".into(), failed.clone()),
        ("status=pending,failed&team=default".into(), [plain.clone(), failed.clone()].concat()),
        ("kind=golden_path&operation=execute&queue=eu".into(), other.clone()),
        ("kind=resource".into(), vec![]),
        ("prefix=buck".into(), other.clone()),
        (format!("prefix={}", plain[1]), plain[1..2].to_vec()),
        (format!("since={before}"), [plain.clone(), other.clone(), failed.clone()].concat()),
        (format!("until={before}"), vec![]),
        ("status=failed&queue=eu".into(), vec![]),
        ("workflow=none&prefix=buck".into(), vec![]),
    ] {
        assert_eq!(service.listed(&query).await, text(&expected), "{query}");
    }
    for query in ["status=fine", "since=yesterday", "kind=x", "operation=x"] {
        assert_eq!(service.get(&format!("/api/workflows?{query}")).await.status, 400, "{query}");
    }
    let too_long = "x".repeat(101);
    service.get(&format!("/api/workflows?prefix={too_long}")).await.problem(400, "bad-request");
}

#[tokio::test]
async fn a_name_is_found_by_how_it_begins_and_another_teams_is_not() {
    let service = Service::start().await;
    let dora = tests::belongings::person(&service.database.pool, "dora", &["developer"], &["payments"]).await.unwrap();
    let its = tests::belongings::Belongings::make(&service.database.store, &service.database.pool, "payments", dora);
    let its = its.await.unwrap();
    assert_eq!(service.listed(&format!("prefix={}", &its.application[..12])).await, [its.run.to_string()]);
    assert_eq!(service.listed(&format!("application={}", its.application)).await, [its.run.to_string()]);
    assert!(service.listed("prefix=%25").await.is_empty(), "a pattern is no pattern here");
    let stranger = NewKey { teams: vec!["search".into()], ..NewKey::of_nobody("viewer", Role::Viewer) };
    let (_, key) = api_key::create(service.database.store.pool(), &stranger).await.unwrap();
    let request = Request::get("/api/workflows?prefix=shop").header("authorization", format!("Bearer {key}"));
    assert_eq!(service.send(request.body(Body::empty()).unwrap()).await.json()["items"], json!([]));
}

#[tokio::test]
async fn a_list_of_runs_is_walked_forth_and_back() {
    let service = Service::start().await;
    let all = text(&service.runs(7, |_, _| {}).await);
    let page = async |query: &str| service.get(&format!("/api/workflows?limit=3{query}")).await.json();
    let ids = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = page("").await;
    assert_eq!((ids(&first), first.get("previous_cursor")), (all[..3].to_vec(), None));
    let second = page(&format!("&cursor={}", first["next_cursor"].as_str().unwrap())).await;
    assert_eq!(ids(&second), all[3..6]);
    let third = page(&format!("&cursor={}", second["next_cursor"].as_str().unwrap())).await;
    assert_eq!((ids(&third), &third["next_cursor"]), (all[6..].to_vec(), &Value::Null));
    let back = page(&format!("&newer={}", third["previous_cursor"].as_str().unwrap())).await;
    assert_eq!(ids(&back), all[3..6]);
    let start = page(&format!("&newer={}", back["previous_cursor"].as_str().unwrap())).await;
    assert_eq!((ids(&start), start.get("previous_cursor")), (all[..3].to_vec(), None));
    let forged = service.get("/api/workflows?newer=x").await.problem(400, "bad-request");
    assert!(forged["detail"].as_str().unwrap().starts_with("newer:"), "{forged}");
}

#[tokio::test]
async fn all_runs_that_match_are_retried_once_and_progress_is_told() {
    let service = Service::start().await;
    let failed = service.failed(25, |_, _| {}).await;
    service.failed(5, |_, new| new.queue = "eu".into()).await;
    let filter = json!({"status": "failed", "queue": "default"});
    let preview = service.bulk(&json!({"action": "retry", "filter": filter, "dry_run": true})).await;
    assert_eq!((preview.status.as_u16(), &preview.json()["count"]), (200, &json!(25)));
    service.bulk(&json!({"action": "retry", "filter": filter})).await.problem(400, "bad-request");
    let changed = service.bulk(&json!({"action": "retry", "filter": filter, "expected_count": 24})).await;
    assert_eq!(changed.problem(409, "count-changed")["count"], 25);
    let begun = service.bulk(&json!({"action": "retry", "filter": filter, "expected_count": 25})).await;
    assert_eq!(begun.status, 202, "{}", begun.text());
    let place = begun.headers["location"].to_str().unwrap().to_owned();
    assert_eq!((&begun.json()["remaining"], &begun.json()["status"]), (&json!(25), &json!("running")));
    // What changes now does not change which runs are meant; one is retried by a person in between.
    service.failed(1, |_, _| {}).await;
    let by_hand = service.post(&format!("/api/workflows/{}/retry", failed[24]), "").await;
    assert_eq!(by_hand.status, 202);
    assert_eq!(service.work_off().await, 25);
    let over = service.get(&place).await.json();
    assert_eq!((&over["done"], &over["failed"], &over["remaining"]), (&json!(24), &json!(1), &json!(0)));
    assert_eq!((&over["status"], &over["total"]), (&json!("finished"), &json!(25)));
    assert_eq!(over["failures"][0]["run_id"], failed[24].to_string());
    let detail = over["failures"][0]["detail"].as_str().unwrap();
    assert!(detail.contains(by_hand.json()["id"].as_str().unwrap()), "{detail}");
    // Those that were retried are not chosen again.
    let again = service.bulk(&json!({"action": "retry", "filter": filter, "dry_run": true})).await;
    assert_eq!(again.json()["count"], 1);
    assert_eq!(service.listed("status=pending&limit=500").await.len(), 25);
    let entries = service.get("/api/audit?action=run.retry&limit=500").await.json();
    assert_eq!(entries["items"].as_array().unwrap().len(), 25);
    let listed = service.get("/api/bulk").await.json();
    assert_eq!(listed["items"][0]["id"], over["id"]);
}

#[tokio::test]
async fn schedulers_at_the_same_time_and_one_that_dies_do_no_run_twice() {
    let service = Service::start().await;
    service.failed(40, |_, _| {}).await;
    let body = json!({"action": "retry", "filter": {}, "expected_count": 40});
    assert_eq!(service.bulk(&body).await.status, 202);
    // One takes a turn, does it, and dies before it commits.
    let mut dying = service.database.store.begin().await.unwrap();
    let turn = bulk::next(&mut dying).await.unwrap().unwrap();
    bulk::carry_out(&mut dying, &turn).await.unwrap();
    drop(dying);
    let (one, two, three) = tokio::join!(service.work_off(), service.work_off(), service.work_off());
    // Whoever found all that is left in others' hands went home; what these had is done.
    assert_eq!(one + two + three, 40);
    let retries = service.listed("status=pending&limit=500").await;
    assert_eq!(retries.len(), 40);
    let counts = service.get("/api/bulk").await.json()["items"][0].clone();
    assert_eq!((&counts["done"], &counts["failed"], &counts["status"]), (&json!(40), &json!(0), &json!("finished")));
}

#[tokio::test]
async fn an_operation_that_is_stopped_leaves_the_rest_undone() {
    let service = Service::start().await;
    service.runs(10, |_, _| {}).await;
    let body =
        json!({"action": "cancel", "filter": {"status": "pending"}, "expected_count": 10, "reason": "not needed"});
    let place = service.bulk(&body).await.headers["location"].to_str().unwrap().to_owned();
    for _ in 0..4 {
        let mut tx = service.database.store.begin().await.unwrap();
        let turn = bulk::next(&mut tx).await.unwrap().unwrap();
        bulk::carry_out(&mut tx, &turn).await.unwrap();
        tx.commit().await.unwrap();
    }
    let stopped = service.post(&format!("{place}/stop"), "").await.json();
    assert_eq!(
        (&stopped["status"], &stopped["done"], &stopped["remaining"]),
        (&json!("stopped"), &json!(4), &json!(6))
    );
    assert_eq!(service.work_off().await, 0);
    assert_eq!(service.listed("status=pending").await.len(), 6);
    let cancelled = service.get("/api/workflows?status=cancelled&limit=1").await.json();
    assert_eq!(cancelled["items"][0]["error_message"], "not needed");
    service.post(&format!("{place}/stop"), "").await.problem(409, "bulk-over");
    service.get(&format!("/api/bulk/{}", uuid::Uuid::now_v7())).await.problem(404, "not-found");
}

#[tokio::test]
async fn in_bulk_nobody_does_what_they_may_not_do_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("own.cedar");
    std::fs::write(
        &policy,
        r#"@id("keep-w1") forbid (principal, action == Action::"run.cancel", resource is Run) when { resource.workflow == "w1" };"#,
    )
    .unwrap();
    let service = Service::configured(|config| config.access.policies = vec![policy]).await;
    service
        .runs(6, |n, new| {
            new.team = if n < 4 { "payments".into() } else { "search".into() };
            new.workflow = format!("w{}", n % 2);
        })
        .await;
    let key = async |role: Role, scopes: Option<Vec<String>>| {
        let new = NewKey { teams: vec!["payments".into()], scopes, ..NewKey::of_nobody(role.as_str(), role) };
        api_key::create(service.database.store.pool(), &new).await.unwrap().1
    };
    let send = async |key: &str, body: Value| {
        let request = Request::post("/api/workflows/bulk").header("authorization", format!("Bearer {key}"));
        service.send(request.body(Body::from(body.to_string())).unwrap()).await
    };
    let dry = json!({"action": "cancel", "filter": {}, "dry_run": true});
    send(&key(Role::Viewer, None).await, dry.clone()).await.problem(403, "forbidden");
    send(&key(Role::Developer, Some(vec!["run.bulk".into(), "run.retry".into()])).await, dry.clone())
        .await
        .problem(403, "forbidden");
    let developer = key(Role::Developer, None).await;
    assert_eq!(send(&developer, dry).await.json()["count"], 4);
    let body = json!({"action": "cancel", "filter": {}, "expected_count": 4});
    let begun = send(&developer, body).await.json();
    assert_eq!((&begun["total"], &begun["failed"]), (&json!(4), &json!(2)), "{begun}");
    assert_eq!(service.work_off().await, 2);
    let over = service.get(&format!("/api/bulk/{}", begun["id"].as_str().unwrap())).await.json();
    assert_eq!((&over["done"], &over["failed"]), (&json!(2), &json!(2)));
    assert!(over["failures"][0]["detail"].as_str().unwrap().contains("keep-w1"), "{over}");
    assert_eq!(service.listed("status=pending").await.len(), 4);
}

#[tokio::test]
async fn views_are_ones_own_or_the_teams_and_replaced_by_name() {
    let service = Service::start().await;
    let pool = service.database.store.pool();
    let key = async |name: &str, role: Role, team: &str| {
        let new = NewKey { teams: vec![team.to_owned()], ..NewKey::of_nobody(name, role) };
        api_key::create(pool, &new).await.unwrap().1
    };
    let (dora, vera) = (key("dora", Role::Developer, "payments").await, key("vera", Role::Viewer, "payments").await);
    let stranger = key("stan", Role::Developer, "search").await;
    let send = async |key: &str, method: &str, uri: &str, body: Value| {
        let request = Request::builder().method(method).uri(uri).header("authorization", format!("Bearer {key}"));
        service.send(request.body(Body::from(body.to_string())).unwrap()).await
    };
    let view = |name: &str, query: &str| json!({"page": "runs", "name": name, "query": query});
    let mut shared_view = view("ours", "status=failed");
    shared_view["team"] = "payments".into();
    assert_eq!(send(&dora, "POST", "/api/views", view("mine", "status=failed")).await.status, 201);
    assert_eq!(send(&dora, "POST", "/api/views", view("mine", "status=running")).await.status, 201);
    let kept = send(&dora, "POST", "/api/views", shared_view.clone()).await.json();
    send(&vera, "POST", "/api/views", shared_view.clone()).await.problem(403, "forbidden");
    send(&stranger, "POST", "/api/views", shared_view).await.problem(403, "forbidden");
    assert_eq!(send(&vera, "POST", "/api/views", view("vera's", "")).await.status, 201);
    let names = async |key: &str| -> Vec<(String, String)> {
        let listed = send(key, "GET", "/api/views?page=runs", Value::Null).await.json();
        let of = |it: &Value| (it["name"].as_str().unwrap().to_owned(), it["query"].as_str().unwrap().to_owned());
        listed["items"].as_array().unwrap().iter().map(of).collect()
    };
    let pair = |name: &str, query: &str| (name.to_owned(), query.to_owned());
    assert_eq!(names(&dora).await, [pair("mine", "status=running"), pair("ours", "status=failed")]);
    assert_eq!(names(&vera).await, [pair("ours", "status=failed"), pair("vera's", "")]);
    assert!(names(&stranger).await.is_empty());
    let path = format!("/api/views/{}", kept["id"].as_str().unwrap());
    send(&stranger, "DELETE", &path, Value::Null).await.problem(404, "not-found");
    send(&vera, "DELETE", &path, Value::Null).await.problem(403, "forbidden");
    assert_eq!(send(&dora, "DELETE", &path, Value::Null).await.status, 204);
    for wrong in [
        view("", "x"),
        view(&"n".repeat(81), "x"),
        view("a", &"q".repeat(2_001)),
        view("a\n", "x\ny"),
        json!({"page": "RUNS", "name": "a", "query": ""}),
        json!({"page": "runs"}),
    ] {
        send(&dora, "POST", "/api/views", wrong).await.problem(400, "bad-request");
    }
    execute(
        &service.database.pool,
        "INSERT INTO saved_view (id, owner_id, page, name, query, created_by)
         SELECT gen_random_uuid(), owner_id, 'runs', 'v' || n, '', 'dora' FROM saved_view, generate_series(1, 199) n WHERE name = 'mine'",
    )
    .await
    .unwrap();
    send(&dora, "POST", "/api/views", view("one too many", "")).await.problem(409, "too-many-views");
}
