//! `slipway-scheduler`: see the library.

use anyhow::Context as _;
use shared::{config::Config, telemetry};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = Config::load(std::env::args_os().nth(1).map(std::path::PathBuf::from).as_deref())?;
    telemetry::init(&config.log);
    let shutdown = CancellationToken::new();
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        stop.cancel();
    });
    // As a task: what the main thread itself waits for is woken by another thread, at each of Postgres' answers.
    tokio::spawn(scheduler::serve(config, shutdown)).await?.context("slipway-scheduler")
}
