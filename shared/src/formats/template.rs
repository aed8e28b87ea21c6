//! What the Go templates in a workflow refer to. Found by their shape; rendering is the worker's.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;
use serde_json::Value;

/// A name that a template uses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TemplateName {
    /// `.parameters.NAME`.
    Parameter(String),
    /// `.steps.NAME…`.
    Step(String),
    /// `.settings.NAME`.
    Setting(String),
    /// `.variables.NAME`.
    Variable(String),
}

static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?:^|[\s($|])\$?\.(parameters|steps|settings|variables)\.([A-Za-z0-9_][A-Za-z0-9_-]*)"#)
        .expect("the pattern is a constant that the tests compile")
});
static INDEXED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"\bindex\s+\$?\.(parameters|steps|settings|variables)\s+"([^"]+)""#)
        .expect("the pattern is a constant that the tests compile")
});

/// All names that the templates in the strings of `value` use.
#[must_use]
pub fn names(value: &Value) -> BTreeSet<TemplateName> {
    let mut found = BTreeSet::new();
    collect(value, &mut found);
    found
}

fn collect(value: &Value, found: &mut BTreeSet<TemplateName>) {
    match value {
        Value::String(text) => in_text(text, found),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(map) => map.values().for_each(|value| collect(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn in_text(text: &str, found: &mut BTreeSet<TemplateName>) {
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let inner = &rest[start + 2..];
        let end = inner.find("}}").unwrap_or(inner.len());
        let action = &inner[..end];
        if !action.trim_start_matches('-').trim_start().starts_with("/*") {
            // A quoted string may hold anything; only `index` reads a name from one.
            let captured = NAME.captures_iter(action).chain(INDEXED.captures_iter(action));
            found.extend(captured.filter_map(|capture| {
                let name = capture.get(2)?.as_str().to_owned();
                Some(match capture.get(1)?.as_str() {
                    "parameters" => TemplateName::Parameter(name),
                    "steps" => TemplateName::Step(name),
                    "variables" => TemplateName::Variable(name),
                    _ => TemplateName::Setting(name),
                })
            }));
        }
        rest = &inner[end..];
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_found_wherever_an_action_uses_them() {
        let found = names(&json!({
            "a": "x {{ .parameters.db-name }} {{if eq .parameters.size \"s\"}}{{ $.steps.make-db.output.url }}{{end}}",
            "b": ["{{- printf \"%s\" (.settings.host) -}}", "no .parameters.outside of actions", "{{/* .steps.comment */}}"],
            "c": "{{ index .parameters \"odd name\" }} {{ not .parameters.flag | print }}",
        }));
        let expected = [
            TemplateName::Parameter("db-name".into()),
            TemplateName::Parameter("flag".into()),
            TemplateName::Parameter("odd name".into()),
            TemplateName::Parameter("size".into()),
            TemplateName::Step("make-db".into()),
            TemplateName::Setting("host".into()),
        ];
        assert_eq!(found.into_iter().collect::<Vec<_>>(), expected);
    }
}
