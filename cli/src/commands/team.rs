//! `slipway team`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{Globals, list::Many};
use crate::{
    client::segment,
    output::{Printer, age, clean},
    views::{self, Quotas, Team},
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists teams and what they may use
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        many: Many,
    },
    /// Shows what a team may use, and what it uses
    #[command(after_help = "Example:\n  slipway team get payments")]
    Get {
        /// The team
        #[arg(value_name = "TEAM")]
        name: String,
    },
    /// Sets what a team may use; what is not named stays as it is
    #[command(
        after_help = "Examples:\n  slipway team set-quota payments --runs 10 --resource postgres=3 --resource bucket=20\n  slipway team set-quota payments --cpu-minutes 5000 --log 2GB --storage 50GiB\n  slipway team set-quota payments --runs none --resource postgres=none"
    )]
    SetQuota(SetQuota),
    /// Sets a team's share of the slots, beside those of the other teams that wait: 1 to 1000
    #[command(after_help = "Example:\n  slipway team set-weight payments 3")]
    SetWeight {
        /// The team
        #[arg(value_name = "TEAM")]
        name: String,
        /// One of weight 3 gets three times the slots of one of weight 1
        #[arg(value_name = "N", value_parser = clap::value_parser!(i16).range(1..=1000))]
        weight: i16,
    },
}

/// What of a team's quotas is to change.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SetQuota {
    /// The team
    #[arg(value_name = "TEAM")]
    name: String,
    /// Runs at once, or none for no bound
    #[arg(long, value_name = "N", value_parser = bound)]
    runs: Option<Bound>,
    /// Resources of a type, as postgres=3 or postgres=none; may be given several times
    #[arg(long = "resource", value_name = "TYPE=N", value_parser = of_type)]
    resources: Vec<(String, Bound)>,
    /// Minutes of processor in a month
    #[arg(long, value_name = "N", value_parser = bound)]
    cpu_minutes: Option<Bound>,
    /// Bytes of log in a month, as 500MB or 2GiB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    log: Option<Bound>,
    /// Bytes kept: workspaces, finished logs, states
    #[arg(long, value_name = "SIZE", value_parser = size)]
    storage: Option<Bound>,
}

/// A bound, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound(Option<i64>);

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    match command {
        Command::List { many } => many.show(globals, "/api/teams", &[], table).await,
        Command::Get { name } => {
            let team = globals.client()?.get(&format!("/api/teams/{}", segment(&name)), &[]).await?;
            globals.printer().print(&team, one)
        }
        Command::SetQuota(asked) => set_quota(globals, asked).await,
        Command::SetWeight { name, weight } => {
            let path = format!("/api/teams/{}", segment(&name));
            let (_, team) = globals.client()?.put(&path, json!({ "weight": weight })).await?;
            globals.printer().print(&team, one)
        }
    }
}

async fn set_quota(globals: &Globals, asked: SetQuota) -> anyhow::Result<()> {
    let client = globals.client()?;
    let path = format!("/api/teams/{}", segment(&asked.name));
    // A team that nobody named yet has no quotas.
    let now: Quotas = match client.get(&path, &[]).await {
        Ok(team) => views::read::<Team>(&team)?.quotas,
        Err(error) if is_missing(&error) => Quotas::default(),
        Err(error) => return Err(error),
    };
    let (_, team) = client.put(&format!("{path}/quotas"), merged(now, asked)).await?;
    globals.printer().print(&team, one)
}

fn is_missing(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(crate::failure::Failure::Problem(problem)) if problem.status == 404)
}

fn merged(now: Quotas, asked: SetQuota) -> Value {
    let pick = |asked: Option<Bound>, now: Option<i64>| asked.map_or(now, |Bound(bound)| bound);
    let mut resources = now.resources;
    for (kind, Bound(bound)) in asked.resources {
        match bound {
            Some(bound) => drop(resources.insert(kind, bound)),
            None => drop(resources.remove(&kind)),
        }
    }
    json!({
        "runs": pick(asked.runs, now.runs), "resources": resources, "cpu_minutes": pick(asked.cpu_minutes, now.cpu_minutes),
        "log_bytes": pick(asked.log, now.log_bytes), "storage_bytes": pick(asked.storage, now.storage_bytes)
    })
}

fn bound(text: &str) -> anyhow::Result<Bound> {
    if text == "none" {
        return Ok(Bound(None));
    }
    let number = text.parse::<i64>().ok().filter(|number| *number >= 0);
    Ok(Bound(Some(number.context("a number from 0, or none")?)))
}

fn of_type(text: &str) -> anyhow::Result<(String, Bound)> {
    let (kind, number) = text.split_once('=').context("TYPE=N, as postgres=3 or postgres=none")?;
    anyhow::ensure!(!kind.is_empty(), "TYPE=N, as postgres=3 or postgres=none");
    Ok((kind.to_owned(), bound(number)?))
}

fn size(text: &str) -> anyhow::Result<Bound> {
    if text == "none" {
        return Ok(Bound(None));
    }
    let wrong = "a size, as 500MB, 2GiB or a number of bytes; or none";
    let unit = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let factor: i64 = match &text[unit..] {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => anyhow::bail!(wrong),
    };
    let bytes = text[..unit].parse::<i64>().ok().and_then(|number| number.checked_mul(factor));
    Ok(Bound(Some(bytes.context(wrong)?)))
}

/// Bytes as people read them.
fn bytes(number: i64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut amount = number as f64;
    let mut unit = 0;
    while amount >= 1000.0 && unit + 1 < units.len() {
        amount /= 1000.0;
        unit += 1;
    }
    let unit = units.get(unit).copied().unwrap_or("B");
    if amount.fract() == 0.0 { format!("{amount} {unit}") } else { format!("{amount:.1} {unit}") }
}

fn one(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let team: Team = views::read(value)?;
    let (used, quotas) = (team.used.unwrap_or_default(), team.quotas);
    let of = |bound: Option<i64>, shown: &dyn Fn(i64) -> String| bound.map_or_else(|| "-".to_owned(), shown);
    let plain = |number: i64| number.to_string();
    let mut rows = vec![
        vec!["runs at once".to_owned(), plain(used.runs), of(quotas.runs, &plain)],
        vec!["cpu-minutes this month".into(), plain(used.cpu_minutes), of(quotas.cpu_minutes, &plain)],
        vec!["log this month".into(), bytes(used.log_bytes), of(quotas.log_bytes, &bytes)],
        vec!["kept".into(), bytes(used.storage_bytes), of(quotas.storage_bytes, &bytes)],
        vec!["  workspaces".into(), bytes(used.workspace_bytes), String::new()],
        vec!["  logs".into(), bytes(used.kept_log_bytes), String::new()],
        vec!["  states".into(), bytes(used.state_bytes), String::new()],
    ];
    let kinds: BTreeSet<&String> = used.resources.keys().chain(quotas.resources.keys()).collect();
    rows.extend(kinds.into_iter().map(|kind| {
        let number = used.resources.get(kind).copied().unwrap_or(0);
        vec![format!("{} resources", clean(kind)), plain(number), of(quotas.resources.get(kind).copied(), &plain)]
    }));
    let mut shown = printer.table(&[&format!("TEAM {}", clean(&team.name)), "USED", "QUOTA"], rows);
    if team.weight > 1 {
        shown.push_str(&format!("weight {}: so many times the slots of a team of weight 1\n", team.weight));
    }
    if let Some(at) = used.month_ends_at {
        shown.push_str(&format!("the month ends at {}\n", at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)));
    }
    if let Some(why) = used.waits_for {
        shown.push_str(&format!("{} run(s) wait for quota: {}\n", used.ready, clean(&why)));
    }
    Ok(shown)
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let teams: Vec<Team> = views::items(value)?;
    if teams.is_empty() {
        return Ok("no teams: none has submitted anything yet\n".into());
    }
    let rows = teams.into_iter().map(|it| vec![it.name, in_words(&it.quotas), age(it.created_at)]);
    Ok(printer.table(&["NAME", "QUOTAS", "AGE"], rows.collect()))
}

fn in_words(quotas: &Quotas) -> String {
    let mut words: Vec<String> = Vec::new();
    words.extend(quotas.runs.map(|it| format!("{it} runs")));
    words.extend(quotas.cpu_minutes.map(|it| format!("{it} cpu-minutes")));
    words.extend(quotas.log_bytes.map(|it| format!("{} of log", bytes(it))));
    words.extend(quotas.storage_bytes.map(|it| format!("{} kept", bytes(it))));
    let of_types: BTreeMap<&String, &i64> = quotas.resources.iter().collect();
    words.extend(of_types.into_iter().map(|(kind, most)| format!("{most} {kind}")));
    if words.is_empty() { "none".into() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        let read = |text: &str| size(text).ok().map(|Bound(bound)| bound);
        assert_eq!(read("500MB"), Some(Some(500_000_000)));
        assert_eq!(read("2GiB"), Some(Some(2 << 30)));
        assert_eq!(read("17"), Some(Some(17)));
        assert_eq!(read("none"), Some(None));
        for wrong in ["", "-1", "2 GB", "GB", "9999999999TB", "1.5GB"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!([bytes(0), bytes(999), bytes(1_500_000)], ["0 B", "999 B", "1.5 MB"]);
    }

    #[test]
    fn a_quota_that_is_not_named_stays() {
        let now = Quotas {
            runs: Some(3),
            resources: BTreeMap::from([("a".into(), 1), ("b".into(), 2)]),
            ..Quotas::default()
        };
        let asked = SetQuota {
            name: "t".into(),
            runs: None,
            resources: vec![("a".into(), Bound(None)), ("c".into(), Bound(Some(5)))],
            cpu_minutes: Some(Bound(Some(9))),
            log: None,
            storage: None,
        };
        let wanted = json!({"runs": 3, "resources": {"b": 2, "c": 5}, "cpu_minutes": 9, "log_bytes": null, "storage_bytes": null});
        assert_eq!(merged(now, asked), wanted);
    }

    #[test]
    fn a_team_is_shown_with_what_it_uses_beside_what_it_may() {
        let printer = Printer { format: crate::output::Format::Table, colour: false, terminal: false };
        let team = json!({"name": "shop", "quotas": {"runs": 2, "resources": {"db": 1}},
            "used": {"runs": 2, "ready": 3, "waits_for": "team 'shop' runs 2 of the 2 that it may at once", "resources": {"db": 1, "dns": 4},
                     "cpu_minutes": 7, "log_bytes": 2048, "storage_bytes": 10, "state_bytes": 10, "month_ends_at": "2026-12-01T00:00:00Z"}});
        insta::assert_snapshot!(one(printer, &team).unwrap());
    }
}
