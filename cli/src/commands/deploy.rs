//! `slipway deploy`.

use anyhow::Context as _;
use serde_json::Value;

use super::{
    Globals, changes,
    progress::Progress,
    resource, validate,
    wait::{self, Goal, Patience},
};
use crate::{
    client::{Body, Client},
    failure::Failure,
    output::{self, Format, Printer, clean, warn},
    views,
};

/// Submits a Score file; the same content again changes nothing
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  slipway deploy shop.yaml                 submit, and come back at once
  slipway deploy shop.yaml --wait          watch until every resource is active (exit code 1 if one fails)
  slipway deploy shop.yaml --dry-run       show what would be made, changed and removed, and by which workflows
  slipway deploy shop.yaml --ttl 8h        have it deleted by itself in eight hours
  slipway deploy shop.yaml --tag fast --workflow-override db=small-database
  render | slipway deploy - -w --timeout 5m")]
pub(crate) struct Arguments {
    /// The Score file, YAML or JSON; - reads it from standard input
    #[arg(value_name = "FILE")]
    file: String,
    /// Watches until every resource is active or has failed
    #[arg(short, long)]
    wait: bool,
    /// Accepts what Innominatus' own files have beyond Score, with a warning each
    #[arg(long)]
    compat: bool,
    /// The team that owns a new application
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// Shows what would be done, in order, and does nothing; exit code 1 if some of it cannot be done
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
    /// How long the application lives from now on, as 30m, 8h, 2d; then it is deleted by itself
    #[arg(long, value_name = "TIME")]
    ttl: Option<String>,
    /// A tag that workflows are chosen by, for every resource; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// The workflow that is to serve a resource; may be given several times
    #[arg(long = "workflow-override", value_name = "RESOURCE=WORKFLOW")]
    workflows: Vec<String>,
    #[command(flatten)]
    patience: Patience,
}

/// Carries it out.
///
/// # Errors
/// When the server says no, or with --wait when a resource fails.
pub(crate) async fn run(globals: &Globals, arguments: Arguments) -> anyhow::Result<()> {
    let text = validate::read_file(&arguments.file)?;
    let file = if arguments.file == "-" { "<stdin>".to_owned() } else { arguments.file.clone() };
    let (client, printer) = (globals.client()?, globals.printer());
    let joined = |values: &[String]| (!values.is_empty()).then(|| values.join(","));
    let query = super::list::query([
        ("compat", arguments.compat.then(|| "true".into())),
        ("team", arguments.team.clone()),
        ("dry_run", arguments.dry_run.then(|| "true".into())),
        ("ttl", arguments.ttl.clone()),
        ("tags", joined(&arguments.tags)),
        ("workflow_override", joined(&arguments.workflows)),
    ]);
    let (_, answer) =
        client.post("/api/specs", &query, Some(Body::Yaml(text))).await.map_err(|error| place(error, &file))?;
    for warning in answer["warnings"].as_array().into_iter().flatten() {
        let at = |name: &str| warning[name].as_u64().map(|number| format!(":{number}")).unwrap_or_default();
        warn(&format!(
            "{file}{}{} {}",
            at("line"),
            at("column"),
            clean(warning["message"].as_str().unwrap_or_default())
        ));
    }
    if arguments.dry_run {
        tell_notes(&answer);
        return changes::show(printer, &answer);
    }
    let name = answer["application"]["name"].as_str().context("the server's answer names no application")?.to_owned();
    finish(&client, printer, answer, &name, arguments.wait.then_some(&arguments.patience)).await
}

/// Shows what became of a submission; with patience, once all of it is done.
///
/// # Errors
/// When the server says no, or a resource fails.
pub(super) async fn finish(
    client: &Client,
    printer: Printer,
    answer: Value,
    name: &str,
    patience: Option<&Patience>,
) -> anyhow::Result<()> {
    tell_notes(&answer);
    let Some(patience) = patience else {
        return printer.print(&answer, |printer, answer| summary(printer, answer, name));
    };
    if printer.format == Format::Table {
        let message = clean(answer["message"].as_str().unwrap_or_default());
        output::say!("{}: {message}", clean(name));
    }
    let value = wait::until(client, name, Goal::Active, patience, Progress::new(printer)).await?;
    printer.print(&value, |printer, value| {
        let (application, name): (views::Application, _) = (views::read(value)?, clean(name));
        let Some(first) = application.items.first() else {
            return Ok(format!("{name}: generation {} is accepted; it has no resources\n", application.generation));
        };
        let (count, state) = (application.items.len(), printer.state("active"));
        let hint = format!("  its outputs: slipway resource get {name}/{}\n", clean(&first.name));
        Ok(format!("{name}: {count} of {count} resources {state}\n{hint}"))
    })
}

/// What else the server has to say, as that containers are recorded and not run.
fn tell_notes(answer: &Value) {
    for note in answer["notes"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        warn(&clean(note));
    }
}

fn summary(printer: Printer, answer: &Value, name: &str) -> anyhow::Result<String> {
    let message = clean(answer["message"].as_str().unwrap_or_default());
    let mut text = format!("{}: {message}\n", clean(name));
    let resources: Vec<views::Resource> = answer.get("resources").map_or_else(|| Ok(Vec::new()), views::read)?;
    if !resources.is_empty() {
        text.push_str(&format!("\n{}", resource::brief_table(printer, &resources)));
    }
    for failed in resources.iter().filter(|it| it.state == "failed") {
        text.push_str(&format!("\n{}", resource::failure_and_remedy(failed)));
    }
    text.push_str(&format!("\nto watch it: slipway status {} --watch\n", clean(name)));
    Ok(text)
}

/// Puts the file's name before the places of a problem.
fn place(error: anyhow::Error, file: &str) -> anyhow::Error {
    match error.downcast::<Failure>() {
        Ok(Failure::Problem(mut problem)) => {
            problem.file = Some(file.to_owned());
            Failure::Problem(problem).into()
        }
        Ok(other) => other.into(),
        Err(error) => error,
    }
}
