//! Removes what dead workers leave behind, and only that: nothing is removed unless a Postgres that answers says that
//! nobody wants it.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
    time::Duration,
};

use shared::{
    domain::{ids::Fence, run::RunStatus},
    store::{log, prune, worker},
};
use tokio_util::sync::CancellationToken;

use crate::{context::Context, engine::Engine, log_archive, workspace};

/// How often it looks.
const PERIOD: Duration = Duration::from_secs(30);
/// Logs archived in one pass.
const LOGS: i64 = 50;
/// Forgotten runs whose part of the archive is removed in one pass.
const PRUNED: i64 = 200;
/// Finished runs looked at for that in one pass.
const LOOKS: i64 = 20_000;
/// A run is given its end before that is committed, and its worker archives the log after that: so far back the next pass
/// looks again.
const OVERLAP: Duration = Duration::from_secs(600);

/// Looks now and then, until `stop`.
pub async fn run<E: Engine>(cx: Arc<Context<E>>, stop: CancellationToken) {
    loop {
        if let Err(error) = pass(&cx).await {
            tracing::warn!(worker.id = %cx.id, %error, "the janitor removed nothing more");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
    }
}

/// One look at everything.
///
/// # Errors
/// When the engine or Postgres does not answer; nothing is removed then.
pub async fn pass<E: Engine>(cx: &Context<E>) -> anyhow::Result<()> {
    let instance = &cx.config.instance.0;
    let found = cx.engine.list(instance).await?;
    let mut runs: BTreeSet<_> = cx.engine.leftovers(instance).await?.into_iter().collect();
    runs.extend(found.iter().map(|container| container.owner.run_id));
    let asked: Vec<_> = runs.into_iter().collect();
    if !asked.is_empty() {
        // Asked after the engine was looked at: what began since then is not in `asked`.
        for run in worker::standing(cx.store.pool(), &asked).await? {
            let below = match (run.status, run.fence) {
                // Over, or pruned: nobody wants any of it.
                (None, _) | (Some(RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled), _) => {
                    Fence(i64::MAX)
                }
                // Another worker has it, and its own containers if it uses this engine too. A state that is kept in one of
                // these was given up for lost by that worker when it found it could not look in here.
                (Some(RunStatus::Running), Some(fence)) if run.worker_id != Some(cx.id) => fence,
                // Ours, or about to be someone's: whoever takes it looks first at what is here.
                (Some(RunStatus::Running | RunStatus::Pending | RunStatus::Queued | RunStatus::Suspended), _) => {
                    continue;
                }
            };
            if below != Fence(i64::MAX)
                && !found.iter().any(|one| one.owner.run_id == run.run_id && one.owner.fence < below)
            {
                continue;
            }
            tracing::info!(run.id = %run.run_id, "removes what was left behind");
            if let Err(error) = cx.engine.sweep(instance, run.run_id, below).await {
                tracing::warn!(run.id = %run.run_id, %error, "what was left behind stays for now");
            }
        }
    }
    archive_logs(cx).await?;
    empty_archive(cx).await
}

/// Removes from the archive what runs left there that are forgotten.
async fn empty_archive<E: Engine>(cx: &Context<E>) -> anyhow::Result<()> {
    let pool = cx.store.pool();
    let mut gone = Vec::new();
    for run in prune::pruned_runs(pool, PRUNED).await? {
        let removed = async {
            cx.archive.delete_folder(&workspace::folder(run)).await?;
            cx.archive.delete(&log_archive::key(run)).await
        };
        match removed.await {
            Ok(()) => gone.push(run),
            Err(error) => {
                tracing::warn!(run.id = %run, %error, "what a forgotten run left in the archive stays for now");
            }
        }
    }
    if !gone.is_empty() {
        prune::forget_pruned(pool, &gone).await?;
    }
    Ok(())
}

/// Archives logs whose worker did not, oldest first, going on where the last pass of this worker ended.
async fn archive_logs<E: Engine>(cx: &Context<E>) -> anyhow::Result<()> {
    let since = *cx.logs_archived_until.lock().unwrap_or_else(PoisonError::into_inner);
    let found = log::unarchived(cx.store.pool(), since, LOOKS, LOGS).await?;
    let mut failed = false;
    for run in &found.runs {
        if let Err(error) = log_archive::archive(cx, *run).await {
            failed = true;
            tracing::warn!(run.id = %run, %error, "a log is not archived yet");
        }
    }
    let until = match found.until {
        Some(until) if found.all => until - OVERLAP,
        // Only as far as was looked: what is left of a full batch is found by the next pass.
        Some(until) if i64::try_from(found.runs.len())? < LOGS => until,
        _ => return Ok(()),
    };
    if !failed && until > since {
        *cx.logs_archived_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
    Ok(())
}
