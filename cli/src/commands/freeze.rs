//! `slipway freeze`: times in which nothing is to be changed.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Globals, list::Many, workflow};
use crate::{
    client::{Body, segment},
    output::{Printer, clean, seconds},
    views,
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists freezes, which are on and when the next ones begin
    #[command(visible_alias = "ls", after_help = "Example:\n  slipway freeze list -o json")]
    List {
        #[command(flatten)]
        many: Many,
    },
    /// Adds a freeze: again and again (--cron, --for), or once (--from, --until)
    #[command(after_help = "Examples:
  slipway freeze add weekends --environment prod --cron '0 18 * * fri' --for 62h --time-zone Europe/Berlin
  slipway freeze add peak --team shop --from 2026-12-20T00:00:00Z --until 2026-12-27T00:00:00Z --reason 'we sell'
  slipway freeze add now --until 2026-11-21T20:00:00Z
The environment is the label env, else environment, of resources, else of their applications. Drift checks and previews go on.")]
    Add(Box<Add>),
    /// Removes a freeze; what it held may begin
    #[command(visible_alias = "rm", after_help = "Example:\n  slipway freeze remove weekends")]
    Remove {
        /// The freeze
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Lets a run begin in spite of freezes; the reason is kept in the audit log
    #[command(after_help = "Example:\n  slipway freeze override shop/db --reason 'the certificate ends tonight'")]
    Override {
        /// The run's id, or APP/RESOURCE for that resource's latest
        #[arg(value_name = "RUN")]
        run: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

/// A freeze to be made.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Add {
    /// Its name
    #[arg(value_name = "NAME")]
    name: String,
    /// Only runs of this team
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// Only what is in this environment, by the label env or environment
    #[arg(long, value_name = "ENV")]
    environment: Option<String>,
    /// When it begins: five fields of cron
    #[arg(long, value_name = "CRON", requires = "length", conflicts_with_all = ["from", "until"])]
    cron: Option<String>,
    /// How long it lasts then, as 90m or 62h
    #[arg(long = "for", id = "length", value_name = "TIME", requires = "cron", value_parser = super::wait::duration)]
    length: Option<Duration>,
    /// The time zone in which --cron is meant, as Europe/Berlin; else UTC
    #[arg(long, value_name = "ZONE", requires = "cron")]
    time_zone: Option<String>,
    /// When it begins, as 2026-12-20T00:00:00Z; else now
    #[arg(long, value_name = "TIME", requires = "until")]
    from: Option<DateTime<Utc>>,
    /// When it is over
    #[arg(long, value_name = "TIME", required_unless_present = "cron")]
    until: Option<DateTime<Utc>>,
    /// Why, for whoever wonders
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Freeze {
    name: String,
    team: Option<String>,
    environment: Option<String>,
    cron: Option<String>,
    time_zone: Option<String>,
    duration_s: Option<i64>,
    reason: String,
    made_by: String,
    on: bool,
    open_from: Option<DateTime<Utc>>,
    open_until: Option<DateTime<Utc>>,
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    let printer = globals.printer();
    let client = globals.client()?;
    match command {
        Command::List { many } => many.show(globals, "/api/freezes", &[], table).await,
        Command::Add(add) => {
            let (_, freeze) = client.post("/api/freezes", &[], Some(Body::Json(body(*add)))).await?;
            printer.print(&freeze, |printer, freeze| table(printer, &json!({"items": [freeze]})))
        }
        Command::Remove { name } => {
            client.delete(&format!("/api/freezes/{}", segment(&name))).await?;
            printer.print(&json!({"name": name, "removed": true}), |_, _| {
                Ok(format!("the freeze {} is gone\n", clean(&name)))
            })
        }
        Command::Override { run, reason } => {
            let id = workflow::id_of(&client, &run).await?;
            let body = Body::Json(json!({ "reason": reason }));
            client.post(&format!("/api/workflows/{}/override-freeze", segment(&id)), &[], Some(body)).await?;
            printer.print(&json!({"run": id, "overridden": true}), |_, _| {
                Ok(format!("no freeze holds {} any more\n  slipway explain {}\n", clean(&id), clean(&id)))
            })
        }
    }
}

fn body(add: Add) -> Value {
    let mut body = json!({"name": add.name, "reason": add.reason.unwrap_or_default()});
    let given = [
        ("team", add.team.map(Value::from)),
        ("environment", add.environment.map(Value::from)),
        ("cron", add.cron.map(Value::from)),
        ("time_zone", add.time_zone.map(Value::from)),
        ("duration_s", add.length.map(|length| json!(length.as_secs()))),
        ("starts_at", add.from.map(|at| json!(at))),
        ("ends_at", add.until.map(|at| json!(at))),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    body
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let freezes: Vec<Freeze> = views::items(value)?;
    if freezes.is_empty() {
        return Ok("no freezes: changes may be made at any time\n  slipway freeze add weekends --environment prod --cron '0 18 * * fri' --for 62h\n".into());
    }
    let time = |at: Option<DateTime<Utc>>| at.map_or_else(|| "-".into(), |at| at.format("%Y-%m-%dT%H:%MZ").to_string());
    let row = |it: Freeze| {
        let state = match (it.on, it.open_from) {
            (true, _) => "on",
            (false, Some(_)) => "waits",
            (false, None) => "over",
        };
        let about = match (it.team, it.environment) {
            (None, None) => "everything".into(),
            (Some(team), None) => format!("team {team}"),
            (None, Some(env)) => format!("env {env}"),
            (Some(team), Some(env)) => format!("team {team}, env {env}"),
        };
        let times = match (it.cron, it.duration_s) {
            (Some(cron), Some(length)) => {
                format!("{cron} {}, {}", it.time_zone.unwrap_or_default(), seconds(length as f64))
            }
            _ => "once".into(),
        };
        vec![it.name, state.into(), about, times, time(it.open_from), time(it.open_until), it.reason, it.made_by]
    };
    let headers = ["FREEZE", "STATE", "OF", "WHEN", "FROM", "UNTIL", "WHY", "BY"];
    Ok(printer.table(&headers, freezes.into_iter().map(row).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;

    #[test]
    fn freezes_are_shown_with_what_they_are_about_and_when_they_are_on() {
        let printer = Printer { format: Format::Table, colour: false, terminal: false };
        let freezes = json!({"items": [
            {"name": "peak", "team": "shop", "on": true, "open_from": "2026-12-20T00:00:00Z", "open_until": "2026-12-27T00:00:00Z",
             "reason": "we sell", "made_by": "ada"},
            {"name": "weekends", "environment": "prod", "cron": "0 18 * * fri", "time_zone": "Europe/Berlin", "duration_s": 223200, "on": false,
             "open_from": "2026-11-27T17:00:00Z", "open_until": "2026-11-30T07:00:00Z", "made_by": "ada"},
        ]});
        let shown = table(printer, &freezes).unwrap();
        let cells = |line: usize| {
            shown
                .lines()
                .nth(line)
                .unwrap_or_default()
                .split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            cells(1),
            ["peak", "on", "team shop", "once", "2026-12-20T00:00Z", "2026-12-27T00:00Z", "we sell", "ada"]
        );
        assert_eq!(
            cells(2)[..6],
            [
                "weekends",
                "waits",
                "env prod",
                "0 18 * * fri Europe/Berlin, 2d",
                "2026-11-27T17:00Z",
                "2026-11-30T07:00Z"
            ]
        );
    }
}
