//! Who may decide about a step that waits for a person.

use super::{access::Role, states::states};

states! {
    /// How an approval came out. The first decision stands.
    Decision {
        /// A person said yes, or nobody said anything and that means yes.
        Approved = "approved",
        /// A person said no.
        Rejected = "rejected",
        /// Nobody said anything in time.
        Expired = "expired",
        /// The run was stopped, or ended, before anyone decided.
        Withdrawn = "withdrawn",
    }
}

/// A person, as far as approvals are concerned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decider {
    /// The name that is recorded.
    pub name: String,
    /// Their roles.
    pub roles: Vec<String>,
    /// Their teams.
    pub teams: Vec<String>,
}

/// Whether a person may decide about an approval that names these roles and teams. Admins always may. Others need one of the
/// roles, that of an approver where none is named, and, where teams are named, to be in one of them.
#[must_use]
pub fn may_decide(roles: &[String], teams: &[String], who: &Decider) -> bool {
    let is = |wanted: Role| who.roles.iter().any(|role| role == wanted.as_str());
    let asked = if roles.is_empty() { is(Role::Approver) } else { who.roles.iter().any(|role| roles.contains(role)) };
    is(Role::Admin) || asked && (teams.is_empty() || who.teams.iter().any(|team| teams.contains(team)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(role: &str, teams: &[&str]) -> Decider {
        Decider { name: "p".into(), roles: vec![role.into()], teams: teams.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn an_admin_decides_about_everything_and_others_by_role_and_team() {
        let (roles, teams) = (["lead".to_owned()], ["payments".to_owned()]);
        assert!(may_decide(&roles, &teams, &person("admin", &[])) && may_decide(&[], &[], &person("admin", &[])));
        assert!(may_decide(&roles, &teams, &person("lead", &["other", "payments"])));
        assert!(!may_decide(&roles, &teams, &person("lead", &["other"])));
        assert!(!may_decide(&roles, &teams, &person("developer", &["payments"])));
        assert!(may_decide(&roles, &[], &person("lead", &[])) && !may_decide(&[], &[], &person("lead", &[])));
        assert!(may_decide(&[], &[], &person("approver", &[])) && !may_decide(&roles, &[], &person("approver", &[])));
    }
}
