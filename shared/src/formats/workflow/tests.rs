use serde_json::json;

use super::*;

fn refusal(text: &str) -> String {
    let problems = parse(text, Some("w.yaml")).unwrap_err();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn steps(list: &str) -> Workflow {
    let text = format!("apiVersion: slipway.dev/v1\nmetadata: {{name: w}}\nsteps:\n{list}");
    parse(&text, None).unwrap().0
}

fn order(workflow: &Workflow) -> Vec<(&str, Vec<&str>)> {
    workflow
        .steps
        .iter()
        .map(|step| (step.name.as_str(), step.depends_on.iter().map(String::as_str).collect()))
        .collect()
}

#[test]
fn both_dialects_are_read_with_their_types_kept() {
    let text = r#"
apiVersion: innominatus.io/v1alpha1
kind: Workflow
metadata: {name: make-db, description: Makes a database}
parameters:
  - {name: db-name, type: string, required: true, description: Its name, pattern: "^[a-z]+$"}
  - {name: public, type: boolean, default: false}
  - {name: tags, type: map, default: {a: 1}}
steps:
  - name: plan
    type: terraform
    operation: plan
    workingDir: ./module
    variables: {name: "{{ .parameters.db-name }}", app: "{{ .parameters.app_name }}"}
  - name: make
    type: policy
    timeout: 5m
    when: on_success
    env: {COUNT: 3}
    retry: {attempts: 3, backoff: 2s, maxBackoff: 1m, exitCodes: [7]}
    config: {script: "echo {{ .steps.plan.output.id }}"}
outputs:
  url: "{{ .steps.make.output.url }}"
  password: {value: "{{ .steps.make.output.password }}", sensitive: true}
  limits: {value: 3, unit: GiB}
timeout: 1h30m
maxParallel: 4
"#;
    let (workflow, warnings) = parse(text, None).unwrap();
    assert!(warnings.is_empty());
    assert_eq!(workflow.parameters[1].default, Some(json!(false)));
    assert_eq!(workflow.steps[0].config["operation"], "plan");
    assert_eq!(workflow.steps[0].config["workingDir"], "./module");
    assert_eq!((workflow.timeout_s, workflow.max_parallel), (Some(5400), Some(4)));
    let make = &workflow.steps[1];
    assert_eq!((make.timeout_s, make.env["COUNT"].as_str()), (Some(300), "3"));
    assert_eq!((make.retry.attempts, make.retry.backoff_s, make.retry.max_backoff_s), (3, 2.0, 60.0));
    assert_eq!(make.retry.exit_codes, [7]);
    assert!(workflow.outputs["password"].sensitive);
    assert_eq!(workflow.outputs["limits"].value, json!({"value": 3, "unit": "GiB"}));
}

#[test]
fn steps_follow_each_other_unless_they_say_otherwise() {
    let plain = steps("  - {name: a, type: t}\n  - {name: b, type: t}\n  - {name: c, type: t}\n");
    assert_eq!(order(&plain), [("a", vec![]), ("b", vec!["a"]), ("c", vec!["b"])]);
    let grouped = steps(
        "  - {name: a, type: t}\n  - {name: b, type: t, parallel: true}\n  - {name: c, type: t, parallel: true}\n  - {name: d, type: t}\n",
    );
    assert_eq!(order(&grouped), [("a", vec![]), ("b", vec!["a"]), ("c", vec!["a"]), ("d", vec!["b", "c"])]);
    let named = steps(
        "  - {name: a, type: t}\n  - {name: b, type: t, dependsOn: []}\n  - {name: c, type: t, dependsOn: a}\n  - {name: d, type: t}\n",
    );
    assert_eq!(order(&named), [("a", vec![]), ("b", vec![]), ("c", vec!["a"]), ("d", vec!["b", "c"])]);
    let backwards = steps("  - {name: a, type: t, dependsOn: [b]}\n  - {name: b, type: t, dependsOn: []}\n");
    assert_eq!(order(&backwards), [("a", vec!["b"]), ("b", vec![])]);
}

#[test]
fn a_template_may_only_use_what_is_there_by_then() {
    let text = r#"apiVersion: slipway.dev/v1
metadata: {name: w}
parameters: [{name: size}]
steps:
  - name: first
    type: shell
    config: {script: "{{ .parameters.sise }} {{ .steps.second.output.x }}"}
  - name: second
    type: shell
    dependsOn: []
    config:
      script: |
        {{ .steps.first.output.x }}
        {{ .steps.frist.output.x }} {{ .settings.anything }}
outputs:
  x: "{{ .steps.thrid.output.x }}"
"#;
    insta::assert_snapshot!(refusal(text));
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let text = r#"apiVersion: slipway.dev/v2
kind: Flow
metadata: {}
params: []
parameters:
  - {name: a, type: strng}
  - {name: b, type: number, default: x}
  - {name: b, pattern: "("}
steps:
  - {name: a, type: shell, dependOn: [b]}
  - {name: b, type: shell, dependsOn: [c, zz]}
  - {name: c, type: shell, dependsOn: [b]}
  - {name: a, type: shell, when: on_failure, if: x == y, approval: {}, timeout: soon, retry: {attempts: 0}}
  - {name: "-x", script: ls, config: {script: ls}}
"#;
    insta::assert_snapshot!(refusal(text));
}

#[test]
fn a_workflow_without_steps_is_refused() {
    let none = "apiVersion: slipway.dev/v1\nmetadata: {name: w}\n";
    assert_eq!(refusal(none), "w.yaml:1:1: 'steps' is missing");
    assert_eq!(refusal(&format!("{none}steps: []\n")), "w.yaml:3:1: at least one step is needed (at /steps)");
    let many: String = (0..201).map(|n| format!("  - {{name: s{n}, type: t}}\n")).collect();
    assert!(refusal(&format!("{none}steps:\n{many}")).contains("at most 200 steps"));
}
