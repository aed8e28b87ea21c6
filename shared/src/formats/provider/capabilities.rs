//! Which workflow serves which operation of which resource type.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use serde::{Deserialize, Serialize};

use super::{
    super::{
        cursor::{Cursor, Fields},
        problem::{code, short},
    },
    Category, WorkflowEntry,
};
use crate::domain::run::Operation;

/// What a provider can do for one resource type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capability {
    /// The type of which this is another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias_for: Option<String>,
    /// By operation; empty for an alias.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub operations: BTreeMap<Operation, Choices>,
}

/// The workflows that can serve an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choices {
    /// In the order of the file; never empty.
    pub workflows: Vec<Choice>,
    /// Taken when no tags decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}

/// One workflow among several.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The workflow's name.
    pub name: String,
    /// What speaks for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

impl Choices {
    /// The workflow for these tags: the one that shares most of them, else the default, else the first.
    #[must_use]
    pub fn choose(&self, tags: &[String]) -> Option<&str> {
        self.choose_available(tags, &|_| true)
    }

    /// As [`Choices::choose`], where among those that tags do not tell apart one that is available goes before one that is
    /// not: a provider may have a workflow for each way in which an instance can be set up.
    #[must_use]
    pub fn choose_available(&self, tags: &[String], available: &dyn Fn(&str) -> bool) -> Option<&str> {
        let wanted: BTreeSet<&str> = tags.iter().map(String::as_str).collect();
        let shared = |choice: &Choice| {
            choice.tags.iter().map(String::as_str).collect::<BTreeSet<_>>().intersection(&wanted).count()
        };
        let most = self.workflows.iter().map(shared).max().unwrap_or(0);
        let mut best: Vec<&Choice> = self.workflows.iter().filter(|choice| shared(choice) == most).collect();
        if best.iter().any(|choice| available(&choice.name)) {
            best.retain(|choice| available(&choice.name));
        }
        let default = self.default.as_deref().filter(|default| best.iter().any(|choice| choice.name == *default));
        default.or_else(|| best.first().map(|choice| choice.name.as_str()))
    }
}

pub(super) fn operation(at: &Cursor<'_>) -> Option<Operation> {
    at.choice(&["create", "read", "update", "delete"])?.parse().ok()
}

/// Reads `capabilities`; what `resourceTypeCapabilities` says of a type wins over `resourceTypes`.
pub(super) fn read(fields: &Fields<'_>, entries: &[WorkflowEntry]) -> BTreeMap<String, Capability> {
    let mut found = from_older_lists(entries);
    let Some(at) = fields.get("capabilities") else { return found };
    let Some(inner) = at.fields(&["resourceTypes", "resourceTypeCapabilities"]) else { return found };
    if let Some(list) = inner.get("resourceTypes") {
        let by_entry = from_entries(entries);
        for (item, name) in list.items().iter().filter_map(|item| Some((item, item.text()?))) {
            if by_entry.is_empty() {
                item.report(code::UNKNOWN_NAME, format!("no provisioner workflow serves '{}'", short(name)));
            }
            found.insert(name.to_owned(), Capability { alias_for: None, operations: by_entry.clone() });
        }
    }
    let mut detailed = BTreeSet::new();
    if let Some(list) = inner.get("resourceTypeCapabilities") {
        for item in list.items() {
            let Some((name, capability)) = one(&item, entries) else { continue };
            if !detailed.insert(name.clone()) {
                item.report(code::CONFLICT, format!("the type '{}' is listed twice", short(&name)));
            }
            found.insert(name, capability);
        }
    }
    found
}

/// Entries of the older lists say the type that they create, in a manifest that may say nothing else of it.
fn from_older_lists(entries: &[WorkflowEntry]) -> BTreeMap<String, Capability> {
    let mut found: BTreeMap<String, Capability> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| !entry.file.is_empty() && entry.category == Category::Provisioner) {
        let Some(kind) = &entry.resource_type else { continue };
        let operations = &mut found.entry(kind.clone()).or_default().operations;
        let choices = operations.entry(entry.operation.unwrap_or(Operation::Create)).or_default();
        choices.workflows.push(Choice { name: entry.name.clone(), tags: entry.tags.clone() });
    }
    found
}

/// A manifest that only lists types: entries that name their operation serve it; the first that names none creates.
fn from_entries(entries: &[WorkflowEntry]) -> BTreeMap<Operation, Choices> {
    let mut operations: BTreeMap<Operation, Choices> = BTreeMap::new();
    let provisioners: Vec<&WorkflowEntry> =
        entries.iter().filter(|entry| entry.category == Category::Provisioner).collect();
    let choice = |entry: &WorkflowEntry| Choice { name: entry.name.clone(), tags: entry.tags.clone() };
    for entry in &provisioners {
        if let Some(operation) = entry.operation {
            operations.entry(operation).or_default().workflows.push(choice(entry));
        }
    }
    if let Entry::Vacant(create) = operations.entry(Operation::Create) {
        let workflows: Vec<Choice> =
            provisioners.iter().filter(|entry| entry.operation.is_none()).map(|entry| choice(entry)).collect();
        if !workflows.is_empty() {
            create.insert(Choices { workflows, default: None });
        }
    }
    operations
}

fn one(at: &Cursor<'_>, entries: &[WorkflowEntry]) -> Option<(String, Capability)> {
    let fields = at.fields(&["type", "operations", "aliasFor"])?;
    let name = fields.need("type")?.text()?.to_owned();
    let alias_for = fields.get("aliasFor").and_then(|at| at.text()).map(str::to_owned);
    let mut operations = BTreeMap::new();
    match (fields.get("operations"), &alias_for) {
        (Some(at), Some(_)) => at.report(code::CONFLICT, "an alias has the operations of the type it names"),
        (None, None) => at.report(code::MISSING_KEY, "one of 'operations' and 'aliasFor' is needed"),
        (None, Some(_)) => {}
        (Some(at), None) => {
            let listed = at.fields(&["create", "read", "update", "delete"])?;
            for operation in [Operation::Create, Operation::Read, Operation::Update, Operation::Delete] {
                if let Some(choices) = listed.get(operation.as_str()).and_then(|at| choices(&at, entries)) {
                    operations.insert(operation, choices);
                }
            }
        }
    }
    Some((name, Capability { alias_for, operations }))
}

fn choices(at: &Cursor<'_>, entries: &[WorkflowEntry]) -> Option<Choices> {
    let fields = at.fields(&["workflow", "workflows", "default"])?;
    let mut workflows = Vec::new();
    if let Some(at) = fields.get("workflow") {
        workflows.push(Choice { name: known(&at, entries)?, tags: Vec::new() });
    }
    for item in fields.get("workflows").map(|at| at.items()).unwrap_or_default() {
        let Some(fields) = item.fields(&["name", "tags"]) else { continue };
        let Some(name) = fields.need("name").and_then(|at| known(&at, entries)) else { continue };
        workflows.push(Choice { name, tags: fields.get("tags").map(|at| at.strings()).unwrap_or_default() });
    }
    if workflows.is_empty() {
        if fields.get("workflows").is_none_or(|at| at.value.as_array().is_some_and(Vec::is_empty)) {
            at.report(code::MISSING_KEY, "one of 'workflow' and 'workflows' is needed");
        }
        return None;
    }
    let default = fields.get("default").and_then(|at| {
        let name = at.text()?;
        if !workflows.iter().any(|choice| choice.name == name) {
            let hint = at.suggest(name, workflows.iter().map(|choice| choice.name.as_str()));
            at.report(code::UNKNOWN_NAME, format!("the default '{}' is none of these workflows{hint}", short(name)));
        }
        Some(name.to_owned())
    });
    Some(Choices { workflows, default })
}

fn known(at: &Cursor<'_>, entries: &[WorkflowEntry]) -> Option<String> {
    let name = at.text()?;
    let found = entries.iter().find(|entry| entry.name == name);
    match found {
        None => {
            let hint = at.suggest(name, entries.iter().map(|entry| entry.name.as_str()));
            at.report(code::UNKNOWN_NAME, format!("there is no workflow '{}'{hint}", short(name)));
            None
        }
        Some(entry) if entry.category == Category::GoldenPath => {
            at.report(code::CONFLICT, format!("'{}' is a golden path and serves no operation", short(name)));
            None
        }
        Some(entry) => Some(entry.name.clone()),
    }
}
