//! One step of a workflow file.

mod config;

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    super::{
        condition::{self, Named},
        cursor::{Cursor, Fields},
        duration,
        problem::{code, short},
    },
    Around, MAX_CONDITIONS,
    names::StepNames,
};
use crate::domain::plan::{Retry, When};

/// A step as its file says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// Unique in its workflow.
    pub name: String,
    /// The step type's name.
    #[serde(rename = "type")]
    pub kind: String,
    /// `config`, and what older files write beside it.
    pub config: Map<String, Value>,
    /// Complete: includes what order in the file implies.
    pub depends_on: Vec<String>,
    /// Environment.
    pub env: BTreeMap<String, String>,
    /// How often and when it is tried again.
    pub retry: Retry,
    /// Seconds one attempt may take.
    pub timeout_s: Option<u32>,
    /// Secrets of the provider it is given.
    pub secrets: Vec<String>,
    /// Outputs to mask.
    pub sensitive: Vec<String>,
    /// Names of addresses it may reach.
    pub egress: Vec<String>,
    /// What must have become of the steps before it.
    pub when: When,
    /// `if` and `unless`, as one CEL expression.
    pub condition: Option<String>,
    /// A list, or a template that gives one.
    pub for_each: Option<Value>,
    /// Whether the run goes on when it fails.
    pub continue_on_error: bool,
    /// Whether it runs at the end, whatever became of the others.
    pub finally: bool,
    /// A file below the workspace that holds outputs.
    pub output_file: Option<String>,
    /// Outputs made of what its container gave back.
    pub outputs: BTreeMap<String, Value>,
    /// Values for the steps after it.
    pub set_variables: BTreeMap<String, Value>,
    /// Services that it uses; none: all of the workflow, unless it lists addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub services: Option<Vec<String>>,
}

/// A step, and what it says about its place among the others.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) step: Step,
    pub(super) parallel: bool,
    /// Steps of one group run at once.
    pub(super) group: Option<String>,
    pub(super) depends_on: Option<Vec<String>>,
    /// What its conditions name, by key.
    pub(super) conditions: Vec<(&'static str, Named)>,
}

/// Keys of a step, beside those of its configuration.
pub(super) const KNOWN: [&str; 29] = [
    "name",
    "type",
    "description",
    "config",
    "when",
    "if",
    "unless",
    "dependsOn",
    "parallel",
    "parallelGroup",
    "timeout",
    "env",
    "retry",
    "secrets",
    "sensitive",
    "egress",
    "for_each",
    "forEach",
    "continueOnError",
    "continue_on_error",
    "finally",
    "outputs",
    "outputFile",
    "setVariables",
    "approval",
    "workflow",
    "provider",
    "inputs",
    "parameters",
];
/// Those that the older dialects do not have: there they are the step type's.
pub(super) const OWN: [&str; 1] = ["services"];
/// The most elements that a loop's list may have.
const MAX_ELEMENTS: usize = 500;

static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$")
        .expect("the pattern is a constant that the tests compile")
});

/// Reads one step; `finally`: it stands in the list of that name.
pub(super) fn read(at: &Cursor<'_>, around: &Around<'_>, finally: bool) -> Option<Read> {
    let fields = at.open_fields()?;
    config::report_unknown(&fields, around.dialect);
    let name = fields.need("name").and_then(|at| {
        at.matching(&NAME, "a step's name: 1 to 63 letters, digits, '-' and '_', none at the ends but '_'")
    });
    let approval = fields.get("approval");
    let kind = match (fields.get("type"), &approval) {
        (None, Some(_)) => Some("approval"),
        _ => fields.need("type").and_then(|at| at.text()),
    };
    if let (Some(kind), Some(at)) = (kind, fields.get("type")) {
        step_type(&at, kind, around.step_types);
    }
    let list = |key: &str| fields.get(key).map(|at| at.strings()).unwrap_or_default();
    let flag = |keys: [&str; 2]| keys.into_iter().find_map(|key| fields.get(key)).and_then(|at| at.boolean());
    let finally = finally || flag(["finally", "finally"]).unwrap_or(false);
    let env = fields.get("env").map(|at| environment(&at)).unwrap_or_default();
    let names = StepNames { file: around.names, parameters: around.parameters, env: &env };
    let (mut condition, mut conditions) = (None, Vec::new());
    for key in ["if", "unless"] {
        let Some((cel, named)) = fields.get(key).and_then(|at| self::condition(&at, around, &names)) else { continue };
        conditions.push((key, named));
        let part = if key == "if" { cel } else { format!("!({cel})") };
        condition = Some(match condition {
            None => part,
            Some(before) => format!("({before}) && {part}"),
        });
    }
    let outputs = fields.get("outputs");
    let named_only = outputs.as_ref().is_some_and(|at| at.value.is_array());
    let map = |at: Option<Cursor<'_>>| -> BTreeMap<String, Value> {
        let entries = at.map(|at| at.entries()).unwrap_or_default();
        entries.into_iter().map(|(name, at)| (name.to_owned(), at.value.clone())).collect()
    };
    if let Some(at) = outputs.as_ref().filter(|_| named_only) {
        // Names without values only say what the step gives, which is known when it has given it.
        at.strings();
    }
    let kind = kind.unwrap_or_default();
    let step = Step {
        config: config::read(&fields, kind, approval.as_ref(), around.dialect),
        depends_on: Vec::new(),
        retry: fields.get("retry").map(|at| retry(&at)).unwrap_or_default(),
        timeout_s: fields.get("timeout").filter(|at| !unset(at, around)).and_then(|at| super::seconds(&at)),
        secrets: list("secrets"),
        sensitive: list("sensitive"),
        egress: list("egress"),
        when: fields.get("when").and_then(|at| when(&at)).unwrap_or(if finally {
            When::Always
        } else {
            When::OnSuccess
        }),
        condition,
        for_each: fields.get("for_each").or_else(|| fields.get("forEach")).and_then(|at| for_each(&at)),
        continue_on_error: flag(["continueOnError", "continue_on_error"]).unwrap_or(false),
        finally,
        output_file: fields.get("outputFile").and_then(|at| output_file(&at, around)),
        outputs: if named_only { BTreeMap::new() } else { map(outputs) },
        set_variables: map(fields.get("setVariables")),
        services: fields.get("services").filter(|_| !around.dialect.is_older()).map(|at| at.strings()),
        env,
        name: name?.to_owned(),
        kind: Some(kind).filter(|kind| !kind.is_empty())?.to_owned(),
    };
    let group = fields.get("parallelGroup").and_then(|at| group(&at));
    let parallel = fields.get("parallel").and_then(|at| at.boolean()).unwrap_or(false);
    let depends_on = fields.get("dependsOn").map(|at| match at.value {
        Value::String(name) => vec![name.clone()],
        _ => at.strings(),
    });
    Some(Read { step, parallel: parallel || group.is_some(), group, depends_on, conditions })
}

fn step_type(at: &Cursor<'_>, kind: &str, known: &[&str]) {
    if !known.contains(&kind) && at.mistyped(kind, known) {
        let hint = at.suggest(kind, known.iter().copied());
        at.report(code::UNKNOWN_NAME, format!("there is no step type '{}'{hint}", short(kind)));
    }
}

/// A number that an older file writes for "not given".
fn unset(at: &Cursor<'_>, around: &Around<'_>) -> bool {
    around.dialect.is_older() && at.value.as_i64() == Some(0)
}

fn when(at: &Cursor<'_>) -> Option<When> {
    Some(match at.choice(&["on_success", "always", "on_failure", "manual", "success", "failure"])? {
        "always" => When::Always,
        "on_failure" | "failure" => When::OnFailure,
        "manual" => When::Manual,
        _ => When::OnSuccess,
    })
}

fn group(at: &Cursor<'_>) -> Option<String> {
    match at.value {
        Value::String(name) if !name.is_empty() => Some(name.clone()),
        Value::Number(number) => (number.as_i64() != Some(0)).then(|| number.to_string()),
        _ => {
            at.report(code::WRONG_TYPE, "expected a number or a name");
            None
        }
    }
}

fn for_each(at: &Cursor<'_>) -> Option<Value> {
    match at.value {
        Value::String(text) if text.contains("{{") => {}
        Value::Array(items) if items.len() <= MAX_ELEMENTS => {}
        Value::Array(_) => at.report(code::LIMIT, format!("a loop has at most {MAX_ELEMENTS} elements")),
        _ => at.report(code::WRONG_TYPE, "expected a list, or a template that gives one"),
    }
    Some(at.value.clone())
}

/// A condition as CEL, and what it names. One with a reference or a template in it is in the older form, in any dialect.
fn condition(at: &Cursor<'_>, around: &Around<'_>, names: &StepNames<'_>) -> Option<(String, Named)> {
    let text = match at.value {
        Value::Bool(value) => value.to_string(),
        _ => at.string()?.to_owned(),
    };
    let left = around.conditions.get().checked_sub(text.len());
    around.conditions.set(left.unwrap_or(0));
    if left.is_none() {
        at.report(code::LIMIT, format!("the conditions of a workflow have at most {MAX_CONDITIONS} bytes in all"));
        return None;
    }
    let older = around.dialect.is_older() || text.contains("{{") || text.contains("${");
    let cel = if older {
        match condition::translate(&text, names) {
            Ok(translated) => {
                translated.warnings.iter().for_each(|warning| at.warn(warning));
                translated.cel
            }
            Err(mistake) => {
                at.report_within(code::INVALID_VALUE, mistake.column, &mistake.message);
                return None;
            }
        }
    } else {
        text.trim().to_owned()
    };
    match condition::check(&cel) {
        Ok(named) => Some((cel, named)),
        Err(mistake) => {
            let lead = text.chars().take_while(|c| c.is_whitespace()).count();
            let column = if older { 1 } else { mistake.column + u32::try_from(lead).unwrap_or(0) };
            at.report_within(code::INVALID_VALUE, column, &mistake.message);
            None
        }
    }
}

/// A path below the workspace. What is elsewhere in a container is gone when it has ended.
fn output_file(at: &Cursor<'_>, around: &Around<'_>) -> Option<String> {
    let text = at.text()?;
    let below = text.strip_prefix("/workspace/").unwrap_or(text);
    if below.split('/').any(|part| part == "..") {
        at.report(code::INVALID_VALUE, "expected a path below the workspace, without '..'");
    } else if below.starts_with('/') {
        let message = "only files below /workspace outlive their step; write the outputs to one, or to $SLIPWAY_OUTPUT";
        if around.dialect.is_older() {
            at.warn(message);
        } else {
            at.report(code::INVALID_VALUE, message);
        }
    }
    Some(text.to_owned())
}

pub(super) fn environment(at: &Cursor<'_>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (name, at) in at.entries() {
        let text = match at.value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => at.value.to_string(),
            Value::Null => String::new(),
            _ => {
                at.report(code::WRONG_TYPE, "expected a string");
                continue;
            }
        };
        if name.is_empty() || name.contains(['=', '\0']) {
            at.report(code::INVALID_VALUE, "a variable's name may not be empty or hold '='");
        }
        found.insert(name.to_owned(), text);
    }
    found
}

fn retry(at: &Cursor<'_>) -> Retry {
    let mut retry = Retry::default();
    if at.value.is_number() {
        retry.attempts = attempts(at).unwrap_or(1);
        return retry;
    }
    let Some(fields) = at.fields(&["attempts", "backoff", "maxBackoff", "exitCodes"]) else { return retry };
    if let Some(given) = fields.get("attempts").and_then(|at| attempts(&at)) {
        retry.attempts = given;
    }
    for (key, target) in [("backoff", &mut retry.backoff_s), ("maxBackoff", &mut retry.max_backoff_s)] {
        if let Some(at) = fields.get(key) {
            match duration::seconds(at.value).filter(|seconds| *seconds <= 86_400.0) {
                Some(seconds) => *target = seconds,
                None => at.report(code::INVALID_VALUE, "expected a time of at most 1d, like '5s'"),
            }
        }
    }
    if let Some(at) = fields.get("exitCodes") {
        retry.exit_codes = at.items().iter().filter_map(|at| at.integer(1, 255)).collect();
    }
    retry
}

fn attempts(at: &Cursor<'_>) -> Option<u16> {
    at.integer(1, 100).and_then(|n| u16::try_from(n).ok())
}

/// The keys of a step that are its configuration.
fn is_config(fields: &Fields<'_>, key: &str) -> bool {
    config::FOLDED.contains(&key)
        || (key == "description" && fields.get("type").is_some_and(|at| at.value == "gitea-repo"))
}
