//! The pages for browsers: what `make dashboard` built, compiled in, and given out as it is, packed already.

use std::borrow::Cow;

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::{conditional, error::Problem, identity::page};

/// The files; none at all when the dashboard was not built before this program.
#[derive(RustEmbed)]
#[folder = "../dashboard/dist/site"]
#[allow_missing = true]
struct Site;

/// Nothing but what is served here runs, is shown or is asked.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                      connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// The one document; which page it shows is told by the path.
const DOCUMENT: &str = "index.html";
/// Files whose names change with what is in them.
const HASHED: &str = "assets/";
/// Paths below which there is no page.
const NOT_PAGES: [&str; 4] = ["api/", "ws/", HASHED, "login/"];

/// Answers what no route has: a file of the dashboard, or the dashboard itself for a browser that opens a page.
pub(crate) async fn file_or_page(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let reads = matches!(method, Method::GET | Method::HEAD);
    if reads && is_public(path) && Site::get(path).is_some() {
        return file(path, &headers);
    }
    if !reads || NOT_PAGES.iter().any(|prefix| path.starts_with(prefix)) || !wants_page(&headers) {
        return Problem::not_found("route", uri.path()).into_response();
    }
    if Site::get(DOCUMENT).is_some() { file(DOCUMENT, &headers) } else { not_built() }
}

/// Whether a file is there to be asked for by name: not the packed forms, and not the document under a second name.
fn is_public(path: &str) -> bool {
    path != DOCUMENT && content_type(path).is_some()
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|kind| kind.trim().starts_with("text/html"))
}

fn file(path: &str, request: &HeaderMap) -> Response {
    let Some((found, encoding)) = packed(path, request) else {
        return Problem::not_found("route", path).into_response();
    };
    let tag = format!("\"{}\"", hex::encode(&found.metadata.sha256_hash()[..12]));
    let mut response = if conditional::is_known(request, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        match found.data {
            Cow::Borrowed(bytes) => bytes.into_response(),
            Cow::Owned(bytes) => bytes.into_response(),
        }
    };
    let headers = response.headers_mut();
    page::guard(headers);
    let kept = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    for (name, value) in [
        (header::CONTENT_TYPE, content_type(path)),
        (header::CONTENT_ENCODING, encoding),
        (header::CACHE_CONTROL, Some(kept)),
        (header::VARY, Some("accept-encoding")),
        (header::CONTENT_SECURITY_POLICY, Some(POLICY)),
        (HeaderName::from_static("permissions-policy"), Some("camera=(), geolocation=(), microphone=()")),
    ] {
        if let Some(value) = value {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// The file in the smallest form that the browser takes, and how that is packed.
fn packed(path: &str, request: &HeaderMap) -> Option<(EmbeddedFile, Option<&'static str>)> {
    let taken = |name: &str| {
        let named = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        named.flat_map(|value| value.split(',')).any(|one| {
            let (coding, weight) = one.split_once(';').unwrap_or((one, ""));
            let refused = weight.trim().strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0));
            coding.trim().eq_ignore_ascii_case(name) && !refused
        })
    };
    [("br", "br"), ("gz", "gzip")]
        .into_iter()
        .filter(|(_, coding)| taken(coding))
        .find_map(|(suffix, coding)| Some((Site::get(&format!("{path}.{suffix}"))?, Some(coding))))
        .or_else(|| Some((Site::get(path)?, None)))
}

/// Of a file of the dashboard; none for what is not given out.
fn content_type(path: &str) -> Option<&'static str> {
    Some(match path.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        _ => return None,
    })
}

fn not_built() -> Response {
    let page = page::Page::new(StatusCode::OK, "No dashboard in this program")
        .text("It was built without one. To have it: make dashboard, then build again.")
        .link("/account", "Your account")
        .link("/api/docs", "The API and its description");
    let mut response = page.into_response();
    page::guard(response.headers_mut());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    async fn get(path: &str, headers: &[(HeaderName, &str)]) -> (StatusCode, HeaderMap, String) {
        let headers =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect();
        let response = file_or_page(Method::GET, path.parse().unwrap(), headers).await;
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
    }

    fn html() -> (HeaderName, &'static str) {
        (header::ACCEPT, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
    }

    #[tokio::test]
    async fn every_page_is_the_one_document_under_a_policy_and_in_no_frame() {
        for path in ["/", "/runs", "/runs/01a1/logs?x=1"] {
            let (status, headers, body) = get(path, &[html()]).await;
            assert_eq!(status, StatusCode::OK, "{path}");
            assert!(body.contains("<title>"), "{path}: {body}");
            let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
            assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        }
    }

    #[tokio::test]
    async fn what_is_no_page_is_not_found_as_everywhere() {
        let json = (header::ACCEPT, "application/json");
        for (path, accept) in
            [("/api/nothing", html()), ("/ws/nothing", html()), ("/assets/none.js", html()), ("/x", json)]
        {
            assert_eq!(get(path, &[accept]).await.0, StatusCode::NOT_FOUND, "{path}");
        }
        let post = file_or_page(
            Method::POST,
            Uri::from_static("/runs"),
            HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("text/html"))]),
        )
        .await;
        assert_eq!(post.status(), StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn files_come_packed_as_the_browser_takes_them_and_are_known_by_their_tag() {
        let Some(script) = Site::iter().find(|path| path.ends_with(".js") && path.starts_with(HASHED)) else {
            // Built without node: there is a page that says so.
            assert!(get("/", &[html()]).await.2.contains("make dashboard"));
            return;
        };
        let path = format!("/{script}");
        let (_, plain, _) = get(&path, &[]).await;
        assert!(!plain.contains_key(header::CONTENT_ENCODING));
        assert_eq!(plain[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
        assert!(plain[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        let (_, packed, _) = get(&path, &[(header::ACCEPT_ENCODING, "gzip, br;q=0")]).await;
        assert_eq!(packed[header::CONTENT_ENCODING], "gzip");
        let tag = packed[header::ETAG].to_str().unwrap().to_owned();
        let (status, _, body) = get(&path, &[(header::ACCEPT_ENCODING, "gzip"), (header::IF_NONE_MATCH, &tag)]).await;
        assert_eq!((status, body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    }
}
