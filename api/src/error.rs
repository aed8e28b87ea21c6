//! Errors as problem details (RFC 9457). Internal text is logged, never sent.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};
use shared::store::StoreError;
use utoipa::ToSchema;

/// One thing that is wrong with what was sent.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct InputError {
    /// What kind of mistake it is; stable.
    pub code: &'static str,
    /// JSON pointer to the value; empty for the document as a whole.
    pub path: String,
    /// Line in the body, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Column in that line, from 1, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// What is wrong.
    pub message: String,
}

impl From<shared::formats::problem::Problem> for InputError {
    fn from(problem: shared::formats::problem::Problem) -> Self {
        Self {
            code: problem.code,
            path: problem.path,
            line: problem.line,
            column: problem.column,
            message: problem.message,
        }
    }
}

/// The body of every answer that is an error, `application/problem+json`.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ProblemDetails {
    /// `/problems/<code>`; stable.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong this time, and what to do.
    pub detail: String,
    /// Each thing that is wrong with the body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<InputError>,
    /// To find the request in the logs by; also in `x-request-id`.
    pub request_id: String,
    /// Members that only this kind of problem has.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub more: Map<String, Value>,
}

/// A problem on its way out; rendered with the request's id by `request::observe`.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Box<Parts>);

/// Boxed, so that results stay small where all goes well.
#[derive(Clone, Debug)]
struct Parts {
    status: StatusCode,
    /// Last part of its `type`.
    code: &'static str,
    detail: String,
    errors: Vec<InputError>,
    /// Members that only this kind of problem has.
    more: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of this status and code.
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self(Box::new(Parts { status, code, detail, errors: Vec::new(), more: Map::new(), headers: Vec::new() }))
    }

    /// 404.
    pub(crate) fn not_found(what: &str, which: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("there is no {what} '{which}'"))
    }

    /// 400 for something other than a Score file.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    /// 409.
    pub(crate) fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 500; what happened is for the log.
    pub(crate) fn internal(cause: &(dyn std::fmt::Display + Send + Sync)) -> Self {
        tracing::error!(error = %cause, "request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "something went wrong inside Slipway; its log has more under the request's id",
        )
    }

    /// Adds the list of what is wrong.
    #[must_use]
    pub(crate) fn with_errors(mut self, errors: Vec<InputError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Adds a member.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.more.insert(name.into(), value.into());
        self
    }

    /// Adds a header.
    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Last part of its `type`.
    pub(crate) fn code(&self) -> &'static str {
        self.0.code
    }

    /// What is wrong, in words.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Whether it is the service's doing, not the caller's.
    pub(crate) fn is_server_error(&self) -> bool {
        self.0.status.is_server_error()
    }

    /// A member that is a text.
    pub(crate) fn member(&self, name: &str) -> Option<&str> {
        self.0.more.get(name).and_then(Value::as_str)
    }

    /// What is sent for it.
    pub(crate) fn render(self, request_id: &str) -> Response {
        let parts = *self.0;
        let body = ProblemDetails {
            kind: format!("/problems/{}", parts.code),
            title: title(parts.code).unwrap_or_else(|| parts.status.canonical_reason().unwrap_or("Error")).into(),
            status: parts.status.as_u16(),
            detail: parts.detail,
            errors: parts.errors,
            request_id: request_id.into(),
            more: parts.more,
        };
        let mut response = (parts.status, axum::Json(body)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        for (name, value) in parts.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

fn title(code: &str) -> Option<&'static str> {
    Some(match code {
        "invalid-spec" => "The Score file is not valid",
        "invalid-inputs" => "The inputs do not fit the workflow",
        "protected" => "It is protected from deletion",
        "no-earlier-generation" => "There is nothing to go back to",
        "shared-conflict" => "Another application has the resource, and asks for it differently",
        "being-deleted" => "It is being deleted",
        "name-taken" => "The name is taken",
        "forbidden" => "You may not do that",
        "other-team" => "It belongs to another team",
        "quota-exceeded" => "The team would use more than it may",
        "beyond-yours" => "You cannot give what you do not have",
        "key-ended" => "The key works no more",
        "already-rotated" => "Another key takes its place already",
        "worker-ends" => "The worker ends",
        "rate-limited" => "Too many requests",
        "no-workflow" => "No workflow does that",
        "invalid-plan" => "The run could not be planned",
        "invalid-source" => "The source cannot be taken",
        "source-listed" => "The source is kept in a file of the instance",
        "webhook-refused" => "The announcement is not signed as it should be",
        "invalid-webhook" => "The webhook cannot be taken",
        "webhook-exists" => "There is such a webhook",
        "webhook-disabled" => "The webhook is disabled",
        "run-over" => "The run is over",
        "already-decided" => "It was decided before",
        "not-allowed" => "It is for someone else to decide",
        "not-waiting" => "The step does not wait for that",
        "unknown-step" => "The run has no such step",
        "not-retryable" => "The run cannot be retried",
        "files-gone" => "The run's files are not kept any more",
        "state-locked" => "The state is locked",
        "idempotency-key-reused" => "The Idempotency-Key was used for another request",
        "request-in-progress" => "A request with the same effect is in progress",
        "unauthorized" => "A valid API key is needed",
        "cross-site" => "Another site's page made the request",
        "too-many-attempts" => "Too many attempts",
        "authorization-pending" => "The login is not confirmed yet",
        "slow-down" => "The login is asked after too often",
        "login-refused" => "The login was refused",
        "login-expired" => "The login cannot be used",
        "not-a-login" => "It is not a login",
        "too-large" => "The body is too large",
        "no-secret-key" => "Nothing can be sealed",
        "secret-unavailable" => "A secret cannot be had",
        "secret-key-missing" => "A key of the instance is missing",
        "secret-in-use" => "The secret is named by resources",
        "credential-refused" => "The credential is not accepted where it is for",
        "integration-in-use" => "The integration is in use",
        "too-many-secrets" => "There are too many secrets",
        "too-many-streams" => "Too many streams are open",
        "log-archived" => "The log is in the archive",
        "upgrade-required" => "It is for WebSockets",
        "count-changed" => "The runs are others by now",
        "too-many-runs" => "These are too many runs",
        "bulk-over" => "The operation is over",
        "too-many-views" => "There are too many views",
        "unavailable" => "Slipway cannot answer right now",
        _ => return None,
    })
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_unavailable() {
            tracing::warn!(%error, "the database did not answer");
            let detail = "the database does not answer; try again in a few seconds";
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
                .with_header(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        if error.is_conflict() {
            tracing::info!(%error, "another request stood in the way");
            let detail = "another request is changing the same thing; try again";
            return Self::conflict("request-in-progress", detail)
                .with_header(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if error.is_unstorable() {
            tracing::info!(%error, "a request held what cannot be stored");
            return Self::bad_request("the request holds a value that cannot be stored, such as a zero byte in a text");
        }
        Self::internal(&error)
    }
}
