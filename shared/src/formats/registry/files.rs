//! The workflows of one provider's folder: those that its manifest lists, and its golden paths.

use super::super::{
    folder::Folder,
    golden_path::{self, GoldenPath},
    problem::{Problem, code},
    provider::{Category, Manifest, WorkflowEntry},
    workflow::{self, Options, Parameter, Workflow},
};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) workflows: Vec<(WorkflowEntry, Workflow)>,
    pub(super) warnings: Vec<String>,
    pub(super) problems: Vec<Problem>,
}

/// Reads all workflows that `manifest`, which problems name `file`, and a `goldenpaths.yaml` beside it list.
pub(super) fn read(folder: &Folder, file: &str, manifest: Option<&Manifest>) -> Found {
    let mut found = Found::default();
    let mut golden = golden_paths(folder, &mut found);
    for entry in manifest.iter().flat_map(|manifest| &manifest.workflows) {
        let mut entry = entry.clone();
        let same = golden.iter().position(|path| path.name == entry.name);
        let path = same.filter(|_| entry.category == Category::GoldenPath).map(|index| golden.swap_remove(index));
        let parameters = path.map(|path| adorn(&mut entry, path)).unwrap_or_default();
        found.add(folder, file, entry, &parameters);
    }
    for path in golden {
        if found.workflows.iter().any(|(entry, _)| entry.name == path.name) {
            let message = format!("the golden path '{}' has the name of a workflow in the manifest", path.name);
            found.problems.push(Problem::new(code::CONFLICT, message).in_file(folder.shown(golden_path::FILE)));
            continue;
        }
        let mut entry = WorkflowEntry {
            name: path.name.clone(),
            file: path.file.clone(),
            category: Category::GoldenPath,
            ..WorkflowEntry::default()
        };
        let parameters = adorn(&mut entry, path);
        found.add(folder, &folder.shown(golden_path::FILE), entry, &parameters);
    }
    found
}

fn golden_paths(folder: &Folder, found: &mut Found) -> Vec<GoldenPath> {
    if !folder.has(golden_path::FILE) {
        return Vec::new();
    }
    let shown = folder.shown(golden_path::FILE);
    let read = folder.read(golden_path::FILE).map_err(|problem| vec![problem]);
    match read.and_then(|text| golden_path::parse(&text, Some(&shown))) {
        Ok((paths, warnings)) => {
            found.warnings.extend(warnings.iter().map(|warning| format!("{}:{warning}", golden_path::FILE)));
            paths
        }
        Err(problems) => {
            found.problems.extend(problems);
            Vec::new()
        }
    }
}

/// What a golden path says goes into the entry; its parameters are given back.
fn adorn(entry: &mut WorkflowEntry, path: GoldenPath) -> Vec<Parameter> {
    entry.description = entry.description.take().or(path.description);
    entry.group = path.group;
    entry.estimated_duration = path.estimated_duration;
    let new = path.tags.into_iter().filter(|tag| !entry.tags.contains(tag)).collect::<Vec<_>>();
    entry.tags.extend(new);
    path.parameters
}

impl Found {
    fn add(&mut self, folder: &Folder, manifest: &str, entry: WorkflowEntry, parameters: &[Parameter]) {
        if entry.file.is_empty() {
            let workflow = Workflow {
                name: entry.name.clone(),
                unsupported: vec!["the manifest names no file for it".to_owned()],
                ..Workflow::default()
            };
            self.workflows.push((entry, workflow));
            return;
        }
        let shown = folder.shown(&entry.file);
        // A file that is not there is the manifest's mistake.
        let text = match folder.read(&entry.file) {
            Ok(text) => text,
            Err(problem) => {
                let message = format!("the workflow '{}': {}", entry.name, problem.message);
                self.problems.push(Problem::new(code::FILE, message).in_file(manifest));
                return;
            }
        };
        let options = Options { file: Some(&shown), name: Some(&entry.name), parameters, step_types: None };
        let parsed = workflow::parse_chosen(&text, &options);
        match parsed.and_then(|parsed| Ok((parsed.dialect, parsed.result?))) {
            Ok((dialect, (workflow, warnings))) => {
                let entry = WorkflowEntry { dialect, ..entry };
                let file = entry.file.trim_start_matches("./");
                self.warnings.extend(warnings.iter().map(|warning| format!("{file}:{warning}")));
                self.workflows.push((entry, workflow));
            }
            Err(problems) => self.problems.extend(problems),
        }
    }
}
