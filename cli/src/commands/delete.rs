//! `slipway delete`.

use super::{
    Globals,
    progress::Progress,
    wait::{self, Goal, Patience},
};
use crate::{client::segment, output::clean};

/// Deletes an application and the resources that only it uses
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  slipway delete shop
  slipway delete shop --wait               watch until the last resource is gone

What is protected is not deleted: `slipway app unprotect` lifts that")]
pub(crate) struct Arguments {
    /// The application's name
    #[arg(value_name = "APP")]
    application: String,
    /// Watches until every resource is gone or could not be removed
    #[arg(short, long)]
    wait: bool,
    #[command(flatten)]
    patience: Patience,
}

/// Carries it out.
///
/// # Errors
/// When the server says no, or with --wait when a resource could not be removed.
pub(crate) async fn run(globals: &Globals, arguments: Arguments) -> anyhow::Result<()> {
    let (client, printer) = (globals.client()?, globals.printer());
    let name = &arguments.application;
    let (_, answer) = client.delete(&format!("/api/specs/{}", segment(name))).await?;
    if !arguments.wait {
        return printer.print(&answer, |_, answer| {
            let (status, message) =
                (answer["status"].as_str().unwrap_or_default(), answer["message"].as_str().unwrap_or_default());
            let hint = if status == "deleted" {
                String::new()
            } else {
                format!("to watch it: slipway status {} --watch\n", clean(name))
            };
            Ok(format!("{} is {}: {}\n{hint}", clean(name), clean(status), clean(message)))
        });
    }
    let value = wait::until(&client, name, Goal::Deleted, &arguments.patience, Progress::new(printer)).await?;
    printer.print(&value, |_, _| Ok(format!("{} is terminated: all that it had is gone\n", clean(name))))
}
