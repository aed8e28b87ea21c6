//! `slipway-worker`: takes runs from its queues and drives their steps in containers.

use anyhow::Context as _;
use shared::{config::Config, telemetry};

fn main() -> anyhow::Result<()> {
    worker::render::run_child_if_asked();
    let config = Config::load(None)?;
    telemetry::init(&config.log);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime did not start")?;
    runtime.block_on(worker::serve_until_told(config))
}
