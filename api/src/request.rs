//! What surrounds every request: its id, where it comes from, its span, its time limit, its figures, and how its problem is rendered.

use std::time::{Duration, Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};
use shared::traces::{self, Role, Span};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::{
    address::{Address, Peer},
    error::Problem,
    state::AppState,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request; among its extensions.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) String);

/// Gives the request an id (the caller's own, when it is a plain one), a span and a time limit; counts it; renders its problem.
pub(crate) async fn observe(State(app): State<AppState>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| (1..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)))
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
    let peer = request.extensions().get::<Peer>().copied();
    let address = Address::of(peer, request.headers(), &app.config.api.trusted_proxies);
    request.extensions_mut().insert(address);
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().as_str().to_owned();
    let counted = known(request.method());
    // The template, not the path: figures must not grow with the number of runs.
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", request.id = %id, http.method = %method, http.route = %route);
    let limit = Duration::from_secs(app.config.api.request_timeout_s);

    let mut traced = traced(&app, counted, &route, &request);
    // A stream answers at once and goes on in its body, so the limit does not end it.
    let answer = tokio::time::timeout(limit, traces::scope(traced.parent(), next.run(request)));
    let outcome = answer.instrument(span.clone()).await;
    let mut response = outcome.unwrap_or_else(|_| {
        let detail = format!("the request took longer than {} s", limit.as_secs());
        problem_response(Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", detail))
    });
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = problem.render(&id);
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    // A log that looks like a page is no page.
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    traced.set("http.response.status_code", i64::from(response.status().as_u16()));
    if response.status().is_server_error() {
        traced.fail(response.status().as_str(), "");
    }
    count(counted, route, response.status(), began.elapsed());
    span.in_scope(|| tracing::debug!(status = response.status().as_u16(), elapsed = ?began.elapsed(), "answered"));
    response
}

/// The span of a request; none for what asks whether the service is well, again and again.
fn traced(app: &AppState, method: &'static str, route: &str, request: &Request) -> Span {
    if matches!(route, "/livez" | "/readyz" | "/metrics") {
        return Span::default();
    }
    let parent = request.headers().get("traceparent").and_then(|value| value.to_str().ok()?.parse().ok());
    let mut span = app.traces.begin(format!("{method} {route}"), Role::Serves, parent);
    span.set("http.request.method", method);
    span.set("http.route", route.to_owned());
    span.set("url.scheme", request.uri().scheme_str().unwrap_or("http").to_owned());
    span
}

/// The method, as figures have it: there may be any number of others.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn count(method: &'static str, route: String, status: StatusCode, took: Duration) {
    let class = match status.as_u16() {
        100..200 => "1xx",
        200..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    };
    metrics::histogram!("slipway_http_request_seconds", "method" => method, "route" => route.clone())
        .record(took.as_secs_f64());
    metrics::counter!("slipway_http_requests_total", "method" => method, "route" => route, "status" => class)
        .increment(1);
}

fn problem_response(problem: Problem) -> Response {
    axum::response::IntoResponse::into_response(problem)
}

/// What a panicking handler is answered with.
pub(crate) fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    // The panic hook has written its message and place.
    problem_response(Problem::internal(&"a handler panicked"))
}
