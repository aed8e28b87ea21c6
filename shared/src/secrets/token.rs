//! What stands in JSON in a secret's place, so that whoever copies, compares or fills in values needs no key.
//!
//! `[slipway-sealed:KEY:ORIGIN:…]` is a sealed value: the data key, what it came from, and the JSON of a text or number. `[slipway-secret:VERSION:NAME]`
//! names a secret of the run's own application or team; its version is there to be compared. Either may stand inside a
//! longer text.

use std::{borrow::Cow, collections::BTreeSet};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::envelope::{DataKey, Unopened};

const BEGIN: &str = "[slipway-";
const SEALED: &str = "[slipway-sealed:";
const SECRET: &str = "[slipway-secret:";
/// What people are shown.
pub const STARS: &str = "***";
/// Letters that the name of a secret may have.
pub const MAX_NAME: usize = 63;

/// What a token in a text stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A sealed value.
    Sealed {
        /// The data key.
        key: Uuid,
        /// The resource or run that gave the value.
        origin: Uuid,
        /// Nonce and ciphertext, in base64.
        content: &'a str,
    },
    /// A secret.
    Secret {
        /// Its name.
        name: &'a str,
    },
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// As it is.
    Text(&'a str),
    /// In the place of something.
    Token(Token<'a>),
}

/// Whether this can be the name of a secret: a letter, then letters, digits, `_` and `-`, at most 63.
#[must_use]
pub fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// The token of a secret.
#[must_use]
pub fn of_secret(name: &str, version: &str) -> String {
    format!("{SECRET}{version}:{name}]")
}

/// What stands for a secret of those that are `visible`, each with its version; none for another.
#[must_use]
pub fn fill(visible: &Map<String, Value>, name: &str) -> Option<Value> {
    visible.get(name).and_then(Value::as_str).map(|version| Value::String(of_secret(name, version)))
}

/// The token of a value that `origin` gave.
#[must_use]
pub fn seal(key_id: Uuid, key: &DataKey, origin: Uuid, value: &Value) -> String {
    let sealed = key.seal_alike(value.to_string().as_bytes(), &place(key_id, origin));
    format!("{SEALED}{}:{}:{}]", key_id.simple(), origin.simple(), BASE64_URL_SAFE_NO_PAD.encode(sealed))
}

/// The value of a sealed token.
///
/// # Errors
/// When it was made with another key, or for another origin, or was changed.
pub fn open(key_id: Uuid, key: &DataKey, origin: Uuid, content: &str) -> Result<Value, Unopened> {
    let sealed = BASE64_URL_SAFE_NO_PAD.decode(content).map_err(|_| Unopened)?;
    serde_json::from_slice(&key.open(&sealed, &place(key_id, origin))?).map_err(|_| Unopened)
}

fn place(key: Uuid, origin: Uuid) -> Vec<u8> {
    [&b"slipway value"[..], key.as_bytes(), origin.as_bytes()].concat()
}

/// The text in parts; what only looks like a token is text.
pub fn parts(text: &str) -> impl Iterator<Item = Part<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some((token, length)) = first(rest) {
            rest = &rest[length..];
            return Some(Part::Token(token));
        }
        // Up to the next that is one.
        let mut end = rest.len();
        for (at, _) in rest.match_indices(BEGIN).filter(|(at, _)| *at > 0) {
            if first(&rest[at..]).is_some() {
                end = at;
                break;
            }
        }
        let (plain, after) = rest.split_at(end);
        rest = after;
        Some(Part::Text(plain))
    })
}

/// The token that a text begins with, and its length.
fn first(text: &str) -> Option<(Token<'_>, usize)> {
    if !text.starts_with(BEGIN) {
        return None;
    }
    let end = text.find(']')?;
    let token = if let Some(inner) = text[..end].strip_prefix(SEALED) {
        let mut fields = inner.splitn(3, ':');
        let key = Uuid::try_parse(fields.next()?).ok()?;
        let origin = Uuid::try_parse(fields.next()?).ok()?;
        Token::Sealed { key, origin, content: fields.next()? }
    } else {
        let (_, name) = text[..end].strip_prefix(SECRET)?.split_once(':')?;
        is_name(name).then_some(Token::Secret { name })?
    };
    Some((token, end + 1))
}

/// Whether a text holds what begins like a token. Such text is refused where people or programs give it.
#[must_use]
pub fn resembles(text: &str) -> bool {
    text.contains(SEALED) || text.contains(SECRET)
}

/// Whether any text inside a value holds a token.
#[must_use]
pub fn is_in(value: &Value) -> bool {
    any(value, &|text| resembles(text))
}

fn any(value: &Value, found: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => found(text),
        Value::Array(items) => items.iter().any(|item| any(item, found)),
        Value::Object(map) => map.iter().any(|(key, item)| found(key) || any(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Where a value holds what begins like a token, as a JSON pointer.
#[must_use]
pub fn find(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => resembles(text).then(String::new),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| Some(format!("/{index}{}", find(item)?)))
        }
        Value::Object(map) => map.iter().find_map(|(key, item)| {
            if resembles(key) {
                return Some(String::new());
            }
            let key = key.replace('~', "~0").replace('/', "~1");
            Some(format!("/{key}{}", find(item)?))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// The data keys and the secrets that the tokens inside a value need.
#[must_use]
pub fn needs<'a>(values: impl IntoIterator<Item = &'a Value>) -> (BTreeSet<Uuid>, BTreeSet<String>) {
    let (mut keys, mut names) = (BTreeSet::new(), BTreeSet::new());
    let mut open: Vec<&Value> = values.into_iter().collect();
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if resembles(text) => {
                for part in parts(text) {
                    match part {
                        Part::Token(Token::Sealed { key, .. }) => drop(keys.insert(key)),
                        Part::Token(Token::Secret { name }) => drop(names.insert(name.to_owned())),
                        Part::Text(_) => {}
                    }
                }
            }
            Value::Array(items) => open.extend(items),
            Value::Object(map) => open.extend(map.values()),
            _ => {}
        }
    }
    (keys, names)
}

/// The value with each token replaced by what `open` gives for it: a text that is one token becomes that value, type and all; inside
/// a longer text, what is no text is written as JSON.
///
/// # Errors
/// The first that `open` gives.
pub fn replace<E>(value: &mut Value, open: &mut dyn FnMut(&Token<'_>) -> Result<Value, E>) -> Result<(), E> {
    match value {
        Value::String(text) if resembles(text) => {
            let parts: Vec<Part<'_>> = parts(text).collect();
            if let [Part::Token(token)] = parts.as_slice() {
                *value = open(token)?;
                return Ok(());
            }
            let mut filled = String::with_capacity(text.len());
            for part in &parts {
                match part {
                    Part::Text(text) => filled.push_str(text),
                    Part::Token(token) => match open(token)? {
                        Value::String(text) => filled.push_str(&text),
                        other => filled.push_str(&other.to_string()),
                    },
                }
            }
            *value = Value::String(filled);
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| replace(item, open)),
        Value::Object(map) => map.values_mut().try_for_each(|item| replace(item, open)),
        _ => Ok(()),
    }
}

/// Makes what begins like a token into text that does not.
pub fn defuse(value: &mut Value) {
    match value {
        Value::String(text) if resembles(text) => *text = text.replace(BEGIN, "[slipway_"),
        Value::Array(items) => items.iter_mut().for_each(defuse),
        Value::Object(map) => map.values_mut().for_each(defuse),
        _ => {}
    }
}

/// The value as people see it: stars for tokens.
#[must_use]
pub fn masked(mut value: Value) -> Value {
    if is_in(&value) {
        let stars: Result<(), std::convert::Infallible> = replace(&mut value, &mut |_| Ok(STARS.into()));
        let Ok(()) = stars;
    }
    value
}

/// As [`masked`], for a text.
#[must_use]
pub fn masked_text(text: &str) -> Cow<'_, str> {
    if !resembles(text) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        parts(text)
            .map(|part| match part {
                Part::Text(text) => text,
                Part::Token(_) => STARS,
            })
            .collect(),
    )
}

/// Seals every text and number inside a value for which `hide` says so; what is sealed already stays as it is.
pub fn seal_leaves(value: &mut Value, hide: &dyn Fn(&Value) -> bool, seal: &dyn Fn(&Value) -> String) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| seal_leaves(item, hide, seal)),
        Value::Object(map) => map.values_mut().for_each(|item| seal_leaves(item, hide, seal)),
        Value::String(text) if text.is_empty() || is_token(text) => {}
        Value::String(_) | Value::Number(_) if hide(value) => *value = Value::String(seal(value)),
        _ => {}
    }
}

fn is_token(text: &str) -> bool {
    first(text).is_some_and(|(_, length)| length == text.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn opened(value: &Value, key: &DataKey) -> Result<Value, Unopened> {
        let mut value = value.clone();
        replace(&mut value, &mut |token| match token {
            Token::Sealed { key: id, origin, content } => open(*id, key, *origin, content),
            Token::Secret { name } => Ok(json!(format!("<{name}>"))),
        })?;
        Ok(value)
    }

    #[test]
    fn values_are_sealed_one_by_one_and_come_back_as_they_were() {
        let (id, key, origin) = (Uuid::now_v7(), DataKey::generate(), Uuid::now_v7());
        let plain = json!({"password": "hunter2", "port": 5432, "on": true, "none": null, "empty": "", "list": ["a", {"b": 1.5}]});
        let mut sealed = plain.clone();
        seal_leaves(&mut sealed, &|_| true, &|value| seal(id, &key, origin, value));
        assert_eq!((&sealed["on"], &sealed["none"], &sealed["empty"]), (&json!(true), &json!(null), &json!("")));
        assert!(!sealed.to_string().contains("hunter2") && !sealed.to_string().contains("5432"), "{sealed}");
        assert_eq!(opened(&sealed, &key).unwrap(), plain);
        let mut again = sealed.clone();
        seal_leaves(&mut again, &|_| true, &|value| seal(id, &key, origin, value));
        assert_eq!(again, sealed, "sealed twice");
        assert_eq!(masked(sealed)["list"], json!(["***", {"b": "***"}]));
    }

    #[test]
    fn a_token_inside_a_longer_text_is_filled_in() {
        let (id, key, origin) = (Uuid::now_v7(), DataKey::generate(), Uuid::now_v7());
        let token = seal(id, &key, origin, &json!("p]w[slipway-"));
        let number = seal(id, &key, origin, &json!(5432));
        let url = json!(format!("db://u:{token}@h:{number}/{}", of_secret("NAME", "t1")));
        assert_eq!(opened(&url, &key).unwrap(), json!("db://u:p]w[slipway-@h:5432/<NAME>"));
        assert_eq!(masked(url), json!("db://u:***@h:***/***"));
        assert_eq!(opened(&json!(number), &key).unwrap(), json!(5432), "alone it keeps its type");
    }

    #[test]
    fn a_token_of_another_origin_key_or_content_does_not_open() {
        let (id, key, origin) = (Uuid::now_v7(), DataKey::generate(), Uuid::now_v7());
        let token = seal(id, &key, origin, &json!("hunter2"));
        let moved = token.replace(&origin.simple().to_string(), &Uuid::now_v7().simple().to_string());
        assert_eq!(opened(&json!(moved), &key), Err(Unopened));
        let other = token.replace(&id.simple().to_string(), &Uuid::now_v7().simple().to_string());
        assert_eq!(opened(&json!(other), &key), Err(Unopened));
        assert_eq!(opened(&json!(token), &DataKey::generate()), Err(Unopened));
    }

    #[test]
    fn what_only_looks_like_a_token_is_text() {
        for text in [
            "[slipway-",
            "[slipway-sealed:x:y:z]",
            "[slipway-secret:1:]",
            "[slipway-secret:1:a b]",
            "[slipway-secret:NAME",
            "a [slipway-other:1:2] b",
        ] {
            assert_eq!(parts(text).collect::<Vec<_>>(), [Part::Text(text)], "{text}");
            assert_eq!(masked_text(text), text);
        }
        assert_eq!(find(&json!({"a/b": ["", "x [slipway-sealed:"]})), Some("/a~1b/1".to_owned()));
        assert_eq!(find(&json!({"a": "[slipway]"})), None);
    }

    #[test]
    fn what_is_needed_is_told() {
        let (id, key) = (Uuid::now_v7(), DataKey::generate());
        let token = seal(id, &key, id, &json!(1));
        let value = json!([{"a": format!("x{token}y")}, of_secret("B", "a2"), of_secret("B", "a2")]);
        let (keys, names) = needs([&value]);
        assert_eq!(
            (keys.into_iter().collect::<Vec<_>>(), names.into_iter().collect::<Vec<_>>()),
            (vec![id], vec!["B".to_owned()])
        );
    }
}
