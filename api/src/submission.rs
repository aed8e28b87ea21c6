//! From the body of a request to a submission, and from a refusal to words that help.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use axum::{body::Bytes, http::StatusCode};
use serde_json::{Map, Value};
use shared::{
    formats::{
        placeholder::{self, Reference},
        problem::{Problem as Mistake, code, pointer},
        score::{self, Mode, Parsed, Score, ScoreResource},
    },
    store::submit::{Refusal, Submission, Wanted},
};

use crate::error::{InputError, Problem};

/// Characters a team's name may have.
const MAX_TEAM: usize = 63;

/// Reads and checks a Score file.
pub(crate) async fn read(
    body: Bytes,
    compat: bool,
    team: Option<String>,
    actor: String,
) -> Result<Submission, Problem> {
    if let Some(team) = &team
        && !(1..=MAX_TEAM).contains(&team.len())
            | team.chars().any(|c| !(c.is_ascii_alphanumeric() || "-_.".contains(c)))
    {
        return Err(Problem::bad_request("team: up to 63 letters, digits, `-`, `_` and `.`"));
    }
    // A megabyte of hostile YAML takes milliseconds, but not on a thread that serves others.
    let parsed =
        tokio::task::spawn_blocking(move || parse(&body, compat)).await.map_err(|error| Problem::internal(&error))?;
    let (parsed, needs) = parsed.map_err(invalid)?;
    let Parsed { score, warnings } = parsed;
    let resources = wanted(&score, &needs).map_err(|mistake| invalid(vec![mistake]))?;
    let warnings = serde_json::to_value(&warnings).map_err(|error| Problem::internal(&error))?;
    let spec = serde_json::to_value(&score).map_err(|error| Problem::internal(&error))?;
    let digest = score::digest(&score);
    Ok(Submission {
        labels: Value::Object(labels(&score.metadata.rest)),
        name: score.metadata.name,
        team,
        spec,
        digest,
        warnings,
        resources,
        actor,
    })
}

type Needs = BTreeMap<String, BTreeSet<String>>;

fn parse(body: &[u8], compat: bool) -> Result<(Parsed, Needs), Vec<Mistake>> {
    let text = std::str::from_utf8(body).map_err(|error| {
        let (line, column) = place(&body[..error.valid_up_to()]);
        let mut mistake = Mistake::new(code::SYNTAX, "the body is not UTF-8 text from here on");
        (mistake.line, mistake.column) = (Some(line), Some(column));
        vec![mistake]
    })?;
    let parsed = score::parse(text, if compat { Mode::Compat } else { Mode::Strict })?;
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

fn wanted(score: &Score, needs: &Needs) -> Result<BTreeMap<String, Wanted>, Mistake> {
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
            return Err(Mistake::new(code::CONFLICT, message).at(pointer("/resources", name)));
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
    }
}

/// Two names of one shared resource can make a circle that the names alone do not show.
fn circle(by_name: &BTreeMap<String, Wanted>) -> Result<(), Mistake> {
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
    Err(Mistake::new(code::CYCLE, message).at("/resources"))
}

fn invalid(mistakes: Vec<Mistake>) -> Problem {
    // What is no document at all is 400; a document that says something wrong is 422.
    let syntax = mistakes.iter().any(|mistake| [code::SYNTAX, code::LIMIT].contains(&mistake.code));
    let status = if syntax { StatusCode::BAD_REQUEST } else { StatusCode::UNPROCESSABLE_ENTITY };
    let detail = match mistakes.as_slice() {
        [one] => one.to_string(),
        several => format!(
            "{} mistakes; the first: {}",
            several.len(),
            several.first().map(ToString::to_string).unwrap_or_default()
        ),
    };
    Problem::new(status, "invalid-spec", detail).with_errors(mistakes.into_iter().map(InputError::from).collect())
}

/// Why a valid submission is not accepted, and what to do.
pub(crate) fn refused(application: &str, refusal: Refusal) -> Problem {
    let listed = |pairs: &[(String, String)]| {
        pairs.iter().map(|(name, identity)| format!("'{name}' ({identity})")).collect::<Vec<_>>().join(", ")
    };
    let names = |pairs: Vec<(String, String)>| pairs.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    match refusal {
        Refusal::Deleting => {
            let detail = format!("'{application}' is being deleted; submit it again when it is gone");
            Problem::conflict("being-deleted", detail)
        }
        Refusal::OtherTeam(team) => {
            let detail = format!("'{application}' belongs to team '{team}'; leave `team` out, or choose another name");
            Problem::conflict("other-team", detail).with("team", team)
        }
        Refusal::Changes { changed, removed } => {
            let mut parts = Vec::new();
            if !changed.is_empty() {
                parts.push(format!("changes {}", changed.join(", ")));
            }
            if !removed.is_empty() {
                parts.push(format!("removes {}", removed.join(", ")));
            }
            let detail = format!(
                "this submission {}; only adding resources is supported: keep them as they are (new names for new ones), \
                 or delete '{application}' and submit it again",
                parts.join(" and ")
            );
            Problem::conflict("changes-not-supported", detail).with("changed", changed).with("removed", removed)
        }
        Refusal::SharedConflict(conflicts) => {
            let detail = format!(
                "another application asked for {} differently; ask for the same, or use another id",
                listed(&conflicts)
            );
            Problem::conflict("shared-conflict", detail).with("resources", names(conflicts))
        }
        Refusal::Terminating(going) => {
            let detail = format!("{} is being removed; submit again when it is gone", listed(&going));
            Problem::conflict("being-deleted", detail).with("resources", names(going))
        }
    }
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
