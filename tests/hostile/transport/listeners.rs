//! Slipway as the server.

use std::{path::Path, sync::Arc, time::Duration};

use shared::{
    config::{Config, ServerTls},
    health,
    tls::Acceptor,
};
use tests::{
    alone::Alone,
    authority::{Authority, Pair},
    process, wait,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

/// Longer than any limit that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);
/// Names of a server on this machine.
const HERE: [&str; 2] = ["localhost", "127.0.0.1"];

async fn alone(tls: ServerTls) -> Alone {
    Alone::start(|config: &mut Config| config.api.tls = Some(tls)).await.unwrap()
}

/// The innermost reason why a request came to nothing.
async fn refusal(http: reqwest::Client, url: &str) -> String {
    let error = http.get(format!("{url}/livez")).timeout(PATIENCE).send().await.expect_err("it is refused");
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

async fn status(http: &reqwest::Client, url: &str) -> u16 {
    http.get(format!("{url}/livez")).timeout(PATIENCE).send().await.unwrap().status().as_u16()
}

/// Sends bytes and gives all that comes back until the other side is done.
async fn answer_to(address: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    // A reset is an end, too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection is ended");
    answer
}

/// The first message of a client that speaks no later version than 1.1 (2) or 1.2 (3), and else has what a server of 1.2 wants.
fn client_hello(minor_version: u8) -> Vec<u8> {
    let mut hello = vec![3, minor_version];
    hello.extend_from_slice(&[7; 32]);
    // No session; suites of 1.2 and of before it; no compression; extensions.
    hello.extend_from_slice(&[0, 0, 8, 0xc0, 0x2b, 0xc0, 0x09, 0xc0, 0x13, 0, 0x2f, 1, 0, 0, 22]);
    // Signatures: ECDSA with P-256, RSA-PSS, RSA. Groups: X25519, P-256.
    hello.extend_from_slice(&[0, 13, 0, 8, 0, 6, 4, 3, 8, 4, 4, 1, 0, 10, 0, 6, 0, 4, 0, 0x1d, 0, 0x17]);
    let mut handshake = vec![1, 0, 0, u8::try_from(hello.len()).unwrap()];
    handshake.append(&mut hello);
    let mut record = vec![0x16, 3, 1, 0, u8::try_from(handshake.len()).unwrap()];
    record.append(&mut handshake);
    record
}

#[tokio::test]
async fn who_speaks_plain_http_is_told_to_speak_tls_and_nothing_else() {
    let authority = Authority::new().unwrap();
    let alone = alone(authority.server(&HERE).unwrap().listening(None)).await;
    let answer = answer_to(&alone.config.api.listen, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let answer = String::from_utf8(answer).unwrap();
    let expected = r#"{"type":"/problems/tls-required","title":"This address speaks TLS","status":400,"detail":"write https:// in front of it"}"#;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n"), "{answer}");
    assert!(answer.ends_with(&format!("\r\n\r\n{expected}")), "{answer}");
}

#[tokio::test]
async fn versions_before_tls_1_2_get_an_alert_and_the_end() {
    let authority = Authority::new().unwrap();
    let alone = alone(authority.server(&HERE).unwrap().listening(None)).await;
    for (version, minor) in [("TLS 1.1", 2), ("TLS 1.0", 1), ("SSL 3.0", 0)] {
        let answer = answer_to(&alone.config.api.listen, &client_hello(minor)).await;
        // An alert, two bytes long: fatal, protocol_version.
        assert_eq!((answer[0], &answer[3..]), (0x15, &[0, 2, 2, 70][..]), "{version}: {answer:?}");
    }
    let mut served = TcpStream::connect(&alone.config.api.listen).await.unwrap();
    served.write_all(&client_hello(3)).await.unwrap();
    assert_eq!(timeout(PATIENCE, served.read_u8()).await.unwrap().unwrap(), 0x16, "1.2 goes on with a handshake");
}

#[tokio::test]
async fn bytes_that_are_neither_end_the_connection() {
    let authority = Authority::new().unwrap();
    let alone = alone(authority.server(&HERE).unwrap().listening(None)).await;
    let answer = answer_to(&alone.config.api.listen, &[0; 512]).await;
    assert!(answer.is_empty() || answer[0] == 0x15, "{answer:?}");
    assert_eq!(status(&authority.http(None).unwrap(), &alone.url).await, 200);
}

#[tokio::test]
async fn a_client_that_trusts_another_authority_does_not_go_on() {
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let alone = alone(authority.server(&HERE).unwrap().listening(None)).await;
    assert_eq!(refusal(other.http(None).unwrap(), &alone.url).await, "invalid peer certificate: BadSignature");
    assert_eq!(status(&authority.http(None).unwrap(), &alone.url).await, 200);
}

#[tokio::test]
async fn a_client_does_not_go_on_where_the_certificate_is_for_another_name() {
    let authority = Authority::new().unwrap();
    let alone = alone(authority.server(&["slipway.example"]).unwrap().listening(None)).await;
    let refused = refusal(authority.http(None).unwrap(), &alone.url).await;
    assert!(refused.starts_with("invalid peer certificate: certificate not valid for name \"127.0.0.1\""), "{refused}");
}

#[tokio::test]
async fn who_shows_no_certificate_where_one_is_asked_for_gets_nowhere() {
    let authority = Authority::new().unwrap();
    let alone = alone(authority.server(&HERE).unwrap().listening(Some(&authority))).await;
    let refused = refusal(authority.http(None).unwrap(), &alone.url).await;
    assert_eq!(refused, "received fatal alert: CertificateRequired");
    let known = authority.client("ada").unwrap();
    assert_eq!(status(&authority.http(Some(&known)).unwrap(), &alone.url).await, 200);
}

#[tokio::test]
async fn certificates_of_clients_that_are_foreign_expired_or_a_servers_get_nowhere() {
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let alone = alone(authority.server(&HERE).unwrap().listening(Some(&authority))).await;
    for (shown, alert) in [
        (other.client("ada").unwrap(), "DecryptError"),
        (authority.expired_client("ada").unwrap(), "CertificateExpired"),
        (authority.server(&HERE).unwrap(), "UnsupportedCertificate"),
    ] {
        let refused = refusal(authority.http(Some(&shown)).unwrap(), &alone.url).await;
        assert_eq!(refused, format!("received fatal alert: {alert}"));
    }
}

#[tokio::test]
async fn a_key_is_still_asked_for_behind_a_certificate() {
    let authority = Authority::new().unwrap();
    let alone = alone(authority.server(&HERE).unwrap().listening(Some(&authority))).await;
    let http = authority.http(Some(&authority.client("admin").unwrap())).unwrap();
    let answer = http.get(format!("{}/api/specs", alone.url)).send().await.unwrap();
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn an_api_does_not_start_with_files_that_cannot_work_and_says_what_to_do() {
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let good = authority.server(&HERE).unwrap();
    let expired = authority.expired_server(&HERE).unwrap().listening(None);
    let foreign_key = ServerTls { key: other.server(&HERE).unwrap().key, ..good.listening(None) };
    let nowhere = ServerTls { cert: "/nowhere/api.pem".into(), ..good.listening(None) };
    let no_authority = ServerTls { client_ca: Some(good.key.clone()), ..good.listening(None) };
    for (tls, expected) in [
        (expired, "the certificate expired on 2021-01-01 00:00 UTC; renew it".to_owned()),
        (
            foreign_key,
            format!(
                "this key does not belong to the certificate in {}; the two files must be of one issue",
                good.cert.display()
            ),
        ),
        (
            nowhere,
            "/nowhere/api.pem: there is no such file; is the path right, and was the certificate made?".to_owned(),
        ),
        (no_authority, "it holds no certificate; it must be PEM, with `-----BEGIN CERTIFICATE-----`".to_owned()),
    ] {
        let said = format!("{:#}", Acceptor::load("api.tls", &tls).unwrap_err());
        assert!(said.starts_with("api.tls.") && said.ends_with(&expected), "{said}");
        let error = Alone::start(|config: &mut Config| config.api.tls = Some(tls)).await.unwrap_err();
        let log = format!("{error:#}");
        assert!(log.contains("slipway-api-0 has ended") && log.contains(&said), "{log}");
    }
}

/// A connection that stays, to ask over again.
struct Lasting(TlsStream<TcpStream>);

impl Lasting {
    async fn to(address: &str, authority: &Authority) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&authority.ca).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        Self(TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap())
    }

    fn certificate(&self) -> CertificateDer<'static> {
        self.0.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
    }

    async fn is_served(&mut self) -> bool {
        self.0.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"ok\n") && self.0.read_buf(&mut answer).await.unwrap() > 0 {}
        answer.starts_with(b"HTTP/1.1 200")
    }
}

fn replace(pair: &Pair, by: &Pair) {
    for (from, to) in [(&by.key, &pair.key), (&by.cert, &pair.cert)] {
        let new = to.with_extension("new");
        std::fs::copy(from, &new).unwrap();
        std::fs::rename(&new, to).unwrap();
    }
}

fn certificate(file: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file).unwrap()
}

#[tokio::test]
async fn a_certificate_that_is_replaced_serves_new_connections_and_cuts_no_open_one() {
    let authority = Authority::new().unwrap();
    let (shown, next) = (authority.server(&HERE).unwrap(), authority.server(&HERE).unwrap());
    let alone = alone(shown.listening(None)).await;
    let mut open = Lasting::to(&alone.config.api.listen, &authority).await;
    assert!(open.is_served().await);
    assert_eq!(open.certificate(), certificate(&shown.cert));

    replace(&shown, &next);
    wait::until("the new certificate is shown", PATIENCE, async || {
        let new = Lasting::to(&alone.config.api.listen, &authority).await;
        Ok((new.certificate() == certificate(&next.cert)).then_some(()))
    })
    .await
    .unwrap();
    assert!(open.is_served().await, "the connection of before goes on");
}

#[tokio::test]
async fn a_certificate_that_is_replaced_by_a_bad_one_stays() {
    let authority = Authority::new().unwrap();
    let shown = authority.server(&HERE).unwrap();
    let before = certificate(&shown.cert);
    let alone = alone(shown.listening(None)).await;
    std::fs::copy(authority.server(&HERE).unwrap().cert, &shown.cert).unwrap();
    wait::until("the api has looked", PATIENCE, async || {
        assert_eq!(Lasting::to(&alone.config.api.listen, &authority).await.certificate(), before);
        let said = "a changed certificate cannot be used; the one before stays";
        Ok(alone.api.last_words().contains(said).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn figures_are_given_over_tls_to_who_shows_a_certificate_and_to_nobody_else() {
    let authority = Authority::new().unwrap();
    let tls = authority.server(&HERE).unwrap().listening(Some(&authority));
    let acceptor = Arc::new(Acceptor::load("worker.metrics_tls", &tls).unwrap());
    let address = format!("127.0.0.1:{}", process::free_port().unwrap());
    let listen = address.clone();
    let served = tokio::spawn(async move { health::serve(&listen, Some(acceptor), None, || async { Ok(()) }).await });
    wait::until("it listens", PATIENCE, async || Ok(TcpStream::connect(&address).await.ok().map(drop))).await.unwrap();

    let plain = answer_to(&address, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(plain.starts_with(b"HTTP/1.1 400 Bad Request\r\n"), "{}", String::from_utf8_lossy(&plain));
    let url = format!("https://{address}");
    assert_eq!(refusal(authority.http(None).unwrap(), &url).await, "received fatal alert: CertificateRequired");
    let known = authority.http(Some(&authority.client("prometheus").unwrap())).unwrap();
    assert_eq!(known.get(format!("{url}/metrics")).send().await.unwrap().status(), 200);
    served.abort();
}
