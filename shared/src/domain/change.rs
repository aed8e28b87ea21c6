//! What differs between two JSON documents, by place.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One place at which two documents differ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// JSON pointer to the place; empty: the documents as wholes.
    pub path: String,
    /// What was there; none: nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What is there now; none: nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Every smallest place at which the documents differ, in the order of the keys. Lists are compared as wholes: an element
/// that moved is no change of its neighbours.
#[must_use]
pub fn between(before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    collect(Some(before), Some(after), "", &mut changes);
    changes
}

fn collect(before: Option<&Value>, after: Option<&Value>, path: &str, changes: &mut Vec<Change>) {
    match (before, after) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let place = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                collect(old.get(key), new.get(key), &place, changes);
            }
        }
        (before, after) if before == after => {}
        (before, after) => {
            changes.push(Change { path: path.to_owned(), before: before.cloned(), after: after.cloned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_names_the_smallest_place_and_both_sides() {
        let changes = between(
            &json!({"a": {"b": 1, "c": [1, 2]}, "gone": true}),
            &json!({"a": {"b": 2, "c": [1, 2]}, "x/y": null}),
        );
        let told: Vec<_> = changes.iter().map(|it| (it.path.as_str(), it.before.clone(), it.after.clone())).collect();
        assert_eq!(
            told,
            [
                ("/a/b", Some(json!(1)), Some(json!(2))),
                ("/gone", Some(json!(true)), None),
                ("/x~1y", None, Some(Value::Null)),
            ]
        );
    }

    #[test]
    fn equal_documents_have_no_changes() {
        assert!(between(&json!({"a": [1]}), &json!({"a": [1]})).is_empty());
    }
}
