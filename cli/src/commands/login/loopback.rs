//! Login by a browser on this machine: it brings a code to a port of 127.0.0.1 that only this program listens on, and only
//! this program knows what the code was made for.

use std::time::Duration;

use anyhow::Context as _;
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::{Granted, exchange, own_name};
use crate::{client::Client, output::complain};

/// How long the person may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// How long a browser may take to send a request.
const REQUEST: Duration = Duration::from_secs(10);
/// Bytes that a request's head may have.
const MAX_HEAD: usize = 16 * 1024;

/// What the browser brought.
#[derive(Debug, PartialEq, Eq)]
enum Brought {
    Code(String),
    Refused,
}

/// Logs in.
///
/// # Errors
/// When no port can be had, the person refuses, or takes longer than five minutes.
pub(super) async fn log_in(client: &Client, url: &str, open: bool) -> anyhow::Result<Granted> {
    let listener = TcpListener::bind("127.0.0.1:0").await.context("listening on 127.0.0.1 for the browser")?;
    let port = listener.local_addr().context("the port for the browser")?.port();
    let (verifier, state) = (random(), random());
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    let mut page = reqwest::Url::parse(&format!("{url}/cli/login")).context("the address of the login page")?;
    page.query_pairs_mut()
        .append_pair("port", &port.to_string())
        .append_pair("challenge", &challenge)
        .append_pair("state", &state)
        .append_pair("client", &own_name());
    complain!("Open this page in a browser on this machine, and log in there:\n\n  {page}\n");
    if !(open && open_browser(page.as_str())) {
        complain!("No browser on this machine? `slipway login --device` needs none here.");
    }
    let brought = tokio::time::timeout(PATIENCE, receive(listener, &state))
        .await
        .context("nobody logged in within five minutes; `slipway login` begins again")??;
    match brought {
        Brought::Code(code) => exchange(client, json!({ "grant": "code", "code": code, "verifier": verifier })).await,
        Brought::Refused => anyhow::bail!("the login was refused in the browser"),
    }
}

fn random() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

/// Waits for the request that carries our `state`. Others (a browser's look for an icon, a stranger's guess) are answered 404.
async fn receive(listener: TcpListener, state: &str) -> anyhow::Result<Brought> {
    let (found, mut received) = mpsc::channel(1);
    loop {
        tokio::select! {
            brought = received.recv() => return brought.context("the port for the browser was closed"),
            accepted = listener.accept() => {
                let (stream, _) = accepted.context("listening for the browser")?;
                let (found, state) = (found.clone(), state.to_owned());
                // Browsers open connections ahead and say nothing on them: none waits for another.
                tokio::spawn(async move {
                    if let Ok(Ok(Some(brought))) = tokio::time::timeout(REQUEST, answer(stream, &state)).await {
                        let _ = found.send(brought).await;
                    }
                });
            }
        }
    }
}

async fn answer(mut stream: TcpStream, state: &str) -> std::io::Result<Option<Brought>> {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let mut chunk = [0; 2048];
        let read = stream.read(&mut chunk).await?;
        if read == 0 || head.len() + read > MAX_HEAD {
            return Ok(None);
        }
        head.extend_from_slice(&chunk[..read]);
    }
    let brought = read_request(&String::from_utf8_lossy(&head), state);
    let (status, text) = match &brought {
        Some(Brought::Code(_)) => ("200 OK", "The command line is logged in. You may close this page."),
        Some(Brought::Refused) => ("200 OK", "The login was refused. You may close this page."),
        None => ("404 Not Found", "There is nothing here."),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         Referrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{text}\n",
        text.len() + 1
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(brought)
}

/// What a request brings, if it is the one: its `state` is ours.
fn read_request(head: &str, state: &str) -> Option<Brought> {
    let target = head.lines().next()?.strip_prefix("GET ")?.split(' ').next()?;
    let url = reqwest::Url::parse("http://127.0.0.1").ok()?.join(target).ok()?;
    let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    if url.path() != "/callback" || value("state").as_deref() != Some(state) {
        return None;
    }
    match value("code") {
        Some(code) => Some(Brought::Code(code)),
        None => value("error").map(|_| Brought::Refused),
    }
}

/// Opens the person's browser. False when none can be started.
fn open_browser(page: &str) -> bool {
    let remote = std::env::var_os("SSH_CONNECTION").is_some();
    let shown = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    if remote || (cfg!(target_os = "linux") && !shown) {
        return false;
    }
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let quiet = std::process::Stdio::null;
    std::process::Command::new(program).arg(page).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_request_with_our_state_brings_anything() {
        let request = |line: &str| read_request(&format!("{line} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"), "mine");
        assert_eq!(request("GET /callback?state=mine&code=c"), Some(Brought::Code("c".into())));
        assert_eq!(request("GET /callback?state=mine&error=refused"), Some(Brought::Refused));
        for stray in [
            "GET /favicon.ico",
            "GET /callback?code=c",
            "GET /callback?state=other&code=c",
            "POST /callback?state=mine&code=c",
            "GET //evil/callback?state=mine",
            "",
        ] {
            assert_eq!(request(stray), None, "{stray}");
        }
    }
}
