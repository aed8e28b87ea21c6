//! Parts of logs, search in them, files of them, and the WebSocket: from Postgres and from the archive alike.

use std::{io::Write as _, time::Duration};

use axum::http::header;
use chrono::{TimeZone as _, Utc};
use flate2::{Compression, write::GzEncoder};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::{
    archive::Archive,
    domain::{access::Role, ids::RunId},
    store::{
        api_key::{self, NewKey},
        lease::{self, Lease, LogLine},
        log::{self, Archived, Selection},
        run::Finish,
    },
};
use tests::database::execute;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest as _, protocol::frame::coding::CloseCode},
};
use tower::ServiceExt as _;

use crate::harness::Service;

/// Lines 1 to `last`: every tenth of step `two`, the others of `one`; every hundredth is a gap.
fn lines(last: i64) -> Vec<LogLine> {
    let line = |cursor: i64| LogLine {
        cursor,
        step: if cursor % 10 == 0 { "two".into() } else { "one".into() },
        attempt: 1,
        seq: cursor,
        at: Utc.timestamp_opt(1_800_000_000 + cursor, 0).unwrap(),
        stream: if cursor % 100 == 0 { "gap" } else { "stdout" },
        text: if cursor % 7 == 0 { format!("Error {cursor}: schön") } else { format!("line {cursor}") },
    };
    (1..=last).map(line).collect()
}

async fn write(service: &Service, lease: Lease, lines: &[LogLine]) {
    for part in lines.chunks(1_000) {
        assert!(lease::append_log(service.database.store.pool(), lease, part).await.unwrap().is_applied());
    }
}

async fn end(service: &Service, lease: Lease) {
    let finished = Finish::completed(serde_json::Map::new(), vec![]);
    assert!(lease::finish(&service.database.store, lease, &finished).await.unwrap().is_applied());
}

/// Puts the log of a run into the archive, as a worker does, and removes its lines from Postgres.
async fn archive(service: &Service, folder: &std::path::Path, run: RunId) {
    let pool = service.database.store.pool();
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    let all = log::lines_after(pool, run, 0, &Selection::default(), i64::MAX).await.unwrap();
    for line in &all {
        let object = json!({"cursor": line.cursor, "step": line.step, "attempt": line.attempt, "seq": line.seq, "at": line.at,
                            "stream": line.stream, "text": line.text});
        writeln!(packed, "{object}").unwrap();
    }
    let content = packed.finish().unwrap();
    let key = format!("logs/{run}.ndjson.gz");
    let archived = Archived {
        key: key.clone(),
        sha256: Sha256::digest(&content).to_vec(),
        bytes: i64::try_from(content.len()).unwrap(),
        lines: i64::try_from(all.len()).unwrap(),
        pruned_at: None,
    };
    let config = shared::config::Archive { url: format!("file://{}", folder.display()) };
    Archive::open(&config).unwrap().put(&key, content.into()).await.unwrap();
    log::record_archived(pool, run, &archived).await.unwrap();
    execute(&service.database.pool, "UPDATE log_archive SET archived_at = now() - interval '2 days'").await.unwrap();
    assert_eq!(log::prune_archived(pool, 1, 10).await.unwrap(), 1);
    assert_eq!(log::prune_archived(pool, 1, 10).await.unwrap(), 0);
    assert!(log::lines_after(pool, run, 0, &Selection::default(), 1).await.unwrap().is_empty());
}

fn cursors(answer: &Value, member: &str) -> Vec<i64> {
    answer[member].as_array().unwrap().iter().map(|line| line["cursor"].as_i64().unwrap()).collect()
}

/// What every question about the log of 2,350 lines is answered, wherever it is kept.
async fn ask_everything(service: &Service, run: RunId) {
    let get = async |rest: &str| service.get(&format!("/api/workflows/{run}/logs/{rest}")).await;
    let part = get("lines?from=1001&limit=3").await.json();
    assert_eq!(cursors(&part, "lines"), [1001, 1002, 1003]);
    assert_eq!(
        (&part["total"], &part["next"], &part["previous"], &part["over"]),
        (&json!(2350), &json!(1004), &json!(1001), &json!(true))
    );
    let part = get("lines?before=1001&limit=3").await.json();
    assert_eq!(cursors(&part, "lines"), [998, 999, 1000]);
    assert_eq!(part["lines"][2]["stream"], "gap");
    let part = get("lines?before=31&limit=100&step=two").await.json();
    assert_eq!((cursors(&part, "lines"), &part["previous"]), (vec![10, 20, 30], &json!(10)));
    let part = get("lines?from=2341&step=two&attempt=1").await.json();
    assert_eq!((cursors(&part, "lines"), &part["next"]), (vec![2350], &Value::Null));
    assert_eq!(cursors(&get("lines?before=1").await.json(), "lines"), [0; 0]);
    get("lines?from=1&before=2").await.problem(400, "bad-request");
    get("lines?limit=5001").await.problem(400, "bad-request");

    let found = get("search?q=Error&limit=2").await.json();
    assert_eq!((&found["count"], &found["complete"], &found["next"]), (&json!(335), &json!(true), &json!(21)));
    assert_eq!(cursors(&found, "matches"), [7, 14]);
    assert_eq!(found["matches"][0]["places"], json!([[0, 5]]));
    assert_eq!(get("search?q=error").await.json()["count"], 0);
    let found = get("search?q=SCH%C3%96N&ignore_case=true&from=2340").await.json();
    assert_eq!((&found["count"], cursors(&found, "matches")), (&json!(1), vec![2345]));
    let found = get("search?q=%5EError%20%5Cd%7B2%7D%3A&regex=true&step=one").await.json();
    assert_eq!(cursors(&found, "matches"), [14, 21, 28, 35, 42, 49, 56, 63, 77, 84, 91, 98]);
    let found = get("search?q=line&limit=1&count=false").await.json();
    assert_eq!((&found["count"], &found["complete"], &found["next"]), (&json!(2), &json!(false), &json!(2)));
    get("search?q=%28&regex=true").await.problem(400, "bad-request");
    get("search?q=").await.problem(400, "bad-request");

    let file = get("download?timestamps=true").await;
    let disposition = format!("attachment; filename=\"run-{run}.log\"");
    assert_eq!(file.headers[header::CONTENT_DISPOSITION], disposition.as_str());
    let text = file.text();
    assert_eq!(text.lines().count(), 2350);
    assert_eq!(text.lines().next(), Some("2027-01-15T08:00:01.000Z one | line 1"));
    let text = get("download?step=two&attempt=1").await.text();
    assert_eq!((text.lines().count(), text.lines().nth(9)), (235, Some("--- lines are missing here: line 100 ---")));
    let whole = service.get(&format!("/api/workflows/{run}/logs")).await.text();
    assert_eq!(whole.lines().count(), 2350);
    let last = service.get(&format!("/api/workflows/{run}/logs?tail=2&step=two")).await.text();
    assert_eq!(last.lines().collect::<Vec<_>>(), whole_of(&whole, "two | ")[233..]);
}

/// The lines of one step in a log of all, without its name.
fn whole_of<'a>(log: &'a str, step: &str) -> Vec<&'a str> {
    log.lines().filter_map(|line| line.strip_prefix(step)).collect()
}

#[tokio::test]
async fn parts_search_and_files_are_the_same_from_postgres_and_from_the_archive() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().display());
    let service = Service::configured(|config| config.archive.url = url).await;
    let lease = service.running().await;
    write(&service, lease, &lines(2_350)).await;
    end(&service, lease).await;
    ask_everything(&service, lease.run_id).await;
    archive(&service, folder.path(), lease.run_id).await;
    ask_everything(&service, lease.run_id).await;
    // What is in the archive is not what was put there.
    let file = folder.path().join(format!("logs/{}.ndjson.gz", lease.run_id));
    let mut content = std::fs::read(&file).unwrap();
    *content.last_mut().unwrap() ^= 1;
    std::fs::write(&file, content).unwrap();
    for rest in ["/lines", "/search?q=x", "/download", ""] {
        service.get(&format!("/api/workflows/{}/logs{rest}", lease.run_id)).await.problem(503, "log-archived");
    }
}

#[tokio::test]
async fn a_search_counts_every_line_of_a_long_log() {
    let service = Service::start().await;
    let lease = service.running().await;
    write(&service, lease, &lines(1)).await;
    execute(
        &service.database.pool,
        "INSERT INTO log_line (run_id, cursor, step, attempt, seq, at, stream, text)
         SELECT id, n, 'one', 1, n, now(), 'stdout', 'request ' || n || ' took ' || n % 1000 || ' ms'
         FROM run, generate_series(2, 100000) n",
    )
    .await
    .unwrap();
    for (query, count) in
        [("q=took%20999%20ms", 100), ("q=TOOK%20999&ignore_case=true", 100), ("q=took%2099%5Cd%20&regex=true", 1_000)]
    {
        let found = service.get(&format!("/api/workflows/{}/logs/search?{query}", lease.run_id)).await.json();
        assert_eq!((found["count"].as_i64(), &found["complete"]), (Some(count), &json!(true)), "{query}");
    }
    let part = service.get(&format!("/api/workflows/{}/logs/lines?from=99999", lease.run_id)).await.json();
    assert_eq!(
        (cursors(&part, "lines"), &part["total"], &part["over"]),
        (vec![99_999, 100_000], &json!(100_000), &json!(false))
    );
    assert_eq!(
        part["attempts"],
        json!([{"step": "one", "attempt": 1, "lines": 100_000, "gaps": 0, "sealed_at": null}])
    );
}

/// The service on a port of its own.
async fn serve(service: &Service) -> String {
    let mut config = shared::config::Config { database: service.database.config(), ..Default::default() };
    config.redis.url = std::env::var("TEST_REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6399/0".into());
    config.redis.prefix = format!("api-test-{}", RunId::new());
    config.api.listen = "127.0.0.1:0".into();
    let server = api::bind(config, service.database.store.clone(), service.shutdown.clone()).await.unwrap();
    let address = server.address().unwrap();
    tokio::spawn(server.run());
    format!("ws://{address}")
}

/// Messages until the connection is closed, and with what code.
async fn messages(url: &str, key: &str) -> (Vec<Value>, Option<CloseCode>) {
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {key}").parse().unwrap());
    let (mut socket, _) = connect_async(request).await.unwrap();
    let (mut seen, mut code) = (Vec::new(), None);
    while let Some(message) = tokio::time::timeout(Duration::from_secs(60), socket.next()).await.expect("it is stuck") {
        match message {
            Ok(Message::Text(text)) => seen.push(serde_json::from_str(&text).unwrap()),
            Ok(Message::Close(frame)) => code = frame.map(|frame| frame.code),
            Ok(_) => {}
            Err(_) => break,
        }
    }
    (seen, code)
}

fn line_cursors(messages: &[Value]) -> Vec<i64> {
    messages.iter().filter(|it| it["type"] == "lines").flat_map(|it| cursors(it, "lines")).collect()
}

#[tokio::test]
async fn a_websocket_brings_the_whole_log_then_what_is_written_and_goes_on_after_a_break() {
    let service = Service::start().await;
    let lease = service.running().await;
    let all = lines(1_500);
    write(&service, lease, &all[..1_000]).await;
    let url = format!("{}/ws/workflows/{}/logs", serve(&service).await, lease.run_id);
    let writer = async {
        for part in all[1_000..].chunks(50) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            write(&service, lease, part).await;
        }
        end(&service, lease).await;
    };
    let ((), (seen, code)) = tokio::join!(writer, messages(&url, &service.key));
    assert_eq!(line_cursors(&seen), (1..=1_500).collect::<Vec<_>>());
    assert_eq!((&seen.last().unwrap()["type"], &seen.last().unwrap()["status"]), (&json!("end"), &json!("completed")));
    assert_eq!(code, Some(CloseCode::Normal));
    let (seen, _) = messages(&format!("{url}?after=1490"), &service.key).await;
    assert_eq!(line_cursors(&seen), (1_491..=1_500).collect::<Vec<_>>());
    let (seen, _) = messages(&format!("{url}?step=two&after=1400"), &service.key).await;
    assert_eq!(line_cursors(&seen), (1_410..=1_500).step_by(10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_websocket_is_closed_when_its_key_is_revoked_and_when_its_client_says_too_much() {
    let service = Service::start().await;
    let lease = service.running().await;
    let pool = service.database.store.pool();
    let (id, key) = api_key::create(pool, &NewKey::of_nobody("reader", Role::Admin)).await.unwrap();
    let url = format!("{}/ws/workflows/{}/logs", serve(&service).await, lease.run_id);
    let revoke = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(api_key::revoke(pool, id).await.unwrap());
    };
    let ((), (seen, code)) = tokio::join!(revoke, messages(&url, &key));
    assert_eq!((line_cursors(&seen), code), (vec![], Some(CloseCode::Policy)));
    let mut request = url.as_str().into_client_request().unwrap();
    request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {}", service.key).parse().unwrap());
    let (mut socket, _) = connect_async(request).await.unwrap();
    // Cut off, however the client is told.
    let _ = socket.send(Message::text("x".repeat(100_000))).await;
    while let Ok(Some(Ok(message))) = tokio::time::timeout(Duration::from_secs(60), socket.next()).await {
        assert!(!message.is_text(), "{message:?}");
    }
}

#[tokio::test]
async fn a_websocket_of_a_step_that_says_nothing_brings_pings_and_heartbeats() {
    let service = Service::start().await;
    let lease = service.running().await;
    let url = format!("{}/ws/workflows/{}/logs", serve(&service).await, lease.run_id);
    let mut request = url.as_str().into_client_request().unwrap();
    request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {}", service.key).parse().unwrap());
    let (mut socket, _) = connect_async(request).await.unwrap();
    let mut pinged = false;
    let heartbeat: Value = loop {
        let message = tokio::time::timeout(Duration::from_secs(120), socket.next()).await.expect("it is stuck");
        match message.unwrap().unwrap() {
            Message::Ping(_) => pinged = true,
            Message::Text(text) => break serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert!(pinged, "a browser answers a ping by itself, and is known to live by it");
    assert_eq!(heartbeat["type"], "heartbeat");
    heartbeat["at"].as_str().unwrap().parse::<chrono::DateTime<Utc>>().unwrap();
}

#[tokio::test]
async fn what_is_no_upgrade_is_told_where_the_log_is() {
    let service = Service::start().await;
    let run = service.run().await;
    service.get(&format!("/ws/workflows/{run}/logs")).await.problem(426, "upgrade-required");
    service.get(&format!("/ws/workflows/{}/logs", RunId::new())).await.problem(404, "not-found");
}

#[tokio::test]
async fn a_download_breaks_off_when_its_key_is_revoked() {
    let service = Service::start().await;
    let lease = service.running().await;
    write(&service, lease, &lines(20_000)).await;
    let pool = service.database.store.pool();
    let (id, key) = api_key::create(pool, &NewKey::of_nobody("reader", Role::Admin)).await.unwrap();
    let begin = async |uri: String| {
        let request = axum::http::Request::get(uri).header(header::AUTHORIZATION, format!("Bearer {key}"));
        let request = request.body(axum::body::Body::empty()).unwrap();
        service.router.clone().oneshot(request).await.unwrap().into_body().into_data_stream()
    };
    let mut file = begin(format!("/api/workflows/{}/logs/download", lease.run_id)).await;
    let mut events = begin("/api/events/stream?kind=test.none".into()).await;
    let first = file.next().await.unwrap().unwrap();
    assert!(events.next().await.is_some());
    assert!(api_key::revoke(pool, id).await.unwrap());
    // Nothing happens but that somebody looks, at both together: where the one has ended, the other is over too.
    while tokio::time::timeout(Duration::from_secs(60), events.next()).await.expect("it is stuck").is_some() {}
    assert!(first.starts_with(b"one | line 1\n"));
    file.next().await.unwrap().unwrap_err();
    assert!(file.next().await.is_none());
}
