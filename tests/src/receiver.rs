//! A place that takes what Slipway sends: a small HTTP server that notes every request and answers as the test says.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Bytes that a request may have.
const MAX_REQUEST: usize = 8 * 1024 * 1024;

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// The request's first line.
    pub line: String,
    /// Its headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Received {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// A header, or nothing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }
}

/// A running receiver; it ends when it is dropped.
#[derive(Debug)]
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    task: JoinHandle<()>,
}

/// An answer without a body.
#[must_use]
pub fn status(code: u16) -> String {
    format!("HTTP/1.1 {code} Said\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
}

impl Receiver {
    /// Listens on a free port of `127.0.0.1`. `answer` is given how many requests came before, and the request; an empty text
    /// answers nothing, ever.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(answer: impl Fn(usize, &Received) -> String + Send + Sync + 'static) -> anyhow::Result<Self> {
        Self::on("127.0.0.1:0", answer).await
    }

    /// The same on this address.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn on(
        address: &str,
        answer: impl Fn(usize, &Received) -> String + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let received = Arc::new(Mutex::new(Vec::new()));
        let (noted, answer) = (received.clone(), Arc::new(answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (noted, answer) = (noted.clone(), answer.clone());
                tokio::spawn(async move { drop(serve(stream, &noted, &*answer).await) });
            }
        });
        Ok(Self { address, received, task })
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Every request so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    noted: &Mutex<Vec<Received>>,
    answer: &(impl Fn(usize, &Received) -> String + Send + Sync),
) -> std::io::Result<()> {
    let Some(request) = read(&mut stream).await? else { return Ok(()) };
    let before = {
        let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
        noted.push(request.clone());
        noted.len() - 1
    };
    // Without the lock: an answer may take its time, and another request must not stop a thread of the runtime meanwhile.
    let text = answer(before, &request);
    if text.is_empty() {
        std::future::pending::<()>().await;
    }
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

async fn read(stream: &mut TcpStream) -> std::io::Result<Option<Received>> {
    let mut bytes = Vec::new();
    let mut part = vec![0; 16 * 1024];
    loop {
        let read = stream.read(&mut part).await?;
        bytes.extend_from_slice(&part[..read]);
        if let Some(request) = parse(&bytes) {
            return Ok(Some(request));
        }
        if read == 0 || bytes.len() > MAX_REQUEST {
            return Ok(None);
        }
    }
}

fn parse(bytes: &[u8]) -> Option<Received> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.split("\r\n");
    let line = lines.next()?.to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let body = bytes.get(end + 4..end + 4 + length)?.to_vec();
    Some(Received { line, headers, body })
}
