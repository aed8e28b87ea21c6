//! Provider manifests: which resource types a provider serves, with which workflows.

mod capabilities;

use std::collections::BTreeMap;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

pub use capabilities::{Capability, Choice, Choices};

use super::{
    cursor::{Cursor, Document, Fields},
    problem::{Problem, Warning, code, short},
    workflow::Dialect,
};
use crate::domain::run::Operation;

/// A provider's manifest as its file says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Unique among the providers of an instance.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// `Provider` or `Platform`.
    pub kind: String,
    /// Free text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Where to read about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub homepage: Option<String>,
    /// Where its source is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// Its licence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// For people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// By resource type.
    pub capabilities: BTreeMap<String, Capability>,
    /// In the order of the file.
    pub workflows: Vec<WorkflowEntry>,
}

/// One workflow that a manifest lists.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkflowEntry {
    /// Unique in its provider.
    pub name: String,
    /// In the provider's folder; empty when an older manifest names none.
    pub file: String,
    /// Serves a resource operation, or is started by a person.
    pub category: Category,
    /// The operation it serves, when the manifest says so here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What people find it under; a golden path's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// How long it takes, as its author thinks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_duration: Option<String>,
    /// What a choice among several goes by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What its file is written in; known when that was read.
    #[serde(skip)]
    pub dialect: Dialect,
    /// The resource type that an entry of the older lists creates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_type: Option<String>,
    /// Semantic version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What a workflow is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// Serves one resource operation.
    #[default]
    Provisioner,
    /// Started by a person.
    GoldenPath,
}

const KNOWN: [&str; 9] = [
    "apiVersion",
    "kind",
    "metadata",
    "compatibility",
    "capabilities",
    "workflows",
    "provisioners",
    "goldenpaths",
    "configuration",
];
const METADATA: [&str; 9] =
    ["name", "version", "category", "description", "author", "homepage", "repository", "license", "tags"];
const ENTRY: [&str; 7] = ["name", "file", "version", "description", "category", "operation", "tags"];
/// What entries of the older lists have beside these.
const OLDER_ENTRY: [&str; 9] =
    ["name", "file", "version", "description", "category", "operation", "tags", "type", "author"];
const OWN_API_VERSION: &str = "slipway.dev/v1";

impl Manifest {
    /// The manifest of a folder that has golden paths and no manifest.
    pub(crate) fn of_golden_paths(name: &str) -> Self {
        Self { name: name.to_owned(), version: "0.0.0".to_owned(), kind: "Provider".to_owned(), ..Self::default() }
    }
}

/// Reads a provider's manifest; problems name `file`. `own` is Slipway's version, for `compatibility`.
///
/// # Errors
/// All that is wrong with it, with line and column.
pub fn parse(text: &str, file: Option<&str>, own: &Version) -> Result<(Manifest, Vec<Warning>), Vec<Problem>> {
    let document = Document::parse(text, file)?;
    let manifest = read(&document.root(), own).unwrap_or_default();
    document.finish(manifest)
}

/// The version of this Slipway.
#[must_use]
pub fn own_version() -> Version {
    Version::parse(env!("CARGO_PKG_VERSION")).unwrap_or(Version::new(1, 0, 0))
}

fn read<'a>(root: &Cursor<'a>, own: &Version) -> Option<Manifest> {
    // What other systems' manifests have besides is harmless; a mistyped key of ours is not.
    let own_form = root.value.get("apiVersion").and_then(serde_json::Value::as_str) == Some(OWN_API_VERSION);
    let read = |at: &Cursor<'a>, known: &[&str]| if own_form { at.fields(known) } else { at.tolerant_fields(known) };
    let fields = read(root, &KNOWN)?;
    if let Some(at) = fields.need("apiVersion") {
        at.choice(&["v1", "innominatus.io/v1", OWN_API_VERSION]);
    }
    if let Some(at) = fields.get("configuration") {
        at.warn("'configuration' is not read: settings of a provider are given in the instance's configuration");
    }
    let kind = fields.need("kind").and_then(|at| at.choice(&["Provider", "Platform"]));
    if let Some(at) = fields.get("compatibility") {
        compatible(&at, own);
    }
    let workflows = workflows(&fields);
    let capabilities = capabilities::read(&fields, &workflows);
    let metadata = read(&fields.need("metadata")?, &METADATA)?;
    let name = metadata.need("name").and_then(|at| at.text());
    let version = metadata.need("version").and_then(|at| self::version(&at));
    let text = |key: &str| metadata.get(key).and_then(|at| at.string()).map(str::to_owned);
    Some(Manifest {
        kind: kind?.to_owned(),
        category: text("category"),
        description: text("description"),
        author: text("author"),
        homepage: text("homepage"),
        repository: text("repository"),
        license: text("license"),
        tags: metadata.get("tags").map(|at| at.strings()).unwrap_or_default(),
        name: name?.to_owned(),
        version: version?.to_string(),
        capabilities,
        workflows,
    })
}

/// A semantic version; a leading `v` and missing parts are forgiven.
pub(crate) fn version(at: &Cursor<'_>) -> Option<Version> {
    let text = match at.value {
        serde_json::Value::Number(number) => number.to_string(),
        _ => at.text()?.to_owned(),
    };
    let plain = text.strip_prefix('v').unwrap_or(&text);
    let (core, rest) = plain.split_at(plain.find(['-', '+']).unwrap_or(plain.len()));
    let padded = match core.bytes().filter(|byte| *byte == b'.').count() {
        0 => format!("{core}.0.0{rest}"),
        1 => format!("{core}.0{rest}"),
        _ => plain.to_owned(),
    };
    let version = Version::parse(&padded).ok();
    if version.is_none() {
        at.report(code::INVALID_VALUE, format!("'{}' is no version like '1.2.3'", short(&text)));
    }
    version
}

fn compatible(at: &Cursor<'_>, own: &Version) {
    let Some(fields) = at.fields(&["minCoreVersion", "maxCoreVersion", "coreVersion"]) else { return };
    let given = |key: &str| fields.get(key).filter(|at| at.value.as_str() != Some(""));
    if let Some(at) = given("minCoreVersion")
        && let Some(least) = version(&at).filter(|least| own < least)
    {
        at.report(code::UNSUPPORTED, format!("needs at least version {least} of Slipway; this is {own}"));
    }
    if let Some(at) = given("maxCoreVersion")
        && let Some(most) = version(&at).filter(|most| own > most)
    {
        at.report(code::UNSUPPORTED, format!("needs at most version {most} of Slipway; this is {own}"));
    }
    if let Some(at) = given("coreVersion")
        && let Some(text) = at.text()
    {
        match VersionReq::parse(text) {
            Err(error) => at.report(code::INVALID_VALUE, format!("no range of versions: {error}")),
            Ok(range) if !within(&range, own) => {
                at.report(code::UNSUPPORTED, format!("needs version {range} of Slipway; this is {own}"));
            }
            Ok(_) => {}
        }
    }
}

/// Whether a version is in a range. A pre-release counts as what it precedes: `>=1.2` is meant to include `1.3.0-rc.1`.
fn within(range: &VersionReq, version: &Version) -> bool {
    range.matches(version) || range.matches(&Version::new(version.major, version.minor, version.patch))
}

fn workflows(fields: &Fields<'_>) -> Vec<WorkflowEntry> {
    let mut entries: Vec<WorkflowEntry> = Vec::new();
    let lists = [
        ("workflows", None),
        ("provisioners", Some(Category::Provisioner)),
        ("goldenpaths", Some(Category::GoldenPath)),
    ];
    for (key, category) in lists {
        let Some(list) = fields.get(key) else { continue };
        if category.is_some() {
            list.warn(format!("'{key}' is deprecated; list these in 'workflows' with a 'category'"));
        }
        for item in list.items() {
            let Some(entry) = entry(&item, category) else { continue };
            match entries.iter().find(|other| other.name == entry.name) {
                // The older lists often repeat what the newer one has.
                Some(_) if category.is_some() && entry.file.is_empty() => continue,
                Some(_) => {
                    item.report(code::CONFLICT, format!("another workflow is also named '{}'", short(&entry.name)));
                }
                None if entry.file.is_empty() => {
                    item.warn(format!("'{}' names no file, so that nothing can run for it", short(&entry.name)));
                }
                None => {}
            }
            entries.push(entry);
        }
    }
    entries
}

fn entry(at: &Cursor<'_>, category: Option<Category>) -> Option<WorkflowEntry> {
    // The older lists give each entry a resource type as well, often no file, and a category of free text.
    let fields = if category.is_some() { at.tolerant_fields(&OLDER_ENTRY)? } else { at.fields(&ENTRY)? };
    let name = fields.need("name").and_then(|at| at.text());
    let file = match category {
        Some(_) => Some(fields.get("file").and_then(|at| at.text()).unwrap_or_default()),
        None => fields.need("file").and_then(|at| at.text()),
    };
    let named = fields.get("category").filter(|_| category.is_none());
    let given = named.and_then(|at| at.choice(&["provisioner", "goldenpath"]));
    let given = given.map(|name| if name == "goldenpath" { Category::GoldenPath } else { Category::Provisioner });
    let free = fields.get("category").filter(|_| category.is_some()).and_then(|at| at.string());
    let operation = fields.get("operation").and_then(|at| capabilities::operation(&at));
    if operation.is_some()
        && given.or(category) == Some(Category::GoldenPath)
        && let Some(at) = fields.get("operation")
    {
        at.report(code::CONFLICT, "a golden path serves no resource operation");
    }
    Some(WorkflowEntry {
        category: given.or(category).unwrap_or_default(),
        operation,
        description: fields.get("description").and_then(|at| at.string()).map(str::to_owned),
        group: free.map(str::to_owned),
        estimated_duration: None,
        dialect: Dialect::default(),
        tags: fields.get("tags").map(|at| at.strings()).unwrap_or_default(),
        resource_type: fields.get("type").and_then(|at| at.string()).map(str::to_owned),
        version: fields.get("version").and_then(|at| version(&at)).map(|version| version.to_string()),
        name: name?.to_owned(),
        file: file?.to_owned(),
    })
}
