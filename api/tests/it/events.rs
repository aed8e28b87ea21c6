//! The stream of events: nothing is lost, nobody sees what is not theirs, and it ends with the right to it.

use std::time::Duration;

use axum::{body::Body, http::header};
use futures::StreamExt as _;
use serde_json::{Value, json};
use shared::{
    domain::access::Role,
    store::{
        api_key::{self, NewKey},
        event::{self, NewEvent},
        session::{self, NewSession},
    },
};
use tests::{
    belongings,
    database::{execute, execute_all},
};
use tower::ServiceExt as _;

use crate::harness::Service;

/// One message of a stream.
#[derive(Clone, Debug, Default)]
struct Message {
    name: Option<String>,
    id: Option<String>,
    data: Value,
}

/// A stream that is read bit by bit.
struct Stream {
    body: axum::body::BodyDataStream,
    text: String,
}

impl Stream {
    async fn open(service: &Service, key: &str, query: &str, last: Option<&str>) -> Self {
        let mut request = axum::http::Request::get(format!("/api/events/stream{query}"))
            .header(header::AUTHORIZATION, format!("Bearer {key}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        Self::begin(service, request).await
    }

    /// The stream of a browser that is logged in.
    async fn of_browser(service: &Service, token: &str) -> Self {
        let request = axum::http::Request::get("/api/events/stream")
            .header(header::COOKIE, format!("__Host-slipway={token}"))
            .header("sec-fetch-site", "same-origin");
        Self::begin(service, request).await
    }

    async fn begin(service: &Service, request: axum::http::request::Builder) -> Self {
        let response = service.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        Self { body: response.into_body().into_data_stream(), text: String::new() }
    }

    /// The next message that has data; none when the stream ended.
    async fn next(&mut self) -> Option<Message> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    block.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
                };
                let message = field("data:").map(|data| Message {
                    name: field("event:"),
                    id: field("id:"),
                    data: serde_json::from_str(&data).unwrap(),
                });
                self.text = rest.to_owned();
                if let Some(message) = message {
                    return Some(message);
                }
            }
            let chunk = tokio::time::timeout(Duration::from_secs(60), self.body.next());
            let chunk = chunk.await.expect("the stream is stuck")?;
            self.text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
    }

    /// Reads on until nothing more comes.
    async fn end(&mut self) {
        let all = async { while self.next().await.is_some() {} };
        tokio::time::timeout(Duration::from_secs(60), all).await.expect("the stream goes on");
    }

    /// Messages up to the one about this.
    async fn until(&mut self, n: i64) -> Vec<Message> {
        let mut seen = Vec::new();
        loop {
            let message = self.next().await.expect("the stream ended");
            seen.push(message.clone());
            if message.data["data"]["n"] == n {
                return seen;
            }
        }
    }
}

fn numbers(messages: &[Message]) -> Vec<i64> {
    messages.iter().filter_map(|message| message.data["data"]["n"].as_i64()).collect()
}

fn told(kind: &str, n: i64) -> NewEvent {
    NewEvent { kind: kind.into(), data: json!({ "n": n }), ..NewEvent::default() }
}

impl Service {
    async fn tell(&self, events: &[NewEvent]) {
        let mut tx = self.database.store.begin().await.unwrap();
        event::append(&mut *tx, events).await.unwrap();
        shared::store::notify(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn key_of(&self, role: Role, team: &str) -> (shared::domain::ids::ApiKeyId, String) {
        let new = NewKey { teams: vec![team.to_owned()], ..NewKey::of_nobody(role.as_str(), role) };
        api_key::create(self.database.store.pool(), &new).await.unwrap()
    }
}

#[tokio::test]
async fn a_reader_that_reconnects_gets_every_event_once_in_whatever_order_transactions_end() {
    let service = Service::start().await;
    let store = service.database.store.clone();
    let mut stream = Stream::open(&service, &service.key, "?kind=test.*", None).await;
    let ready = stream.next().await.unwrap();
    assert_eq!(ready.name.as_deref(), Some("ready"));
    let mut last = ready.id.unwrap();
    // Each begins before the one that ends before it.
    let writer = async {
        let mut open = store.begin().await.unwrap();
        event::append(&mut *open, &[told("test.happened", 0)]).await.unwrap();
        for n in 1..=60 {
            let mut next = store.begin().await.unwrap();
            event::append(&mut *next, &[told("test.happened", n)]).await.unwrap();
            open.commit().await.unwrap();
            open = next;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        open.commit().await.unwrap();
    };
    let reader = async {
        let mut seen = Vec::new();
        while seen.len() < 61 {
            for _ in 0..7 {
                let message = stream.next().await.unwrap();
                last.clone_from(message.id.as_ref().unwrap());
                seen.extend(message.data["data"]["n"].as_i64());
                if seen.len() == 61 {
                    return seen;
                }
            }
            stream = Stream::open(&service, &service.key, "?kind=test.*", Some(&last)).await;
        }
        seen
    };
    let ((), mut seen) = tokio::join!(writer, reader);
    seen.sort_unstable();
    assert_eq!(seen, (0..=60).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_stream_shows_the_callers_teams_what_was_asked_for_and_of_shared_resources_the_outline() {
    let service = Service::start().await;
    let pool = &service.database.pool;
    let dora = belongings::person(pool, "dora", &["developer"], &["payments"]).await.unwrap();
    let its = belongings::Belongings::make(&service.database.store, pool, "payments", dora).await.unwrap();
    let about_run = |n| NewEvent { run_id: Some(shared::domain::ids::RunId(its.run)), ..told("run.failed", n) };
    let about_resource =
        |n| NewEvent { resource_id: Some(shared::domain::ids::ResourceId(its.resource)), ..told("resource.failed", n) };
    let (_, own) = service.key_of(Role::Viewer, "payments").await;
    let (_, user) = service.key_of(Role::Viewer, "search").await;
    // Another team uses the resource.
    execute(pool, "UPDATE resource SET shared = true").await.unwrap();
    execute(
        pool,
        "WITH a AS (INSERT INTO application (id, name, team, generation)
                    VALUES (gen_random_uuid(), 'finder', 'search', 1) RETURNING id)
         INSERT INTO resource_user (resource_id, application_id, name) SELECT r.id, a.id, 'db' FROM resource r, a",
    )
    .await
    .unwrap();
    let mut all = Stream::open(&service, &service.key, "", None).await;
    let mut mine = Stream::open(&service, &own, "", None).await;
    let mut theirs = Stream::open(&service, &user, "", None).await;
    let mut runs = Stream::open(&service, &own, &format!("?kind=run.*&run={}", its.run), None).await;
    for stream in [&mut all, &mut mine, &mut theirs, &mut runs] {
        assert_eq!(stream.next().await.unwrap().name.as_deref(), Some("ready"));
    }
    service.tell(&[about_run(1), about_resource(2), told("webhook.disabled", 3), about_run(4)]).await;
    service.tell(&[about_resource(5), told("provider.loaded", 6)]).await;
    assert_eq!(numbers(&all.until(6).await), [1, 2, 3, 4, 5, 6]);
    let seen = mine.until(6).await;
    assert_eq!(numbers(&seen), [1, 2, 4, 5, 6]);
    assert_eq!(seen[0].data["type"], "run.failed");
    assert_eq!(seen[0].data["run_id"], its.run.to_string());
    assert_eq!((&seen[0].data["team"], &seen[0].data["queue"]), (&json!("payments"), &json!("default")));
    assert_eq!(numbers(&runs.until(4).await), [1, 4]);
    // Data is not shown: the two about the resource, then the one that everybody may know of.
    let outline: Vec<Message> = theirs.until(6).await;
    assert_eq!(outline.len(), 3, "{outline:?}");
    for message in &outline[..2] {
        assert_eq!(message.data["resource_id"], its.resource.to_string());
        let hidden = ["team", "application", "application_id", "run_id", "workflow", "queue", "step"];
        assert!(hidden.iter().all(|name| message.data[*name].is_null()), "{message:?}");
        assert_eq!((&message.data["actor"], &message.data["data"]), (&json!("-"), &json!({})));
    }
}

#[tokio::test]
async fn who_is_far_behind_is_told_to_look_anew_and_goes_on_from_there() {
    let service = Service::start().await;
    let mut stream = Stream::open(&service, &service.key, "?kind=test.*", None).await;
    let start = stream.next().await.unwrap().id.unwrap();
    drop(stream);
    execute(
        &service.database.pool,
        r#"INSERT INTO event (type, data) SELECT 'test.happened', jsonb_build_object('n', n) FROM generate_series(1, 6000) n"#,
    )
    .await
    .unwrap();
    let mut stream = Stream::open(&service, &service.key, "?kind=test.none", Some(&start)).await;
    assert_eq!(stream.next().await.unwrap().name.as_deref(), Some("ready"));
    let reset = stream.next().await.unwrap();
    assert_eq!((reset.name.as_deref(), &reset.data["cursor"]), (Some("reset"), &json!(reset.id)));
    service.tell(&[told("test.none", 7)]).await;
    assert_eq!(numbers(&stream.until(7).await), [7]);
    // As after a restore: a place that nothing has come to yet.
    let mut stream = Stream::open(&service, &service.key, "?kind=test.none", Some("18446744073709551615-1")).await;
    assert_eq!(stream.next().await.unwrap().name.as_deref(), Some("ready"));
    assert_eq!(stream.next().await.unwrap().name.as_deref(), Some("reset"));
    service.tell(&[told("test.none", 8)]).await;
    assert_eq!(numbers(&stream.until(8).await), [8]);
}

#[tokio::test]
async fn a_stream_ends_when_its_key_is_revoked_and_when_the_service_stops() {
    let service = Service::start().await;
    let (id, key) = service.key_of(Role::Viewer, "payments").await;
    let mut revoked = Stream::open(&service, &key, "", None).await;
    let mut stopped = Stream::open(&service, &service.key, "", None).await;
    assert!(revoked.next().await.is_some() && stopped.next().await.is_some());
    assert!(api_key::revoke(service.database.store.pool(), id).await.unwrap());
    assert!(revoked.next().await.is_none());
    service.shutdown.cancel();
    assert!(stopped.next().await.is_none());
}

/// What becomes of somebody while they read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// This is set of the person.
    Person(&'static str),
    /// That browser's login is ended.
    OneLogin,
    /// All logins are.
    AllLogins,
}

#[tokio::test]
async fn a_stream_ends_when_its_owners_team_or_role_changes_and_when_the_login_is_ended() {
    let service = Service::start().await;
    let (store, pool) = (&service.database.store, &service.database.pool);
    let vera = belongings::person(pool, "vera", &["developer"], &["payments"]).await.unwrap();
    let its = belongings::Belongings::make(store, pool, "payments", vera).await.unwrap();
    let about_run = |n| NewEvent { run_id: Some(shared::domain::ids::RunId(its.run)), ..told("run.failed", n) };
    let mut goes_on = Stream::open(&service, &belongings::key_of(pool, vera).await.unwrap().1, "", None).await;
    assert_eq!(goes_on.next().await.unwrap().name.as_deref(), Some("ready"));
    let changes = [
        Change::Person("teams = '{search}'"),
        Change::Person("teams = '{payments,search}'"),
        Change::Person("roles = '{viewer}'"),
        Change::Person("disabled_at = now()"),
        Change::OneLogin,
        Change::AllLogins,
    ];
    for (n, change) in (1_i64..).zip(changes) {
        let dora = belongings::person(pool, &format!("dora-{n}"), &["developer"], &["payments"]).await.unwrap();
        let new = NewSession { person: dora, address: "", agent: "", lifetime: Duration::from_secs(3600) };
        let mut tx = store.begin().await.unwrap();
        let (id, token) = session::begin(&mut tx, new).await.unwrap();
        tx.commit().await.unwrap();
        let mut by_login = Stream::of_browser(&service, &token).await;
        let mut by_key = Stream::open(&service, &belongings::key_of(pool, dora).await.unwrap().1, "", None).await;
        for stream in [&mut by_login, &mut by_key] {
            assert_eq!(stream.next().await.unwrap().name.as_deref(), Some("ready"));
        }
        // It is theirs to see, until then.
        service.tell(&[about_run(n)]).await;
        for stream in [&mut by_login, &mut by_key, &mut goes_on] {
            assert_eq!(numbers(&stream.until(n).await), [n], "{change:?}");
        }
        match change {
            Change::Person(statement) => {
                execute_all(pool, format!("UPDATE person SET {statement} WHERE id = '{dora}'")).await.unwrap();
            }
            Change::OneLogin => assert!(session::end(pool, Some(dora), id).await.unwrap()),
            Change::AllLogins => assert_eq!(session::end_all(pool, dora).await.unwrap(), 1),
        }
        by_login.end().await;
        match change {
            Change::Person(_) => by_key.end().await,
            // The key of somebody who logged out is as good as before.
            Change::OneLogin | Change::AllLogins => {
                service.tell(&[about_run(100 + n)]).await;
                for stream in [&mut by_key, &mut goes_on] {
                    assert_eq!(numbers(&stream.until(100 + n).await), [100 + n], "{change:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn one_caller_has_no_more_streams_than_configured_and_a_forged_place_is_refused() {
    let service = Service::configured(|config| config.limits.streams = 2).await;
    let first = Stream::open(&service, &service.key, "", None).await;
    let _second = Stream::open(&service, &service.key, "", None).await;
    service.get("/api/events/stream").await.problem(429, "too-many-streams");
    drop(first);
    // The one that was dropped is counted out when its task sees that.
    tests::wait::until("a stream may be opened again", Duration::from_secs(30), async || {
        let request = service.request("GET", "/api/events/stream").body(Body::empty()).unwrap();
        Ok((service.begin(request).await.status == 200).then_some(()))
    })
    .await
    .unwrap();
    for after in ["x", "1", "1-", "-1--1", "99999999999999999999-0"] {
        service.get(&format!("/api/events/stream?after={after}")).await.problem(400, "bad-request");
    }
    service.get("/api/events/stream?kind=run%20failed").await.problem(400, "bad-request");
}
