//! What a key or an account is given, and what whoever gives it must have.

use std::collections::BTreeSet;

use super::access::{Principal, Role};

/// Roles, teams and scopes that are to be given to a key or an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Roles, those of the house's own making too.
    pub roles: BTreeSet<String>,
    /// Teams.
    pub teams: BTreeSet<String>,
    /// What it is good for; none: all that the roles allow.
    pub scopes: Option<BTreeSet<String>>,
}

impl Given {
    /// What a caller has.
    #[must_use]
    pub fn to(principal: &Principal) -> Self {
        Self {
            roles: principal.role_names().map(str::to_owned).collect(),
            teams: principal.teams.clone(),
            scopes: principal.scopes.clone(),
        }
    }

    /// Whether this has a role: an admin has every one, a developer a viewer's.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        let has = |own: Role| self.roles.contains(own.as_str());
        self.roles.contains(role) || has(Role::Admin) || (role == Role::Viewer.as_str() && has(Role::Developer))
    }

    /// Whether this has a team: an admin has every one.
    #[must_use]
    pub fn has_team(&self, team: &str) -> bool {
        self.teams.contains(team) || self.roles.contains(Role::Admin.as_str())
    }

    /// What a key is good for that belongs to the holder of this and names `key`; a list in it that is empty follows the holder.
    #[must_use]
    pub fn narrowed_to(&self, key: Self) -> Self {
        let within =
            |named: BTreeSet<String>, own: &BTreeSet<String>, has: &dyn Fn(&str) -> bool| match named.is_empty() {
                true => own.clone(),
                false => named.into_iter().filter(|name| has(name)).collect(),
            };
        Self {
            roles: within(key.roles, &self.roles, &|role| self.has_role(role)),
            teams: within(key.teams, &self.teams, &|team| self.has_team(team)),
            scopes: key.scopes,
        }
    }

    /// What of it the giver does not have, in words; nothing when they may give all of it. Nobody gives more than they have.
    #[must_use]
    pub fn beyond(&self, giver: &Self) -> Option<String> {
        let roles = self.roles.iter().filter(|role| !giver.has_role(role)).map(|role| format!("the role '{role}'"));
        let teams = self.teams.iter().filter(|team| !giver.has_team(team)).map(|team| format!("the team '{team}'"));
        let mut missing: Vec<String> = roles.chain(teams).collect();
        match (&giver.scopes, &self.scopes) {
            (None, _) => {}
            (Some(_), None) => missing.push("a key without scopes".into()),
            (Some(has), Some(given)) => {
                let lacks = given.iter().filter(|scope| !has.iter().any(|has| covers(has, scope)));
                missing.extend(lacks.map(|scope| format!("the scope '{scope}'")));
            }
        }
        (!missing.is_empty()).then(|| missing.join(", "))
    }
}

/// Whether whoever has the scope `has` has `other`: the same one, or `run.*` for all that begin with `run.`.
#[must_use]
pub fn covers(has: &str, other: &str) -> bool {
    has == other || has.strip_suffix('*').is_some_and(|noun| noun.ends_with('.') && other.starts_with(noun))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn given(roles: &[&str], teams: &[&str], scopes: Option<&[&str]>) -> Given {
        Given { roles: set(roles), teams: set(teams), scopes: scopes.map(set) }
    }

    #[test]
    fn nobody_gives_what_they_do_not_have() {
        let developer = given(&["developer", "sre"], &["shop"], None);
        assert_eq!(given(&["developer", "viewer", "sre"], &["shop"], None).beyond(&developer), None);
        let beyond = given(&["admin"], &["shop", "bank"], None).beyond(&developer).unwrap();
        assert_eq!(beyond, "the role 'admin', the team 'bank'");
        let admin = given(&["admin"], &[], None);
        assert_eq!(given(&["auditor", "approver"], &["bank"], None).beyond(&admin), None);
    }

    #[test]
    fn a_key_with_scopes_gives_these_or_fewer() {
        let narrow = given(&["admin"], &[], Some(&["run.*", "key.create"]));
        assert_eq!(given(&["viewer"], &[], Some(&["run.read", "run.*", "key.create"])).beyond(&narrow), None);
        assert_eq!(given(&["viewer"], &[], None).beyond(&narrow).as_deref(), Some("a key without scopes"));
        let beyond = given(&["viewer"], &[], Some(&["key.*", "runner.read"])).beyond(&narrow).unwrap();
        assert_eq!(beyond, "the scope 'key.*', the scope 'runner.read'");
    }

    #[test]
    fn a_key_has_what_its_owner_has_and_no_more() {
        let owner = given(&["developer"], &["shop", "bank"], None);
        assert_eq!(owner.narrowed_to(given(&[], &[], None)), owner);
        let key = given(&["admin", "viewer"], &["shop", "mint"], Some(&["run.read"]));
        assert_eq!(owner.narrowed_to(key), given(&["viewer"], &["shop"], Some(&["run.read"])));
        let admin = given(&["admin"], &[], None);
        assert_eq!(admin.narrowed_to(given(&["developer"], &["shop"], None)), given(&["developer"], &["shop"], None));
    }

    #[test]
    fn a_star_stands_for_the_verbs_of_one_noun() {
        assert!(covers("run.*", "run.read") && covers("run.*", "run.*") && covers("run.read", "run.read"));
        assert!(!covers("run.read", "run.*") && !covers("*", "run.read") && !covers("run*", "run.read"));
        assert!(!covers("run.*", "runner.read"));
    }
}
