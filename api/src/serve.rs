//! Connections: taken, bounded, and ended in order.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::{Router, http::Request};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
    service::TowerToHyperService,
};
use shared::{config::Config, queue::LiveLogs, store::Store, tls::Acceptor};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::{AppState, address::Peer, identity, oidc, router};

/// Connections at once; more wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 4096;
/// How long a client may take to send a request's head, and to stay silent between requests.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes a request's head may have.
const MAX_HEAD: usize = 64 * 1024;
/// How long open requests may go on when the service stops.
const DRAIN: Duration = Duration::from_secs(10);

/// A service that has its address and is not answering yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    tls: Option<Arc<Acceptor>>,
    app: AppState,
}

/// Takes the address (port 0: any free one), so that the caller knows it before the service runs.
///
/// # Errors
/// When the address cannot be had, a file of `api.tls` cannot be used, `redis.url` cannot be read, `identity` would let in whom it must not, or a file of
/// `access.policies` is not valid.
pub async fn bind(config: Config, store: Store, shutdown: CancellationToken) -> anyhow::Result<Server> {
    let tls = Acceptor::load_if("api.tls", config.api.tls.as_ref())?;
    let live = LiveLogs::connect(&config.redis).context("redis.url")?;
    let listen = config.api.listen.clone();
    let listener = TcpListener::bind(&listen).await.with_context(|| format!("api.listen: {listen}"))?;
    identity::check(&config, listener.local_addr().context("the address of the listener")?)?;
    Ok(Server { listener, tls, app: AppState::new(config, store, live, shutdown)? })
}

/// Answers requests until `shutdown` is cancelled; then ends streams, gives open requests a few seconds, and returns.
///
/// # Errors
/// When the configured address cannot be had.
pub async fn serve(config: Config, store: Store, shutdown: CancellationToken) -> anyhow::Result<()> {
    bind(config, store, shutdown).await?.run().await
}

impl Server {
    /// The address it was given.
    ///
    /// # Errors
    /// When the system does not know it.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        self.listener.local_addr().context("the address of the listener")
    }

    /// Answers requests until the token given to [`bind`] is cancelled.
    ///
    /// # Errors
    /// When the address is lost.
    pub async fn run(self) -> anyhow::Result<()> {
        // Installs the recorder before the first request is counted.
        shared::telemetry::announce(shared::telemetry::Program::Api);
        let shutdown = self.app.shutdown.clone();
        let (routes, _) = router(self.app.clone());
        tokio::spawn(identity::watch(self.app.clone()));
        tokio::spawn(oidc::watch(self.app.clone()));
        let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let graceful = GracefulShutdown::new();
        tracing::info!(address = %self.address()?, tls = self.tls.is_some(), "the api listens");
        loop {
            let slot = tokio::select! {
                () = shutdown.cancelled() => break,
                slot = slots.clone().acquire_owned() => slot.context("the connections' semaphore")?,
            };
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let (tls, routes, watcher) = (self.tls.clone(), routes.clone(), graceful.watcher());
                    let shutdown = shutdown.clone();
                    tokio::spawn(async move {
                        match tls {
                            Some(tls) => {
                                if let Some(stream) = secured(stream, peer, &tls, &shutdown).await {
                                    serve_connection(stream, Peer(peer), routes, watcher).await;
                                }
                            }
                            None => serve_connection(undelayed(stream), Peer(peer), routes, watcher).await,
                        }
                        drop(slot);
                    });
                }
                Err(error) => {
                    // Out of file descriptors, mostly: others will be given back.
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(self.listener);
        if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests were cut off after {} s", DRAIN.as_secs());
        }
        self.app.traces.flush().await;
        Ok(())
    }
}

/// Carries the handshake out. None: it failed, or the service stops.
async fn secured(
    stream: TcpStream,
    peer: SocketAddr,
    tls: &Acceptor,
    shutdown: &CancellationToken,
) -> Option<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
    let handshake = tls.accept(undelayed(stream));
    let outcome = tokio::select! {
        () = shutdown.cancelled() => return None,
        outcome = handshake => outcome,
    };
    if let Err(error) = &outcome {
        metrics::counter!("slipway_tls_handshake_failures_total").increment(1);
        tracing::debug!(%error, %peer, "a TLS handshake failed");
    }
    outcome.ok()
}

/// Lines of a live log are small and must not wait for more.
fn undelayed(stream: TcpStream) -> TcpStream {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    stream
}

/// Serves one connection. Heads have a time limit here, bodies have the request's, which axum's own server lacks.
async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    peer: Peer,
    routes: Router,
    watcher: Watcher,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(MAX_HEAD);
    let service = TowerToHyperService::new(routes.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request
    }));
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
