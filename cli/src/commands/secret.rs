//! `slipway secret`.

use std::{
    io::{IsTerminal as _, Read as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde_json::{Value, json};
use shared::secrets::{MAX_SECRET, keyring};
use zeroize::Zeroizing;

use super::{Globals, list::Many};
use crate::{
    client::segment,
    output::{self, Printer, age, clean, or_dash},
    terminal,
    views::{self, Secret, SecretKey},
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Gives a secret a value, from standard input, a file or a question; never from the command line
    #[command(after_help = "Examples:
  pass show shop/stripe | slipway secret set STRIPE_KEY --app shop
  slipway secret set TLS_KEY --team payments --file key.pem
  slipway secret set STRIPE_KEY --app shop                      asks, and shows nothing of what is typed
  slipway secret set DB_PASSWORD --team payments --vault database#password
  slipway secret set DB_PASSWORD --team payments --source aws:database#password

A Score file names it as ${secrets.STRIPE_KEY}.")]
    Set {
        /// A letter, then letters, digits, _ and -
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        owner: Owner,
        /// Reads the value from a file; a newline at its end is dropped
        #[arg(long, value_name = "FILE", conflicts_with_all = ["vault", "source"])]
        file: Option<PathBuf>,
        /// Where in the team's part of Vault the value is: it is read there each time it is needed
        #[arg(long, value_name = "PATH#KEY")]
        vault: Option<String>,
        /// Where among the team's others keep the value, to be read there each time: vault:PATH#KEY, aws:NAME#FIELD,
        /// gcp:NAME#FIELD or azure:NAME#FIELD
        #[arg(long, value_name = "KEEPER:PLACE", conflicts_with = "vault")]
        source: Option<String>,
    },
    /// Lists secrets: names, versions, who and when; values are shown to nobody
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  slipway secret list --team payments\n  slipway secret list --app shop -o json"
    )]
    List {
        #[command(flatten)]
        owner: Owner,
        #[command(flatten)]
        many: Many,
    },
    /// Removes a secret that nothing names any more
    #[command(visible_alias = "rm", after_help = "Example:\n  slipway secret remove STRIPE_KEY --app shop")]
    Remove {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        owner: Owner,
    },
    /// Makes a key for secrets.keys: prints it, or writes it to a new file that only its owner may read
    #[command(after_help = "Example:\n  slipway secret new-key /etc/slipway/secrets.key")]
    NewKey {
        /// The file
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Lists the keys of secrets.keys, how much each wraps, and which are missing
    Keys,
    /// Moves everything to the first key of secrets.keys, while all of it stays in use
    #[command(after_help = "How to rotate:
  1. put a new key first in secrets.keys, keep the old one behind it, restart api, scheduler and workers
  2. slipway secret rotate-keys
  3. take the old key out, restart again")]
    RotateKeys,
}

/// Whose secrets.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Owner {
    /// A team's: every application of it may name them
    #[arg(long, value_name = "TEAM")]
    team: Option<String>,
    /// An application's own: they go before the team's of the same name
    #[arg(long, value_name = "APP")]
    app: Option<String>,
}

impl Owner {
    fn path(&self) -> String {
        match (&self.app, &self.team) {
            (Some(app), _) => format!("/api/specs/{}/secrets", segment(app)),
            (None, team) => format!("/api/teams/{}/secrets", segment(team.as_deref().unwrap_or_default())),
        }
    }
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no, or a value cannot be read.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    let said = |printer: Printer, answer: &Value| {
        printer.print(answer, |_, answer| Ok(format!("{}\n", clean(answer["message"].as_str().unwrap_or("done")))))
    };
    match command {
        Command::Set { name, owner, file, vault, source } => {
            let client = globals.client()?;
            let body = match vault.or(source) {
                Some(place) => json!({ "source": place }),
                None => json!({ "value": *value(&name, file.as_deref())? }),
            };
            let (_, answer) = client.put(&format!("{}/{}", owner.path(), segment(&name)), body).await?;
            said(globals.printer(), &answer)
        }
        Command::List { owner, many } => many.show(globals, &owner.path(), &[], table).await,
        Command::Remove { name, owner } => {
            let (_, answer) = globals.client()?.delete(&format!("{}/{}", owner.path(), segment(&name))).await?;
            said(globals.printer(), &answer)
        }
        Command::NewKey { file } => new_key(file.as_deref()),
        Command::Keys => {
            let keys = globals.client()?.get("/api/admin/secret-keys", &[]).await?;
            globals.printer().print(&keys, key_table)
        }
        Command::RotateKeys => rotate(globals).await,
    }
}

/// The value: from the file, from standard input when it is no terminal, else asked for.
pub(super) fn value(name: &str, file: Option<&Path>) -> anyhow::Result<Zeroizing<String>> {
    let limit = MAX_SECRET as u64 + 3;
    let mut text = Zeroizing::new(String::new());
    match file {
        Some(path) => {
            let file = std::fs::File::open(path).with_context(|| format!("opening {}", path.display()))?;
            file.take(limit).read_to_string(&mut text).with_context(|| format!("reading {}", path.display()))?;
        }
        None if std::io::stdin().is_terminal() => return terminal::hidden(&format!("Value of {name}: ")),
        None => {
            std::io::stdin().take(limit).read_to_string(&mut text).context("reading the value from standard input")?;
        }
    }
    let value = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    anyhow::ensure!(!value.is_empty(), "the value is empty; nothing was changed");
    anyhow::ensure!(value.len() <= MAX_SECRET, "the value has more than {MAX_SECRET} bytes; nothing was changed");
    Ok(Zeroizing::new(value.to_owned()))
}

fn new_key(file: Option<&Path>) -> anyhow::Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let key = keyring::new_key();
    let Some(path) = file else {
        output::print(&format!("{}\n", &*key));
        return Ok(());
    };
    // Never over one that is there: what it wraps would be lost.
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut made = made.with_context(|| format!("making {}", path.display()))?;
    made.write_all(format!("{}\n", &*key).as_bytes())
        .and_then(|()| made.sync_all())
        .with_context(|| format!("writing {}", path.display()))?;
    output::print(&format!(
        "{} holds a new key. Keep a copy where the database's backups are not: without it they cannot be read\n",
        path.display()
    ));
    Ok(())
}

async fn rotate(globals: &Globals) -> anyhow::Result<()> {
    let client = globals.client()?;
    let mut rewrapped = 0;
    loop {
        let (_, answer) = client.post_once("/api/admin/secret-keys/rotate", Value::Null).await?;
        let number = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or_default();
        rewrapped += number("rewrapped");
        // Nothing left, or what is left is being changed by others this very moment.
        if number("left") == 0 || number("rewrapped") == 0 {
            let shown = json!({"rewrapped": rewrapped, "left": number("left"), "message": answer["message"]});
            return globals.printer().print(&shown, |_, shown| {
                Ok(format!(
                    "{} keys were wrapped anew; {}\n",
                    shown["rewrapped"],
                    clean(shown["message"].as_str().unwrap_or_default())
                ))
            });
        }
    }
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let secrets: Vec<Secret> = views::items(value)?;
    if secrets.is_empty() {
        return Ok("no secrets: `slipway secret set NAME` stores one\n".into());
    }
    let rows = secrets.into_iter().map(|it| {
        vec![
            it.name,
            or_dash(&it.application),
            it.version.to_string(),
            it.source.map_or_else(|| "kept here".to_owned(), |source| kept_by(&source)),
            it.updated_by,
            age(it.updated_at),
        ]
    });
    Ok(printer.table(&["NAME", "APPLICATION", "VERSION", "VALUE", "SET BY", "AGE"], rows.collect()))
}

/// With who keeps it: without a name that is Vault, in which no place has a colon.
fn kept_by(source: &str) -> String {
    if source.contains(':') { source.to_owned() } else { format!("vault:{source}") }
}

fn key_table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let keys: Vec<SecretKey> = views::items(value)?;
    let rows = keys.into_iter().map(|it| {
        let state = match (it.configured, it.current) {
            (false, _) => "MISSING",
            (true, true) => "current",
            (true, false) => "opens only",
        };
        vec![it.id, state.to_owned(), it.wraps.to_string()]
    });
    let mut shown = printer.table(&["KEY", "STATE", "WRAPS"], rows.collect());
    if let Some(problem) = value["problem"].as_str() {
        shown.push_str(&format!("{}\n", clean(problem)));
    }
    Ok(shown)
}
