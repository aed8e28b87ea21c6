//! HTTP to places that somebody else has named.
//!
//! A name is looked up once, the addresses found are compared with the [`Policy`], and the connection is made to one of those
//! addresses and to no other: a name that changes its mind in between leads nowhere else. Redirects are answers like any other,
//! and are not followed. What the environment says about proxies is not read. Time, heads and bodies have bounds.

mod address;
mod resolve;
mod sign;
mod tls;

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use url::Host;

pub use address::{Policy, is_public};
pub use hyper::{HeaderMap, Method, StatusCode, header};
pub use resolve::{Resolve, System};
pub use sign::{Secret, SecretError, TOLERANCE_S, signature};
pub use tls::{TlsError, connector};
pub use url::Url;

/// Bytes that the head of an answer may have.
const MAX_HEAD: usize = 64 * 1024;
/// Headers that an answer may have.
const MAX_HEADERS: usize = 100;
/// How long one address may take to be connected to, when there are several.
const CONNECT: Duration = Duration::from_secs(5);
/// Addresses of a name that are tried.
const MAX_ADDRESSES: usize = 4;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum OutgoingError {
    /// The URL is not one that is spoken to.
    #[error("{0}")]
    Url(String),
    /// The address is not allowed.
    #[error("{host} has the address {address}, which is not public; {setting} can allow the network that it is in")]
    Private {
        /// The host as the URL has it.
        host: String,
        /// The address that it has.
        address: IpAddr,
        /// The key of the configuration that allows networks.
        setting: &'static str,
    },
    /// The name has no address.
    #[error("{host} cannot be looked up: {reason}")]
    Lookup {
        /// The name.
        host: String,
        /// Why.
        reason: String,
    },
    /// None of its addresses takes a connection.
    #[error("{address} takes no connection: {reason}")]
    Connect {
        /// The last address that was tried.
        address: SocketAddr,
        /// Why.
        reason: String,
    },
    /// It does not show to be who it should be, or speaks no TLS.
    #[error("no TLS with {host}: {reason}")]
    Tls {
        /// The host.
        host: String,
        /// Why.
        reason: String,
    },
    /// It does not speak HTTP, or stopped in the middle.
    #[error("no HTTP answer: {0}")]
    Http(String),
    /// It took too long.
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, or as much of it as is read.
    pub body: Bytes,
    /// Whether there was more of it.
    pub cut: bool,
    /// The address that was spoken to.
    pub address: SocketAddr,
}

/// Sends requests. Cheap to clone; every request has a connection of its own.
#[derive(Clone)]
pub struct Client {
    policy: Policy,
    tls: tokio_rustls::TlsConnector,
    resolver: Arc<dyn Resolve>,
    timeout: Duration,
    max_body: usize,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("policy", &self.policy).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that trusts the certificates of `ca_file`, or the system's without one; that gives a request `timeout` from the
    /// look-up of the name to the last byte; and that reads `max_body` bytes of an answer's body.
    ///
    /// # Errors
    /// When there are no certificates to trust.
    pub fn new(policy: Policy, ca_file: Option<&Path>, timeout: Duration, max_body: usize) -> Result<Self, TlsError> {
        Ok(Self { policy, tls: connector(ca_file)?, resolver: Arc::new(System), timeout, max_body })
    }

    /// The same with another way to look up names.
    #[must_use]
    pub fn with_resolver(mut self, resolver: Arc<dyn Resolve>) -> Self {
        self.resolver = resolver;
        self
    }

    /// Sends one request.
    ///
    /// # Errors
    /// When the address is not allowed, or there is no whole answer in time.
    pub async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, OutgoingError> {
        let exchange = self.exchange(method, url, headers, body);
        tokio::time::timeout(self.timeout, exchange).await.unwrap_or(Err(OutgoingError::TimedOut(self.timeout)))
    }

    /// Looks the host up and compares what it finds with the policy, as a request would.
    ///
    /// # Errors
    /// When it may not be spoken to.
    pub async fn admit(&self, url: &Url) -> Result<Vec<SocketAddr>, OutgoingError> {
        self.policy.check_url(url).map_err(OutgoingError::Url)?;
        let port = url.port_or_known_default().unwrap_or(443);
        let (host, found) = match url.host() {
            Some(Host::Ipv4(address)) => (address.to_string(), vec![IpAddr::V4(address)]),
            Some(Host::Ipv6(address)) => (address.to_string(), vec![IpAddr::V6(address)]),
            Some(Host::Domain(name)) => {
                let found = self.resolver.resolve(name).await;
                let failed = |reason: String| OutgoingError::Lookup { host: name.to_owned(), reason };
                (name.to_owned(), found.map_err(|error| failed(error.to_string()))?)
            }
            None => return Err(OutgoingError::Url("the URL names no host".into())),
        };
        if found.is_empty() {
            return Err(OutgoingError::Lookup { host, reason: "it has no address".into() });
        }
        // One that is not allowed spoils all: which of them is connected to is not for its owner to choose.
        if let Some(address) = found.iter().find(|address| !self.policy.allows(**address)) {
            return Err(OutgoingError::Private { host, address: *address, setting: self.policy.setting });
        }
        Ok(found.into_iter().take(MAX_ADDRESSES).map(|address| SocketAddr::new(address, port)).collect())
    }

    async fn exchange(
        &self,
        method: Method,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, OutgoingError> {
        let addresses = self.admit(url).await?;
        let (stream, address) = connect(&addresses).await?;
        let request = request(method, url, headers, body)?;
        if url.scheme() != "https" {
            return self.speak(stream, address, request).await;
        }
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).trim_end_matches('.').to_owned();
        let failed = |reason: String| OutgoingError::Tls { host: host.clone(), reason };
        let name = rustls::pki_types::ServerName::try_from(host.clone()).map_err(|error| failed(error.to_string()))?;
        let stream = self.tls.connect(name, stream).await.map_err(|error| failed(error.to_string()))?;
        self.speak(stream, address, request).await
    }

    async fn speak<S>(
        &self,
        stream: S,
        address: SocketAddr,
        request: Request<Full<Bytes>>,
    ) -> Result<Answer, OutgoingError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let failed = |error: hyper::Error| OutgoingError::Http(error.to_string());
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(failed)?;
        // Ends when the request is over, or given up.
        let driver = tokio::spawn(connection);
        let _stops = Stops(driver.abort_handle());
        let (head, body) = sender.send_request(request).await.map_err(failed)?.into_parts();
        let (body, cut) = self.read(body).await?;
        Ok(Answer { status: head.status, headers: head.headers, body, cut, address })
    }

    async fn read(&self, mut body: Incoming) -> Result<(Bytes, bool), OutgoingError> {
        let mut read = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| OutgoingError::Http(error.to_string()))?;
            let Ok(data) = frame.into_data() else { continue };
            let room = self.max_body.saturating_sub(read.len());
            read.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                return Ok((read.freeze(), true));
            }
        }
        Ok((read.freeze(), false))
    }
}

/// Stops a task when it goes out of scope.
struct Stops(tokio::task::AbortHandle);

impl Drop for Stops {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn connect(addresses: &[SocketAddr]) -> Result<(TcpStream, SocketAddr), OutgoingError> {
    let mut failed = OutgoingError::Url("the URL names no host".into());
    for address in addresses {
        let reason = match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, *address)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("not within {} s", CONNECT.as_secs()),
        };
        failed = OutgoingError::Connect { address: *address, reason };
    }
    Err(failed)
}

fn request(method: Method, url: &Url, headers: HeaderMap, body: Bytes) -> Result<Request<Full<Bytes>>, OutgoingError> {
    let wrong = |error: &dyn std::fmt::Display| OutgoingError::Url(format!("the URL cannot be sent: {error}"));
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() =
        url[url::Position::BeforePath..url::Position::AfterQuery].parse().map_err(|error| wrong(&error))?;
    *request.headers_mut() = headers;
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    request.headers_mut().insert(header::HOST, host.parse().map_err(|error| wrong(&error))?);
    request.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    let agent = concat!("slipway/", env!("CARGO_PKG_VERSION"));
    request.headers_mut().entry(header::USER_AGENT).or_insert(header::HeaderValue::from_static(agent));
    Ok(request)
}
