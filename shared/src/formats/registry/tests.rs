use std::{collections::BTreeMap, fs, path::Path};

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::{domain::run::Operation, formats::problem::code};

const STEP_TYPE: &str = "apiVersion: slipway.dev/v1\nkind: StepType\nmetadata: {name: shell, version: 1.0.0}\nimage: slipway/shell:1\ncommand: [/bin/sh]\nconfig: {type: object, required: [script], additionalProperties: false, properties: {script: {type: string}, path: {type: string}}}\n";

fn write(root: &Path, files: &[(&str, &str)]) {
    for (name, content) in files {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

fn workflow(name: &str, step: &str) -> String {
    format!("apiVersion: slipway.dev/v1\nmetadata: {{name: {name}}}\nsteps:\n  - {{name: work, {step}}}\n")
}

fn manifest(name: &str, rest: &str) -> String {
    format!("apiVersion: v1\nkind: Provider\nmetadata: {{name: {name}, version: 1.0.0}}\n{rest}")
}

const SHELL: &str = "type: shell, config: {script: ls}";

/// A provider with the workflow `make`, that serves what `capabilities` says.
fn provider(root: &Path, name: &str, capabilities: &str) {
    let rest = format!("capabilities: {capabilities}\nworkflows: [{{name: make, file: ./w/make.yaml}}]\n");
    write(&root.join(name), &[("provider.yaml", &manifest(name, &rest)), ("w/make.yaml", &workflow("make", SHELL))]);
}

fn core(root: &Path) {
    write(&root.join("core"), &[("provider.yaml", &manifest("core", "")), ("step-types/shell.yaml", STEP_TYPE)]);
}

fn load(root: &TempDir) -> Result<Registry, String> {
    load_with(root, &BTreeMap::new())
}

fn load_with(root: &TempDir, settings: &BTreeMap<String, Settings>) -> Result<Registry, String> {
    let base = root.path().display().to_string();
    Registry::load(&[root.path().to_owned()], settings).map_err(|problems| {
        problems.iter().map(|problem| problem.to_string().replace(&base, "")).collect::<Vec<_>>().join("\n")
    })
}

#[test]
fn a_listed_type_is_created_by_the_providers_workflow() {
    let root = TempDir::new().unwrap();
    core(root.path());
    provider(root.path(), "boxes", "{resourceTypes: [box, crate]}");
    let registry = load(&root).unwrap();
    let planned = registry.plan("crate", Operation::Create, &[]).unwrap();
    assert_eq!((planned.provider.as_str(), planned.workflow.as_str()), ("boxes", "make"));
    assert_eq!(planned.plan.steps[0].step_type.image, "slipway/shell:1");
    let error = registry.plan("box", Operation::Delete, &[]).unwrap_err();
    assert_eq!(error.to_string(), "the provider boxes@1.0.0 has no workflow to delete a 'box'");
    let error = registry.plan("crte", Operation::Create, &[]).unwrap_err();
    assert_eq!(error.to_string(), "no provider serves the resource type 'crte'; did you mean 'crate'?");
    assert_eq!(
        registry.plan("zebra", Operation::Create, &[]).unwrap_err().to_string(),
        "no provider serves the resource type 'zebra'"
    );
}

#[test]
fn among_workflows_that_tags_do_not_tell_apart_one_that_can_run_here_is_taken() {
    let root = TempDir::new().unwrap();
    core(root.path());
    let rest = "capabilities:\n  resourceTypeCapabilities:\n    - type: db\n      operations:\n        create: {workflows: [{name: near}, {name: far}, {name: other, tags: [o]}]}\nworkflows: [{name: near, file: near.yaml}, {name: far, file: w.yaml}, {name: other, file: near.yaml}]\n";
    let near = workflow("near", &format!("{SHELL}, secrets: [key]"));
    let files = [("provider.yaml", &manifest("db", rest)), ("w.yaml", &workflow("any", SHELL)), ("near.yaml", &near)];
    write(&root.path().join("db"), &files.map(|(name, text)| (name, text.as_str())));
    let secrets = BTreeSet::from(["key".to_owned()]);
    let with_key = BTreeMap::from([("db".to_owned(), Settings { secrets, ..Settings::default() })]);
    let chosen = |settings: &BTreeMap<String, Settings>, tags: &[String]| {
        load_with(&root, settings).unwrap().plan("db", Operation::Create, tags).map(|planned| planned.workflow)
    };
    assert_eq!(chosen(&BTreeMap::new(), &[]).unwrap(), "far");
    assert_eq!(chosen(&with_key, &[]).unwrap(), "near");
    // Tags have the last word.
    let error = chosen(&BTreeMap::new(), &["o".to_owned()]).unwrap_err().to_string();
    assert!(error.contains("needs the secret 'key'"), "{error}");
}

#[test]
fn among_several_workflows_tags_decide_then_the_default_then_the_first() {
    let root = TempDir::new().unwrap();
    core(root.path());
    let rest = "capabilities:\n  resourceTypes: [db]\n  resourceTypeCapabilities:\n    - type: db\n      operations:\n        create: {workflows: [{name: small, tags: [dev]}, {name: large, tags: [prod, ha]}, {name: plain}], default: plain}\n        delete: {workflows: [{name: small, tags: [dev]}, {name: large}]}\n    - {type: database, aliasFor: db}\n    - {type: rdbms, aliasFor: database}\nworkflows: [{name: small, file: w.yaml}, {name: large, file: w.yaml}, {name: plain, file: w.yaml}]\n";
    write(&root.path().join("db"), &[("provider.yaml", &manifest("db", rest)), ("w.yaml", &workflow("any", SHELL))]);
    let registry = load(&root).unwrap();
    let chosen = |kind: &str, operation, tags: &[&str]| {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        registry.plan(kind, operation, &tags).unwrap().workflow
    };
    assert_eq!(chosen("rdbms", Operation::Create, &["prod", "ha", "dev"]), "large");
    assert_eq!(chosen("db", Operation::Create, &["dev"]), "small");
    assert_eq!(chosen("db", Operation::Create, &["unknown"]), "plain");
    assert_eq!(chosen("database", Operation::Delete, &[]), "small");
}

#[test]
fn providers_that_contradict_each_other_are_refused_by_name() {
    let root = TempDir::new().unwrap();
    core(root.path());
    write(
        &root.path().join("other"),
        &[("provider.yaml", &manifest("other", "")), ("step-types/shell.yaml", STEP_TYPE)],
    );
    provider(root.path(), "one", "{resourceTypes: [box], resourceTypeCapabilities: [{type: kiste, aliasFor: boks}]}");
    provider(root.path(), "two", "{resourceTypes: [box]}");
    provider(root.path(), "loop", "{resourceTypeCapabilities: [{type: aa, aliasFor: bb}, {type: bb, aliasFor: aa}]}");
    write(
        &root.path().join("twin"),
        &[("provider.yaml", &manifest("two", "")), ("step-types/x.yaml", &STEP_TYPE.replace("name: shell", "name: x"))],
    );
    insta::assert_snapshot!(load(&root).unwrap_err());
}

#[test]
fn more_providers_than_a_set_may_hold_are_refused_as_a_whole_before_any_is_read() {
    let root = TempDir::new().unwrap();
    let place = |name: &str, providers: usize| {
        let dir = root.path().join(name);
        for number in 0..providers {
            fs::create_dir_all(dir.join(format!("p{number}"))).unwrap();
        }
        Origin::from(dir)
    };
    let mut origins = vec![place("full", 100); load::MAX_VERSIONS / 100];
    let problems = Registry::load_from(&origins, &BTreeMap::new()).unwrap_err();
    // As many as there may be: each was looked at, and lacks its file.
    assert_eq!((problems.len(), problems[0].code), (load::MAX_VERSIONS, code::FILE));
    origins.push(place("last", 1));
    let problems = Registry::load_from(&origins, &BTreeMap::new()).unwrap_err();
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["5001 providers in all folders and sources, each version counted; at most 5000 are loaded"]);
    assert_eq!(problems[0].code, code::LIMIT);
}

#[test]
fn what_is_wrong_with_any_file_is_told_with_its_place() {
    let root = TempDir::new().unwrap();
    core(root.path());
    write(&root.path().join("empty"), &[("provider.yaml", &manifest("empty", ""))]);
    write(&root.path().join("nothing"), &[("notes.txt", "hello")]);
    let rest = "compatibility: {minCoreVersion: 9.0.0}\ncapabilities:\n  resourceTypeCapabilities:\n    - {type: db, operations: {create: {workflow: mkae}, remove: {}}}\nworkflows:\n  - {name: make, file: ../core/step-types/shell.yaml}\n  - {name: lost, file: lost.yaml}\n";
    write(&root.path().join("bad"), &[("provider.yaml", &manifest("bad", rest))]);
    let rest = "workflows:\n  - {name: escape, file: ../core/step-types/shell.yaml}\n  - {name: link, file: link.yaml}\n  - {name: lost, file: lost.yaml}\n  - {name: wrong, file: wrong.yaml}\n";
    write(&root.path().join("paths"), &[("provider.yaml", &manifest("paths", rest)), ("wrong.yaml", "steps: []\n")]);
    std::os::unix::fs::symlink("/etc/hostname", root.path().join("paths/link.yaml")).unwrap();
    insta::assert_snapshot!(load(&root).unwrap_err());
}

#[test]
fn a_workflow_that_cannot_run_here_is_kept_with_the_reason() {
    let root = TempDir::new().unwrap();
    core(root.path());
    let rest = "workflows:\n  - {name: other, file: other.yaml, category: goldenpath}\n  - {name: needy, file: needy.yaml}\n  - {name: keys, file: keys.yaml}\n";
    write(
        &root.path().join("p"),
        &[
            ("provider.yaml", &manifest("p", rest)),
            ("other.yaml", &workflow("other", "type: shel")),
            ("needy.yaml", &workflow("needy", "type: shell, secrets: [token], egress: [api], config: {script: ls}")),
            ("keys.yaml", &workflow("keys", "type: shell, config: {scrpt: '{{ .settings.x }}', path: 3}")),
        ],
    );
    let registry = load(&root).unwrap();
    let reasons: Vec<String> = ["other", "needy", "keys"]
        .iter()
        .map(|name| registry.workflow("p", name).unwrap().unavailable.clone().unwrap())
        .collect();
    insta::assert_snapshot!(reasons.join("\n"));
}

#[test]
fn settings_reach_the_plan_and_change_the_digest() {
    let root = TempDir::new().unwrap();
    core(root.path());
    provider(root.path(), "boxes", "{resourceTypes: [box]}");
    let given = json!({"host": "h"}).as_object().cloned().unwrap();
    let settings = BTreeMap::from([("boxes".to_owned(), Settings { settings: given, ..Settings::default() })]);
    let (with, without) = (load_with(&root, &settings).unwrap(), load(&root).unwrap());
    assert_eq!(with.plan("box", Operation::Create, &[]).unwrap().plan.settings["host"], "h");
    let digest = |registry: &Registry| registry.records().iter().find(|record| record.name == "boxes").unwrap().digest;
    assert_ne!(digest(&with), digest(&without));
    assert_eq!(digest(&with), digest(&load_with(&root, &settings).unwrap()));
}

#[test]
fn a_provider_can_be_planned_from_its_stored_record() {
    let root = TempDir::new().unwrap();
    core(root.path());
    provider(root.path(), "boxes", "{resourceTypes: [box]}");
    let registry = load(&root).unwrap();
    let stored = serde_json::to_value(registry.records()).unwrap();
    let records: Vec<ProviderRecord> = serde_json::from_value(stored).unwrap();
    assert_eq!(records, registry.records());
    let again = Registry::from_records(records);
    assert_eq!(again.plan("box", Operation::Create, &[]), registry.plan("box", Operation::Create, &[]));
}

#[test]
fn the_files_for_steps_are_one_archive_that_only_their_content_changes() {
    let root = TempDir::new().unwrap();
    core(root.path());
    provider(root.path(), "boxes", "{resourceTypes: [box]}");
    let boxes = root.path().join("boxes");
    let step = "type: shell, config: {script: ls, path: ./modules/box}";
    write(
        &boxes,
        &[
            ("w/make.yaml", &workflow("make", step)),
            ("modules/box/main.tf", "# one"),
            ("images/x/Dockerfile", "FROM x"),
            (".git/HEAD", "x"),
        ],
    );
    let bundle =
        |registry: &Registry| registry.bundles().map(|(digest, content)| (*digest, content.clone())).next().unwrap();
    let registry = load(&root).unwrap();
    let (digest, content) = bundle(&registry);
    let planned = registry.plan("box", Operation::Create, &[]).unwrap();
    assert_eq!(planned.plan.steps[0].bundle.as_ref().unwrap().digest, hex::encode(digest));
    assert_eq!(planned.plan.steps[0].config["path"], "./modules/box");
    let mut archive = tar::Archive::new(content.as_ref());
    let names: Vec<String> =
        archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect();
    assert_eq!(names, ["modules/", "modules/box/", "modules/box/main.tf", "w/", "w/make.yaml"]);
    fs::remove_file(boxes.join("modules/box/main.tf")).unwrap();
    write(&boxes, &[("modules/box/main.tf", "# one")]);
    assert_eq!(bundle(&load(&root).unwrap()).0, digest);
    write(&boxes, &[("modules/box/main.tf", "# two")]);
    assert_ne!(bundle(&load(&root).unwrap()).0, digest);
}

#[test]
fn files_for_steps_are_bounded_and_hold_no_links() {
    let root = TempDir::new().unwrap();
    core(root.path());
    provider(root.path(), "boxes", "{resourceTypes: [box]}");
    let boxes = root.path().join("boxes");
    write(
        &boxes,
        &[
            ("w/make.yaml", &workflow("make", "type: shell, config: {script: bash $SLIPWAY_BUNDLE/x.sh}")),
            ("x.sh", "ls"),
        ],
    );
    std::os::unix::fs::symlink("/etc", boxes.join("link")).unwrap();
    assert_eq!(
        load(&root).unwrap_err(),
        "/boxes: the files for steps: 'link' is or goes through a link, which is not followed"
    );
    fs::remove_file(boxes.join("link")).unwrap();
    fs::write(boxes.join("big"), vec![0; 5 << 20]).unwrap();
    assert_eq!(load(&root).unwrap_err(), "/boxes: the files for steps: larger than 4194304 bytes with 'big'");
}

#[test]
fn a_report_tells_what_was_understood_and_what_is_needed() {
    let root = TempDir::new().unwrap();
    let rest = "capabilities: {resourceTypeCapabilities: [{type: db, operations: {create: {workflow: make}}}, {type: database, aliasFor: db}]}\nprovisioners: [{name: make, file: make.yaml}]\n";
    let step = "type: shell, secrets: [token], egress: [api]";
    write(root.path(), &[("provider.yaml", &manifest("db", rest)), ("make.yaml", &workflow("make", step))]);
    let report = validate_dir(root.path());
    assert!(report.is_valid());
    insta::assert_snapshot!(report.to_string());
    write(root.path(), &[("make.yaml", "apiVersion: slipway.dev/v1\nmetadata: {name: make}\nstep: []\n")]);
    let base = root.path().display().to_string();
    insta::assert_snapshot!(validate_dir(root.path()).to_string().replace(&base, ""));
}

#[test]
fn a_manifest_that_names_a_large_file_again_and_again_is_refused_and_not_read_for_long() {
    let root = TempDir::new().unwrap();
    core(root.path());
    let entries: Vec<String> = (0..40).map(|number| format!("{{name: w{number}, file: w.yaml}}")).collect();
    let large = format!("{}# {}\n", workflow("w", SHELL), "x".repeat(1_000_000));
    let manifest = manifest("p", &format!("workflows: [{}]\n", entries.join(", ")));
    write(&root.path().join("p"), &[("provider.yaml", &manifest), ("w.yaml", &large)]);
    let problems = load(&root).unwrap_err();
    assert!(
        problems.contains("'w.yaml' is not read: this provider's files have more than 16777216 bytes"),
        "{problems}"
    );
    assert_eq!(problems.lines().count(), 40 - 16);
}
