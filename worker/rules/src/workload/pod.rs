//! The pod: containers, what they mount, and their order.

use std::collections::BTreeMap;

use anyhow::{bail, ensure};
use serde_json::{Map, Value, json};

use super::{
    asked::{Asked, Container, Probe, Volume},
    config::Data,
    order::{self, Part},
};

/// The pod's specification.
///
/// # Errors
/// What Kubernetes cannot do as it is asked for.
pub(super) fn spec(asked: &Asked, data: &Data, config_map: &str, secret: &str) -> anyhow::Result<Value> {
    let mut volumes = Volumes::default();
    let (mut first, mut main) = (Vec::new(), Vec::new());
    for (name, container, part) in order::sorted(&asked.containers)? {
        let made = one(name, container, part, data, &mut volumes)?;
        if part == Part::Main { main.push(made) } else { first.push(made) }
    }
    let mut all = Vec::new();
    if !data.plain_items.is_empty() {
        all.push(json!({"name": "files", "configMap": {"name": config_map, "items": data.plain_items}}));
    }
    if !data.secret_items.is_empty() {
        all.push(json!({"name": "files-of-resources", "secret": {"secretName": secret, "items": data.secret_items}}));
    }
    all.extend(volumes.listed);
    let mut spec = json!({"automountServiceAccountToken": false, "enableServiceLinks": false});
    for (key, list) in [("initContainers", first), ("containers", main), ("volumes", all)] {
        if !list.is_empty() {
            spec[key] = list.into();
        }
    }
    Ok(spec)
}

fn one(name: &str, container: &Container, part: Part, data: &Data, volumes: &mut Volumes) -> anyhow::Result<Value> {
    ensure!(
        !container.image.is_empty() && container.image != ".",
        "the container '{name}' has the image '{}': name one that the cluster can pull",
        container.image
    );
    let mut made = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value.filter(|value| value.as_array().is_none_or(|list| !list.is_empty())) {
            made.insert(key.to_owned(), value);
        }
    };
    let words = |list: &Option<Vec<String>>| list.as_ref().map(|list| list.iter().map(|text| verbatim(text)).collect());
    set("name", Some(name.into()));
    set("image", Some(container.image.clone().into()));
    set("command", words(&container.command));
    set("args", words(&container.args));
    set("env", data.env.get(name).cloned().map(Value::from));
    set("resources", container.resources.clone().map(Value::Object));
    set("securityContext", Some(json!({"allowPrivilegeEscalation": false})));
    let (alive, ready) = (probe(container.liveness_probe.as_ref()), probe(container.readiness_probe.as_ref()));
    match part {
        // One that ends is neither alive nor ready for others.
        Part::Init => {}
        Part::Main | Part::Sidecar { .. } => {
            if part == (Part::Sidecar { healthy: true }) {
                set("startupProbe", ready.clone().or_else(|| alive.clone()));
            }
            set("livenessProbe", alive);
            set("readinessProbe", ready);
        }
    }
    if matches!(part, Part::Sidecar { .. }) {
        set("restartPolicy", Some("Always".into()));
    }
    let mut mounts = data.mounts.get(name).cloned().unwrap_or_default();
    for (target, volume) in &container.volumes {
        let mut mount = json!({"name": volumes.named(name, target, volume)?, "mountPath": target});
        if let Some(path) = &volume.path {
            mount["subPath"] = json!(path.trim_start_matches('/'));
        }
        if volume.read_only == Some(true) {
            mount["readOnly"] = true.into();
        }
        mounts.push(mount);
    }
    set("volumeMounts", Some(mounts.into()));
    Ok(Value::Object(made))
}

/// Kubernetes asks in one way: by HTTP where both are given.
fn probe(probe: Option<&Probe>) -> Option<Value> {
    let Probe { http_get, exec } = probe?;
    http_get.as_ref().map(|it| json!({"httpGet": it})).or_else(|| exec.as_ref().map(|it| json!({"exec": it})))
}

/// A text that Kubernetes hands on as it is: it fills in `$(NAME)` where the dollar sign is not doubled.
pub(super) fn verbatim(text: &str) -> String {
    if text.contains("$(") || text.contains("$$") { text.replace('$', "$$") } else { text.to_owned() }
}

/// The pod's volumes, each source once.
#[derive(Default)]
struct Volumes {
    names: BTreeMap<String, String>,
    listed: Vec<Value>,
}

impl Volumes {
    /// The name of the volume of this source: a claim's name, or a resource's output that says what Kubernetes should mount.
    fn named(&mut self, container: &str, target: &str, volume: &Volume) -> anyhow::Result<String> {
        let source = match &volume.source {
            Value::String(claim) if !claim.is_empty() => json!({"persistentVolumeClaim": {"claimName": claim}}),
            Value::Object(outputs) => match outputs.get("source") {
                Some(source @ Value::Object(_)) => source.clone(),
                Some(Value::String(claim)) => json!({"persistentVolumeClaim": {"claimName": claim}}),
                _ if outputs.len() == 1 && outputs.values().all(Value::is_object) => json!(outputs),
                _ => bail!(
                    "{container}: the source of the volume {target} has no `source`: the resource has to give one that \
                     Kubernetes knows, like {{\"persistentVolumeClaim\": {{\"claimName\": …}}}}"
                ),
            },
            _ => bail!("{container}: the source of the volume {target} is neither a claim's name nor an object"),
        };
        let count = self.names.len();
        Ok(match self.names.get(&source.to_string()) {
            Some(name) => name.clone(),
            None => {
                let name = format!("volume-{count}");
                self.names.insert(source.to_string(), name.clone());
                let mut listed = Map::from_iter([("name".to_owned(), Value::from(name.clone()))]);
                listed.extend(source.as_object().cloned().unwrap_or_default());
                self.listed.push(Value::Object(listed));
                name
            }
        })
    }
}
