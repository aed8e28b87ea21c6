//! `slipway service-account`.

use serde_json::{Value, json};

use super::{
    Globals,
    list::{Many, query},
};
use crate::{
    client::{Body, segment},
    output::{Printer, age, clean},
    views::{self, ServiceAccount},
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Makes an account for a program; a key lets it in
    #[command(
        after_help = "Example:\n  slipway service-account create deployer --role developer --team payments\n  slipway key create ci --service-account deployer"
    )]
    Create {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        /// What it may do; may be given several times
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<String>,
        /// A team it belongs to; may be given several times
        #[arg(long = "team", value_name = "TEAM")]
        teams: Vec<String>,
    },
    /// Lists accounts of programs
    #[command(visible_alias = "ls")]
    List {
        /// Disabled ones too
        #[arg(long)]
        disabled: bool,
        #[command(flatten)]
        many: Many,
    },
    /// Has all keys of an account refused from now on
    #[command(after_help = "Example:\n  slipway service-account disable deployer")]
    Disable {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Has the keys of a disabled account accepted again
    Enable {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create { name, roles, teams } => {
            let body = json!({"name": name, "roles": roles, "teams": teams});
            let (_, made) = globals.client()?.post("/api/service-accounts", &[], Some(Body::Json(body))).await?;
            globals.printer().print(&made, |_, _| {
                let name = clean(&name);
                Ok(format!("service account '{name}' is there; it has no key yet:\n  slipway key create KEY --service-account {name}\n"))
            })
        }
        Command::List { disabled, many } => {
            let filters = query([("disabled", disabled.then(|| "true".to_owned()))]);
            many.show(globals, "/api/service-accounts", &filters, table).await
        }
        Command::Disable { name } => set_disabled(globals, &name, true).await,
        Command::Enable { name } => set_disabled(globals, &name, false).await,
    }
}

async fn set_disabled(globals: &Globals, name: &str, disabled: bool) -> anyhow::Result<()> {
    let path = format!("/api/service-accounts/{}/disabled", segment(name));
    let (_, now) = globals.client()?.put(&path, json!({ "disabled": disabled })).await?;
    globals.printer().print(&now, |_, _| {
        let what = if disabled { "refused from now on" } else { "accepted again" };
        Ok(format!("the keys of service account '{}' are {what}\n", clean(name)))
    })
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let accounts: Vec<ServiceAccount> = views::items(value)?;
    if accounts.is_empty() {
        return Ok("no service accounts; `slipway service-account create NAME --role ROLE` makes one\n".into());
    }
    let rows = accounts.into_iter().map(|it| {
        let state = if it.disabled_at.is_some() { "disabled" } else { "live" };
        let (roles, teams) = (it.roles.join(","), it.teams.join(","));
        let teams = if teams.is_empty() { "-".to_owned() } else { teams };
        vec![it.name, state.into(), roles, teams, it.keys.to_string(), it.created_by, age(it.created_at)]
    });
    Ok(printer.table(&["NAME", "STATE", "ROLES", "TEAMS", "KEYS", "MADE BY", "AGE"], rows.collect()))
}
