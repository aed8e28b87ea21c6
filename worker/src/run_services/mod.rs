//! The services of a run: containers beside its steps, started when a step first needs them and ended when none does any more.
//!
//! They hold nothing that outlives them. Whoever takes the run over starts them anew, and so does a step that is tried again
//! after one of them ended.

mod life;
mod start;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Mutex as SyncMutex, PoisonError},
};

use futures::future::{select_all, try_join_all};
use serde_json::{Map, Value};
use shared::domain::service::Service;
use tokio::{
    sync::{Mutex, watch},
    task::JoinHandle,
};

pub use self::life::Death;
use self::life::Life;
use crate::{attempt::RunScope, container::Setback, contract::Failure, engine::Engine, held::Halt, logs::AttemptLog};

/// What stands before a service's name where steps have theirs, in logs: no step's name has a colon.
pub const IN_LOGS: &str = "service:";

/// The services of one run.
#[derive(Debug, Default)]
pub struct Services {
    all: BTreeMap<String, (Service, Mutex<Slot>)>,
    /// What their templates see.
    context: Map<String, Value>,
    /// Those that end.
    ending: SyncMutex<Vec<JoinHandle<()>>>,
}

/// What is known of one service.
#[derive(Debug, Default)]
struct Slot {
    /// The number of its last start, once it is known.
    last: Option<i16>,
    /// A container of it that nothing looks after.
    made: Option<String>,
    /// The container that runs.
    life: Option<Life>,
    /// Whether steps may use it.
    ready: bool,
}

impl Services {
    /// Those of a plan; templates see `context`.
    #[must_use]
    pub fn new(planned: &[Service], context: Map<String, Value>) -> Self {
        let all = planned.iter().map(|service| (service.name.clone(), (service.clone(), Mutex::default()))).collect();
        Self { all, context, ending: SyncMutex::default() }
    }

    /// Has the named services up and ready, all at once, and gives a way to hear of the first that ends.
    ///
    /// # Errors
    /// When one of them cannot be had or does not become ready, or the run is to stop meanwhile.
    pub async fn need<E: Engine>(
        scope: &RunScope<E>,
        names: &[String],
        finally: bool,
        log: &mut AttemptLog,
    ) -> Result<Watched, Setback> {
        if names.is_empty() {
            return Ok(Watched::default());
        }
        log.system(&format!("uses {}", listed(names))).await;
        let held = &scope.held;
        let coming = try_join_all(names.iter().map(|name| scope.services.up(scope, name)));
        let up = tokio::select! {
            up = coming => up?,
            () = held.lost.cancelled() => return Err(Halt::Lost.into()),
            () = held.cancelled.cancelled(), if !finally => return Err(called_off("called off")),
            () = scope.stop.cancelled() => return Err(called_off("the worker stops")),
            () = tokio::time::sleep_until(scope.deadline(finally)) => return Err(called_off("the run's time is up")),
        };
        Ok(Watched(names.iter().cloned().zip(up).collect()))
    }

    /// One service, ready.
    async fn up<E: Engine>(&self, scope: &RunScope<E>, name: &str) -> Result<watch::Receiver<Option<Death>>, Setback> {
        let Some((service, slot)) = self.all.get(name) else {
            return Err(Setback::Failed(Failure::plan(format!("the plan has no service {name}"))));
        };
        let mut slot = slot.lock().await;
        if slot.ready
            && let Some(life) = slot.life.as_ref().filter(|life| !life.is_over())
        {
            return Ok(life.watch());
        }
        slot.clear(scope).await?;
        start::start(scope, service, &self.context, &mut slot).await?;
        slot.ready = true;
        slot.life.as_ref().map(Life::watch).ok_or_else(|| Setback::Passing(format!("service {name} went away")))
    }

    /// Ends those that no step of `wanted` uses any more, without waiting for it.
    pub fn let_go(&self, wanted: &BTreeSet<&str>) {
        for (name, (_, slot)) in &self.all {
            // One that is busy is being started: a step needs it.
            if !wanted.contains(name.as_str())
                && let Ok(mut slot) = slot.try_lock()
                && let Some(life) = slot.life.take()
            {
                slot.ready = false;
                self.ending.lock().unwrap_or_else(PoisonError::into_inner).push(life.end());
            }
        }
    }

    /// Ends all, and returns when their containers are gone and their logs stored, as far as that can be.
    pub async fn end_all(&self) {
        self.let_go(&BTreeSet::new());
        let ending = std::mem::take(&mut *self.ending.lock().unwrap_or_else(PoisonError::into_inner));
        for task in ending {
            if let Err(error) = task.await {
                tracing::error!(%error, "what looked after a service broke; its container is swept");
            }
        }
    }
}

impl Slot {
    /// Removes what is left of an earlier start.
    async fn clear<E: Engine>(&mut self, scope: &RunScope<E>) -> Result<(), Setback> {
        self.ready = false;
        if let Some(life) = self.life.take() {
            let _ = life.end().await;
        }
        if let Some(name) = self.made.clone() {
            scope.worker.engine.remove(&name).await?;
            scope.held.unwatch(&name);
            self.made = None;
        }
        Ok(())
    }
}

/// The services that a step uses while it runs.
#[derive(Debug, Default)]
pub struct Watched(Vec<(String, watch::Receiver<Option<Death>>)>);

impl Watched {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns when the first of them has ended, with its name.
    pub async fn death(&self) -> (String, Death) {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
        let deaths = self.0.iter().map(|(name, ended)| {
            let mut ended = ended.clone();
            Box::pin(async move {
                let death = ended.wait_for(Option::is_some).await.ok().and_then(|death| death.clone());
                (name.clone(), death.unwrap_or_default())
            })
        });
        select_all(deaths).await.0
    }
}

fn called_off(why: &str) -> Setback {
    Setback::Passing(format!("{why} while a service came up"))
}

fn listed(names: &[String]) -> impl fmt::Display {
    let what = if names.len() == 1 { "service" } else { "services" };
    format!("{what} {}", names.join(", "))
}
