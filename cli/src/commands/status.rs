//! `slipway status`.

use serde_json::Value;

use super::{Globals, resource};
use crate::{
    client::segment,
    output::{self, Printer, clean},
    views::{self, Application},
};

/// Shows an application: its resources, how they stand, and why they wait
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  slipway status shop\n  slipway status shop --watch\n  slipway status shop -o yaml"
)]
pub(crate) struct Arguments {
    /// The application's name
    #[arg(value_name = "APP")]
    application: String,
    /// Looks again every two seconds, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn run(globals: &Globals, arguments: Arguments) -> anyhow::Result<()> {
    let (client, printer) = (globals.client()?, globals.printer());
    let path = format!("/api/specs/{}", segment(&arguments.application));
    printer
        .watch(arguments.watch, || async {
            let value = client.get(&path, &[]).await?;
            printer.render(&value, table)
        })
        .await
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let application: Application = views::read(value)?;
    let name = clean(&application.name);
    let mut text = format!(
        "{name}: {}, generation {}, team {}, submitted by {} {} ago\n\n",
        printer.state(if application.state.is_empty() { &application.status } else { &application.state }),
        application.generation,
        clean(&application.team),
        clean(&application.submitted_by),
        output::age(application.updated_at.or(application.created_at)),
    );
    let kept = keeping(&application);
    if !kept.is_empty() {
        text.push_str(&format!("{kept}\n\n"));
    }
    if application.items.is_empty() {
        text.push_str("no resources\n");
        return Ok(text);
    }
    text.push_str(&resource::brief_table(printer, &application.items));
    for waiting in &application.items {
        let run = clean(&output::or_dash(&waiting.current_run_id));
        match waiting.waiting_reason.as_deref() {
            Some("WaitingForApproval") => text.push_str(&format!(
                "\n{} waits for a person to approve or reject\n  slipway workflow get {run}    slipway approval approve {run}\n",
                clean(&waiting.name)
            )),
            Some("WaitingForStart") => text.push_str(&format!(
                "\n{} waits for a person to start a step\n  slipway workflow get {run}    slipway workflow start {run}\n",
                clean(&waiting.name)
            )),
            _ => {}
        }
    }
    for failed in application.items.iter().filter(|it| it.state == "failed") {
        text.push_str(&format!("\n{}", resource::failure_and_remedy(failed)));
    }
    Ok(text)
}

/// Protection and time left, in a line.
fn keeping(application: &Application) -> String {
    let mut parts = Vec::new();
    if application.protected {
        parts.push("protected from deletion".to_owned());
    }
    let guarded: Vec<String> = application.items.iter().filter(|it| it.protected).map(|it| clean(&it.name)).collect();
    if !guarded.is_empty() {
        parts.push(format!("protected from deletion: {}", guarded.join(", ")));
    }
    if let Some(at) = application.expires_at.filter(|_| application.delete_requested_at.is_none()) {
        let left = (at - chrono::Utc::now()).num_seconds();
        parts.push(match (left > 0, application.expiry_blocked_at) {
            (true, _) => {
                format!("is deleted in {} (`slipway app extend` gives it more time)", output::seconds(left as f64))
            }
            (false, Some(_)) => "its time is over; its protection keeps it".to_owned(),
            (false, None) => "its time is over".to_owned(),
        });
    }
    if let Some(number) = application.restores {
        parts.push(format!("has the content of generation {number}"));
    }
    parts.join("; ")
}
