//! `/livez`, `/readyz` and `/metrics` of the binaries that serve nothing else.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    sync::Semaphore,
    time::timeout,
};

use crate::{figures::Figures, tls::Acceptor};

/// Connections served at once; more wait in the listener's own bounded backlog.
const MAX_CONNECTIONS: usize = 32;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// Listens on `address` (`host:port`), over TLS with `tls`, until dropped. `ready` says what is wrong, if anything is; with `figures`, `/metrics` has
/// those of the installation beside those of the process.
///
/// # Errors
/// When the address cannot be bound.
pub async fn serve<F, Fut>(
    address: &str,
    tls: Option<Arc<Acceptor>>,
    figures: Option<Figures>,
    ready: F,
) -> std::io::Result<()>
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), String>> + Send,
{
    let listener = TcpListener::bind(address).await?;
    let (ready, places) = (Arc::new((figures, ready)), Arc::new(Semaphore::new(MAX_CONNECTIONS)));
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
        let (ready, tls) = (Arc::clone(&ready), tls.clone());
        tokio::spawn(async move {
            let _place = place;
            // A probe that hangs up early or never speaks is its own affair.
            let _ = timeout(REQUEST_TIMEOUT, async {
                match tls {
                    Some(tls) => answer(tls.accept(stream).await?, ready.0.as_ref(), &ready.1).await,
                    None => answer(stream, ready.0.as_ref(), &ready.1).await,
                }
            })
            .await;
        });
    }
}

async fn answer<F, Fut>(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    figures: Option<&Figures>,
    ready: &F,
) -> std::io::Result<()>
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
        (Some("GET"), Some("/metrics")) => ("200 OK", metrics(figures).await),
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

/// The process's own always; the installation's as far as Postgres answers.
async fn metrics(figures: Option<&Figures>) -> String {
    let mut text = crate::telemetry::metrics().render();
    if let Some(figures) = figures {
        match figures.text().await {
            Ok(more) => text.push_str(&more),
            Err(error) => tracing::warn!(%error, "the figures of the installation could not be read"),
        }
    }
    text
}
