//! `slipway mark`: deployments, incidents and notes, shown beside the figures of their time.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Globals,
    list::{Many, query},
};
use crate::{
    client::{Body, segment},
    output::{Printer, clean, or_dash},
    views,
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists what was marked, those made last first: everybody's marks and those of your teams
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  slipway mark list\n  slipway mark list --from 2026-11-20T00:00:00Z -o json"
    )]
    List {
        /// Only what reaches to this time or later, as 2026-11-21T14:05:00Z
        #[arg(long, value_name = "TIME")]
        from: Option<DateTime<Utc>>,
        /// Only what began no later than this
        #[arg(long, value_name = "TIME")]
        to: Option<DateTime<Utc>>,
        #[command(flatten)]
        many: Many,
    },
    /// Marks what happened, or goes on
    #[command(after_help = "Examples:
  slipway mark add deploy 'shop 1.4' --team shop --link https://git.example.org/shop/-/releases/1.4
  slipway mark add incident 'the network was away' --at 2026-11-21T14:05:00Z --until 2026-11-21T14:25:00Z")]
    Add(Box<Add>),
    /// Removes a mark: your own, one of a team whose developer you are, or any as an admin
    #[command(
        visible_alias = "rm",
        after_help = "Example:\n  slipway mark remove 01a1fecc-468a-7104-a487-4a39114b686c"
    )]
    Remove {
        /// The mark's id
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// A mark to be made.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Add {
    /// What it was
    #[arg(value_name = "KIND", value_parser = ["deploy", "incident", "note"])]
    kind: String,
    /// In a few words
    #[arg(value_name = "TITLE")]
    title: String,
    /// The team that sees it [default: your only one; of admins, everybody]
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// Where there is more about it
    #[arg(long, value_name = "URL")]
    link: Option<String>,
    /// When it was, or began, as 2026-11-21T14:05:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<DateTime<Utc>>,
    /// When it was over
    #[arg(long, value_name = "TIME")]
    until: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Mark {
    id: String,
    kind: String,
    title: String,
    at: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
    team: Option<String>,
    made_by: String,
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    match command {
        Command::List { from, to, many } => {
            let time = |at: Option<DateTime<Utc>>| at.map(|at| at.to_rfc3339());
            many.show(globals, "/api/marks", &query([("from", time(from)), ("to", time(to))]), table).await
        }
        Command::Add(add) => {
            let Add { kind, title, team, link, at, until } = *add;
            let body = json!({"kind": kind, "title": title, "team": team, "link": link, "at": at, "until": until});
            let (_, mark) = globals.client()?.post("/api/marks", &[], Some(Body::Json(body))).await?;
            globals.printer().print(&mark, |printer, mark| table(printer, &json!({"items": [mark]})))
        }
        Command::Remove { id } => {
            globals.client()?.delete(&format!("/api/marks/{}", segment(&id))).await?;
            globals.printer().print(&json!({"id": id, "removed": true}), |_, _| Ok("the mark is gone\n".into()))
        }
    }
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let marks: Vec<Mark> = views::items(value)?;
    if marks.is_empty() {
        return Ok("nothing is marked\n  slipway mark add deploy 'shop 1.4' --team shop\n".into());
    }
    let time = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let rows = marks.into_iter().map(|it| {
        vec![
            it.kind,
            clean(&it.title),
            it.team.unwrap_or_else(|| "everyone".into()),
            time(it.at),
            or_dash(&it.until.map(time)),
            it.made_by,
            it.id,
        ]
    });
    Ok(printer.table(&["KIND", "TITLE", "FOR", "AT", "UNTIL", "BY", "ID"], rows.collect()))
}
