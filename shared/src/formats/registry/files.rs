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

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs};

    use serde_json::json;
    use tempfile::TempDir;

    use super::super::Registry;
    use crate::{domain::run::Operation, formats::provider::Category};

    const SEVERAL: &str = "apiVersion: orchestrator.innominatus.dev/v1\nkind: Workflow\nmetadata: {name: other}\nspec: {steps: [{name: x, type: nothing}]}\n---\napiVersion: orchestrator.innominatus.dev/v1\nkind: Workflow\nmetadata: {name: make-room}\nspec: {steps: [{name: work, type: shell, script: ls}]}\n";
    const SHELL: &str = "apiVersion: slipway.dev/v1\nkind: StepType\nmetadata: {name: shell, version: 1.0.0}\nimage: i\ncommand: [sh]\n";

    fn load(files: &[(&str, &str)]) -> Registry {
        let root = TempDir::new().unwrap();
        for (name, text) in files {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Registry::load(&[root.path().to_owned()], &BTreeMap::new()).unwrap_or_else(|problems| panic!("{problems:#?}"))
    }

    #[test]
    fn manifests_of_other_systems_load_with_what_they_have_besides() {
        let manifest = "apiVersion: innominatus.io/v1\nkind: Platform\nmetadata: {name: rooms, version: 1.2.0-beta.1, author: us, team: blue}\ncompatibility: {minCoreVersion: 0.9.0, maxCoreVersion: \"2.0.0\"}\nprovisioners:\n  - {name: make-room, type: room, version: 1.0.0, file: several.yaml, author: us}\n  - {name: ghost, type: ghost, version: 1.0.0, description: No file}\nconfiguration: {a: 1}\n";
        let registry = load(&[
            ("rooms/provider.yaml", manifest),
            ("rooms/several.yaml", SEVERAL),
            ("rooms/step-types/shell.yaml", SHELL),
        ]);
        let planned = registry.plan("room", Operation::Create, &[]).unwrap();
        assert_eq!((planned.workflow.as_str(), planned.plan.steps[0].name.as_str()), ("make-room", "work"));
        let ghost = registry.workflow("rooms", "ghost").unwrap();
        assert_eq!(ghost.unavailable.as_deref(), Some("the manifest names no file for it"));
        assert!(registry.plan("ghost", Operation::Create, &[]).is_err());
    }

    #[test]
    fn golden_paths_come_with_a_manifest_or_alone_and_bring_their_parameters() {
        let path = "apiVersion: workflow.dev/v1\nkind: Workflow\nmetadata: {name: any}\nspec: {steps: [{name: a, type: shell, config: {n: \"${parameters.size}\"}}]}\n";
        let golden = "goldenpaths:\n  open:\n    workflow: ./open.yaml\n    description: Opens\n    category: shops\n    tags: [shop]\n    estimated_duration: a minute\n    parameters: {size: {type: int, default: \"2\", max: 5}}\n";
        let manifest = "apiVersion: v1\nkind: Provider\nmetadata: {name: team, version: 1.0.0}\nworkflows: [{name: open, file: open.yaml, category: goldenpath, tags: [own]}]\n";
        let alone: &[(&str, &str)] = &[("shops/goldenpaths.yaml", golden), ("shops/open.yaml", path)];
        let both: &[(&str, &str)] =
            &[("team/provider.yaml", manifest), ("team/goldenpaths.yaml", golden), ("team/open.yaml", path)];
        for (files, provider, tags) in [(alone, "shops", vec!["shop"]), (both, "team", vec!["own", "shop"])] {
            let registry = load(files);
            let record = registry.workflow(provider, "open").unwrap();
            assert_eq!((record.category, record.group.as_deref()), (Category::GoldenPath, Some("shops")));
            assert_eq!(
                (record.estimated_duration.as_deref(), &record.tags),
                (Some("a minute"), &tags.iter().map(|tag| (*tag).to_owned()).collect())
            );
            assert_eq!(record.parameters[0].default, Some(json!(2)));
            assert_eq!(record.unavailable.as_deref(), Some("step 'a': the step type 'shell' is not installed"));
        }
    }
}
