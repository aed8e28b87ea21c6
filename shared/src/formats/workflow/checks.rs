//! Whether what templates and conditions name exists, and exists by then.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{
    super::{
        condition::ROOTS,
        cursor::Cursor,
        parameter::GIVEN_TO_RESOURCE_RUNS,
        problem::code,
        template::{TemplateName, names},
    },
    Workflow, order, quoted,
    step::Read,
};

/// Actions (`{{ … }}`) that the templates of a workflow may have in all: what each names is looked at.
const MAX_TEMPLATES: usize = 5_000;

/// What there is to be named.
struct Known<'a> {
    parameters: BTreeSet<&'a str>,
    steps: BTreeSet<&'a str>,
    before: BTreeMap<&'a str, BTreeSet<&'a str>>,
    variables: BTreeSet<&'a str>,
}

/// What is filled in before any step has run, where the file has it.
#[derive(Clone, Copy)]
pub(super) struct Early<'a, 'b> {
    pub(super) variables: &'b [Cursor<'a>],
    pub(super) services: Option<&'b Cursor<'a>>,
}

/// Checks a whole workflow; `outputs` is where the file has them.
pub(super) fn check(
    read: &[(Cursor<'_>, Read)],
    workflow: &Workflow,
    outputs: Option<&Cursor<'_>>,
    early: Early<'_, '_>,
) {
    let before_steps = || early.variables.iter().chain(early.services);
    let roots = read.iter().map(|(at, _)| at).chain(outputs).chain(before_steps());
    if let Some(at) = roots.clone().next()
        && roots.map(|at| templates(at.value)).sum::<usize>() > MAX_TEMPLATES
    {
        at.report(code::LIMIT, format!("a workflow has at most {MAX_TEMPLATES} templates"));
        return;
    }
    let set = workflow.steps.iter().flat_map(|step| step.set_variables.keys());
    let known = Known {
        parameters: workflow
            .parameters
            .iter()
            .map(|parameter| parameter.name.as_str())
            .chain(GIVEN_TO_RESOURCE_RUNS)
            .collect(),
        steps: workflow.steps.iter().map(|step| step.name.as_str()).collect(),
        before: order::before(&workflow.steps),
        variables: workflow.variables.keys().chain(set).map(String::as_str).collect(),
    };
    for (at, item) in read {
        let own = item.step.name.as_str();
        for (key, part) in at.entries().into_iter().filter(|(key, _)| !matches!(*key, "if" | "unless")) {
            // A step's own outputs are made when it is over.
            let own_is_over = matches!(key, "outputs" | "setVariables");
            strings(&part, &mut |at, name| known.used(at, name, Some((own, own_is_over))));
        }
        for (key, named) in &item.conditions {
            let at = at.entries().into_iter().find(|(name, _)| name == key).map(|(_, at)| at);
            let Some(at) = at else { continue };
            named.parameters.iter().for_each(|name| known.parameter(&at, name));
            named.variables.iter().for_each(|name| known.variable_of_condition(&at, name));
            named.steps.iter().for_each(|name| known.step(&at, name, Some((own, false))));
            named.unknown.iter().for_each(|name| unknown_root(&at, name));
            for name in &named.functions {
                at.report(code::UNKNOWN_NAME, format!("there is no function {} in conditions", quoted(name)));
            }
        }
    }
    if let Some(at) = outputs {
        strings(at, &mut |at, name| known.used(at, name, None));
    }
    for at in before_steps() {
        let what = if at.path.ends_with("services") { "services" } else { "variables" };
        strings(at, &mut |at, name| match name {
            TemplateName::Parameter(_) | TemplateName::Setting(_) => known.used(at, name, None),
            TemplateName::Step(_) | TemplateName::Variable(_) => {
                let message = format!(
                    "a workflow's {what} are made before its steps run: only parameters and settings are known"
                );
                at.report(code::INVALID_VALUE, message);
            }
        });
    }
}

impl Known<'_> {
    /// `own`: the step that uses the name, and whether that step is over.
    fn used(&self, at: &Cursor<'_>, name: &TemplateName, own: Option<(&str, bool)>) {
        match name {
            TemplateName::Parameter(name) => self.parameter(at, name),
            TemplateName::Step(name) => self.step(at, name, own),
            TemplateName::Variable(name) => self.variable(at, name),
            TemplateName::Setting(_) => {}
        }
    }

    fn parameter(&self, at: &Cursor<'_>, name: &str) {
        if !self.parameters.contains(name) {
            let hint = at.suggest(name, self.parameters.iter().copied());
            at.report(code::UNKNOWN_NAME, format!("the parameter {} is not declared{hint}", quoted(name)));
        }
    }

    fn step(&self, at: &Cursor<'_>, name: &str, own: Option<(&str, bool)>) {
        let own_name = own.map(|(own, _)| own);
        if !self.steps.contains(name) {
            let hint = at.suggest(name, self.steps.iter().copied().filter(|name| Some(*name) != own_name));
            at.report(code::UNKNOWN_NAME, format!("there is no step {}{hint}", quoted(name)));
            return;
        }
        let Some((own, own_is_over)) = own else { return };
        let over = (own_is_over && own == name) || self.before.get(own).is_some_and(|over| over.contains(name));
        if !over {
            let message = format!("{} uses the step {}, which is not over by then", quoted(own), quoted(name));
            at.report(code::INVALID_VALUE, format!("{message}; add it to 'dependsOn'"));
        }
    }

    fn variable(&self, at: &Cursor<'_>, name: &str) {
        if !self.variables.contains(name) {
            let hint = at.suggest(name, self.variables.iter().copied());
            at.report(code::UNKNOWN_NAME, format!("nothing sets the variable {}{hint}", quoted(name)));
        }
    }

    /// `get(variables, …)` may ask for what nothing sets; a file of an older dialect was warned of it.
    fn variable_of_condition(&self, at: &Cursor<'_>, name: &str) {
        let asked = at.value.as_str().is_some_and(|text| text.contains('$') || text.contains("get(variables"));
        if !asked {
            self.variable(at, name);
        }
    }
}

fn unknown_root(at: &Cursor<'_>, name: &str) {
    let hint = at.suggest(name, ROOTS);
    let hint = if hint.is_empty() { format!("; a text is written in quotes: \"{name}\"") } else { hint };
    let message = format!("{} is not known in conditions{hint}", quoted(name));
    let text = at.value.as_str().unwrap_or_default();
    match word(text, name) {
        Some(column) => at.report_within(code::UNKNOWN_NAME, column, &message),
        None => at.report(code::UNKNOWN_NAME, message),
    }
}

/// The column of a word in a text.
fn word(text: &str, name: &str) -> Option<u32> {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let found = text
        .match_indices(name)
        .find(|(at, _)| !text[..*at].ends_with(inside) && !text[at + name.len()..].starts_with(inside));
    let (at, _) = found?;
    u32::try_from(text[..at].chars().count() + 1).ok()
}

/// Actions in all templates below a value.
fn templates(value: &Value) -> usize {
    match value {
        Value::String(text) => text.matches("{{").count(),
        Value::Array(items) => items.iter().map(templates).sum(),
        Value::Object(map) => map.values().map(templates).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// Every string below `at`, with its own place.
fn strings(at: &Cursor<'_>, take: &mut dyn FnMut(&Cursor<'_>, &TemplateName)) {
    match at.value {
        Value::String(text) if text.contains("{{") => names(at.value).iter().for_each(|name| take(at, name)),
        Value::Array(_) => at.items().iter().for_each(|item| strings(item, take)),
        Value::Object(_) => at.entries().iter().for_each(|(_, value)| strings(value, take)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
