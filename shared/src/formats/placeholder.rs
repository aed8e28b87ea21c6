//! `${metadata.x}`, `${resources.db.host}` and `${secrets.NAME}` in a Score file.
//!
//! `$$` is a dollar sign, `\.` a dot inside a key. A string that is exactly one placeholder becomes what it names,
//! type and all; inside a longer string, what is no string is written as JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    graph,
    problem::{Problem, code, did_you_mean, nearest, pointer, short},
    score::Score,
};
use crate::secrets::token;

/// What a placeholder names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    /// `${metadata.…}`: keys into the workload's metadata.
    Metadata(Vec<String>),
    /// `${resources.NAME.…}`: an output of a resource.
    Resource {
        /// The resource's name in its file.
        name: String,
        /// Keys into its outputs; empty: all of them.
        path: Vec<String>,
    },
    /// `${secrets.NAME}`: a secret of the application, or else of its team.
    Secret(String),
}

/// A placeholder that could not be filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum Unresolved {
    /// The resource has no such output (yet).
    #[error("the resource '{resource}' has no output '{output}' (needed at {path})")]
    Output {
        /// The resource's name.
        resource: String,
        /// The output's keys, joined by dots.
        output: String,
        /// JSON pointer to the string that needs it.
        path: String,
    },
    /// The metadata has no such key.
    #[error("the metadata has no '{key}' (needed at {path})")]
    Metadata {
        /// The keys, joined by dots.
        key: String,
        /// JSON pointer to the string that needs it.
        path: String,
    },
    /// Neither the application nor its team has such a secret.
    #[error("there is no secret '{name}' (needed at {path}): `slipway secret set {name}` stores one")]
    Secret {
        /// The secret's name.
        name: String,
        /// JSON pointer to the string that needs it.
        path: String,
    },
    /// No placeholder at all.
    #[error("{0}")]
    Malformed(String),
}

enum Part {
    Text(String),
    Named(Reference),
}

/// Everything that the placeholders in the strings of `value` name, in order, each once.
///
/// # Errors
/// A placeholder that is not well-formed or has another root; its path is relative to `value`.
pub fn references(value: &Value) -> Result<Vec<Reference>, Problem> {
    let mut found: Vec<Reference> = Vec::new();
    visit(value, "", &mut |_, text| {
        for part in split(text)? {
            if let Part::Named(reference) = part
                && !found.contains(&reference)
            {
                found.push(reference);
            }
        }
        Ok(())
    })?;
    Ok(found)
}

/// A copy of `value` with every placeholder filled by what `fill` gives.
///
/// # Errors
/// The first placeholder for which `fill` gives nothing, or that is not well-formed.
pub fn resolve(value: &Value, fill: &dyn Fn(&Reference) -> Option<Value>) -> Result<Value, Unresolved> {
    resolve_at(value, "", fill)
}

/// The value under `keys`: each a key of a mapping or an index of a list. The whole for no keys.
#[must_use]
pub fn lookup<'a>(value: &'a Value, keys: &[String]) -> Option<&'a Value> {
    keys.iter().try_fold(value, |value, key| match value {
        Value::Object(map) => map.get(key),
        Value::Array(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
        _ => None,
    })
}

/// Which resources of a workload each of its resources needs first.
///
/// # Errors
/// A placeholder that is not well-formed, names an unknown resource, or is part of a circle; the message of a circle
/// prints it: `a -> b -> a`.
pub fn dependencies(score: &Score) -> Result<BTreeMap<String, BTreeSet<String>>, Problem> {
    let (edges, problems) = edges(score);
    problems.into_iter().next().map_or(Ok(edges), Err)
}

/// What names what, and all that is wrong with the names.
fn edges(score: &Score) -> (BTreeMap<String, BTreeSet<String>>, Vec<Problem>) {
    let (mut edges, mut problems) = (BTreeMap::new(), Vec::new());
    for (name, resource) in &score.resources {
        let path = pointer(&pointer("/resources", name), "params");
        let mut needs = BTreeSet::new();
        problems.extend(each(&Value::Object(resource.params.clone()), &path, &mut |path, reference| {
            check_one(score, path, reference)?;
            if let Reference::Resource { name, .. } = reference {
                needs.insert(name.clone());
            }
            Ok(())
        }));
        edges.insert(name.clone(), needs);
    }
    if let Some(circle) = graph::find_cycle(&edges) {
        let path = pointer(&pointer("/resources", &circle[0]), "params");
        let message = format!("resources need each other in a circle: {}", circle.join(" -> "));
        problems.push(Problem::new(code::CYCLE, message).at(path));
    }
    (edges, problems)
}

/// All that is wrong with the placeholders of a workload, those of its containers too.
#[must_use]
pub fn check(score: &Score) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut look = |value: &Value, path: &str| {
        problems.extend(each(value, path, &mut |path, reference| check_one(score, path, reference)));
    };
    for (name, container) in &score.containers {
        let base = pointer("/containers", name);
        for (key, text) in &container.variables {
            look(&Value::String(text.clone()), &pointer(&pointer(&base, "variables"), key));
        }
        for (target, volume) in &container.volumes {
            let path = pointer(&pointer(&pointer(&base, "volumes"), target), "source");
            look(&Value::String(volume.source.clone()), &path);
        }
        for (target, file) in &container.files {
            let path = pointer(&pointer(&base, "files"), target);
            if let Some(source) = &file.source {
                look(&Value::String(source.clone()), &pointer(&path, "source"));
            }
            if let (Some(content), false) = (&file.content, file.no_expand.unwrap_or(false)) {
                look(&Value::String(content.clone()), &pointer(&path, "content"));
            }
        }
    }
    problems.extend(edges(score).1);
    problems
}

fn check_one(score: &Score, path: &str, reference: &Reference) -> Result<(), Problem> {
    match reference {
        Reference::Resource { name, .. } if !score.resources.contains_key(name) => {
            let hint = did_you_mean(&nearest(name, score.resources.keys().map(String::as_str)));
            let message = format!("there is no resource '{}'{hint}", short(name));
            Err(Problem::new(code::UNKNOWN_NAME, message).at(path))
        }
        // What secrets there are is not in the file: whoever takes it looks.
        Reference::Resource { .. } | Reference::Secret(_) => Ok(()),
        Reference::Metadata(keys) => match metadata(score, keys) {
            Some(_) => Ok(()),
            None => {
                let message = format!("the metadata has no '{}'", short(&keys.join(".")));
                Err(Problem::new(code::UNKNOWN_NAME, message).at(path))
            }
        },
    }
}

/// What `${metadata.…}` names in a workload.
#[must_use]
pub fn metadata(score: &Score, keys: &[String]) -> Option<Value> {
    let metadata = serde_json::to_value(&score.metadata).ok()?;
    lookup(&metadata, keys).cloned()
}

/// Every secret that a value names, with the first place that does, as a JSON pointer. What is not well-formed names none.
#[must_use]
pub fn secrets(value: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    each(value, "", &mut |path, reference| {
        if let Reference::Secret(name) = reference {
            found.entry(name.clone()).or_insert_with(|| path.to_owned());
        }
        Ok(())
    });
    found
}

/// Hands every placeholder to `take`, with its path; gives back all that is wrong.
fn each(value: &Value, path: &str, take: &mut dyn FnMut(&str, &Reference) -> Result<(), Problem>) -> Vec<Problem> {
    let mut problems = Vec::new();
    let seen = visit(value, path, &mut |path, text| {
        match split(text) {
            Ok(parts) => {
                for part in parts {
                    if let Part::Named(reference) = part
                        && let Err(problem) = take(path, &reference)
                    {
                        problems.push(problem);
                    }
                }
            }
            Err(problem) => problems.push(problem.at(path)),
        }
        Ok(())
    });
    problems.extend(seen.err());
    problems
}

fn visit(value: &Value, path: &str, take: &mut dyn FnMut(&str, &str) -> Result<(), Problem>) -> Result<(), Problem> {
    match value {
        Value::String(text) if text.contains('$') => {
            take(path, text).map_err(|problem| if problem.path.is_empty() { problem.at(path) } else { problem })
        }
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(index, item)| visit(item, &format!("{path}/{index}"), take))
        }
        Value::Object(map) => map.iter().try_for_each(|(key, value)| visit(value, &pointer(path, key), take)),
        _ => Ok(()),
    }
}

fn resolve_at(value: &Value, path: &str, fill: &dyn Fn(&Reference) -> Option<Value>) -> Result<Value, Unresolved> {
    match value {
        Value::String(text) if text.contains('$') => resolve_text(text, path, fill),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| resolve_at(item, &format!("{path}/{index}"), fill))
            .collect::<Result<_, _>>()
            .map(Value::Array),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| Ok((key.clone(), resolve_at(value, &pointer(path, key), fill)?)))
            .collect::<Result<Map<_, _>, _>>()
            .map(Value::Object),
        other => Ok(other.clone()),
    }
}

fn resolve_text(text: &str, path: &str, fill: &dyn Fn(&Reference) -> Option<Value>) -> Result<Value, Unresolved> {
    let parts = split(text).map_err(|problem| Unresolved::Malformed(problem.at(path).to_string()))?;
    let take = |reference: &Reference| fill(reference).ok_or_else(|| unresolved(reference, path));
    if let [Part::Named(reference)] = parts.as_slice() {
        return take(reference);
    }
    let mut filled = String::with_capacity(text.len());
    for part in &parts {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Named(reference) => match take(reference)? {
                Value::String(text) => filled.push_str(&text),
                other => filled.push_str(&other.to_string()),
            },
        }
    }
    Ok(Value::String(filled))
}

fn unresolved(reference: &Reference, path: &str) -> Unresolved {
    let at = path.to_owned();
    match reference {
        Reference::Metadata(keys) => Unresolved::Metadata { key: keys.join("."), path: at },
        Reference::Resource { name, path } => {
            Unresolved::Output { resource: name.clone(), output: path.join("."), path: at }
        }
        Reference::Secret(name) => Unresolved::Secret { name: name.clone(), path: at },
    }
}

fn split(text: &str) -> Result<Vec<Part>, Problem> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            plain.push('$');
            rest = after;
        } else if let Some(inner) = rest.strip_prefix('{') {
            let Some(end) = inner.find('}') else {
                return Err(Problem::new(code::INVALID_VALUE, "a placeholder is not closed by '}'; '$$' writes a '$'"));
            };
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Named(named(&inner[..end])?));
            rest = &inner[end + 1..];
        } else {
            plain.push('$');
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() || parts.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(parts)
}

fn named(text: &str) -> Result<Reference, Problem> {
    let mut keys = vec![String::new()];
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if c == '.' {
            keys.push(String::new());
        } else if let Some(key) = keys.last_mut() {
            let escaped = c == '\\' && characters.peek() == Some(&'.');
            key.push(if escaped { characters.next().unwrap_or(c) } else { c });
        }
    }
    let wrong = |message: String| Err(Problem::new(code::INVALID_VALUE, message));
    if keys.iter().any(String::is_empty) {
        return wrong(format!("'${{{}}}' has an empty part", short(text)));
    }
    let mut keys = keys.into_iter();
    match (keys.next().as_deref(), keys.next()) {
        (Some("metadata"), Some(first)) => Ok(Reference::Metadata(std::iter::once(first).chain(keys).collect())),
        (Some("resources"), Some(name)) => Ok(Reference::Resource { name, path: keys.collect() }),
        (Some("secrets"), Some(name)) if token::is_name(&name) && keys.len() == 0 => Ok(Reference::Secret(name)),
        (Some("secrets"), Some(_)) => wrong(format!(
            "'${{{}}}' names no secret: the name is a letter, then letters, digits, '_' and '-', at most {} in all",
            short(text),
            token::MAX_NAME
        )),
        (Some("metadata" | "resources" | "secrets"), None) => {
            wrong(format!("'${{{}}}' names nothing in it", short(text)))
        }
        _ => wrong(format!(
            "'${{{}}}' begins with none of 'metadata', 'resources' and 'secrets'; '$$' writes a '$'",
            short(text)
        )),
    }
}

#[cfg(test)]
mod tests;
