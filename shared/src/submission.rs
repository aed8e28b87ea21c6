//! From a Score file to a submission: what the api does with a request's body, and the scheduler with what a step asks for.

pub mod secrets;
pub mod workload;

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::{Map, Value};

use crate::{
    domain::resource::{PROTECTION, TAGS, TTL, WORKFLOW},
    formats::{
        duration,
        placeholder::{self, Reference},
        problem::{Problem, code, did_you_mean, nearest, pointer, short},
        registry::{PINS_ANNOTATION, parse_pins},
        score::{self, FileSource, Mode, Parsed, Score, ScoreResource},
        yaml::Positions,
    },
    store::submit::{Choices, Submission, Wanted},
};

/// Seconds that an application may be given to live, at most: a year and a day.
const LONGEST_TTL: f64 = 366.0 * 86_400.0;

/// Reads and checks a Score file, YAML or JSON. A megabyte of hostile YAML takes milliseconds: not on a thread that serves
/// others.
///
/// # Errors
/// All that is wrong with it, with line and column.
pub fn read(body: &[u8], mode: Mode, team: Option<String>, actor: String) -> Result<Submission, Vec<Problem>> {
    let (Parsed { score, warnings, sources }, needs) = parse(body, mode)?;
    let warnings = serde_json::to_value(&warnings).map_err(unwritable)?;
    of_score(score, &needs, &sources, warnings, team, actor)
}

/// What a generation asked for, once more.
///
/// # Errors
/// When it is not valid any more.
pub fn restore(
    spec: &Value,
    number: i32,
    warnings: Value,
    choices: Choices,
    actor: String,
) -> Result<Submission, Vec<Problem>> {
    let score: Score = serde_json::from_value(spec.clone()).map_err(unwritable)?;
    let needs = placeholder::dependencies(&score).map_err(|mistake| vec![mistake])?;
    let sources = score::sources(spec, &Positions::default());
    let mut submission = of_score(score, &needs, &sources, warnings, None, actor)?;
    submission.restores = Some(number);
    choose(&mut submission, choices).map_err(|mistake| vec![mistake])?;
    Ok(submission)
}

/// Adds what came beside the file to choose workflows by; a workflow goes before the annotation of its resource.
///
/// # Errors
/// When it names a resource that the file does not have.
pub fn choose(submission: &mut Submission, choices: Choices) -> Result<(), Problem> {
    for (name, workflow) in &choices.workflows {
        let containers = submission.workload.as_mut().filter(|it| it.name == *name).map(|it| &mut it.wanted);
        if let Some(wanted) = submission.resources.get_mut(name).or(containers) {
            wanted.workflow = Some(workflow.clone());
            continue;
        }
        let hint = did_you_mean(&nearest(name, submission.resources.keys().map(String::as_str)));
        let message = format!("a workflow is chosen for '{}', and there is no such resource{hint}", short(name));
        return Err(Problem::new(code::UNKNOWN_NAME, message).at("/resources"));
    }
    for wanted in submission.resources.values_mut().chain(submission.workload.iter_mut().map(|it| &mut it.wanted)) {
        wanted.tags =
            wanted.tags.drain(..).chain(choices.tags.iter().cloned()).collect::<BTreeSet<_>>().into_iter().collect();
    }
    submission.choices = choices;
    Ok(())
}

/// Reads a time to live, as `8h` or `30m`: seconds.
///
/// # Errors
/// What is wrong with it, in words for its author.
pub fn ttl(text: &str) -> Result<u32, String> {
    let seconds = duration::seconds(&Value::String(text.to_owned())).filter(|it| (1.0..=LONGEST_TTL).contains(it));
    // At least 1 and at most some tens of millions: it fits.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "its bounds were checked above")]
    seconds
        .map(|it| it.round() as u32)
        .ok_or_else(|| format!("'{}' is no time to live: from 1s to 366d, as 30m, 8h or 2d", short(text)))
}

/// Strings, lists and maps with string keys only: what serde_json refuses cannot occur.
fn unwritable(error: serde_json::Error) -> Vec<Problem> {
    vec![Problem::new(code::SYNTAX, error.to_string())]
}

fn of_score(
    score: Score,
    needs: &Needs,
    sources: &[FileSource],
    warnings: Value,
    team: Option<String>,
    actor: String,
) -> Result<Submission, Vec<Problem>> {
    let mistakes = annotations(&score);
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let resources = wanted(&score, needs).map_err(|mistake| vec![mistake])?;
    Ok(Submission {
        workload: workload::of_score(&score, sources),
        warnings,
        digest: score::digest(&score),
        spec: serde_json::to_value(&score).map_err(unwritable)?,
        labels: Value::Object(labels(&score.metadata.rest)),
        ttl_s: score.metadata.annotations.get(TTL).and_then(|text| ttl(text).ok()),
        name: score.metadata.name,
        team,
        resources,
        actor,
        ..Submission::default()
    })
}

/// What is wrong with the annotations that mean something to Slipway.
fn annotations(score: &Score) -> Vec<Problem> {
    let mut mistakes = Vec::new();
    let own = &score.metadata.annotations;
    let mut look = |path: &str, all: &BTreeMap<String, String>, key: &str, wrong: &dyn Fn(&str) -> Option<String>| {
        if let Some(message) = all.get(key).and_then(|text| wrong(text)) {
            let message = format!("the annotation '{key}': {message}");
            mistakes.push(Problem::new(code::INVALID_VALUE, message).at(pointer(path, key)));
        }
    };
    let truth = |text: &str| {
        (!matches!(text, "true" | "false")).then(|| format!("'{}' is neither 'true' nor 'false'", short(text)))
    };
    look("/metadata/annotations", own, TTL, &|text| ttl(text).err());
    look("/metadata/annotations", own, PROTECTION, &truth);
    look("/metadata/annotations", own, PINS_ANNOTATION, &|text| parse_pins(text).err());
    for (name, resource) in &score.resources {
        let path = pointer(&pointer("/resources", name), "metadata") + "/annotations";
        look(&path, &resource.annotations, PROTECTION, &truth);
        look(&path, &resource.annotations, WORKFLOW, &|text| text.trim().is_empty().then(|| "it is empty".to_owned()));
    }
    mistakes
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
    let mut all_labels = labels(&score.metadata.rest);
    all_labels.extend(labels(&asked.metadata));
    Wanted {
        kind: asked.kind.clone(),
        class: asked.class.clone(),
        identity,
        shared: asked.id.is_some(),
        names_metadata: names_metadata(&params),
        params,
        annotations: asked.annotations.iter().map(|(key, value)| (key.clone(), Value::String(value.clone()))).collect(),
        labels: Value::Object(all_labels),
        depends_on,
        tags: tags(asked.annotations.get(TAGS).map_or("", String::as_str)).into_iter().collect(),
        workflow: asked.annotations.get(WORKFLOW).map(|text| text.trim().to_owned()),
    }
}

fn names_metadata(params: &Value) -> bool {
    let found = Cell::new(false);
    // Only asked what it names; what it becomes is the scheduler's business.
    let _ = placeholder::resolve(params, &|placeholder| {
        found.set(found.get() | matches!(placeholder, Reference::Metadata(_) | Reference::Secret(_)));
        Some(Value::Null)
    });
    found.get()
}

/// Tags from a text that separates them by commas.
#[must_use]
pub fn tags(text: &str) -> BTreeSet<String> {
    text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
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

    const SPEC: &str = "apiVersion: score.dev/v1b1\nmetadata: { name: shop, annotations: { slipway.dev/ttl: 8h } }\n\
        containers: { main: { image: busybox } }\nresources:\n  db:\n    type: postgres\n    \
        metadata: { annotations: { slipway.dev/tags: 'fast, small', slipway.dev/workflow: fast-path } }\n  \
        reader: { type: reader, params: { database: '${resources.db.name}' } }\n";

    fn spec() -> Submission {
        read(SPEC.as_bytes(), Mode::Strict, None, "ada".into()).unwrap()
    }

    #[test]
    fn annotations_choose_a_workflow_and_a_time_to_live() {
        let submission = spec();
        assert_eq!(submission.ttl_s, Some(8 * 3600));
        assert_eq!(submission.resources["db"].tags, ["fast", "small"]);
        assert_eq!(submission.resources["db"].workflow.as_deref(), Some("fast-path"));
    }

    #[test]
    fn a_generation_brought_back_asks_for_the_same() {
        let submission = spec();
        let restored =
            restore(&submission.spec, 1, submission.warnings.clone(), Choices::default(), "bob".into()).unwrap();
        assert_eq!((restored.digest, &restored.resources), (submission.digest, &submission.resources));
        assert_eq!(restored.restores, Some(1));
    }

    #[test]
    fn what_comes_beside_the_file_goes_before_its_annotations() {
        let mut submission = spec();
        let choices = Choices {
            tags: BTreeSet::from(["eu".to_owned()]),
            workflows: BTreeMap::from([("db".to_owned(), "slow-path".to_owned())]),
        };
        choose(&mut submission, choices).unwrap();
        assert_eq!(submission.resources["db"].workflow.as_deref(), Some("slow-path"));
        assert_eq!(submission.resources["db"].tags, ["eu", "fast", "small"]);
        let wrong = Choices { workflows: BTreeMap::from([("bd".to_owned(), "x".to_owned())]), ..Choices::default() };
        assert!(choose(&mut submission, wrong).unwrap_err().message.contains("did you mean 'db'"));
    }

    #[test]
    fn an_annotation_that_cannot_be_read_is_refused_where_it_stands() {
        let text = SPEC.replace("8h", "soon");
        let mistakes = read(text.as_bytes(), Mode::Strict, None, "ada".into()).unwrap_err();
        assert_eq!(mistakes[0].path, "/metadata/annotations/slipway.dev~1ttl");
    }

    #[test]
    fn the_place_of_a_bad_byte_is_counted_in_characters() {
        assert_eq!(place(b"a: b\nc: \xc3\xa9x"), (2, 6));
        assert_eq!(place(b""), (1, 1));
    }
}
