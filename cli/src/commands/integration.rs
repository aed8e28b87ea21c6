//! `slipway integration`.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::Context as _;
use serde_json::{Map, Value};

use super::{Globals, list::Many, secret};
use crate::{
    client::segment,
    output::{Printer, age, clean, inline},
    views::{self, Integration},
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Stores a credential for another system, once it was tried; its secret comes from standard input, a file or a question
    #[command(after_help = "Examples:
  pass show forge | slipway integration add forge git host=git.example.org repository=platform/providers.git
  slipway integration add images registry host=registry.example.org username=puller
  slipway integration add cloud aws region=eu-central-1 access_key_id=AKIA... --file secret-key
  slipway integration add google gcp --file key.json
  slipway integration add chat chat                               asks for the webhook's URL

Kinds and their fields; the last of each is the secret:
  git       host, username (git), repository (to try it with), password
  registry  host, username, password
  aws       region, access_key_id, secret_access_key
  gcp       key (the JSON file)
  azure     tenant_id, client_id, client_secret
  chat      url

A provider source uses one of the kind git by its name: slipway provider source add ... --secret forge")]
    Add {
        /// What to call it
        #[arg(value_name = "NAME")]
        name: String,
        /// What it is for
        #[arg(value_name = "KIND", value_parser = shared::secrets::credential::Credential::KINDS)]
        kind: String,
        /// Fields that are no secret
        #[arg(value_name = "FIELD=VALUE", value_parser = field)]
        fields: Vec<(String, String)>,
        /// Reads the secret from a file
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Lists credentials, without their secrets
    #[command(visible_alias = "ls", after_help = "Example:\n  slipway integration list -o json")]
    List {
        #[command(flatten)]
        many: Many,
    },
    /// Tries a stored credential once more
    #[command(after_help = "Example:\n  slipway integration check forge")]
    Check {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Removes a credential that nothing uses
    #[command(visible_alias = "rm", after_help = "Example:\n  slipway integration remove forge")]
    Remove {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
}

fn field(text: &str) -> anyhow::Result<(String, String)> {
    let (name, value) = text.split_once('=').context("FIELD=VALUE, as host=git.example.org")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The field of each kind that is secret.
fn secret_field(kind: &str) -> &'static str {
    match kind {
        "aws" => "secret_access_key",
        "gcp" => "key",
        "azure" => "client_secret",
        "chat" => "url",
        _ => "password",
    }
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no, or the secret cannot be read.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    let client = globals.client()?;
    let path = |name: &str| format!("/api/integrations/{}", segment(name));
    let answer = match command {
        Command::List { many } => return many.show(globals, "/api/integrations", &[], table).await,
        Command::Add { name, kind, fields, file } => {
            let secret_name = secret_field(&kind);
            let fields: BTreeMap<String, String> = fields.into_iter().collect();
            anyhow::ensure!(
                !fields.contains_key(secret_name),
                "'{secret_name}' is secret: give it on standard input, by --file, or when asked; never on the command line"
            );
            let mut body: Map<String, Value> = fields.into_iter().map(|(name, value)| (name, value.into())).collect();
            body.insert("kind".into(), kind.into());
            body.insert(secret_name.into(), secret::value(secret_name, file.as_deref())?.as_str().into());
            client.put(&path(&name), Value::Object(body)).await?.1
        }
        Command::Check { name } => client.post_once(&format!("{}/check", path(&name)), Value::Null).await?.1,
        Command::Remove { name } => client.delete(&path(&name)).await?.1,
    };
    globals
        .printer()
        .print(&answer, |_, answer| Ok(format!("{}\n", clean(answer["message"].as_str().unwrap_or("done")))))
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let integrations: Vec<Integration> = views::items(value)?;
    if integrations.is_empty() {
        return Ok("no integrations: `slipway integration add NAME KIND` stores one\n".into());
    }
    let rows = integrations.into_iter().map(|it| {
        let checked = match (&it.check_error, it.checked_at) {
            (Some(error), _) => format!("REFUSED: {}", clean(error)),
            (None, Some(at)) => format!("good, {} ago", age(Some(at))),
            (None, None) => "not tried".to_owned(),
        };
        vec![it.name, it.kind, inline(&it.settings), checked, it.updated_by, age(it.updated_at)]
    });
    Ok(printer.table(&["NAME", "KIND", "SETTINGS", "CHECK", "SET BY", "AGE"], rows.collect()))
}
