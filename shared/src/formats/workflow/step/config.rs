//! `config` of a step, and what files write beside it.

use serde_json::{Map, Value, json};

use super::{
    super::{
        super::{
            cursor::{Cursor, Fields},
            problem::{code, pointer, short},
        },
        dialect::Dialect,
    },
    KNOWN, OWN, is_config,
};

/// What older files write beside `config`.
pub(super) const FOLDED: [&str; 37] = [
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
    "outputDir",
    "workspace",
    "private",
    "manifestPath",
    "gitBranch",
    "waitForSync",
];
/// Keys of a step that calls another workflow.
const CALL: [&str; 4] = ["workflow", "provider", "inputs", "parameters"];

pub(super) fn report_unknown(fields: &Fields<'_>, dialect: Dialect) {
    let own: &[&str] = if dialect.is_older() { &[] } else { &OWN };
    let known: Vec<&str> = KNOWN.iter().chain(&FOLDED).chain(own).copied().collect();
    for key in fields.keys().filter(|key| !known.contains(key)) {
        let Some(at) = fields.given(key) else { continue };
        if dialect.is_older() && !fields.at.mistyped(key, &known) {
            at.warn(format!("'{}' is no key of a step; it is handed on in 'config'", short(key)));
        } else {
            fields.at.unknown_key(key, &known);
        }
    }
}

pub(super) fn read(
    fields: &Fields<'_>,
    kind: &str,
    approval: Option<&Cursor<'_>>,
    dialect: Dialect,
) -> Map<String, Value> {
    let mut config = fields.get("config").and_then(|at| at.map().cloned()).unwrap_or_default();
    let mut fold = |key: &str, name: &str| {
        let Some(at) = fields.get(key) else { return };
        if config.contains_key(name) {
            at.report(code::CONFLICT, format!("'{key}' is also given in 'config'"));
        }
        config.insert(name.to_owned(), at.value.clone());
    };
    for key in fields.keys() {
        if is_config(fields, key) || (dialect.is_older() && !KNOWN.contains(&key)) {
            fold(key, key);
        }
    }
    for key in CALL {
        // Steps of another type may take a parameter of that name.
        let name = if key == "parameters" && kind == "workflow" { "inputs" } else { key };
        if kind == "workflow" || dialect.is_older() {
            fold(key, name);
        } else if let Some(at) = fields.get(key) {
            at.report(
                code::UNKNOWN_KEY,
                format!("'{key}' is for steps of type 'workflow'; others take it in 'config'"),
            );
        }
    }
    if kind == "workflow" {
        split_provider(&mut config, fields);
    }
    if let Some(at) = approval {
        if kind == "approval" {
            for (key, at) in at.entries() {
                if config.contains_key(key) {
                    at.report(code::CONFLICT, format!("'{key}' is also given in 'config'"));
                }
                config.insert(key.to_owned(), at.value.clone());
            }
        } else {
            at.report(code::CONFLICT, "'approval' is a step of its own; put it before this one");
        }
    }
    config
}

/// `team/name` is the workflow `name` of the provider `team`.
fn split_provider(config: &mut Map<String, Value>, fields: &Fields<'_>) {
    let named = config.get("workflow").and_then(Value::as_str).map(str::to_owned);
    let Some(named) = named else {
        if !config.contains_key("workflow") {
            fields.at.report(code::MISSING_KEY, "'workflow' is missing: the name of the workflow to run");
        }
        return;
    };
    if let Some((provider, workflow)) = named.split_once('/')
        && !named.contains("{{")
    {
        if config.contains_key("provider") {
            let path = pointer(&fields.at.path, "workflow");
            fields.at.report(
                code::CONFLICT,
                format!("the provider is named twice: in 'workflow' and in 'provider' ({path})"),
            );
        }
        config.insert("provider".to_owned(), json!(provider));
        config.insert("workflow".to_owned(), json!(workflow));
    }
}
