//! `slipway queue`.

use serde_json::Value;

use super::Globals;
use crate::{
    output::{Printer, age, or_dash, seconds},
    views::{self, Queue},
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists queues: what waits, what runs, how fast it moves, and what holds it up
    #[command(visible_alias = "ls")]
    List {
        /// Looks again every two seconds, until Ctrl-C
        #[arg(long)]
        watch: bool,
    },
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn run(globals: &Globals, Command::List { watch }: Command) -> anyhow::Result<()> {
    let (client, printer) = (globals.client()?, globals.printer());
    printer.watch(watch, || async { printer.render(&client.get("/api/queues", &[]).await?, table) }).await
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let queues: Vec<Queue> = views::items(value)?;
    if queues.is_empty() {
        return Ok("no queues: no worker has ever served one\n".into());
    }
    let rows = queues.into_iter().map(|it| {
        let slots = format!("{}/{}", it.in_flight, it.slots);
        let rates = format!("{:.1}/min", it.finished_per_minute);
        let failed = format!("{:.1}/min", it.failed_per_minute);
        let why = match &it.wait_reason {
            Some(reason) => format!("{reason} for {}", age(it.wait_since)),
            None => or_dash(&None),
        };
        let oldest = it.oldest_age_s.map_or_else(|| "-".into(), seconds);
        let numbers = [it.ready, it.queued, it.blocked].map(|number| number.to_string());
        let [ready, queued, blocked] = numbers;
        vec![it.name, ready, queued, slots, blocked, oldest, rates, failed, it.workers.to_string(), why]
    });
    let headers =
        ["QUEUE", "READY", "QUEUED", "RUNNING", "BLOCKED", "OLDEST", "FINISHED", "FAILED", "WORKERS", "WAITS FOR"];
    Ok(printer.table(&headers, rows.collect()))
}
