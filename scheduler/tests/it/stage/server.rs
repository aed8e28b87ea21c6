//! A smart HTTP server for repositories: git's own `http-backend`, behind as much of HTTP as it needs.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    process::Command,
    task::JoinHandle,
};

/// What the server does with requests.
#[derive(Clone, Debug)]
pub(crate) enum Manner {
    /// Serves the repositories below a folder.
    Serve(PathBuf),
    /// Sends everyone elsewhere.
    Redirect(String),
    /// Takes requests and never answers.
    Silence,
}

/// The server, gone when this is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    /// Requests so far.
    pub(crate) asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = asked.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counter.fetch_add(1, Ordering::SeqCst);
                let manner = manner.clone();
                tokio::spawn(async move { answer(stream, &manner).await });
            }
        });
        Self { port, asked, task }
    }

    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self, repository: &str) -> String {
        format!("http://{}/{repository}", self.host())
    }
}

/// Answers one request, if it can be read.
async fn answer(stream: TcpStream, manner: &Manner) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let (mut head, mut line) = (Vec::new(), String::new());
    loop {
        line.clear();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let header = |name: &str| {
        let lines = head.iter().skip(1).filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let mut body = vec![0; header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    let response = match manner {
        Manner::Serve(root) => serve(root, head.first()?, &header, &body).await?,
        Manner::Redirect(to) => {
            format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes()
        }
        Manner::Silence => std::future::pending().await,
    };
    stream.write_all(&response).await.ok()?;
    stream.shutdown().await.ok()
}

async fn serve(root: &Path, request: &str, header: &impl Fn(&str) -> Option<String>, body: &[u8]) -> Option<Vec<u8>> {
    let mut words = request.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut backend = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type").unwrap_or_default())
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding").unwrap_or_default())
        .env("GIT_PROTOCOL", header("git-protocol").unwrap_or_default())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git is needed for this test: install it");
    backend.stdin.take()?.write_all(body).await.ok()?;
    let output = backend.wait_with_output().await.ok()?;
    let text = output.stdout;
    let end = text.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&text[..end]).into_owned();
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK").to_owned();
    let rest: Vec<&str> = head.lines().filter(|line| !line.starts_with("Status: ")).collect();
    let content = &text[end + 4..];
    let mut response = format!(
        "HTTP/1.1 {status}\r\n{}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        rest.join("\r\n"),
        content.len()
    )
    .into_bytes();
    response.extend_from_slice(content);
    Some(response)
}
