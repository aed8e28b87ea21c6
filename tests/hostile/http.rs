//! What a connection may send: bounded in bytes and in time, and read in one way only.

use std::time::Duration;

use tests::alone::Alone;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// Longer than any limit that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

struct Raw {
    stream: TcpStream,
}

impl Raw {
    async fn to(alone: &Alone) -> Self {
        Self { stream: TcpStream::connect(&alone.config.api.listen).await.unwrap() }
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    /// All that comes until the other side is done.
    async fn rest(mut self) -> String {
        let mut all = Vec::new();
        // A reset is an end, too.
        let _ = timeout(PATIENCE, self.stream.read_to_end(&mut all)).await.expect("the connection is ended");
        String::from_utf8_lossy(&all).into_owned()
    }
}

async fn alone() -> Alone {
    Alone::start(|config| config.api.request_timeout_s = 2).await.unwrap()
}

fn key(alone: &Alone) -> String {
    format!("Authorization: Bearer {}\r\n", alone.client.key())
}

fn statuses(answer: &str) -> Vec<u16> {
    let lines = answer.lines().filter_map(|line| line.strip_prefix("HTTP/1.1 "));
    lines.filter_map(|line| line.get(..3)?.parse().ok()).collect()
}

#[tokio::test]
async fn a_body_without_end_is_cut_at_the_limit() {
    let alone = alone().await;
    let mut raw = Raw::to(&alone).await;
    let head = format!("POST /api/specs HTTP/1.1\r\nHost: x\r\n{}Transfer-Encoding: chunked\r\n\r\n", key(&alone));
    raw.send(head).await.unwrap();
    let chunk = format!("4000\r\n{}\r\n", "#".repeat(0x4000));
    for _ in 0..200 {
        if raw.send(&chunk).await.is_err() {
            break;
        }
    }
    let answer = raw.rest().await;
    assert_eq!(statuses(&answer), [413], "{answer}");
    assert!(answer.contains("too-large"), "{answer}");
}

#[tokio::test]
async fn a_body_that_stops_coming_ends_with_the_time_of_its_request() {
    let alone = alone().await;
    let mut raw = Raw::to(&alone).await;
    let head = format!(
        "POST /api/specs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}Content-Length: 1000\r\n\r\nabc",
        key(&alone)
    );
    raw.send(head).await.unwrap();
    let answer = raw.rest().await;
    assert_eq!(statuses(&answer), [408], "{answer}");
}

#[tokio::test]
async fn a_head_that_never_ends_is_not_waited_for() {
    let alone = alone().await;
    let mut raw = Raw::to(&alone).await;
    raw.send("GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
    let answer = raw.rest().await;
    assert!(answer.is_empty() || statuses(&answer) == [408], "{answer}");
}

#[tokio::test]
async fn a_head_without_bounds_is_refused() {
    let alone = alone().await;
    let mut raw = Raw::to(&alone).await;
    let _ = raw.send(format!("GET /livez HTTP/1.1\r\nHost: x\r\nX-Big: {}\r\n\r\n", "a".repeat(200_000))).await;
    assert_eq!(statuses(&raw.rest().await), [431]);
    let mut raw = Raw::to(&alone).await;
    let _ = raw.send(format!("GET /livez HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(1_000))).await;
    assert_eq!(statuses(&raw.rest().await), [431]);
}

#[tokio::test]
async fn a_request_inside_another_is_not_found_by_two_lengths() {
    let alone = alone().await;
    let inner = "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    for lengths in [
        format!("Content-Length: {}\r\nContent-Length: 0\r\n", inner.len()),
        "Content-Length: 0\r\nTransfer-Encoding: identity\r\n".to_owned(),
        "Content-Length: +0\r\n".to_owned(),
        "Transfer-Encoding: chunked, identity\r\n".to_owned(),
    ] {
        let mut raw = Raw::to(&alone).await;
        raw.send(format!("POST /api/specs HTTP/1.1\r\nHost: x\r\n{}{lengths}\r\n{inner}", key(&alone))).await.unwrap();
        assert_eq!(statuses(&raw.rest().await), [400], "{lengths}");
    }
    // Of a length and chunks the chunks count, and what follows them is a request of its own: as any proxy reads it.
    let mut raw = Raw::to(&alone).await;
    let both = format!(
        "POST /api/specs HTTP/1.1\r\nHost: x\r\n{}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{inner}",
        key(&alone)
    );
    raw.send(both).await.unwrap();
    assert_eq!(statuses(&raw.rest().await).first(), Some(&422));
}

#[tokio::test]
async fn paths_lead_to_routes_by_their_letters() {
    let alone = alone().await;
    for (path, status) in [
        ("/api/../livez", 404),
        ("/api/%2e%2e/livez", 404),
        ("/api/specs/..%2f..%2flivez", 404),
        ("//api/specs", 404),
        ("/api/specs/", 404),
        ("/API/specs", 404),
        ("/api/specs/%00", 400),
        ("/api/specs/%ff", 404),
        ("/api/resources/%2e%2e", 404),
    ] {
        let mut raw = Raw::to(&alone).await;
        raw.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}\r\n", key(&alone))).await.unwrap();
        let answer = raw.rest().await;
        assert_eq!(statuses(&answer), [status], "{path}: {answer}");
        assert!(answer.contains("application/problem+json"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_method_that_nobody_knows_does_nothing() {
    let alone = alone().await;
    for method in ["FROBNICATE", "TRACE", "CONNECT"] {
        let mut raw = Raw::to(&alone).await;
        raw.send(format!("{method} /api/specs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}\r\n", key(&alone)))
            .await
            .unwrap();
        let answer = raw.rest().await;
        assert!(matches!(statuses(&answer).as_slice(), [400 | 405]), "{method}: {answer}");
    }
}

#[tokio::test]
async fn a_compressed_body_is_not_unpacked() {
    let alone = alone().await;
    let mut raw = Raw::to(&alone).await;
    // Ten megabytes of zeros in gzip's form would be ten kilobytes; here its first bytes will do.
    let body: &[u8] = &[0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 3];
    let head = format!(
        "POST /api/specs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        key(&alone),
        body.len()
    );
    raw.send([head.as_bytes(), body].concat()).await.unwrap();
    let answer = raw.rest().await;
    assert_eq!(statuses(&answer), [400], "{answer}");
    assert!(answer.contains("invalid-spec"), "{answer}");
}

#[tokio::test]
async fn requests_in_a_row_on_one_connection_are_answered_one_by_one() {
    let alone = alone().await;
    let mut raw = Raw::to(&alone).await;
    let one = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
    raw.send(format!("{}GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", one.repeat(49))).await.unwrap();
    assert_eq!(statuses(&raw.rest().await), [200; 50]);
}
