//! Providers from folders and from Git: looked at, built as a whole, and swapped at once.
//!
//! One scheduler at a time looks at sources (a right in Postgres, by its clock). What it fetched becomes part of a set only
//! if the whole new set is valid; then the set's rows, the files of steps and the set's number are stored in one
//! transaction. Every scheduler, this one too, takes over the set with the highest number. Runs hold a copy of their plan,
//! so a swap changes none of them.

mod address;
mod fetch;
mod git;
mod look;
mod set;
mod tree;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use shared::{
    domain::states::Applied,
    formats::{
        registry::Registry,
        source::{self, Source},
    },
    store::{provider_set, provider_source},
};
use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};
use uuid::Uuid;

pub use fetch::{Failure, Found, fetch};
pub use set::{settings, unpacked};
pub use tree::Tree;

use crate::tasks::Scheduler;

/// How long a scheduler that starts waits for the right to look, before it goes on with the set that is there.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the right to look lasts beyond what a fetch may take.
const MARGIN: Duration = Duration::from_secs(60);

/// The set of providers that this scheduler plans with.
#[derive(Debug)]
pub(crate) struct Providers {
    current: watch::Sender<(i64, Arc<Registry>)>,
    /// This scheduler, among those that look at sources.
    looker: Uuid,
    /// Wakes the loop that looks.
    woken: Notify,
    /// Whether this scheduler's folders are still to be compared with the set that is stored.
    folders_unread: AtomicBool,
}

impl Providers {
    pub(crate) fn new(registry: Registry) -> Self {
        // A number that no stored set has: the first comparison with Postgres takes over what is there.
        Self {
            current: watch::Sender::new((-1, Arc::new(registry))),
            looker: Uuid::now_v7(),
            woken: Notify::new(),
            folders_unread: AtomicBool::new(true),
        }
    }

    /// The set as it is now; it stays as it is while the caller holds it.
    pub(crate) fn current(&self) -> Arc<Registry> {
        self.current.borrow().1.clone()
    }

    /// Has the loop that looks at sources see whether there is something to do.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }

    fn generation(&self) -> i64 {
        self.current.borrow().0
    }

    fn swap(&self, generation: i64, registry: Registry) {
        self.current.send_replace((generation, Arc::new(registry)));
    }
}

/// Makes the set of this scheduler's folders and of the stored files of sources current, however long it takes Postgres to
/// be there. When it is not valid, or another scheduler has the word, the set that is stored serves on.
pub(crate) async fn begin(scheduler: &Scheduler) {
    let mut wait = Duration::from_millis(200);
    let begun = tokio::time::Instant::now();
    loop {
        let outcome = async {
            if read_folders(scheduler).await? {
                return anyhow::Ok(true);
            }
            let late = begun.elapsed() > PATIENCE;
            Ok(late && converge(scheduler).await? && provider_set::generation(scheduler.store.pool()).await? > 0)
        };
        match outcome.await {
            Ok(true) => return,
            Ok(false) => wait = Duration::from_millis(200),
            Err(error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "could not publish the providers; trying again in {wait:?}"
                );
            }
        }
        sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(10));
    }
}

/// Looks at what is due, and takes over what others stored, for ever.
pub(crate) async fn run(scheduler: &Scheduler) {
    let period = Duration::from_millis(scheduler.config.scheduler.period_ms);
    loop {
        // Woken or not: a NOTIFY is a hint.
        let _ = timeout(period, scheduler.providers.woken.notified()).await;
        if let Err(error) = pass(scheduler).await {
            metrics::counter!("slipway_provider_look_errors_total").increment(1);
            tracing::warn!(error = format!("{error:#}"), "looking at providers failed; trying again");
            sleep(Duration::from_secs(1)).await;
        }
    }
}

/// Makes the set of this scheduler's folders and of the stored files of sources; false when another has the word.
async fn read_folders(scheduler: &Scheduler) -> anyhow::Result<bool> {
    let read = look::with_right(scheduler, look::begin(scheduler)).await?.is_some();
    if read {
        scheduler.providers.folders_unread.store(false, Ordering::Relaxed);
    }
    Ok(read)
}

/// Gives back the right to look, if this scheduler has it: one that stops in the middle holds up nobody.
pub(crate) async fn end(scheduler: &Scheduler) {
    let ended = provider_set::end_looks(scheduler.store.pool(), scheduler.providers.looker);
    // Without Postgres it ends by its own time.
    if !matches!(timeout(Duration::from_secs(2), ended).await, Ok(Ok(()))) {
        tracing::debug!("the right to look at sources was not given back");
    }
}

async fn pass(scheduler: &Scheduler) -> anyhow::Result<()> {
    converge(scheduler).await?;
    if scheduler.providers.folders_unread.load(Ordering::Relaxed) {
        read_folders(scheduler).await?;
    }
    let pool = scheduler.store.pool();
    if provider_set::is_asked(pool).await? || !provider_source::due(pool).await?.is_empty() {
        look::with_right(scheduler, look::look(scheduler)).await?;
    }
    Ok(())
}

/// Takes over the set that is stored, when it is another than the one at hand. Whether there is one now.
async fn converge(scheduler: &Scheduler) -> anyhow::Result<bool> {
    let generation = provider_set::generation(scheduler.store.pool()).await?;
    if generation != scheduler.providers.generation() && generation > 0 {
        let (generation, registry) = set::stored(&scheduler.store).await?;
        tracing::info!(generation, providers = registry.records().len(), "took over the stored set of providers");
        scheduler.providers.swap(generation, registry);
    }
    Ok(true)
}

/// Reads the instance's list of sources.
///
/// # Errors
/// With every problem in it.
pub fn listed(config: &shared::config::Git) -> Result<Vec<Source>, Vec<String>> {
    let Some(path) = &config.sources else { return Ok(Vec::new()) };
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|error| vec![format!("git.sources: {shown}: {error}")])?;
    source::parse_list(&text, Some(&shown)).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

/// Whether this one took the right that others have too.
fn taken(applied: &Applied<()>) -> bool {
    matches!(applied, Applied::Applied(()))
}
