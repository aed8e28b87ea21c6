//! When tasks run: at a NOTIFY, and by a timer behind it.

use std::{pin::pin, time::Duration};

use futures::FutureExt as _;
use shared::store::Listener;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    sources,
    tasks::{Pass, Scheduler, Task, bulk, deliver, notify, stream},
};

/// Passes over the other woken tasks before the sources get their turn, however much there is to do.
const MAX_PASSES: usize = 64;
/// How long those leave Postgres to the run that begins now; as nothing beside a container's start.
const HOLD_OFF: Duration = Duration::from_millis(20);
/// How long the looks at what was submitted leave the database to what has just been promoted, where that was all there was.
const SETTLES: Duration = Duration::from_millis(8);
/// How long tickets for what is ready are given alone, before what was submitted is looked at beside it: where little goes on, the
/// two only slow each other down.
const HEAD_START: Duration = Duration::from_millis(3);
/// How long what was submitted is looked at alone, where that is what woke us.
const SUBMISSION_HEAD_START: Duration = Duration::from_millis(20);
/// A pass that takes longer is given up; its transaction rolls back.
const PASS_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs the tasks until `shutdown`. Errors of Postgres and Redis are logged and outlived.
pub(crate) async fn drive(scheduler: &Scheduler, shutdown: &CancellationToken) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = work(scheduler) => {}
    }
    sources::end(scheduler).await;
}

async fn work(scheduler: &Scheduler) {
    sources::begin(scheduler).await;
    tokio::select! {
        () = woken(scheduler) => {}
        () = timed(scheduler) => {}
        () = sources::run(scheduler) => {}
        () = bulk::run(scheduler) => {}
        () = deliver::run(scheduler) => {}
        () = notify::run(scheduler) => {}
        () = stream::run(scheduler) => {}
    }
}

/// Wakes those who make tickets of what was submitted.
#[derive(Debug, Default)]
struct Soon {
    anything: Notify,
    submission: Notify,
}

/// Listens, and has both kinds of passes done at every NOTIFY, and by a timer behind it.
async fn woken(scheduler: &Scheduler) {
    let (soon, later) = (Soon::default(), Notify::new());
    tokio::select! {
        () = listen(scheduler, &soon, &later) => {}
        () = first(scheduler, &soon) => {}
        () = rest(scheduler, &soon, &later) => {}
    }
}

async fn listen(scheduler: &Scheduler, soon: &Soon, later: &Notify) {
    let period = Duration::from_millis(scheduler.config.scheduler.period_ms);
    let mut listener: Option<Listener> = None;
    loop {
        // Listen before looking: what is committed after the look then wakes us.
        if listener.is_none() {
            listener = match timeout(Duration::from_secs(5), scheduler.store.listen()).await {
                Ok(Ok(made)) => Some(made),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "cannot listen to Postgres; looking every {period:?} instead");
                    None
                }
                Err(_) => None,
            };
        }
        soon.anything.notify_one();
        later.notify_one();
        match &mut listener {
            None => sleep(period).await,
            Some(connected) => match timeout(period, connected.woken()).await {
                Ok(Ok(true)) => soon.submission.notify_one(),
                Ok(Ok(false)) | Err(_) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, "lost the connection that listens to Postgres");
                    listener = None;
                    sleep(Duration::from_millis(200)).await;
                }
            },
        }
    }
}

/// What somebody waits for at this moment: from what was submitted to tickets.
async fn first(scheduler: &Scheduler, soon: &Soon) {
    loop {
        soon.anything.notified().await;
        while submitted(scheduler, soon).await != Pass::Idle {}
    }
}

/// The other woken tasks, and a look at the sources, which nobody waits for. What the two above did is nothing to these; what these
/// do may be more for those.
async fn rest(scheduler: &Scheduler, soon: &Soon, later: &Notify) {
    loop {
        later.notified().await;
        // What was promoted begins at this moment, on the same database.
        sleep(HOLD_OFF).await;
        for _ in 0..MAX_PASSES {
            let mut worked = false;
            for task in Task::WOKEN {
                if attempt(scheduler, task).await != Pass::Idle {
                    worked = true;
                    soon.anything.notify_one();
                }
            }
            if !worked {
                break;
            }
        }
        scheduler.providers.wake();
    }
}

/// From what was submitted to tickets, before anything else: somebody waits for it. What is ready does not wait for what has
/// to be resolved first, unless it was a submission that woke us.
async fn submitted(scheduler: &Scheduler, soon: &Soon) -> Pass {
    let (resolved, promoted) = if soon.submission.notified().now_or_never().is_some() {
        let mut resolving = pin!(attempt(scheduler, Task::Resolve));
        match timeout(SUBMISSION_HEAD_START, &mut resolving).await {
            Ok(resolved) => (resolved, Pass::Idle),
            Err(_) => tokio::join!(resolving, attempt(scheduler, Task::Promote)),
        }
    } else {
        let mut promoting = pin!(attempt(scheduler, Task::Promote));
        let (resolved, promoted) = match timeout(HEAD_START, &mut promoting).await {
            Ok(promoted) => {
                // It begins now. Who has just submitted something is not kept waiting for that.
                if promoted == Pass::Worked {
                    let _ = timeout(SETTLES, soon.submission.notified()).await;
                }
                (attempt(scheduler, Task::Resolve).await, promoted)
            }
            Err(_) => tokio::join!(attempt(scheduler, Task::Resolve), promoting),
        };
        if resolved == Pass::Idle {
            return promoted;
        }
        (resolved, promoted)
    };
    let pass = resolved.max(promoted).max(attempt(scheduler, Task::Promote).await);
    if pass == Pass::Worked {
        sleep(SETTLES).await;
    }
    pass
}

async fn timed(scheduler: &Scheduler) {
    let mut due = Task::TIMED.map(|task| (task, Instant::now()));
    loop {
        for (task, at) in &mut due {
            if *at <= Instant::now() {
                let pass = attempt(scheduler, *task).await;
                let period = task.period(&scheduler.config);
                *at = Instant::now() + if pass == Pass::Idle { period } else { period.min(Duration::from_millis(100)) };
            }
        }
        let next = due.iter().map(|(_, at)| *at).min().unwrap_or_else(Instant::now);
        tokio::time::sleep_until(next).await;
    }
}

async fn attempt(scheduler: &Scheduler, task: Task) -> Pass {
    let begun = Instant::now();
    let outcome = timeout(PASS_TIMEOUT, scheduler.run(task)).await;
    let seconds = begun.elapsed().as_secs_f64();
    metrics::histogram!("slipway_scheduler_task_seconds", "task" => task.name()).record(seconds);
    match outcome {
        Ok(Ok(pass)) => pass,
        Ok(Err(error)) => {
            metrics::counter!("slipway_scheduler_task_errors_total", "task" => task.name()).increment(1);
            tracing::warn!(
                task = task.name(),
                error = format!("{error:#}"),
                "a pass failed; a later one does its work"
            );
            sleep(Duration::from_millis(500)).await;
            Pass::Idle
        }
        Err(_) => {
            metrics::counter!("slipway_scheduler_task_errors_total", "task" => task.name()).increment(1);
            tracing::warn!(task = task.name(), "a pass took over {PASS_TIMEOUT:?} and was given up");
            Pass::Idle
        }
    }
}
