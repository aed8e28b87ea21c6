//! `slipway state`: what step types keep between runs (Terraform's state), when a person must look after it.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Globals,
    list::{Many, query},
    resource::id_of,
};
use crate::{
    client::{Body, segment},
    output::{Printer, age, clean, or_dash, short},
    views,
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists the states that are kept
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  slipway state list\n  slipway state list --app shop -o json"
    )]
    List {
        /// Only this application's
        #[arg(long, visible_alias = "application", value_name = "APP")]
        app: Option<String>,
        #[command(flatten)]
        many: Many,
    },
    /// Lists the versions of one state, newest first
    #[command(after_help = "Example:\n  slipway state versions shop/network")]
    Versions {
        /// The resource's id, or its application's name and its own
        #[arg(value_name = "ID|APP/NAME")]
        resource: String,
        #[command(flatten)]
        many: Many,
    },
    /// Gives back a lock that a person or a tool left behind; a run's lock ends with its run
    #[command(after_help = "Example:\n  slipway state unlock shop/network")]
    Unlock {
        /// The resource's id, or its application's name and its own
        #[arg(value_name = "ID|APP/NAME")]
        resource: String,
    },
    /// Makes an earlier version the newest one; what is really there is not touched
    #[command(
        after_help = "Example:\n  slipway state versions shop/network\n  slipway state rollback shop/network --to 3"
    )]
    Rollback {
        /// The resource's id, or its application's name and its own
        #[arg(value_name = "ID|APP/NAME")]
        resource: String,
        /// The version
        #[arg(long, value_name = "VERSION")]
        to: i64,
    },
}

#[derive(Deserialize)]
struct Kept {
    application: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    version: i64,
    serial: i64,
    bytes: i64,
    written_by: String,
    written_at: Option<DateTime<Utc>>,
    lock: Option<Value>,
    uncertain_since: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
struct Version {
    version: i64,
    serial: i64,
    bytes: i64,
    md5: String,
    run_id: Option<String>,
    written_by: String,
    created_at: Option<DateTime<Utc>>,
}

/// Carries it out.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    let (client, printer) = (globals.client()?, globals.printer());
    let (resource, path, body) = match command {
        Command::List { app, many } => {
            return many.show(globals, "/api/states", &query([("application", app)]), table).await;
        }
        Command::Versions { resource, many } => {
            let path = format!("/api/resources/{}/state/versions", segment(&id_of(&client, &resource).await?));
            return many.show(globals, &path, &[], versions).await;
        }
        Command::Unlock { resource } => (resource, "unlock", None),
        Command::Rollback { resource, to } => (resource, "rollback", Some(Body::Json(json!({ "version": to })))),
    };
    let path = format!("/api/resources/{}/state/{path}", segment(&id_of(&client, &resource).await?));
    let (_, answer) = client.post(&path, &[], body).await?;
    printer.print(&answer, |_, answer| Ok(clean(answer["message"].as_str().unwrap_or("done")) + "\n"))
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let states: Vec<Kept> = views::items(value)?;
    if states.is_empty() {
        return Ok("no states are kept; steps like terraform's keep one for each resource\n".into());
    }
    let rows = states.into_iter().map(|it| {
        let lock = it.lock.as_ref().map(|info| info["Who"].as_str().unwrap_or("someone").to_owned());
        let doubt = it.uncertain_since.map(|_| format!("for {}", age(it.uncertain_since)));
        vec![
            format!("{}/{}", it.application, it.name),
            it.kind,
            it.version.to_string(),
            it.serial.to_string(),
            it.bytes.to_string(),
            format!("{} ({})", it.written_by, age(it.written_at)),
            or_dash(&lock),
            or_dash(&doubt),
        ]
    });
    Ok(printer.table(
        &["RESOURCE", "TYPE", "VERSION", "SERIAL", "BYTES", "WRITTEN BY", "LOCKED BY", "UNCERTAIN"],
        rows.collect(),
    ))
}

fn versions(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let versions: Vec<Version> = views::items(value)?;
    if versions.is_empty() {
        return Ok("no state was ever kept for it\n".into());
    }
    let rows = versions.into_iter().map(|it| {
        let run = it.run_id.map(|run| short(&run, 8));
        let bytes = if it.bytes == 0 { "removed".to_owned() } else { it.bytes.to_string() };
        vec![
            it.version.to_string(),
            it.serial.to_string(),
            bytes,
            it.written_by,
            or_dash(&run),
            age(it.created_at),
            it.md5,
        ]
    });
    Ok(printer.table(&["VERSION", "SERIAL", "BYTES", "WRITTEN BY", "RUN", "AGE", "MD5"], rows.collect()))
}
