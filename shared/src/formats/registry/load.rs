//! From folders to records.

use std::{collections::BTreeMap, fs};

use bytes::Bytes;

use super::{
    super::{
        canonical, folder,
        folder::Folder,
        golden_path,
        problem::{Problem, code},
        provider::{self, Manifest, WorkflowEntry},
        step_type,
        workflow::Workflow,
    },
    Origin, ProviderRecord, Registry, Settings, StepTypeRecord, WorkflowRecord, conflicts, files, planning,
};
use crate::domain::plan::StepType;

/// Providers that one folder, or one source, may hold.
const MAX_PROVIDERS: usize = 100;
/// Providers in all their versions that a set may hold: each process that plans has all of them in memory.
pub(super) const MAX_VERSIONS: usize = 5_000;

/// A provider whose files were read, before it is compared with the others.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) folder: Folder,
    /// As problems name it.
    pub(super) file: String,
    pub(super) manifest: Manifest,
    pub(super) workflows: Vec<(WorkflowEntry, Workflow)>,
    pub(super) step_types: Vec<(String, step_type::Manifest)>,
    pub(super) warnings: Vec<String>,
    /// The source and the commit that its files are of.
    source: Option<String>,
    commit: Option<String>,
}

/// Reads every provider of `origins`. A provider with problems has no draft, and none has when there are too many.
pub(super) fn drafts(origins: &[Origin]) -> (Vec<Draft>, Vec<Problem>) {
    let places: Vec<_> = origins.iter().map(|origin| (origin, folders(origin))).collect();
    let count: usize = places.iter().filter_map(|(_, found)| found.as_ref().ok()).map(Vec::len).sum();
    // Counted before any is read.
    if count > MAX_VERSIONS {
        let message = format!(
            "{count} providers in all folders and sources, each version counted; at most {MAX_VERSIONS} are loaded"
        );
        return (Vec::new(), vec![Problem::new(code::LIMIT, message)]);
    }
    let (mut drafts, mut problems) = (Vec::new(), Vec::new());
    for (origin, found) in places {
        match found {
            Ok(folders) => {
                for folder in folders {
                    match draft(folder) {
                        Ok(draft) => {
                            let (source, commit) = (origin.source.clone(), origin.commit.clone());
                            drafts.push(Draft { source, commit, ..draft });
                        }
                        Err(found) => problems.extend(found),
                    }
                }
            }
            Err(message) => problems.push(Problem::new(code::FILE, message)),
        }
    }
    (drafts, problems)
}

/// A folder that is a provider, or the providers in it. Files and hidden folders between them are passed over.
fn folders(origin: &Origin) -> Result<Vec<Folder>, String> {
    let own = Folder::labelled(&origin.dir, origin.label.clone());
    if own.manifest().is_some() {
        return Ok(vec![own]);
    }
    let mut found = Vec::new();
    for name in folder::entries(&origin.dir).map_err(|message| match &origin.label {
        Some(label) => format!("{label}: there is no such folder"),
        None => message,
    })? {
        let path = origin.dir.join(&name);
        if !name.starts_with('.') && fs::metadata(&path).is_ok_and(|meta| meta.is_dir()) {
            // A fetched repository holds much that is no provider; a folder of providers holds nothing else.
            let folder = Folder::labelled(&path, origin.label.as_ref().map(|label| format!("{label}/{name}")));
            if origin.source.is_none() || folder.manifest().is_some() {
                found.push(folder);
            }
        }
    }
    if found.len() > MAX_PROVIDERS {
        let label = origin.label.clone().unwrap_or_else(|| origin.dir.display().to_string());
        return Err(format!("{label}: {} providers; at most {MAX_PROVIDERS} are read from one place", found.len()));
    }
    if let (Some(source), true) = (&origin.source, found.is_empty()) {
        let label = origin.label.as_deref().unwrap_or(source);
        return Err(format!("{label}: there is no provider.yaml, neither here nor in a folder right below"));
    }
    Ok(found)
}

/// Reads one provider.
pub(super) fn draft(folder: Folder) -> Result<Draft, Vec<Problem>> {
    let Some(name) = folder.manifest() else {
        return Err(vec![Problem::new(code::FILE, "there is no provider.yaml").in_file(folder.shown(""))]);
    };
    let file = folder.shown(name);
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    let parsed = if name == golden_path::FILE {
        Ok((Manifest::of_golden_paths(folder.name().unwrap_or("golden-paths")), Vec::new()))
    } else {
        let text = folder.read(name).map_err(|problem| vec![problem])?;
        provider::parse(&text, Some(&file), &provider::own_version())
    };
    let manifest = match parsed {
        Ok((manifest, found)) => {
            warnings.extend(found.iter().map(ToString::to_string));
            Some(manifest)
        }
        Err(found) => {
            problems.extend(found);
            None
        }
    };
    let found = files::read(&folder, &file, manifest.as_ref());
    problems.extend(found.problems);
    warnings.extend(found.warnings);
    let workflows = found.workflows;
    let mut step_types = Vec::new();
    for path in folder.yaml_files("step-types").unwrap_or_else(|problem| {
        problems.push(problem);
        Vec::new()
    }) {
        let shown = folder.shown(&path);
        let parsed = folder.read(&path).map_err(|problem| vec![problem]);
        match parsed.and_then(|text| step_type::parse(&text, Some(&shown))) {
            Ok(manifest) => step_types.push((shown, manifest)),
            Err(found) => problems.extend(found),
        }
    }
    if let Some(manifest) = &manifest
        && workflows.is_empty()
        && step_types.is_empty()
        && problems.is_empty()
    {
        let message = format!("the provider '{}' has neither workflows nor step types", manifest.name);
        problems.push(Problem::new(code::MISSING_KEY, message).in_file(&file));
    }
    match manifest {
        Some(manifest) if problems.is_empty() => {
            Ok(Draft { folder, file, manifest, workflows, step_types, warnings, source: None, commit: None })
        }
        _ => Err(problems),
    }
}

/// Makes the records; all conflicts have been looked for.
pub(super) fn finish(drafts: Vec<Draft>, settings: &BTreeMap<String, Settings>) -> Result<Registry, Vec<Problem>> {
    let step_types: BTreeMap<String, StepType> =
        conflicts::by_default(&drafts).into_iter().flat_map(own_step_types).collect();
    let (mut providers, mut bundles) = (Vec::new(), BTreeMap::new());
    let mut problems = Vec::new();
    let nothing = Settings::default();
    for draft in drafts {
        let settings = settings.get(&draft.manifest.name).unwrap_or(&nothing);
        // Each version of a provider works with the step types that it brings itself.
        let mut step_types = step_types.clone();
        step_types.extend(own_step_types(&draft));
        match record(draft, settings, &step_types) {
            Ok((record, bundle)) => {
                providers.push(record);
                bundles.extend(bundle);
            }
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() { Ok(Registry::of(providers, bundles)) } else { Err(problems) }
}

fn own_step_types(draft: &Draft) -> impl Iterator<Item = (String, StepType)> {
    draft.step_types.iter().map(|(_, manifest)| (manifest.step_type.name.clone(), manifest.step_type.clone()))
}

type Bundled = Option<([u8; 32], Bytes)>;

fn record(
    draft: Draft,
    settings: &Settings,
    step_types: &BTreeMap<String, StepType>,
) -> Result<(ProviderRecord, Bundled), Problem> {
    let needs_files =
        |workflow: &Workflow| workflow.steps.iter().any(|step| planning::needs_files(step, &draft.folder));
    let bundle = if draft.workflows.iter().any(|(_, workflow)| needs_files(workflow)) {
        let (digest, content) = draft.folder.bundle()?;
        Some((digest, Bytes::from(content)))
    } else {
        None
    };
    let around = planning::Around {
        provider: &draft.manifest.name,
        folder: &draft.folder,
        settings,
        step_types,
        bundle: bundle.as_ref().map(|(digest, _)| hex::encode(digest)),
    };
    let workflows = draft
        .workflows
        .iter()
        .map(|(entry, workflow)| {
            let (plan, unavailable) = planning::plan(workflow, &around);
            WorkflowRecord {
                name: entry.name.clone(),
                category: entry.category,
                operation: entry.operation,
                description: entry.description.clone().or_else(|| workflow.description.clone()),
                group: entry.group.clone(),
                estimated_duration: entry.estimated_duration.clone(),
                tags: entry.tags.clone(),
                version: entry.version.clone(),
                parameters: workflow.parameters.clone(),
                plan,
                unavailable,
            }
        })
        .collect();
    let Manifest {
        name,
        version,
        kind,
        category,
        description,
        author,
        homepage,
        repository,
        license,
        tags,
        capabilities,
        ..
    } = draft.manifest;
    let step_types = draft
        .step_types
        .into_iter()
        .map(|(_, manifest)| StepTypeRecord { step_type: manifest.step_type, description: manifest.description })
        .collect();
    let mut record = ProviderRecord {
        name,
        version,
        digest: [0; 32],
        commit: draft.commit,
        source: draft.source,
        kind,
        category,
        description,
        author,
        homepage,
        repository,
        license,
        tags,
        capabilities,
        workflows,
        step_types,
        warnings: draft.warnings,
    };
    record.digest = canonical::digest(&serde_json::to_value(&record).unwrap_or_default());
    Ok((record, bundle))
}

/// Where each type, or another name of one, leads among these providers, given with their places. Of two that serve the
/// same type the later has it.
pub(super) fn types<'a>(
    providers: impl Iterator<Item = (usize, &'a ProviderRecord)>,
) -> BTreeMap<String, (usize, String)> {
    let providers: Vec<(usize, &ProviderRecord)> = providers.collect();
    let all = || {
        providers.iter().flat_map(|&(index, record)| {
            record.capabilities.iter().map(move |(name, capability)| (index, name, capability))
        })
    };
    let direct: BTreeMap<&str, usize> = all()
        .filter(|(.., capability)| capability.alias_for.is_none())
        .map(|(index, name, _)| (name.as_str(), index))
        .collect();
    let aliases: BTreeMap<&str, &str> =
        all().filter_map(|(_, name, capability)| Some((name.as_str(), capability.alias_for.as_deref()?))).collect();
    all()
        .filter_map(|(_, name, _)| {
            let mut end = name.as_str();
            // Circles were refused; the bound is for records that come from elsewhere.
            for _ in 0..=aliases.len() {
                match aliases.get(end) {
                    Some(next) => end = next,
                    None => break,
                }
            }
            Some((name.clone(), (*direct.get(end)?, end.to_owned())))
        })
        .collect()
}
