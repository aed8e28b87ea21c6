//! `kubernetes`, against a stand-in API server that is reached through a step's gate.

use serde_json::{Value, json};
use shared::domain::plan::PlannedStep;

use crate::step_types::{
    Scene,
    cluster::{Cluster, NAME, TOKEN},
    reaching, shell, step,
};

async fn scene() -> (Scene, Cluster) {
    let cluster = Cluster::start().await;
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u", "namespace": "from-config"}}],
        "clusters": [{"name": "c", "cluster": {"server": format!("https://{NAME}:{}", cluster.port), "insecure-skip-tls-verify": true}}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
    });
    let secrets = [("token", TOKEN), ("ca", cluster.ca.as_str()), ("kubeconfig", &kubeconfig.to_string())];
    let scene = Scene::with(&[(NAME, cluster.port)], &secrets).await;
    (scene, cluster)
}

fn on(cluster: &Cluster, name: &str, after: &[&str], config: Value) -> PlannedStep {
    let mut whole = json!({
        "server": format!("https://{NAME}:{}", cluster.port), "tokenSecret": "token", "caSecret": "ca", "namespace": "shop",
        "timeout": "60s",
    });
    whole.as_object_mut().unwrap().extend(config.as_object().cloned().unwrap());
    reaching(step(name, after, "kubernetes", whole), &[NAME], &["token", "ca"])
}

const WEB: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {app: web}}
data: {colour: blue, size: '3'}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: 'nginx:1'}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
";

#[tokio::test]
async fn objects_are_applied_awaited_read_and_deleted() {
    let (scene, cluster) = scene().await;
    let steps = vec![
        on(&cluster, "apply", &[], json!({"operation": "apply", "manifest": WEB, "createNamespace": true})),
        on(&cluster, "ready", &["apply"], json!({"operation": "wait", "resource": "deployment/web"})),
        on(
            &cluster,
            "available",
            &["apply"],
            json!({"operation": "wait", "resource": "deploy/web", "for": "condition=Available"}),
        ),
        on(
            &cluster,
            "read",
            &["ready"],
            json!({"operation": "get", "resource": "deployment", "name": "web", "select": {"ready": ".status.readyReplicas", "image": ".spec.template.spec.containers[0].image"}}),
        ),
        on(
            &cluster,
            "listed",
            &["ready"],
            json!({"operation": "get", "resource": "configmaps", "selector": "app=web", "select": {"names": "[.items[].metadata.name]"}}),
        ),
    ];
    let run = scene.completes(steps).await;
    let applied = scene.outputs(run, "apply").await;
    assert_eq!(applied["count"], 3);
    assert_eq!(
        (&applied["objects"][1]["kind"], &applied["objects"][1]["namespace"]),
        (&json!("Deployment"), &json!("shop"))
    );
    let read = scene.outputs(run, "read").await;
    assert_eq!((&read["ready"], &read["image"], &read["found"]), (&json!(2), &json!("nginx:1"), &json!(true)));
    assert_eq!(scene.outputs(run, "listed").await["names"], json!(["settings"]));
    assert_eq!(cluster.object("configmaps", "shop", "settings").unwrap()["data"]["colour"], "blue");

    let steps = vec![
        // One waits for the end that the other brings about.
        on(&cluster, "gone", &[], json!({"operation": "wait", "resource": "deployment/web", "for": "delete"})),
        on(&cluster, "delete", &[], json!({"operation": "delete", "manifest": WEB})),
        on(&cluster, "again", &["delete"], json!({"operation": "delete", "resource": "configmap", "name": "settings"})),
        on(&cluster, "absent", &["delete"], json!({"operation": "get", "resource": "svc/web", "ignoreNotFound": true})),
    ];
    let run = scene.completes(steps).await;
    assert_eq!(scene.outputs(run, "delete").await["count"], 3);
    assert_eq!(scene.outputs(run, "again").await["count"], 0);
    assert_eq!(scene.outputs(run, "absent").await["found"], json!(false));
    assert_eq!(cluster.object("deployments", "shop", "web"), None);
    assert!(!scene.told(run).await.contains(TOKEN));
}

#[tokio::test]
async fn a_second_apply_drops_what_is_no_longer_said_and_leaves_what_others_own() {
    let (scene, cluster) = scene().await;
    let map =
        |data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data});
    let apply = |name: &str, data: Value, more: Value| {
        let mut config = json!({"operation": "apply", "manifest": map(data), "namespace": "default"});
        config.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        on(&cluster, name, &[], config)
    };
    scene.completes(vec![apply("first", json!({"a": "1", "b": "2"}), json!({}))]).await;
    cluster.apply_as("somebody", "configmaps", "default", &map(json!({"c": "theirs"})));
    scene.completes(vec![apply("second", json!({"a": "1"}), json!({}))]).await;
    assert_eq!(cluster.object("configmaps", "default", "settings").unwrap()["data"], json!({"a": "1", "c": "theirs"}));

    let (_, error) = scene.fails(vec![apply("conflict", json!({"c": "mine"}), json!({}))]).await;
    assert!(error.contains("conflict"), "{error}");
    scene.completes(vec![apply("force", json!({"c": "mine"}), json!({"force": true}))]).await;
    assert_eq!(cluster.object("configmaps", "default", "settings").unwrap()["data"], json!({"c": "mine"}));
    cluster.alter("configmaps", "default", "settings", |object| object["data"]["c"] = "by hand".into());
    scene.completes(vec![apply("mend", json!({"c": "mine"}), json!({}))]).await;
    assert_eq!(cluster.object("configmaps", "default", "settings").unwrap()["data"]["c"], "mine");
}

#[tokio::test]
async fn a_diff_tells_what_somebody_changed_and_changes_nothing() {
    let (scene, cluster) = scene().await;
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "data": {"password": "YQ=="}});
    let objects = format!("{WEB}---\n{secret}\n");
    let diff =
        |name: &str, after: &[&str]| on(&cluster, name, after, json!({"operation": "diff", "manifest": objects}));
    let apply = on(&cluster, "apply", &["before"], json!({"manifest": objects, "createNamespace": true}));
    let run = scene.completes(vec![diff("before", &[]), apply, diff("same", &["apply"])]).await;
    let before = scene.outputs(run, "before").await;
    assert_eq!((&before["changed"], &before["changes"]), (&json!(true), &json!(4)));
    assert_eq!(scene.outputs(run, "same").await, json!({"changed": false, "changes": 0, "drift": []}));

    cluster.alter("deployments", "shop", "web", |object| object["spec"]["replicas"] = 5.into());
    cluster.alter("configmaps", "shop", "settings", |object| object["data"]["extra"] = "not ours".into());
    cluster.alter("secrets", "shop", "login", |object| object["data"]["password"] = "Yg==".into());
    let run = scene.completes(vec![diff("differs", &[])]).await;
    let differs = scene.outputs(run, "differs").await;
    let wanted = json!([
        {"object": "Deployment shop/web", "path": ".spec.replicas", "wanted": 2, "found": 5},
        {"object": "Secret shop/login", "path": ".data.password", "wanted": "(sensitive)", "found": "(sensitive)"},
    ]);
    assert_eq!(differs["drift"], wanted);
    assert_eq!(cluster.object("deployments", "shop", "web").unwrap()["spec"]["replicas"], 5);
}

#[tokio::test]
async fn a_kubeconfig_will_do_and_files_of_the_workspace_and_secrets_stay_hidden() {
    let (scene, cluster) = scene().await;
    let lay = "mkdir -p out; cat > out/secret.yaml <<'END'\napiVersion: v1\nkind: Secret\nmetadata: {name: login}\ndata: {password: aHVudGVyMi1sb25n}\nEND";
    let with = |name: &str, after: &[&str], config: Value| {
        let mut whole = json!({"kubeconfigSecret": "kubeconfig"});
        whole.as_object_mut().unwrap().extend(config.as_object().cloned().unwrap());
        reaching(step(name, after, "kubernetes", whole), &[NAME], &["kubeconfig"])
    };
    let steps = vec![
        shell("lay", &[], lay),
        with("namespace", &["lay"], json!({"operation": "create-namespace", "namespace": "from-config"})),
        with("apply", &["namespace"], json!({"operation": "apply", "manifests": ["out"]})),
        with(
            "read",
            &["apply"],
            json!({"operation": "get", "resource": "secret/login", "select": {"password": ".data.password"}}),
        ),
    ];
    let run = scene.completes(steps).await;
    assert!(cluster.object("secrets", "from-config", "login").is_some());
    assert_eq!(scene.outputs(run, "read").await["password"], "hunter2-long");
    assert_eq!(scene.stage.step(run, "read").await.sensitive_outputs, ["object", "password"]);
}

#[tokio::test]
async fn what_the_server_refuses_is_told() {
    let (scene, cluster) = scene().await;
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "dta": {}});
    let (_, error) =
        scene.fails(vec![on(&cluster, "typo", &[], json!({"manifest": map, "namespace": "default"}))]).await;
    assert!(error.contains(".dta: field not declared in schema"), "{error}");
    let (_, error) = scene.fails(vec![on(&cluster, "nowhere", &[], json!({"manifest": WEB}))]).await;
    assert!(
        error.contains("namespaces \\\"shop\\\" not found") || error.contains("namespaces \"shop\" not found"),
        "{error}"
    );
    let (_, error) =
        scene.fails(vec![on(&cluster, "absent", &[], json!({"operation": "get", "resource": "cm/none"}))]).await;
    assert!(error.contains("not found"), "{error}");
    let untrusted = json!({"server": format!("https://{NAME}:{}", cluster.port), "tokenSecret": "token", "operation": "get", "resource": "ns"});
    let (_, error) =
        scene.fails(vec![reaching(step("untrusted", &[], "kubernetes", untrusted), &[NAME], &["token"])]).await;
    assert!(error.contains("certificate") || error.contains("x509"), "{error}");
}
