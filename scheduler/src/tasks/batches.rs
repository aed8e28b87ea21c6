//! Batches: each goes on as far as its waves, its window, its budget of failures and the runs in flight allow. Its row is locked
//! meanwhile, and what is done is noted in the same transaction: two schedulers are never at one batch, and a crash leaves nothing
//! half done.

mod back;
mod begin;

use chrono::{DateTime, TimeDelta, Utc};
use shared::{
    batch as survey,
    domain::{
        batch::{BatchStatus, Budget, Window},
        event::{BATCH_APPROVAL_VOID, BATCH_PROGRESS},
        words::count,
    },
    store::{
        Connection, StoreError,
        batch::{self, Batch, WaveState},
    },
};
use uuid::Uuid;

use super::{Pass, Scheduler};

/// Resources that one pass begins with at most.
const PIECE: i32 = 100;

/// What a pass over one batch came to.
#[derive(Debug)]
enum Step {
    /// Nothing changed.
    Idle,
    /// Something did.
    Moved,
    /// Too much failed; why.
    Stop(String),
    /// What would be done is not what was approved; why.
    Void(String),
    /// There is nothing left to do; what it came to.
    Over(String),
}

pub(super) async fn run(scheduler: &Scheduler) -> anyhow::Result<Pass> {
    let (mut after, mut moved, mut failure) = (Uuid::nil(), 0, None);
    loop {
        let mut tx = scheduler.store.begin().await?;
        let Some(mut batch) = batch::lock_next(&mut tx, after).await? else { break };
        after = batch.id;
        match step(scheduler, &mut tx, &mut batch).await {
            Ok(did) => {
                tx.commit().await.map_err(StoreError::from)?;
                moved += usize::from(did);
            }
            // One batch's trouble holds up no other.
            Err(error) => {
                tracing::warn!(batch.id = %batch.id, %error, "a batch could not go on; a later pass tries again");
                failure = Some(error);
            }
        }
    }
    match failure {
        Some(error) if moved == 0 => Err(error.into()),
        _ => Ok(Pass::of(moved)),
    }
}

/// One look at one (locked) batch; whether anything changed.
async fn step(scheduler: &Scheduler, conn: &mut Connection, batch: &mut Batch) -> Result<bool, StoreError> {
    let gathered = batch::gather(&mut *conn, batch).await?;
    batch.succeeded += gathered.succeeded;
    batch.failed += gathered.failed;
    batch.rolled_back += gathered.rolled_back;
    batch.in_flight -= gathered.succeeded + gathered.failed + gathered.rolled_back + gathered.not_rolled_back;
    let detail = batch.detail.clone();
    let step = match batch.status {
        BatchStatus::Running => go_on(scheduler, &mut *conn, batch).await?,
        BatchStatus::RollingBack => back::go_on(scheduler, &mut *conn, batch).await?,
        BatchStatus::AwaitingApproval
        | BatchStatus::ApprovalVoid
        | BatchStatus::Paused
        | BatchStatus::Stopped
        | BatchStatus::Aborted
        | BatchStatus::Completed
        | BatchStatus::RolledBack => Step::Idle,
    };
    if matches!(step, Step::Idle) && !gathered.is_any() && batch.detail == detail {
        return Ok(false);
    }
    let is_due = Utc::now() - batch.told_at >= TimeDelta::seconds(1);
    if is_due {
        batch.told_at = Utc::now();
    }
    batch::note(&mut *conn, batch).await?;
    match step {
        Step::Stop(why) => batch::stop(&mut *conn, batch, &why).await?,
        Step::Over(what) => batch::complete(&mut *conn, batch, &what).await?,
        Step::Void(why) => void(scheduler, &mut *conn, batch, &why).await?,
        Step::Idle | Step::Moved if is_due => batch::tell(&mut *conn, batch.id, BATCH_PROGRESS, "system").await?,
        Step::Idle | Step::Moved => {}
    }
    Ok(true)
}

/// Has a person look again.
async fn void(scheduler: &Scheduler, conn: &mut Connection, batch: &Batch, why: &str) -> Result<(), StoreError> {
    let registry = scheduler.registry();
    survey::survey(&mut *conn, &registry, batch).await?;
    survey::plan_ways(&mut *conn, &registry, batch).await?;
    if batch::ask_anew(&mut *conn, batch.id, why).await?.is_applied() {
        tracing::info!(batch.id = %batch.id, why, "the approval of a batch is void");
        batch::tell(conn, batch.id, BATCH_APPROVAL_VOID, "system").await?;
    }
    Ok(())
}

/// Takes a running batch as far as it can go now.
async fn go_on(scheduler: &Scheduler, conn: &mut Connection, batch: &mut Batch) -> Result<Step, StoreError> {
    let opens = closed_until(batch);
    if batch.started_at.is_none() {
        if let Some(opens) = opens {
            batch.detail = told_of_window(opens);
            return Ok(Step::Idle);
        }
        if !survey::is_as_approved(&mut *conn, &scheduler.registry(), batch).await? {
            let why = "resources, providers or workflows have changed since it was approved: look at the new preview, and approve it anew";
            return Ok(Step::Void(why.to_owned()));
        }
        batch.started_at = Some(Utc::now());
        batch.detail = String::new();
        batch::note(&mut *conn, batch).await?;
        batch::begin_wave(&mut *conn, batch).await?;
    }
    // Waves for which there is nothing to do pass in one go.
    while let Some(wave) = batch::wave(&mut *conn, batch.id, batch.wave).await? {
        if let Some(why) = too_many(batch, &wave) {
            return Ok(Step::Stop(why));
        }
        if wave.has_open {
            if let Some(opens) = opens {
                batch.detail = told_of_window(opens);
                return Ok(Step::Idle);
            }
            batch.detail = String::new();
            let room = (batch.max_in_flight - batch.in_flight).min(PIECE);
            return if room > 0 {
                begin::begin(scheduler, conn, batch, wave.begun, room).await
            } else {
                Ok(Step::Idle)
            };
        }
        if batch.in_flight > 0 {
            batch.detail = String::new();
            return Ok(Step::Idle);
        }
        if wave.ended_at.is_none() {
            batch::end_wave(&mut *conn, batch).await?;
            if batch.bake_s > 0 || batch.verify {
                batch.detail = format!("wave {} is done and is watched before the next begins", batch.wave + 1);
                return Ok(Step::Moved);
            }
            continue;
        }
        if !wave.is_baked || !batch::looks_are_over(&mut *conn, batch).await? {
            return Ok(Step::Idle);
        }
        let sick = batch::unhealthy(&mut *conn, batch).await?;
        batch.succeeded -= sick;
        batch.failed += sick;
        if let Some(why) = too_many(batch, &wave) {
            return Ok(Step::Stop(why));
        }
        batch.detail = String::new();
        batch::note(&mut *conn, batch).await?;
        batch::pass_wave(&mut *conn, batch).await?;
        if wave.is_last {
            break;
        }
        batch.wave += 1;
        batch::note(&mut *conn, batch).await?;
        batch::begin_wave(&mut *conn, batch).await?;
    }
    let Batch { succeeded, failed, skipped, .. } = batch;
    Ok(Step::Over(format!("{succeeded} done, {failed} failed, {skipped} left out")))
}

/// Why a batch has to stop, if so.
fn too_many(batch: &Batch, wave: &WaveState) -> Option<String> {
    // One that could not be read bears nothing.
    let budget: Option<Budget> = batch.max_failures.parse().ok();
    let borne = budget.map_or(0, |budget| budget.of(u32::try_from(wave.begun).unwrap_or_default()));
    let counted = u32::try_from(batch.failed - batch.forgiven).unwrap_or_default();
    (counted > borne).then(|| {
        let forgiven = match batch.forgiven {
            0 => String::new(),
            forgiven => format!(" beside the {forgiven} that do not count any more"),
        };
        format!(
            "{} failed{forgiven}, and {} ({borne} of the {} in the waves that have begun) may: nothing more is begun, what runs goes on",
            count(counted, "resource"),
            batch.max_failures,
            wave.begun
        )
    })
}

/// When the window of a batch opens; none: it is open. A window that never opens again is told of as one that opens far away.
fn closed_until(batch: &Batch) -> Option<DateTime<Utc>> {
    // It was read when the batch was made.
    let window: Window = batch.window_cron.as_deref()?.parse().ok()?;
    let now = Utc::now();
    (!window.is_open(now)).then(|| window.opens(now).unwrap_or(DateTime::<Utc>::MAX_UTC))
}

fn told_of_window(opens: DateTime<Utc>) -> String {
    format!("waits for its window, which opens at {}", opens.format("%Y-%m-%d %H:%M UTC"))
}
