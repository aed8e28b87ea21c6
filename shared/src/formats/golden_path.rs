//! `goldenpaths.yaml`: workflows that people start, by name, with what is asked of them.

use std::rc::Rc;

use super::{
    cursor::{Cursor, Document},
    parameter::{self, Parameter, ParameterType, Style},
    problem::{Problem, Warning, code},
};

/// The file's name in a provider's folder.
pub const FILE: &str = "goldenpaths.yaml";

/// One golden path as the file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GoldenPath {
    /// Unique in its provider.
    pub name: String,
    /// The workflow's file, in the provider's folder.
    pub file: String,
    /// For people.
    pub description: Option<String>,
    /// What people find it under; free text.
    pub group: Option<String>,
    /// For people, and for choosing.
    pub tags: Vec<String>,
    /// How long it takes, as its author thinks; free text.
    pub estimated_duration: Option<String>,
    /// What is asked of whoever starts it; wins over what the workflow says of the same parameter.
    pub parameters: Vec<Parameter>,
}

const KNOWN: [&str; 8] = [
    "workflow",
    "description",
    "category",
    "tags",
    "estimated_duration",
    "parameters",
    "required_params",
    "optional_params",
];

/// Reads a `goldenpaths.yaml`; problems name `file`.
///
/// # Errors
/// All that is wrong with it, with line and column. The workflows' files are not looked at.
pub fn parse(text: &str, file: Option<&str>) -> Result<(Vec<GoldenPath>, Vec<Warning>), Vec<Problem>> {
    let document: Rc<Document> = Document::parse(text, file)?;
    let paths = read(&document.root());
    document.finish(paths)
}

fn read(root: &Cursor<'_>) -> Vec<GoldenPath> {
    let Some(fields) = root.tolerant_fields(&["apiVersion", "kind", "metadata", "goldenpaths"]) else {
        return Vec::new();
    };
    let Some(at) = fields.need("goldenpaths") else { return Vec::new() };
    at.entries().into_iter().filter_map(|(name, at)| one(name, &at)).collect()
}

fn one(name: &str, at: &Cursor<'_>) -> Option<GoldenPath> {
    if name.is_empty() {
        at.report(code::INVALID_VALUE, "a golden path needs a name");
    }
    if at.value.is_string() {
        return Some(GoldenPath { name: name.to_owned(), file: at.text()?.to_owned(), ..GoldenPath::default() });
    }
    let fields = at.tolerant_fields(&KNOWN)?;
    let file = fields.need("workflow").and_then(|at| at.text());
    let mut parameters = fields.get("parameters").map(|at| parameter::read_all(&at, Style::Older)).unwrap_or_default();
    // The form before `parameters`: names, and names with defaults. All are texts.
    let older = |name: &str| Parameter { name: name.to_owned(), kind: ParameterType::String, ..Parameter::default() };
    for name in fields.get("required_params").map(|at| at.strings()).unwrap_or_default() {
        parameters.push(Parameter { required: true, ..older(&name) });
    }
    for (name, at) in fields.get("optional_params").map(|at| at.entries()).unwrap_or_default() {
        let default = at.value.as_str().map_or_else(|| at.value.to_string(), str::to_owned);
        parameters.push(Parameter { default: Some(default.into()), ..older(name) });
    }
    let text = |key: &str| fields.get(key).and_then(|at| at.string()).map(str::to_owned);
    Some(GoldenPath {
        name: name.to_owned(),
        file: file?.to_owned(),
        description: text("description"),
        group: text("category"),
        tags: fields.get("tags").map(|at| at.strings()).unwrap_or_default(),
        estimated_duration: text("estimated_duration"),
        parameters,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn golden_paths_are_paths_or_say_what_they_ask_for() {
        let text = r#"
goldenpaths:
  hello: ./workflows/hello.yaml
  preview:
    workflow: ./workflows/preview.yaml
    description: An environment for a branch
    category: environments
    tags: [preview]
    estimated_duration: 2-4 minutes
    parameters:
      ttl: {type: duration, default: 4h, pattern: '^\d+[hd]$'}
      replicas: {type: int, default: "1", min: 1, max: 5}
      tracing: {type: bool, default: "true"}
      size: {type: enum, default: small, allowed_values: [small, large]}
      branch: {type: string, required: true}
  older:
    workflow: o.yaml
    required_params: [app]
    optional_params: {region: eu, count: 2}
"#;
        let (paths, warnings) = parse(text, None).unwrap();
        assert!(warnings.is_empty());
        assert_eq!((paths[0].name.as_str(), paths[0].file.as_str()), ("hello", "./workflows/hello.yaml"));
        let preview = &paths[1];
        assert_eq!(
            (preview.group.as_deref(), preview.estimated_duration.as_deref()),
            (Some("environments"), Some("2-4 minutes"))
        );
        let defaults: Vec<_> = preview.parameters.iter().map(|one| (one.kind.name(), one.default.clone())).collect();
        let expected = [
            ("duration", Some(json!("4h"))),
            ("integer", Some(json!(1))),
            ("boolean", Some(json!(true))),
            ("enum", Some(json!("small"))),
            ("string", None),
        ];
        assert_eq!(defaults, expected);
        let older = &paths[2].parameters;
        assert!(older[0].required && older[1].default == Some(json!("eu")) && older[2].default == Some(json!("2")));
    }

    #[test]
    fn what_is_wrong_with_golden_paths_is_told_with_its_place() {
        let text = "goldenpaths:\n  a: {}\n  b: {workflow: b.yaml, parameters: {n: {type: int, default: many, min: 3, max: 1}, e: {type: enum}}}\n  c: {workflow: c.yaml, descripton: x}\n";
        let problems = parse(text, Some("g.yaml")).unwrap_err();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(told.join("\n"));
    }
}
