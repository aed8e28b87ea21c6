//! `slipway workflow convert`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;
use shared::formats::{
    detect::{FileKind, detect},
    golden_path,
    problem::{Problem, Warning},
    workflow::{self, Options, Workflow},
};

use super::validate::read_file;
use crate::{
    failure::Failure,
    output::{self, Format, Printer, clean},
};

/// Turns a workflow in any dialect into our own, slipway.dev/v1
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  slipway workflow convert old/provision-db.yaml
  slipway workflow convert old/deploy.yaml --out workflows/deploy.yaml
  slipway workflow convert pipelines.yaml --name nightly -o json
  slipway workflow convert goldenpaths.yaml
Conditions become CEL, ${...} becomes Go templates, the order of the file becomes dependsOn. Of several workflows in a file
each becomes a document. Of a goldenpaths.yaml, each golden path becomes a workflow that has its parameters.
Exit codes: 0 converted; 1 there is a problem, and nothing is written.")]
pub(crate) struct Arguments {
    /// The file, YAML or JSON; - reads standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// Only the workflow of this name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Writes to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

type Read = (Workflow, Vec<Warning>);

/// Carries it out.
///
/// # Errors
/// When the file cannot be read or has a problem, and when the result cannot be written.
pub(crate) fn run(printer: Printer, arguments: &Arguments) -> anyhow::Result<()> {
    let text = read_file(&arguments.file)?;
    let shown = if arguments.file == "-" { "<stdin>" } else { &arguments.file };
    let kind = detect(&text).unwrap_or(FileKind::Workflow);
    let mut read = match kind {
        FileKind::GoldenPaths => golden_paths(&text, shown)?,
        FileKind::Workflow | FileKind::Score => workflows(&text, shown)?,
        other => anyhow::bail!("{shown} is no workflow, but a {}", other.described()),
    };
    if let Some(name) = &arguments.name {
        let names: Vec<String> = read.iter().map(|(workflow, _)| workflow.name.clone()).collect();
        read.retain(|(workflow, _)| workflow.name == *name);
        anyhow::ensure!(!read.is_empty(), "{shown} has no workflow '{name}'; it has: {}", names.join(", "));
    }
    for (_, warnings) in &read {
        warnings.iter().for_each(|warning| output::complain!("{shown}:{} (warning)", clean(&warning.to_string())));
    }
    let converted = written(&read, printer.format)?;
    match &arguments.out {
        Some(path) => {
            std::fs::write(path, converted).with_context(|| format!("writing {}", path.display()))?;
            output::say!(
                "{}: written, {} workflow{}",
                path.display(),
                read.len(),
                if read.len() == 1 { "" } else { "s" }
            );
        }
        None => output::print(&converted),
    }
    Ok(())
}

fn written(read: &[Read], format: Format) -> anyhow::Result<String> {
    if format == Format::Json {
        let mut values: Vec<Value> = read.iter().map(|(workflow, _)| workflow::to_value(workflow)).collect();
        let value = if values.len() == 1 { values.remove(0) } else { Value::Array(values) };
        return Ok(serde_json::to_string_pretty(&value).context("writing JSON")? + "\n");
    }
    anyhow::ensure!(matches!(format, Format::Table | Format::Yaml), "a workflow is written as yaml or json");
    let documents: Result<Vec<String>, _> = read.iter().map(|(workflow, _)| workflow::to_yaml(workflow)).collect();
    Ok(documents.context("writing YAML")?.join("---\n"))
}

fn workflows(text: &str, shown: &str) -> anyhow::Result<Vec<Read>> {
    let options = Options { file: Some(shown), ..Options::default() };
    let parsed = workflow::parse_all(text, &options).map_err(|problems| refused(&problems))?;
    let (mut read, mut problems) = (Vec::new(), Vec::new());
    for one in parsed {
        match one.result {
            Ok(one) => read.push(one),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(read) } else { Err(refused(&problems)) }
}

fn golden_paths(text: &str, shown: &str) -> anyhow::Result<Vec<Read>> {
    let (paths, warnings) = golden_path::parse(text, Some(shown)).map_err(|problems| refused(&problems))?;
    warnings.iter().for_each(|warning| output::complain!("{shown}:{} (warning)", clean(&warning.to_string())));
    let folder = Path::new(shown).parent().unwrap_or(Path::new(""));
    let (mut read, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        let file = folder.join(&path.file);
        let file = file.to_str().context("a file's name is no text")?;
        let options =
            Options { file: Some(file), name: Some(&path.name), parameters: &path.parameters, ..Options::default() };
        match workflow::parse_one(&read_file(file)?, &options) {
            Ok((workflow, warnings)) => {
                let description = path.description.or(workflow.description);
                read.push((Workflow { name: path.name, description, ..workflow }, warnings));
            }
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(read) } else { Err(refused(&problems)) }
}

fn refused(problems: &[Problem]) -> anyhow::Error {
    problems.iter().for_each(|problem| output::complain!("{}", clean(&problem.to_string())));
    Failure::Said(1).into()
}
