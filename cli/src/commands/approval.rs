//! `slipway approval`, and `slipway workflow start`.

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{
    Globals,
    list::{Many, query},
    workflow::{id_of, path_of},
};
use crate::{
    client::{Body, Client, segment},
    output::{Printer, age, clean, or_dash, short},
    views::{self, Approval, Run},
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists what waits for a decision
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  slipway approval list\n  slipway approval list --app shop --status all\n  slipway approval list --watch"
    )]
    List {
        /// open when nothing is said; approved, rejected, expired, withdrawn, or all
        #[arg(long, value_name = "STATUS")]
        status: Option<String>,
        /// Only for this application
        #[arg(long, visible_alias = "application", value_name = "APP")]
        app: Option<String>,
        /// Only of this team's runs
        #[arg(long, value_name = "TEAM")]
        team: Option<String>,
        #[command(flatten)]
        many: Many,
    },
    /// Says yes: the run goes on
    #[command(
        after_help = "Examples:\n  slipway approval approve 0198c7a2-70d9-7494-8221-6f4cc9e19904\n  slipway approval approve shop/db confirm --reason 'window is open'"
    )]
    Approve(Answer),
    /// Says no: the step fails
    #[command(after_help = "Example:\n  slipway approval reject shop/db confirm --reason 'not on a Friday'")]
    Reject(Answer),
}

/// Which step, and why.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Answer {
    /// The run's id, or APP/RESOURCE for that resource's latest
    #[arg(value_name = "RUN")]
    run: String,
    /// The step; needed only when several of the run wait for a decision
    #[arg(value_name = "STEP")]
    step: Option<String>,
    /// Why, for the people who find it decided
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    match command {
        Command::List { status, app, team, many } => {
            let filters = query([("status", status), ("application", app), ("team", team)]);
            many.show(globals, "/api/approvals", &filters, table).await
        }
        Command::Approve(answer) => say(globals, answer, "approve", "approval").await,
        Command::Reject(answer) => say(globals, answer, "reject", "approval").await,
    }
}

/// Lets a step begin that waits for a person to say so.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn start(globals: &Globals, run: String, step: Option<String>) -> anyhow::Result<()> {
    say(globals, Answer { run, step, reason: None }, "start", "start").await
}

/// Sends a decision about the step that waits for one of this kind.
async fn say(globals: &Globals, answer: Answer, verb: &str, kind: &str) -> anyhow::Result<()> {
    let client = globals.client()?;
    let id = id_of(&client, &answer.run).await?;
    let step = match answer.step {
        Some(step) => step,
        None => only_waiting(&client, &id, kind).await?,
    };
    let body = answer.reason.map(|reason| Body::Json(json!({ "reason": reason })));
    let (_, answered) = client.post(&format!("{}/steps/{}/{verb}", path_of(&id), segment(&step)), &[], body).await?;
    globals.printer().print(&answered, |_, answered| {
        let status = clean(answered["status"].as_str().unwrap_or("done"));
        Ok(format!("step {} of run {id} is {status}\n  slipway workflow get {id} --watch\n", clean(&step)))
    })
}

/// The one step of a run that waits for this.
async fn only_waiting(client: &Client, id: &str, kind: &str) -> anyhow::Result<String> {
    let run: Run = views::read(&client.get(&path_of(id), &[]).await?)?;
    let waits =
        |step: &&views::Step| step.status == "waiting" && step.wait.as_ref().is_some_and(|wait| wait.kind == kind);
    let mut waiting = run.steps.iter().filter(waits);
    let first = waiting.next().with_context(|| {
        let what = if kind == "start" { "to be started" } else { "for a decision" };
        format!("no step of run {id} waits {what}; the run is {}", clean(&run.status))
    })?;
    let others: Vec<String> = waiting.map(|step| clean(&step.name)).collect();
    anyhow::ensure!(
        others.is_empty(),
        "several steps of run {id} wait: name one of {}, {}",
        clean(&first.name),
        others.join(", ")
    );
    Ok(first.name.clone())
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let approvals: Vec<Approval> = views::items(value)?;
    if approvals.is_empty() {
        return Ok("nothing waits for a decision\n".into());
    }
    let rows = approvals.into_iter().map(|it| {
        let what = match (&it.application, &it.resource) {
            (Some(application), Some(resource)) => format!("{application}/{resource}"),
            (Some(name), None) | (None, Some(name)) => name.clone(),
            (None, None) => "-".into(),
        };
        let by = if it.roles.is_empty() { "admin".to_owned() } else { it.roles.join(", ") };
        let status = match &it.decided_by {
            Some(by) => format!("{} by {by}", it.status),
            None => it.status,
        };
        let until = it.expires_at.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
        vec![
            it.run_id,
            it.step,
            it.workflow,
            what,
            short(&it.message, 60),
            by,
            status,
            age(it.requested_at),
            or_dash(&until),
        ]
    });
    Ok(printer
        .table(&["RUN", "STEP", "WORKFLOW", "FOR", "QUESTION", "WHO MAY", "STATUS", "AGE", "UNTIL"], rows.collect()))
}
