//! One step of a workflow file.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::super::{
    cursor::{Cursor, Fields},
    duration,
    problem::code,
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
}

/// A step, and what it says about its place among the others.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) step: Step,
    pub(super) parallel: bool,
    pub(super) depends_on: Option<Vec<String>>,
}

const KNOWN: [&str; 12] = [
    "name",
    "type",
    "description",
    "config",
    "when",
    "dependsOn",
    "parallel",
    "timeout",
    "env",
    "retry",
    "secrets",
    "sensitive",
];
const EGRESS: &str = "egress";
/// What older files write beside `config`.
const FOLDED: [&str; 31] = [
    "operation",
    "workingDir",
    "path",
    "namespace",
    "resource",
    "playbook",
    "inventory",
    "repoName",
    "repo",
    "owner",
    "appName",
    "repoURL",
    "targetPath",
    "syncPolicy",
    "variables",
    "script",
    "image",
    "command",
    "args",
    "module",
    "modulePath",
    "manifest",
    "manifests",
    "branch",
    "commitMessage",
    "project",
    "chart",
    "release",
    "values",
    "url",
    "params",
];
const LATER: [&str; 13] = [
    "if",
    "unless",
    "for_each",
    "forEach",
    "matrix",
    "approval",
    "outputs",
    "outputFile",
    "setVariables",
    "parallelGroup",
    "continueOnError",
    "workflow",
    "delay",
];

static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$")
        .expect("the pattern is a constant that the tests compile")
});

pub(super) fn read(at: &Cursor<'_>) -> Option<Read> {
    let known: Vec<&str> = KNOWN.iter().chain(&[EGRESS]).chain(&FOLDED).copied().collect();
    let fields = super::known_fields(at, &known, &LATER)?;
    let name = fields.need("name").and_then(|at| {
        at.matching(&NAME, "a step's name: 1 to 63 letters, digits, '-' and '_', none at the ends but '_'")
    });
    let kind = fields.need("type").and_then(|at| at.text());
    if let Some(at) = fields.get("when")
        && at.string().is_some_and(|when| !matches!(when, "always" | "on_success"))
    {
        at.report(code::UNSUPPORTED, "not supported yet in this version: field 'when' other than 'on_success'");
    }
    let list = |key: &str| fields.get(key).map(|at| at.strings()).unwrap_or_default();
    let step = Step {
        config: config(&fields),
        depends_on: Vec::new(),
        env: fields.get("env").map(|at| environment(&at)).unwrap_or_default(),
        retry: fields.get("retry").map(|at| retry(&at)).unwrap_or_default(),
        timeout_s: fields.get("timeout").and_then(|at| super::seconds(&at)),
        secrets: list("secrets"),
        sensitive: list("sensitive"),
        egress: list(EGRESS),
        name: name?.to_owned(),
        kind: kind?.to_owned(),
        ..Step::default()
    };
    let parallel = fields.get("parallel").and_then(|at| at.boolean()).unwrap_or(false);
    let depends_on = fields.get("dependsOn").map(|at| match at.value {
        Value::String(name) => vec![name.clone()],
        _ => at.strings(),
    });
    Some(Read { step, parallel, depends_on })
}

fn config(fields: &Fields<'_>) -> Map<String, Value> {
    let mut config = fields.get("config").and_then(|at| at.map().cloned()).unwrap_or_default();
    for key in FOLDED {
        if let Some(at) = fields.get(key) {
            if config.contains_key(key) {
                at.report(code::CONFLICT, format!("'{key}' is also given in 'config'"));
            }
            config.insert(key.to_owned(), at.value.clone());
        }
    }
    config
}

fn environment(at: &Cursor<'_>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (name, at) in at.entries() {
        let text = match at.value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => at.value.to_string(),
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
