//! `slipway audit`: who did what, and whether the record of it is whole.

mod verify;

use std::{io::Write as _, path::PathBuf, time::Duration};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use serde_json::Value;
use shared::formats::duration;

use super::{
    Globals,
    list::{Many, query},
};
use crate::{
    client::{self, Client},
    output::{self, Format, Printer, clean, short},
    views,
};

/// Between two looks of `tail`.
const PERIOD: Duration = Duration::from_secs(2);
/// Bytes that one entry may have.
const MAX_LINE: usize = 1024 * 1024;

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists entries, newest first
    #[command(
        visible_alias = "ls",
        after_help = "Examples:
  slipway audit list --actor ann --since 2h
  slipway audit list --action 'secret.*' --object 'application/shop'
  slipway audit list --outcome refused -o json"
    )]
    List(Wanted),
    /// Writes the whole record as JSON lines, to be kept elsewhere and verified there
    #[command(after_help = "Examples:
  slipway audit export --file audit.jsonl
  slipway audit export --after 120000 >> audit.jsonl      what came since then")]
    Export {
        /// Begins after this number
        #[arg(long, default_value_t = 0, value_name = "NUMBER")]
        after: i64,
        /// Writes there instead of to standard output; the file must not be there
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Recomputes the chain of hashes, of the server's record or of an exported one
    #[command(after_help = "Examples:
  slipway audit verify                                    the server's, read and computed here
  slipway audit verify audit.jsonl                        an export, without a server
  slipway audit verify --head 1200:9f86d0…                also that entry 1200 is what it was when its head was noted
  slipway audit verify audit.jsonl --heads scheduler.log --public-key 3b6a…
Without a head from elsewhere, entries missing at the end cannot be noticed.")]
    Verify(verify::Arguments),
    /// Prints entries as they are made, until Ctrl-C
    #[command(after_help = "Examples:\n  slipway audit tail\n  slipway audit tail --after 0 -o json | jq .action")]
    Tail {
        /// Begins after this number; without it, with what comes from now on
        #[arg(long, value_name = "NUMBER")]
        after: Option<i64>,
    },
    /// Prints where the record ends, signed when the server has a key, to be noted elsewhere
    #[command(after_help = "Example:\n  slipway audit head -o json >> heads.jsonl")]
    Head,
}

/// Which entries.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Wanted {
    /// By this actor: a name or an id
    #[arg(long, value_name = "WHO")]
    actor: Option<String>,
    /// Of this action, as run.cancel, or all on a noun, as 'run.*'
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// About this object, as application/shop, or all of a kind, as 'application/*'
    #[arg(long, value_name = "OBJECT")]
    object: Option<String>,
    /// About objects of this team
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// done or refused
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<String>,
    /// Not before: a moment (RFC 3339), or how long ago, as 2h
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    since: Option<DateTime<Utc>>,
    /// Before: likewise
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    until: Option<DateTime<Utc>>,
    #[command(flatten)]
    many: Many,
}

fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Ok(moment.with_timezone(&Utc));
    }
    let ago = duration::seconds(&Value::String(text.into())).and_then(|s| Duration::try_from_secs_f64(s).ok());
    ago.and_then(|ago| Utc::now().checked_sub_signed(chrono::TimeDelta::from_std(ago).ok()?))
        .ok_or_else(|| "a moment as 2026-01-31T14:05:00Z, or how long ago, as 2h".to_owned())
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no; with `verify`, when the record is not whole.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    match command {
        Command::List(wanted) => {
            let time = |moment: Option<DateTime<Utc>>| moment.map(|moment| moment.to_rfc3339());
            let filters = query([
                ("actor", wanted.actor),
                ("action", wanted.action),
                ("object", wanted.object),
                ("team", wanted.team),
                ("outcome", wanted.outcome),
                ("since", time(wanted.since)),
                ("until", time(wanted.until)),
            ]);
            wanted.many.show(globals, "/api/audit", &filters, table).await
        }
        Command::Export { after, file } => export(globals, after, file).await,
        Command::Verify(arguments) => verify::run(globals, arguments).await,
        Command::Tail { after } => tail(globals, after).await,
        Command::Head => {
            let head = globals.client()?.get("/api/audit/head", &[]).await?;
            globals.printer().print(&head, |_, head| {
                let text = |name: &str| clean(head[name].as_str().unwrap_or("-"));
                let signed = head["signature"].as_str().map_or("not signed", |_| "signed; -o json has the signature");
                let mut shown = format!("{}:{}\n{signed}\n", head["seq"], text("hash"));
                for stream in head["streams"].as_array().into_iter().flatten() {
                    let name = clean(stream["name"].as_str().unwrap_or_default());
                    let error = stream["error"].as_str().map(|error| format!(": {}", clean(error))).unwrap_or_default();
                    shown.push_str(&format!("{name}: sent up to {}{error}\n", stream["seq"]));
                }
                Ok(shown)
            })
        }
    }
}

/// The server's lines, one after the other.
struct Lines {
    answer: reqwest::Response,
    buffer: Vec<u8>,
}

impl Lines {
    async fn of(client: &Client, after: i64, chained: bool) -> anyhow::Result<Self> {
        let query = [("after", after.to_string()), ("chained", chained.to_string())];
        Ok(Self { answer: client.stream("/api/audit/export", &query, None).await?, buffer: Vec::new() })
    }

    async fn next(&mut self) -> anyhow::Result<Option<Value>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Ok(Some(
                    serde_json::from_slice(&line).context("the server's record holds a line that is not JSON")?,
                ));
            }
            anyhow::ensure!(self.buffer.len() <= MAX_LINE, "the server's record holds a line of over {MAX_LINE} bytes");
            match self.answer.chunk().await.context("the server's record ended early")? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => {
                    anyhow::ensure!(self.buffer.is_empty(), "the server's record ended in the middle of a line");
                    return Ok(None);
                }
            }
        }
    }
}

async fn export(globals: &Globals, after: i64, file: Option<PathBuf>) -> anyhow::Result<()> {
    let mut lines = Lines::of(&globals.client()?, after, false).await?;
    let mut file = match file {
        Some(path) => {
            let made = std::fs::File::create_new(&path).with_context(|| format!("creating {}", path.display()))?;
            Some(std::io::BufWriter::new(made))
        }
        None => None,
    };
    let (mut count, mut last, terminal) = (0_u64, None, globals.printer().terminal);
    while let Some(line) = lines.next().await? {
        let text = line.to_string();
        match &mut file {
            Some(file) => writeln!(file, "{text}").context("writing the file")?,
            None if terminal => output::say!("{}", clean(&text)),
            None => output::say!("{text}"),
        }
        count += 1;
        if let (Some(seq), Some(hash)) = (line["seq"].as_i64(), line["hash"].as_str()) {
            last = Some(format!("{seq}:{}", clean(hash)));
        }
    }
    if let Some(file) = file {
        file.into_inner().context("writing the file")?.sync_all().context("writing the file")?;
    }
    let head = last.map(|last| format!("; the last is {last}")).unwrap_or_default();
    output::complain!("{count} entries{head}");
    Ok(())
}

async fn tail(globals: &Globals, after: Option<i64>) -> anyhow::Result<()> {
    let (client, printer) = (globals.client()?, globals.printer());
    let mut after = match after {
        Some(after) => after,
        None => client.get("/api/audit/head", &[]).await?["seq"].as_i64().unwrap_or_default(),
    };
    loop {
        match follow(&client, printer, &mut after).await {
            Ok(()) => {}
            Err(error) if client::is_passing(&error) => output::warn(&format!("{error:#}")),
            Err(error) => return Err(error),
        }
        tokio::time::sleep(PERIOD).await;
    }
}

async fn follow(client: &Client, printer: Printer, after: &mut i64) -> anyhow::Result<()> {
    let mut lines = Lines::of(client, *after, true).await?;
    while let Some(line) = lines.next().await? {
        *after = line["seq"].as_i64().unwrap_or(*after);
        if printer.format == Format::Table {
            let it: Entry = views::read(&line)?;
            output::say!("{}", it.row().map(|part| clean(&part)).join("  "));
        } else {
            let text = line.to_string();
            output::say!("{}", if printer.terminal { clean(&text) } else { text });
        }
    }
    Ok(())
}

/// An entry, as far as tables need it.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
struct Entry {
    seq: Option<i64>,
    at: Option<DateTime<Utc>>,
    actor_kind: String,
    actor: String,
    action: String,
    object: String,
    outcome: String,
    address: String,
    after: Value,
}

impl Entry {
    fn row(&self) -> [String; 7] {
        let why = self.after["refused"].as_str().map(|why| format!(" ({})", short(why, 40))).unwrap_or_default();
        [
            self.seq.map_or_else(|| "-".into(), |seq| seq.to_string()),
            self.at.map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default(),
            format!("{} ({})", short(&self.actor, 40), self.actor_kind),
            self.action.clone(),
            short(&self.object, 60),
            format!("{}{why}", self.outcome),
            if self.address.is_empty() { "-".into() } else { self.address.clone() },
        ]
    }
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let entries: Vec<Entry> = views::items(value)?;
    if entries.is_empty() {
        return Ok("no entries; whatever is changed through the API is recorded\n".into());
    }
    let rows = entries.iter().map(|entry| entry.row().to_vec()).collect();
    Ok(printer.table(&["NUMBER", "WHEN (UTC)", "WHO", "ACTION", "OBJECT", "OUTCOME", "FROM"], rows))
}
