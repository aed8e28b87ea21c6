//! `slipway workflow`.

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use super::{
    Globals, again, approval, bulk, convert,
    list::{Many, query},
    logs, plan,
    runs::Filters,
};
use crate::{
    client::{Body, Client, segment},
    failure::Failure,
    output::{self, Printer, age, clean, inline, or_dash, short},
    views::{self, Resource, Run},
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists runs, newest first
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  slipway workflow list --app shop\n  slipway workflow list --status failed --since 24h -o json\n  slipway workflow list --watch"
    )]
    List {
        #[command(flatten)]
        filters: Filters,
        #[command(flatten)]
        many: Many,
    },
    /// Shows one run: steps, attempts, outputs, and why it waits
    Get {
        /// The run's id, or APP/RESOURCE for that resource's latest
        #[arg(value_name = "RUN")]
        run: String,
        /// Shows inputs and sensitive outputs; that it was done is recorded
        #[arg(long)]
        reveal: bool,
        /// Looks again every two seconds, until Ctrl-C
        #[arg(long)]
        watch: bool,
    },
    /// Stops a run, or all that match
    #[command(after_help = "Examples:
  slipway workflow cancel shop/db --reason 'wrong size'
  slipway workflow cancel --all-matching --status pending --queue gpu --dry-run
  slipway workflow cancel --all-matching --status pending --queue gpu --yes")]
    Cancel {
        /// The run's id, or APP/RESOURCE for that resource's latest
        #[arg(value_name = "RUN", required_unless_present = "all_matching", conflicts_with = "all_matching")]
        run: Option<String>,
        /// Why, for the people who find it cancelled
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        matching: bulk::Matching,
    },
    /// Operations on many runs, as --all-matching begins them
    #[command(subcommand)]
    Bulk(bulk::Command),
    Convert(convert::Arguments),
    Retry(again::Retry),
    Rerun(again::Rerun),
    /// Lets a step begin that waits to be started
    #[command(after_help = "Example:\n  slipway workflow start 0198c7a2-70d9-7494-8221-6f4cc9e19904 cut-over")]
    Start {
        /// The run's id, or APP/RESOURCE for that resource's latest
        #[arg(value_name = "RUN")]
        run: String,
        /// The step; needed only when several of the run wait to be started
        #[arg(value_name = "STEP")]
        step: Option<String>,
    },
    /// Starts a golden path
    #[command(after_help = "Examples:
  slipway workflow run hello --input name=Ada --follow
  slipway workflow run rotate --input-json '{\"days\": 30}'
An input that is valid JSON keeps its type: --input days=30 is a number, --input 'days=\"30\"' a text.")]
    Run {
        /// The golden path
        #[arg(value_name = "NAME")]
        name: String,
        /// An input; may be given many times
        #[arg(short, long = "input", value_name = "KEY=VALUE")]
        inputs: Vec<String>,
        /// Inputs as one JSON object
        #[arg(long, value_name = "JSON")]
        input_json: Option<String>,
        /// Shows its log until it is over; the exit code says how it ended
        #[arg(short, long)]
        follow: bool,
        /// Shows what would be run, and runs nothing
        #[arg(long, conflicts_with = "follow")]
        dry_run: bool,
    },
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no, and when a followed run does not complete.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    let printer = globals.printer();
    match command {
        Command::Convert(arguments) => convert::run(printer, &arguments),
        Command::List { filters, many } => many.show(globals, "/api/workflows", &filters.query()?, table).await,
        Command::Get { run, reveal, watch } => {
            let client = globals.client()?;
            let path = path_of(&id_of(&client, &run).await?);
            let filters = query([("reveal", reveal.then(|| "true".to_owned()))]);
            let look = || async { printer.render(&client.get(&path, &filters).await?, detail) };
            printer.watch(watch, look).await
        }
        Command::Cancel { run: None, reason, matching } => bulk::all(globals, "cancel", &matching, reason).await,
        Command::Cancel { run: Some(run), reason, matching } => {
            anyhow::ensure!(!matching.is_set()?, "filters, --yes, --dry-run and --wait go with --all-matching");
            let client = globals.client()?;
            let id = id_of(&client, &run).await?;
            let body = reason.map_or_else(|| json!({}), |reason| json!({ "reason": reason }));
            let (_, answer) = client.post(&format!("{}/cancel", path_of(&id)), &[], Some(Body::Json(body))).await?;
            printer.print(&answer, |_, answer| {
                Ok(match answer["status"].as_str() {
                    Some("cancelling") => format!("{id} is being cancelled: its worker stops the containers\n  slipway workflow get {id} --watch\n"),
                    status => format!("{id} is {}\n", clean(status.unwrap_or("cancelled"))),
                })
            })
        }
        Command::Bulk(command) => bulk::run(globals, command).await,
        Command::Retry(arguments) => again::retry(globals, arguments).await,
        Command::Rerun(arguments) => again::rerun(globals, arguments).await,
        Command::Start { run, step } => approval::start(globals, run, step).await,
        Command::Run { name, inputs, input_json, follow, dry_run } => {
            let inputs = read_inputs("--input", &inputs, input_json.as_deref())?;
            let client = globals.client()?;
            let body = Body::Json(json!({ "workflow": name, "inputs": inputs, "dry_run": dry_run }));
            let (_, answer) = client.post("/api/workflows/execute", &[], Some(body)).await?;
            if dry_run {
                return plan::show(&client, printer, &answer).await;
            }
            accepted(&client, printer, &answer, follow).await
        }
    }
}

/// Says which run was made, and follows it if asked to.
pub(super) async fn accepted(client: &Client, printer: Printer, answer: &Value, follow: bool) -> anyhow::Result<()> {
    let id = answer["id"].as_str().context("the server's answer names no run")?.to_owned();
    if !follow {
        return printer.print(answer, |_, _| Ok(format!("run {0}\n  slipway logs {0} --follow\n", clean(&id))));
    }
    output::complain!("run {}", clean(&id));
    let ended = logs::follow(client, &id, logs::Part::default(), false).await?;
    match ended.as_deref() {
        Some("completed") => {
            let value = client.get(&path_of(&id), &[]).await?;
            printer.print(&value, |_, value| Ok(outputs(&views::read::<Run>(value)?)))
        }
        _ => {
            let run: Run = views::read(&client.get(&path_of(&id), &[]).await?)?;
            let message = run.error_message.or(run.cancel_reason).unwrap_or_default();
            output::complain!("error: run {} {}: {}", clean(&id), clean(&run.status), clean(&message));
            output::complain!("  slipway workflow get {0}    slipway workflow retry {0}", clean(&id));
            Err(Failure::Said(1).into())
        }
    }
}

/// Where a run is found.
pub(crate) fn path_of(id: &str) -> String {
    format!("/api/workflows/{}", segment(id))
}

/// The id that `APP/RESOURCE` or an id means: for a resource, its current run or else its last.
///
/// # Errors
/// When there is no such resource, or it never had a run.
pub(crate) async fn id_of(client: &Client, given: &str) -> anyhow::Result<String> {
    if !given.contains('/') {
        anyhow::ensure!(
            super::resource::is_id(given),
            "'{given}' is neither a run's id nor APP/RESOURCE: see `slipway workflow list`"
        );
        return Ok(given.to_owned());
    }
    let id = super::resource::id_of(client, given).await?;
    let resource: Resource = views::read(&client.get(&format!("/api/resources/{}", segment(&id)), &[]).await?)?;
    let run = resource.current_run_id.or(resource.last_run_id);
    run.with_context(|| format!("resource '{given}' is {} and has had no run yet", resource.state))
}

/// Reads `KEY=VALUE` as `flag` gives them; a value that is valid JSON keeps its type.
///
/// # Errors
/// When one is none, or an input is given twice.
pub(crate) fn read_inputs(flag: &str, pairs: &[String], object: Option<&str>) -> anyhow::Result<Map<String, Value>> {
    let mut inputs: Map<String, Value> = match object {
        Some(text) => serde_json::from_str(text).context("--input-json is not a JSON object")?,
        None => Map::new(),
    };
    for pair in pairs {
        let (name, text) = pair.split_once('=').with_context(|| format!("{flag} {pair}: not KEY=VALUE"))?;
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        anyhow::ensure!(inputs.insert(name.to_owned(), value).is_none(), "the input '{name}' is given twice");
    }
    Ok(inputs)
}

fn why(run: &Run) -> String {
    run.reason
        .clone()
        .or_else(|| run.error_code.clone())
        .or_else(|| run.cancel_requested_at.map(|_| "cancelling".into()))
        .unwrap_or_else(|| "-".into())
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let runs: Vec<Run> = views::items(value)?;
    if runs.is_empty() {
        return Ok("no runs\n".into());
    }
    let rows = runs.into_iter().map(|run| {
        let what = match (&run.application, &run.resource) {
            (Some(application), Some(resource)) => format!("{application}/{resource}"),
            (Some(application), None) => application.clone(),
            (None, Some(resource)) => resource.clone(),
            (None, None) => "-".into(),
        };
        let since = if run.waiting_since.is_some() { age(run.waiting_since) } else { "-".into() };
        let took = run
            .duration_s
            .map_or_else(|| run.started_at.map_or_else(|| "-".into(), |at| age(Some(at))), output::seconds);
        let why = why(&run);
        vec![run.id, run.workflow, run.operation, what, run.status, why, since, took, age(run.created_at)]
    });
    Ok(printer.table(&["RUN", "WORKFLOW", "OPERATION", "FOR", "STATUS", "WHY", "WAITS", "TOOK", "AGE"], rows.collect()))
}

pub(super) fn outputs(run: &Run) -> String {
    run.outputs.iter().map(|(name, value)| format!("{} = {}\n", clean(name), inline(value))).collect()
}

/// What a waiting step waits for, and the command that helps.
fn waits(run: &str, step: &views::Step) -> Option<String> {
    let wait = step.wait.as_ref().filter(|_| step.status == "waiting")?;
    let (name, run) = (clean(&step.name), clean(run));
    let until = wait.until.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
    let by = until.as_ref().map(|at| format!(", until {at}")).unwrap_or_default();
    Some(match wait.kind.as_str() {
        "approval" => {
            let who = if wait.roles.is_empty() { "admin".to_owned() } else { wait.roles.join(" or ") };
            let question = wait.message.as_deref().map(clean).unwrap_or_default();
            format!(
                "step {name} waits for approval by {}{by}: {question}\n  slipway approval approve {run} {name}    slipway approval reject {run} {name}\n",
                clean(&who)
            )
        }
        "start" => format!("step {name} waits to be started\n  slipway workflow start {run} {name}\n"),
        "child" => match &wait.run_id {
            Some(child) => format!("step {name} waits for run {0}\n  slipway workflow get {0}\n", clean(child)),
            None => format!("step {name} is about to start a run\n"),
        },
        "resources" => match &wait.application {
            Some(application) => {
                format!("step {name} waits for application {0}\n  slipway status {0}\n", clean(application))
            }
            None => format!("step {name} is about to ask for resources\n"),
        },
        _ => format!("step {name} waits{by}\n"),
    })
}

/// A run in words.
pub(super) fn detail(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let run: Run = views::read(value)?;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| text.push_str(&format!("{name:<12}{value}\n"));
    line("run", &clean(&run.id));
    line("workflow", &format!("{} of {} {}", clean(&run.workflow), clean(&run.provider), clean(&run.provider_version)));
    line("operation", &clean(&run.operation));
    if let Some(resource) = &run.resource {
        line("for", &format!("{}/{}", clean(&or_dash(&run.application)), clean(resource)));
    }
    line("status", &printer.state(&run.status));
    if let Some(reason) = &run.reason {
        let detail = run.reason_detail.as_deref().map(|detail| format!(": {}", clean(detail))).unwrap_or_default();
        line("waits", &format!("{}{detail}, for {}", clean(reason), age(run.waiting_since)));
    }
    if let Some(until) = run.suspended_until {
        line("until", &until.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
    }
    if let Some(reason) = &run.cancel_reason {
        line("cancelled", &clean(reason));
    }
    if run.error_code.is_some() {
        line("error", &format!("{}: {}", clean(&or_dash(&run.error_code)), clean(&or_dash(&run.error_message))));
    }
    if run.losses > 0 {
        line("losses", &format!("{} (taken from a worker that went away)", run.losses));
    }
    line("queue", &clean(&run.queue));
    line("asked by", &clean(&run.requested_by));
    if let Some(parent) = &run.parent_run_id {
        line("started by", &format!("a step of run {}", clean(parent)));
    }
    if let Some(group) = &run.concurrency_group {
        line("group", &format!("{}: one run at a time", clean(group)));
    }
    if let Some(before) = &run.retry_of {
        line("retry of", &clean(before));
    }
    if let Some(before) = run.rerun_of() {
        line("rerun of", &clean(before));
    }
    line("took", &run.duration_s.map_or_else(|| age(run.started_at), output::seconds));
    let rows = run.steps.iter().map(|step| {
        let code = step.exit_code.map_or_else(|| "-".into(), |code| code.to_string());
        let took = step.duration_s.map_or_else(|| age(step.started_at), output::seconds);
        let status = if step.inherited { format!("{} (inherited)", step.status) } else { step.status.clone() };
        let error = step.error_message.as_deref().or(step.error_code.as_deref()).unwrap_or_default();
        vec![
            step.name.clone(),
            step.kind.clone(),
            status,
            step.attempts.len().to_string(),
            code,
            took,
            short(error, 80),
        ]
    });
    text.push_str(&format!(
        "\n{}",
        printer.table(&["STEP", "TYPE", "STATUS", "TRIES", "EXIT", "TOOK", "ERROR"], rows.collect())
    ));
    for step in &run.steps {
        if let Some(waits) = waits(&run.id, step) {
            text.push_str(&format!("\n{waits}"));
        }
    }
    if !run.outputs.is_empty() {
        text.push_str(&format!(
            "\noutputs\n{}",
            outputs(&run).lines().map(|line| format!("  {line}\n")).collect::<String>()
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_the_shape_of_an_id_is_asked_for() {
        let is_id = crate::commands::resource::is_id;
        assert!(is_id("0198c7a2-70d9-7494-8221-6f4cc9e19904") && is_id("0198c7a270d9749482216f4cc9e19904"));
        assert!(!is_id("shop") && !is_id("") && !is_id("0198c7a2-70d9-7494-8221-6f4cc9e1990x"));
    }

    #[test]
    fn inputs_keep_the_type_that_they_are_written_with() {
        let pairs = ["days=30", "name=Ada", "text=\"30\"", "on=true"].map(String::from);
        let inputs = read_inputs("--input", &pairs, Some(r#"{"more": [1]}"#)).unwrap();
        assert_eq!(Value::Object(inputs), json!({"more": [1], "days": 30, "name": "Ada", "text": "30", "on": true}));
    }

    #[test]
    fn an_input_given_twice_is_refused() {
        assert!(read_inputs("--input", &["a=1".into(), "a=2".into()], None).is_err());
    }
}
