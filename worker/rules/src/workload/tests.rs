use serde_json::json;

use super::*;

fn shop() -> Value {
    json!({
        "application": "shop", "team": "Sales", "namespace": "{team}-apps",
        "metadata": {"name": "shop", "annotations": {"slipway.dev/replicas": "3"}},
        "service": {"ports": {"metrics": {"port": 9090}, "web": {"port": 80, "targetPort": 8080}, "dns": {"port": 53, "protocol": "UDP"}}},
        "containers": {
            "main": {
                "image": "shop:2", "command": ["serve"], "args": ["--greeting", "$(HOSTNAME) costs $5"],
                "variables": {"URL": "postgres://u:hunter2@db/shop", "PORT": 5432, "MODE": "fast"},
                "files": {
                    "/etc/shop/main.conf": {"content": "mode = fast\n", "mode": "0644"},
                    "/etc/shop/key.pem": {"content": "hunter2", "mode": "0600"},
                    "/etc/shop/logo": {"binaryContent": "AAEC"},
                },
                "volumes": {
                    "/data": {"source": {"source": {"persistentVolumeClaim": {"claimName": "disk"}}, "size": "1Gi"}, "path": "/sub"},
                    "/cache": {"source": "shared-cache", "readOnly": true},
                },
                "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "512Mi"}},
                "livenessProbe": {"httpGet": {"path": "/alive", "port": 8080}},
                "readinessProbe": {"exec": {"command": ["ready"]}},
            },
            "migrate": {"image": "migrate:1", "before": {"main": {"ready": "complete"}}, "livenessProbe": {"exec": {"command": ["x"]}}},
            "proxy": {
                "image": "proxy:1", "before": {"main": {"ready": "healthy"}, "migrate": {"ready": "started"}},
                "readinessProbe": {"httpGet": {"path": "/", "port": 1}},
            },
        },
        "fromResources": [
            "/containers/main/variables/URL", "/containers/main/variables/PORT", "/containers/main/files/~1etc~1shop~1key.pem",
        ],
    })
}

fn render(value: Value) -> anyhow::Result<Rendered> {
    objects::render(&serde_json::from_value(value).unwrap())
}

fn wrong(change: impl FnOnce(&mut Value)) -> String {
    let mut value = shop();
    change(&mut value);
    render(value).unwrap_err().to_string()
}

fn yaml(rendered: &Rendered) -> String {
    let objects = rendered.objects.iter().chain(&rendered.absent).map(|it| serde_yaml::to_string(it).unwrap());
    objects.collect::<Vec<_>>().join("---\n") + "=== " + &json!(rendered.outputs).to_string()
}

#[test]
fn a_workload_with_everything() {
    insta::assert_snapshot!(yaml(&render(shop()).unwrap()));
}

#[test]
fn a_workload_with_nothing_but_a_container() {
    let bare = json!({"application": "1st", "containers": {"main": {"image": "web"}}});
    insta::assert_snapshot!(yaml(&render(bare).unwrap()));
}

#[test]
fn what_came_from_resources_is_in_the_secret_alone() {
    let rendered = render(shop()).unwrap();
    let others: Vec<&Value> = rendered.objects.iter().filter(|it| it["kind"] != "Secret").collect();
    assert!(!json!(others).to_string().contains("hunter2"), "{others:#?}");
    assert!(!json!(rendered.outputs).to_string().contains("hunter2"));
    let mut omitted = shop();
    omitted["secrets"] = json!("omit");
    let omitted = render(omitted).unwrap();
    assert_eq!((omitted.objects.len(), &omitted.outputs["secret"]), (3, &json!("shop-secrets")));
}

#[test]
fn another_value_replaces_the_pods_and_the_same_leaves_them() {
    let checksum = |value: Value| {
        let rendered = render(value).unwrap();
        let deployment = rendered.objects.into_iter().find(|it| it["kind"] == "Deployment").unwrap();
        deployment["spec"]["template"]["metadata"]["annotations"]["slipway.dev/checksum"].clone()
    };
    let mut other = shop();
    other["containers"]["main"]["variables"]["URL"] = json!("elsewhere");
    assert_eq!(checksum(shop()), checksum(shop()));
    assert_ne!(checksum(shop()), checksum(other));
}

#[test]
fn names_keep_to_the_limits_and_apart() {
    let long = "a".repeat(63);
    assert_eq!(names::object(&long), long);
    let digits = names::object(&"1".repeat(63));
    assert!(digits.len() <= 63 && digits.starts_with("w-1"), "{digits}");
    assert_ne!(names::object("1a"), "w-1a");
    let keys =
        [names::key("c", "/a/b"), names::key("c", "/a_b"), names::key("c", "a_b"), names::key("c", &"/x".repeat(400))];
    for key in &keys {
        assert!(key.len() <= 253 && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)), "{key}");
    }
    assert!(keys[0] != keys[1] && keys[1] != keys[2]);
}

#[test]
fn what_kubernetes_cannot_do_is_told() {
    assert!(wrong(|it| it["containers"]["main"]["image"] = json!(".")).contains("the image '.'"));
    assert!(wrong(|it| it["namespace"] = json!("A B")).contains("no namespace"));
    let circle = json!({"migrate": {"ready": "started"}});
    assert!(wrong(|it| it["containers"]["main"]["before"] = circle).contains("in a circle: main, migrate"));
    let nobody = json!({"nobody": {"ready": "started"}});
    assert!(wrong(|it| it["containers"]["main"]["before"] = nobody).contains("'nobody', which there is none of"));
    let file = json!({"/f": {"source": "./f"}});
    assert!(wrong(|it| it["containers"]["main"]["files"] = file).contains("on its author's machine"));
    let large = json!({"/f": {"content": "x".repeat(LARGEST)}});
    assert!(wrong(|it| it["containers"]["main"]["files"] = large).contains("are allowed"));
    let volume = json!({"/v": {"source": {"size": 1, "name": "x"}}});
    assert!(wrong(|it| it["containers"]["main"]["volumes"] = volume).contains("has no `source`"));
    assert!(wrong(|it| it["metadata"]["annotations"]["slipway.dev/replicas"] = json!("many")).contains("'many'"));
}

#[test]
fn files_of_an_earlier_try_are_not_among_the_manifests() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join("manifests")).unwrap();
    std::fs::write(folder.path().join("manifests/old.yaml"), "").unwrap();
    let asked: Asked = serde_json::from_value(shop()).unwrap();
    write(&asked, folder.path()).unwrap();
    let mut files: Vec<_> =
        std::fs::read_dir(folder.path().join("manifests")).unwrap().map(|it| it.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["configmap.yaml", "deployment.yaml", "secret.yaml", "service.yaml"]);
}
