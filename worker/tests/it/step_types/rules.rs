//! `policy`, `validation`, `shell` and `container`.

use serde_json::json;

use crate::step_types::{Scene, reaching, shell, step};

const LIMITS: &str = r#"
package deploy

deny contains msg if {
    input.replicas > data.limit
    msg := sprintf("%d replicas are more than %d", [input.replicas, data.limit])
}

deny contains "the owner is missing" if not input.owner

allow if input.environment in {"dev", "test"}
"#;

#[tokio::test]
async fn a_policy_in_rego_lets_a_run_go_on_or_fails_it_with_its_messages() {
    let scene = Scene::new().await;
    let ask = |name: &str, replicas: u32, more: serde_json::Value| {
        let mut config = json!({
            "language": "rego", "script": LIMITS, "data": {"limit": 3},
            "input": {"replicas": replicas, "owner": "a-team", "environment": "dev"},
        });
        config.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        step(name, &[], "policy", config)
    };
    let run = scene
        .completes(vec![
            ask("kept", 3, json!({})),
            ask("told", 9, json!({"enforce": false})),
            ask("asked", 9, json!({"query": "data.deploy.allow"})),
            step("valued", &[], "policy", json!({"rego": "package a", "query": "2 * input", "input": 21})),
        ])
        .await;
    assert_eq!(scene.outputs(run, "kept").await, json!({"allowed": true, "messages": []}));
    let told = json!({"allowed": false, "messages": ["9 replicas are more than 3"]});
    assert_eq!(scene.outputs(run, "told").await, told);
    assert_eq!(scene.outputs(run, "asked").await["result"], json!(true));
    assert_eq!(scene.outputs(run, "valued").await["result"], json!(42));

    let (run, error) =
        scene.fails(vec![ask("denied", 9, json!({"input": {"replicas": 9, "environment": "dev"}}))]).await;
    for message in ["9 replicas are more than 3", "the owner is missing"] {
        assert!(error.contains(message), "{error}");
        assert!(scene.told(run).await.contains(&format!("- {message}")));
    }
    let (_, error) = scene.fails(vec![ask("not allowed", 1, json!({"query": "input.environment == \"prod\""}))]).await;
    assert!(error.contains("input.environment == \"prod\" is false"), "{error}");
    let (_, error) = scene.fails(vec![step("broken", &[], "policy", json!({"rego": "package a\nallow if {"}))]).await;
    assert!(error.contains("exit code 2"), "{error}");
}

#[tokio::test]
async fn a_policy_by_script_decides_by_its_exit_code_and_gives_outputs() {
    let scene = Scene::new().await;
    let script = "#!/bin/bash\nset -e\necho checking\necho OUTPUT_checked=yes\nexit 0";
    let run = scene.completes(vec![step("look", &[], "policy", json!({"script": script, "severity": "high"}))]).await;
    assert_eq!(scene.outputs(run, "look").await, json!({"checked": "yes"}));
    let (_, error) =
        scene.fails(vec![step("look", &[], "policy", json!({"script": "echo too big; false; echo on"}))]).await;
    assert!(error.contains("too big"), "{error}");
}

#[tokio::test]
async fn validation_tells_every_problem_at_once() {
    let scene = Scene::new().await;
    let rules = |name: &str, values: serde_json::Value| {
        let config = json!({
            "values": values,
            "schema": {"type": "object", "properties": {"size": {"type": "integer", "maximum": 500}}},
            "required": ["owner"],
            "patterns": {"name": "^[a-z][a-z0-9-]*$"},
            "assertions": [{"that": "count(input.zones) >= 2", "message": "two zones are the least"}],
        });
        step(name, &[], "validation", config)
    };
    let good = json!({"size": 10, "owner": "a", "name": "shop", "zones": ["a", "b"]});
    let run = scene.completes(vec![rules("good", good)]).await;
    assert_eq!(scene.outputs(run, "good").await, json!({"valid": true, "problems": []}));
    let (run, error) = scene.fails(vec![rules("bad", json!({"size": 900, "name": "Shop", "zones": ["a"]}))]).await;
    let problems = [
        "size: 900 is greater than the maximum of 500",
        "owner: is required",
        "name: 'Shop' does not match",
        "two zones are the least",
    ];
    for problem in problems {
        assert!(error.contains(problem), "{error}");
        assert!(scene.told(run).await.contains(&format!("- {problem}")), "{problem}");
    }
}

#[tokio::test]
async fn scripts_and_containers_run_where_and_as_they_are_told() {
    let scene = Scene::new().await;
    crate::step_types::docker::image().await;
    let steps = vec![
        shell("make", &[], "mkdir -p a/b; echo here > a/b/file"),
        step("look", &["make"], "shell", json!({"script": "cat file; id -u; ls /sys/class/net", "workingDir": "a/b"})),
        step(
            "bare",
            &["look"],
            "container",
            json!({"image": crate::step_types::docker::IMAGE, "command": "/bin/echo", "args": ["one", "two words"]}),
        ),
        step(
            "plain",
            &["bare"],
            "container",
            json!({"image": crate::step_types::docker::IMAGE, "command": ["/bin/echo", "three"]}),
        ),
    ];
    let run = scene.completes(steps).await;
    assert_eq!(scene.stage.printed(run).await, ["here", "65532", "lo", "one two words", "three"]);
    let (_, error) = scene.fails(vec![reaching(shell("out", &[], "true"), &["somewhere"], &[])]).await;
    assert!(error.contains("no network mode 'egress'"), "{error}");
}
