//! `ansible`: runs change what they say, checks change nothing and tell it.

use serde_json::json;

use crate::step_types::{Scene, reaching, shell, step};

const PLAYBOOK: &str = r#"
- hosts: all
  gather_facts: false
  tasks:
    - name: write the greeting
      ansible.builtin.copy:
        content: "{{ greeting }}, {{ who }}\n"
        dest: /workspace/greeting.txt
    - name: say where
      ansible.builtin.set_stats:
        data: { where: /workspace/greeting.txt }
"#;

fn playbook(name: &str, after: &[&str], operation: &str) -> shared::domain::plan::PlannedStep {
    let config =
        json!({"operation": operation, "playbook": PLAYBOOK, "variables": {"greeting": "Hello", "who": "you"}});
    // Braces are templates of workflows too; in a provider the playbook is a file.
    let mut step = step(name, after, "ansible", config);
    step.config["playbook"] = json!("plays/site.yaml");
    step
}

#[tokio::test]
async fn a_check_changes_nothing_and_tells_what_a_run_then_does() {
    let scene = Scene::new().await;
    let lay = format!("mkdir -p plays; cat > plays/site.yaml <<'END'\n{}\nEND", PLAYBOOK.replace("{{", "{{ \"{{\" }}"));
    let mut again = playbook("again", &["there"], "check");
    let here = json!({"ansible_connection": "local", "ansible_python_interpreter": "/usr/bin/python3"});
    again.config.insert("inventory".into(), json!({"all": {"hosts": {"here": here}}}));
    let steps = vec![
        shell("lay", &[], &lay),
        playbook("check", &["lay"], "check"),
        shell("nothing", &["check"], "[ ! -e greeting.txt ] && echo absent"),
        playbook("run", &["nothing"], "run"),
        shell("there", &["run"], "cat greeting.txt"),
        again,
    ];
    let run = scene.completes(steps).await;
    let printed = scene.stage.printed(run).await;
    assert!(printed.contains(&"absent".to_owned()) && printed.contains(&"Hello, you".to_owned()), "{printed:?}");
    let check = scene.outputs(run, "check").await;
    assert_eq!(check["changed"], json!(true));
    assert_eq!(check["drift"][0]["task"], "write the greeting");
    assert!(check["drift"][0]["diff"].as_str().unwrap().contains("+Hello, you"), "{check}");
    let ran = scene.outputs(run, "run").await;
    assert_eq!((&ran["changed"], &ran["where"]), (&json!(true), &json!("/workspace/greeting.txt")));
    assert_eq!(ran["hosts"]["localhost"]["changed"], 1);
    let again = scene.outputs(run, "again").await;
    assert_eq!((&again["changed"], &again["drift"]), (&json!(false), &json!([])));
    assert!(again["hosts"]["here"].is_object(), "{again}");
}

#[tokio::test]
async fn collections_come_from_files_and_a_vault_opens_by_a_secret() {
    let scene = Scene::with(&[], &[("vault", "vault-pass-81")]).await;
    let lay = r##"
mkdir -p roles_of/roles/greet/tasks galaxy play
cat > play/requirements.yaml <<'END'
collections:
  - name: ./acme-tools-1.0.0.tar.gz
    type: file
END
mkdir -p acme/roles/greet/tasks
cat > acme/galaxy.yml <<'END'
namespace: acme
name: tools
version: 1.0.0
readme: README.md
authors: [nobody]
END
echo read > acme/README.md
cat > acme/roles/greet/tasks/main.yml <<'END'
- ansible.builtin.copy: {content: "from the collection with {{ "{{" }} hidden }}", dest: /workspace/made.txt}
END
cat > play/site.yaml <<'END'
- hosts: all
  gather_facts: false
  vars_files: [secret.yaml]
  roles: [acme.tools.greet]
END
"##;
    let ansible = json!({"image": "slipway/ansible:1", "command": ["/bin/bash", "-euc", "
cd acme && ansible-galaxy collection build --output-path ../play && cd ../play
printf 'vault-pass-81' > /tmp/pass
printf 'hidden: value\\n' > secret.yaml
ansible-vault encrypt --vault-password-file /tmp/pass secret.yaml"]});
    let config = json!({
        "playbook": "play/site.yaml", "requirements": "play/requirements.yaml", "vaultPasswordSecret": "vault",
    });
    let steps = vec![
        shell("lay", &[], lay),
        step("build", &["lay"], "container", ansible),
        reaching(step("run", &["build"], "ansible", config), &[], &["vault"]),
        shell("there", &["run"], "cat made.txt; echo"),
    ];
    let run = scene.completes(steps).await;
    let printed = scene.stage.printed(run).await;
    assert_eq!(printed.last().unwrap(), "from the collection with value");
}

#[tokio::test]
async fn a_task_that_fails_is_named() {
    let scene = Scene::new().await;
    let playbook = json!([{"hosts": "all", "gather_facts": false, "tasks": [
        {"name": "insist", "ansible.builtin.assert": {"that": ["1 > 2"], "fail_msg": "one is less than two"}},
    ]}]);
    let (_, error) = scene.fails(vec![step("run", &[], "ansible", json!({"playbook": playbook}))]).await;
    assert!(error.contains("localhost: insist: one is less than two"), "{error}");
    let (_, error) = scene.fails(vec![step("run", &[], "ansible", json!({"playbook": "../site.yaml"}))]).await;
    assert!(error.contains("leads out"), "{error}");
}
