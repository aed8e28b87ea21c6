//! The JSON Schemas in `docs/schemas`, which editors use, say what the readers do.

use std::{fs, path::Path};

use jsonschema::Validator;
use serde_json::Value;

use super::{provider, workflow, yaml};

const WORKFLOW: &str = include_str!("../../../docs/schemas/workflow.schema.json");
const PROVIDER: &str = include_str!("../../../docs/schemas/provider.schema.json");

fn validator(text: &str) -> Validator {
    let schema: Value = serde_json::from_str(text).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

fn value(text: &str) -> Value {
    yaml::parse(text).unwrap().0
}

fn assert_agree(schema: &Validator, text: &str, read: bool) {
    let value = value(text);
    let errors: Vec<String> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
    assert_eq!(errors.is_empty(), read, "the schema says {errors:?} to\n{text}");
}

fn workflow_with(step: &str, top: &str) -> String {
    format!("apiVersion: slipway.dev/v1\nkind: Workflow\nmetadata: {{name: w}}\n{top}steps:\n  - {{name: a, {step}}}\n")
}

#[test]
fn the_schema_of_workflows_takes_what_the_reader_takes() {
    let schema = validator(WORKFLOW);
    let steps = [
        "type: t",
        "type: t, config: {x: [1, null]}, env: {A: 1, B: true, C: x}, when: always, timeout: 1h30m",
        "type: t, if: 'true', unless: false, dependsOn: [], parallel: true, parallelGroup: 1, retry: 3",
        "type: t, retry: {attempts: 2, backoff: 0.5, maxBackoff: 1m, exitCodes: [1]}, secrets: [a], egress: ['x:1']",
        "type: t, for_each: [1, 2], continueOnError: true, outputs: {x: '{{ .output.y }}'}, sensitive: [x]",
        "type: t, for_each: '{{ .parameters.l }}', outputs: [x], outputFile: out.json, setVariables: {V: 1}",
        "approval: {message: ok}",
        "type: workflow, workflow: p/w, inputs: {a: 1}",
        "type: workflow, config: {workflow: w}",
        "type: terraform, operation: plan, workingDir: ./m, variables: {a: 1}",
        "type: t, finally: true, timeout: 30",
        "type: t, services: [], egress: ['x:1']",
    ];
    let tops = [
        "parameters: [{name: l, type: list, default: [], min: 0}]\n",
        "parameters: [{name: l, type: list}, {name: d, type: duration, default: 2h, max: 1d}, {name: e, type: enum, enum: [a]}]\nvariables: {x: 1}\n",
        "parameters: {l: {type: list, sensitive: true, description: x, example: [1]}}\ntimeout: 1h\nmaxParallel: 3\nconcurrency: g\n",
        "parameters: [{name: l, type: list}]\nconcurrency: {group: g}\noutputs: {a: 1, b: {value: x, sensitive: true}}\nfinally: [{name: z, type: t}]\n",
        "parameters: [{name: l, type: list}]\noutputs: [{name: a, value: 1, sensitive: false}]\n",
        "parameters: [{name: l, type: list}]\nservices: [{name: db, image: x, command: [y, 1], args: [z], env: {A: 1}, secrets: [s], tmpfs: {/data: 1Gi}, memory: 64, cpu: 500m, ready: {tcp: 5432, interval: 1s}}]\n",
        "parameters: [{name: l, type: list}]\nservices: [{name: db, description: d, image: x, command: [y], ready: {command: [ask], timeout: 1m}}, {name: mq, image: x, command: [y]}]\n",
    ];
    for top in tops {
        for step in steps {
            let text = workflow_with(step, top);
            workflow::parse(&text, None).unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"));
            assert_agree(&schema, &text, true);
        }
    }
}

#[test]
fn the_schema_of_workflows_refuses_what_the_reader_refuses_of_the_shape() {
    let schema = validator(WORKFLOW);
    let steps = [
        "config: {}",
        "type: ''",
        "type: t, dependOn: [b]",
        "type: t, when: sometimes",
        "type: t, timeout: soon",
        "type: t, retry: {attempts: 0}",
        "type: t, retry: 101",
        "type: t, retry: {exitCodes: [0]}",
        "type: t, parallel: maybe",
        "type: t, env: {A: [1]}",
        "type: t, env: {'A=B': x}",
        "type: t, config: x",
        "type: t, if: 3",
        "type: t, for_each: 3",
        "type: t, for_each: plain",
        "type: t, outputFile: /etc/passwd",
        "type: t, outputFile: ../x",
        "type: t, approval: {}",
        "type: t, workflow: w",
        "type: workflow",
        "type: t, secrets: x",
        "type: t, outputs: [1]",
    ];
    let tops = [
        "apiVersoin: x\n",
        "parameters: [{type: string}]\n",
        "parameters: [{name: x, type: strng}]\n",
        "parameters: [{name: x, colour: red}]\n",
        "parameters: [{name: x, type: enum}]\n",
        "maxParallel: 0\n",
        "timeout: never\n",
        "concurrency: {grup: x}\n",
        "outputs: [{name: a}]\n",
        "finally: {}\n",
        "variables: [1]\n",
        "services: {}\n",
        "services: [{name: db, image: x}]\n",
        "services: [{name: DB, image: x, command: [y]}]\n",
        "services: [{name: db, image: x, command: []}]\n",
        "services: [{name: db, image: x, command: [y], user: root}]\n",
        "services: [{name: db, image: x, command: [y], tmpfs: {/proc: 1}}]\n",
        "services: [{name: db, image: x, command: [y], ready: {}}]\n",
        "services: [{name: db, image: x, command: [y], ready: {tcp: 1, command: [z]}}]\n",
        "services: [{name: db, image: x, command: [y], ready: {tcp: 0}}]\n",
    ];
    let texts =
        steps.iter().map(|step| workflow_with(step, "")).chain(tops.iter().map(|top| workflow_with("type: t", top)));
    let more = [
        "apiVersion: slipway.dev/v2\nmetadata: {name: w}\nsteps: [{name: a, type: t}]\n",
        "apiVersion: slipway.dev/v1\nsteps: [{name: a, type: t}]\n",
        "apiVersion: slipway.dev/v1\nmetadata: {}\nsteps: [{name: a, type: t}]\n",
        "apiVersion: slipway.dev/v1\nmetadata: {name: w}\nsteps: []\n",
        "apiVersion: slipway.dev/v1\nmetadata: {name: w}\n",
        "apiVersion: slipway.dev/v1\nmetadata: {name: w}\nsteps: [{name: -a, type: t}]\n",
    ];
    for text in texts.chain(more.map(str::to_owned)) {
        assert!(workflow::parse(&text, None).is_err(), "{text}");
        assert_agree(&schema, &text, false);
    }
}

#[test]
fn the_schemas_take_the_providers_that_ship() {
    let (workflows, manifests) = (validator(WORKFLOW), validator(PROVIDER));
    let mut seen = 0;
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("../providers")];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let in_workflows = path.parent().is_some_and(|parent| parent.ends_with("workflows"));
            let is_manifest = path.ends_with("provider.yaml");
            if in_workflows || is_manifest {
                let text = fs::read_to_string(&path).unwrap();
                assert_agree(if is_manifest { &manifests } else { &workflows }, &text, true);
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "{seen} files");
}

#[test]
fn the_schema_of_manifests_agrees_with_the_reader() {
    let schema = validator(PROVIDER);
    let base = |version: &str, rest: &str| {
        format!("apiVersion: {version}\nkind: Provider\nmetadata: {{name: p, version: 1.0.0}}\n{rest}")
    };
    let w = "workflows: [{name: make, file: w.yaml, version: 1.0, tags: [a]}, {name: go, file: g.yaml, category: goldenpath}]\n";
    let taken = [
        base("v1", ""),
        base("slipway.dev/v1", w),
        base("v1", &format!("capabilities: {{resourceTypes: [db]}}\n{w}")),
        base(
            "innominatus.io/v1",
            &format!(
                "capabilities:\n  resourceTypeCapabilities:\n    - {{type: db, operations: {{create: {{workflow: make}}, delete: {{workflows: [{{name: make, tags: [x]}}], default: make}}}}}}\n    - {{type: sql, aliasFor: db}}\n{w}"
            ),
        ),
        base("v1", "compatibility: {minCoreVersion: 1.0.0-rc.1, maxCoreVersion: '2.0', coreVersion: '>=1, <3'}\n"),
        base("v1", "provisioners: [{name: x, type: y, version: 1.0.0, author: me}]\nconfiguration: {a: 1}\n")
            .replace("Provider", "Platform"),
        base("v1", "somethingElse: 1\n"),
        base("v1", "").replace("version: 1.0.0", "version: v1.2"),
    ];
    for text in &taken {
        provider::parse(text, None, &semver::Version::new(1, 0, 0))
            .unwrap_or_else(|found| panic!("{text}\n{found:#?}"));
        assert_agree(&schema, text, true);
    }
    let refused = [
        base("v2", ""),
        base("v1", "").replace("Provider", "Thing"),
        base("v1", "").replace("name: p, ", ""),
        base("v1", "").replace("version: 1.0.0", "version: new"),
        base("slipway.dev/v1", "somethingElse: 1\n"),
        base("v1", "workflows: [{name: make}]\n"),
        base("v1", "workflows: [{name: make, file: w.yaml, category: other}]\n"),
        base("v1", "workflows: [{name: make, file: w.yaml, category: goldenpath, operation: create}]\n"),
        base("v1", "workflows: [{name: make, file: w.yaml, fiel: x}]\n"),
        base("v1", &format!("capabilities: {{resourceTypeCapabilities: [{{type: db}}]}}\n{w}")),
        base(
            "v1",
            &format!(
                "capabilities: {{resourceTypeCapabilities: [{{type: db, operations: {{remove: {{workflow: make}}}}}}]}}\n{w}"
            ),
        ),
        base(
            "v1",
            &format!("capabilities: {{resourceTypeCapabilities: [{{type: db, operations: {{create: {{}}}}}}]}}\n{w}"),
        ),
        base("v1", "compatibility: {minVersion: 1.0.0}\n"),
    ];
    for text in &refused {
        assert!(provider::parse(text, None, &semver::Version::new(1, 0, 0)).is_err(), "{text}");
        assert_agree(&schema, text, false);
    }
}
