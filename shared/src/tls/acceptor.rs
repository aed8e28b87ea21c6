//! The server's side of TLS, for whoever listens.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use rustls::{ServerConfig, server::WebPkiClientVerifier};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{Flaw, TlsError, Watch, authorities, identity, provider};
use crate::config::ServerTls;

/// How long a client may take to get through a handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Bytes that are read of who speaks without TLS, so that the answer reaches it.
const PLAIN_BYTES: u64 = 64 * 1024;
/// The answer to plain HTTP.
const PLAIN_ANSWER: &str = r#"{"type":"/problems/tls-required","title":"This address speaks TLS","status":400,"detail":"write https:// in front of it"}"#;

/// Takes connections over TLS. A certificate that changes on disk serves the next connection; those that are open go on.
#[derive(Debug)]
pub struct Acceptor {
    section: &'static str,
    files: ServerTls,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    config: Arc<ServerConfig>,
    expires: DateTime<Utc>,
    watch: Watch,
}

impl Acceptor {
    /// Reads the files. `section` is what the configuration calls them (`api.tls`).
    ///
    /// # Errors
    /// When one cannot be used; the message says which, and what to do.
    pub fn load(section: &'static str, files: &ServerTls) -> Result<Self, TlsError> {
        let watch = watch(files);
        let (config, expires) = server_config(section, files)?;
        Ok(Self { section, files: files.clone(), current: Mutex::new(Current { config, expires, watch }) })
    }

    /// The same of an optional section.
    ///
    /// # Errors
    /// See [`Acceptor::load`].
    pub fn load_if(section: &'static str, files: Option<&ServerTls>) -> Result<Option<Arc<Self>>, TlsError> {
        files.map(|files| Self::load(section, files).map(Arc::new)).transpose()
    }

    /// Carries a handshake out, within ten seconds. Who speaks plain HTTP is told so.
    ///
    /// # Errors
    /// When the other side does not get through it, has no certificate where one is asked for, or goes away.
    pub async fn accept(&self, mut stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let handshake = async {
            let mut first = [0];
            // A TLS record begins with 0x16, a method of HTTP with a letter.
            if stream.peek(&mut first).await? == 1 && first[0].is_ascii_alphabetic() {
                refuse_plain(&mut stream).await?;
                return Err(io::Error::new(io::ErrorKind::InvalidData, "plain HTTP where TLS is spoken"));
            }
            TlsAcceptor::from(self.config()).accept(stream).await
        };
        timeout(HANDSHAKE, handshake).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// The configuration by the files as they are. Files that cannot be used change nothing but the log: the certificate and
    /// its key are seldom replaced in one step.
    fn config(&self) -> Arc<ServerConfig> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.watch.changed() {
            match server_config(self.section, &self.files) {
                Ok((config, expires)) => {
                    tracing::info!(section = self.section, %expires, "the certificate has changed; new connections get it");
                    (current.config, current.expires) = (config, expires);
                }
                Err(error) => tracing::error!(%error, "a changed certificate cannot be used; the one before stays"),
            }
        }
        metrics::gauge!("slipway_tls_certificate_expiry_timestamp_seconds", "listener" => self.section)
            .set(current.expires.timestamp() as f64);
        Arc::clone(&current.config)
    }
}

fn watch(files: &ServerTls) -> Watch {
    Watch::new([&files.cert, &files.key].into_iter().chain(&files.client_ca).map(PathBuf::from))
}

fn server_config(section: &str, files: &ServerTls) -> Result<(Arc<ServerConfig>, DateTime<Utc>), TlsError> {
    let settings = [format!("{section}.cert"), format!("{section}.key")];
    let refused =
        |error: &dyn std::fmt::Display| TlsError::new(&settings[0], &files.cert, Flaw::Malformed(error.to_string()));
    let identity = identity([&settings[0], &settings[1]], &files.cert, &files.key)?;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(&error))?;
    let builder = match &files.client_ca {
        Some(path) => {
            let setting = format!("{section}.client_ca");
            let roots = Arc::new(authorities(&setting, path)?.roots);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
                .build()
                .map_err(|error| TlsError::new(setting, path, Flaw::Malformed(error.to_string())))?;
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(identity.chain, identity.key).map_err(|error| refused(&error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), identity.validity.not_after))
}

async fn refuse_plain(stream: &mut TcpStream) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        PLAIN_ANSWER.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(PLAIN_ANSWER.as_bytes()).await?;
    stream.shutdown().await?;
    // Closing with something unread would reset the connection, and the answer with it.
    tokio::io::copy(&mut stream.take(PLAIN_BYTES), &mut tokio::io::sink()).await.map(drop)
}
