//! What the stand-in API server keeps, and by which rules: server-side apply with owners of fields, generations,
//! versions, and a controller that makes deployments ready.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// A kind of objects that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    pub(crate) group_version: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) short: &'static str,
    pub(crate) namespaced: bool,
    /// Top-level fields of such an object, beside what every object has.
    fields: &'static [&'static str],
}

pub(crate) const KINDS: [Kind; 5] = [
    Kind {
        group_version: "v1",
        plural: "namespaces",
        kind: "Namespace",
        short: "ns",
        namespaced: false,
        fields: &["spec"],
    },
    Kind {
        group_version: "v1",
        plural: "configmaps",
        kind: "ConfigMap",
        short: "cm",
        namespaced: true,
        fields: &["data", "binaryData", "immutable"],
    },
    Kind {
        group_version: "v1",
        plural: "secrets",
        kind: "Secret",
        short: "secret",
        namespaced: true,
        fields: &["data", "stringData", "type", "immutable"],
    },
    Kind {
        group_version: "v1",
        plural: "services",
        kind: "Service",
        short: "svc",
        namespaced: true,
        fields: &["spec", "status"],
    },
    Kind {
        group_version: "apps/v1",
        plural: "deployments",
        kind: "Deployment",
        short: "deploy",
        namespaced: true,
        fields: &["spec", "status"],
    },
];

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) kind: Kind,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// A refusal, as the API words it.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn not_found(plural: &str, name: &str) -> Self {
        Self { code: 404, reason: "NotFound", message: format!("{plural} \"{name}\" not found") }
    }

    fn invalid(message: String) -> Self {
        Self { code: 400, reason: "BadRequest", message }
    }
}

#[derive(Clone, Debug)]
struct Stored {
    object: Value,
    /// Leaf of the object → who set it last by an apply.
    owners: BTreeMap<String, String>,
}

/// One change, as watches tell it.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) version: u64,
    pub(crate) what: &'static str,
    pub(crate) key: Key,
    pub(crate) object: Value,
}

/// All objects, and how they came to be.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    stored: BTreeMap<Key, Stored>,
    pub(crate) version: u64,
    pub(crate) changes: Vec<Change>,
}

impl Objects {
    pub(crate) fn get(&self, key: &Key) -> Option<&Value> {
        self.stored.get(key).map(|stored| &stored.object)
    }

    /// Those of a kind, in a namespace or in all, of that name if one is asked for, with these labels.
    pub(crate) fn list(
        &self,
        kind: Kind,
        namespace: &str,
        name: Option<&str>,
        labels: &[(String, String)],
    ) -> Vec<&Value> {
        let wanted = |key: &Key| {
            key.kind == kind
                && (namespace.is_empty() || key.namespace == namespace)
                && name.is_none_or(|name| key.name == name)
        };
        let labelled = |object: &Value| {
            labels.iter().all(|(label, value)| object["metadata"]["labels"][label].as_str() == Some(value.as_str()))
        };
        self.stored
            .iter()
            .filter(|(key, stored)| wanted(key) && labelled(&stored.object))
            .map(|(_, stored)| &stored.object)
            .collect()
    }

    /// Server-side apply.
    pub(crate) fn apply(&mut self, key: &Key, wanted: &Value, manager: &str, force: bool) -> Result<Value, Refusal> {
        self.check(key, wanted)?;
        let before = self.stored.get(key).cloned();
        let mut stored = before.clone().unwrap_or_else(|| Stored { object: fresh(key), owners: BTreeMap::new() });
        let mut leaves = BTreeMap::new();
        flatten(wanted, "", &mut leaves);
        leaves.retain(|path, _| {
            !matches!(path.as_str(), "/apiVersion" | "/kind" | "/metadata/name" | "/metadata/namespace")
        });
        let conflicts: Vec<String> = leaves
            .iter()
            .filter(|(path, value)| stored.object.pointer(path) != Some(value))
            .filter_map(|(path, _)| {
                let owner = stored.owners.get(path).filter(|owner| *owner != manager)?;
                Some(format!("conflict with \"{owner}\": {}", path.replace('/', ".")))
            })
            .collect();
        if !conflicts.is_empty() && !force {
            let message = format!("Apply failed with {} conflict(s): {}", conflicts.len(), conflicts.join("; "));
            return Err(Refusal { code: 409, reason: "Conflict", message });
        }
        // What this manager had set and does not set any more goes.
        let dropped: Vec<String> = stored
            .owners
            .iter()
            .filter(|(path, owner)| *owner == manager && !leaves.contains_key(*path))
            .map(|(path, _)| path.clone())
            .collect();
        for path in dropped {
            stored.owners.remove(&path);
            remove(&mut stored.object, &path);
        }
        for (path, value) in leaves {
            put(&mut stored.object, &path, value);
            stored.owners.insert(path, manager.to_owned());
        }
        let fields = json!([{"manager": manager, "operation": "Apply", "apiVersion": key.kind.group_version}]);
        stored.object["metadata"]["managedFields"] = fields;
        Ok(self.store(key, stored, before.as_ref()))
    }

    /// What somebody does behind the back of those who apply.
    pub(crate) fn alter(&mut self, key: &Key, change: impl FnOnce(&mut Value)) {
        let before = self.stored.get(key).cloned().expect("the object is there");
        let mut stored = before.clone();
        change(&mut stored.object);
        self.store(key, stored, Some(&before));
    }

    /// Begins a deletion; `true` once the object is gone.
    pub(crate) fn delete(&mut self, key: &Key, at_once: bool) -> Option<(Value, bool)> {
        let mut stored = self.stored.get(key)?.clone();
        if at_once {
            self.stored.remove(key);
            self.version += 1;
            stored.object["metadata"]["resourceVersion"] = self.version.to_string().into();
            self.tell("DELETED", key, &stored.object);
            return Some((stored.object, true));
        }
        let before = stored.clone();
        stored.object["metadata"]["deletionTimestamp"] = "2026-11-21T00:00:00Z".into();
        Some((self.store(key, stored, Some(&before)), false))
    }

    fn check(&self, key: &Key, wanted: &Value) -> Result<(), Refusal> {
        if wanted["kind"] != key.kind.kind || wanted["apiVersion"] != key.kind.group_version {
            return Err(Refusal::invalid(format!("the object is no {}", key.kind.kind)));
        }
        let always = ["apiVersion", "kind", "metadata"];
        let unknown = wanted.as_object().into_iter().flatten().map(|(field, _)| field.as_str());
        if let Some(field) =
            unknown.into_iter().find(|field| !always.contains(field) && !key.kind.fields.contains(field))
        {
            let message = format!("failed to create typed patch object: .{field}: field not declared in schema");
            return Err(Refusal { code: 500, reason: "InternalError", message });
        }
        let namespace = Key { kind: KINDS[0], namespace: String::new(), name: key.namespace.clone() };
        if key.kind.namespaced && !self.stored.contains_key(&namespace) {
            return Err(Refusal::not_found("namespaces", &key.namespace));
        }
        Ok(())
    }

    fn store(&mut self, key: &Key, mut stored: Stored, before: Option<&Stored>) -> Value {
        let unchanged = before.is_some_and(|before| before.object == stored.object);
        if !unchanged {
            self.version += 1;
            let metadata = &mut stored.object["metadata"];
            metadata["resourceVersion"] = self.version.to_string().into();
            if before.is_none_or(|before| before.object["spec"] != stored.object["spec"]) {
                let generation = stored.object["metadata"]["generation"].as_u64().unwrap_or(0) + 1;
                stored.object["metadata"]["generation"] = generation.into();
            }
            self.tell(if before.is_some() { "MODIFIED" } else { "ADDED" }, key, &stored.object);
        }
        let object = stored.object.clone();
        self.stored.insert(key.clone(), stored);
        object
    }

    fn tell(&mut self, what: &'static str, key: &Key, object: &Value) {
        self.changes.push(Change { version: self.version, what, key: key.clone(), object: object.clone() });
    }
}

fn fresh(key: &Key) -> Value {
    let mut metadata = json!({"name": key.name, "uid": uuid(), "creationTimestamp": "2026-11-21T00:00:00Z"});
    if key.kind.namespaced {
        metadata["namespace"] = key.namespace.clone().into();
    }
    json!({"apiVersion": key.kind.group_version, "kind": key.kind.kind, "metadata": metadata})
}

fn uuid() -> String {
    shared::domain::ids::RunId::new().to_string()
}

/// Leaves by JSON pointer; a list is one leaf.
fn flatten(value: &Value, path: &str, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                flatten(value, &format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), leaves);
            }
        }
        leaf => {
            leaves.insert(path.to_owned(), leaf.clone());
        }
    }
}

fn names(path: &str) -> Vec<String> {
    path.split('/').skip(1).map(|name| name.replace("~1", "/").replace("~0", "~")).collect()
}

fn put(object: &mut Value, path: &str, value: Value) {
    let mut at = object;
    for name in names(path) {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = at.as_object_mut().unwrap().entry(name).or_insert(Value::Null);
    }
    *at = value;
}

fn remove(object: &mut Value, path: &str) {
    let mut names = names(path);
    let last = names.pop().unwrap_or_default();
    let parent = names.iter().try_fold(object, |at, name| at.get_mut(name));
    if let Some(Value::Object(map)) = parent {
        map.remove(&last);
    }
}
