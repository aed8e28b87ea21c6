//! Every dialect is read, and what was read is written and read again without a difference.

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

fn one(text: &str) -> (Workflow, Vec<String>) {
    let options = Options { file: Some("sample.yaml"), ..Options::default() };
    let (workflow, warnings) = parse_one(text, &options).unwrap_or_else(|problems| panic!("{text}\n{problems:#?}"));
    assert_stable(&workflow);
    (workflow, warnings.iter().map(ToString::to_string).collect())
}

fn assert_stable(workflow: &Workflow) {
    let written = to_yaml(workflow).unwrap();
    let (again, warnings) = parse(&written, None).unwrap_or_else(|problems| panic!("{written}\n{problems:#?}"));
    assert_eq!(&again, workflow, "{written}");
    assert!(warnings.is_empty(), "{written}\n{warnings:?}");
    assert_eq!(to_yaml(&again).unwrap(), written);
}

fn refusal(text: &str) -> String {
    let problems = parse(text, Some("w.yaml")).unwrap_err();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// As other systems' files are: wrapped, `${…}`, variables, nested workflows, keys beside `config`, open metadata.
const WRAPPED: &str = r#"
apiVersion: workflow.dev/v1
kind: ProductWorkflow
metadata: {name: open-shop, description: Opens a shop, owner: shop-team, phase: deployment}
spec:
  triggers: [product_deployment]
  parameters:
    - {name: shop, type: string, required: true}
    - {name: size, type: int, default: "2"}
    - {name: note, type: string}
  variables:
    space: ${parameters.shop}-prod
    mode: canary
  steps:
    - name: room
      type: workflow
      workflow: rooms/make-room
      parameters: {name: "${variables.space}", labels: {shop: "${parameters.shop}"}}
    - name: store
      type: terraform
      resource: db
      operation: apply
      workingDir: ./store/${parameters.shop}
      variables: {size: "${parameters.size}"}
      outputs: [host, port]
      dependsOn: [room]
    - name: till
      type: kubernetes
      namespace: "${application.name}-${environment.type}"
      colour: green
      if: ${workflow.mode} == canary && ${room.id} != null
      unless: $SKIP == yes
      env: {SKIP: "no", HOST: "${resources.db.host}", MODE: "$mode", SHELL: "${HOME:-/root} ${NAME}"}
    - name: tell
      type: shell
      when: always
      timeout: 0
      script: |
        echo "${steps.store.outputs.port} ${till.status} ${resources.queue.url}" > ${OUT}.txt
  outputs:
    host: ${store.host}
"#;

#[test]
fn a_wrapped_file_is_read_with_its_references() {
    let (workflow, warnings) = one(WRAPPED);
    insta::assert_snapshot!("wrapped", format!("{}\n{}", warnings.join("\n"), to_yaml(&workflow).unwrap()));
}

const SEVERAL: &str = r#"
apiVersion: orchestrator.innominatus.dev/v1
kind: Workflow
metadata: {name: first}
variables: {REGION: eu, REPLICAS: "4"}
spec:
  steps:
    - {name: check, type: validation, parallelGroup: 1}
    - {name: scan, type: security, parallel: true, parallelGroup: 1}
    - {name: other, type: security, parallel: true, parallelGroup: 2}
    - {name: deploy, type: kubernetes, if: "$REPLICAS >= 3 && check.success", setVariables: {URL: "https://$REGION/${scan.id}"}}
    - {name: undo, type: kubernetes, when: on_failure, env: {URL: "${workflow.URL}"}}
    - {name: ask, type: validation, when: manual, unless: "$REGION matches ^(us|ap)-"}
---
apiVersion: score.dev/v1b1
metadata: {name: not-a-workflow}
---
apiVersion: orchestrator.innominatus.dev/v1
kind: Workflow
metadata: {name: second}
spec:
  steps:
    - {name: only, type: validation}
"#;

#[test]
fn of_several_documents_each_is_a_workflow_and_one_is_found_by_its_name() {
    let all = parse_all(SEVERAL, &Options::default()).unwrap();
    let names: Vec<_> = all.iter().map(|one| one.name.clone().unwrap()).collect();
    assert_eq!(names, ["first", "second"]);
    let first = &all[0].result.as_ref().unwrap().0;
    assert_stable(first);
    let order: Vec<_> = first.steps.iter().map(|step| (step.name.as_str(), step.depends_on.join(","))).collect();
    let expected = [
        ("check", ""),
        ("scan", ""),
        ("other", "check,scan"),
        ("deploy", "other"),
        ("undo", "deploy"),
        ("ask", "undo"),
    ];
    assert_eq!(order, expected.map(|(name, before)| (name, before.to_owned())));
    let named = |name| parse_one(SEVERAL, &Options { name: Some(name), ..Options::default() }).unwrap().0.name;
    assert_eq!((named("second").as_str(), named("nothing").as_str()), ("second", "first"));
}

#[test]
fn steps_without_any_header_go_by_the_name_of_their_file() {
    let (workflow, warnings) = one("steps:\n  - {name: a, type: shell, path: ''}\n");
    assert_eq!((workflow.name.as_str(), warnings.len()), ("sample", 2));
}

#[test]
fn our_own_dialect_has_all_of_it_and_more() {
    let (workflow, warnings) = one(r#"
apiVersion: slipway.dev/v1
kind: Workflow
metadata: {name: all}
parameters:
  - {name: regions, type: list, default: [eu, us], min: 1}
  - {name: keep, type: duration, default: 2d, max: 30d}
  - {name: size, type: enum, enum: [small, large], default: small}
  - {name: label, type: string, default: "{{ .parameters.size }}-x"}
variables: {prefix: "{{ .parameters.size }}"}
concurrency: {group: "shop-{{ .parameters.size }}"}
timeout: 2h
maxParallel: 3
steps:
  - name: each
    type: shell
    for_each: "{{ .parameters.regions }}"
    continueOnError: true
    retry: {attempts: 3, backoff: 500ms}
    config: {script: "echo {{ .item }} {{ .index }} {{ .variables.prefix }}"}
    outputs: {where: "{{ .output.host }}:{{ .parameters.size }}"}
    setVariables: {last: "{{ .output.host }}"}
    outputFile: out/result.json
  - name: sign
    approval: {message: "Really?", roles: [admin], timeout: 1d}
    if: parameters.size == "large" && steps.each.success && size(parameters.regions) > 1
  - {name: sub, type: workflow, workflow: rooms/make, inputs: {name: "{{ .variables.last }}"}, unless: "'us' in parameters.regions"}
finally:
  - {name: tidy, type: shell, config: {script: "rm -rf {{ .steps.sub.output.path }}"}}
  - {name: tell, type: shell, when: on_failure, config: {script: echo}}
outputs:
  plain: "{{ .steps.sub.output.id }}"
  secret: {value: "{{ .steps.sub.output.key }}", sensitive: true}
  map: {value: {value: 3}}
"#);
    assert!(warnings.is_empty(), "{warnings:?}");
    insta::assert_snapshot!("own", to_yaml(&workflow).unwrap());
}

#[test]
fn mistakes_in_conditions_and_references_are_told_where_they_are() {
    let own = refusal(
        "apiVersion: slipway.dev/v1\nmetadata: {name: w}\nparameters: [{name: size, type: number}]\nsteps:\n  - {name: a, type: t, if: parameters.sise > 3}\n  - {name: b, type: t, if: \"steps.c.success\"}\n  - name: c\n    type: t\n    if: 'parameters.size >'\n  - name: d\n    type: t\n    unless: env == 'x' || nothing(1)\n    config: {x: '{{ .variables.y }}'}\n  - {name: e, type: t, when: sometimes, for_each: 3, outputFile: /etc/passwd, dependsOn: [tidy], workflow: x}\nfinally:\n  - {name: tidy, type: workflow, if: \"steps.d.failed\"}\nvariables: {v: '{{ .steps.a.output.x }}'}\n",
    );
    let older = refusal(
        "apiVersion: workflow.dev/v1\nmetadata: {name: w}\nspec:\n  steps:\n    - {name: build, type: t, dependson: []}\n    - name: a\n      type: t\n      if: ${build.x} == 1 && ${biuld.x} == 2\n      config: {x: \"${parameters.nothing} ${variables.v} ${buidl.y}\"}\n    - name: b\n      type: t\n      unless: $X matches (\n    - {name: c, type: t, if: d.success}\n    - {name: d, type: t, if: hello}\n",
    );
    insta::assert_snapshot!("mistakes", format!("{own}\n--\n{older}"));
}

#[test]
fn parameters_declared_elsewhere_win_over_those_of_the_file() {
    let given =
        [Parameter { name: "size".into(), kind: ParameterType::Integer, required: true, ..Parameter::default() }];
    let text = "apiVersion: workflow.dev/v1\nmetadata: {name: w}\nspec:\n  parameters: [{name: size, type: string}]\n  steps: [{name: a, type: t, config: {n: \"${parameters.size}\"}}]\n";
    let (workflow, _) = parse_one(text, &Options { parameters: &given, ..Options::default() }).unwrap();
    assert_eq!(workflow.parameters, given);
    let undeclared = text.replace("  parameters: [{name: size, type: string}]\n", "");
    assert!(parse_one(&undeclared, &Options { parameters: &given, ..Options::default() }).is_ok());
}

#[test]
fn what_reading_a_file_costs_is_bounded() {
    let own = |steps: String| format!("apiVersion: slipway.dev/v1\nmetadata: {{name: w}}\nsteps:\n{steps}");
    let conditions =
        (0..20).map(|n| format!("  - {{name: s{n}, type: t, if: '{}'}}\n", "true && ".repeat(400) + "true"));
    let dollars = format!("  - {{name: a, type: t, script: '{}'}}\n", "$".repeat(100_000));
    let templates = format!("  - {{name: a, type: t, config: {{x: '{}'}}}}\n", "{{ .x }}".repeat(6_000));
    for (text, said) in [
        (own(conditions.collect()), "have at most 24576 bytes in all"),
        (own(dollars).replace("slipway.dev/v1", "innominatus.io/v1alpha1"), "more references with '$'"),
        (own(templates), "at most 5000 templates"),
        ("steps: [{name: a, type: t}]\n---\n".repeat(65), "more than 64 documents"),
    ] {
        assert!(refusal(&text).contains(said), "{said}: {}", refusal(&text));
    }
    // A name that stands for itself is a text, not a way down.
    let circle = "steps: [{name: a, type: t, env: {A: '$B$B', B: '$A$A'}, if: $A$A$B$B == 1}]\n";
    assert!(parse_one(circle, &Options { name: Some("w"), ..Options::default() }).is_ok());
}

/// Any text, with what means something to one of the dialects or to YAML.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9 _./:-]{0,12}",
        "\\PC{0,10}",
        Just("{{ .parameters.size }}".to_owned()),
        Just("a {{ .steps.s0.output.x }} b".to_owned()),
        Just("${parameters.size}".to_owned()),
        Just("${s0.x} and $V0".to_owned()),
        Just("${HOME:-x} $PATH ${NAME}".to_owned()),
        Just("line one\n  line two\n".to_owned()),
        Just("true".to_owned()),
        Just("0o17".to_owned()),
        Just("1e3".to_owned()),
        Just("~".to_owned()),
        Just("- x: [".to_owned()),
        Just("# no comment".to_owned()),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        text().prop_map(Value::String),
        any::<i32>().prop_map(|n| json!(n)),
        any::<bool>().prop_map(|b| json!(b)),
        (-1000..1000_i32).prop_map(|n| json!(f64::from(n) / 8.0)),
        Just(Value::Null),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::btree_map("[a-z ]{1,4}", inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}

fn condition(older: bool) -> BoxedStrategy<String> {
    if older {
        let conditions = [
            "$V0 == production",
            "${s0.x} >= 3 || !s0.failed",
            "s0.success && $V0 contains 'a b'",
            "${parameters.size} matches ^v[0-9]+(a|b)$",
            "{{ eq .parameters.size 3 }}",
            "$UNSET",
            "'{{' == $V0",
            "true",
        ];
        prop::sample::select(conditions.map(str::to_owned).to_vec()).boxed()
    } else {
        let conditions = [
            "parameters.size == 3.0",
            "steps.s0.success || steps['s0'].failed",
            "get(steps.s0.output, \"x\") == null",
            "variables.V0.matches('^a')",
            "true",
            "${s0.x} == 3",
            "{{ .parameters.size }} > 2",
        ];
        prop::sample::select(conditions.map(str::to_owned).to_vec()).boxed()
    }
}

/// One step; the first of a file has no conditions, since nothing comes before it.
fn step(older: bool) -> impl Strategy<Value = Map<String, Value>> {
    let config = prop::collection::btree_map("[a-z]{1,6}", value(), 0..3);
    let env = prop::collection::btree_map("[A-Z]{1,4}", text(), 0..2);
    let when = prop::option::of(prop::sample::select(vec!["always", "on_success", "on_failure", "manual"]));
    let order = (any::<bool>(), prop::option::of(0..3_u8), any::<bool>());
    let odd = prop::sample::select(vec!["", "retry", "timeout", "outputs", "sensitive", "for_each", "nested", "path"]);
    (config, env, when, order, prop::option::of(condition(older)), prop::option::of(condition(older)), odd, text())
        .prop_map(move |(config, env, when, (parallel, group, depends), given, unless, odd, text)| {
            let mut step = Map::new();
            let mut put = |key: &str, value: Value| step.insert(key.to_owned(), value);
            put("type", json!(if odd == "nested" { "workflow" } else { "shell" }));
            if odd == "nested" {
                put("workflow", json!("rooms/make"));
            } else {
                put("config", json!(config));
            }
            put("env", json!(env));
            if let Some(when) = when {
                put("when", json!(when));
            }
            put("parallel", json!(parallel));
            if let Some(group) = group {
                put("parallelGroup", json!(group));
            }
            if depends {
                put("dependsOn", json!(["s0"]));
            }
            if let Some(given) = given {
                put("if", json!(given));
            }
            if let Some(unless) = unless {
                put("unless", json!(unless));
            }
            match odd {
                "retry" => drop(put("retry", json!({ "attempts": 3, "backoff": 0.5, "exitCodes": [7] }))),
                "timeout" => drop(put("timeout", json!("90s"))),
                "outputs" => drop(put("setVariables", json!({ "V0": text }))),
                "sensitive" => drop(put("sensitive", json!(["x"]))),
                "path" => drop(put("path", json!("./module"))),
                "for_each" if !older => drop(put("for_each", json!([1, "a", { "b": 2 }]))),
                _ => {}
            }
            step
        })
}

fn file(dialect: Dialect) -> impl Strategy<Value = Value> {
    let older = dialect.is_older();
    let steps = prop::collection::vec(step(older), 1..6);
    (steps, prop::collection::vec(step(older), 0..2), value(), text(), text()).prop_map(
        move |(mut steps, mut last, output, variable, description)| {
            for key in ["if", "unless", "dependsOn", "parallel", "parallelGroup"] {
                steps[0].remove(key);
            }
            for (index, step) in steps.iter_mut().chain(&mut last).enumerate() {
                step.insert("name".to_owned(), json!(format!("s{index}")));
            }
            // Only what is there before a step may be used in it: `s0` in the others.
            clear(&mut steps[0]);
            let parameters = json!([
                { "name": "size", "type": "number", "required": true },
                { "name": "note", "description": "Any" },
                { "name": "flag", "type": "boolean", "default": false },
            ]);
            let mut body = json!({
                "parameters": parameters, "variables": { "V0": plain(&variable) }, "steps": steps,
                "outputs": { "out": output, "x": { "value": "{{ .steps.s0.output.y }}", "sensitive": true } },
            });
            let mut document = json!({ "metadata": { "name": "any", "description": description } });
            if dialect != Dialect::Plain {
                document["apiVersion"] = json!(dialect.api_version());
            }
            if !older {
                // Steps at the end depend on each other only.
                last.iter_mut().for_each(|step| drop(step.remove("dependsOn")));
                body["finally"] = json!(last);
                body["concurrency"] = json!("one");
                body["timeout"] = json!(60);
            }
            match dialect {
                Dialect::Wrapped | Dialect::Orchestrator => document["spec"] = body,
                _ => document.as_object_mut().unwrap().extend(body.as_object().cloned().unwrap()),
            }
            document
        },
    )
}

/// Without references to steps, which the first step cannot have.
fn clear(step: &mut Map<String, Value>) {
    let text = Value::Object(step.clone()).to_string();
    let text = text.replace(".steps.s0.output.x", ".parameters.size").replace("${s0.x}", "${HOME}");
    *step = serde_json::from_str(&text).unwrap();
}

/// A workflow's variables are made before any step.
fn plain(text: &str) -> String {
    text.replace(".steps.s0.output.x", ".parameters.size").replace("${s0.x} and $V0", "x")
}

proptest! {
    #[test]
    fn what_is_read_in_any_dialect_is_written_and_read_again(
        (dialect, document) in prop::sample::select(vec![
            Dialect::Slipway, Dialect::Flat, Dialect::Wrapped, Dialect::Orchestrator, Dialect::Plain,
        ]).prop_flat_map(|dialect| file(dialect).prop_map(move |document| (dialect, document)))
    ) {
        let text = document.to_string();
        let parsed = parse_all(&text, &Options { name: Some("any"), ..Options::default() }).unwrap().remove(0);
        prop_assert_eq!(parsed.dialect, dialect);
        let (workflow, _) = parsed.result.map_err(|problems| TestCaseError::fail(format!("{text}\n{problems:#?}")))?;
        let written = to_yaml(&workflow).unwrap();
        let again = parse(&written, None).map_err(|problems| TestCaseError::fail(format!("{written}\n{problems:#?}")))?;
        prop_assert_eq!(&again.0, &workflow, "{}", written);
        prop_assert_eq!(to_yaml(&again.0).unwrap(), written);
    }

    /// What a `goldenpaths.yaml` asks for beside the file is converted with it.
    #[test]
    fn what_a_list_of_golden_paths_asks_for_is_written_and_read_again(
        document in file(Dialect::Plain),
        description in "[ -~]{0,20}",
        required in prop::collection::btree_set("[a-z]{1,6}_r", 0..3),
        optional in prop::collection::btree_map("[a-z]{1,6}_o", "[ -~]{0,12}", 0..3),
    ) {
        let list = json!({ "goldenpaths": { "open": {
            "workflow": "./open.yaml", "description": description, "tags": ["a"], "estimated_duration": "2 minutes",
            "required_params": required, "optional_params": optional,
        } } });
        let (paths, _) = super::super::golden_path::parse(&list.to_string(), None)
            .map_err(|problems| TestCaseError::fail(format!("{list}\n{problems:#?}")))?;
        let options = Options { name: Some("open"), parameters: &paths[0].parameters, ..Options::default() };
        let (workflow, _) = parse_one(&document.to_string(), &options)
            .map_err(|problems| TestCaseError::fail(format!("{list}\n{document}\n{problems:#?}")))?;
        prop_assert_eq!(workflow.parameters.len(), 3 + required.len() + optional.len());
        let written = to_yaml(&workflow).unwrap();
        let again = parse(&written, None).map_err(|problems| TestCaseError::fail(format!("{written}\n{problems:#?}")))?;
        prop_assert_eq!(&again.0, &workflow, "{}", written);
    }
}
