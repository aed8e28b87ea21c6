//! Who asks, as the policies see them.

use std::collections::{HashMap, HashSet};

use cedar_policy::{Entity, RestrictedExpression};
use shared::domain::access::{Principal, PrincipalKind, Role};

use super::policies::{Unfit, texts, uid};

/// A caller, ready to be asked about.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    entity: Entity,
}

impl Subject {
    /// The caller of a request.
    pub(super) fn of(caller: &Principal) -> Result<Self, Unfit> {
        let kind = match caller.kind {
            PrincipalKind::Person => "Person",
            PrincipalKind::ServiceAccount => "ServiceAccount",
            PrincipalKind::Key => "Key",
            PrincipalKind::Guest => "Guest",
        };
        let text = |text: &str| RestrictedExpression::new_string(text.to_owned());
        let mut attributes = HashMap::from([
            ("id".to_owned(), text(&caller.id.to_string())),
            ("name".to_owned(), text(&caller.name)),
            ("roles".to_owned(), texts(caller.role_names())),
            // The team without a name is nobody's: whoever may do something there may do it everywhere.
            ("teams".to_owned(), texts(caller.teams.iter().map(String::as_str).filter(|team| !team.is_empty()))),
        ]);
        if let Some(scopes) = &caller.scopes {
            attributes.insert("scopes".to_owned(), texts(scopes.iter().map(String::as_str)));
        }
        let roles = caller.roles.iter().map(|role| uid("Role", role.as_str())).collect::<Result<HashSet<_>, _>>()?;
        Ok(Self { entity: Entity::new(uid(kind, &caller.name)?, attributes, roles)? })
    }

    /// A person with this role, in these teams: to find out who could.
    pub(super) fn with_role(role: Role, teams: &[&str]) -> Result<Self, Unfit> {
        let attributes = HashMap::from([
            ("id".to_owned(), RestrictedExpression::new_string(String::from("-"))),
            ("name".to_owned(), RestrictedExpression::new_string(String::from("-"))),
            ("roles".to_owned(), texts([role.as_str()])),
            ("teams".to_owned(), texts(teams.iter().copied())),
        ]);
        let parents = HashSet::from([uid("Role", role.as_str())?]);
        Ok(Self { entity: Entity::new(uid("Person", "-")?, attributes, parents)? })
    }

    pub(super) fn entity(&self) -> &Entity {
        &self.entity
    }
}
