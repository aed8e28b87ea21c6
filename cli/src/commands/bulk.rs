//! `slipway workflow retry --all-matching`, `slipway workflow cancel --all-matching` and `slipway workflow bulk`.

use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Globals, list::Many, runs::Filters};
use crate::{
    client::{Body, Client, segment},
    failure::Failure,
    output::{self, Format, Printer, age, clean},
    views,
};

/// Between two looks at the progress.
const LOOK: Duration = Duration::from_secs(1);

/// Many runs in place of one.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Matching {
    /// All runs that the filters choose, in place of one
    #[arg(long)]
    pub(crate) all_matching: bool,
    #[command(flatten, next_help_heading = "With --all-matching")]
    filters: Filters,
    /// Does it without asking
    #[arg(short, long, help_heading = "With --all-matching")]
    yes: bool,
    /// Says how many runs there are, and does nothing
    #[arg(long, help_heading = "With --all-matching")]
    dry_run: bool,
    /// Watches until the last run is done; the exit code is 1 when some could not be
    #[arg(short, long, help_heading = "With --all-matching")]
    wait: bool,
}

impl Matching {
    /// Whether filters are given that mean nothing without `--all-matching`.
    ///
    /// # Errors
    /// When a time cannot be read.
    pub(crate) fn is_set(&self) -> anyhow::Result<bool> {
        Ok(self.yes || self.dry_run || self.wait || !self.filters.query()?.is_empty())
    }
}

/// Operations on many runs
#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists operations on many runs, newest first
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        many: Many,
    },
    /// Shows how far an operation is, and what it could not be done to
    #[command(after_help = "Example:\n  slipway workflow bulk get 0198c7a2-70d9-7494-8221-6f4cc9e19904 --watch")]
    Get {
        /// The operation's id
        #[arg(value_name = "ID")]
        id: String,
        /// Looks again every two seconds, until Ctrl-C
        #[arg(long)]
        watch: bool,
    },
    /// Stops an operation; what is not done stays undone
    Stop {
        /// The operation's id
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// An operation on many runs.
#[derive(Clone, Debug, Deserialize)]
struct Bulk {
    id: String,
    action: String,
    status: String,
    requested_by: String,
    total: i64,
    done: i64,
    failed: i64,
    remaining: i64,
    created_at: Option<chrono::DateTime<chrono::Utc>>,
    #[serde(default)]
    failures: Vec<Unfit>,
}

/// A run that it could not be done to.
#[derive(Clone, Debug, Deserialize)]
struct Unfit {
    run_id: String,
    detail: String,
}

/// Carries out a command about operations that were asked for.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    let printer = globals.printer();
    match command {
        Command::List { many } => many.show(globals, "/api/bulk", &[], table).await,
        Command::Get { id, watch } => {
            let client = globals.client()?;
            let path = path_of(&id);
            printer
                .watch(watch, || async { printer.render(&client.get(&path, &[]).await?, |_, it| progress(it)) })
                .await
        }
        Command::Stop { id } => {
            let (_, answer) = globals.client()?.post(&format!("{}/stop", path_of(&id)), &[], None).await?;
            printer.print(&answer, |_, it| progress(it))
        }
    }
}

/// Does `action` to all runs that match, after it was said how many these are.
///
/// # Errors
/// When the server cannot be reached or says no, nobody agrees, or with `--wait` some runs could not be done.
pub(crate) async fn all(
    globals: &Globals,
    action: &str,
    matching: &Matching,
    reason: Option<String>,
) -> anyhow::Result<()> {
    let (client, printer) = (globals.client()?, globals.printer());
    let filter = matching.filters.object()?;
    let preview = json!({ "action": action, "filter": filter, "dry_run": true });
    let (_, preview) = client.post("/api/workflows/bulk", &[], Some(Body::Json(preview))).await?;
    let count = preview["count"].as_i64().context("the server's answer has no count")?;
    let most = preview["most"].as_i64().unwrap_or(i64::MAX);
    anyhow::ensure!(
        count <= most,
        "more than {most} runs match, the most that one operation may be for: narrow the filters"
    );
    let words = if filter.is_empty() {
        "all runs there are".to_owned()
    } else {
        let of = |(name, value): (&String, &Value)| format!("{name} {}", clean(value.as_str().unwrap_or_default()));
        filter.iter().map(of).collect::<Vec<_>>().join(", ")
    };
    if matching.dry_run || count == 0 {
        return printer.print(&preview, |_, _| Ok(format!("{action} would be done to {}: {words}\n", runs(count))));
    }
    if !matching.yes {
        output::agree(&format!("{action} {} ({words})?", runs(count)))?;
    }
    let mut body = json!({ "action": action, "filter": filter, "expected_count": count });
    if let Some(reason) = reason {
        body["reason"] = reason.into();
    }
    let (_, answer) = client.post("/api/workflows/bulk", &[], Some(Body::Json(body))).await?;
    let bulk: Bulk = views::read(&answer)?;
    if !matching.wait {
        return printer.print(&answer, |_, _| {
            Ok(format!(
                "{action} of {} has begun\n  slipway workflow bulk get {} --watch\n",
                runs(count),
                clean(&bulk.id)
            ))
        });
    }
    let (value, bulk) = wait(&client, printer, &bulk.id).await?;
    printer.print(&value, |_, it| progress(it))?;
    if bulk.failed > 0 || bulk.remaining > 0 { Err(Failure::Said(1).into()) } else { Ok(()) }
}

async fn wait(client: &Client, printer: Printer, id: &str) -> anyhow::Result<(Value, Bulk)> {
    loop {
        let value = client.get(&path_of(id), &[]).await?;
        let bulk: Bulk = views::read(&value)?;
        if bulk.status != "running" {
            return Ok((value, bulk));
        }
        if printer.format == Format::Table {
            output::complain!("{} of {} done, {} failed", bulk.done, bulk.total, bulk.failed);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn runs(count: i64) -> String {
    if count == 1 { "1 run".into() } else { format!("{count} runs") }
}

fn path_of(id: &str) -> String {
    format!("/api/bulk/{}", segment(id))
}

fn progress(value: &Value) -> anyhow::Result<String> {
    let bulk: Bulk = views::read(value)?;
    let mut text = format!(
        "{} of {}: {}, {} done, {} failed, {} left; asked for by {}\n",
        clean(&bulk.action),
        runs(bulk.total),
        clean(&bulk.status),
        bulk.done,
        bulk.failed,
        bulk.remaining,
        clean(&bulk.requested_by)
    );
    for it in &bulk.failures {
        text.push_str(&format!("  {}  {}\n", clean(&it.run_id), clean(&it.detail)));
    }
    let untold = bulk.failed - i64::try_from(bulk.failures.len()).unwrap_or(i64::MAX);
    if untold > 0 && !bulk.failures.is_empty() {
        text.push_str(&format!("  and {untold} more\n"));
    }
    Ok(text)
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let operations: Vec<Bulk> = views::items(value)?;
    if operations.is_empty() {
        return Ok(
            "no operations on many runs; `slipway workflow retry --all-matching --status failed` begins one\n".into()
        );
    }
    let rows = operations.into_iter().map(|it| {
        let age = it.created_at.map_or_else(|| "-".into(), |at| age(Some(at)));
        let counts = [it.total, it.done, it.failed, it.remaining].map(|count| count.to_string());
        let [total, done, failed, left] = counts;
        vec![it.id, it.action, it.status, total, done, failed, left, it.requested_by, age]
    });
    let headers = ["ID", "ACTION", "STATUS", "RUNS", "DONE", "FAILED", "LEFT", "ASKED BY", "AGE"];
    Ok(printer.table(&headers, rows.collect()))
}
