//! What was decided about a request, for what only its handler knows.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};
use shared::{
    domain::{
        access::{Principal, Visible},
        ids::{ResourceId, RunId},
    },
    store::{Store, access},
};
use uuid::Uuid;

use super::{
    action::Action,
    object::Object,
    policies::Policies,
    refusal::{either, refusal, roles_that_may},
    subject::Subject,
};
use crate::{auth, error::Problem, state::AppState};

/// A caller who was let through to a handler.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    store: Store,
    policies: Arc<Policies>,
    caller: Principal,
    subject: Subject,
    action: Action,
    object: Object,
    /// Whose things the action was allowed on, where the path names none.
    teams: Visible,
}

impl Grant {
    pub(super) fn new(app: &AppState, caller: Principal, subject: Subject, action: Action, object: Object) -> Self {
        let (store, policies) = (app.store.clone(), app.policies.clone());
        Self { store, policies, caller, subject, action, object, teams: Visible::Teams(Vec::new()) }
    }

    pub(super) fn caller(&self) -> &Principal {
        &self.caller
    }

    pub(super) fn subject(&self) -> &Subject {
        &self.subject
    }

    pub(super) fn object(&self) -> &Object {
        &self.object
    }

    /// The grant for things of whichever teams the action is allowed in; refused when there are none.
    pub(super) async fn over_teams(mut self) -> Result<Self, Problem> {
        self.teams = self.visible(self.action).await?;
        if self.teams != Visible::Teams(Vec::new()) {
            return Ok(self);
        }
        Err(self.refused_everywhere(self.action))
    }

    /// 403 for what the caller may do in none of their teams.
    pub(crate) fn refused_everywhere(&self, action: Action) -> Problem {
        if let Some(team) = self.caller.teams.first() {
            return self.refused(action, Object::Team(team.clone()));
        }
        let roles = roles_that_may(&self.policies, action, &Object::Team("-".into()));
        let detail = format!(
            "{action} is for members of a team with the role {}; you belong to no team: ask an admin for one",
            either(&roles)
        );
        Problem::new(StatusCode::FORBIDDEN, "forbidden", detail).with("action", action.as_str()).with("roles", roles)
    }

    /// 403 for what the caller may not do to something of this team's that they may know of; the team without a name: to what is
    /// everybody's.
    pub(crate) fn refused_of(&self, action: Action, kind: &'static str, name: impl ToString, team: &str) -> Problem {
        self.refused(action, Object::OfTeam { kind, name: name.to_string(), team: team.to_owned() })
    }

    /// 403 for what the caller may do with what is their own alone.
    pub(crate) fn refused_of_person(&self, person: Uuid) -> Problem {
        self.refused(self.action, Object::Owned { name: format!("person/{person}"), owner: person.to_string() })
    }

    fn refused(&self, action: Action, object: Object) -> Problem {
        let decision = self.policies.decide(&self.subject, action, &object);
        refusal(&self.policies, &self.caller, action, &object, &decision)
    }

    /// What the route is for.
    pub(crate) fn action(&self) -> Action {
        self.action
    }

    /// Whose things a list shows.
    pub(crate) fn teams(&self) -> &Visible {
        &self.teams
    }

    /// Whose things the caller may do something else to.
    pub(crate) async fn visible(&self, action: Action) -> Result<Visible, Problem> {
        self.visible_to(&self.subject, action).await
    }

    async fn visible_to(&self, subject: &Subject, action: Action) -> Result<Visible, Problem> {
        let may = |team: &str| self.policies.decide(subject, action, &Object::Team(team.to_owned())).allowed;
        // Nobody is in the team without a name: who may do it there may do it wherever teams do not matter.
        if !may("") {
            return Ok(Visible::Teams(self.caller.teams.iter().filter(|team| may(team)).cloned().collect()));
        }
        if !self.policies.extended() {
            return Ok(Visible::All);
        }
        // An instance's own policies may forbid single teams.
        let known = access::teams(self.store.pool()).await?;
        let seen: Vec<String> = known.iter().filter(|team| may(team)).cloned().collect();
        Ok(if seen.len() == known.len() { Visible::All } else { Visible::Teams(seen) })
    }

    /// The team that something new is to belong to: the one asked for, if the caller may do that there; else their only one.
    /// None: nothing was asked for, and they may do it in every team.
    pub(crate) fn team(&self, asked: Option<&str>) -> Result<Option<String>, Problem> {
        let may = |team: &str| self.policies.decide(&self.subject, self.action, &Object::Team(team.to_owned())).allowed;
        match (asked, &self.teams) {
            (Some(team), _) if may(team) => Ok(Some(team.to_owned())),
            (Some(team), _) => {
                let theirs: Vec<&str> = self.caller.teams.iter().map(String::as_str).collect();
                Err(self.refused(self.action, Object::Team(team.to_owned())).with("teams", theirs))
            }
            // All are only those who may do it in the team without a name: what was decided once is not asked again.
            (None, Visible::All) => Ok(None),
            (None, _) if may("") => Ok(None),
            (None, Visible::Teams(teams)) => match teams.as_slice() {
                [only] => Ok(Some(only.clone())),
                several => {
                    let list = several.join(", ");
                    let detail = format!("team: you belong to several; say which one this is for: {list}");
                    Err(Problem::bad_request(detail).with("teams", several.to_vec()))
                }
            },
        }
    }

    /// The team whose the object is that the path names.
    pub(crate) fn object_team(&self) -> Option<&str> {
        self.object.team()
    }

    /// Whether the caller may know that a team has an application.
    pub(crate) fn knows(&self, team: &str) -> bool {
        let object = Object::Team(team.to_owned());
        self.policies.decide(&self.subject, Action::ApplicationRead, &object).allowed
    }

    /// Whose keys and logins are meant: the caller's own, or (none) everybody's, for those who may.
    pub(crate) fn owner(&self) -> Option<Uuid> {
        let everybodys = Object::Owned { name: "everybody's".into(), owner: String::new() };
        let all = self.policies.decide(&self.subject, self.action, &everybodys).allowed;
        (!all).then_some(self.caller.id)
    }

    /// Whose things the answer may mention: those whose runs the caller may read, whatever their key is good for. What it is
    /// good for it gets whole.
    pub(crate) async fn mentions(&self) -> Result<Visible, Problem> {
        let unscoped = Principal { scopes: None, ..self.caller.clone() };
        let subject = Subject::of(&unscoped).map_err(|error| Problem::internal(&error))?;
        self.visible_to(&subject, Action::RunRead).await
    }

    /// The same, and those of the team whose the object is.
    pub(crate) async fn mentions_with_owner(&self) -> Result<Visible, Problem> {
        let visible = self.mentions().await?;
        Ok(match self.object.team() {
            Some(team) => visible.and(team),
            None => visible,
        })
    }

    /// Whether the caller may also do this to the same object. 403 when not.
    pub(crate) fn also(&self, action: Action) -> Result<(), Problem> {
        let decision = self.policies.decide(&self.subject, action, &self.object);
        if decision.allowed {
            return Ok(());
        }
        Err(refusal(&self.policies, &self.caller, action, &self.object, &decision))
    }

    /// Whether policies of the instance's own may forbid single objects of a team that the action is allowed in.
    pub(crate) fn looks_at_each(&self) -> bool {
        self.policies.extended()
    }

    /// Why the caller may not do this to a run; none: they may, or there is none.
    pub(crate) async fn refusal_of_run(&self, action: Action, run: RunId) -> Result<Option<String>, Problem> {
        let Some(found) = access::run(self.store.pool(), run).await? else { return Ok(None) };
        let object = Object::Run { id: run.to_string(), found };
        let decision = self.policies.decide(&self.subject, action, &object);
        let policies =
            if decision.policies.is_empty() { "the roles you have".to_owned() } else { decision.policies.join(", ") };
        Ok((!decision.allowed).then(|| format!("{action} is forbidden by {policies}")))
    }

    /// Whether the caller may do this to a resource that they may know of. 403 when not.
    pub(crate) async fn to_resource(&self, action: Action, id: ResourceId) -> Result<(), Problem> {
        let found = access::resource(self.store.pool(), id).await?;
        let found = found.ok_or_else(|| Problem::not_found("resource", id))?;
        let object = Object::Resource { id: id.to_string(), found };
        let decision = self.policies.decide(&self.subject, action, &object);
        if decision.allowed {
            return Ok(());
        }
        Err(refusal(&self.policies, &self.caller, action, &object, &decision))
    }

    /// Why the caller may not do this to a resource; none: they may, or there is none.
    pub(crate) async fn refusal_of_resource(&self, action: Action, id: ResourceId) -> Result<Option<String>, Problem> {
        let Some(found) = access::resource(self.store.pool(), id).await? else { return Ok(None) };
        let object = Object::Resource { id: id.to_string(), found };
        let decision = self.policies.decide(&self.subject, action, &object);
        let policies =
            if decision.policies.is_empty() { "the roles you have".to_owned() } else { decision.policies.join(", ") };
        Ok((!decision.allowed).then(|| format!("{action} is forbidden by {policies}")))
    }

    /// Whether the caller belongs to the team whose the object is, or may read every team's: others do not learn what its
    /// runs are.
    pub(crate) async fn sees_owner(&self) -> Result<bool, Problem> {
        let visible = self.mentions().await?;
        Ok(self.object.team().is_none_or(|team| visible.has(team)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Grant {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let grant = parts.extensions.get::<Arc<Self>>().cloned();
        grant.map(Arc::unwrap_or_clone).ok_or_else(auth::unauthorized)
    }
}
