//! The worker as others see it: registered, heard of, with its engine's posture; and held back while it could not do
//! what a run needs.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use shared::{
    domain::posture::Posture,
    queue::Gate,
    store::worker::{self, NewWorker, WorkerAsked, WorkerState},
};
use tokio_util::sync::CancellationToken;

use crate::{context::Context, engine::Engine, retry::Pause};

/// How often the worker says that it is there.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long the engine may take to say how much disk is free.
const DISK: Duration = Duration::from_secs(30);

const NO_POSTGRES: &str = "Postgres does not answer";
const NO_DISK: &str = "the engine's disk is nearly full";
const NO_ENGINE: &str = "the engine does not answer";
const CORDONED: &str = "a person wants it to take none for now";
const DRAINED: &str = "a person wants it to end";

/// Announces the worker; waits for Postgres as long as it takes, until `stop`.
///
/// # Errors
/// When another live worker keeps workspaces in another place: neither could go on where the other stopped.
pub async fn register<E: Engine>(cx: &Context<E>, posture: Posture, stop: &CancellationToken) -> anyhow::Result<()> {
    let host =
        std::fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned()).unwrap_or_default();
    let name = if cx.config.worker.name.is_empty() { host.clone() } else { cx.config.worker.name.clone() };
    let new = NewWorker {
        id: cx.id,
        name,
        host,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        queues: cx.config.worker.queues.clone(),
        labels: cx.config.worker.labels.clone(),
        slots: i32::try_from(cx.config.worker.slots.max(1)).unwrap_or(i32::MAX),
        posture: serde_json::to_value(announced(cx, posture))?,
    };
    let mut pause = Pause::up_to(Duration::from_secs(2));
    while !stop.is_cancelled() {
        let announced = async {
            let others = worker::archives_in_use(cx.store.pool(), cx.id).await?;
            if let Some((other, archive)) = others.into_iter().find(|(_, archive)| archive != cx.archive.id()) {
                return Ok(Some((other, archive)));
            }
            worker::register(cx.store.pool(), &new).await.map(|()| None)
        };
        match announced.await {
            Ok(None) => return Ok(()),
            Ok(Some((other, archive))) => bail!(
                "worker {other} keeps workspaces in another archive ({archive}) than this one ({}): a local directory \
                 serves the workers of one host; set archive.url to an object store on all of them",
                cx.archive.id()
            ),
            Err(error) if error.is_unavailable() => {
                tracing::warn!(worker.id = %cx.id, %error, "waits for Postgres to announce itself");
                pause.wait().await;
            }
            Err(error) => return Err(error).context("the worker could not be announced"),
        }
    }
    Ok(())
}

fn announced<E: Engine>(cx: &Context<E>, posture: Posture) -> Posture {
    Posture { engine_id: Some(cx.engine_id.clone()), archive: Some(cx.archive.id().to_owned()), ..posture }
}

/// Says that the worker is there, and holds it back from new runs while it could not do them justice or people want it to take
/// none. `drain` is cancelled when they want it to end.
pub async fn keep<E: Engine>(
    cx: Arc<Context<E>>,
    gate: Gate,
    posture: Posture,
    drain: CancellationToken,
    stop: CancellationToken,
) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = beat(&cx, &gate, &posture, &drain, &stop) => {}
        () = watch_disk(&cx, &gate) => {}
    }
}

async fn beat<E: Engine>(
    cx: &Context<E>,
    gate: &Gate,
    posture: &Posture,
    drain: &CancellationToken,
    stop: &CancellationToken,
) {
    loop {
        match worker::heartbeat(cx.store.pool(), cx.id).await {
            Ok(Some(asked)) => {
                heed(asked, gate, drain);
                gate.open(NO_POSTGRES);
            }
            // It counts as gone: too long silent. It comes back under the same id, without its leases.
            Ok(None) => {
                if let Err(error) = register(cx, posture.clone(), stop).await {
                    tracing::error!(worker.id = %cx.id, %error, "could not be announced again");
                }
            }
            Err(error) => {
                tracing::warn!(worker.id = %cx.id, %error, "a heartbeat did not reach Postgres");
                gate.close(NO_POSTGRES);
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            }
        }
        let busy = f64::from(u32::try_from(cx.keeper.count()).unwrap_or(u32::MAX));
        metrics::gauge!("slipway_slots", "state" => "busy").set(busy);
        metrics::gauge!("slipway_slots", "state" => "free").set((f64::from(cx.config.worker.slots) - busy).max(0.0));
        tokio::time::sleep(HEARTBEAT).await;
    }
}

fn heed(asked: WorkerAsked, gate: &Gate, drain: &CancellationToken) {
    match asked {
        WorkerAsked::Serve => gate.open(CORDONED),
        WorkerAsked::Cordon => gate.close(CORDONED),
        WorkerAsked::Drain => {
            gate.close(DRAINED);
            drain.cancel();
        }
    }
}

async fn watch_disk<E: Engine>(cx: &Context<E>, gate: &Gate) {
    let least = cx.config.worker.min_free_disk_mib.saturating_mul(1024 * 1024);
    loop {
        match tokio::time::timeout(DISK, cx.engine.free_disk()).await {
            Ok(Ok(free)) => {
                gate.open(NO_ENGINE);
                if free < least { gate.close(NO_DISK) } else { gate.open(NO_DISK) }
            }
            Ok(Err(_)) | Err(_) => gate.close(NO_ENGINE),
        }
        tokio::time::sleep(HEARTBEAT).await;
    }
}

/// Says what the worker does now, as far as Postgres can be reached.
pub async fn say<E: Engine>(cx: &Context<E>, state: WorkerState) {
    let said = tokio::time::timeout(Duration::from_secs(5), worker::set_state(cx.store.pool(), cx.id, state)).await;
    if !matches!(said, Ok(Ok(()))) {
        tracing::warn!(worker.id = %cx.id, %state, "Postgres was not told; it will count the worker as gone");
    }
}
