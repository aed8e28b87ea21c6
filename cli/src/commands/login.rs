//! `slipway login`, `logout` and `whoami`.

mod device;
mod loopback;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Globals;
use crate::{
    client::Client,
    connection::Access,
    credentials::{self, Credentials, Login},
    failure::Failure,
    output::{Printer, clean, warn},
};

/// Logs in at a server: by a browser on this machine, or with --device by one anywhere
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  slipway login                                  at the server that other commands speak to
  slipway login https://slipway.example.com      at another one, which they speak to from then on
  slipway login --device                         from a machine without a browser

The login is kept in ~/.config/slipway/credentials and used where SLIPWAY_API_KEY is not set.")]
pub(crate) struct Arguments {
    /// Address of the server [default: the one that other commands speak to]
    #[arg(value_name = "URL")]
    url: Option<String>,
    /// Shows a code to type in a browser on any machine
    #[arg(long)]
    device: bool,
    /// Prints the address to open, and opens no browser
    #[arg(long, conflicts_with = "device")]
    no_browser: bool,
}

/// A key, as the server gives it.
#[derive(Deserialize)]
struct Granted {
    api_key: String,
    name: String,
    expires_at: DateTime<Utc>,
}

/// Logs in.
///
/// # Errors
/// When the server cannot be reached, or nobody says yes in time.
pub(crate) async fn run(globals: &Globals, arguments: Arguments) -> anyhow::Result<()> {
    let (url, url_source) = match &arguments.url {
        Some(url) => (crate::connection::plain_url(url, "the command line")?, "the command line".to_owned()),
        None => globals.connection.server()?,
    };
    let path =
        credentials::path().context("neither HOME nor XDG_CONFIG_HOME is set: there is no place to keep a login")?;
    let mut kept = Credentials::read(&path)?;
    let tls = globals.connection.tls(&url)?.absolute()?;
    let client = Client::new(Access {
        url: url.clone(),
        url_source,
        api_key: String::new(),
        key_source: String::new(),
        tls: tls.clone(),
    })?;
    let granted: Granted = if arguments.device {
        device::log_in(&client).await?
    } else {
        loopback::log_in(&client, &url, !arguments.no_browser).await?
    };
    let answer = json!({ "server": url, "name": granted.name, "expires_at": granted.expires_at });
    let login = Login { api_key: granted.api_key, name: granted.name, expires_at: granted.expires_at, tls };
    kept.servers.insert(url.clone(), login);
    kept.current = Some(url);
    kept.write(&path)?;
    if std::env::var_os("SLIPWAY_API_KEY").is_some_and(|key| !key.is_empty()) {
        warn("SLIPWAY_API_KEY is set and goes before this login: `unset SLIPWAY_API_KEY` to use it");
    }
    globals.printer().print(&answer, |_, answer| {
        let said = |name: &str| clean(answer[name].as_str().unwrap_or_default());
        Ok(format!("logged in at {} as {} until {}\n", said("server"), said("name"), said("expires_at")))
    })
}

/// Ends the login at the server that other commands speak to
#[derive(Clone, Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  slipway logout\n  slipway logout https://slipway.example.com\n  slipway logout --all"
)]
pub(crate) struct LogoutArguments {
    /// Address of the server [default: the one that other commands speak to]
    #[arg(value_name = "URL", conflicts_with = "all")]
    url: Option<String>,
    /// Ends the logins at all servers
    #[arg(long)]
    all: bool,
}

/// Logs out: revokes the key, and forgets it whether the server answers or not.
///
/// # Errors
/// When there is no login.
pub(crate) async fn log_out(globals: &Globals, arguments: LogoutArguments) -> anyhow::Result<()> {
    let path = credentials::path().context("neither HOME nor XDG_CONFIG_HOME is set: there is no place for logins")?;
    let mut kept = Credentials::read(&path)?;
    let urls: Vec<String> = match (arguments.all, arguments.url) {
        (true, _) => kept.servers.keys().cloned().collect(),
        (false, Some(url)) => vec![crate::connection::plain_url(&url, "the command line")?],
        (false, None) => vec![globals.connection.server()?.0],
    };
    let mut ended = Vec::new();
    for url in urls {
        let tls = globals.connection.tls(&url)?;
        let Some(login) = kept.servers.remove(&url) else {
            anyhow::bail!("there is no login at {url} in {}", path.display());
        };
        if kept.current.as_ref() == Some(&url) {
            kept.current = None;
        }
        kept.write(&path)?;
        let access = Access {
            url: url.clone(),
            url_source: path.display().to_string(),
            api_key: login.api_key,
            key_source: String::new(),
            tls,
        };
        let revoked = Client::new(access)?.post_once("/api/logout", Value::Null).await;
        if let Err(error) = &revoked {
            let over = matches!(error.downcast_ref(), Some(Failure::Unauthorized { .. }));
            if !over {
                warn(&format!(
                    "the key is forgotten here and still good at {url} until {}: {error:#}",
                    login.expires_at
                ));
            }
        }
        ended.push(json!({ "server": url, "name": login.name }));
    }
    globals.printer().print(&json!({ "items": ended }), |_, value| {
        let lines = value["items"].as_array().into_iter().flatten().map(|it| {
            let said = |name: &str| clean(it[name].as_str().unwrap_or_default());
            format!("logged out at {} ({})\n", said("server"), said("name"))
        });
        let text: String = lines.collect();
        Ok(if text.is_empty() { "there is no login\n".into() } else { text })
    })
}

/// Shows who one is at the server, and what one may count as
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:\n  slipway whoami\n  slipway whoami -o json")]
pub(crate) struct WhoamiArguments {}

/// Shows it.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn who_am_i(globals: &Globals, WhoamiArguments {}: WhoamiArguments) -> anyhow::Result<()> {
    let access = globals.connection.access()?;
    let source = access.key_source.clone();
    let answer = Client::new(access)?.get("/api/whoami", &[]).await?;
    globals.printer().print(&answer, |printer, answer| Ok(shown(printer, answer, &source)))
}

fn shown(_: Printer, answer: &Value, source: &str) -> String {
    let text = |value: &Value| clean(value.as_str().unwrap_or("-"));
    let listed = |value: &Value| match value.as_array() {
        Some(items) if items.is_empty() => "none".to_owned(),
        Some(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        None => "all that the roles allow".into(),
    };
    let until = answer["credential"]["expires_at"].as_str().map_or_else(|| "it is revoked".to_owned(), clean);
    format!(
        "name    {} ({})\nroles   {}\nteams   {}\nscopes  {}\nkey     from {source}, good until {until}\n",
        text(&answer["name"]),
        text(&answer["kind"]).replace('_', " "),
        listed(&answer["roles"]),
        listed(&answer["teams"]),
        listed(&answer["scopes"]),
    )
}

/// What this program calls itself when it asks to be logged in.
fn own_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME")).unwrap_or_default();
    match (user.trim(), host.trim()) {
        ("", "") => "slipway".into(),
        ("", host) => host.into(),
        (user, "") => user.into(),
        (user, host) => format!("{user}@{host}"),
    }
}

/// Exchanges what was confirmed for a key.
async fn exchange(client: &Client, grant: Value) -> anyhow::Result<Granted> {
    let (_, answer) = client.post_once("/api/login/token", grant).await?;
    serde_json::from_value(answer).context("the server's answer holds no key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoami_says_all_there_is_to_know() {
        let printer = Printer { format: crate::output::Format::Table, colour: false, terminal: false };
        let answer = json!({
            "name": "ada\u{1b}[2J", "kind": "service_account", "roles": ["developer"], "teams": [], "scopes": null,
            "credential": { "kind": "key", "expires_at": "2026-11-21T20:00:00Z" },
        });
        insta::assert_snapshot!(shown(printer, &answer, "SLIPWAY_API_KEY"), @r"
        name    ada (service account)
        roles   developer
        teams   none
        scopes  all that the roles allow
        key     from SLIPWAY_API_KEY, good until 2026-11-21T20:00:00Z
        ");
    }
}
