//! `slipway rollback`.

use serde_json::json;

use super::{Globals, deploy, wait::Patience};
use crate::client::{Body, segment};

/// Brings the content of an earlier generation back, as a new generation
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  slipway rollback shop                    to the generation before the latest
  slipway rollback shop --to 3 --wait      to one of those that `slipway app history shop` lists")]
pub(crate) struct Arguments {
    /// The application's name
    #[arg(value_name = "APP")]
    application: String,
    /// The number of the generation; the one before the latest unless set
    #[arg(long, value_name = "N")]
    to: Option<u32>,
    /// Watches until every resource is as it was then
    #[arg(short, long)]
    wait: bool,
    #[command(flatten)]
    patience: Patience,
}

/// Carries it out.
///
/// # Errors
/// When the server says no, or with --wait when a resource fails.
pub(crate) async fn run(globals: &Globals, arguments: Arguments) -> anyhow::Result<()> {
    let (client, printer) = (globals.client()?, globals.printer());
    let name = &arguments.application;
    let body = Body::Json(arguments.to.map_or_else(|| json!({}), |number| json!({ "generation": number })));
    let (_, answer) = client.post(&format!("/api/specs/{}/rollback", segment(name)), &[], Some(body)).await?;
    deploy::finish(&client, printer, answer, name, arguments.wait.then_some(&arguments.patience)).await
}
