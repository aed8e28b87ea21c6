//! Lists: walked by cursor, filtered, tagged.

use std::collections::BTreeSet;

use axum::{body::Body, http::header};
use tests::database::execute;

use crate::harness::{Service, score};

async fn walk(service: &Service, uri: &str) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    loop {
        let next = cursor.map_or_else(|| uri.to_owned(), |cursor| format!("{uri}&cursor={cursor}"));
        let answer = service.get(&next).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let page = answer.json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(found) => cursor = Some(found.to_owned()),
            None => return seen,
        }
    }
}

#[tokio::test]
async fn cursors_walk_every_row_once_newest_first() {
    let service = Service::start().await;
    for n in 0..7 {
        service.post("/api/specs", score(&format!("app-{n}"), &["aa: {type: tt}", "bb: {type: uu}"])).await;
        service.run().await;
    }
    execute(&service.database.pool, "UPDATE resource SET provider = type || '-maker'").await.unwrap();
    for (uri, count) in [
        ("/api/specs?limit=3", 7),
        ("/api/resources?limit=4", 14),
        ("/api/resources?limit=7&type=tt", 7),
        ("/api/resources?limit=3&provider=tt-maker", 7),
        ("/api/resources?limit=3&provider=tt-maker&name=a", 7),
        ("/api/resources?limit=3&provider=tt-maker&name=b", 0),
        ("/api/resources?limit=3&provider=tt", 0),
        ("/api/resources?limit=3&name=a", 7),
        ("/api/resources?limit=3&name=a&type=uu", 0),
        ("/api/resources?limit=3&name=A%25", 0),
        ("/api/workflows?limit=2", 7),
    ] {
        let seen = walk(&service, uri).await;
        assert_eq!(seen.len(), count, "{uri}");
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), count, "{uri} gave a row twice");
        assert!(seen.is_sorted_by(|a, b| a > b), "{uri} is not newest first");
    }
}

#[tokio::test]
async fn rows_added_while_walking_move_nothing() {
    let service = Service::start().await;
    for n in 0..4 {
        service.post("/api/specs", score(&format!("app-{n}"), &[])).await;
    }
    let first = service.get("/api/specs?limit=2").await.json();
    service.post("/api/specs", score("late", &[])).await;
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = service.get(&format!("/api/specs?limit=2&cursor={cursor}")).await.json();
    let names: Vec<&str> = second["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["app-1", "app-0"]);
}

#[tokio::test]
async fn labels_select_what_has_them() {
    let service = Service::start().await;
    let labelled = |name: &str, labels: &str| {
        score(name, &["db: {type: postgres}"]).replace("metadata:\n", &format!("metadata:\n  labels: {labels}\n"))
    };
    service.post("/api/specs", labelled("one", "{tier: gold, zone: a}")).await;
    service.post("/api/specs", labelled("two", "{tier: silver}")).await;
    service.post("/api/specs", score("three", &["db: {type: postgres}"])).await;
    for (selector, expected) in [
        ("tier=gold", vec!["one"]),
        ("tier!=gold", vec!["three", "two"]),
        ("tier", vec!["two", "one"]),
        ("!tier", vec!["three"]),
        ("tier=gold,zone!=a", vec![]),
        ("tier=gold,tier=silver", vec![]),
    ] {
        let query: String = selector.replace('=', "%3D").replace(',', "%2C");
        let names = |body: serde_json::Value, member: &str| -> Vec<String> {
            body["items"].as_array().unwrap().iter().map(|it| it[member].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(
            names(service.get(&format!("/api/specs?labels={query}")).await.json(), "name"),
            expected,
            "{selector}"
        );
        assert_eq!(
            names(service.get(&format!("/api/resources?labels={query}")).await.json(), "application"),
            expected,
            "{selector}"
        );
    }
}

#[tokio::test]
async fn an_object_that_the_caller_has_is_not_sent_again() {
    let service = Service::start().await;
    service.post("/api/specs", score("shop", &[])).await;
    let first = service.get("/api/specs/shop").await;
    let tag = first.headers[header::ETAG].clone();
    let request = service.request("GET", "/api/specs/shop").header(header::IF_NONE_MATCH, tag);
    let second = service.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!((second.status.as_u16(), second.bytes.len()), (304, 0));
}

#[tokio::test]
async fn queues_count_what_waits_and_who_serves() {
    let service = Service::start().await;
    let lease = service.running().await;
    service.run().await;
    let queue = service.get("/api/queues").await.json()["items"][0].clone();
    assert_eq!(queue["name"], "default");
    assert_eq!(
        (queue["ready"].as_i64(), queue["in_flight"].as_i64(), queue["demand"].as_i64()),
        (Some(1), Some(1), Some(2)),
        "{queue}"
    );
    assert_eq!((queue["workers"].as_i64(), queue["slots"].as_i64()), (Some(1), Some(8)));
    let worker = service.get("/api/workers").await.json()["items"][0].clone();
    assert_eq!((worker["running"].as_i64(), worker["live"].as_bool()), (Some(1), Some(true)), "{worker}");
    let run = service.get(&format!("/api/workflows/{}", lease.run_id)).await.json();
    assert_eq!((run["status"].as_str(), run["steps"].as_array().map(Vec::len)), (Some("running"), Some(2)), "{run}");
    let pending = service.get("/api/workflows?status=pending").await.json()["items"][0].clone();
    assert_eq!(pending["reason"], "Promoting", "{pending}");
}

#[tokio::test]
async fn a_run_is_cancelled_once_and_retried_as_a_new_run() {
    let service = Service::start().await;
    let id = service.run().await;
    let cancelled = service.post(&format!("/api/workflows/{id}/cancel"), r#"{"reason": "changed my mind"}"#).await;
    assert_eq!((cancelled.status.as_u16(), cancelled.json()["status"].as_str().unwrap()), (202, "cancelled"));
    let again = service.post(&format!("/api/workflows/{id}/cancel"), "").await;
    assert_eq!(again.problem(409, "run-over")["run_status"], "cancelled");
    let retried = service.post(&format!("/api/workflows/{id}/retry"), "").await;
    assert_eq!(retried.status, 202, "{retried:?}");
    let new = retried.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(retried.headers["location"], format!("/api/workflows/{new}"));
    assert_eq!(service.get(&format!("/api/workflows/{new}")).await.json()["retry_of"], id.to_string());
    service.post(&format!("/api/workflows/{new}/retry"), "").await.problem(409, "not-retryable");
}

#[tokio::test]
async fn a_filter_that_a_route_does_not_have_is_refused_with_the_nearest_one() {
    let service = Service::start().await;
    for (uri, hint) in [
        ("/api/workflows?statu=failed", "status"),
        ("/api/resources?label=a", "labels"),
        ("/api/specs?bogus=1", "limit"),
    ] {
        let answer = service.get(uri).await;
        assert_eq!(answer.status, 400, "{uri}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(hint), "{uri}: {}", answer.text());
    }
    let answer = service.get("/api/workflows?limit=100000").await;
    assert!(answer.text().contains("from 1 to 500"), "{}", answer.text());
}
