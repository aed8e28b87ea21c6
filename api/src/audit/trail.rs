//! What handlers say about a change when they make it; and refusals, which are recorded for them.

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{Extensions, HeaderMap, StatusCode, header, request::Parts},
    middleware::Next,
    response::Response,
};
use shared::{
    domain::{
        access::Principal,
        audit::{Actor, Entry, Origin},
    },
    store::audit,
};

use crate::{address::Address, error::Problem, extract::Caller, request::RequestId, state::AppState};

/// Who makes the request, and from where.
#[derive(Clone, Debug)]
pub(crate) struct Trail {
    caller: Principal,
    origin: Origin,
}

impl Trail {
    /// An entry that says that this was done, `action` being `<noun>.<verb>` and `object` `<kind>/<id or name>`.
    pub(crate) fn entry(&self, action: &str, object: impl Into<String>) -> Entry {
        Entry::done(Actor::from(&self.caller), self.origin.clone(), action, object)
    }

    /// From where the request comes, for what is done for it later.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Who makes the request, for handlers that record what they do.
    pub(crate) fn caller(&self) -> &Principal {
        &self.caller
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Trail {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Caller(caller) = Caller::from_request_parts(parts, state).await?;
        Ok(Self { caller, origin: origin(&parts.extensions, &parts.headers) })
    }
}

/// From where a request comes, as `request::observe` noted it.
pub(crate) fn origin(extensions: &Extensions, headers: &HeaderMap) -> Origin {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Origin {
        request_id: extensions.get::<RequestId>().map(|RequestId(id)| id.clone()).unwrap_or_default(),
        address: extensions.get::<Address>().map(Address::to_string).unwrap_or_default(),
        agent: agent.to_owned(),
    }
}

/// Records every 403 that a known caller gets, once a minute for each action of theirs.
pub(crate) async fn refusals(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Principal>().cloned();
    let origin = origin(request.extensions(), request.headers());
    let asked = format!("{} {}", request.method(), request.uri().path());
    let response = next.run(request).await;
    let problem = response.extensions().get::<Problem>();
    if let (StatusCode::FORBIDDEN, Some(caller), Some(problem)) = (response.status(), caller, problem) {
        let action = problem.member("action").unwrap_or("request.send");
        let object = problem.member("object").unwrap_or(&asked);
        let entry = Entry::refused(Actor::from(&caller), origin, action, object, problem.code());
        // The refusal stands, whether it can be recorded or not.
        if let Err(error) = audit::append(app.store.pool(), &entry).await {
            tracing::error!(%error, action, object, "a refusal could not be recorded in the audit log");
        }
    }
    response
}
