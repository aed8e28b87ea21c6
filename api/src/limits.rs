//! How many requests one caller may make. Known callers are counted by who they are, whatever key they show; all others by
//! where they come from. A stream counts once, when it begins; `/livez` and `/readyz` are not counted.
//!
//! Answers say how the caller stands: `RateLimit` and `RateLimit-Policy` as the IETF's draft has them, and the three fields
//! of its older drafts, which more clients read.

use std::time::Duration;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use shared::{
    config::Limits,
    domain::access::{Principal, PrincipalKind},
    queue::{Allowance, Standing, Verdict},
};

use crate::{address::Address, error::Problem, state::AppState};

/// Seconds that an allowance is for.
const WINDOW_S: u64 = 60;

/// Counts a request of a known caller, before its handler.
pub(crate) async fn known(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let who = match request.extensions().get::<Principal>() {
        Some(caller) if caller.kind != PrincipalKind::Guest => caller.id.to_string(),
        _ => place(&request),
    };
    let allowance = of_method(&app.config.limits, request.method(), only_asks(&request));
    match app.limits.take(allowance, &who).await {
        Verdict::Uncounted => next.run(request).await,
        Verdict::Allowed(standing) => {
            let mut response = next.run(request).await;
            tell(&mut response, allowance, standing);
            response
        }
        Verdict::Refused { standing, retry_in } => refuse(allowance, standing, retry_in),
    }
}

/// Counts a request to a route that is open to anybody, before its handler.
pub(crate) async fn anybody(State(app): State<AppState>, request: Request, next: Next) -> Response {
    // Those who look after the process must always get an answer.
    if request.extensions().get::<MatchedPath>().is_some_and(|path| ["/livez", "/readyz"].contains(&path.as_str())) {
        return next.run(request).await;
    }
    let allowance = anonymous(&app.config.limits);
    match app.limits.take(allowance, &place(&request)).await {
        Verdict::Refused { standing, retry_in } => refuse(allowance, standing, retry_in),
        Verdict::Allowed(_) | Verdict::Uncounted => next.run(request).await,
    }
}

/// Counts a request that showed nothing good, after that was found out. The look-up of a key is the cheapest that Postgres is
/// asked for, and no number of tries finds one.
pub(crate) async fn unknown(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let place = place(&request);
    let response = next.run(request).await;
    if response.status() != StatusCode::UNAUTHORIZED {
        return response;
    }
    let allowance = anonymous(&app.config.limits);
    match app.limits.take(allowance, &place).await {
        Verdict::Refused { standing, retry_in } => refuse(allowance, standing, retry_in),
        Verdict::Allowed(_) | Verdict::Uncounted => response,
    }
}

/// The address that a request comes from, or the network of a subscriber.
fn place(request: &Request) -> String {
    request.extensions().get::<Address>().map_or_else(|| "unknown".to_owned(), |address| address.place())
}

/// Routes that are asked with a body, and change nothing.
const QUESTIONS: [&str; 1] = ["/api/auth/can-i"];

fn only_asks(request: &Request) -> bool {
    request.extensions().get::<MatchedPath>().is_some_and(|path| QUESTIONS.contains(&path.as_str()))
}

fn of_method(limits: &Limits, method: &Method, only_asks: bool) -> Allowance {
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => {
            Allowance { name: "reads", per_minute: limits.reads_per_minute }
        }
        _ if only_asks => Allowance { name: "reads", per_minute: limits.reads_per_minute },
        _ => Allowance { name: "writes", per_minute: limits.writes_per_minute },
    }
}

fn anonymous(limits: &Limits) -> Allowance {
    Allowance { name: "anonymous", per_minute: limits.anonymous_per_minute }
}

fn refuse(allowance: Allowance, standing: Standing, retry_in: Duration) -> Response {
    metrics::counter!("slipway_http_rate_limited_total", "limit" => allowance.name).increment(1);
    let wait = whole_seconds(retry_in).max(1);
    let detail = format!(
        "{} {} a minute are allowed; the next one in {wait} s",
        allowance.per_minute,
        match allowance.name {
            "reads" => "requests that read",
            "writes" => "requests that change something",
            _ => "requests without a good key",
        }
    );
    let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail)
        .with("limit", allowance.name)
        .with("retry_after_s", wait);
    told(problem, allowance, standing).with_header(header::RETRY_AFTER, number(wait)).into_response()
}

/// Adds how the caller stands; to a problem, when that is what the response will be rendered from.
fn tell(response: &mut Response, allowance: Allowance, standing: Standing) {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response.extensions_mut().insert(told(problem, allowance, standing));
    }
    response.headers_mut().extend(standing_headers(allowance, standing));
}

fn told(problem: Problem, allowance: Allowance, standing: Standing) -> Problem {
    let headers = standing_headers(allowance, standing);
    headers.into_iter().fold(problem, |problem, (name, value)| problem.with_header(name, value))
}

fn standing_headers(allowance: Allowance, standing: Standing) -> [(HeaderName, HeaderValue); 5] {
    let (name, reset) = (allowance.name, whole_seconds(standing.full_in));
    let text = |text: String| HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("0"));
    [
        (
            HeaderName::from_static("ratelimit-policy"),
            text(format!("\"{name}\";q={};w={WINDOW_S}", allowance.per_minute)),
        ),
        (HeaderName::from_static("ratelimit"), text(format!("\"{name}\";r={};t={reset}", standing.remaining))),
        (HeaderName::from_static("ratelimit-limit"), number(u64::from(allowance.per_minute))),
        (HeaderName::from_static("ratelimit-remaining"), number(u64::from(standing.remaining))),
        (HeaderName::from_static("ratelimit-reset"), number(reset)),
    ]
}

fn number(number: u64) -> HeaderValue {
    HeaderValue::from(number)
}

/// Rounded up: who waits that long has waited long enough.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_how_the_caller_stands() {
        let allowance = of_method(&Limits { writes_per_minute: 60, ..Limits::default() }, &Method::DELETE, false);
        let standing = Standing { remaining: 12, full_in: Duration::from_millis(47_100) };
        let mut response = Response::default();
        tell(&mut response, allowance, standing);
        let headers = response.headers();
        assert_eq!(headers["ratelimit-policy"], "\"writes\";q=60;w=60");
        assert_eq!(headers["ratelimit"], "\"writes\";r=12;t=48");
        assert_eq!(headers["ratelimit-remaining"], "12");
    }
}
