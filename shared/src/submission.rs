//! From a Score file to a submission: what the api does with a request's body, and the scheduler with what a step asks for.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::{Map, Value};

use crate::{
    formats::{
        placeholder::{self, Reference},
        problem::{Problem, code, pointer},
        score::{self, Mode, Parsed, Score, ScoreResource},
    },
    store::submit::{Submission, Wanted},
};

/// Reads and checks a Score file, YAML or JSON. A megabyte of hostile YAML takes milliseconds: not on a thread that serves
/// others.
///
/// # Errors
/// All that is wrong with it, with line and column.
pub fn read(body: &[u8], mode: Mode, team: Option<String>, actor: String) -> Result<Submission, Vec<Problem>> {
    let (Parsed { score, warnings }, needs) = parse(body, mode)?;
    let resources = wanted(&score, &needs).map_err(|mistake| vec![mistake])?;
    let digest = score::digest(&score);
    // Strings, lists and maps with string keys only: what serde_json refuses cannot occur.
    let unwritable = |error: serde_json::Error| vec![Problem::new(code::SYNTAX, error.to_string())];
    Ok(Submission {
        warnings: serde_json::to_value(&warnings).map_err(unwritable)?,
        spec: serde_json::to_value(&score).map_err(unwritable)?,
        labels: Value::Object(labels(&score.metadata.rest)),
        name: score.metadata.name,
        team,
        digest,
        resources,
        actor,
        ..Submission::default()
    })
}

type Needs = BTreeMap<String, BTreeSet<String>>;

fn parse(body: &[u8], mode: Mode) -> Result<(Parsed, Needs), Vec<Problem>> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let (line, column) = place(&body[..error.valid_up_to()]);
        let mut mistake = Problem::new(code::SYNTAX, "the body is not UTF-8 text from here on");
        (mistake.line, mistake.column) = (Some(line), Some(column));
        vec![mistake]
    })?;
    let parsed = score::parse(text, mode)?;
    let needs = placeholder::dependencies(&parsed.score).map_err(|mistake| vec![mistake])?;
    Ok((parsed, needs))
}

/// Line and column after these bytes, from 1.
fn place(before: &[u8]) -> (u32, u32) {
    let lines = before.iter().filter(|&&byte| byte == b'\n').count();
    let last = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let column = String::from_utf8_lossy(&before[last..]).chars().count();
    (
        u32::try_from(lines).unwrap_or(u32::MAX).saturating_add(1),
        u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1),
    )
}

/// `metadata.labels`, as far as they are strings; Score leaves metadata open.
fn labels(metadata: &Map<String, Value>) -> Map<String, Value> {
    let labels = metadata.get("labels").and_then(Value::as_object);
    labels
        .into_iter()
        .flatten()
        .filter(|(_, value)| value.is_string())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn wanted(score: &Score, needs: &Needs) -> Result<BTreeMap<String, Wanted>, Problem> {
    let mut by_name: BTreeMap<String, Wanted> = BTreeMap::new();
    let mut by_identity: BTreeMap<String, String> = BTreeMap::new();
    for (name, asked) in &score.resources {
        let Some(identity) = score.identity(name) else { continue };
        let wanted = one(score, asked, identity, needs.get(name).cloned().unwrap_or_default());
        if let Some(other) = by_identity.insert(wanted.identity.clone(), name.clone())
            && by_name.get(&other).is_some_and(|first| *first != wanted)
        {
            let message = format!(
                "'{other}' and '{name}' are the same shared resource {} and must ask for the same",
                wanted.identity
            );
            return Err(Problem::new(code::CONFLICT, message).at(pointer("/resources", name)));
        }
        by_name.insert(name.clone(), wanted);
    }
    circle(&by_name)?;
    Ok(by_name)
}

fn one(score: &Score, asked: &ScoreResource, identity: String, depends_on: BTreeSet<String>) -> Wanted {
    let params = Value::Object(asked.params.clone());
    let names_metadata = Cell::new(false);
    // Only asked what it names; what it becomes is the scheduler's business.
    let _ = placeholder::resolve(&params, &|placeholder| {
        names_metadata.set(names_metadata.get() | matches!(placeholder, Reference::Metadata(_)));
        Some(Value::Null)
    });
    let mut all_labels = labels(&score.metadata.rest);
    all_labels.extend(labels(&asked.metadata));
    Wanted {
        kind: asked.kind.clone(),
        class: asked.class.clone(),
        identity,
        shared: asked.id.is_some(),
        params,
        annotations: asked.annotations.iter().map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect(),
        labels: Value::Object(all_labels),
        depends_on,
        names_metadata: names_metadata.get(),
        ..Wanted::default()
    }
}

/// Two names of one shared resource can make a circle that the names alone do not show.
fn circle(by_name: &BTreeMap<String, Wanted>) -> Result<(), Problem> {
    let identity = |name: &String| by_name.get(name).map(|wanted| wanted.identity.as_str());
    let mut left: BTreeMap<&str, BTreeSet<&str>> = by_name
        .values()
        .map(|wanted| (wanted.identity.as_str(), wanted.depends_on.iter().filter_map(identity).collect()))
        .collect();
    loop {
        let free: BTreeSet<&str> =
            left.iter().filter(|(_, needs)| needs.is_empty()).map(|(identity, _)| *identity).collect();
        if free.is_empty() {
            break;
        }
        left.retain(|identity, _| !free.contains(identity));
        left.values_mut().for_each(|needs| needs.retain(|identity| !free.contains(identity)));
    }
    if left.is_empty() {
        return Ok(());
    }
    let message = format!(
        "shared resources need each other in a circle: {}",
        left.keys().copied().collect::<Vec<_>>().join(", ")
    );
    Err(Problem::new(code::CYCLE, message).at("/resources"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_bad_byte_is_counted_in_characters() {
        assert_eq!(place(b"a: b\nc: \xc3\xa9x"), (2, 6));
        assert_eq!(place(b""), (1, 1));
    }
}
