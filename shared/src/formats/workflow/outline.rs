//! What was understood of a workflow, in short.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::Serialize;
use serde_json::Value;

use super::{Dialect, Step, Workflow};
use crate::domain::plan::When;

/// A workflow in short.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Outline {
    /// Its name.
    pub name: String,
    /// What it is written in.
    pub dialect: Dialect,
    /// What its runs take.
    pub parameters: Vec<ParameterOutline>,
    /// In an order in which they can run.
    pub steps: Vec<StepOutline>,
    /// What runs beside its steps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<String>,
    /// What its runs give back.
    pub outputs: Vec<String>,
    /// Step types that it uses.
    pub step_types: BTreeSet<String>,
    /// Secrets that its provider's settings must have.
    pub secrets: BTreeSet<String>,
    /// Addresses that its provider's settings must have.
    pub egress: BTreeSet<String>,
}

/// A parameter in short.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ParameterOutline {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// Used when it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
}

/// A step in short.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepOutline {
    /// Its name.
    pub name: String,
    /// Its step type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Steps that are over before it begins.
    #[serde(rename = "dependsOn")]
    pub depends_on: Vec<String>,
    /// What must have become of the steps before it.
    pub when: When,
    /// In CEL.
    #[serde(rename = "if", skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Whether it runs once for each element of a list.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub for_each: bool,
    /// Whether it runs at the end, whatever became of the others.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub finally: bool,
}

impl Outline {
    /// The outline of a workflow that was written in `dialect`.
    #[must_use]
    pub fn of(dialect: Dialect, workflow: &Workflow) -> Self {
        Self {
            name: workflow.name.clone(),
            dialect,
            parameters: workflow
                .parameters
                .iter()
                .map(|parameter| ParameterOutline {
                    name: parameter.name.clone(),
                    kind: parameter.kind.name(),
                    required: parameter.required && parameter.default.is_none(),
                    default: parameter.default.clone(),
                })
                .collect(),
            steps: runnable(&workflow.steps).into_iter().map(StepOutline::of).collect(),
            services: workflow.services.iter().map(|service| service.name.clone()).collect(),
            outputs: workflow.outputs.keys().cloned().collect(),
            step_types: workflow.steps.iter().map(|step| step.kind.clone()).collect(),
            secrets: {
                let of_services = workflow.services.iter().flat_map(|service| service.secrets.iter().cloned());
                of_services.chain(workflow.steps.iter().flat_map(|step| step.secrets.iter().cloned())).collect()
            },
            egress: workflow.steps.iter().flat_map(|step| step.egress.iter().cloned()).collect(),
        }
    }
}

impl StepOutline {
    fn of(step: &Step) -> Self {
        Self {
            name: step.name.clone(),
            kind: step.kind.clone(),
            depends_on: step.depends_on.clone(),
            when: step.when,
            condition: step.condition.clone(),
            for_each: step.for_each.is_some(),
            finally: step.finally,
        }
    }
}

/// The steps, each after those that it depends on, else in the order of the file.
fn runnable(steps: &[Step]) -> Vec<&Step> {
    let mut left: BTreeMap<usize, &Step> = steps.iter().enumerate().collect();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut order = Vec::with_capacity(steps.len());
    while !left.is_empty() {
        let ready = left.iter().find(|(_, step)| step.depends_on.iter().all(|name| done.contains(name.as_str())));
        // There is always one: circles were refused.
        let Some(index) = ready.map(|(index, _)| *index).or_else(|| left.keys().next().copied()) else { break };
        if let Some(step) = left.remove(&index) {
            done.insert(&step.name);
            order.push(step);
        }
    }
    order
}

impl fmt::Display for Outline {
    /// A few lines, without the name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.parameters.is_empty() {
            let listed: Vec<String> = self.parameters.iter().map(ParameterOutline::to_string).collect();
            writeln!(f, "  parameters: {}", listed.join(", "))?;
        }
        let mut before: Option<&str> = None;
        for (index, step) in self.steps.iter().enumerate() {
            let label = if index == 0 { "  steps:      " } else { "              " };
            let after: Vec<&str> = step.depends_on.iter().map(String::as_str).collect();
            // What merely follows the line above needs no words.
            let after = match (after.as_slice(), before) {
                ([], None) => String::new(),
                ([], Some(_)) if step.finally => "at the end".to_owned(),
                ([], Some(_)) => "at once".to_owned(),
                ([one], Some(before)) if *one == before => String::new(),
                (names, _) => format!("after {}", names.join(", ")),
            };
            let when = match step.when {
                When::OnFailure => "on failure",
                When::Manual => "when a person starts it",
                When::Always if !step.finally => "always",
                When::OnSuccess if step.finally => "on success",
                When::Always | When::OnSuccess => "",
            };
            let each = if step.for_each { "for each element" } else { "" };
            let condition = step.condition.as_ref().map(|cel| format!("if {cel}")).unwrap_or_default();
            let said: Vec<&str> =
                [after.as_str(), when, each, condition.as_str()].into_iter().filter(|part| !part.is_empty()).collect();
            let said = if said.is_empty() { String::new() } else { format!("  {}", said.join(", ")) };
            writeln!(f, "{label}{} ({}){said}", step.name, step.kind)?;
            before = Some(&step.name);
        }
        if !self.services.is_empty() {
            writeln!(f, "  services:   {}", self.services.join(", "))?;
        }
        if !self.outputs.is_empty() {
            writeln!(f, "  outputs:    {}", self.outputs.join(", "))?;
        }
        Ok(())
    }
}

impl fmt::Display for ParameterOutline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.name, self.kind)?;
        if self.required {
            f.write_str(", required")?;
        }
        match &self.default {
            Some(Value::String(text)) if text.is_empty() => {}
            Some(default) => write!(f, ", default {}", super::short(&default.to_string()))?,
            None => {}
        }
        f.write_str(")")
    }
}
