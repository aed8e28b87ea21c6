//! What `${…}` and `$…` mean in the older dialects, and their texts as Go templates.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
};

use serde_json::{Map, Value};

use super::{
    super::{
        condition::{Meaning, Names},
        problem::{code, did_you_mean, nearest, pointer, short},
    },
    Parameter, ParameterType,
};

/// The names of one file.
#[derive(Debug, Default)]
pub(super) struct FileNames {
    pub(super) steps: Vec<String>,
    parameters: BTreeSet<String>,
    /// Declared, or set by a step.
    pub(super) variables: BTreeSet<String>,
    /// The step that makes each resource.
    resources: BTreeMap<String, String>,
    /// Parameters that the file uses without declaring them, because its own system always gives them.
    implied: RefCell<BTreeSet<&'static str>>,
    /// What was spent on looking at references.
    spent: Cell<usize>,
    suggestions: Cell<usize>,
}

/// What the references of a file may cost to look at: one a dollar, [`NAME_COST`] a name.
const MAX_COST: usize = 40_000;
const NAME_COST: usize = 12;
/// Unknown names for which similar ones are looked for.
const MAX_SUGGESTIONS: usize = 30;

/// What is to be told of a text that was translated.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) path: String,
    pub(super) message: String,
}

/// Keys of a step that hold no text of its own dialect.
const NO_TEXT: [&str; 15] = [
    "name",
    "type",
    "when",
    "if",
    "unless",
    "dependsOn",
    "parallel",
    "parallelGroup",
    "timeout",
    "retry",
    "finally",
    "secrets",
    "sensitive",
    "egress",
    "continueOnError",
];

/// Where the parts of a workflow are: `spec`, or the document itself.
pub(super) fn body(document: &Value) -> (&Value, &'static str) {
    match document.get("spec") {
        Some(spec @ Value::Object(_)) => (spec, "/spec"),
        _ => (document, ""),
    }
}

impl FileNames {
    pub(super) fn of(document: &Value, given: &[Parameter]) -> Self {
        let (body, _) = body(document);
        let mut names = Self::default();
        names.parameters.extend(given.iter().map(|parameter| parameter.name.clone()));
        for part in [document, body] {
            match part.get("parameters") {
                Some(Value::Array(items)) => {
                    let listed = items.iter().filter_map(|item| item.get("name")?.as_str());
                    names.parameters.extend(listed.map(str::to_owned));
                }
                Some(Value::Object(map)) => names.parameters.extend(map.keys().cloned()),
                _ => {}
            }
            if let Some(Value::Object(variables)) = part.get("variables") {
                names.variables.extend(variables.keys().cloned());
            }
        }
        let steps = ["steps", "finally"].into_iter().filter_map(|key| body.get(key)?.as_array()).flatten();
        for step in steps {
            let Some(name) = step.get("name").and_then(Value::as_str) else { continue };
            names.steps.push(name.to_owned());
            if let Some(Value::Object(set)) = step.get("setVariables") {
                names.variables.extend(set.keys().cloned());
            }
            if let Some(resource) = step.get("resource").and_then(Value::as_str) {
                names.resources.insert(resource.to_owned(), name.to_owned());
            }
        }
        names
    }

    pub(super) fn implied(&self) -> Vec<Parameter> {
        let implied = self.implied.borrow();
        let describe = |name: &str| match name {
            "app_name" => "The application",
            "environment" => "The environment that the application is for",
            _ => "Outputs of the application's resources, by name",
        };
        let kind = |name: &str| if name == "resources" { ParameterType::Object } else { ParameterType::String };
        implied
            .iter()
            .filter(|name| !self.parameters.contains(**name))
            .map(|name| Parameter {
                name: (*name).to_owned(),
                kind: kind(name),
                required: true,
                description: Some(describe(name).to_owned()),
                ..Parameter::default()
            })
            .collect()
    }

    /// What a name means; `known` says which plain names are something else in this place, such as variables of a
    /// step's own environment.
    fn path(&self, name: &str) -> Meaning {
        let parts: Vec<&str> = name.split('.').collect();
        let path = |root: &[&str], rest: &[&str]| {
            Meaning::Path(root.iter().chain(rest).map(|part| (*part).to_owned()).collect())
        };
        let outputs = |step: &str, rest: &[&str]| match rest {
            ["output" | "outputs", keys @ ..] => path(&["steps", step, "output"], keys),
            ["status"] if !self.steps.iter().any(|name| name == "status") => path(&["steps", step, "status"], &[]),
            keys => path(&["steps", step, "output"], keys),
        };
        let unknown = |what: &str, name: &str, known: &mut dyn Iterator<Item = &str>| {
            self.suggestions.set(self.suggestions.get() + 1);
            let looked = self.suggestions.get() <= MAX_SUGGESTIONS;
            let hint = if looked { did_you_mean(&nearest(name, known.take(300))) } else { String::new() };
            Meaning::Unknown(format!("{what} '{}'{hint}", short(name)))
        };
        match parts.as_slice() {
            ["parameters", name, ..] if self.parameters.contains(*name) => path(&parts, &[]),
            ["parameters", name, ..] if super::super::parameter::GIVEN_TO_RESOURCE_RUNS.contains(name) => {
                path(&parts, &[])
            }
            ["parameters", name, ..] => {
                unknown("there is no parameter", name, &mut self.parameters.iter().map(String::as_str))
            }
            ["variables" | "workflow", name, rest @ ..] if self.variables.contains(*name) => {
                path(&["variables", name], rest)
            }
            ["workflow", "id" | "run_id"] => path(&["run", "id"], &[]),
            ["workflow", name] if self.parameters.contains(*name) => path(&["parameters", name], &[]),
            ["variables" | "workflow", name, ..] => {
                unknown("nothing sets the variable", name, &mut self.variables.iter().map(String::as_str))
            }
            ["steps", step, rest @ ..] if self.is_step(step) => outputs(step, rest),
            [step, rest @ ..] if !rest.is_empty() && self.is_step(step) => outputs(step, rest),
            ["resources", resource, keys @ ..] => match self.resources.get(*resource) {
                Some(step) => path(&["steps", step, "output"], keys),
                None => {
                    self.imply("resources");
                    path(&["parameters", "resources", resource], keys)
                }
            },
            ["metadata" | "application", "name"] => {
                self.imply("app_name");
                path(&["parameters", "app_name"], &[])
            }
            ["environment", "type"] => {
                self.imply("environment");
                path(&["parameters", "environment"], &[])
            }
            [name] if self.variables.contains(*name) => path(&["variables", name], &[]),
            [_] => Meaning::Unset,
            ["steps", step, ..] | [step, ..] => {
                unknown("there is no step", step, &mut self.steps.iter().map(String::as_str))
            }
            [] => Meaning::Unset,
        }
    }

    fn is_step(&self, name: &str) -> bool {
        self.steps.iter().any(|step| step == name)
    }

    fn imply(&self, name: &'static str) {
        self.implied.borrow_mut().insert(name);
    }

    /// Translates all texts of a file in place.
    pub(super) fn translate(&self, document: &mut Value) -> Vec<Finding> {
        let mut findings = Vec::new();
        let base = body(document).1;
        let nothing = Map::new();
        let mut parts = vec![""];
        if !base.is_empty() {
            parts.push(base);
        }
        for part in parts {
            for key in ["variables", "outputs", "parameters", "concurrency"] {
                let path = format!("{part}/{key}");
                if let Some(value) = document.pointer_mut(&path) {
                    self.walk(value, &path, &nothing, &mut findings);
                }
            }
        }
        for list in ["steps", "finally"] {
            let path = format!("{base}/{list}");
            let Some(Value::Array(steps)) = document.pointer_mut(&path) else { continue };
            for (index, step) in steps.iter_mut().enumerate() {
                let Value::Object(fields) = step else { continue };
                let env = fields.get("env").and_then(Value::as_object).cloned().unwrap_or_default();
                for (key, value) in fields.iter_mut().filter(|(key, _)| !NO_TEXT.contains(&key.as_str())) {
                    self.walk(value, &pointer(&format!("{path}/{index}"), key), &env, &mut findings);
                }
            }
        }
        findings
    }

    fn walk(&self, value: &mut Value, path: &str, env: &Map<String, Value>, findings: &mut Vec<Finding>) {
        match value {
            Value::String(text) if text.contains('$') => {
                let mut told = |message| findings.push(Finding { path: path.to_owned(), message });
                *text = self.text(text, env, &mut told);
            }
            Value::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.walk(item, &format!("{path}/{index}"), env, findings);
                }
            }
            Value::Object(map) => {
                for (key, item) in map.iter_mut() {
                    self.walk(item, &pointer(path, key), env, findings);
                }
            }
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Whether the file has more references than are looked at.
    pub(super) fn exhausted(&self) -> bool {
        self.spent.get() > MAX_COST
    }

    /// A text with its references as templates. What is no reference is the shell's, and is left alone.
    fn text(&self, text: &str, env: &Map<String, Value>, told: &mut dyn FnMut(String)) -> String {
        let mut out = String::with_capacity(text.len() + 16);
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            if self.spent.get() > MAX_COST {
                break;
            }
            let (name, length) = reference(rest);
            self.spent.set(self.spent.get() + if name.is_some() { NAME_COST } else { 1 });
            let meaning = match name {
                Some("timestamp") if !text.contains("timestamp=") => {
                    Some(Meaning::Path(vec!["run".into(), "id".into()]))
                }
                Some(name) if name.contains('.') || !env.contains_key(name) => Some(self.path(name)),
                _ => None,
            };
            match meaning {
                Some(Meaning::Path(path)) => out.push_str(&format!("{{{{ .{} }}}}", path.join("."))),
                // Without braces it may well be `$file.txt` in a script.
                Some(Meaning::Unknown(message)) if rest.starts_with("${") => {
                    told(message);
                    out.push_str(&rest[..length]);
                }
                _ => out.push_str(&rest[..length]),
            }
            rest = &rest[length..];
        }
        out.push_str(rest);
        out
    }
}

/// The name after a `$`, if one is there, and the bytes that it takes with the sign.
fn reference(text: &str) -> (Option<&str>, usize) {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if let Some(inner) = text.strip_prefix("${") {
        let end = inner.find(|c: char| !(word(c) || matches!(c, '.' | '-'))).unwrap_or(inner.len());
        let name = &inner[..end];
        let well = inner[end..].starts_with('}')
            && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && !name.ends_with('.')
            && !name.contains("..");
        return if well { (Some(name), end + 3) } else { (None, 2) };
    }
    let inner = &text[1..];
    let mut end = 0;
    for (index, c) in inner.char_indices() {
        let key =
            c == '.' && index > 0 && inner[index + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !(word(c) || key) {
            break;
        }
        end = index + c.len_utf8();
    }
    let name = &inner[..end];
    if name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') { (Some(name), end + 1) } else { (None, 1) }
}

/// The names of a file as a condition of one of its steps sees them.
pub(super) struct StepNames<'a> {
    pub(super) file: &'a FileNames,
    pub(super) parameters: &'a [Parameter],
    pub(super) env: &'a BTreeMap<String, String>,
}

impl Names for StepNames<'_> {
    fn meaning(&self, name: &str) -> Meaning {
        if let Some(text) = self.env.get(name) {
            return Meaning::Text(text.clone());
        }
        self.file.path(name)
    }

    fn certain_type(&self, parameter: &str) -> Option<ParameterType> {
        let parameter = self.parameters.iter().find(|other| other.name == parameter)?;
        (parameter.required || parameter.default.is_some()).then_some(parameter.kind)
    }
}

/// The code of a [`Finding`].
pub(super) const FINDING: &str = code::UNKNOWN_NAME;
