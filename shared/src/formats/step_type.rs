//! Step type manifests: what `type: terraform` means.

use std::{collections::BTreeMap, sync::LazyLock};

use regex::Regex;
use serde_json::{Value, json};

use super::{
    cursor::{Cursor, Document},
    duration,
    problem::{Problem, code},
};
use crate::domain::plan::{KeptState, NetworkMode, Privileges, Runs, StepType, StepTypeFile, Workspace};

/// Step types that every installation has: those that the provider `core` brings.
pub const BUILT_IN: [&str; 13] = [
    "ansible",
    "approval",
    "container",
    "git",
    "http",
    "kubernetes",
    "policy",
    "resource-provisioning",
    "shell",
    "terraform",
    "validation",
    "wait",
    "workflow",
];

/// A step type, and what its manifest says for people.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// What runs execute.
    pub step_type: StepType,
    /// `metadata.description`.
    pub description: Option<String>,
    /// What its `operation` may be; the first is the one that is meant where none is given. The schema says so too.
    pub operations: Vec<Named>,
    /// What its steps give back, as far as that does not depend on what they run.
    pub outputs: Vec<Named>,
}

/// Something with a name that people read about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// As it is written in workflows.
    pub name: String,
    /// One line.
    pub description: Option<String>,
    /// The JSON type of an output's value, where it has one.
    pub kind: Option<String>,
}

const KNOWN: [&str; 16] = [
    "apiVersion",
    "kind",
    "metadata",
    "runs",
    "image",
    "command",
    "files",
    "env",
    "config",
    "operations",
    "outputs",
    "grace",
    "privileges",
    "workspace",
    "state",
    "description",
];

static FILE_NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,62}$").expect("the pattern is a constant that the tests compile")
});
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$").expect("the pattern is a constant that the tests compile")
});

/// Reads a step type's manifest; problems name `file`.
///
/// # Errors
/// All that is wrong with it, with line and column.
pub fn parse(text: &str, file: Option<&str>) -> Result<Manifest, Vec<Problem>> {
    let document = Document::parse(text, file)?;
    let manifest = read(&document.root());
    let (manifest, _) = document.finish(manifest)?;
    manifest.ok_or_else(|| vec![Problem::new(code::WRONG_TYPE, "not a step type")])
}

fn read(root: &Cursor<'_>) -> Option<Manifest> {
    let fields = root.fields(&KNOWN)?;
    if let Some(at) = fields.need("apiVersion") {
        at.choice(&["slipway.dev/v1"]);
    }
    if let Some(at) = fields.need("kind") {
        at.choice(&["StepType"]);
    }
    let metadata = fields.need("metadata").and_then(|at| at.fields(&["name", "version", "description"]));
    let metadata = metadata.as_ref();
    let name = metadata
        .and_then(|metadata| metadata.need("name"))
        .and_then(|at| at.matching(&NAME, "a step type's name: lower-case letters, digits and '-'"));
    let version = metadata.and_then(|metadata| metadata.need("version")).and_then(|at| super::provider::version(&at));
    let runs = fields.get("runs").map(|at| runs(&at)).unwrap_or_default();
    let in_container = |key: &str| if runs == Runs::Container { fields.need(key) } else { fields.get(key) };
    if runs != Runs::Container {
        for key in ["image", "command", "files", "privileges", "workspace", "state"] {
            if let Some(at) = fields.get(key) {
                at.report(code::CONFLICT, format!("'{key}' is for step types that run in a container"));
            }
        }
    }
    let image = in_container("image").and_then(|at| at.text());
    let command: Vec<Value> =
        in_container("command").map(|at| at.items()).unwrap_or_default().iter().filter_map(element).collect();
    if let Some(at) = fields.get("command")
        && at.value.as_array().is_some_and(Vec::is_empty)
    {
        at.report(code::INVALID_VALUE, "a command needs a program");
    }
    let operations = fields.get("operations").map(|at| operations(&at)).unwrap_or_default();
    let outputs = fields.get("outputs").map(|at| outputs(&at)).unwrap_or_default();
    let mut config_schema =
        fields.get("config").map(|at| schema(&at)).unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    if !operations.is_empty() && !declare(&mut config_schema, &operations) {
        root.report(code::CONFLICT, "'operations' is what 'operation' may be; 'config' must not say it again");
    }
    let files = fields.get("files").map(|at| files(&at)).unwrap_or_default();
    let grace = fields.get("grace").and_then(|at| {
        let seconds = duration::seconds(at.value).filter(|seconds| *seconds <= 3600.0);
        if seconds.is_none() {
            at.report(code::INVALID_VALUE, "expected a time of at most 1h, like '10s'");
        }
        seconds.map(|seconds| seconds.ceil() as u32)
    });
    let workspace = fields.get("workspace").and_then(|at| at.choice(&["shared", "none"]));
    let step_type = StepType {
        name: name?.to_owned(),
        version: version?.to_string(),
        runs,
        image: if runs == Runs::Container { image?.to_owned() } else { String::new() },
        command,
        files,
        env: fields.get("env").map(|at| environment(&at)).unwrap_or_default(),
        config_schema,
        grace_s: grace.unwrap_or(10),
        privileges: fields.get("privileges").map(|at| privileges(&at)).unwrap_or_default(),
        workspace: if workspace == Some("none") { Workspace::None } else { Workspace::Shared },
        state: fields.get("state").and_then(|at| state(&at)),
    };
    if let (Some(at), Workspace::None) = (fields.get("state"), step_type.workspace) {
        at.report(code::CONFLICT, "'state' is kept in the shared workspace, which 'workspace: none' does not have");
    }
    let description = metadata.and_then(|metadata| metadata.get("description")).and_then(|at| at.string());
    Some(Manifest { step_type, description: description.map(str::to_owned), operations, outputs })
}

fn operations(at: &Cursor<'_>) -> Vec<Named> {
    let mut found: Vec<Named> = Vec::new();
    for item in at.items() {
        let Some(fields) = item.fields(&["name", "description"]) else { continue };
        let Some(name) = fields.need("name").and_then(|at| at.matching(&NAME, "an operation's name")) else { continue };
        if found.iter().any(|one| one.name == name) {
            item.report(code::CONFLICT, format!("another operation is also named '{name}'"));
        }
        let description = fields.get("description").and_then(|at| at.string()).map(str::to_owned);
        found.push(Named { name: name.to_owned(), description, kind: None });
    }
    found
}

fn outputs(at: &Cursor<'_>) -> Vec<Named> {
    const KINDS: [&str; 6] = ["string", "number", "integer", "boolean", "array", "object"];
    let read = |(name, at): (&str, Cursor<'_>)| {
        let fields = at.fields(&["type", "description"])?;
        let kind = fields.get("type").and_then(|at| at.choice(&KINDS)).map(str::to_owned);
        let description = fields.get("description").and_then(|at| at.string()).map(str::to_owned);
        Some(Named { name: name.to_owned(), description, kind })
    };
    at.entries().into_iter().filter_map(read).collect()
}

/// Puts the operations into the schema of the configuration, unless it has its own.
fn declare(schema: &mut Value, operations: &[Named]) -> bool {
    let Some(schema) = schema.as_object_mut() else { return false };
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    let Some(properties) = properties.as_object_mut() else { return false };
    let names: Vec<&str> = operations.iter().map(|one| one.name.as_str()).collect();
    let operation = json!({"enum": names, "default": names[0], "description": "What is done"});
    properties.insert("operation".to_owned(), operation).is_none()
}

fn runs(at: &Cursor<'_>) -> Runs {
    const OWN: [&str; 5] = ["container", "approval", "wait", "workflow", "resource-provisioning"];
    match at.choice(&OWN) {
        Some("approval") => Runs::Approval,
        Some("wait") => Runs::Wait,
        Some("workflow") => Runs::Workflow,
        Some("resource-provisioning") => Runs::ResourceProvisioning,
        _ => Runs::Container,
    }
}

fn element(at: &Cursor<'_>) -> Option<Value> {
    match at.value {
        Value::String(_) => Some(at.value.clone()),
        Value::Number(_) | Value::Bool(_) => Some(Value::String(at.value.to_string())),
        _ => {
            at.report(code::WRONG_TYPE, "expected a string");
            None
        }
    }
}

fn schema(at: &Cursor<'_>) -> Value {
    if let Err(error) = jsonschema::validator_for(at.value) {
        at.report(code::INVALID_VALUE, format!("no JSON Schema: {error}"));
    }
    at.value.clone()
}

fn files(at: &Cursor<'_>) -> Vec<StepTypeFile> {
    let mut found: Vec<StepTypeFile> = Vec::new();
    for item in at.items() {
        let Some(fields) = item.fields(&["name", "content", "executable"]) else { continue };
        let name = fields.need("name").and_then(|at| at.matching(&FILE_NAME, "a plain file name"));
        let content = fields.need("content").and_then(|at| at.string());
        let executable = fields.get("executable").and_then(|at| at.boolean()).unwrap_or(false);
        let (Some(name), Some(content)) = (name, content) else { continue };
        if found.iter().any(|file| file.name == name) {
            item.report(code::CONFLICT, format!("another file is also named '{name}'"));
        }
        found.push(StepTypeFile { name: name.to_owned(), content: content.to_owned(), executable });
    }
    found
}

fn environment(at: &Cursor<'_>) -> BTreeMap<String, String> {
    at.entries()
        .into_iter()
        .filter_map(|(name, at)| {
            let Some(Value::String(text)) = element(&at) else { return None };
            if name.is_empty() || name.contains(['=', '\0']) {
                at.report(code::INVALID_VALUE, "a variable's name may not be empty or hold '='");
            }
            Some((name.to_owned(), text))
        })
        .collect()
}

fn privileges(at: &Cursor<'_>) -> Privileges {
    let Some(fields) = at.fields(&["network", "writableRoot", "memory", "cpu"]) else { return Privileges::default() };
    let network = match fields.get("network").and_then(|at| at.choice(&["none", "internal", "egress"])) {
        Some("internal") => NetworkMode::Internal,
        Some("egress") => NetworkMode::Egress,
        _ => NetworkMode::None,
    };
    let amount = |key: &str, read: fn(&Value) -> Option<f64>, example: &str| {
        let at = fields.get(key)?;
        let amount = read(at.value).filter(|amount| (1.0..=16_777_216.0).contains(amount));
        if amount.is_none() {
            at.report(code::INVALID_VALUE, format!("expected an amount like {example}"));
        }
        amount.map(|amount| amount.ceil() as u32)
    };
    Privileges {
        network,
        writable_root: fields.get("writableRoot").and_then(|at| at.boolean()).unwrap_or(false),
        memory_mib: amount("memory", mebibytes, "'512Mi' or '1Gi'").unwrap_or(0),
        cpu_millis: amount("cpu", millis, "'500m' or 2").unwrap_or(0),
    }
}

/// `512Mi`, `1.5Gi`, `500M`; a bare number is MiB.
pub(super) fn mebibytes(value: &Value) -> Option<f64> {
    const MIB: f64 = 1_048_576.0;
    let Value::String(text) = value else { return value.as_f64() };
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok()?;
    Some(match &text[end..] {
        "" | "Mi" => number,
        "Gi" => number * 1024.0,
        "M" => number * 1e6 / MIB,
        "G" => number * 1e9 / MIB,
        _ => return None,
    })
}

/// `500m`, `0.5`; a bare number is processors.
pub(super) fn millis(value: &Value) -> Option<f64> {
    let Value::String(text) = value else { return value.as_f64().map(|cpus| cpus * 1000.0) };
    match text.strip_suffix('m') {
        Some(millis) => millis.parse().ok(),
        None => text.parse::<f64>().ok().map(|cpus| cpus * 1000.0),
    }
}

fn state(at: &Cursor<'_>) -> Option<KeptState> {
    let path = at.fields(&["path"])?.need("path")?;
    let text = path.text()?;
    let plain = !text.starts_with('/') && text.split('/').all(|part| !part.is_empty() && part != ".." && part != ".");
    if !plain {
        path.report(code::INVALID_VALUE, "expected a path below the workspace, without '..'");
        return None;
    }
    Some(KeptState { path: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
apiVersion: slipway.dev/v1
kind: StepType
metadata: {name: sketch, version: 1.2.0, description: Draws}
image: "{{ .config.image }}"
command: [/bin/draw, "{{ .config.args }}", 3]
files: [{name: plan.txt, content: "{{ .config.plan }}", executable: true}]
env: {COLOUR: blue, DEPTH: 3}
config: {type: object, required: [plan]}
grace: 5m
privileges: {network: egress, writableRoot: true, memory: 1.5Gi, cpu: 500m}
state: {path: .slipway/state/sketch.json}
"#;

    #[test]
    fn the_step_types_of_every_installation_are_those_of_the_core_provider() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../providers/core/step-types");
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap().replace(".yaml", "")).collect();
        names.sort();
        assert_eq!(names, BUILT_IN);
    }

    #[test]
    fn a_manifest_becomes_a_step_type() {
        let manifest = parse(MANIFEST, None).unwrap();
        assert_eq!(manifest.description.as_deref(), Some("Draws"));
        let step_type = manifest.step_type;
        assert_eq!((step_type.grace_s, step_type.version.as_str()), (300, "1.2.0"));
        assert_eq!(step_type.env["DEPTH"], "3");
        assert_eq!(
            step_type.privileges,
            Privileges { network: NetworkMode::Egress, writable_root: true, memory_mib: 1536, cpu_millis: 500 }
        );
        assert!(step_type.files[0].executable);
        assert_eq!(step_type.state.unwrap().path, ".slipway/state/sketch.json");
    }

    #[test]
    fn operations_and_outputs_are_told_and_operations_are_checked_by_the_schema() {
        let more = "operations: [{name: draw, description: Draws}, {name: erase}]\noutputs: {size: {type: integer, description: How large}, any: {}}\n";
        let manifest = parse(&format!("{MANIFEST}{more}"), None).unwrap();
        let names: Vec<_> = manifest.operations.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["draw", "erase"]);
        assert_eq!(manifest.outputs[0].kind.as_deref(), Some("integer"));
        let operation = &manifest.step_type.config_schema["properties"]["operation"];
        assert_eq!(operation, &json!({"enum": ["draw", "erase"], "default": "draw", "description": "What is done"}));

        let twice =
            format!("{MANIFEST}operations: [{{name: draw}}, {{name: draw}}]\noutputs: {{x: {{type: thing}}}}\n");
        let twice = twice.replace("config: {type: object", "config: {type: object, properties: {operation: {}}");
        let problems: Vec<String> = parse(&twice, None).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), 3, "{problems:#?}");
    }

    #[test]
    fn what_a_manifest_may_not_ask_for_is_refused_with_its_place() {
        let text = MANIFEST
            .replace("network: egress", "network: host")
            .replace("writableRoot: true", "privileged: true")
            .replace(".slipway/state/sketch.json", "../../etc/passwd")
            .replace("plan.txt", "../plan.txt")
            .replace("type: object", "type: thing");
        let problems = parse(&text, Some("sketch.yaml")).unwrap_err();
        let text: Vec<String> = problems.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(text.join("\n"));
    }
}
