//! `terraform`: what a plan says of a kept state, and that it only looks.

use serde_json::{Value, json};
use shared::store::state;

use crate::step_types::{Scene, reaching, shell, step};

const MODULE: &str = r#"
variable "size" { type = number }
variable "password" {
  type      = string
  sensitive = true
}
resource "terraform_data" "file" {
  input = fileexists("/workspace/real") ? file("/workspace/real") : "nothing"
}
resource "terraform_data" "account" {
  input = { size = var.size, password = var.password }
}
output "size" { value = terraform_data.account.output.size }
output "password" {
  value     = terraform_data.account.output.password
  sensitive = true
}
"#;

fn terraform(name: &str, after: &[&str], operation: &str, size: u32) -> shared::domain::plan::PlannedStep {
    let config = json!({
        "operation": operation, "module": MODULE, "variables": {"size": size}, "secretVariables": {"password": "account"},
    });
    reaching(step(name, after, "terraform", config), &[], &["account"])
}

#[tokio::test]
async fn a_plan_finds_no_change_and_then_a_drift_and_never_writes_the_state() {
    let scene = Scene::with(&[], &[("account", "pass-7d1e")]).await;
    let of = scene.stage.resource().await;
    let steps = vec![
        terraform("before", &[], "plan", 3),
        terraform("apply", &["before"], "apply", 3),
        terraform("same", &["apply"], "plan", 3),
        shell("meddle", &["same"], "echo by hand > real"),
        terraform("differs", &["meddle"], "plan", 4),
        terraform("read", &["differs"], "output", 4),
    ];
    let run = scene.completes_for(steps, Some(of)).await;
    let before = scene.outputs(run, "before").await;
    assert_eq!((&before["changed"], &before["changes"]), (&json!(true), &json!(4)), "{before}");
    assert_eq!(scene.outputs(run, "same").await, json!({"changed": false, "changes": 0, "drift": []}));

    let differs = scene.outputs(run, "differs").await;
    let drift = differs["drift"].as_array().unwrap();
    let of_address =
        |address: &str| drift.iter().find(|one| one["address"] == address).unwrap_or_else(|| panic!("{differs}"));
    let file = of_address("terraform_data.file");
    assert_eq!(
        (&file["actions"], &file["before"]["input"], &file["after"]["input"]),
        (&json!(["update"]), &json!("nothing"), &json!("by hand\n"))
    );
    assert_eq!(of_address("terraform_data.account")["after"]["input"], json!({"size": 4, "password": "(sensitive)"}));
    assert!(!differs.to_string().contains("pass-7d1e"));

    // Nothing but the apply has written: what the last plans and the output saw is what it left.
    let kept = state::current(scene.stage.store.pool(), of.1).await.unwrap().unwrap();
    let content: Value = serde_json::from_slice(&kept.content).unwrap();
    assert_eq!(content["outputs"]["size"]["value"], 3);
    assert_eq!(scene.outputs(run, "read").await["size"], 3);
    assert_eq!(scene.stage.step(run, "read").await.sensitive_outputs, ["password"]);
    let applied = scene.outputs(run, "apply").await;
    assert_eq!(applied["size"], 3);
}

#[tokio::test]
async fn a_destroy_empties_the_state_and_an_error_is_told_in_one_line() {
    let scene = Scene::with(&[], &[("account", "pass-7d1e")]).await;
    let of = scene.stage.resource().await;
    let mut looked = terraform("looked", &["apply"], "plan", 1);
    looked.config.insert("destroy".into(), json!(true));
    let mut apply = terraform("apply", &[], "apply", 1);
    apply.config.insert("outputs".into(), json!(["size"]));
    let run = scene.completes_for(vec![apply, looked, terraform("destroy", &["looked"], "destroy", 1)], Some(of)).await;
    assert_eq!(scene.outputs(run, "apply").await, json!({"size": 1}));
    assert_eq!(scene.outputs(run, "looked").await["drift"][0]["actions"], json!(["delete"]));
    let kept = state::current(scene.stage.store.pool(), of.1).await.unwrap().unwrap();
    let content: Value = serde_json::from_slice(&kept.content).unwrap();
    assert_eq!(content["resources"], json!([]));

    let module = "resource \"terraform_data\" \"a\" {\n  input = var.missing\n}\n";
    let (_, error) = scene.fails(vec![step("bad", &[], "terraform", json!({"module": module}))]).await;
    assert!(error.contains("Error: Reference to undeclared input variable"), "{error}");
}
