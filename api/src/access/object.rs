//! What is asked about, as the policies see it.

use std::collections::{HashMap, HashSet};

use cedar_policy::{Entity, RestrictedExpression};
use shared::store::access;

use super::{
    action::Action,
    policies::{Unfit, texts, uid},
};
use crate::error::Problem;

/// What a request is about.
#[derive(Clone, Debug)]
pub(super) enum Object {
    /// The installation.
    Instance,
    /// A team, or something that it has or is to have.
    Team(String),
    /// Something of a person's or a service account's, or of everybody's when there is no id.
    Owned { name: String, owner: String },
    /// An application, by name.
    Application { name: String, team: String },
    /// A resource, by id.
    Resource { id: String, found: access::Resource },
    /// A run, by id.
    Run { id: String, found: access::Run },
    /// A step of a run.
    Approval { run: String, step: String, found: access::Approval },
    /// Something else of a team's: its kind, and its name or id.
    OfTeam { kind: &'static str, name: String, team: String },
}

impl Object {
    /// `run/0190…`, as it is named in answers and in the audit log.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Instance => "instance".into(),
            Self::Team(name) => format!("team/{name}"),
            Self::Owned { name, .. } => name.clone(),
            Self::Application { name, .. } => format!("application/{name}"),
            Self::Resource { id, .. } => format!("resource/{id}"),
            Self::Run { id, .. } => format!("run/{id}"),
            Self::Approval { run, step, .. } => format!("run/{run}/{step}"),
            Self::OfTeam { kind, name, .. } => format!("{kind}/{name}"),
        }
    }

    /// What the schema calls its kind.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Instance => "Instance",
            Self::Team(_) | Self::OfTeam { .. } => "Team",
            Self::Owned { .. } => "Owned",
            Self::Application { .. } => "Application",
            Self::Resource { .. } => "Resource",
            Self::Run { .. } => "Run",
            Self::Approval { .. } => "Approval",
        }
    }

    /// The team whose it is.
    pub(super) fn team(&self) -> Option<&str> {
        match self {
            Self::Instance | Self::Owned { .. } => None,
            Self::Team(team)
            | Self::Application { team, .. }
            | Self::OfTeam { team, .. }
            | Self::Resource { found: access::Resource { team, .. }, .. }
            | Self::Run { found: access::Run { team, .. }, .. }
            | Self::Approval { found: access::Approval { team, .. }, .. } => Some(team),
        }
    }

    /// The teams whose people could be allowed something by a role: its own, and those that are asked.
    pub(super) fn concerned(&self) -> Vec<&str> {
        match self {
            Self::Approval { found, .. } if !found.teams.is_empty() => found.teams.iter().map(String::as_str).collect(),
            // What is of the team without a name is everybody's.
            _ => self.team().into_iter().filter(|team| !team.is_empty()).collect(),
        }
    }

    /// What whoever may not do this must not even learn is there; none: it is no secret that it is.
    pub(super) fn reading(&self) -> Option<Action> {
        match self {
            Self::Instance => None,
            Self::Team(_) => Some(Action::TeamRead),
            Self::Owned { name, .. } if name.starts_with("session/") => Some(Action::SessionRead),
            Self::Owned { name, .. } if name.starts_with("notification/") => Some(Action::NotificationOwn),
            Self::Owned { .. } => Some(Action::KeyRead),
            Self::Application { .. } => Some(Action::ApplicationRead),
            Self::Resource { .. } => Some(Action::ResourceRead),
            Self::Run { .. } | Self::Approval { .. } => Some(Action::RunRead),
            Self::OfTeam { kind: "notification", .. } => Some(Action::NotificationRead),
            Self::OfTeam { .. } => Some(Action::WebhookRead),
        }
    }

    /// What is answered about one that is not there, and about one that the caller may not know of.
    pub(super) fn missing(&self) -> Problem {
        match self {
            Self::Instance => Problem::not_found("object", "instance"),
            Self::Team(name) => Problem::not_found("team", name),
            Self::Owned { name, .. } => {
                let (kind, id) = name.split_once('/').unwrap_or(("object", name));
                Problem::not_found(kind, id)
            }
            Self::Application { name, .. } => Problem::not_found("application", name),
            Self::Resource { id, .. } => Problem::not_found("resource", id),
            Self::Run { id, .. } | Self::Approval { run: id, .. } => Problem::not_found("workflow run", id),
            Self::OfTeam { kind, name, .. } => Problem::not_found(kind, name),
        }
    }

    pub(super) fn entity(&self) -> Result<Entity, Unfit> {
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let of = |team: &str, readers: &[String]| {
            let readers = texts(readers.iter().map(String::as_str).chain([team]));
            HashMap::from([("team".to_owned(), text(team)), ("readers".to_owned(), readers)])
        };
        let (uid, attributes) = match self {
            Self::Instance => (uid("Instance", "slipway")?, HashMap::new()),
            Self::Team(name) | Self::OfTeam { team: name, .. } => {
                let mut attributes = of(name, &[]);
                attributes.insert("name".into(), text(name));
                (uid("Team", name)?, attributes)
            }
            Self::Owned { name, owner } => (uid("Owned", name)?, HashMap::from([("owner".to_owned(), text(owner))])),
            Self::Application { name, team } => {
                let mut attributes = of(team, &[]);
                attributes.insert("name".into(), text(name));
                (uid("Application", name)?, attributes)
            }
            Self::Resource { id, found } => {
                let mut attributes = of(&found.team, &found.users);
                attributes.insert("name".into(), text(&found.name));
                attributes.insert("type".into(), text(&found.kind));
                attributes.insert("class".into(), text(found.class.as_deref().unwrap_or_default()));
                attributes.insert("application".into(), text(&found.application));
                (uid("Resource", id)?, attributes)
            }
            Self::Run { id, found } => {
                let mut attributes = of(&found.team, &found.asked);
                attributes.insert("workflow".into(), text(&found.workflow));
                attributes.insert("provider".into(), text(&found.provider));
                attributes.insert("application".into(), text(found.application.as_deref().unwrap_or_default()));
                (uid("Run", id)?, attributes)
            }
            Self::Approval { run, step, found } => {
                let mut attributes = of(&found.team, &found.teams);
                attributes.insert("deciders".into(), texts(self.concerned()));
                attributes.insert("roles".into(), texts(found.roles.iter().map(String::as_str)));
                attributes.insert("workflow".into(), text(&found.workflow));
                attributes.insert("application".into(), text(found.application.as_deref().unwrap_or_default()));
                (uid("Approval", &format!("{run}/{step}"))?, attributes)
            }
        };
        Ok(Entity::new(uid, attributes, HashSet::new())?)
    }
}
