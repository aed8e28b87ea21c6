//! `slipway-worker`: takes runs from its queues and drives their steps in containers.

use anyhow::Context as _;
use shared::{config::Config, telemetry};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

fn main() -> anyhow::Result<()> {
    worker::render::run_child_if_asked();
    let config = Config::load(None)?;
    telemetry::init(&config.log);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime did not start")?;
    runtime.block_on(async {
        let shutdown = CancellationToken::new();
        stop_on_signals(&shutdown)?;
        worker::serve(config, shutdown).await
    })
}

/// The first SIGTERM or SIGINT lets running work finish; the second one ends it at once.
fn stop_on_signals(shutdown: &CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be handled")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be handled")?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if shutdown.is_cancelled() {
                worker::hurry();
            }
            shutdown.cancel();
        }
    });
    Ok(())
}
