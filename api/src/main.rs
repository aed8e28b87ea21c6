//! The api: parse the configuration, start telemetry, serve.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use shared::{
    config::Config,
    domain::access::Role,
    store::{
        Store,
        api_key::{self, NewKey},
    },
    telemetry,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Slipway's HTTP service.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Configuration file; `SLIPWAY_CONFIG` names one too.
    #[arg(long)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Brings the schema up to date, and exits; for a login that may, before programs start whose own may not.
    Migrate,
    /// Makes an admin's API key, prints it once, and exits.
    CreateKey {
        /// Who or what it is for.
        name: String,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let config = Config::load(arguments.config.as_deref())?;
    telemetry::init(&config.log);
    let store = Store::connect(&config.database, "slipway-api").context("database.url")?;
    store.migrate().await.context("bringing the schema up to date")?;
    match arguments.command {
        Some(Command::Migrate) => return Ok(()),
        Some(Command::CreateKey { name }) => {
            let (_, secret) = api_key::create(store.pool(), &NewKey::of_nobody(&name, Role::Admin)).await?;
            println!("{secret}");
            return Ok(());
        }
        None => {}
    }
    let shutdown = CancellationToken::new();
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
        stop.cancel();
    });
    api::serve(config, store, shutdown).await
}
