//! `slipway deploy`.

use anyhow::Context as _;
use serde_json::Value;
use shared::formats::{
    problem::{Problem, code},
    score::Embedded,
};

use super::{
    Globals, beside, changes,
    progress::Progress,
    resource, validate,
    wait::{self, Goal, Patience},
};
use crate::{
    client::{Body, Client},
    failure::{self, Failure},
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
  render | slipway deploy - -w --timeout 5m
Files that containers get by `source` are read from the Score file's folder, and sent with it.")]
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
    let embedded = match beside::embed(&text, &arguments.file) {
        Ok(embedded) => Some(embedded),
        Err(problems) if problems.iter().any(|problem| problem.code == code::FILE) => {
            return Err(unsendable(problems, &file).into());
        }
        // What is no document is for the server to refuse.
        Err(_) => None,
    };
    let sent = embedded.as_ref().and_then(Embedded::text).map(str::to_owned).unwrap_or(text);
    anyhow::ensure!(
        sent.len() as u64 <= validate::FILE_BYTES,
        "{file} is larger than 1 MiB with the files that it names"
    );
    let joined = |values: &[String]| (!values.is_empty()).then(|| values.join(","));
    let query = super::list::query([
        ("compat", arguments.compat.then(|| "true".into())),
        ("team", arguments.team.clone()),
        ("dry_run", arguments.dry_run.then(|| "true".into())),
        ("ttl", arguments.ttl.clone()),
        ("tags", joined(&arguments.tags)),
        ("workflow_override", joined(&arguments.workflows)),
    ]);
    // What the server read may not be what the author wrote: places are looked for in the author's text.
    let places = embedded.filter(|embedded| embedded.text().is_some());
    let answer = client.post("/api/specs", &query, Some(Body::Yaml(sent))).await;
    let (_, answer) = answer.map_err(|error| place(error, &file, places.as_ref()))?;
    for warning in answer["warnings"].as_array().into_iter().flatten() {
        let written = places.as_ref().and_then(|it| it.position(warning["path"].as_str().unwrap_or_default()));
        let (line, column) = match written {
            Some(at) => (Some(at.line.into()), Some(at.column.into())),
            None => (warning["line"].as_u64(), warning["column"].as_u64()),
        };
        let at = |number: Option<u64>| number.map(|number| format!(":{number}")).unwrap_or_default();
        let message = clean(warning["message"].as_str().unwrap_or_default());
        warn(&format!("{file}{}{} {message}", at(line), at(column)));
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

/// Files that the Score file names and that cannot be sent with it.
fn unsendable(problems: Vec<Problem>, file: &str) -> Failure {
    let errors = problems.into_iter().map(|it| failure::InputError {
        path: it.path,
        line: it.line.map(u64::from),
        column: it.column.map(u64::from),
        message: it.message,
    });
    Failure::Problem(failure::Problem {
        title: "The Score file cannot be sent".to_owned(),
        detail: "what it puts into containers could not be read".to_owned(),
        errors: errors.collect(),
        file: Some(file.to_owned()),
        ..failure::Problem::default()
    })
}

/// Puts the file's name before the places of a problem, and finds them in the text that `places` was made from.
fn place(error: anyhow::Error, file: &str, places: Option<&Embedded>) -> anyhow::Error {
    match error.downcast::<Failure>() {
        Ok(Failure::Problem(mut problem)) => {
            problem.file = Some(file.to_owned());
            for error in problem.errors.iter_mut().filter(|_| places.is_some()) {
                let at = places.and_then(|places| places.position(&error.path));
                (error.line, error.column) = (at.map(|at| at.line.into()), at.map(|at| at.column.into()));
            }
            Failure::Problem(problem).into()
        }
        Ok(other) => other.into(),
        Err(error) => error,
    }
}
