//! A Git server of a test: its repositories are bare ones in a folder.

use std::{path::Path, process::Stdio};

use hyper::{Request, Response, body::Bytes};
use tokio::{io::AsyncWriteExt as _, process::Command};

/// The token that opens it.
pub(crate) const TOKEN: &str = "forge-token-9a";

/// What git's own CGI program answers, to who knows the token.
pub(crate) async fn backend(root: &Path, request: Request<Bytes>) -> Response<Bytes> {
    // git:forge-token-9a
    let allowed =
        request.headers().get("authorization").is_some_and(|given| *given == "Basic Z2l0OmZvcmdlLXRva2VuLTlh");
    if !allowed {
        let answer = Response::builder().status(401).header("WWW-Authenticate", "Basic realm=\"forge\"");
        return answer.body(Bytes::new()).unwrap();
    }
    let header = |name: &str| request.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REMOTE_USER", "git")
        .env("REQUEST_METHOD", request.method().as_str())
        .env("PATH_INFO", request.uri().path())
        .env("QUERY_STRING", request.uri().query().unwrap_or_default())
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", request.body().len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let body = request.into_body();
    let (_, output) = tokio::join!(
        async move {
            let _ = input.write_all(&body).await;
            drop(input);
        },
        child.wait_with_output()
    );
    let output = output.unwrap().stdout;
    let end = output.windows(4).position(|part| part == b"\r\n\r\n").unwrap_or(output.len());
    let mut answer = Response::builder();
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        match line.split_once(": ") {
            Some(("Status", status)) => answer = answer.status(status[..3].parse::<u16>().unwrap()),
            Some((name, value)) => answer = answer.header(name, value),
            None => {}
        }
    }
    answer.body(Bytes::copy_from_slice(output.get(end + 4..).unwrap_or_default())).unwrap()
}
