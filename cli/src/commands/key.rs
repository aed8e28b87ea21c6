//! `slipway key`.

use serde_json::{Map, Value, json};

use super::{
    Globals,
    list::{Many, query},
};
use crate::{
    client::{Body, segment},
    output::{self, Printer, age, clean, or_dash},
    views::{self, Key},
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Makes a key and shows its secret, this once
    #[command(
        after_help = "Examples:\n  slipway key create laptop\n  slipway key create ci --scope application.submit --scope 'run.*' --expires 30d\n  slipway key create deploy --service-account deployer -o json | jq -r .key\n\nWithout --role and --team a key may do what its owner may at the time."
    )]
    Create(New),
    /// Lists keys, never their secrets: your own, or everybody's for admins and auditors
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  slipway key list\n  slipway key list --service-account deployer --ended"
    )]
    List {
        /// Only those of this service account
        #[arg(long, value_name = "NAME")]
        service_account: Option<String>,
        /// Those too that do not work any more
        #[arg(long)]
        ended: bool,
        #[command(flatten)]
        many: Many,
    },
    /// Makes a key that takes the place of another, which works a while longer
    #[command(
        after_help = "Examples:\n  slipway key rotate 0198c7a2-70d9-7494-8221-6f4cc9e19904\n  slipway key rotate 0198c7a2-70d9-7494-8221-6f4cc9e19904 --overlap 1h"
    )]
    Rotate {
        /// The key's id, as `slipway key list` shows it
        #[arg(value_name = "ID")]
        id: String,
        /// How long the old one works beside the new one, up to 30d; 0: not at all
        #[arg(long, value_name = "TIME", default_value = "24h")]
        overlap: String,
    },
    /// Has a key refused from now on
    #[command(after_help = "Example:\n  slipway key revoke 0198c7a2-70d9-7494-8221-6f4cc9e19904")]
    Revoke {
        /// The key's id, as `slipway key list` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// A key to be made.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct New {
    /// What to call it
    #[arg(value_name = "NAME")]
    name: String,
    /// For this service account, instead of yourself
    #[arg(long, value_name = "NAME")]
    service_account: Option<String>,
    /// Only this role of yours; may be given several times
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// Only this team of yours; may be given several times
    #[arg(long = "team", value_name = "TEAM")]
    teams: Vec<String>,
    /// Good for this alone, as run.read or run.*; may be given several times
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// How long it lasts, as 90d or 12h
    #[arg(long = "expires", value_name = "TIME")]
    expires_in: Option<String>,
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create(new) => create(globals, new).await,
        Command::List { service_account, ended, many } => {
            let filters = query([("service_account", service_account), ("ended", ended.then(|| "true".to_owned()))]);
            many.show(globals, "/api/keys", &filters, table).await
        }
        Command::Rotate { id, overlap } => {
            let path = format!("/api/keys/{}/rotate", segment(&id));
            let (_, made) = globals.client()?.post(&path, &[], Some(Body::Json(json!({"overlap": overlap})))).await?;
            show_secret(globals, &made)
        }
        Command::Revoke { id } => {
            let (_, gone) = globals.client()?.delete(&format!("/api/keys/{}", segment(&id))).await?;
            globals.printer().print(&gone, |_, gone| {
                Ok(format!("key '{}' is refused from now on\n", clean(gone["name"].as_str().unwrap_or_default())))
            })
        }
    }
}

async fn create(globals: &Globals, new: New) -> anyhow::Result<()> {
    let mut body = Map::from_iter([("name".to_owned(), json!(new.name))]);
    for (member, names) in [("roles", new.roles), ("teams", new.teams), ("scopes", new.scopes)] {
        if !names.is_empty() {
            body.insert(member.into(), json!(names));
        }
    }
    if let Some(expires_in) = new.expires_in {
        body.insert("expires_in".into(), json!(expires_in));
    }
    let path = match new.service_account {
        None => "/api/keys".to_owned(),
        Some(name) => format!("/api/service-accounts/{}/keys", segment(&name)),
    };
    let (_, made) = globals.client()?.post(&path, &[], Some(Body::Json(Value::Object(body)))).await?;
    show_secret(globals, &made)
}

/// The secret goes to standard output, what is said about it to standard error.
fn show_secret(globals: &Globals, made: &Value) -> anyhow::Result<()> {
    let message = clean(made["message"].as_str().unwrap_or_default());
    if made["key"].is_null() {
        // An answer was lost on the way, and the request was sent again.
        output::warn(&message);
    }
    globals.printer().print(made, |_, made| {
        output::complain!("{message}");
        Ok(made["key"].as_str().map(|key| clean(key) + "\n").unwrap_or_default())
    })
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let keys: Vec<Key> = views::items(value)?;
    if keys.is_empty() {
        return Ok("no keys; `slipway key create NAME` makes one\n".into());
    }
    let all = |listed: &Option<Vec<String>>| listed.as_ref().map_or_else(|| "all".to_owned(), |it| it.join(","));
    let rows = keys.into_iter().map(|it| {
        let state = match (it.revoked_at, it.expires_at) {
            (Some(_), _) => "revoked",
            (None, Some(at)) if at <= chrono::Utc::now() => "expired",
            _ => "live",
        };
        let until = it.expires_at.map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true));
        let used = match it.last_used_at {
            None => "never".to_owned(),
            Some(_) => match &it.last_used_address {
                Some(address) => format!("{} ({address})", age(it.last_used_at)),
                None => age(it.last_used_at),
            },
        };
        let (roles, teams, scopes) = (all(&it.roles), all(&it.teams), all(&it.scopes));
        let owner = or_dash(&it.owner);
        vec![it.name, it.prefix, owner, state.into(), roles, teams, scopes, used, or_dash(&until), it.id]
    });
    let headers = ["NAME", "KEY", "OWNER", "STATE", "ROLES", "TEAMS", "SCOPES", "USED", "UNTIL", "ID"];
    Ok(printer.table(&headers, rows.collect()))
}
