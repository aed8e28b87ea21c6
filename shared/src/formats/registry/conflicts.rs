//! What is wrong between providers that are each right.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{
        graph,
        problem::{Problem, code, did_you_mean, nearest, pointer},
    },
    load::Draft,
    versions,
};

/// Versions of one provider stand side by side; between providers only those that serve by default are compared, for
/// what a pin chooses takes precedence over the others.
pub(super) fn find(drafts: &[Draft]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let named = drafts.iter().map(|draft| (draft.manifest.name.as_str(), draft.manifest.version.as_str(), draft));
    let mut first: BTreeMap<(&str, &str), &Draft> = BTreeMap::new();
    for (name, version, draft) in named {
        if let Some(other) = first.get(&(name, version)) {
            let message = format!("two providers are named '{name}' in version {version}: here and in {}", other.file);
            problems.push(Problem::new(code::CONFLICT, message).in_file(&draft.file));
        } else {
            first.insert((name, version), draft);
        }
    }
    let drafts = by_default(drafts);
    let step_types = drafts.iter().flat_map(|draft| {
        draft.step_types.iter().map(|(file, manifest)| (manifest.step_type.name.as_str(), file.as_str()))
    });
    twice(step_types, "step type", &mut problems);
    types(&drafts, &mut problems);
    problems
}

/// The providers that serve by default: of each its highest version.
pub(super) fn by_default(drafts: &[Draft]) -> Vec<&Draft> {
    let named = drafts.iter().map(|draft| (draft.manifest.name.as_str(), draft.manifest.version.as_str()));
    versions::defaults(named).into_iter().map(|index| &drafts[index]).collect()
}

fn twice<'a>(named: impl Iterator<Item = (&'a str, &'a str)>, what: &str, problems: &mut Vec<Problem>) {
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, file) in named {
        if let Some(other) = first.get(name) {
            let message = format!("two {what}s are named '{name}': here and in {other}");
            problems.push(Problem::new(code::CONFLICT, message).in_file(file));
        } else {
            first.insert(name, file);
        }
    }
}

fn types(drafts: &[&Draft], problems: &mut Vec<Problem>) {
    let mut owners: BTreeMap<&str, &Draft> = BTreeMap::new();
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let listed = |draft: &Draft, kind: &str| draft.manifest.capabilities.contains_key(kind);
    for &draft in drafts {
        for (kind, capability) in &draft.manifest.capabilities {
            if let Some(other) = owners.get(kind.as_str()) {
                let message = format!(
                    "two providers serve the resource type '{kind}': '{}' ({}) and '{}'",
                    other.manifest.name, other.file, draft.manifest.name
                );
                problems.push(Problem::new(code::CONFLICT, message).in_file(&draft.file));
                continue;
            }
            owners.insert(kind, draft);
            edges.insert(kind.clone(), capability.alias_for.iter().cloned().collect());
        }
    }
    for draft in drafts {
        for (kind, capability) in &draft.manifest.capabilities {
            if let Some(target) = &capability.alias_for
                && !owners.contains_key(target.as_str())
            {
                let hint = did_you_mean(&nearest(target, owners.keys().copied().filter(|name| name != kind)));
                let message = format!("'{kind}' is an alias for '{target}', which no provider serves{hint}");
                let path = pointer("/capabilities", "resourceTypeCapabilities");
                problems.push(Problem::new(code::UNKNOWN_NAME, message).at(path).in_file(&draft.file));
            }
        }
    }
    if let Some(circle) = graph::find_cycle(&edges) {
        let file = drafts.iter().find(|draft| listed(draft, &circle[0])).map(|draft| draft.file.clone());
        let message = format!("resource types are aliases of each other: {}", circle.join(" -> "));
        problems.push(Problem { file, ..Problem::new(code::CYCLE, message) });
    }
}
