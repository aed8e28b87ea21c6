//! What the record of changes holds: who did what to which object, from where, and how it was before and after.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    access::{Credential, Principal},
    states::states,
};

/// Bytes that `before` and `after` may have each, as JSON; of a longer one the digest is kept.
const MAX_VALUE: usize = 16 * 1024;
/// Characters that any other text of an entry may have.
const MAX_TEXT: usize = 512;
/// What stands in the place of a secret.
const MASK: &str = "***";
/// Parts of names whose values are never recorded.
const SENSITIVE: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "privatekey",
    "credential",
    "authorization",
    "cookie",
    "signature",
    "sessionid",
    "signingkey",
];

states! {
    /// What became of it.
    Outcome {
        /// It was done; the entry was committed with it.
        Done = "done",
        /// It was refused.
        Refused = "refused",
    }
}

/// Who did it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actor {
    /// `person`, `service_account`, `key`, `guest`, `system`, `worker`, or `unknown`.
    pub kind: String,
    /// Their id; none for nobody in particular.
    pub id: Option<Uuid>,
    /// What they are called, or call themselves when nobody vouches for it.
    pub name: String,
    /// What was shown: `key/ID`, `session/ID`; empty for nothing.
    pub credential: String,
}

impl Actor {
    /// A part of Slipway itself.
    #[must_use]
    pub fn system(part: &str) -> Self {
        Self { kind: "system".into(), name: part.into(), ..Self::default() }
    }

    /// Somebody who calls themselves so, and has not shown to be.
    #[must_use]
    pub fn unknown(claimed: &str) -> Self {
        Self { kind: "unknown".into(), name: claimed.into(), ..Self::default() }
    }
}

impl From<&Principal> for Actor {
    fn from(principal: &Principal) -> Self {
        Self {
            kind: principal.kind.as_str().into(),
            id: (!principal.id.is_nil()).then_some(principal.id),
            name: principal.name.clone(),
            credential: match principal.credential {
                Credential::Key(id) => format!("key/{id}"),
                Credential::Session(id) => format!("session/{id}"),
                Credential::Guest => String::new(),
            },
        }
    }
}

/// From where a request came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The request's id, as in the answer's `x-request-id` and in the log.
    pub request_id: String,
    /// The address of whoever made it.
    pub address: String,
    /// The program that they say they use.
    pub agent: String,
}

/// One thing that somebody did, or was refused.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Who.
    pub actor: Actor,
    /// From where.
    pub origin: Origin,
    /// What: `<noun>.<verb>`.
    pub action: String,
    /// To what: `<kind>/<id or name>`, as `run/0198…` and `application/shop`.
    pub object: String,
    /// The team whose object it is.
    pub team: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// How it was. Values under names that are known for secrets are not recorded.
    pub before: Option<Value>,
    /// How it is now. Likewise.
    pub after: Option<Value>,
    /// Of entries with the same text here only the first is kept.
    pub once: Option<String>,
}

impl Entry {
    /// Something that was done.
    #[must_use]
    pub fn done(actor: Actor, origin: Origin, action: &str, object: impl Into<String>) -> Self {
        Self {
            actor,
            origin,
            action: action.into(),
            object: object.into(),
            team: None,
            outcome: Outcome::Done,
            before: None,
            after: None,
            once: None,
        }
    }

    /// Something that was refused, and why. Of refusals of the same action to the same actor, one a minute is kept.
    #[must_use]
    pub fn refused(actor: Actor, origin: Origin, action: &str, object: impl Into<String>, why: &str) -> Self {
        let minute = chrono::Utc::now().timestamp() / 60;
        let who = actor.id.map_or_else(|| format!("{}@{}", actor.name, origin.address), |id| id.to_string());
        let once = hex::encode(Sha256::digest(format!("{action}\0{who}\0{minute}")));
        Self {
            outcome: Outcome::Refused,
            after: Some(json!({ "refused": why })),
            once: Some(once),
            ..Self::done(actor, origin, action, object)
        }
    }

    /// Whose object it is.
    #[must_use]
    pub fn team(mut self, team: impl Into<Option<String>>) -> Self {
        self.team = team.into();
        self
    }

    /// How it was.
    #[must_use]
    pub fn before(mut self, before: Value) -> Self {
        self.before = Some(before);
        self
    }

    /// How it is now.
    #[must_use]
    pub fn after(mut self, after: Value) -> Self {
        self.after = Some(after);
        self
    }

    /// As it may be stored: without secrets, and no longer than it should be.
    #[must_use]
    pub fn fit(mut self) -> Self {
        for text in [
            &mut self.actor.name,
            &mut self.action,
            &mut self.object,
            &mut self.origin.request_id,
            &mut self.origin.address,
            &mut self.origin.agent,
        ] {
            *text = text.chars().filter(|c| *c != '\0').take(MAX_TEXT).collect();
        }
        self.before = self.before.map(storable);
        self.after = self.after.map(storable);
        self
    }
}

fn storable(value: Value) -> Value {
    let masked = masked(value);
    let text = masked.to_string();
    if text.len() <= MAX_VALUE && !text.contains("\\u0000") {
        return masked;
    }
    json!({ "omitted": "too long", "bytes": text.len(), "sha256": hex::encode(Sha256::digest(text.as_bytes())) })
}

/// The same without the values that stand under names which are known for secrets. What says that there is one, or which one
/// it is (`null`, a truth value, a number), stays.
#[must_use]
pub fn masked(value: Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .into_iter()
                .map(|(name, value)| {
                    let kept = if is_sensitive(&name) { hidden(value) } else { masked(value) };
                    (name, kept)
                })
                .collect::<Map<_, _>>(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(masked).collect()),
        Value::String(text) => Value::String(without_userinfo(text)),
        other => other,
    }
}

fn hidden(value: Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value,
        _ => Value::String(MASK.into()),
    }
}

/// Whether a value of this name is likely a secret.
#[must_use]
pub fn is_sensitive(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    SENSITIVE.iter().any(|part| plain.contains(part))
}

/// `https://user:password@host` as `https://***@host`.
fn without_userinfo(text: String) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{MASK}{}", &rest[at..]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names_at_any_depth() {
        let given = json!({
            "name": "db", "Password": "x", "nested": [{"api_key": "y", "apiKey": 3, "tokens": ["z"]}],
            "has_secret": true, "secret": null, "url": "https://me:pw@host/path@x", "plain": "user@host",
        });
        let expected = json!({
            "name": "db", "Password": "***", "nested": [{"api_key": "***", "apiKey": "***", "tokens": "***"}],
            "has_secret": true, "secret": null, "url": "https://***@host/path@x", "plain": "user@host",
        });
        assert_eq!(masked(given), expected);
    }

    #[test]
    fn a_long_value_is_kept_as_its_digest() {
        let entry =
            Entry::done(Actor::system("test"), Origin::default(), "x.y", "x/1").after(json!("a".repeat(20_000)));
        let after = entry.fit().after.unwrap();
        assert_eq!(after["bytes"], 20_002);
        assert_eq!(after["sha256"].as_str().unwrap().len(), 64);
    }

    #[test]
    fn refusals_of_one_action_to_one_actor_are_one_a_minute() {
        let refusal = |name: &str, action: &str| {
            Entry::refused(Actor::unknown(name), Origin::default(), action, "session/-", "wrong password").once
        };
        let (one, two) = (refusal("ann", "session.create"), refusal("ann", "session.create"));
        // The minute may have changed between the two.
        assert!(one == two || refusal("ann", "session.create") == two);
        assert_ne!(two, refusal("bob", "session.create"));
        assert_ne!(two, refusal("ann", "run.cancel"));
    }
}
