//! What surrounds every request: its id, its span, its time limit, its figures, and how its problem is rendered.

use std::time::{Duration, Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, StatusCode},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::{error::Problem, state::AppState};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request an id (the caller's own, when it is a plain one), a span and a time limit; counts it; renders its problem.
pub(crate) async fn observe(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| (1..=64).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)))
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
    let method = request.method().as_str().to_owned();
    // The template, not the path: figures must not grow with the number of runs.
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", request.id = %id, http.method = %method, http.route = %route);
    let limit = Duration::from_secs(app.config.api.request_timeout_s);

    // A stream answers at once and goes on in its body, so the limit does not end it.
    let outcome = tokio::time::timeout(limit, next.run(request)).instrument(span.clone()).await;
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
    let status = response.status().as_u16().to_string();
    let labels = [("method", method), ("route", route), ("status", status)];
    metrics::counter!("slipway_http_requests_total", &labels).increment(1);
    metrics::histogram!("slipway_http_request_seconds", &labels).record(began.elapsed().as_secs_f64());
    span.in_scope(|| tracing::debug!(status = response.status().as_u16(), elapsed = ?began.elapsed(), "answered"));
    response
}

fn problem_response(problem: Problem) -> Response {
    axum::response::IntoResponse::into_response(problem)
}

/// What a panicking handler is answered with.
pub(crate) fn panicked(_: Box<dyn std::any::Any + Send + 'static>) -> Response {
    // The panic hook has written its message and place.
    problem_response(Problem::internal(&"a handler panicked"))
}
