//! `slipway provider validate DIR`: everything about providers' folders, without an instance.

use std::{
    collections::BTreeSet,
    fmt,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::{
    super::{
        folder::Folder,
        problem::{Problem, code},
        provider::{Capability, Category, WorkflowEntry},
        step_type::{self, BUILT_IN},
        workflow::{Options, Outline, Workflow, parse_one},
    },
    Origin, conflicts,
    load::{self, Draft},
};

/// What was understood of a provider's folder, and what is wrong with it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// `name@version`, when the manifest could be read.
    pub provider: Option<String>,
    /// Resource types with their operations, or the type they are another name of.
    pub resource_types: Vec<String>,
    /// Its workflows.
    pub workflows: Vec<WorkflowReport>,
    /// Step types it brings.
    pub step_types: Vec<String>,
    /// What an instance must have for all of it to run.
    pub needs: Needs,
    /// What should be changed.
    pub warnings: Vec<String>,
    /// What must be changed.
    pub problems: Vec<Problem>,
}

/// What was understood of one workflow of a provider.
#[derive(Clone, Debug, Default, Serialize)]
pub struct WorkflowReport {
    /// As the manifest names it.
    pub name: String,
    /// In the provider's folder.
    pub file: String,
    /// What it is for.
    pub category: Category,
    /// What it does.
    #[serde(flatten)]
    pub outline: Outline,
    /// Why it cannot run anywhere, if so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unsupported: Vec<String>,
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
            let mut report = describe(&drafts[0], &known(&drafts));
            report.problems.extend(conflicts::find(&drafts));
            if let Err(problem) = drafts[0].folder.bundle() {
                report.problems.push(problem);
            }
            report
        }
        Err(problems) => Report { problems, ..Report::default() },
    }
}

/// Checks every provider in or right below `dirs`, each with the step types that the others bring. Problems of folders
/// that could not be read at all are in a report without a provider.
#[must_use]
pub fn validate_dirs(dirs: &[PathBuf]) -> Vec<Report> {
    let origins: Vec<Origin> = dirs.iter().map(|dir| Origin::from(dir.clone())).collect();
    let (drafts, mut problems) = load::drafts(&origins);
    problems.extend(conflicts::find(&drafts));
    let known = known(&drafts);
    let mut reports: Vec<Report> = drafts.iter().map(|draft| describe(draft, &known)).collect();
    if !problems.is_empty() {
        reports.push(Report { problems, ..Report::default() });
    }
    reports
}

/// Names of the step types that the provider brings in whose folder a file lies; none when it lies in none.
#[must_use]
pub fn step_types_around(file: &Path) -> Vec<String> {
    // A relative path ends before its folder does.
    let Ok(file) = std::path::absolute(file) else { return Vec::new() };
    let Some(dir) = file.ancestors().skip(1).take(4).find(|dir| Folder::new(dir).manifest().is_some()) else {
        return Vec::new();
    };
    let folder = Folder::new(dir);
    let files = folder.yaml_files("step-types").unwrap_or_default();
    let parsed = files.iter().filter_map(|path| step_type::parse(&folder.read(path).ok()?, None).ok());
    parsed.map(|manifest| manifest.step_type.name).collect()
}

/// Step types that are there, here or in every installation.
fn known(drafts: &[Draft]) -> Vec<&str> {
    let own = drafts.iter().flat_map(|draft| &draft.step_types).map(|(_, manifest)| manifest.step_type.name.as_str());
    BUILT_IN.into_iter().chain(own).collect()
}

impl Report {
    /// Whether nothing must be changed.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.problems.is_empty()
    }
}

fn describe(draft: &Draft, known: &[&str]) -> Report {
    let manifest = &draft.manifest;
    let own: BTreeSet<&str> = draft.step_types.iter().map(|(_, manifest)| manifest.step_type.name.as_str()).collect();
    let workflows: Vec<WorkflowReport> =
        draft.workflows.iter().map(|(entry, workflow)| WorkflowReport::of(entry, workflow)).collect();
    let mut needs = Needs::default();
    for outline in workflows.iter().map(|workflow| &workflow.outline) {
        needs.step_types.extend(outline.step_types.iter().filter(|name| !own.contains(name.as_str())).cloned());
        needs.secrets.extend(outline.secrets.iter().cloned());
        needs.egress.extend(outline.egress.iter().cloned());
    }
    Report {
        provider: Some(format!("{}@{}", manifest.name, manifest.version)),
        resource_types: manifest.capabilities.iter().map(|(name, capability)| served(name, capability)).collect(),
        workflows,
        step_types: draft
            .step_types
            .iter()
            .map(|(_, manifest)| format!("{}@{}", manifest.step_type.name, manifest.step_type.version))
            .collect(),
        needs,
        warnings: draft.warnings.clone(),
        problems: draft
            .workflows
            .iter()
            .flat_map(|(entry, workflow)| mistyped(draft, entry, workflow, known))
            .collect(),
    }
}

/// Steps whose type is a known one mistyped: any other that is not known may be another provider's.
fn mistyped(draft: &Draft, entry: &WorkflowEntry, workflow: &Workflow, known: &[&str]) -> Vec<Problem> {
    if workflow.steps.iter().all(|step| known.contains(&step.kind.as_str())) {
        return Vec::new();
    }
    let Ok(text) = draft.folder.read(&entry.file) else { return Vec::new() };
    let shown = draft.folder.shown(&entry.file);
    let options = Options {
        file: Some(&shown),
        name: Some(&entry.name),
        parameters: &workflow.parameters,
        step_types: Some(known),
    };
    let problems = parse_one(&text, &options).err().unwrap_or_default();
    problems.into_iter().filter(|problem| problem.code == code::UNKNOWN_NAME).collect()
}

impl WorkflowReport {
    fn of(entry: &WorkflowEntry, workflow: &Workflow) -> Self {
        Self {
            name: entry.name.clone(),
            file: entry.file.clone(),
            category: entry.category,
            outline: Outline::of(entry.dialect, workflow),
            unsupported: workflow.unsupported.clone(),
        }
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

impl fmt::Display for WorkflowReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let category = match self.category {
            Category::Provisioner => "provisioner",
            Category::GoldenPath => "golden path",
        };
        writeln!(f, "{} ({category}, {})", self.name, self.outline.dialect)?;
        for reason in &self.unsupported {
            writeln!(f, "  cannot run: {reason}")?;
        }
        write!(f, "{}", self.outline)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(provider) = &self.provider {
            writeln!(f, "{provider}")?;
        }
        let set = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>();
        let parts = [
            ("serves", self.resource_types.clone()),
            ("step types", self.step_types.clone()),
            ("needs step types", set(&self.needs.step_types)),
            ("needs secrets", set(&self.needs.secrets)),
            ("needs addresses", set(&self.needs.egress)),
        ];
        for (what, names) in parts.into_iter().filter(|(_, names)| !names.is_empty()) {
            writeln!(f, "  {what}: {}", names.join(", "))?;
        }
        for workflow in &self.workflows {
            for line in workflow.to_string().lines() {
                writeln!(f, "  {line}")?;
            }
        }
        for warning in &self.warnings {
            writeln!(f, "  warning: {warning}")?;
        }
        for problem in &self.problems {
            writeln!(f, "error: {problem}")?;
        }
        match self.problems.len() {
            0 => write!(f, "valid"),
            1 => write!(f, "1 problem"),
            count => write!(f, "{count} problems"),
        }
    }
}
