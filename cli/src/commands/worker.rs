//! `slipway worker`.

use serde_json::Value;

use super::{Globals, list::query};
use crate::{
    output::{Printer, age},
    views::{self, Worker},
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists workers: what they serve, what they run, when they were heard of last
    #[command(visible_alias = "ls")]
    List {
        /// Stopped ones too
        #[arg(long)]
        stopped: bool,
        /// Looks again every two seconds, until Ctrl-C
        #[arg(long)]
        watch: bool,
    },
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn run(globals: &Globals, Command::List { stopped, watch }: Command) -> anyhow::Result<()> {
    let (client, printer) = (globals.client()?, globals.printer());
    let filters = query([("stopped", stopped.then(|| "true".to_owned()))]);
    printer.watch(watch, || async { printer.render(&client.get("/api/workers", &filters).await?, table) }).await
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let workers: Vec<Worker> = views::items(value)?;
    if workers.is_empty() {
        return Ok("no workers: nothing runs until one starts\n".into());
    }
    let rows = workers.into_iter().map(|it| {
        let state = if it.live || it.state == "stopped" { it.state } else { format!("gone ({})", it.state) };
        let slots = format!("{}/{}", it.running, it.slots);
        let (queues, refused) = (it.queues.join(","), it.refused_writes.to_string());
        vec![
            it.name,
            it.host,
            state,
            queues,
            slots,
            refused,
            age(it.heartbeat_at),
            age(it.started_at),
            it.version,
            it.id,
        ]
    });
    let headers = ["NAME", "HOST", "STATE", "QUEUES", "RUNNING", "REFUSED", "HEARD", "AGE", "VERSION", "ID"];
    Ok(printer.table(&headers, rows.collect()))
}
