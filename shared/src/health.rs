//! `/livez`, `/readyz` and `/metrics` of the binaries that serve nothing else.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::timeout,
};

/// Connections served at once; more wait in the listener's own bounded backlog.
const MAX_CONNECTIONS: usize = 32;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// Listens on `address` (`host:port`) until dropped. `ready` says what is wrong, if anything is.
///
/// # Errors
/// When the address cannot be bound.
pub async fn serve<F, Fut>(address: &str, ready: F) -> std::io::Result<()>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), String>> + Send,
{
    let listener = TcpListener::bind(address).await?;
    let (ready, places) = (Arc::new(ready), Arc::new(Semaphore::new(MAX_CONNECTIONS)));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return Ok(()) };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, say: others close theirs in time.
                tracing::warn!(%error, "could not accept a connection to the health port");
                tokio::time::sleep(Duration::from_millis(200)).await;
                continue;
            }
        };
        let ready = Arc::clone(&ready);
        tokio::spawn(async move {
            let _place = place;
            // A probe that hangs up early or never speaks is its own affair.
            let _ = timeout(REQUEST_TIMEOUT, answer(stream, ready.as_ref())).await;
        });
    }
}

async fn answer<F, Fut>(mut stream: TcpStream, ready: &F) -> std::io::Result<()>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<(), String>>,
{
    let mut head = Vec::with_capacity(1024);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > MAX_HEAD_BYTES || stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let line = String::from_utf8_lossy(&head);
    let mut words = line.split_whitespace();
    let (status, body) = match (words.next(), words.next()) {
        (Some("GET" | "HEAD"), Some("/livez")) => ("200 OK", "ok\n".to_owned()),
        (Some("GET" | "HEAD"), Some("/readyz")) => match ready().await {
            Ok(()) => ("200 OK", "ok\n".to_owned()),
            Err(why) => ("503 Service Unavailable", format!("{why}\n")),
        },
        (Some("GET"), Some("/metrics")) => ("200 OK", crate::telemetry::metrics().render()),
        _ => ("404 Not Found", "try /livez, /readyz or /metrics\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}
