//! Step type `policy`, in its Rego form.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    finding::Finding,
    place::{Place, text_of},
    rego::{Answer, Rego},
};

/// Names of rules whose members are objections.
const DENYING: [&str; 3] = ["deny", "violation", "denied"];
/// Modules in one folder.
const MOST_MODULES: usize = 200;

/// What a step is given.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Config {
    rego: Option<String>,
    script: Option<String>,
    path: Option<String>,
    query: Option<String>,
    input: Value,
    data: Option<Map<String, Value>>,
    rego_version: Option<String>,
    enforce: Option<bool>,
}

/// Asks the policy about the input.
///
/// # Errors
/// When the policy cannot be read, or does not say what decides.
pub(crate) fn decide(config: &Config, place: &Place) -> anyhow::Result<Finding> {
    let mut rego = Rego::new(config.rego_version.as_deref() == Some("v0"));
    let package = load(config, place, &mut rego)?;
    if let Some(data) = &config.data {
        rego.data(&Value::Object(data.clone()))?;
    }
    rego.input(&config.input)?;
    let (kept, messages, result) = match &config.query {
        Some(query) => by_query(query, &rego.query(query)?)?,
        None => by_rules(&package, &mut rego)?,
    };
    Ok(Finding { kept, messages, result, enforce: config.enforce.unwrap_or(true), printed: rego.printed() })
}

/// Loads the modules; gives the package of the first.
fn load(config: &Config, place: &Place, rego: &mut Rego) -> anyhow::Result<String> {
    if let Some(text) = config.rego.as_ref().or(config.script.as_ref().filter(|_| config.path.is_none())) {
        return rego.module("policy.rego", text);
    }
    let Some(name) = &config.path else { bail!("config needs 'rego' (the policy itself) or 'path' (its file)") };
    let path = place.find(name)?;
    if path.is_file() {
        return rego.module(name, &text_of(&path)?);
    }
    let files = modules(&path)?;
    let mut packages = Vec::new();
    for file in &files {
        let within = file.strip_prefix(&path).unwrap_or(file).display().to_string();
        packages.push(rego.module(&within, &text_of(file)?)?);
    }
    packages.sort_unstable();
    packages.dedup();
    match packages.as_slice() {
        [] => bail!("'{name}' holds no file that ends in .rego"),
        [package] => Ok(package.clone()),
        // Which of them decides is for the query to say.
        several => {
            ensure!(config.query.is_some(), "'{name}' holds the packages {}: set 'query'", several.join(", "));
            Ok(several[0].clone())
        }
    }
}

/// The policies in a folder, without their tests.
fn modules(folder: &Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".rego") && !name.ends_with("_test.rego") && path.is_file() {
            files.push(path);
        }
        ensure!(files.len() <= MOST_MODULES, "more than {MOST_MODULES} policies in one folder");
    }
    files.sort();
    Ok(files)
}

type Verdict = (bool, Vec<String>, Option<Value>);

/// By the rules that the package has: whatever denies must be empty, and `allow` must be true.
fn by_rules(package: &str, rego: &mut Rego) -> anyhow::Result<Verdict> {
    let mut messages = Vec::new();
    let mut known = false;
    for name in DENYING {
        match rego.rule(&format!("{package}.{name}"))? {
            Answer::NoRule => {}
            Answer::Undefined => known = true,
            Answer::Value(value) => {
                known = true;
                messages.extend(objections(name, &value));
            }
        }
    }
    let allow = format!("{package}.allow");
    match rego.rule(&allow)? {
        Answer::NoRule => ensure!(
            known,
            "{package} has none of the rules {} and allow: name what decides in 'query'",
            DENYING.join(", ")
        ),
        Answer::Value(Value::Bool(true)) => {}
        Answer::Undefined | Answer::Value(_) => {
            if messages.is_empty() {
                messages.push(format!("{allow} is not true"));
            }
        }
    }
    Ok((messages.is_empty(), messages, None))
}

fn by_query(query: &str, answer: &Answer) -> anyhow::Result<Verdict> {
    let last = query.rsplit(['.', '[', '"', ']']).find(|part| !part.is_empty()).unwrap_or(query);
    let denying = DENYING.contains(&last);
    let value = match answer {
        Answer::Value(value) => value,
        // A rule that denies and says nothing has no objection; anything else that says nothing has not allowed.
        Answer::NoRule | Answer::Undefined if denying => return Ok((true, Vec::new(), None)),
        Answer::NoRule | Answer::Undefined => return Ok((false, vec![format!("{query} is undefined")], None)),
    };
    let messages = match value {
        _ if denying => objections(last, value),
        Value::Bool(true) => Vec::new(),
        Value::Bool(false) => vec![format!("{query} is false")],
        Value::Object(rules) if rules.contains_key("allow") || DENYING.iter().any(|name| rules.contains_key(*name)) => {
            let denied = DENYING.iter().filter_map(|name| rules.get(*name).map(|value| objections(name, value)));
            let mut messages: Vec<String> = denied.flatten().collect();
            if messages.is_empty() && rules.get("allow").is_some_and(|allow| *allow != Value::Bool(true)) {
                messages.push(format!("{query}.allow is not true"));
            }
            messages
        }
        // A value that is neither yes nor no is for the steps that follow.
        _ => Vec::new(),
    };
    Ok((messages.is_empty(), messages, Some(value.clone())))
}

/// The objections in the value of a rule that denies.
fn objections(rule: &str, value: &Value) -> Vec<String> {
    match value {
        Value::Null | Value::Bool(false) => Vec::new(),
        Value::Bool(true) => vec![format!("{rule} is true")],
        Value::Array(items) => items.iter().map(message).collect(),
        Value::Object(items) => {
            items.iter().filter(|(_, said)| **said != Value::Bool(false)).map(|(key, _)| key.clone()).collect()
        }
        single => vec![message(single)],
    }
}

fn message(value: &Value) -> String {
    let said = ["msg", "message"].iter().find_map(|key| value.get(key)).unwrap_or(value);
    said.as_str().map_or_else(|| said.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    const DEPLOY: &str = r#"
package deploy

deny contains msg if {
    input.replicas > 3
    msg := sprintf("%d replicas are too many", [input.replicas])
}

deny contains {"msg": "no owner"} if not input.owner
"#;

    fn asked(config: Value) -> anyhow::Result<Finding> {
        let place = Place { bundle: "/nonexistent".into(), workspace: "/nonexistent".into() };
        decide(&serde_json::from_value(config).unwrap(), &place)
    }

    #[test]
    fn every_message_of_deny_is_told() {
        let finding = asked(json!({"rego": DEPLOY, "input": {"replicas": 5}})).unwrap();
        let mut messages = finding.messages.clone();
        messages.sort_unstable();
        assert_eq!(messages, ["5 replicas are too many", "no owner"]);
        assert!(!finding.kept);
        assert!(asked(json!({"script": DEPLOY, "input": {"replicas": 1, "owner": "a"}})).unwrap().kept);
    }

    #[test]
    fn allow_must_be_true_whether_it_has_a_default_or_not() {
        let with_default = "package a\ndefault allow := false\nallow if input.ok";
        let without = "package a\nallow if input.ok";
        for rego in [with_default, without] {
            assert!(asked(json!({"rego": rego, "input": {"ok": true}})).unwrap().kept);
            let denied = asked(json!({"rego": rego, "input": {}})).unwrap();
            assert_eq!(denied.messages, ["data.a.allow is not true"]);
        }
    }

    #[test]
    fn a_query_decides_by_what_it_asks_for() {
        let ask = |query: &str, input: Value| asked(json!({"rego": DEPLOY, "query": query, "input": input}));
        assert_eq!(ask("data.deploy.deny", json!({"replicas": 1})).unwrap().messages, ["no owner"]);
        assert!(ask("input.replicas < 3", json!({"replicas": 1})).unwrap().kept);
        assert_eq!(
            ask("input.replicas < 3", json!({"replicas": 4})).unwrap().messages,
            ["input.replicas < 3 is false"]
        );
        assert_eq!(ask("data.deploy.missing", json!({})).unwrap().messages, ["data.deploy.missing is undefined"]);
        let whole = ask("data.deploy", json!({"replicas": 1})).unwrap();
        assert_eq!(
            (whole.messages, whole.result),
            (vec!["no owner".to_owned()], Some(json!({"deny": [{"msg": "no owner"}]})))
        );
        let sum = ask("sum([1, input.replicas])", json!({"replicas": 4})).unwrap();
        assert_eq!((sum.kept, sum.result), (true, Some(json!(5))));
    }

    #[test]
    fn a_policy_that_stumbles_does_not_pass() {
        let rego = "package a\ndeny contains \"x\" if to_number(input.n) > 3";
        assert!(asked(json!({"rego": rego, "input": {"n": "many"}})).is_err());
        assert!(asked(json!({"rego": "package a\nx := 1"})).unwrap_err().to_string().contains("query"));
        assert!(asked(json!({"rego": "pakcage a"})).unwrap_err().to_string().contains("1:1"));
        assert!(asked(json!({})).unwrap_err().to_string().contains("'rego'"));
    }

    #[test]
    fn an_older_policy_is_read_when_it_says_so() {
        let rego = "package a\ndeny[msg] { input.bad; msg := \"bad\" }";
        let config = json!({"rego": rego, "regoVersion": "v0", "input": {"bad": true}, "enforce": false});
        let finding = asked(config).unwrap();
        assert_eq!((finding.messages, finding.enforce), (vec!["bad".to_owned()], false));
    }

    #[test]
    fn a_folder_of_policies_is_one_policy() {
        let folder = tempfile::tempdir().unwrap();
        let rules = folder.path().join("policies");
        std::fs::create_dir(&rules).unwrap();
        std::fs::write(rules.join("a.rego"), "package p\ndeny contains \"a\" if limit < input.n").unwrap();
        std::fs::write(rules.join("b.rego"), "package p\nlimit := data.limits.n").unwrap();
        std::fs::write(rules.join("a_test.rego"), "package other").unwrap();
        let place = Place { bundle: folder.path().into(), workspace: "/nonexistent".into() };
        let config = json!({"path": "policies", "input": {"n": 5}, "data": {"limits": {"n": 3}}});
        let finding = decide(&serde_json::from_value(config.clone()).unwrap(), &place).unwrap();
        assert_eq!(finding.messages, ["a"]);
        std::fs::write(rules.join("c.rego"), "package q").unwrap();
        let error = decide(&serde_json::from_value(config).unwrap(), &place).unwrap_err();
        assert!(error.to_string().contains("data.p, data.q"), "{error}");
    }
}
