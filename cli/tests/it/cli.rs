//! The real binary, where no server is needed.

use std::{
    path::Path,
    process::{Command, Output},
};

const VALID: &str = "apiVersion: score.dev/v1b1
metadata:
  name: shop
containers:
  web:
    image: nginx
    variables:
      HOST: ${resources.db.host}
resources:
  db:
    type: postgres
";

/// Runs `slipway` in `folder` with nothing of this process's environment.
fn slipway(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slipway"))
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .output()
        .unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn folder_with(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn a_valid_file_is_said_to_be_valid() {
    let folder = folder_with(&[("shop.yaml", VALID)]);
    let output = slipway(folder.path(), &["validate", "shop.yaml"]);
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(0), "shop.yaml: valid: shop, 1 resource\n"));
}

#[test]
fn every_problem_of_every_file_is_shown_with_its_place() {
    let bad = VALID.replace("image: nginx", "imagine: nginx").replace("type: postgres", "type: 7");
    let folder = folder_with(&[("good.yaml", VALID), ("bad.yaml", &bad)]);
    let output = slipway(folder.path(), &["validate", "good.yaml", "bad.yaml", "missing.yaml"]);
    let text = out(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("good.yaml: valid"), "{text}");
    assert!(text.contains("bad.yaml:6:"), "the misspelt key is on line 6: {text}");
    assert!(text.contains("bad.yaml:11:"), "the wrong type is on line 11: {text}");
    assert!(text.contains("missing.yaml"), "{text}");
    assert!(text.contains("2 of 3 files are not valid"), "{text}");
}

#[test]
fn the_compatibility_mode_takes_with_a_warning_what_the_strict_one_refuses() {
    let theirs = format!("{VALID}    properties:\n      version: \"15\"\nenvironment:\n  type: kubernetes\n");
    let folder = folder_with(&[("shop.yaml", &theirs)]);
    assert_eq!(slipway(folder.path(), &["validate", "shop.yaml"]).status.code(), Some(1));
    let output = slipway(folder.path(), &["validate", "--compat", "shop.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
    assert!(out(&output).contains("(warning)"), "{}", out(&output));
}

#[test]
fn problems_come_as_json_for_programs() {
    let folder = folder_with(&[("bad.yaml", "metadata: {}\n")]);
    let output = slipway(folder.path(), &["validate", "bad.yaml", "-o", "json"]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(value["items"][0]["valid"], false);
    assert!(!value["items"][0]["problems"].as_array().unwrap().is_empty());
}

#[test]
fn control_characters_of_a_file_do_not_reach_the_terminal() {
    let folder = folder_with(&[("bad.yaml", "\"\\e[2Jevil\": 1\n")]);
    let output = slipway(folder.path(), &["validate", "bad.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!out(&output).contains('\x1b'), "{:?}", out(&output));
}

#[test]
fn without_a_server_to_talk_to_the_message_says_how_to_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let output = slipway(folder.path(), &["list"]);
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(err(&output), @"
    error: no server to talk to: there is no .slipway/env here or in a folder above, no login, and neither SLIPWAY_URL nor --server is set
      start one with `make up` or `slipway dev`, or `slipway login http://host:port`, or `export SLIPWAY_URL=http://host:port SLIPWAY_API_KEY=slw_…`
    ");
}

#[test]
fn a_server_that_does_not_answer_is_named_with_where_its_address_is_from() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let env = format!("export SLIPWAY_URL=http://{free}\nexport SLIPWAY_API_KEY=slw_x\n");
    let folder = folder_with(&[(".slipway/env", &env), ("deep/er/x", "")]);
    let output = slipway(&folder.path().join("deep/er"), &["list"]);
    let text = err(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(text.contains(&free.to_string()) && text.contains(".slipway/env") && text.contains("make up"), "{text}");
}

#[test]
fn wrong_usage_has_an_exit_code_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(slipway(folder.path(), &["deploy"]).status.code(), Some(2));
    assert_eq!(slipway(folder.path(), &["deploy", "x.yaml", "--timeout", "soon"]).status.code(), Some(2));
    assert_eq!(slipway(folder.path(), &["lst"]).status.code(), Some(2));
}

#[test]
fn a_folder_without_providers_is_refused_before_anything_is_started() {
    let folder = tempfile::tempdir().unwrap();
    let output = slipway(folder.path(), &["dev"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("--providers"), "{}", err(&output));
    assert!(!folder.path().join(".slipway").exists());
}

#[test]
fn the_help_shows_every_command_and_the_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(out(&slipway(folder.path(), &["--help"])));
}

#[test]
fn the_help_of_deploy_has_examples() {
    let folder = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(out(&slipway(folder.path(), &["deploy", "--help"])));
}

#[test]
fn completions_are_made_for_every_shell() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = slipway(folder.path(), &["completion", shell]);
        assert!(output.status.success() && out(&output).contains("slipway"), "{shell}");
    }
}

const OLDER: &str = "apiVersion: orchestrator.innominatus.dev/v1
kind: Workflow
metadata: {name: first}
variables: {REGION: eu}
spec:
  steps:
    - {name: build, type: shell, script: make, outputFile: out/build.json}
    - {name: ship, type: shell, script: \"ship ${build.version}\", if: $REGION != us && build.success}
---
apiVersion: orchestrator.innominatus.dev/v1
kind: Workflow
metadata: {name: second}
spec:
  steps:
    - {name: only, type: shell, script: ls}
";

#[test]
fn a_workflow_of_another_dialect_is_converted_to_one_that_is_valid() {
    let folder = folder_with(&[("older.yaml", OLDER)]);
    let output = slipway(folder.path(), &["workflow", "convert", "older.yaml", "--out", "ours.yaml"]);
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(0), "ours.yaml: written, 2 workflows\n"));
    let output = slipway(folder.path(), &["validate", "ours.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
    insta::assert_snapshot!(out(&output));
    let again = slipway(folder.path(), &["workflow", "convert", "ours.yaml"]);
    assert_eq!(out(&again), std::fs::read_to_string(folder.path().join("ours.yaml")).unwrap());
    let one = slipway(folder.path(), &["workflow", "convert", "older.yaml", "--name", "second", "-o", "json"]);
    let value: serde_json::Value = serde_json::from_slice(&one.stdout).unwrap();
    assert_eq!(value["metadata"]["name"], "second");
}

#[test]
fn nothing_is_written_of_a_workflow_with_a_problem() {
    let folder = folder_with(&[("older.yaml", &OLDER.replace("build.version", "biuld.version"))]);
    let output = slipway(folder.path(), &["workflow", "convert", "older.yaml", "--out", "ours.yaml"]);
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(1), ""));
    assert!(
        err(&output).contains("older.yaml:8:") && err(&output).contains("did you mean 'build'?"),
        "{}",
        err(&output)
    );
    assert!(!folder.path().join("ours.yaml").exists());
}

#[test]
fn a_providers_folder_is_told_with_its_workflows_and_a_mistyped_step_type_is_a_problem() {
    let manifest = "apiVersion: v1\nkind: Provider\nmetadata: {name: team, version: 1.0.0}\ncapabilities: {resourceTypes: [box]}\nworkflows: [{name: make, file: w.yaml}]\n";
    let golden = "goldenpaths:\n  open:\n    workflow: g.yaml\n    parameters: {size: {type: int, default: \"2\"}}\n";
    let path = "steps:\n  - {name: a, type: robot, config: {n: \"${parameters.size}\"}}\n";
    let make = "apiVersion: slipway.dev/v1\nmetadata: {name: make}\nsteps: [{name: a, type: shell, script: ls}]\n";
    let files = [
        ("team/provider.yaml", manifest),
        ("team/goldenpaths.yaml", golden),
        ("team/g.yaml", path),
        ("team/w.yaml", make),
    ];
    let folder = folder_with(&files);
    let output = slipway(folder.path(), &["provider", "validate", "team"]);
    assert_eq!(output.status.code(), Some(0), "{}", out(&output));
    insta::assert_snapshot!(out(&output));
    std::fs::write(folder.path().join("team/w.yaml"), make.replace("shell", "shel")).unwrap();
    let output = slipway(folder.path(), &["provider", "validate", "team", "-o", "json"]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &value["valid"]), (Some(1), &serde_json::Value::Bool(false)));
    let problem = &value["problems"][0];
    assert_eq!((&problem["line"], &problem["file"]), (&3.into(), &"team/w.yaml".into()), "{problem}");
}

/// A Score file whose container gets a file from beside it.
fn with_file(source: &str) -> String {
    VALID.replace("    variables:", &format!("    files:\n      /etc/a: {{ source: {source} }}\n    variables:"))
}

#[test]
fn a_file_that_is_not_beside_the_score_file_is_warned_of_and_cannot_be_sent() {
    let folder = folder_with(&[("shop.yaml", &with_file("a.conf"))]);
    let output = slipway(folder.path(), &["validate", "shop.yaml"]);
    let told = out(&output);
    assert_eq!(output.status.code(), Some(0), "it is a Score file for all that: {told}");
    assert!(told.contains("shop.yaml:8:17: ") && told.contains("a.conf cannot be read"), "{told}");

    // Nobody listens there: nothing is sent.
    let deploy = ["deploy", "shop.yaml", "--server", "http://127.0.0.1:9", "--api-key", "x"];
    let output = slipway(folder.path(), &deploy);
    let told = err(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("The Score file cannot be sent") && told.contains("shop.yaml:8:17 "), "{told}");

    std::fs::write(folder.path().join("shop.yaml"), with_file("../a.conf")).unwrap();
    let told = err(&slipway(folder.path(), &deploy));
    assert!(told.contains("'../a.conf' leads out of the Score file's folder"), "{told}");

    std::fs::write(folder.path().join("shop.yaml"), with_file("a.conf")).unwrap();
    std::fs::write(folder.path().join("a.conf"), "x=1\n").unwrap();
    assert!(!out(&slipway(folder.path(), &["validate", "shop.yaml"])).contains("warning"));
    assert!(err(&slipway(folder.path(), &deploy)).contains("no server answers"), "now it would be sent");
}

#[test]
fn a_setting_that_cannot_be_ends_slipway_dev_before_it_starts_anything() {
    let folder = folder_with(&[("config.yaml", "providers: { db: { drift_check: every 6h } }\n")]);
    let output = slipway(folder.path(), &["dev", "--config", "config.yaml", "--data-dir", "data"]);
    let told = err(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("providers.db.drift_check: 'every 6h' is no schedule"), "{told}");
    assert!(!folder.path().join("data").exists(), "nothing was made");
}
