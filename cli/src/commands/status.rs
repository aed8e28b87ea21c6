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
        printer.state(&application.status),
        application.generation,
        clean(&application.team),
        clean(&application.submitted_by),
        output::age(application.updated_at.or(application.created_at)),
    );
    if application.items.is_empty() {
        text.push_str("no resources\n");
        return Ok(text);
    }
    text.push_str(&resource::brief_table(printer, &application.items));
    for failed in application.items.iter().filter(|it| it.state == "failed") {
        text.push_str(&format!("\n{}", resource::failure_and_remedy(failed)));
    }
    Ok(text)
}
