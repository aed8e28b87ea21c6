//! What a provider says about a person, and what that gives them here.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use shared::config::Oidc;

/// Groups of a person that are read; who is in more is served by a provider that lists fewer.
const MAX_GROUPS: usize = 2_000;
/// Characters of a name.
const MAX_NAME: usize = 120;

/// All that the provider says about somebody, verified.
#[derive(Clone, Debug)]
pub(super) struct Claims {
    /// What the provider calls them, for ever.
    pub(super) subject: String,
    /// All claims by name.
    pub(super) all: Map<String, Value>,
}

/// What their groups give somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) roles: Vec<String>,
    pub(super) teams: Vec<String>,
}

impl Claims {
    /// The value at a claim's name or, with a `/` in front, at a JSON pointer.
    fn at(&self, path: &str) -> Option<&Value> {
        let Some(rest) = path.strip_prefix('/') else { return self.all.get(path) };
        let (first, deeper) = rest.split_once('/').map_or((rest, String::new()), |(a, b)| (a, format!("/{b}")));
        self.all.get(&first.replace("~1", "/").replace("~0", "~"))?.pointer(&deeper)
    }

    /// Whether they say all that the settings ask them for.
    pub(super) fn are_enough(&self, settings: &Oidc) -> bool {
        self.at(&settings.groups_claim).is_some() && self.at(&settings.name_claim).is_some()
    }

    /// What to call them: what the settings say, else their address, else what the provider numbers them by.
    pub(super) fn name(&self, settings: &Oidc) -> String {
        let said = [self.at(&settings.name_claim), self.all.get("email")];
        let said = said.into_iter().flatten().filter_map(Value::as_str).map(plain).find(|name| !name.is_empty());
        said.unwrap_or_else(|| plain(&self.subject))
    }

    /// Their address.
    pub(super) fn email(&self) -> Option<String> {
        self.all.get("email").and_then(Value::as_str).map(plain).filter(|email| !email.is_empty())
    }

    /// Their groups, as the provider names them.
    pub(super) fn groups(&self, settings: &Oidc) -> Vec<String> {
        match self.at(&settings.groups_claim) {
            Some(Value::Array(items)) => {
                items.iter().filter_map(Value::as_str).take(MAX_GROUPS).map(str::to_owned).collect()
            }
            Some(Value::String(one)) => vec![one.clone()],
            _ => Vec::new(),
        }
    }
}

/// What membership in these groups gives: all that each of them does. None: nothing.
pub(super) fn given(settings: &Oidc, groups: &[String]) -> Option<Given> {
    let (mut roles, mut teams) = (BTreeSet::new(), BTreeSet::new());
    for grant in settings.groups.iter().filter(|grant| groups.contains(&grant.group)) {
        roles.extend(grant.roles.iter().cloned());
        teams.extend(grant.teams.iter().cloned());
    }
    // Somebody with a team and no role could do nothing but log in.
    (!roles.is_empty()).then(|| Given { roles: roles.into_iter().collect(), teams: teams.into_iter().collect() })
}

/// Without what could steer a terminal or turn the direction of writing: names are shown in many places.
pub(super) fn plain(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let kept: String = text.chars().filter(|&c| !steers(c)).take(MAX_NAME).collect();
    kept.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared::config::GroupGrant;

    use super::*;

    fn claims(all: Value) -> Claims {
        Claims { subject: "42".into(), all: all.as_object().cloned().unwrap() }
    }

    fn grant(group: &str, roles: &[&str], teams: &[&str]) -> GroupGrant {
        let owned = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect();
        GroupGrant { group: group.into(), roles: owned(roles), teams: owned(teams) }
    }

    #[test]
    fn groups_are_found_by_name_or_by_pointer() {
        let said = claims(json!({"groups": ["a", 1, "b"], "realm": {"roles": "one"}, "https://x/g": ["c"]}));
        let groups = |path: &str| said.groups(&Oidc { groups_claim: path.into(), ..Oidc::default() });
        assert_eq!(groups("groups"), ["a", "b"]);
        assert_eq!(groups("/groups"), ["a", "b"]);
        assert_eq!(groups("/realm/roles"), ["one"]);
        assert_eq!(groups("https://x/g"), ["c"]);
        assert_eq!(groups("/https:~1~1x~1g"), ["c"]);
        assert!(groups("nothing").is_empty() && groups("/realm/nothing").is_empty() && groups("/").is_empty());
    }

    #[test]
    fn all_groups_count_together_and_none_gives_nothing() {
        let settings = Oidc {
            groups: vec![grant("dev", &["developer"], &["shop"]), grant("ops", &["approver"], &["shop", "ops"])],
            ..Oidc::default()
        };
        let of = |groups: &[&str]| given(&settings, &groups.iter().map(|&group| group.to_owned()).collect::<Vec<_>>());
        let both =
            Given { roles: vec!["approver".into(), "developer".into()], teams: vec!["ops".into(), "shop".into()] };
        assert_eq!(of(&["dev", "ops", "other"]), Some(both));
        assert_eq!(of(&["Dev", "dev "]), None);
        assert_eq!(of(&[]), None);
        let settings = Oidc { groups: vec![grant("dev", &[], &["shop"])], ..Oidc::default() };
        assert_eq!(given(&settings, &["dev".into()]), None);
    }

    #[test]
    fn a_name_is_the_best_there_is_and_steers_nothing() {
        let name = |all| claims(all).name(&Oidc::default());
        assert_eq!(name(json!({"preferred_username": "ada", "email": "a@x"})), "ada");
        assert_eq!(name(json!({"preferred_username": "\u{1b}\u{202e}", "email": "a@x"})), "a@x");
        assert_eq!(name(json!({"preferred_username": "\u{1b}]0;x\u{7}a\u{202e}b"})), "]0;xab");
        assert_eq!(name(json!({"preferred_username": {"x": 1}})), "42");
    }
}
