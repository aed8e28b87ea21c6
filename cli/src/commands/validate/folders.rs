//! `slipway provider validate`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::json;
use shared::{
    config::Config,
    formats::{
        problem::Problem,
        registry::{self, Registry, Report, Settings},
        step_type::BUILT_IN,
    },
};

use crate::{
    failure::Failure,
    output::{self, Format, Printer, clean},
};

/// Checks providers' folders, with the settings of a configuration file if one is given.
///
/// # Errors
/// When there is a problem, after printing it.
pub(crate) fn folders(printer: Printer, folders: &[PathBuf], config: Option<&Path>) -> anyhow::Result<()> {
    let configured =
        config.map(|path| Config::load(Some(path))).transpose()?.map(|config| config.providers).unwrap_or_default();
    let settings: BTreeMap<String, Settings> = configured
        .into_iter()
        .map(|(name, given)| {
            let secrets = given.secrets.into_keys().collect();
            (name, Settings { settings: given.settings, egress: given.egress, secrets })
        })
        .collect();
    let outcome = Registry::load(folders, &settings);
    let reports = registry::validate_dirs(folders);
    // Steps with a mistyped type load, and are a mistake all the same.
    let mut problems: Vec<Problem> =
        reports.iter().filter(|report| report.provider.is_some()).flat_map(|report| report.problems.clone()).collect();
    problems.extend(outcome.as_ref().err().cloned().unwrap_or_default());
    let valid = problems.is_empty();
    if printer.format == Format::Table {
        show(&reports, outcome.as_ref().ok(), &problems, config.is_some());
    } else {
        let records = outcome.as_ref().map(Registry::records).unwrap_or_default();
        let understood: Vec<&Report> = reports.iter().filter(|report| report.provider.is_some()).collect();
        let value = json!({ "valid": valid, "problems": problems, "reports": understood, "providers": records });
        printer.print(&value, |_, _| Ok(String::new()))?;
    }
    if valid { Ok(()) } else { Err(Failure::Said(1).into()) }
}

fn show(reports: &[Report], registry: Option<&Registry>, problems: &[Problem], configured: bool) {
    let records = registry.map(Registry::records).unwrap_or_default();
    // `name@version`, of all these folders.
    let brought: Vec<&str> = reports
        .iter()
        .flat_map(|report| &report.step_types)
        .map(|name| name.split('@').next().unwrap_or_default())
        .collect();
    for report in reports {
        let Some(provider) = &report.provider else { continue };
        let served =
            if report.resource_types.is_empty() { "no resource type".into() } else { report.resource_types.join(", ") };
        let said = if report.is_valid() { "valid" } else { "not valid" };
        let count = report.workflows.len();
        let s = if count == 1 { "" } else { "s" };
        let provider = provider.replacen('@', " ", 1);
        output::say!("{}: {said}: {count} workflow{s}, serves {}", clean(&provider), clean(&served));
        report.warnings.iter().for_each(|warning| output::say!("  warning: {}", clean(warning)));
        for workflow in &report.workflows {
            workflow.to_string().lines().for_each(|line| output::say!("  {}", clean(line)));
        }
        let rare = |name: &&str| !BUILT_IN.contains(name) && !brought.contains(name);
        let types: Vec<&str> = report.needs.step_types.iter().map(String::as_str).filter(rare).collect();
        let needs = [
            ("step types that not every installation has", types),
            ("secrets in its settings", report.needs.secrets.iter().map(String::as_str).collect()),
            ("addresses in its settings", report.needs.egress.iter().map(String::as_str).collect()),
        ];
        for (what, names) in needs.into_iter().filter(|(_, names)| !names.is_empty()) {
            output::say!("  needs {what}: {}", clean(&names.join(", ")));
        }
    }
    // Without an instance's settings, what is needed says it all.
    for workflow in records.iter().flat_map(|record| &record.workflows).filter(|_| configured) {
        if let Some(reason) = &workflow.unavailable {
            let with = "with these settings and only the providers in these folders";
            output::say!("{} cannot run {with}: {}", clean(&workflow.name), clean(reason));
        }
    }
    problems.iter().for_each(|problem| output::say!("{}", clean(&problem.to_string())));
    if !problems.is_empty() {
        output::say!("{} problem{}", problems.len(), if problems.len() == 1 { "" } else { "s" });
    }
}
