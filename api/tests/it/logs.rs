//! Logs: whole, live, and resumed without a gap or a double.

use std::time::Duration;

use axum::{body::Body, http::header};
use chrono::Utc;
use futures::StreamExt as _;
use shared::{
    domain::{
        ids::RunId,
        step::{AttemptStatus, StepStatus},
    },
    store::{
        lease::{self, Lease, LogEnd, LogLine, StepOutcome},
        run::Finish,
        step,
    },
};

use crate::harness::Service;

async fn write(service: &Service, lease: Lease, cursors: std::ops::RangeInclusive<i64>) {
    let lines: Vec<LogLine> = cursors
        .map(|cursor| LogLine {
            cursor,
            step: if cursor % 2 == 0 { "two".into() } else { "one".into() },
            attempt: 1,
            seq: (cursor + 1) / 2,
            at: Utc::now(),
            stream: "stdout",
            text: format!("line {cursor}"),
        })
        .collect();
    assert!(lease::append_log(service.database.store.pool(), lease, &lines).await.unwrap().is_applied());
    // What travels is only a hint; its content is never shown.
    service.live.publish(lease.run_id, &["{}".to_owned()]).await;
}

async fn finish(service: &Service, lease: Lease) {
    let pool = service.database.store.pool();
    let one = step::list(pool, lease.run_id).await.unwrap().remove(0);
    let outcome = StepOutcome {
        attempt: AttemptStatus::Completed,
        step: StepStatus::Completed,
        retry_in_s: None,
        exit_code: Some(0),
        oom_killed: false,
        error: None,
        outputs: serde_json::Map::new(),
        sensitive: vec![],
        variables: serde_json::Map::new(),
        checkpoint: None,
        shared_workspace: true,
    };
    assert!(lease::step_started(pool, lease, one.id, 1, "image").await.unwrap().is_applied());
    let end = LogEnd { rest: &[], lines: 1000, gaps: 0, begun: None };
    assert!(lease::step_finished(pool, lease, one.id, 1, &outcome, &end).await.unwrap().is_applied());
    let finished = Finish::completed(serde_json::Map::new(), vec![]);
    assert!(lease::finish(&service.database.store, lease, &finished).await.unwrap().is_applied());
}

/// Reads events until `stop` says so or the stream ends.
async fn events(
    service: &Service,
    run: RunId,
    last: Option<i64>,
    query: &str,
    stop: impl Fn(&[Event]) -> bool,
) -> Vec<Event> {
    let mut request = service
        .request("GET", &format!("/api/workflows/{run}/logs{query}"))
        .header(header::ACCEPT, "text/event-stream");
    if let Some(last) = last {
        request = request.header("last-event-id", last.to_string());
    }
    let response =
        tower::ServiceExt::oneshot(service.router.clone(), request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let (mut body, mut text, mut seen) = (response.into_body().into_data_stream(), String::new(), Vec::new());
    while !stop(&seen) {
        let Some(chunk) =
            tokio::time::timeout(Duration::from_secs(60), body.next()).await.expect("the stream is stuck")
        else {
            break;
        };
        text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        while let Some((block, rest)) = text.split_once("\n\n") {
            let field = |name: &str| {
                block.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
            };
            if let Some(name) = field("event:") {
                let data = serde_json::from_str(&field("data:").unwrap()).unwrap();
                seen.push(Event { name, id: field("id:").map(|id| id.parse().unwrap()), data });
            }
            text = rest.to_owned();
        }
    }
    seen
}

#[derive(Debug)]
struct Event {
    name: String,
    id: Option<i64>,
    data: serde_json::Value,
}

fn cursors(events: &[Event]) -> Vec<i64> {
    events.iter().filter_map(|event| event.id).collect()
}

#[tokio::test]
async fn a_reader_that_reconnects_gets_every_line_once_until_the_end() {
    let service = Service::start().await;
    let lease = service.running().await;
    write(&service, lease, 1..=700).await;
    let writer = async {
        for batch in 0..20 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            write(&service, lease, 701 + batch * 30..=730 + batch * 30).await;
        }
        finish(&service, lease).await;
    };
    let reader = async {
        let mut all: Vec<i64> = Vec::new();
        loop {
            let last = all.last().copied();
            let part = events(&service, lease.run_id, last, "", |seen| seen.len() >= 333).await;
            all.extend(cursors(&part));
            if part.last().is_some_and(|event| event.name == "end") {
                assert_eq!(part.last().unwrap().data["status"], "completed");
                assert!(part.iter().any(|event| event.name == "seal" && event.id.is_none()));
                return all;
            }
        }
    };
    let ((), all) = tokio::join!(writer, reader);
    assert_eq!(all, (1..=1300).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_last_lines_of_a_log_may_be_asked_for_alone() {
    let service = Service::start().await;
    let lease = service.running().await;
    write(&service, lease, 1..=700).await;
    for (query, last, expected) in [
        ("tail=5", None, (696..=700).collect::<Vec<_>>()),
        ("tail=3&step=two", None, vec![696, 698, 700]),
        ("tail=5&after=698", None, vec![699, 700]),
        ("tail=5&after=100", None, (696..=700).collect()),
        ("tail=100000", None, (1..=700).collect()),
        ("tail=5&step=three", None, vec![]),
        ("tail=5", Some(690), (691..=700).collect()),
    ] {
        let seen = events(&service, lease.run_id, last, &format!("?follow=false&{query}"), |_| false).await;
        assert_eq!(cursors(&seen), expected, "{query} {last:?}");
    }
    let uri = format!("/api/workflows/{}/logs", lease.run_id);
    assert_eq!(service.get(&format!("{uri}?tail=2")).await.text(), "one | line 699\ntwo | line 700\n");
    for wrong in [0, -1, 100_001] {
        service.get(&format!("{uri}?tail={wrong}")).await.problem(400, "bad-request");
    }
}

#[tokio::test]
async fn a_live_line_comes_without_redis_too() {
    let database = tests::database::TestDatabase::create().await.unwrap();
    let mut config = shared::config::Config { database: database.config(), ..Default::default() };
    config.redis.url = "redis://127.0.0.1:9/0".into();
    let service = Service::with(config, database).await;
    let lease = service.running().await;
    let writer = async {
        write(&service, lease, 1..=3).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        write(&service, lease, 4..=6).await;
        finish(&service, lease).await;
    };
    let ((), seen) = tokio::join!(writer, events(&service, lease.run_id, None, "", |_| false));
    assert_eq!(cursors(&seen), [1, 2, 3, 4, 5, 6]);
    assert_eq!(seen.last().unwrap().name, "end");
}

#[tokio::test]
async fn a_gap_is_shown_as_a_gap() {
    let service = Service::start().await;
    let lease = service.running().await;
    let gap = LogLine {
        cursor: 1,
        step: "one".into(),
        attempt: 1,
        seq: 1,
        at: Utc::now(),
        stream: "gap",
        text: "the worker died".into(),
    };
    assert!(lease::append_log(service.database.store.pool(), lease, &[gap]).await.unwrap().is_applied());
    finish(&service, lease).await;
    let seen = events(&service, lease.run_id, None, "", |_| false).await;
    assert_eq!(seen.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(), ["gap", "seal", "end"]);
    let text = service.get(&format!("/api/workflows/{}/logs", lease.run_id)).await.text();
    assert_eq!(text, "one | --- lines are missing here: the worker died ---\n");
}

#[tokio::test]
async fn text_is_the_whole_log_or_one_steps() {
    let service = Service::start().await;
    let lease = service.running().await;
    write(&service, lease, 1..=1201).await;
    let text = service.get(&format!("/api/workflows/{}/logs", lease.run_id)).await.text();
    assert_eq!(text.lines().count(), 1201, "a run in progress is not waited for");
    assert!(text.starts_with("one | line 1\ntwo | line 2\n"));
    let text = service.get(&format!("/api/workflows/{}/logs?step=two", lease.run_id)).await.text();
    assert_eq!((text.lines().count(), text.lines().next()), (600, Some("line 2")));
    finish(&service, lease).await;
    let followed = service.get(&format!("/api/workflows/{}/logs?follow=true&after=1200", lease.run_id)).await.text();
    assert_eq!(followed, "one | line 1201\n");
}

#[tokio::test]
async fn a_stream_ends_when_the_service_stops() {
    let service = Service::start().await;
    let lease = service.running().await;
    write(&service, lease, 1..=1).await;
    let stop = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        service.shutdown.cancel();
    };
    let ((), seen) = tokio::join!(stop, events(&service, lease.run_id, None, "", |_| false));
    assert_eq!(cursors(&seen), [1], "no end event: the reader will come back");
}
