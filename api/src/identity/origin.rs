//! Requests that another site's page has a browser make.
//!
//! Browsers send cookies along with them, so for requests that rest on a cookie, what the browser says about where they come
//! from decides: `Sec-Fetch-Site`, which pages cannot write, else `Origin`.

use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header, request::Parts};

use crate::{error::Problem, state::AppState};

const SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Refuses a request that rests on a cookie and comes from another site's page. What changes something, and what opens a
/// WebSocket, must show that it comes from one of ours; all else (streams of events too) must not come from another's, other
/// than by a link that somebody follows.
///
/// # Errors
/// 403 `cross-site`.
pub(crate) fn refuse_foreign(app: &AppState, parts: &Parts) -> Result<(), Problem> {
    let own = app.config.api.public_url.as_deref();
    let upgrade = parts.headers.contains_key(header::UPGRADE);
    let allowed = if parts.method.is_safe() && !upgrade {
        !is_foreign(parts, own) || is_followed_link(parts)
    } else {
        is_ours(parts, own)
    };
    if allowed { Ok(()) } else { Err(cross_site()) }
}

pub(super) fn cross_site() -> Problem {
    let detail = "a browser's session may only be used by Slipway's own pages; programs use an API key";
    Problem::new(StatusCode::FORBIDDEN, "cross-site", detail)
}

/// Whether the browser says that one of our pages makes the request.
pub(super) fn is_ours(parts: &Parts, own: Option<&str>) -> bool {
    match (text(&parts.headers, &SITE), text(&parts.headers, &header::ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => is_own_origin(parts, origin, own),
        (None, None) => false,
    }
}

/// Whether the browser says that another site's page makes the request. `none` is a person, typing.
pub(super) fn is_foreign(parts: &Parts, own: Option<&str>) -> bool {
    match (text(&parts.headers, &SITE), text(&parts.headers, &header::ORIGIN)) {
        (Some(site), _) => !matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => !is_own_origin(parts, origin, own),
        (None, None) => false,
    }
}

/// Whether a person follows a link from elsewhere to a page of ours. The page that has the link learns nothing by it.
fn is_followed_link(parts: &Parts) -> bool {
    let events = text(&parts.headers, &header::ACCEPT).is_some_and(|accept| accept.contains("text/event-stream"));
    parts.method == Method::GET && text(&parts.headers, &MODE) == Some("navigate") && !events
}

/// Whether an origin is the one that the request was sent to.
fn is_own_origin(parts: &Parts, origin: &str, own: Option<&str>) -> bool {
    if let Some(own) = own {
        return origin.eq_ignore_ascii_case(own.trim_end_matches('/'));
    }
    // Behind a proxy that ends TLS, the scheme is not known; the host and port are.
    let host_of_origin = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    host(parts).zip(host_of_origin).is_some_and(|(host, origin)| host.eq_ignore_ascii_case(origin))
}

/// The host that the request was sent to, with its port if it has one.
pub(super) fn host(parts: &Parts) -> Option<&str> {
    let named = parts.uri.authority().map(axum::http::uri::Authority::as_str);
    named.or_else(|| text(&parts.headers, &header::HOST))
}

/// A host without its port.
pub(super) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    // What cannot be read is what no browser of ours sent: it is foreign.
    headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"))
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parts(headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::post("/x").header("host", "slipway.example:8443");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_browsers_word_counts_and_without_it_the_origin() {
        for (headers, ours, foreign) in [
            (&[("sec-fetch-site", "same-origin")][..], true, false),
            (&[("sec-fetch-site", "none")], false, false),
            (&[("sec-fetch-site", "same-site")], false, true),
            (&[("sec-fetch-site", "cross-site")], false, true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://slipway.example:8443")], false, true),
            (&[("origin", "https://slipway.example:8443")], true, false),
            (&[("origin", "https://slipway.example")], false, true),
            (&[("origin", "https://slipway.example:8443.evil.example")], false, true),
            (&[("origin", "null")], false, true),
            (&[], false, false),
        ] {
            assert_eq!(
                (is_ours(&parts(headers), None), is_foreign(&parts(headers), None)),
                (ours, foreign),
                "{headers:?}"
            );
        }
    }

    #[test]
    fn a_configured_address_is_the_only_own_one() {
        let sent = parts(&[("origin", "https://slipway.example:8443")]);
        assert!(!is_ours(&sent, Some("https://other.example/")));
        assert!(is_ours(&sent, Some("https://slipway.example:8443/")));
    }

    #[test]
    fn ports_are_told_from_addresses() {
        assert_eq!(without_port("[::1]:80"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
        assert_eq!(without_port("localhost:80"), "localhost");
    }
}
