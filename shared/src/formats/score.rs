//! Score v1b1: what a team says its application needs.

mod container;
mod files;
mod names;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use container::{
    Before, Compute, Container, ContainerFile, ContainerVolume, Exec, Header, HttpProbe, Limits, Probe, Ready,
};
pub(crate) use files::sources;
pub use files::{Embedded, FileSource, embed};

use super::{
    canonical,
    cursor::{Cursor, Document, Fields},
    problem::{Problem, Warning, code},
};
use crate::domain::resource;

/// The only version there is.
pub const API_VERSION: &str = "score.dev/v1b1";

/// How strictly a Score file is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// What the specification allows and nothing else.
    #[default]
    Strict,
    /// Also what Innominatus' files have: `properties` for `params`, `env` for `variables`, top-level `environment` and
    /// `workflows`; one warning each.
    Compat,
}

/// A workload and what it needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Score {
    /// The application's name, annotations and whatever else its authors note.
    pub metadata: Metadata,
    /// Published ports by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// At least one.
    pub containers: BTreeMap<String, Container>,
    /// By the name that placeholders use.
    #[serde(default)]
    pub resources: BTreeMap<String, ScoreResource>,
}

/// Metadata of a workload. Open: other keys are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// A DNS label of 2 to 63 characters.
    pub name: String,
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// All other keys.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// What the workload offers to others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Ports by name.
    #[serde(default)]
    pub ports: BTreeMap<String, Port>,
}

/// One published port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Port {
    /// The port others use.
    pub port: u16,
    /// `TCP` (the default) or `UDP`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// The container's port; the same as `port` when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_port: Option<u16>,
}

/// One thing the workload needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScoreResource {
    /// Chooses the provider.
    #[serde(rename = "type")]
    pub kind: String,
    /// A variant of the type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Shared by all workloads that ask for the same type, class and id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Other metadata than annotations.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    /// `metadata.annotations`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// As written, with placeholders.
    #[serde(default)]
    pub params: Map<String, Value>,
}

/// A Score file that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// What it says.
    pub score: Score,
    /// What its author should change; only in [`Mode::Compat`] and for deprecated forms.
    pub warnings: Vec<Warning>,
    /// Files of its containers that it names instead of holding them.
    pub sources: Vec<FileSource>,
}

/// Reads a Score file, YAML or JSON, and checks its placeholders.
///
/// # Errors
/// All that is wrong with it, with line and column.
pub fn parse(text: &str, mode: Mode) -> Result<Parsed, Vec<Problem>> {
    parse_file(text, mode, None)
}

/// As [`parse`]; problems name `file`.
///
/// # Errors
/// As [`parse`].
pub fn parse_file(text: &str, mode: Mode, file: Option<&str>) -> Result<Parsed, Vec<Problem>> {
    let document = Document::parse(text, file)?;
    let score = read(&document.root(), mode).unwrap_or_default();
    if !document.has_problems() {
        for problem in super::placeholder::check(&score) {
            document.report(problem.code, &problem.path, problem.message);
        }
    }
    let sources = files::sources(document.root().value, document.positions());
    let (score, warnings) = document.finish(score)?;
    Ok(Parsed { score, warnings, sources })
}

impl Score {
    /// What makes two requests ask for the same resource; `None` when the workload has no resource of that name.
    #[must_use]
    pub fn identity(&self, name: &str) -> Option<String> {
        let asked = self.resources.get(name)?;
        let (class, id) = (asked.class.as_deref(), asked.id.as_deref());
        Some(resource::identity(&asked.kind, class, id, &self.metadata.name, name))
    }
}

/// SHA-256 of what the file says, whatever its layout and order of keys.
#[must_use]
pub fn digest(score: &Score) -> [u8; 32] {
    canonical::digest(&serde_json::to_value(score).unwrap_or_default())
}

fn read(root: &Cursor<'_>, mode: Mode) -> Option<Score> {
    let known = ["apiVersion", "metadata", "service", "containers", "resources"];
    let fields = match mode {
        Mode::Strict => root.fields(&known)?,
        Mode::Compat => {
            let fields = root.fields(&[&known[..], &["environment", "workflows"]].concat())?;
            for key in ["environment", "workflows"] {
                if let Some(found) = fields.given(key) {
                    found.warn(format!("'{key}' is not part of Score and is ignored; remove it"));
                }
            }
            fields
        }
    };
    if let Some(version) = fields.need("apiVersion")
        && version.string().is_some_and(|text| text != API_VERSION)
    {
        version.report(code::INVALID_VALUE, format!("'apiVersion' must be '{API_VERSION}'"));
    }
    let metadata = fields.need("metadata").and_then(|at| metadata(&at));
    let service = fields.given("service").and_then(|at| service(&at));
    let mut containers = BTreeMap::new();
    if let Some(at) = fields.need("containers") {
        for (name, container) in at.named(&names::LABEL, names::LABEL_IS) {
            if let Some(container) = container::read(&container, mode) {
                containers.insert(name.to_owned(), container);
            }
        }
        if at.value.as_object().is_some_and(Map::is_empty) {
            at.report(code::INVALID_VALUE, "at least one container is needed");
        }
    }
    let mut resources = BTreeMap::new();
    if let Some(at) = fields.given("resources") {
        for (name, resource) in at.named(&names::LABEL, names::LABEL_IS) {
            if let Some(resource) = read_resource(&resource, mode) {
                resources.insert(name.to_owned(), resource);
            }
        }
    }
    Some(Score { metadata: metadata?, service, containers, resources })
}

fn metadata(at: &Cursor<'_>) -> Option<Metadata> {
    let fields = at.open_fields()?;
    let name = fields.need("name").and_then(|name| name.matching(&names::LABEL, names::LABEL_IS));
    let annotations = annotations(&fields);
    let mut rest = at.map()?.clone();
    rest.retain(|key, _| key != "name" && key != "annotations");
    Some(Metadata { name: name?.to_owned(), annotations, rest })
}

fn annotations(fields: &Fields<'_>) -> BTreeMap<String, String> {
    let Some(at) = fields.given("annotations") else { return BTreeMap::new() };
    at.named(&names::ANNOTATION, "an annotation's name, like 'example.com/some-name'")
        .into_iter()
        .filter_map(|(key, value)| {
            names::check_annotation_length(key, &value);
            Some((key.to_owned(), value.string()?.to_owned()))
        })
        .collect()
}

fn service(at: &Cursor<'_>) -> Option<Service> {
    let fields = at.fields(&["ports"])?;
    let mut ports = BTreeMap::new();
    if let Some(at) = fields.given("ports") {
        for (name, at) in at.named(&names::LABEL, names::LABEL_IS) {
            let Some(fields) = at.fields(&["port", "protocol", "targetPort"]) else { continue };
            let port = fields.need("port").and_then(|at| names::port(&at));
            let protocol = fields.given("protocol").and_then(|at| at.choice(&["TCP", "UDP"])).map(str::to_owned);
            let target_port = fields.given("targetPort").and_then(|at| names::port(&at));
            if let Some(port) = port {
                ports.insert(name.to_owned(), Port { port, protocol, target_port });
            }
        }
    }
    Some(Service { ports })
}

fn read_resource(at: &Cursor<'_>, mode: Mode) -> Option<ScoreResource> {
    let known = ["type", "class", "id", "metadata", "params"];
    let fields = match mode {
        Mode::Strict => at.fields(&known)?,
        Mode::Compat => at.fields(&[&known[..], &["properties"]].concat())?,
    };
    let kind = fields.need("type").and_then(|at| at.matching(&names::TYPE, names::TYPE_IS));
    let class = fields.given("class").and_then(|at| at.matching(&names::TYPE, names::TYPE_IS)).map(str::to_owned);
    let id = fields.given("id").and_then(|at| names::id(&at));
    let mut metadata = Map::new();
    let mut notes = BTreeMap::new();
    if let Some(at) = fields.given("metadata")
        && let Some(inner) = at.open_fields()
    {
        notes = annotations(&inner);
        metadata = at.map().cloned().unwrap_or_default();
        metadata.remove("annotations");
    }
    let mut params = fields.given("params").and_then(|at| at.map().cloned()).unwrap_or_default();
    if mode == Mode::Compat
        && let Some(at) = fields.given("properties")
    {
        at.warn("'properties' is not part of Score; write 'params'");
        for (key, value) in at.map().into_iter().flatten() {
            params.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    Some(ScoreResource { kind: kind?.to_owned(), class, id, metadata, annotations: notes, params })
}
