//! What a caller is told who may know of an object and not do that to it.

use axum::http::StatusCode;
use shared::domain::access::{Principal, Role};

use super::{
    action::Action,
    object::Object,
    policies::{Decision, Policies},
    subject::Subject,
};
use crate::error::Problem;

/// The roles whose holders, in the teams that the object is of, may do it; as the policies are, so without those that ask for more.
pub(super) fn roles_that_may(policies: &Policies, action: Action, object: &Object) -> Vec<&'static str> {
    let teams = object.concerned();
    let may = |role: &Role| {
        Subject::with_role(*role, &teams).is_ok_and(|subject| policies.decide(&subject, action, object).allowed)
    };
    Role::ALL.iter().copied().filter(may).map(Role::as_str).collect()
}

/// Words of a list, as people write them.
pub(super) fn either(words: &[impl AsRef<str>]) -> String {
    match words {
        [] => "none".into(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} or {}", first.join(", "), last.as_ref())
        }
    }
}

/// 403: what was asked, why not, and who could.
pub(super) fn refusal(
    policies: &Policies,
    caller: &Principal,
    action: Action,
    object: &Object,
    decision: &Decision,
) -> Problem {
    let name = object.name();
    let mut roles: Vec<String> = roles_that_may(policies, action, object).into_iter().map(ToOwned::to_owned).collect();
    if let Object::Approval { found, .. } = object {
        roles.extend(found.roles.iter().filter(|role| role.parse::<Role>().is_err()).cloned());
    }
    let detail = if let Some(scopes) = out_of_scope(policies, caller, action, object) {
        format!("the scopes of this key do not include {action}; it has: {scopes}")
    } else if !decision.policies.is_empty() {
        format!("{action} on {name} is forbidden by the policy {}", decision.policies.join(", "))
    } else {
        let place = match object.concerned().as_slice() {
            [] => String::new(),
            teams => format!(" in the team {}", either(teams)),
        };
        let has: Vec<&str> = caller.role_names().collect();
        let teams: Vec<&str> = caller.teams.iter().map(String::as_str).collect();
        let teams = if teams.is_empty() { "no team".to_owned() } else { format!("the team {}", teams.join(", ")) };
        let has = if has.is_empty() { "no role".to_owned() } else { format!("the role {}", has.join(", ")) };
        format!("{action} on {name} needs the role {}{place}; you have {has}, in {teams}", either(&roles))
    };
    Problem::new(StatusCode::FORBIDDEN, "forbidden", detail)
        .with("action", action.as_str())
        .with("object", name)
        .with("roles", roles)
}

/// The scopes of the caller's key, when it is they that stand in the way.
fn out_of_scope(policies: &Policies, caller: &Principal, action: Action, object: &Object) -> Option<String> {
    let scopes = caller.scopes.as_ref()?;
    let unscoped = Subject::of(&Principal { scopes: None, ..caller.clone() }).ok()?;
    let has: Vec<&str> = scopes.iter().map(String::as_str).collect();
    let has = if has.is_empty() { "none".to_owned() } else { has.join(", ") };
    policies.decide(&unscoped, action, object).allowed.then_some(has)
}
