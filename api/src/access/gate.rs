//! What every request of a known caller passes before its handler.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts as _, RawPathParams, Request, State},
    http::request::Parts,
    middleware::Next,
    response::Response,
};
use shared::{
    domain::{
        access::Principal,
        ids::{ApiKeyId, ResourceId, RunId, SessionId},
    },
    store::{Store, access},
};
use uuid::Uuid;

use super::{
    grant::Grant,
    object::Object,
    refusal::refusal,
    route::{Rule, Target},
    subject::Subject,
};
use crate::{auth, error::Problem, state::AppState};

/// The gate of one route.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    app: AppState,
    rule: Rule,
}

impl Gate {
    pub(super) fn new(app: &AppState, rule: Rule) -> Self {
        Self { app: app.clone(), rule }
    }

    /// What the path names. What is not there is answered here, so that nobody can tell it from what they may not know of.
    async fn object(&self, caller: &Principal, parts: &mut Parts) -> Result<Object, Problem> {
        let params = RawPathParams::from_request_parts(parts, &()).await;
        let params = params.map_err(|_| Problem::not_found("object at", parts.uri.path()))?;
        let text = |names: &[&str]| {
            let found = names.iter().find_map(|name| params.iter().find(|(key, _)| key == name));
            found.map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        let id = || text(&["id"]).parse::<Uuid>().map_err(|_| Problem::not_found("object at", parts.uri.path()));
        let store = &self.app.store;
        match self.rule.target {
            Target::Instance | Target::Teams => Ok(Object::Instance),
            Target::Team => Ok(Object::Team(text(&["team", "name"]))),
            Target::Application => application(store, &text(&["app", "name"])).await,
            Target::Resource => resource(store, id()?).await,
            Target::Run => run(store, id()?).await,
            Target::Approval => approval(store, id()?, &text(&["step"])).await,
            Target::Own => Ok(Object::Owned { name: "own".into(), owner: caller.id.to_string() }),
            Target::Key => {
                let id = id()?;
                owned(format!("key/{id}"), access::key(store.pool(), ApiKeyId(id)).await?)
            }
            Target::Session => {
                let id = id()?;
                owned(format!("session/{id}"), access::session(store.pool(), SessionId(id)).await?)
            }
            Target::Webhook => {
                let id = id()?;
                let team = access::webhook(store.pool(), id).await?;
                let team = team.ok_or_else(|| Problem::not_found("webhook", id))?.unwrap_or_default();
                Ok(Object::OfTeam { kind: "webhook", name: id.to_string(), team })
            }
            Target::Notification => {
                let id = id()?;
                let team = access::notification(store.pool(), id).await?;
                let team = team.ok_or_else(|| Problem::not_found("notification", id))?.unwrap_or_default();
                Ok(Object::OfTeam { kind: "notification", name: id.to_string(), team })
            }
            Target::OwnNotification => {
                let id = id()?;
                owned(format!("notification/{id}"), access::own_notification(store.pool(), id).await?)
            }
        }
    }
}

/// The application of that name; 404 when there is none.
pub(super) async fn application(store: &Store, name: &str) -> Result<Object, Problem> {
    let found = access::application(store.pool(), name).await?;
    let found = found.ok_or_else(|| Problem::not_found("application", name))?;
    Ok(Object::Application { name: name.to_owned(), team: found.team })
}

/// The resource of that id; 404 when there is none.
pub(super) async fn resource(store: &Store, id: Uuid) -> Result<Object, Problem> {
    let found = access::resource(store.pool(), ResourceId(id)).await?;
    Ok(Object::Resource { id: id.to_string(), found: found.ok_or_else(|| Problem::not_found("resource", id))? })
}

/// The run of that id; 404 when there is none.
pub(super) async fn run(store: &Store, id: Uuid) -> Result<Object, Problem> {
    let found = access::run(store.pool(), RunId(id)).await?;
    Ok(Object::Run { id: id.to_string(), found: found.ok_or_else(|| Problem::not_found("workflow run", id))? })
}

/// The step of the run of that id; 404 when there is no such run.
pub(super) async fn approval(store: &Store, id: Uuid, step: &str) -> Result<Object, Problem> {
    let found = access::approval(store.pool(), RunId(id), step).await?;
    let found = found.ok_or_else(|| Problem::not_found("workflow run", id))?;
    Ok(Object::Approval { run: id.to_string(), step: step.to_owned(), found })
}

fn owned(name: String, owner: Option<Uuid>) -> Result<Object, Problem> {
    let object = |owner: String| Object::Owned { name, owner };
    match owner {
        Some(owner) => Ok(object(owner.to_string())),
        None => Err(object(String::new()).missing()),
    }
}

/// Decides, before anything of the request is read but its head. Without an answer from Postgres nothing is allowed.
pub(super) async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let caller = parts.extensions.get::<Principal>().cloned().ok_or_else(auth::unauthorized)?;
    let object = gate.object(&caller, &mut parts).await?;
    let grant = judge(&gate.app, caller, gate.rule, object).await?;
    parts.extensions.insert(Arc::new(grant));
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// Lets a caller do that, or says why not: 404 when they may not even know of it.
pub(super) async fn judge(app: &AppState, caller: Principal, rule: Rule, object: Object) -> Result<Grant, Problem> {
    let policies = &app.policies;
    let subject = Subject::of(&caller).map_err(|error| Problem::internal(&error))?;
    let grant = Grant::new(app, caller, subject, rule.action, object);
    if rule.target == Target::Teams {
        return grant.over_teams().await;
    }
    let decision = policies.decide(grant.subject(), rule.action, grant.object());
    if decision.allowed {
        return Ok(grant);
    }
    if let Some(reading) = grant.object().reading() {
        // That something is there is no matter of a key's scopes: they narrow what is done with it.
        let unscoped = Principal { scopes: None, ..grant.caller().clone() };
        let subject = Subject::of(&unscoped).map_err(|error| Problem::internal(&error))?;
        if !policies.decide(&subject, reading, grant.object()).allowed {
            return Err(grant.object().missing());
        }
    }
    Err(refusal(policies, grant.caller(), rule.action, grant.object(), &decision))
}
