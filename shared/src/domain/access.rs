//! Who may ask for what: roles, and a caller whose credential was checked.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{
    ids::{ApiKeyId, SessionId},
    states::states,
};

states! {
    /// What somebody is trusted with. What each role may do is written in policies, not here.
    Role {
        /// Everything.
        Admin = "admin",
        /// Submits, runs and repairs what belongs to their teams.
        Developer = "developer",
        /// Looks at what belongs to their teams.
        Viewer = "viewer",
        /// Decides approvals.
        Approver = "approver",
        /// Reads everything, the audit log too, and changes nothing.
        Auditor = "auditor",
    }
}

states! {
    /// What kind of caller one is.
    PrincipalKind {
        /// A human being, known by a login.
        Person = "person",
        /// A program with an account of its own.
        ServiceAccount = "service_account",
        /// A key that belongs to nobody, as the first one of an installation.
        Key = "key",
        /// Anybody, where an installation for development lets them in.
        Guest = "guest",
    }
}

/// What a request showed to be let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// An API key.
    Key(ApiKeyId),
    /// A browser's session. Requests that change something need more than its cookie.
    Session(SessionId),
    /// Nothing.
    Guest,
}

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// What kind of caller.
    pub kind: PrincipalKind,
    /// The person's, the service account's, or the key's id; nil for a guest.
    pub id: Uuid,
    /// What to call them in histories: a person's login name, an account's or a key's name.
    pub name: String,
    /// What they are trusted with.
    pub roles: BTreeSet<Role>,
    /// Roles of the house's own making, which nothing knows but the approvals that name them.
    pub other_roles: BTreeSet<String>,
    /// The teams they belong to.
    pub teams: BTreeSet<String>,
    /// What the credential is good for, as `run.read` or `run.*`; none: all that the roles allow.
    pub scopes: Option<BTreeSet<String>>,
    /// What was shown.
    pub credential: Credential,
}

impl Principal {
    /// The names of all their roles.
    pub fn role_names(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().map(|role| role.as_str()).chain(self.other_roles.iter().map(String::as_str))
    }

    /// Whether they have this role.
    #[must_use]
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// Whose things a caller sees in lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visible {
    /// Everybody's.
    All,
    /// Those of these teams.
    Teams(Vec<String>),
}

impl Default for Visible {
    /// Nobody's: who forgets to say sees nothing.
    fn default() -> Self {
        Self::Teams(Vec::new())
    }
}

impl Visible {
    /// The same, and the things of this team.
    #[must_use]
    pub fn and(self, team: &str) -> Self {
        match self {
            Self::Teams(mut teams) if !teams.iter().any(|it| it == team) => {
                teams.push(team.to_owned());
                Self::Teams(teams)
            }
            same => same,
        }
    }

    /// The teams, for a filter in SQL; none: no filter.
    #[must_use]
    pub fn teams(&self) -> Option<&[String]> {
        match self {
            Self::All => None,
            Self::Teams(teams) => Some(teams),
        }
    }

    /// Whether things of this team are seen.
    #[must_use]
    pub fn has(&self, team: &str) -> bool {
        self.teams().is_none_or(|teams| teams.iter().any(|it| it == team))
    }
}
