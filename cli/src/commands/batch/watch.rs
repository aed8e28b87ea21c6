//! A batch, followed: a bar on a terminal, lines elsewhere.

use std::{io::IsTerminal as _, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::{
    path,
    show::{Batch, detail},
};
use crate::{
    client::Client,
    failure::Failure,
    output::{self, Format, Printer, clean},
    views,
};

/// Between two looks at the progress.
const LOOK: Duration = Duration::from_secs(1);

/// Follows a batch until it is over or waits for somebody, and shows how it stands then.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(super) async fn follow(client: &Client, printer: Printer, id: &str) -> anyhow::Result<Batch> {
    let mut shown = Shown::new(printer);
    let (value, batch) = loop {
        let value: Value = client.get(&path(id), &[]).await?;
        let batch: Batch = views::read(&value)?;
        shown.show(&batch);
        let goes_on = matches!(batch.status.as_str(), "running" | "rolling_back") || batch.in_flight > 0;
        if !goes_on {
            break (value, batch);
        }
        tokio::time::sleep(LOOK).await;
    };
    shown.close();
    printer.print(&value, detail)?;
    Ok(batch)
}

/// As [`follow`]; fails unless the batch completed and nothing of it failed.
///
/// # Errors
/// See above, and when the server cannot be reached or says no.
pub(super) async fn until_over(client: &Client, printer: Printer, id: &str) -> anyhow::Result<()> {
    let batch = follow(client, printer, id).await?;
    if batch.status == "completed" && batch.failed == 0 { Ok(()) } else { Err(Failure::Said(1).into()) }
}

struct Shown {
    bar: Option<ProgressBar>,
    said: String,
    quiet: bool,
}

impl Shown {
    /// A bar when standard error is a terminal and standard output is not for a program.
    fn new(printer: Printer) -> Self {
        let quiet = printer.format != Format::Table;
        let live = !quiet && std::io::stderr().is_terminal();
        Self { bar: live.then(|| ProgressBar::new(0)), said: String::new(), quiet }
    }

    fn show(&mut self, batch: &Batch) {
        let back = matches!(batch.status.as_str(), "rolling_back" | "rolled_back");
        let done = if back { batch.rolled_back } else { batch.done() };
        let words = format!(
            "{}, wave {}/{}, {} running, {} failed{}",
            clean(&batch.status),
            batch.wave,
            batch.waves(),
            batch.in_flight,
            batch.failed,
            if batch.detail.is_empty() { String::new() } else { format!(": {}", clean(&batch.detail)) },
        );
        match &self.bar {
            Some(bar) => {
                // The template is constant; were it wrong, the bar keeps its own.
                if bar.length() == Some(0)
                    && let Ok(style) = ProgressStyle::with_template("[{bar:30}] {pos}/{len} {wide_msg}")
                {
                    bar.set_style(style.progress_chars("=> "));
                }
                bar.set_length(batch.total);
                bar.set_position(done);
                bar.set_message(words);
            }
            None => {
                let line = format!("{done}/{} {words}", batch.total);
                if !self.quiet && line != self.said {
                    output::complain!("{line}");
                    self.said = line;
                }
            }
        }
    }

    fn close(&self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}
