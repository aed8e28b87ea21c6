//! One file of any kind.

use std::path::Path;

use serde_json::json;
use shared::{
    domain::words::count,
    formats::{
        detect::{FileKind, detect},
        golden_path,
        problem::{Problem, Warning},
        provider, registry,
        score::{self, Mode},
        step_type::{self, BUILT_IN},
        workflow::{self, Options, Outline, Parsed},
    },
};

use super::{super::beside::Beside, Checked};
use crate::output::clean;

/// Checks a text that is of `kind`, or of the kind that it seems to be.
pub(super) fn check(text: &str, shown: &str, kind: Option<FileKind>, compat: bool) -> Checked {
    // What is no YAML is refused as a Score file, with the place.
    let kind = kind.unwrap_or_else(|| detect(text).unwrap_or(FileKind::Score));
    match kind {
        FileKind::Score => score(text, shown, compat),
        FileKind::Workflow => workflows(text, shown),
        FileKind::Provider => {
            let parsed = provider::parse(text, Some(shown), &provider::own_version());
            let said = |manifest: &provider::Manifest| {
                let types: Vec<&str> = manifest.capabilities.keys().map(String::as_str).collect();
                let serves = if types.is_empty() { "no resource type".to_owned() } else { types.join(", ") };
                let workflows = count(manifest.workflows.len(), "workflow");
                format!(
                    "provider {} {}, serves {serves}, {workflows} (their files are not looked at)",
                    manifest.name, manifest.version
                )
            };
            one(shown, kind, parsed, said)
        }
        FileKind::GoldenPaths => one(shown, kind, golden_path::parse(text, Some(shown)), |paths| {
            let names: Vec<&str> = paths.iter().map(|path| path.name.as_str()).collect();
            format!("{}: {} (their files are not looked at)", count(paths.len(), "golden path"), names.join(", "))
        }),
        FileKind::StepType => {
            let parsed = step_type::parse(text, Some(shown)).map(|manifest| (manifest, Vec::new()));
            one(shown, kind, parsed, |manifest| {
                format!("step type {} {}", manifest.step_type.name, manifest.step_type.version)
            })
        }
    }
}

fn score(text: &str, shown: &str, compat: bool) -> Checked {
    let mode = if compat { Mode::Compat } else { Mode::Strict };
    let parsed = score::parse_file(text, mode, Some(shown)).map(|mut parsed| {
        let mut beside = Beside::of(if shown == "<stdin>" { "-" } else { shown });
        for file in &parsed.sources {
            // The Score file is one for all that; it is `deploy` that cannot send it.
            if let Err(message) = beside.read(&file.source) {
                parsed.warnings.push(file.warning(format!("{message}; `slipway deploy` will refuse it")));
            }
        }
        (parsed.score, parsed.warnings)
    });
    one(shown, FileKind::Score, parsed, |score| {
        format!("{}, {}", score.metadata.name, count(score.resources.len(), "resource"))
    })
}

fn one<T>(
    shown: &str,
    kind: FileKind,
    parsed: Result<(T, Vec<Warning>), Vec<Problem>>,
    said: impl Fn(&T) -> String,
) -> Checked {
    let (valid, warnings, problems) = match &parsed {
        Ok((_, warnings)) => (true, warnings.clone(), Vec::new()),
        Err(problems) => (false, Vec::new(), problems.clone()),
    };
    let mut lines = told(shown, &warnings, &problems);
    if let Ok((value, _)) = &parsed {
        lines.push(format!("{shown}: valid: {}", clean(&said(value))));
    }
    let value = json!({
        "file": shown, "kind": kind.described(), "valid": valid, "warnings": warnings, "problems": problems,
    });
    Checked { lines, value, valid }
}

fn told(shown: &str, warnings: &[Warning], problems: &[Problem]) -> Vec<String> {
    let warnings = warnings.iter().map(|warning| format!("{shown}:{} (warning)", clean(&warning.to_string())));
    warnings.chain(problems.iter().map(|problem| clean(&problem.to_string()))).collect()
}

/// A file of workflows: one result for all of them.
fn workflows(text: &str, shown: &str) -> Checked {
    let own = registry::step_types_around(Path::new(shown));
    let known: Vec<&str> = BUILT_IN.into_iter().chain(own.iter().map(String::as_str)).collect();
    let options = Options { file: Some(shown), step_types: Some(&known), ..Options::default() };
    let parsed = match workflow::parse_all(text, &options) {
        Ok(parsed) => parsed,
        Err(problems) => return one(shown, FileKind::Workflow, Err::<((), _), _>(problems), |()| String::new()),
    };
    let mut all = Checked { valid: true, ..Checked::default() };
    let (mut warnings, mut problems, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for Parsed { dialect, name, result } in parsed {
        match result {
            Ok((workflow, found)) => {
                all.lines.extend(told(shown, &found, &[]));
                warnings.extend(found);
                let outline = Outline::of(dialect, &workflow);
                let needs: Vec<&String> =
                    outline.step_types.iter().filter(|name| !known.contains(&name.as_str())).collect();
                all.lines.push(format!("{shown}: valid: workflow {} ({dialect})", clean(&outline.name)));
                all.lines.extend(outline.to_string().lines().map(clean));
                if !needs.is_empty() {
                    let needs: Vec<&str> = needs.iter().map(|name| name.as_str()).collect();
                    all.lines.push(format!(
                        "  needs step types that not every installation has: {}",
                        clean(&needs.join(", "))
                    ));
                }
                let mut value = json!(outline);
                value["needs"] = json!({ "step_types": needs });
                values.push(value);
            }
            Err(found) => {
                all.valid = false;
                all.lines.extend(told(shown, &[], &found));
                values.push(json!({ "name": name, "dialect": dialect }));
                problems.extend(found);
            }
        }
    }
    all.value = json!({
        "file": shown, "kind": FileKind::Workflow.described(), "valid": all.valid, "workflows": values,
        "warnings": warnings, "problems": problems,
    });
    all
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn lines(text: &str) -> String {
        check(text, "f.yaml", None, false).lines.join("\n")
    }

    #[test]
    fn of_a_workflow_it_is_said_what_was_understood() {
        insta::assert_snapshot!(lines(
            "apiVersion: workflow.dev/v1\nkind: Workflow\nmetadata: {name: w}\nspec:\n  parameters: [{name: size, type: int, default: \"3\"}]\n  steps:\n    - {name: a, type: shell, script: ls}\n    - {name: b, type: vault, if: \"${parameters.size} > 2\"}\n    - {name: c, type: shell, script: ls, when: on_failure, dependsOn: [a]}\n  outputs: {x: \"${a.y}\"}\n"
        ));
    }

    #[test]
    fn a_step_type_that_is_nearly_one_is_a_mistake() {
        let checked = check("steps: [{name: a, type: shel}]\n", "f.yaml", None, false);
        assert!(!checked.valid && checked.lines[0].starts_with("f.yaml:1:"), "{:?}", checked.lines);
        assert!(checked.lines[0].contains("did you mean 'shell'?"), "{:?}", checked.lines);
        assert_eq!(checked.value["problems"][0]["code"], Value::from("unknown_name"));
    }

    #[test]
    fn manifests_and_golden_paths_are_known_by_what_is_in_them() {
        let manifest = "apiVersion: v1\nkind: Provider\nmetadata: {name: p, version: 1.0.0}\n";
        assert!(lines(manifest).contains("valid: provider p 1.0.0, serves no resource type, 0 workflows"));
        assert!(lines("goldenpaths: {a: w.yaml}\n").contains("valid: 1 golden path: a"));
        let forced = check("a: 1\n", "f.yaml", Some(FileKind::Workflow), false);
        assert!(
            !forced.valid && forced.lines.iter().any(|line| line.contains("'steps' is missing")),
            "{:?}",
            forced.lines
        );
    }
}
