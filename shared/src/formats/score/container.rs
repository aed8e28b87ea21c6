//! The containers of a workload.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    super::{
        cursor::{Cursor, Fields},
        problem::code,
    },
    Mode, names,
};

/// One container of a workload.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Image name and tag; `.` means "built elsewhere".
    pub image: String,
    /// Replaces the image's entry point.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Replaces the image's arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// Environment variables, with placeholders.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Files by their path in the container.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, ContainerFile>,
    /// Volumes by their path in the container.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, ContainerVolume>,
    /// Containers that are started after this one, and what this one must have reached by then.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub before: BTreeMap<String, Before>,
    /// Computing resources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Compute>,
    /// Whether it lives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness_probe: Option<Probe>,
    /// Whether it can serve.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub readiness_probe: Option<Probe>,
}

/// A file put into a container. Exactly one of `source`, `content` and `binary_content` is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerFile {
    /// Octal, like `0600`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Path of the file that holds the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The content, with placeholders unless `no_expand`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The content in base64, without placeholders.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary_content: Option<String>,
    /// Leaves placeholders as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_expand: Option<bool>,
}

/// A volume mounted into a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerVolume {
    /// The volume; may be a placeholder.
    pub source: String,
    /// A folder inside the volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Whether the container may not write to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
}

/// What this container must have reached before another is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// The state.
    pub ready: Ready,
}

/// A container's state that others wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ready {
    /// It runs.
    Started,
    /// Its probes succeed.
    Healthy,
    /// It ended well.
    Complete,
}

/// Computing resources of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Compute {
    /// At most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// At least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<Limits>,
}

/// Amounts of memory and processor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Bytes, with a unit like `M` or `Gi`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<String>,
    /// Processors, or thousandths with `m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
}

/// A health check: by HTTP, by a command, or both.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Probe {
    /// By HTTP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_get: Option<HttpProbe>,
    /// By a command and its arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<Exec>,
}

/// A command that tells whether a container is well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// The program and its arguments.
    pub command: Vec<String>,
}

/// An HTTP request that tells whether a container is well.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpProbe {
    /// The `Host` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// `HTTP` (the default) or `HTTPS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Path.
    pub path: String,
    /// Port.
    pub port: u16,
    /// Headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http_headers: Vec<Header>,
}

/// An HTTP header.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

const KNOWN: [&str; 10] = [
    "image",
    "command",
    "args",
    "variables",
    "files",
    "volumes",
    "before",
    "resources",
    "livenessProbe",
    "readinessProbe",
];

pub(super) fn read(at: &Cursor<'_>, mode: Mode) -> Option<Container> {
    let fields = match mode {
        Mode::Strict => at.fields(&KNOWN)?,
        Mode::Compat => at.fields(&[&KNOWN[..], &["env"]].concat())?,
    };
    let image = fields.need("image").and_then(|at| at.text());
    let mut variables = fields.given("variables").map(|at| variables(&at)).unwrap_or_default();
    if mode == Mode::Compat
        && let Some(env) = fields.given("env")
    {
        env.warn("'env' is not part of Score; write 'variables'");
        for (name, value) in self::variables(&env) {
            variables.entry(name).or_insert(value);
        }
    }
    Some(Container {
        command: fields.given("command").map(|at| at.strings()),
        args: fields.given("args").map(|at| at.strings()),
        variables,
        files: targets(&fields, "files", file),
        volumes: targets(&fields, "volumes", volume),
        before: fields.given("before").map(|at| before(&at)).unwrap_or_default(),
        resources: fields.given("resources").and_then(|at| compute(&at)),
        liveness_probe: fields.given("livenessProbe").and_then(|at| probe(&at)),
        readiness_probe: fields.given("readinessProbe").and_then(|at| probe(&at)),
        image: image?.to_owned(),
    })
}

fn variables(at: &Cursor<'_>) -> BTreeMap<String, String> {
    at.named(&names::VARIABLE, "a variable's name (it may not hold '=')")
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.string()?.to_owned())))
        .collect()
}

/// What an item of a list says about its path, and the rest.
type Targeted<T> = (Option<String>, T);

/// A mapping from paths in the container, or the deprecated list whose items name the path as `target`.
fn targets<T>(
    fields: &Fields<'_>,
    key: &str,
    read: fn(&Cursor<'_>, bool) -> Option<Targeted<T>>,
) -> BTreeMap<String, T> {
    let mut found = BTreeMap::new();
    let Some(at) = fields.given(key) else { return found };
    if at.value.is_array() {
        at.warn(format!("'{key}' as a list is deprecated; write a mapping from path to details"));
        for item in at.items() {
            let Some((target, details)) = read(&item, true) else { continue };
            // The specification lets a list item leave its target out; such an item has no place to be.
            let Some(target) = target else {
                item.warn("has no 'target' and is ignored");
                continue;
            };
            if found.insert(target, details).is_some() {
                item.report(code::CONFLICT, "another item has the same 'target'");
            }
        }
        return found;
    }
    for (target, item) in at.entries() {
        if let Some((_, details)) = read(&item, false) {
            found.insert(target.to_owned(), details);
        }
    }
    found
}

fn file(at: &Cursor<'_>, listed: bool) -> Option<Targeted<ContainerFile>> {
    let known = ["mode", "source", "content", "binaryContent", "noExpand", "target"];
    let fields = at.fields(if listed { &known } else { &known[..5] })?;
    let text = |key: &str| fields.given(key).and_then(|at| at.string().map(str::to_owned));
    let filled = |key: &str| fields.given(key).and_then(|at| at.text().map(str::to_owned));
    let given = ["source", "content", "binaryContent"].iter().filter(|key| fields.given(key).is_some()).count();
    if given != 1 {
        at.report(code::INVALID_VALUE, "exactly one of 'source', 'content' and 'binaryContent' is needed");
    }
    let details = ContainerFile {
        mode: fields
            .given("mode")
            .and_then(|at| at.matching(&names::MODE, "a file mode in octal, like '0600'; quote it").map(str::to_owned)),
        source: filled("source"),
        content: text("content"),
        binary_content: text("binaryContent"),
        no_expand: fields.given("noExpand").and_then(|at| at.boolean()),
    };
    Some((filled("target"), details))
}

fn volume(at: &Cursor<'_>, listed: bool) -> Option<Targeted<ContainerVolume>> {
    let known = ["source", "path", "readOnly", "target"];
    let fields = at.fields(if listed { &known } else { &known[..3] })?;
    let text = |key: &str| fields.given(key).and_then(|at| at.string().map(str::to_owned));
    let source = fields.need("source").and_then(|at| at.string().map(str::to_owned));
    let read_only = fields.given("readOnly").and_then(|at| at.boolean());
    Some((text("target"), ContainerVolume { source: source?, path: text("path"), read_only }))
}

fn before(at: &Cursor<'_>) -> BTreeMap<String, Before> {
    let mut found = BTreeMap::new();
    for (name, at) in at.named(&names::LABEL, names::LABEL_IS) {
        let ready = at.fields(&["ready"]).and_then(|fields| fields.need("ready"));
        let ready = match ready.and_then(|at| at.choice(&["started", "healthy", "complete"])) {
            Some("started") => Ready::Started,
            Some("healthy") => Ready::Healthy,
            Some(_) => Ready::Complete,
            None => continue,
        };
        found.insert(name.to_owned(), Before { ready });
    }
    found
}

fn compute(at: &Cursor<'_>) -> Option<Compute> {
    let fields = at.fields(&["limits", "requests"])?;
    let read = |key: &str| {
        let fields = fields.given(key)?.fields(&["memory", "cpu"])?;
        let memory = fields.given("memory").and_then(|at| at.matching(&names::MEMORY, "an amount like '512Mi'"));
        let cpu = fields.given("cpu").and_then(|at| at.matching(&names::CPU, "an amount like '0.5' or '500m'"));
        Some(Limits { memory: memory.map(str::to_owned), cpu: cpu.map(str::to_owned) })
    };
    Some(Compute { limits: read("limits"), requests: read("requests") })
}

fn probe(at: &Cursor<'_>) -> Option<Probe> {
    let fields = at.fields(&["httpGet", "exec"])?;
    let (http, exec) = (fields.given("httpGet"), fields.given("exec"));
    if http.is_none() && exec.is_none() {
        at.report(code::MISSING_KEY, "one of 'httpGet' and 'exec' is needed");
    }
    let exec = exec.and_then(|at| at.fields(&["command"])).and_then(|fields| fields.need("command"));
    Some(Probe {
        http_get: http.and_then(|at| http_probe(&at)),
        exec: exec.map(|command| Exec { command: command.strings() }),
    })
}

fn http_probe(at: &Cursor<'_>) -> Option<HttpProbe> {
    let fields = at.fields(&["host", "scheme", "path", "port", "httpHeaders"])?;
    let path = fields.need("path").and_then(|at| at.string());
    let port = fields.need("port").and_then(|at| names::port(&at));
    let mut headers = Vec::new();
    for at in fields.given("httpHeaders").map(|at| at.items()).unwrap_or_default() {
        let Some(fields) = at.fields(&["name", "value"]) else { continue };
        let name = fields.need("name").and_then(|at| at.matching(&names::HEADER, "a header's name"));
        let value = fields.need("value").and_then(|at| at.text());
        if let (Some(name), Some(value)) = (name, value) {
            headers.push(Header { name: name.to_owned(), value: value.to_owned() });
        }
    }
    Some(HttpProbe {
        host: fields.given("host").and_then(|at| at.text().map(str::to_owned)),
        scheme: fields.given("scheme").and_then(|at| at.choice(&["HTTP", "HTTPS"])).map(str::to_owned),
        path: path?.to_owned(),
        port: port?,
        http_headers: headers,
    })
}
