//! The process as its supervisor sees it: it serves until it is told to end.

use anyhow::Context as _;
use shared::config::Config;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::service::{hurry, serve};

/// Serves until SIGTERM or SIGINT, or until people ask the worker to end. The first signal lets running work finish, the second one
/// ends it at once.
///
/// # Errors
/// As [`serve`].
pub async fn serve_until_told(config: Config) -> anyhow::Result<()> {
    let shutdown = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be handled")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be handled")?;
    let told = shutdown.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if told.is_cancelled() {
                hurry();
            }
            told.cancel();
        }
    });
    // As a task: what the main thread itself waits for is woken by another thread, at each ticket.
    tokio::spawn(serve(config, shutdown)).await?
}
