//! `slipway resource`.

use serde_json::{Value, json};

use super::{
    Globals, care,
    list::{Many, query},
    plan,
};
use crate::{
    client::{Body, Client, segment},
    output::{Printer, age, clean, inline, or_dash, short},
    views::{self, History, Resource, ResourceUse},
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists resources, newest first
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  slipway resource list --app shop\n  slipway resource list --provider postgres --state failed --watch\n  slipway resource list --name orders-"
    )]
    List {
        /// Only of this type
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<String>,
        /// Only in this state: requested, provisioning, active, updating, degraded, failed, terminating, terminated
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// Only this application's
        #[arg(long, visible_alias = "application", value_name = "APP")]
        app: Option<String>,
        /// Only what this provider serves
        #[arg(long, value_name = "PROVIDER")]
        provider: Option<String>,
        /// Only those whose own names begin so
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Only those with these labels: key=value, key!=value, key, !key, separated by commas
        #[arg(short = 'l', long, value_name = "SELECTOR")]
        labels: Option<String>,
        #[command(flatten)]
        many: Many,
    },
    /// Shows one resource with its outputs and history
    #[command(
        after_help = "Examples:\n  slipway resource get shop/db\n  slipway resource get shop/db --reveal -o json\n  slipway resource get shop/db --at 2026-01-31T14:05:00Z"
    )]
    Get {
        /// Its id, or its application's name and its own
        #[arg(value_name = "ID|APP/NAME")]
        resource: String,
        /// Shows sensitive outputs; that it was done is recorded
        #[arg(long)]
        reveal: bool,
        /// Looks again every two seconds, until Ctrl-C
        #[arg(long)]
        watch: bool,
        /// Shows it as it was at this moment (RFC 3339)
        #[arg(long, value_name = "TIME", conflicts_with_all = ["watch", "reveal"])]
        at: Option<String>,
    },
    /// Lists what happened to a resource, newest first
    #[command(
        after_help = "Examples:\n  slipway resource history shop/db\n  slipway resource history shop/db --own --limit 1000 -o json"
    )]
    History {
        /// Its id, or its application's name and its own
        #[arg(value_name = "ID|APP/NAME")]
        resource: String,
        /// Only what became of the resource itself, not what its runs did
        #[arg(long)]
        own: bool,
        #[command(flatten)]
        many: Many,
    },
    /// Lists the applications that use a resource
    #[command(after_help = "Example:\n  slipway resource users shop/db")]
    Users {
        /// Its id, or its application's name and its own
        #[arg(value_name = "ID|APP/NAME")]
        resource: String,
        #[command(flatten)]
        many: Many,
    },
    /// Has its provider look at it: refreshes outputs, finds drift
    #[command(after_help = "Example:\n  slipway resource read shop/db")]
    Read {
        /// Its id, or its application's name and its own
        #[arg(value_name = "ID|APP/NAME")]
        resource: String,
    },
    /// Has it made as it is wanted, though nothing that is asked for has changed: puts an end to drift
    #[command(after_help = "Example:\n  slipway resource reconcile shop/db")]
    Reconcile {
        /// Its id, or its application's name and its own
        #[arg(value_name = "ID|APP/NAME")]
        resource: String,
    },
    /// Takes a failed or degraded resource as it is; runs nothing
    #[command(after_help = "Example:\n  slipway resource adopt shop/db --reason 'mended by hand'")]
    Adopt(care::Decision),
    /// Says that it was made elsewhere, and what it gives; runs nothing
    #[command(after_help = "Example:\n  slipway resource import shop/db --outputs db.yaml --sensitive password")]
    Import(care::Import),
    /// Lets go of it: it counts as gone, and what is there is not touched
    #[command(after_help = "Example:\n  slipway resource forget shop/db --reason 'its account was closed'")]
    Forget(care::Decision),
    /// Shows what an operation on a resource would run; runs nothing
    #[command(after_help = "Example:\n  slipway resource plan shop/db --operation delete")]
    Plan {
        /// Its id, or its application's name and its own
        #[arg(value_name = "ID|APP/NAME")]
        resource: String,
        /// create, read, update or delete
        #[arg(long, value_name = "OPERATION", default_value = "update")]
        operation: String,
    },
    /// Has a failed resource resolved once more: after a provider for its type was added, say
    #[command(after_help = "To go on with the run that failed: slipway workflow retry RUN")]
    Retry {
        /// Its id, or its application's name and its own
        #[arg(value_name = "ID|APP/NAME")]
        resource: String,
    },
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    match command {
        Command::List { kind, state, app, provider, name, labels, many } => {
            let filters = query([
                ("type", kind),
                ("state", state),
                ("application", app),
                ("provider", provider),
                ("name", name),
                ("labels", labels),
            ]);
            many.show(globals, "/api/resources", &filters, table).await
        }
        Command::Get { resource, at: Some(moment), .. } => care::at(globals, &resource, &moment).await,
        Command::Read { resource } => care::ask(globals, &resource, "read").await,
        Command::Reconcile { resource } => care::ask(globals, &resource, "reconcile").await,
        Command::Adopt(decision) => care::decide(globals, &decision, "adopt").await,
        Command::Forget(decision) => care::decide(globals, &decision, "forget").await,
        Command::Import(import) => care::import(globals, &import).await,
        Command::Get { resource, reveal, watch, at: None } => {
            let (client, printer) = (globals.client()?, globals.printer());
            let path = format!("/api/resources/{}", segment(&id_of(&client, &resource).await?));
            let filters = query([("reveal", reveal.then(|| "true".to_owned()))]);
            let look = || async { printer.render(&client.get(&path, &filters).await?, detail) };
            printer.watch(watch, look).await
        }
        Command::History { resource, own, many } => {
            let path = format!("/api/resources/{}/history", segment(&id_of(&globals.client()?, &resource).await?));
            many.show(globals, &path, &query([("own", own.then(|| "true".to_owned()))]), history).await
        }
        Command::Users { resource, many } => {
            let path = format!("/api/resources/{}/users", segment(&id_of(&globals.client()?, &resource).await?));
            many.show(globals, &path, &[], users).await
        }
        Command::Plan { resource, operation } => {
            let (client, printer) = (globals.client()?, globals.printer());
            let path = format!("/api/resources/{}/plan", segment(&id_of(&client, &resource).await?));
            let body = Body::Json(json!({ "operation": operation }));
            let (_, answer) = client.post(&path, &[], Some(body)).await?;
            plan::show(&client, printer, &answer).await
        }
        Command::Retry { resource } => {
            let (client, printer) = (globals.client()?, globals.printer());
            let path = format!("/api/resources/{}/retry", segment(&id_of(&client, &resource).await?));
            let (_, answer) = client.post(&path, &[], None).await?;
            printer.print(&answer, |_, answer| Ok(clean(answer["message"].as_str().unwrap_or("accepted")) + "\n"))
        }
    }
}

/// Whether a text has the shape of an id, so that the server can be asked for it.
pub(crate) fn is_id(text: &str) -> bool {
    (32..=36).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// The id that `APP/NAME` or an id means.
///
/// # Errors
/// When it is neither, or the application has no such resource; the message names those it has.
pub(crate) async fn id_of(client: &Client, given: &str) -> anyhow::Result<String> {
    let Some((application, name)) = given.split_once('/') else {
        anyhow::ensure!(is_id(given), "'{given}' is neither a resource's id nor APP/NAME: see `slipway resource list`");
        return Ok(given.to_owned());
    };
    let value = client.get(&format!("/api/specs/{}", segment(application)), &[]).await?;
    let application: views::Application = views::read(&value)?;
    if let Some(found) = application.items.iter().find(|it| it.name == name) {
        return Ok(found.id.clone());
    }
    let names: Vec<String> = application.items.iter().map(|it| clean(&it.name)).collect();
    let known = if names.is_empty() { "none".into() } else { names.join(", ") };
    anyhow::bail!("application '{}' has no resource '{name}'; it has: {known}", clean(&application.name))
}

/// The line for people under NAME, TYPE and so on, of an application's resources.
pub(crate) fn brief_table(printer: Printer, resources: &[Resource]) -> String {
    let rows = resources.iter().map(|it| {
        let run = it.current_run_id.as_ref().or(it.last_run_id.as_ref()).cloned();
        vec![it.name.clone(), kind(it), it.state.clone(), why(it), age(it.state_since), or_dash(&run)]
    });
    printer.table(&["NAME", "TYPE", "STATE", "WHY", "SINCE", "RUN"], rows.collect())
}

/// Why a resource failed, and the command that tries again.
pub(crate) fn failure_and_remedy(resource: &Resource) -> String {
    let message = resource.error_message.clone().or(resource.error_code.clone()).unwrap_or_default();
    let remedy = match &resource.failed_run_id {
        Some(run) => format!("slipway logs {}    slipway workflow retry {}", clean(run), clean(run)),
        None => format!("slipway resource retry {}", clean(&resource.id)),
    };
    format!("{} failed: {}\n  {remedy}\n", clean(&resource.name), clean(&message))
}

fn kind(resource: &Resource) -> String {
    match &resource.class {
        Some(class) => format!("{}.{class}", resource.kind),
        None => resource.kind.clone(),
    }
}

fn why(resource: &Resource) -> String {
    match (&resource.error_code, &resource.waiting_reason) {
        (Some(code), _) => code.clone(),
        (None, Some(reason)) => reason.clone(),
        (None, None) if matches!(resource.status.as_str(), "" | "done") => "-".into(),
        (None, None) => resource.status.clone(),
    }
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let resources: Vec<Resource> = views::items(value)?;
    if resources.is_empty() {
        return Ok("no resources\n".into());
    }
    let rows = resources.into_iter().map(|it| {
        let (kind, why, age, since) = (kind(&it), why(&it), age(it.created_at), age(it.state_since));
        vec![it.application, it.name, kind, it.state, why, since, age, it.id]
    });
    Ok(printer.table(&["APPLICATION", "NAME", "TYPE", "STATE", "WHY", "SINCE", "AGE", "ID"], rows.collect()))
}

fn detail(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let it: Resource = views::read(value)?;
    let provider =
        it.provider.as_ref().map(|name| format!("{name} {}", it.provider_version.as_deref().unwrap_or_default()));
    let mut text = String::new();
    let mut line = |name: &str, value: &str| text.push_str(&format!("{name:<12}{value}\n"));
    line("name", &format!("{}/{}", clean(&it.application), clean(&it.name)));
    line("type", &clean(&kind(&it)));
    line("id", &clean(&it.id));
    line("identity", &format!("{}{}", clean(&it.identity), if it.shared { " (shared)" } else { "" }));
    line("state", &format!("{}, for {}", printer.state(&it.state), age(it.state_since)));
    if why(&it) != "-" {
        line("why", &clean(&why(&it)));
    }
    if let Some(message) = &it.error_message {
        line("error", &clean(message));
    }
    if it.reconciling {
        line("change", "what is asked for has changed, or an output it names; it is still to be compared or changed");
    }
    if it.uncertain_since.is_some() {
        line("attention", "an update that did not complete may have changed it; the next update tries again");
    }
    if it.protected {
        line("protected", "from deletion");
    }
    if !it.tags.is_empty() {
        line("tags", &clean(&it.tags.join(", ")));
    }
    if let Some(workflow) = &it.workflow_override {
        line("workflow", &clean(workflow));
    }
    if it.state_uncertain_since.is_some() {
        line("attention", "the state kept for it may be older than what is real; a person must decide");
    }
    if let Some(drift) = &it.drift {
        line("drift", &format!("for {}: {}", age(it.drift_since), inline(drift)));
        line("", &format!("slipway resource reconcile {}    makes it as it is wanted", clean(&it.id)));
    }
    line("provider", &clean(&or_dash(&provider)));
    for (name, run) in [("current run", &it.current_run_id), ("last run", &it.last_run_id)] {
        if let Some(run) = run {
            line(name, &clean(run));
        }
    }
    for (title, members) in [("params", &it.params), ("outputs", &it.outputs)] {
        if !members.is_empty() {
            text.push_str(&format!("{title}\n"));
            members.iter().for_each(|(name, value)| text.push_str(&format!("  {} = {}\n", clean(name), inline(value))));
        }
    }
    if it.sensitive_outputs.iter().any(|name| it.outputs.get(name).is_some_and(|value| value == "***")) {
        text.push_str("  (--reveal shows what is hidden)\n");
    }
    if !it.history.is_empty() {
        text.push_str("\nhistory, newest first\n");
        text.push_str(&entries(printer, it.history.into_iter().take(20)));
    }
    Ok(text)
}

fn entries(printer: Printer, entries: impl Iterator<Item = History>) -> String {
    let rows = entries.map(|entry| {
        let step = entry.step.map(|step| format!("step {step}")).unwrap_or_default();
        vec![age(entry.at), entry.kind, short(&step, 40), entry.actor]
    });
    printer.table(&["AGE", "EVENT", "", "BY"], rows.collect())
}

fn history(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let all: Vec<History> = views::items(value)?;
    Ok(if all.is_empty() { "nothing is recorded of it\n".into() } else { entries(printer, all.into_iter()) })
}

fn users(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let users: Vec<ResourceUse> = views::items(value)?;
    if users.is_empty() {
        return Ok("no application uses it\n".into());
    }
    let rows = users.into_iter().map(|it| vec![it.application, it.name]).collect();
    Ok(printer.table(&["APPLICATION", "NAME"], rows))
}
