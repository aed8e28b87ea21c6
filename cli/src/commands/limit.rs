//! `slipway limit`: what may run at once.

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Globals, list::Many};
use crate::{
    client::segment,
    output::{Printer, age, clean},
    views,
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists limits, and how many runs go now
    #[command(visible_alias = "ls", after_help = "Example:\n  slipway limit list -o json")]
    List {
        #[command(flatten)]
        many: Many,
    },
    /// Sets how many runs go at once; what runs already goes on
    #[command(after_help = "Examples:
  slipway limit set type/postgres 5 --reason 'the cluster is small'
  slipway limit set provider/database-team 20
  slipway limit set team/shop 10
  slipway limit set queue/gpu 4
  slipway limit set group/deploy-prod 2       a concurrency group; without a limit one goes at a time")]
    Set {
        /// team, type, provider, queue or group, and its name
        #[arg(value_name = "KIND/NAME", value_parser = which)]
        which: Which,
        /// How many; 0: none begins
        #[arg(value_name = "N")]
        most: u32,
        /// Why, for whoever wonders
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Removes a limit
    #[command(visible_alias = "rm", after_help = "Example:\n  slipway limit remove type/postgres")]
    Remove {
        /// team, type, provider, queue or group, and its name
        #[arg(value_name = "KIND/NAME", value_parser = which)]
        which: Which,
    },
}

/// What a limit bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Which {
    kind: String,
    name: String,
}

impl Which {
    fn path(&self) -> String {
        format!("/api/limits/{}/{}", segment(&self.kind), segment(&self.name))
    }
}

fn which(text: &str) -> anyhow::Result<Which> {
    let (kind, name) = text.split_once('/').context("KIND/NAME, as type/postgres or group/deploy-prod")?;
    anyhow::ensure!(
        ["team", "type", "provider", "queue", "group"].contains(&kind) && !name.is_empty(),
        "team/NAME, type/NAME, provider/NAME, queue/NAME or group/NAME"
    );
    Ok(Which { kind: kind.into(), name: name.into() })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Limit {
    kind: String,
    name: String,
    most: i64,
    used: i64,
    reason: String,
    made_by: String,
    made_at: Option<DateTime<Utc>>,
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    let printer = globals.printer();
    let client = globals.client()?;
    match command {
        Command::List { many } => many.show(globals, "/api/limits", &[], table).await,
        Command::Set { which, most, reason } => {
            let body = json!({"most": most, "reason": reason.unwrap_or_default()});
            let (_, limit) = client.put(&which.path(), body).await?;
            printer.print(&limit, |printer, limit| table(printer, &json!({"items": [limit]})))
        }
        Command::Remove { which } => {
            client.delete(&which.path()).await?;
            printer.print(&json!({"kind": which.kind, "name": which.name, "removed": true}), |_, _| {
                Ok(format!("the limit {}/{} is gone\n", clean(&which.kind), clean(&which.name)))
            })
        }
    }
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let limits: Vec<Limit> = views::items(value)?;
    if limits.is_empty() {
        return Ok(
            "no limits: slots and quotas alone bound what goes at once\n  slipway limit set type/postgres 5\n".into()
        );
    }
    let row = |it: Limit| {
        let goes = format!("{}/{}", it.used, it.most);
        vec![format!("{}/{}", it.kind, it.name), goes, it.reason, it.made_by, age(it.made_at)]
    };
    Ok(printer.table(&["LIMIT", "GO", "WHY", "BY", "AGE"], limits.into_iter().map(row).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_named_by_its_kind_and_name() {
        let which = which("group/deploy/prod").unwrap();
        assert_eq!(which.path(), "/api/limits/group/deploy%2Fprod");
        for wrong in ["postgres", "types/postgres", "type/", "/x"] {
            assert!(super::which(wrong).is_err(), "{wrong}");
        }
    }
}
