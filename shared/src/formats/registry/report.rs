//! `slipway provider validate DIR`: everything about one provider, without an instance.

use std::{collections::BTreeSet, fmt, path::Path};

use serde::Serialize;

use super::{
    super::{
        folder::Folder,
        problem::Problem,
        provider::{Capability, Category},
    },
    conflicts,
    load::{self, Draft},
};

/// What was understood of a provider's folder, and what is wrong with it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// `name@version`, when the manifest could be read.
    pub provider: Option<String>,
    /// Resource types with their operations, or the type they are another name of.
    pub resource_types: Vec<String>,
    /// Workflows with their parameters and steps.
    pub workflows: Vec<String>,
    /// Step types it brings.
    pub step_types: Vec<String>,
    /// What an instance must have for all of it to run.
    pub needs: Needs,
    /// What should be changed.
    pub warnings: Vec<String>,
    /// What must be changed.
    pub problems: Vec<Problem>,
}

/// What a provider needs from the instance that it does not bring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Needs {
    /// Step types of other providers.
    pub step_types: BTreeSet<String>,
    /// Secrets in the instance's settings.
    pub secrets: BTreeSet<String>,
    /// Addresses in the instance's settings.
    pub egress: BTreeSet<String>,
}

/// Checks one provider's folder. What depends on the instance (secrets, other providers' step types) is told, not
/// refused.
#[must_use]
pub fn validate_dir(dir: &Path) -> Report {
    match load::draft(Folder::new(dir)) {
        Ok(draft) => {
            let drafts = [draft];
            let mut report = describe(&drafts[0]);
            report.problems = conflicts::find(&drafts);
            if let Err(problem) = drafts[0].folder.bundle() {
                report.problems.push(problem);
            }
            report
        }
        Err(problems) => Report { problems, ..Report::default() },
    }
}

impl Report {
    /// Whether nothing must be changed.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.problems.is_empty()
    }
}

fn describe(draft: &Draft) -> Report {
    let manifest = &draft.manifest;
    let own: BTreeSet<&str> = draft.step_types.iter().map(|(_, manifest)| manifest.step_type.name.as_str()).collect();
    let mut needs = Needs::default();
    for step in draft.workflows.iter().flat_map(|(_, workflow)| &workflow.steps) {
        if !own.contains(step.kind.as_str()) {
            needs.step_types.insert(step.kind.clone());
        }
        needs.secrets.extend(step.secrets.iter().cloned());
        needs.egress.extend(step.egress.iter().cloned());
    }
    let workflows = draft.workflows.iter().map(|(entry, workflow)| {
        let category = match entry.category {
            Category::Provisioner => "provisioner",
            Category::GoldenPath => "golden path",
        };
        let (parameters, steps) = (workflow.parameters.len(), workflow.steps.len());
        format!("{} ({category}, {}, {})", entry.name, counted(parameters, "parameter"), counted(steps, "step"))
    });
    Report {
        provider: Some(format!("{}@{}", manifest.name, manifest.version)),
        resource_types: manifest.capabilities.iter().map(|(name, capability)| served(name, capability)).collect(),
        workflows: workflows.collect(),
        step_types: draft
            .step_types
            .iter()
            .map(|(_, manifest)| format!("{}@{}", manifest.step_type.name, manifest.step_type.version))
            .collect(),
        needs,
        warnings: draft.warnings.clone(),
        problems: Vec::new(),
    }
}

fn served(name: &str, capability: &Capability) -> String {
    match &capability.alias_for {
        Some(target) => format!("{name} (alias for {target})"),
        None => {
            let operations: Vec<&str> = capability.operations.keys().map(|operation| operation.as_str()).collect();
            format!("{name} ({})", operations.join(", "))
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(provider) = &self.provider {
            writeln!(f, "{provider}")?;
        }
        let set = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>();
        let parts = [
            ("serves", self.resource_types.clone()),
            ("workflows", self.workflows.clone()),
            ("step types", self.step_types.clone()),
            ("needs step types", set(&self.needs.step_types)),
            ("needs secrets", set(&self.needs.secrets)),
            ("needs addresses", set(&self.needs.egress)),
        ];
        for (title, lines) in parts.into_iter().filter(|(_, lines)| !lines.is_empty()) {
            writeln!(f, "  {title}: {}", lines.join(", "))?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        for problem in &self.problems {
            writeln!(f, "error: {problem}")?;
        }
        match self.problems.len() {
            0 => write!(f, "valid"),
            count => write!(f, "{}", counted(count, "problem")),
        }
    }
}
