//! Syslog (RFC 5424) over TLS (RFC 5425), TCP with the length in front (RFC 6587) or UDP (RFC 5426).

use std::time::Duration;

use anyhow::Context as _;
use shared::{
    config::{AuditSyslog, SyslogTransport},
    domain::audit::Outcome,
    outgoing::connector,
    store::audit::Recorded,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
};

/// "log audit".
const FACILITY: u8 = 13;
/// How long the receiver is waited for to have read everything and to close.
const CLOSE: Duration = Duration::from_secs(5);

/// Sends entries over a connection of their own. They count as taken when the receiver closes after the last of them, or takes
/// its time to; over UDP, when they were sent.
pub(super) async fn send(config: &AuditSyslog, host: &str, entries: Vec<Recorded>) -> anyhow::Result<()> {
    let messages = entries.iter().map(|entry| message(host, entry)).collect::<anyhow::Result<Vec<_>>>()?;
    let address = &config.address;
    match config.transport {
        SyslogTransport::Udp => {
            let mut found = tokio::net::lookup_host(address).await.with_context(|| format!("looking up {address}"))?;
            let target = found.next().with_context(|| format!("{address} has no address"))?;
            let own = if target.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
            let socket = UdpSocket::bind(own).await?;
            for message in messages {
                socket.send_to(message.as_bytes(), target).await.with_context(|| format!("sending to {address}"))?;
            }
            Ok(())
        }
        SyslogTransport::Tcp => write(connect(address).await?, &messages).await,
        SyslogTransport::Tls => {
            let name = address.rsplit_once(':').map_or(address.as_str(), |(name, _)| name).trim_matches(['[', ']']);
            let name = name.to_owned().try_into().context("audit.syslog.address names no host")?;
            let connector = connector(config.ca_file.as_deref()).context("audit.syslog.ca_file")?;
            let stream = connector.connect(name, connect(address).await?).await;
            write(stream.with_context(|| format!("TLS with {address}"))?, &messages).await
        }
    }
}

async fn connect(address: &str) -> anyhow::Result<TcpStream> {
    TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))
}

async fn write<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, messages: &[String]) -> anyhow::Result<()> {
    for message in messages {
        stream.write_all(format!("{} {message}", message.len()).as_bytes()).await?;
    }
    stream.flush().await?;
    stream.shutdown().await?;
    // Whoever has read to the end closes; whoever died before resets.
    let mut nothing = [0; 64];
    let closed = tokio::time::timeout(CLOSE, async {
        while stream.read(&mut nothing).await? > 0 {}
        std::io::Result::Ok(())
    });
    match closed.await {
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionReset => Err(error.into()),
        _ => Ok(()),
    }
}

/// One message: the facts that receivers filter by as structured data, and the whole entry as JSON.
fn message(host: &str, entry: &Recorded) -> anyhow::Result<String> {
    let severity = match entry.outcome {
        Outcome::Done => 6,
        Outcome::Refused => 4,
    };
    let facts = [
        ("seq", entry.seq.unwrap_or_default().to_string()),
        ("hash", entry.hash.clone().unwrap_or_default()),
        ("actor", entry.actor.clone()),
        ("object", entry.object.clone()),
        ("outcome", entry.outcome.as_str().to_owned()),
        ("address", entry.address.clone()),
    ];
    let facts: Vec<String> = facts.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    Ok(format!(
        "<{}>1 {} {} slipway - {} [audit@32473 {}] {}",
        FACILITY * 8 + severity,
        entry.at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        word(host, 255),
        word(&entry.action, 32),
        facts.join(" "),
        serde_json::to_string(entry)?,
    ))
}

/// As a header field of syslog has it: printable ASCII without spaces.
fn word(text: &str, length: usize) -> String {
    let word: String = text.chars().filter(char::is_ascii_graphic).take(length).collect();
    if word.is_empty() { "-".into() } else { word }
}

/// As a value of structured data has it.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\' | ']') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
