//! The objects of a workload.

use anyhow::{Context as _, ensure};
use serde_json::{Map, Value, json};

use super::{
    asked::{Asked, Operation, Port, Secrets},
    config::Data,
    names, pod,
};

/// The annotation that says how many pods there should be; without it, whoever scales them decides.
const REPLICAS: &str = "slipway.dev/replicas";
/// The annotation by which pods are replaced when what they read has changed.
const CHECKSUM: &str = "slipway.dev/checksum";
/// The value of the label `app.kubernetes.io/managed-by`.
const MANAGER: &str = "slipway";

/// What a workload is on Kubernetes.
#[derive(Debug)]
pub(super) struct Rendered {
    /// What there should be.
    pub(super) objects: Vec<Value>,
    /// What there may be of an earlier time and should be no more, by name alone.
    pub(super) absent: Vec<Value>,
    /// The step's outputs.
    pub(super) outputs: Map<String, Value>,
}

/// # Errors
/// What Kubernetes cannot do as it is asked for.
pub(super) fn render(asked: &Asked) -> anyhow::Result<Rendered> {
    ensure!(names::is_label(&asked.application), "the application's name '{}' is none", asked.application);
    let namespace = namespace(asked)?;
    let name = names::object(&asked.application);
    let mut outputs = Map::new();
    let mut give = |key: &str, value: Value| outputs.insert(key.to_owned(), value);
    give("namespace", namespace.as_str().into());
    give("deployment", name.as_str().into());
    give("selector", format!("app.kubernetes.io/managed-by={MANAGER},app.kubernetes.io/instance={name}").into());
    if asked.operation == Operation::Remove {
        return Ok(Rendered { objects: Vec::new(), absent: Vec::new(), outputs });
    }
    let (config_map, secret) = (format!("{name}-config"), format!("{name}-secrets"));
    let data = Data::of(asked, &config_map, &secret)?;
    let (mut objects, mut absent) = (Vec::new(), Vec::new());
    let mut add = |is_wanted: bool, version: &str, kind: &str, name: &str, rest: Value| {
        let mut object =
            json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}});
        if !is_wanted {
            absent.push(object);
            return;
        }
        object["metadata"]["labels"] = labels(asked);
        if let (Some(object), Value::Object(rest)) = (object.as_object_mut(), rest) {
            object.extend(rest);
        }
        objects.push(object);
    };
    let mut content = Map::new();
    for (key, map) in [("data", &data.plain), ("binaryData", &data.binary)] {
        if !map.is_empty() {
            content.insert(key.to_owned(), json!(map));
        }
    }
    add(!content.is_empty(), "v1", "ConfigMap", &config_map, Value::Object(content));
    if asked.secrets == Secrets::Write {
        add(!data.secret.is_empty(), "v1", "Secret", &secret, json!({"type": "Opaque", "data": data.secret}));
    }
    let ports = &asked.service.ports;
    let listed: Vec<Value> = ports
        .iter()
        .map(|(name, port)| {
            json!({"name": name, "port": port.port, "targetPort": port.target_port.unwrap_or(port.port),
                   "protocol": protocol(port)})
        })
        .collect();
    let service = json!({"spec": {"selector": selector(asked), "ports": listed}});
    add(!ports.is_empty(), "v1", "Service", &name, service);
    let mut spec = json!({
        "selector": {"matchLabels": selector(asked)},
        "template": {
            "metadata": {"labels": labels(asked), "annotations": {CHECKSUM: data.checksum()}},
            "spec": pod::spec(asked, &data, &config_map, &secret)?,
        },
    });
    if let Some(replicas) = asked.metadata.annotations.get(REPLICAS) {
        let wrong = || format!("the annotation {REPLICAS}: '{replicas}' is no number from 0 to 1000");
        let count = replicas.trim().parse::<u16>().ok().filter(|count| *count <= 1000).with_context(wrong)?;
        spec["replicas"] = count.into();
    }
    add(true, "apps/v1", "Deployment", &name, json!({ "spec": spec }));

    give("unwanted", absent.len().into());
    give("secret", if data.secret.is_empty() { Value::Null } else { secret.into() });
    give("service", if ports.is_empty() { Value::Null } else { name.as_str().into() });
    give("host", if ports.is_empty() { Value::Null } else { format!("{name}.{namespace}.svc").into() });
    give("ports", ports.iter().map(|(name, port)| (name.clone(), json!(port.port))).collect::<Map<_, _>>().into());
    give("url", url(asked, &format!("{name}.{namespace}.svc")).into());
    Ok(Rendered { objects, absent, outputs })
}

fn namespace(asked: &Asked) -> anyhow::Result<String> {
    let wanted = if asked.namespace.is_empty() { "default" } else { &asked.namespace };
    let team = asked.team.to_lowercase().replace(['_', '.'], "-");
    let namespace = wanted.replace("{application}", &asked.application).replace("{team}", &team);
    ensure!(names::is_label(&namespace), "'{namespace}' is no namespace: up to 63 lower-case letters, digits and '-'");
    Ok(namespace)
}

fn selector(asked: &Asked) -> Value {
    let name = names::object(&asked.application);
    json!({"app.kubernetes.io/name": name, "app.kubernetes.io/instance": name})
}

fn labels(asked: &Asked) -> Value {
    let mut labels = selector(asked);
    labels["app.kubernetes.io/managed-by"] = MANAGER.into();
    labels
}

fn protocol(port: &Port) -> &str {
    port.protocol.as_deref().unwrap_or("TCP")
}

/// Where the first port is reached that looks like HTTP, else the first one of TCP.
fn url(asked: &Asked, host: &str) -> Option<String> {
    let tcp = || asked.service.ports.iter().filter(|(_, port)| protocol(port) == "TCP");
    let web = tcp().find(|(name, port)| ["http", "web", "www"].contains(&name.as_str()) || port.port == 80);
    let (name, port) = web.or_else(|| tcp().next())?;
    let scheme = if name == "https" || port.port == 443 { "https" } else { "http" };
    Some(format!("{scheme}://{host}:{}", port.port))
}
