//! A workload as it arrives: a Score file's containers with all placeholders filled.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// What to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Operation {
    /// Writes the manifests.
    #[default]
    Render,
    /// Writes none, and says how the objects are found that should go.
    Remove,
}

/// What becomes of the Secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Secrets {
    /// It is among the manifests.
    #[default]
    Write,
    /// Somebody else makes it.
    Omit,
}

/// The step's configuration.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Asked {
    pub(crate) operation: Operation,
    pub(crate) application: String,
    pub(crate) team: String,
    /// May hold `{application}` and `{team}`.
    pub(crate) namespace: String,
    pub(crate) metadata: Metadata,
    pub(crate) containers: BTreeMap<String, Container>,
    pub(crate) service: Service,
    /// JSON pointers to the variables and files whose text came from resources.
    pub(crate) from_resources: Vec<String>,
    pub(crate) secrets: Secrets,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Metadata {
    pub(crate) annotations: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Service {
    pub(crate) ports: BTreeMap<String, Port>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Port {
    pub(crate) port: u16,
    pub(crate) protocol: Option<String>,
    pub(crate) target_port: Option<u16>,
}

/// One container. What Kubernetes writes as Score does is taken over as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Container {
    pub(crate) image: String,
    pub(crate) command: Option<Vec<String>>,
    pub(crate) args: Option<Vec<String>>,
    /// Text, or whatever a placeholder was filled with.
    pub(crate) variables: BTreeMap<String, Value>,
    pub(crate) files: BTreeMap<String, File>,
    pub(crate) volumes: BTreeMap<String, Volume>,
    pub(crate) before: BTreeMap<String, Before>,
    pub(crate) resources: Option<Map<String, Value>>,
    pub(crate) liveness_probe: Option<Probe>,
    pub(crate) readiness_probe: Option<Probe>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct File {
    pub(crate) mode: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) content: Option<Value>,
    pub(crate) binary_content: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Volume {
    pub(crate) source: Value,
    pub(crate) path: Option<String>,
    pub(crate) read_only: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Before {
    pub(crate) ready: Ready,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ready {
    Started,
    Healthy,
    Complete,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Probe {
    pub(crate) http_get: Option<Value>,
    pub(crate) exec: Option<Value>,
}

/// A value as the text that a container sees.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
