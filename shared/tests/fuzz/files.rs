//! The files that people write.

use std::fmt::Display;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use shared::formats::{
    detect, golden_path, placeholder,
    problem::{MAX_PROBLEMS, Problem, Warning},
    provider, score, source, step_type, template, workflow, yaml,
};

use crate::{Finding, Target, corpus, ensure, fuzz};

/// Bytes of one message: what it quotes is cut, what it lists is short.
const MAX_MESSAGE: usize = 4096;
/// Bytes of a pointer: as many keys as may be inside each other, each cut.
const MAX_POINTER: usize = yaml::MAX_DEPTH * 66 * 4;
/// What readers may take for the smallest of files: mostly patterns, compiled when first used.
const ALLOWANCE: usize = 16 * 1024 * 1024;

const SCORE: &[&str] = &[
    "score.dev/v1b1",
    "apiVersion: ",
    "metadata:\n",
    "annotations: {a/b: c}",
    "containers:\n",
    "image: ",
    "command: [a]",
    "args: [b]",
    "variables: {A: \"${resources.db.host}\"}",
    "files: {/a: {content: \"$${x}\"}}",
    "files: [{target: /a, content: x}]",
    "noExpand: true",
    "volumes: {/data: {source: \"${resources.vol}\"}}",
    "before: {b: {ready: healthy}}",
    "resources:\n",
    "limits: {memory: 1Gi, cpu: 100m}",
    "livenessProbe: {httpGet: {path: /, port: 80}}",
    "readinessProbe: {exec: {command: [x]}}",
    "service: {ports: {www: {port: 80}}}",
    "protocol: UDP",
    "targetPort: 65536",
    "type: postgres",
    "class: large",
    "id: shared.one",
    "params: {a: \"${resources.db.b\\\\.c}\"}",
    "properties: {x: 1}",
    "env: {X: y}",
    "environment: {}",
    "workflows: []",
    "${metadata.name}",
    "${metadata.annotations.a\\.b}",
    "${secrets.TOKEN}",
    "${resources.db}",
    "binaryContent: aGk=",
    "mode: \"0644\"",
    "source: ./x",
];

const PROVIDER: &[&str] = &[
    "apiVersion: v1",
    "innominatus.io/v1",
    "slipway.dev/v1",
    "kind: Provider",
    "kind: Platform",
    "version: 1.2.3-rc.1+b",
    "compatibility: {minCoreVersion: 1.0.0}",
    "maxCoreVersion: 0.0.1",
    "capabilities:\n",
    "resourceTypes: [a, b]",
    "resourceTypeCapabilities:\n",
    "operations: {create: {workflow: w}}",
    "aliasFor: postgres",
    "workflows: [{name: a, tags: [default]}]",
    "default: w",
    "category: goldenpath",
    "category: provisioner",
    "operation: delete",
    "file: ../x.yaml",
    "provisioners: [{name: a, type: b}]",
    "goldenpaths: [{name: g, file: g.yaml}]",
    "tags: [x, x]",
    "configuration: {}",
    "read: {workflow: w}",
];

const WORKFLOW: &[&str] = &[
    "slipway.dev/v1",
    "innominatus.io/v1alpha1",
    "workflow.dev/v1",
    "orchestrator.innominatus.dev/v1",
    "apiVersion: ",
    "spec:\n",
    "kind: Workflow",
    "kind: PlatformWorkflow",
    "steps:\n",
    "finally: [{name: f, type: shell}]",
    "parameters: [{name: p, type: string, default: \"{{ .parameters.q }}\"}]",
    "type: number",
    "type: map",
    "type: duration",
    "type: enum",
    "enum: [a, b]",
    "pattern: ^(a+)+$",
    "pattern: (a{1000}){1000}",
    "min: 1",
    "max: 1e300",
    "required: true",
    "sensitive: true",
    "dependsOn: [a]",
    "dependsOn: a",
    "dependsOn: []",
    "parallel: true",
    "parallelGroup: 3",
    "when: on_failure",
    "when: manual",
    "if: \"${a.b} == c\"",
    "unless: a.success",
    "if: steps.a.output.b == 'c'",
    "if: size(parameters) > 0",
    "for_each: [1, 2]",
    "for_each: \"{{ .parameters.tags }}\"",
    "retry: {attempts: 3, backoff: 1s}",
    "timeout: 30d",
    "timeout: 1ms",
    "env: {A: \"$B\"}",
    "outputs: {x: {value: 1, sensitive: true}}",
    "outputs: [{name: x, value: 1}]",
    "outputs: {x: {value: {value: 1}}}",
    "outputFile: /workspace/o",
    "setVariables: {A: b}",
    "variables: {A: \"${B}\", B: \"${A}\"}",
    "{{ .parameters.p }}",
    "{{ .steps.a.output.b }}",
    "{{ if eq .parameters.p \"x\" }}",
    "{{ range }}",
    "{{ index .steps \"a\" }}",
    "${parameters.p}",
    "${a.output.b}",
    "${steps.a.b}",
    "$A",
    "type: workflow",
    "config: {script: x}",
    "operation: apply",
    "workingDir: .",
    "playbook: p.yaml",
    "namespace: n",
    "concurrency: {group: g}",
    "maxParallel: 64",
    "continueOnError: true",
    "egress: [a:443]",
    "secrets: [TOKEN]",
    "---\n",
];

const STEP_TYPE: &[&str] = &[
    "kind: StepType",
    "runs:\n",
    "image: x",
    "command: [a]",
    "network: egress",
    "network: internal",
    "writableRoot: true",
    "user: root",
    "schema: {type: object}",
    "$ref: '#'",
    "$ref: http://x/",
    "properties: {a: {pattern: \"(\"}}",
    "additionalProperties: false",
    "operations: [{name: a}]",
    "outputs: [{name: a, type: string}]",
    "files: [{path: a, content: b}]",
    "timeout: 1h",
    "workspace: none",
    "state: terraform",
    "allOf: []",
    "enum: []",
];

const SOURCES: &[&str] = &[
    "sources:\n",
    "name: a",
    "url: https://x/y.git",
    "url: ext::sh -c x",
    "url: file:///etc",
    "url: git@host:a/b",
    "url: https://u:p@x/",
    "url: \"--upload-pack=x\"",
    "ref: main",
    "ref: ../x",
    "ref: a..b",
    "ref: -x",
    "folder: ../..",
    "path: /etc",
    "every: 1m",
    "webhook_secret: x",
    "subfolder: a/b",
];

const GOLDEN_PATHS: &[&str] = &[
    "goldenpaths:\n",
    "workflow: ./w.yaml",
    "workflow: ../w.yaml",
    "description: x",
    "category: c",
    "tags: [a]",
    "estimated_duration: 5 min",
    "parameters: {a: {type: int, min: 1}}",
    "allowed_values: [a]",
    "pattern: \"[\"",
    "type: duration",
    "type: bool",
    "default: 1h",
    "required_params: [a]",
    "optional_params: {a: b}",
];

fn target(name: &'static str, words: &'static [&'static str], part: &str, check: fn(&str) -> Finding) -> Target {
    let shipped = if name == "score" { "examples" } else { "providers" };
    let seeds = corpus::seeds_with(name, shipped, part);
    Target {
        name,
        seeds,
        words,
        allowance: ALLOWANCE,
        check: Box::new(move |input| check(&String::from_utf8_lossy(input))),
    }
}

/// All that is said about a file: something, not too much, and where it is.
fn said(problems: &[Problem], text: &str) -> Finding {
    ensure(!problems.is_empty(), || "refused without a reason".to_owned())?;
    ensure(problems.len() <= MAX_PROBLEMS + 1, || format!("{} problems", problems.len()))?;
    // A line may also end in a carriage return alone; the end of the text counts as a line.
    let lines = text.split(['\n', '\r']).count() + 1;
    for problem in problems {
        let fits = problem.message.len() <= MAX_MESSAGE && problem.path.len() <= MAX_POINTER;
        ensure(fits && !problem.message.is_empty(), || format!("a problem that says too much or nothing: {problem}"))?;
        let there = problem.line.is_none_or(|line| (1..=lines).contains(&(line as usize)));
        ensure(there && problem.column != Some(0), || format!("a problem at a place that is not there: {problem}"))?;
    }
    Ok(false)
}

fn warned(warnings: &[Warning]) -> Result<(), String> {
    let fits = warnings.len() <= MAX_PROBLEMS && warnings.iter().all(|warning| warning.message.len() <= MAX_MESSAGE);
    ensure(fits, || format!("{} warnings, or one that says too much", warnings.len()))
}

/// What Postgres keeps of it, read again, is the same.
fn kept<T: Serialize + DeserializeOwned + PartialEq>(value: &T) -> Result<(), String> {
    let written = serde_json::to_string(value).map_err(|error| format!("cannot be written: {error}"))?;
    let again: T =
        serde_json::from_str(&written).map_err(|error| format!("cannot be read again: {error}\n{written}"))?;
    ensure(again == *value, || format!("is another when it is read again:\n{written}"))
}

fn listed<T: Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn any_yaml(text: &str) -> Finding {
    let _ = detect::detect(text);
    let (value, positions) = match yaml::parse(text) {
        Ok(read) => read,
        Err(problems) => return said(&problems, text),
    };
    let json = value.to_string();
    // JSON is YAML: what was read is read again from its JSON, as long as that is within the bounds.
    match yaml::parse(&json) {
        Ok((again, _)) => ensure(again == value, || format!("is another when it is read again:\n{json}"))?,
        Err(problems) => ensure(problems.iter().all(|problem| problem.code == "limit"), || listed(&problems))?,
    }
    ensure(positions.of("/nowhere/at/all").is_some() || value.is_null(), || "a value without a place".to_owned())?;
    ensure(template::names(&value).len() <= json.len(), || "more names than text".to_owned())?;
    Ok(true)
}

fn any_score(text: &str) -> Finding {
    let strict = score::parse(text, score::Mode::Strict);
    let compat = score::parse(text, score::Mode::Compat);
    let _ = score::embed(text, &mut |name| if name.len() % 2 == 0 { Ok(vec![b'x']) } else { Err("no".to_owned()) });
    if let Ok(strict) = &strict {
        let compat =
            compat.as_ref().map_err(|problems| format!("strict admits it, compat not: {}", listed(problems)))?;
        ensure(strict.score == compat.score, || "strict and compat read different things".to_owned())?;
    }
    if let Err(problems) = strict {
        said(&problems, text)?;
    }
    let parsed = match compat {
        Ok(parsed) => parsed,
        Err(problems) => return said(&problems, text),
    };
    warned(&parsed.warnings)?;
    kept(&parsed.score)?;
    placeholder::dependencies(&parsed.score).map_err(|problem| format!("admitted, and then: {problem}"))?;
    for name in parsed.score.resources.keys() {
        ensure(parsed.score.identity(name).is_some(), || format!("'{name}' has no identity"))?;
    }
    Ok(true)
}

fn any_provider(text: &str) -> Finding {
    let (manifest, warnings) = match provider::parse(text, Some("provider.yaml"), &provider::own_version()) {
        Ok(read) => read,
        Err(problems) => return said(&problems, text),
    };
    warned(&warnings)?;
    kept(&manifest)?;
    Ok(true)
}

/// Reads each workflow of a text, writes it in our own dialect, and reads that.
pub(crate) fn any_workflow(text: &str) -> Finding {
    let options =
        workflow::Options { file: Some("w.yaml"), step_types: Some(&step_type::BUILT_IN), ..Default::default() };
    let all = match workflow::parse_all(text, &options) {
        Ok(all) => all,
        Err(problems) => return said(&problems, text),
    };
    let mut read = false;
    for one in all {
        let (workflow, warnings) = match one.result {
            Ok(found) => found,
            Err(problems) => {
                said(&problems, text)?;
                continue;
            }
        };
        read = true;
        warned(&warnings)?;
        kept(&workflow)?;
        ensure((1..=workflow::MAX_STEPS).contains(&workflow.steps.len()), || {
            format!("{} steps", workflow.steps.len())
        })?;
        let written = workflow::to_yaml(&workflow).map_err(|error| format!("cannot be written: {error}"))?;
        match workflow::parse(&written, None) {
            Ok((again, _)) => {
                ensure(again == workflow, || format!("is another when it is read again:\n{written}"))?;
            }
            // What aliases repeat and what a short name stands for is written out.
            Err(problems) => {
                let bounded = problems.iter().all(|problem| problem.code == "limit");
                ensure(bounded, || format!("cannot be read again: {}\n{written}", listed(&problems)))?;
            }
        }
        let _ = workflow::Outline::of(one.dialect, &workflow);
    }
    Ok(read)
}

fn any_step_type(text: &str) -> Finding {
    match step_type::parse(text, None) {
        Ok(manifest) => kept(&manifest.step_type).map(|()| true),
        Err(problems) => said(&problems, text),
    }
}

fn any_sources(text: &str) -> Finding {
    let sources = match source::parse_list(text, None) {
        Ok(sources) => sources,
        Err(problems) => return said(&problems, text),
    };
    for source in &sources {
        kept(source)?;
        let again =
            source.clone().checked().map_err(|(key, message)| format!("read, and then refused: {key}: {message}"))?;
        ensure(again == *source, || format!("is another when it is checked again: {again:?}"))?;
    }
    Ok(true)
}

fn any_golden_paths(text: &str) -> Finding {
    match golden_path::parse(text, None) {
        Ok((_, warnings)) => warned(&warnings).map(|()| true),
        Err(problems) => said(&problems, text),
    }
}

/// Files of each dialect with this text as the condition of a step.
pub(crate) fn with_condition(text: &str) -> impl Iterator<Item = String> {
    let steps = json!([{"name": "build", "type": "shell", "setVariables": {"BRANCH": "main"}}, {"name": "deploy", "type": "shell", "if": text}]);
    let body = json!({"parameters": [{"name": "size", "type": "number", "default": 3}, {"name": "env", "type": "string", "default": "e"}], "steps": steps});
    workflow::Dialect::NAMED.into_iter().map(move |dialect| {
        let mut file = json!({"apiVersion": dialect.api_version(), "kind": "Workflow", "metadata": {"name": "w"}});
        if matches!(dialect, workflow::Dialect::Wrapped | workflow::Dialect::Orchestrator) {
            file["spec"] = body.clone();
        } else if let (Value::Object(file), Value::Object(body)) = (&mut file, body.clone()) {
            file.extend(body);
        }
        file.to_string()
    })
}

#[test]
fn any_text_is_read_as_yaml_or_refused() {
    fuzz(&target("yaml", WORKFLOW, "", any_yaml));
}

#[test]
fn any_text_is_read_as_a_score_file_or_refused() {
    fuzz(&target("score", SCORE, "", any_score));
}

#[test]
fn any_text_is_read_as_a_provider_or_refused() {
    fuzz(&target("provider", PROVIDER, "provider.yaml", any_provider));
}

#[test]
fn any_text_is_read_as_a_workflow_of_any_dialect_or_refused() {
    fuzz(&target("workflow", WORKFLOW, "/workflows/", any_workflow));
}

#[test]
fn any_text_is_read_as_a_step_type_or_refused() {
    fuzz(&target("step-type", STEP_TYPE, "/step-types/", any_step_type));
}

#[test]
fn any_text_is_read_as_a_list_of_sources_or_refused() {
    fuzz(&target("sources", SOURCES, "nothing is shipped", any_sources));
}

#[test]
fn any_text_is_read_as_golden_paths_or_refused() {
    fuzz(&target("golden-paths", GOLDEN_PATHS, "nothing is shipped", any_golden_paths));
}
