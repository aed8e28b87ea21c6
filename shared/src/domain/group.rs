//! Names of concurrency groups: a text with pieces of a run's parameters and of its provider's settings in it.
//!
//! A group is named where runs are made, in the api and the scheduler, and templates never run there. So this is no
//! template: `{{ .parameters.NAME }}` and `{{ .settings.NAME }}` are replaced, once, and there is nothing else.

use serde_json::{Map, Value};

/// Characters that a group's name has at most; what is longer is cut.
const MAX_LENGTH: usize = 200;

/// The group's name. A parameter that is not given is left out; a value that is no text is written as JSON. None when
/// nothing is left of the name: the run is in no group then.
#[must_use]
pub fn name(pattern: &str, parameters: &Map<String, Value>, settings: &Map<String, Value>) -> Option<String> {
    let mut name = String::new();
    for piece in pieces(pattern) {
        match piece {
            Piece::Text(text) | Piece::Other(text) => name.push_str(text),
            Piece::Parameter(key) => push(&mut name, parameters.get(key)),
            Piece::Setting(key) => push(&mut name, settings.get(key)),
        }
    }
    let name: String = name.trim().chars().filter(|c| !c.is_control()).take(MAX_LENGTH).collect();
    (!name.is_empty()).then_some(name)
}

/// Whether a pattern can be filled in.
///
/// # Errors
/// With the piece that cannot, and what may stand there.
pub fn check(pattern: &str) -> Result<(), String> {
    let other = pieces(pattern).into_iter().find_map(|piece| match piece {
        Piece::Other(text) => Some(text),
        Piece::Text(_) | Piece::Parameter(_) | Piece::Setting(_) => None,
    });
    match other {
        None => Ok(()),
        Some(text) => Err(format!(
            "a concurrency group is a text with `{{{{ .parameters.NAME }}}}` and `{{{{ .settings.NAME }}}}` in it, and '{}' is neither",
            text.chars().take(60).collect::<String>()
        )),
    }
}

enum Piece<'a> {
    Text(&'a str),
    Parameter(&'a str),
    Setting(&'a str),
    /// In double braces, and neither.
    Other(&'a str),
}

fn pieces(pattern: &str) -> Vec<Piece<'_>> {
    let (mut found, mut rest) = (Vec::new(), pattern);
    while let Some((text, after)) = rest.split_once("{{") {
        found.push(Piece::Text(text));
        let Some((inner, after)) = after.split_once("}}") else {
            found.push(Piece::Other(&rest[text.len()..]));
            return found;
        };
        let is_name = |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_".contains(c));
        let trimmed = inner.trim();
        found.push(match (trimmed.strip_prefix(".parameters."), trimmed.strip_prefix(".settings.")) {
            (Some(name), _) if is_name(&name) => Piece::Parameter(name),
            (_, Some(name)) if is_name(&name) => Piece::Setting(name),
            _ => Piece::Other(&rest[text.len()..rest.len() - after.len()]),
        });
        rest = after;
    }
    found.push(Piece::Text(rest));
    found
}

fn push(name: &mut String, value: Option<&Value>) {
    match value {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => name.push_str(text),
        Some(other) => name.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn a_group_is_filled_in_from_parameters_and_settings() {
        let (parameters, settings) = (map(json!({"env": "prod", "n": 3, "none": null})), map(json!({"zone-a": "eu"})));
        let filled = |pattern: &str| name(pattern, &parameters, &settings);
        assert_eq!(filled("deploy").as_deref(), Some("deploy"));
        assert_eq!(
            filled("deploy-{{ .parameters.env }}-{{.settings.zone-a}}{{.parameters.n}}").as_deref(),
            Some("deploy-prod-eu3")
        );
        assert_eq!(filled("{{ .parameters.none }}{{ .parameters.missing }} "), None);
    }

    #[test]
    fn a_value_that_looks_like_a_piece_is_not_filled_in_again() {
        let parameters = map(json!({"a": "{{ .parameters.b }}", "b": "secret"}));
        assert_eq!(name("{{ .parameters.a }}", &parameters, &Map::new()).as_deref(), Some("{{ .parameters.b }}"));
    }

    #[test]
    fn anything_but_a_plain_piece_is_refused() {
        assert!(check("deploy-{{ .parameters.env }}").is_ok() && check("plain").is_ok());
        for pattern in [
            "{{ if .parameters.x }}a{{ end }}",
            "{{ .steps.a.output.b }}",
            "{{ .parameters.a | upper }}",
            "a {{ b",
            "{{ .parameters. }}",
        ] {
            assert!(check(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_name_is_bounded() {
        let parameters = map(json!({"a": "x".repeat(5000)}));
        assert_eq!(name("{{ .parameters.a }}", &parameters, &Map::new()).map(|name| name.len()), Some(MAX_LENGTH));
    }
}
